"""Calls that we make, to far ends that are slow, gone, many, or of two minds."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest

from telephony.sip.commands import Dial, HangUp
from telephony.sip.digest import Login
from telephony.sip.events import Answered, EarlyMedia, Ended, Ringing
from telephony.sip.message import Request
from telephony.sip.peer import Peer
from telephony.sip.stack import Limits
from tests.telephony.sip.far import ANSWER, OFFER, THEM, US, Far, a_trunk, raw

CHALLENGE = 'Digest realm="pbx", nonce="n1", algorithm=MD5, qop="auth"'


def test_a_call_rings_is_answered_and_hung_up() -> None:
    far = Far()
    invite = far.is_called(display='Front "desk"')
    assert (invite.method, invite.uri, invite.body) == ("INVITE", f"sip:200@{THEM}", OFFER)
    assert invite.headers.from_.display == 'Front "desk"'
    assert far.says(far.response(invite, 100, tag="")) == []
    assert far.says(far.response(invite, 180)) == [Ringing("ours", 180)]
    assert far.says(far.response(invite, 183, body=ANSWER)) == [EarlyMedia("ours", ANSWER)]
    ack, answered = far.says(far.response(invite, 200, body=ANSWER))
    assert answered == Answered("ours", ANSWER)
    assert ack.method == "ACK"
    [ended, bye] = far.do(HangUp("ours"))
    assert ended == Ended("ours", "hung_up", 0)
    assert bye.headers.cseq.number == invite.headers.cseq.number + 1
    far.says(far.response(bye, 200))
    far.waits(33_000)
    assert (far.agent.calls, far.agent.dialogs, far.agent.transactions) == ({}, 0, 0)


def test_into_a_black_hole_the_invite_is_repeated_and_then_given_up() -> None:
    far = Far()
    far.is_called()
    happened = far.waits(40_000)
    assert [at for at, each in happened if isinstance(each, Request)] == [500, 1_500, 3_500, 7_500, 15_500, 31_500]
    assert [(at, each) for at, each in happened if isinstance(each, Ended)] == [
        (32_000, Ended("ours", "no_response", 408))
    ]
    assert far.agent.transactions == 0 and not far.agent.calls


def test_a_refusal_is_acknowledged_and_again_for_each_copy() -> None:
    far = Far()
    invite = far.is_called()
    ack, ended = far.says(far.response(invite, 486))
    assert (ack.method, ack.uri, ack.headers.via.branch) == ("ACK", invite.uri, invite.headers.via.branch)
    assert ack.headers.to.tag == "far"
    assert ended == Ended("ours", "refused", 486)
    assert [each.method for each in far.says(far.response(invite, 486))] == ["ACK"]
    assert len(far.ended) == 1


def test_a_407_is_acknowledged_and_answered_with_credentials() -> None:
    far = Far(a_trunk(login=Login("ann", "secret")))
    invite = far.is_called()
    ack, again = far.says(far.response(invite, 407, fields=[f"Proxy-Authenticate: {CHALLENGE}"]))
    assert (ack.method, again.method) == ("ACK", "INVITE")
    assert again.headers.cseq.number == invite.headers.cseq.number + 1
    assert again.headers.via.branch != invite.headers.via.branch
    assert again.headers.call_id == invite.headers.call_id
    assert 'username="ann"' in again.headers.first("proxy-authorization")
    ack, _ = far.says(far.response(again, 200, body=ANSWER))
    assert ack.headers.first("proxy-authorization") == again.headers.first("proxy-authorization")


def test_a_password_that_is_refused_is_not_tried_for_ever() -> None:
    far = Far(a_trunk(login=Login("ann", "wrong")))
    invite = far.is_called()
    fields = [f"WWW-Authenticate: {CHALLENGE}"]
    again = far.says(far.response(invite, 401, fields=fields))[-1]
    assert far.says(far.response(again, 401, fields=fields))[-1] == Ended("ours", "refused", 401)
    assert len(far.requests("INVITE")) == 2


def test_a_challenge_of_another_realm_gets_no_hash_of_our_password() -> None:
    far = Far(a_trunk(login=Login("ann", "secret", realm="our-pbx")))
    invite = far.is_called()
    assert far.says(far.response(invite, 407, fields=[f"Proxy-Authenticate: {CHALLENGE}"]))[-1] == Ended(
        "ours", "refused", 407
    )


def test_who_calls_us_can_not_ask_for_our_password() -> None:
    """A challenge to our BYE, from somebody who just called: the digest leak."""
    far = Far(a_trunk(login=Login("ann", "secret")))
    call = far.is_answered()
    bye = far.do(HangUp(call))[-1]
    assert far.says(far.response(bye, 401, fields=[f"WWW-Authenticate: {CHALLENGE}"])) == []


def test_a_200_that_is_repeated_is_acknowledged_each_time_with_the_same_ack() -> None:
    far = Far()
    invite = far.is_called()
    acks = [far.says(far.response(invite, 200, body=ANSWER))[0] for _ in range(3)]
    assert acks[0] == acks[1] == acks[2]
    assert acks[0].headers.via.branch != invite.headers.via.branch
    assert len(far.told(Answered)) == 1


def test_requests_in_the_call_go_to_their_contact_by_the_recorded_route_backwards() -> None:
    far = Far()
    invite = far.is_called()
    routes = ["Record-Route: <sip:192.0.2.2:5081;lr>", "Record-Route: <sip:192.0.2.2:5082;lr>, <sip:192.0.2.2:5083;lr>"]
    ack, _ = far.says(far.response(invite, 200, body=ANSWER, fields=routes))
    bye = far.do(HangUp("ours"))[-1]
    for request in (ack, bye):
        assert request.uri == f"sip:far-far@{THEM}:5070"
        assert request.headers.lines("route") == [f"<sip:192.0.2.2:{port};lr>" for port in (5083, 5082, 5081)]
    assert far.targets[-2:] == [Peer("udp", THEM, 5083)] * 2


def test_a_strict_router_becomes_the_address() -> None:
    far = Far()
    invite = far.is_called()
    ack, _ = far.says(far.response(invite, 200, body=ANSWER, fields=["Record-Route: <sip:192.0.2.2:5081>"]))
    assert ack.uri == "sip:192.0.2.2:5081"
    assert ack.headers.lines("route") == [f"<sip:far-far@{THEM}:5070>"]


def test_a_phone_that_rings_for_long_is_still_answered() -> None:
    far = Far()
    invite = far.is_called()
    far.says(far.response(invite, 180))
    assert far.waits(36_000) == []
    assert far.says(far.response(invite, 200, body=ANSWER))[-1] == Answered("ours", ANSWER)


def test_a_phone_that_rings_for_ever_is_cancelled() -> None:
    far = Far(limits=Limits(ring_ms=60_000))
    invite = far.is_called()
    far.says(far.response(invite, 180))
    [(at, ended), (_, cancel)] = far.waits(60_000)
    assert (at, ended.reason, cancel.method) == (60_000, "no_answer", "CANCEL")


def test_hanging_up_while_it_rings_sends_a_cancel_of_the_invite() -> None:
    far = Far()
    invite = far.is_called()
    far.says(far.response(invite, 180))
    ended, cancel = far.do(HangUp("ours"))
    assert ended.reason == "hung_up"
    assert (cancel.method, cancel.uri) == ("CANCEL", invite.uri)
    assert cancel.headers.lines("via") == invite.headers.lines("via")
    assert str(cancel.headers.cseq) == f"{invite.headers.cseq.number} CANCEL"
    far.says(far.response(cancel, 200))
    assert [each.method for each in far.says(far.response(invite, 487))] == ["ACK"]
    far.waits(33_000)
    assert (far.ended, far.agent.calls, far.agent.dialogs, far.agent.transactions) == (["hung_up"], {}, 0, 0)


def test_a_cancel_waits_until_they_were_heard() -> None:
    """Before that it could overtake the INVITE (RFC 3261, 9.1)."""
    far = Far()
    invite = far.is_called()
    assert [type(each) for each in far.do(HangUp("ours"))] == [Ended]
    assert [each.method for each in far.says(far.response(invite, 100, tag=""))] == ["CANCEL"]


def test_a_cancel_that_is_never_answered_is_given_up() -> None:
    far = Far()
    invite = far.is_called()
    far.says(far.response(invite, 180))
    far.do(HangUp("ours"))
    far.waits(33_000)
    assert (far.agent.calls, far.agent.dialogs, far.agent.transactions) == ({}, 0, 0)


def test_a_200_that_crosses_our_cancel_gets_ack_and_bye() -> None:
    far = Far()
    invite = far.is_called()
    far.says(far.response(invite, 180))
    far.do(HangUp("ours"))
    ack, bye = far.says(far.response(invite, 200, body=ANSWER))
    assert (ack.method, bye.method) == ("ACK", "BYE")
    assert far.says(far.response(invite, 200, body=ANSWER)) == [ack]
    far.says(far.response(bye, 200))
    far.waits(33_000)
    assert (far.ended, far.agent.calls, far.agent.dialogs, far.agent.transactions) == (["hung_up"], {}, 0, 0)


def test_credentials_are_not_sent_for_a_call_that_was_given_up() -> None:
    far = Far(a_trunk(login=Login("ann", "secret")))
    invite = far.is_called()
    far.do(HangUp("ours"))
    assert [
        each.method for each in far.says(far.response(invite, 407, fields=[f"Proxy-Authenticate: {CHALLENGE}"]))
    ] == ["ACK"]
    assert not far.agent.calls


def test_of_two_that_answer_the_first_has_the_call_and_the_second_is_hung_up() -> None:
    far = Far()
    invite = far.is_called()
    far.says(far.response(invite, 180, tag="one"))
    far.says(far.response(invite, 180, tag="two"))
    assert far.says(far.response(invite, 200, tag="two", body=ANSWER))[-1] == Answered("ours", ANSWER)
    ack, bye = far.says(far.response(invite, 200, tag="one", body=ANSWER))
    assert (ack.method, bye.method, bye.headers.to.tag, bye.uri) == ("ACK", "BYE", "one", f"sip:far-one@{THEM}:5070")
    far.says(far.response(bye, 200))
    assert far.ended == []
    bye = far.do(HangUp("ours"))[-1]
    assert bye.headers.to.tag == "two"


def test_a_redirection_is_followed_where_the_trunk_allows_it_over_the_trunk() -> None:
    far = Far(a_trunk(targets=frozenset({"pbx.example.com"})))
    invite = far.is_called()
    contacts = ["Contact: <sip:777@evil.example>, <sip:300@pbx.example.com>;q=0.5"]
    ack, again = far.says(far.response(invite, 302, fields=contacts))
    assert (ack.method, again.uri) == ("ACK", "sip:300@pbx.example.com")
    assert far.targets[-1] == Peer("udp", THEM, 5060)


@pytest.mark.parametrize("contact", ["<sip:777@evil.example>", "<http://evil.example>", "<sip:x", f"<sip:200@{THEM}>"])
def test_any_other_redirection_ends_the_call(contact: str) -> None:
    far = Far()
    invite = far.is_called()
    far.says(far.response(invite, 302, fields=[f"Contact: {contact}"]))
    assert len(far.requests("INVITE")) == 1
    if contact != "<sip:x":  # that response can't be read at all
        assert far.ended == ["refused"]


def test_redirections_come_to_an_end() -> None:
    far = Far()
    invite = far.is_called()
    for number in range(10):
        last = far.says(far.response(invite, 302, fields=[f"Contact: <sip:{number}@{THEM}>"]))[-1]
        if isinstance(last, Ended):
            break
        invite = last
    assert len(far.requests("INVITE")) == 4


def test_a_session_timer_too_short_for_them_is_lengthened() -> None:
    far = Far(limits=Limits(session_expires_s=600))
    invite = far.is_called()
    _, again = far.says(far.response(invite, 422, fields=["Min-SE: 900"]))
    assert again.headers.first("session-expires") == "900"
    assert again.headers.first("min-se") == "900"
    assert far.says(far.response(again, 422, fields=["Min-SE: 900"]))[-1] == Ended("ours", "refused", 422)


@pytest.mark.parametrize(
    "wrong",
    [
        {"to": "sip:200@evil.example"},
        {"to": "two hundred"},
        {"to": "200@evil.example"},
        {"to": ""},
        {"headers": (("X-Note", "a\r\nRoute: <sip:evil.example>"),)},
        {"caller": "100\r\nX: y"},
        {"trunk": "no such"},
    ],
)
def test_what_can_not_be_dialled_says_so_and_sends_nothing(wrong: dict[str, object]) -> None:
    far = Far()
    given = {"call": "ours", "trunk": "trunk", "to": "200", "caller": "100", "offer": OFFER}
    with pytest.raises(ValueError, match=r"\w"):
        far.do(Dial(**{**given, **wrong}))  # type: ignore[arg-type]
    assert far.log == [] and not far.agent.calls


def test_a_contact_behind_their_nat_is_reached_where_they_are() -> None:
    far = Far(a_trunk(networks=a_trunk().networks, peer=Peer("udp", "8.8.4.4", 5060), targets=frozenset()))
    invite = far.is_called()
    answer = far.response(invite, 200, body=ANSWER).replace(f"@{THEM}:5070".encode(), b"@10.0.0.7:5070")
    far.says(answer)
    assert far.targets[-1] == Peer("udp", "8.8.4.4", 5060)


ELSEWHERE = "203.0.113.9"
"""Outside of the trunk's networks."""


