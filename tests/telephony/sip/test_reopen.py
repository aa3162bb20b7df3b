"""When a connection is gone: where a message goes then (by what it says, not by the port that it came from), and what becomes of
what was asked."""

from __future__ import annotations

import pytest

from telephony.sip import uri
from telephony.sip.commands import Dial
from telephony.sip.events import Answered, Ended, Silent
from telephony.sip.peer import Peer, next_hop
from telephony.sip.reopen import where_to
from tests.telephony.sip.far import ANSWER, OFFER, THEM, Far, a_trunk

GONE = Peer("tcp", "192.0.2.2", 40_123)
IN_DIALOG = "<sip:a@192.0.2.2>;tag=1"


def message(start: str, *fields: str, to: str = IN_DIALOG) -> bytes:
    basics = ("From: <sip:b@192.0.2.1>;tag=2", f"To: {to}", "Call-ID: 1", "CSeq: 1 BYE", "Content-Length: 0")
    via = () if any(each.startswith("Via:") for each in fields) else ("Via: SIP/2.0/TCP 192.0.2.1;branch=z9hG4bK1",)
    return "\r\n".join([start, *via, *fields, *basics, "", ""]).encode()


@pytest.mark.parametrize(
    ("data", "to"),
    [
        (message("BYE sip:a@192.0.2.2:5070;transport=tcp SIP/2.0"), 5070),
        (message("BYE sip:a@192.0.2.2 SIP/2.0"), 5060),
        (message("BYE sip:a@198.51.100.7 SIP/2.0", "Route: <sip:192.0.2.2:5071;lr>"), 5071),
        (message("BYE sip:192.0.2.2:5072 SIP/2.0", "Route: <sip:a@198.51.100.7>"), 5072),  # a strict router
        (message("SIP/2.0 200 OK", "Via: SIP/2.0/TCP 10.0.0.9:5073;received=192.0.2.2;branch=z9hG4bK1"), 5073),
        (message("SIP/2.0 200 OK", "Via: SIP/2.0/TCP 10.0.0.9;received=192.0.2.2;branch=z9hG4bK1"), 5060),
        (message("INVITE sip:a@192.0.2.2 SIP/2.0", to="<sip:a@192.0.2.2>"), GONE.port),  # to the trunk's own server
        (message("BYE sip:a@pbx.example SIP/2.0"), GONE.port),
        (b"\r\n", GONE.port),
    ],
)
def test_where_a_message_goes_without_its_connection(data: bytes, to: int) -> None:
    assert where_to(data, GONE) == Peer("tcp", "192.0.2.2", to)


def test_over_tls_it_is_the_other_port() -> None:
    gone = GONE._replace(transport="tls")
    assert where_to(message("BYE sips:a@192.0.2.2 SIP/2.0"), gone).port == 5061
    assert where_to(message("SIP/2.0 200 OK", "Via: SIP/2.0/TLS 10.0.0.9;branch=z9hG4bK1"), gone).port == 5061


def test_behind_a_nat_it_is_their_public_address() -> None:
    gone = Peer("tcp", "1.1.1.1", 40_123)
    assert where_to(message("BYE sip:a@192.168.1.5:5062;transport=tcp SIP/2.0"), gone) == Peer("tcp", "1.1.1.1", 5062)


def test_a_server_is_known_by_the_same_name_at_another_port_and_another_host_by_none() -> None:
    gone = Peer("tls", "192.0.2.2", 5071, "pbx.example.com")
    assert where_to(message("BYE sips:a@192.0.2.2 SIP/2.0"), gone) == Peer("tls", "192.0.2.2", 5061, "pbx.example.com")
    assert next_hop(uri.parse("sips:a@192.0.2.2"), gone) == gone
    assert next_hop(uri.parse("sips:a@192.0.2.3"), gone) == Peer("tls", "192.0.2.3", 5061)
    assert next_hop(uri.parse("sip:a@192.0.2.2;transport=tcp"), gone) == Peer("tcp", "192.0.2.2", 5060)


def over_tcp() -> Far:
    return Far(a_trunk(peer=Peer("tcp", THEM, 5060)), transport="tcp")


def test_what_was_asked_over_a_connection_that_is_lost_comes_to_503_and_what_was_asked_since_does_not() -> None:
    far = over_tcp()
    far.do(Dial("1", "trunk", "200", "100", OFFER))
    far.now_ms = 1_000
    far.do(Dial("2", "trunk", "200", "100", OFFER))
    far._keep(far.agent.disconnected(Peer("tcp", THEM, 5061), 1_000, 1_000, is_broken=True))
    assert not far.told(Ended), "that was another"
    told = far._keep(far.agent.disconnected(Peer("tcp", THEM, 5060), 500, 1_000, is_broken=False))
    assert told == [Ended("1", "refused", 503)], "and no ACK for an answer of our own making"
    assert list(far.agent.calls) == ["2"]


@pytest.mark.parametrize("is_broken", [True, False])
def test_a_call_that_rings_goes_on_ringing_where_its_connection_is_closed_in_good_order(is_broken: bool) -> None:
    far = over_tcp()
    invite = far.is_called()
    far.says(far.response(invite, 180))
    far._keep(far.agent.disconnected(Peer("tcp", THEM, 5060), 1_000, 1_000, is_broken=is_broken))
    assert far.ended == (["refused"] if is_broken else [])
    far.says(far.response(invite, 200, body=ANSWER), Peer("tcp", THEM, 40_999))
    assert bool(far.told(Answered)) is not is_broken


def test_an_answer_that_never_comes_over_a_connection_says_that_it_may_be_dead() -> None:
    far = over_tcp()
    far.now_ms = 250
    far.do(Dial("1", "trunk", "200", "100", OFFER))
    far.waits(33_000)
    assert far.told(Silent) == [Silent(Peer("tcp", THEM, 5060), 250)]
    far = Far()
    far.do(Dial("1", "trunk", "200", "100", OFFER))
    far.waits(33_000)
    assert far.ended and not far.told(Silent), "over UDP there is none"
