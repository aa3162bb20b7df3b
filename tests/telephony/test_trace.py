"""Which SIP messages are kept, of what, and what is left out of them."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from telephony.sip.peer import Peer
from telephony.trunks import call_trace, words
from telephony.trunks.call_trace import Noted, Owner, Trace, redacted

PEER = Peer("udp", "192.0.2.7", 5060)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
ORGANIZATION, TRUNK, CALL = uuid.uuid4(), uuid.uuid4(), uuid.uuid4()
OF_TRUNK, OF_CALL = Owner(ORGANIZATION, TRUNK), Owner(ORGANIZATION, TRUNK, CALL)


def message(method: str = "INVITE", call_id: str = "a", line: str = "", extra: str = "", body: str = "") -> bytes:
    first = line or f"{method} sip:200@example.com SIP/2.0"
    return f"{first}\r\nCall-ID: {call_id}\r\nCSeq: 1 {method}\r\n{extra}Content-Length: {len(body)}\r\n\r\n{body}".encode()


class Kept:
    def __init__(self) -> None:
        self.rows: list[tuple[Owner, Noted]] = []
        self.trace = Trace(lambda owner, noted: self.rows.append((owner, noted)))

    def note(
        self, data: bytes, now_s: float = 0.0, direction: call_trace.Direction = "in", trunk: Owner | None = OF_TRUNK
    ) -> None:
        self.trace.note(direction, data, PEER, NOW, now_s, trunk)

    def owners(self) -> list[Owner]:
        return [owner for owner, _ in self.rows]


def test_what_came_before_the_call_was_known_belongs_to_it_too() -> None:
    kept = Kept()
    kept.note(message())
    kept.note(message(line="SIP/2.0 100 Trying"), direction="out")
    assert kept.rows == []
    kept.trace.belongs("a", OF_CALL)
    kept.note(message(line="SIP/2.0 200 OK"), direction="out")
    assert kept.owners() == [OF_CALL] * 3
    assert [noted.start_line for _, noted in kept.rows] == [
        "INVITE sip:200@example.com SIP/2.0",
        "SIP/2.0 100 Trying",
        "SIP/2.0 200 OK",
    ]
    assert [noted.number for _, noted in kept.rows] == [1, 2, 3]
    assert (kept.rows[0][1].peer, kept.rows[0][1].dialog, kept.rows[0][1].cseq) == ("192.0.2.7:5060", "a", "1 INVITE")


def test_what_never_became_a_call_is_the_trunks_after_a_while() -> None:
    kept = Kept()
    kept.note(message(), now_s=1.0)
    kept.trace.settle(20.0, lambda host: OF_TRUNK)
    assert kept.rows == []
    kept.trace.settle(40.0, lambda host: OF_TRUNK if host == "192.0.2.7" else None)
    assert kept.owners() == [OF_TRUNK] and len(kept.trace) == 0


def test_registrations_are_the_trunks_at_once_and_their_pings_are_nobodys() -> None:
    kept = Kept()
    kept.note(message("REGISTER"), direction="out")
    kept.note(message("OPTIONS", "b"))
    kept.note(message("OPTIONS", "b"), trunk=None)
    assert kept.owners() == [OF_TRUNK]


def test_a_long_call_keeps_its_beginning_and_a_flood_of_call_ids_has_its_limit() -> None:
    kept = Kept()
    kept.trace.belongs("a", OF_CALL)
    for _ in range(call_trace.MOST_OF_A_CALL + 50):
        kept.note(message("INFO"))
    assert len(kept.rows) == call_trace.MOST_OF_A_CALL
    for number in range(call_trace.MOST_DIALOGS + 100):
        kept.note(message(call_id=str(number)))
    assert len(kept.trace) <= call_trace.MOST_DIALOGS
    kept.trace.over("a", 100.0)
    kept.trace.forget_over(lambda owner: False, 200.0)


def test_proofs_of_passwords_keys_of_sound_and_digits_are_left_out() -> None:
    text = (
        'REGISTER sip:example.com SIP/2.0\r\nauthorization : Digest username="200",\r\n realm="x", response="5ecret"\r\n'
        'Proxy-Authorization: Digest response="5ecret"\r\nWWW-Authenticate: Digest realm="x", nonce="n0nce", opaque="0paque"\r\n'
        "Subject: hello\r\n\r\nv=0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:k3yk3y|2^20\r\na=sendrecv\r\n"
    )
    found = redacted(text)
    for secret in ("5ecret", "n0nce", "0paque", "k3yk3y"):
        assert secret not in found
    for shown in ("Authorization: …", 'realm="x"', "Subject: hello", "inline:…", "a=sendrecv"):
        assert shown.lower() in found.lower()
    for kind, body in (("application/dtmf-relay", "Signal=7\r\nDuration=160"), ("application/dtmf", "7")):
        assert "7" not in redacted(f"INFO sip:x SIP/2.0\r\nContent-Type: {kind}\r\n\r\n{body}").partition("\n\n")[2]


def test_a_long_message_is_cut_and_says_so_and_garbage_is_no_trouble() -> None:
    kept = Kept()
    kept.trace.belongs("a", OF_CALL)
    kept.note(message(body="x" * 20_000))
    assert kept.rows[0][1].is_cut and len(kept.rows[0][1].text) == call_trace.MOST_CHARACTERS
    for garbage in (b"", b"\r\n\r\n", b"\xff\xfe\x00" * 100, b"Call-ID\r\n", b"call-id: a\r\ncseq: \xff\r\n\r\n"):
        kept.note(garbage)
    assert all("\0" not in noted.text for _, noted in kept.rows)


def test_every_status_has_a_reason_and_most_a_sentence() -> None:
    from telephony.end_reasons import REASONS

    for status in range(300, 700):
        failure = words.of_call(status)
        assert failure.reason in REASONS and f"SIP {status}" in failure.words
        assert words.of_registration(status, "pbx.example.com").endswith((f"(SIP {status})", "between."))