def bye_from_elsewhere(far: Far, invite: Request) -> list[Any]:
    lines = [
        f"Via: SIP/2.0/UDP {ELSEWHERE}:5060;branch=z9hG4bKbye", "Max-Forwards: 70", f"From: <sip:200@{THEM}>;tag=far",
        f"To: <sip:100@{THEM}>;tag={invite.headers.from_.tag}", f"Call-ID: {invite.headers.call_id}", "CSeq: 7 BYE",
    ]  # fmt: skip
    return far.says(raw(f"BYE sip:100@{US} SIP/2.0", lines), Peer("udp", ELSEWHERE, 5060))


@pytest.mark.parametrize("rang", [True, False])
@pytest.mark.parametrize("named", ["contact", "record-route"])
def test_whoever_answers_may_hang_up_from_where_the_answer_says_they_are(rang: bool, named: str) -> None:
    far = Far()
    invite = far.is_called()
    contact = f"Contact: <sip:far-far@{THEM}:5070>\r\n".encode()
    if rang:
        far.says(far.response(invite, 180).replace(contact, b""))
    route = [f"Record-Route: <sip:{ELSEWHERE};lr>"] if named == "record-route" else []
    answer = far.response(invite, 200, body=ANSWER, fields=route)
    far.says(answer if route else answer.replace(f"far-far@{THEM}:5070".encode(), f"200@{ELSEWHERE}".encode()))
    assert far.targets[-1] == Peer("udp", ELSEWHERE, 5060)
    assert bye_from_elsewhere(far, invite)[0].status == 200 and far.ended == ["remote_hung_up"]
    far.waits(60_000)
    assert bye_from_elsewhere(far, invite) == [] and far.agent.gate.counts.strangers == 1, "let in for that call alone"


def test_a_call_that_has_moved_is_hung_up_from_there() -> None:
    far = Far()
    invite = far.is_called()
    far.says(far.response(invite, 200, body=ANSWER))
    moved = far.request(
        "UPDATE", tag=invite.headers.from_.tag, cseq=2, call_id=invite.headers.call_id,
        headers={"From": f"<sip:200@{THEM}>;tag=far", "Contact": f"<sip:200@{ELSEWHERE}>"},
    )  # fmt: skip
    [ok] = far.says(moved)
    assert ok.status == 200
    assert [*far.agent.gate._pins] == [ELSEWHERE]
    assert bye_from_elsewhere(far, invite)[0].status == 200 and far.ended == ["remote_hung_up"]


@pytest.mark.parametrize("told", ["192.168.1.5", "10.0.0.7", "100.64.3.4", "169.254.1.1"])
def test_a_telephone_behind_a_nat_gets_ack_and_bye_where_it_is_seen(told: str) -> None:
    seen = Peer("udp", "8.8.8.8", 31_000)
    far = Far(a_trunk(networks=(ip_network("8.8.8.0/24"),), peer=seen))
    far.source = seen
    invite = far.is_called()
    far.says(
        far.response(invite, 200, body=ANSWER).replace(f"far-far@{THEM}:5070".encode(), f"desk@{told}:5060".encode())
    )
    far.do(HangUp("ours"))
    assert [each.method for each in far.told(Request)] == ["INVITE", "ACK", "BYE"]
    assert set(far.targets) == {seen}
