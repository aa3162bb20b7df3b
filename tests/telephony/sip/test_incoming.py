"""Calls that come in, as rough as the network makes them. What every SIP library that was tried got wrong somewhere is here."""

from __future__ import annotations

import gc

import pytest

from telephony.sip.commands import Answer, HangUp, Reject, Ring
from telephony.sip.events import Acknowledged, CallReceived, Ended
from telephony.sip.incoming import IncomingCall
from telephony.sip.message import Request, Response
from telephony.sip.peer import Peer
from telephony.sip.stack import Limits
from tests.telephony.sip.far import ANSWER, OFFER, THEM, US, Far


def test_a_call_is_told_rung_answered_and_hung_up() -> None:
    far = Far()
    trying, received = far.says(far.invite())
    assert (trying.status, trying.reason) == (100, "Trying")
    assert isinstance(received, CallReceived)
    assert (received.trunk, received.source, received.called, received.offer) == ("trunk", THEM, "100", OFFER)
    assert (received.caller.display, str(received.caller.uri)) == ("Ann", "sip:ann@example.com")
    [ringing] = far.do(Ring(received.call))
    assert ringing.status == 180
    [ok] = far.do(Answer(received.call, ANSWER))
    assert (ok.status, ok.body, ok.headers.to.tag) == (200, ANSWER, ringing.headers.to.tag)
    assert str(ok.headers.addresses("contact")[0].uri) == f"sip:{US}:5060"
    [known] = far.says(far.ack())
    assert known == Acknowledged(received.call, b"")
    bye_ok, ended = far.says(far.request("BYE", tag=far.our_tag, cseq=2))
    assert bye_ok.status == 200
    assert ended == Ended(received.call, "remote_hung_up", 0)
    assert not far.agent.calls and not far.agent.dialogs


def test_three_identical_invites_while_ringing_are_one_call() -> None:
    far = Far()
    call = far.calls()
    far.do(Ring(call))
    again = [far.says(far.invite()), far.says(far.invite())]
    assert [[each.status for each in sent] for sent in again] == [[180], [180]]
    assert len(far.told(CallReceived)) == 1


def test_an_identical_invite_after_the_200_is_absorbed() -> None:
    far = Far()
    far.do(Answer(far.calls(), ANSWER))
    assert far.says(far.invite()) == []
    assert len(far.told(CallReceived)) == 1


def test_a_200_that_nobody_acknowledges_is_repeated_and_then_the_call_is_hung_up() -> None:
    far = Far()
    far.do(Answer(far.calls(), ANSWER))
    happened = far.waits(40_000)
    repeats = [at for at, each in happened if isinstance(each, Response) and each.status == 200]
    assert repeats == [500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]
    assert [(at, each.reason) for at, each in happened if isinstance(each, Ended)] == [(32_000, "no_ack")]
    assert next(at for at, each in happened if isinstance(each, Request) and each.method == "BYE") == 32_000


def test_an_ack_ends_the_repeats() -> None:
    far = Far()
    far.is_answered()
    assert [each for _, each in far.waits(40_000) if isinstance(each, Response)] == []


def test_a_cancel_while_ringing_gets_200_and_the_invite_487_until_it_is_acknowledged() -> None:
    far = Far()
    call = far.calls()
    far.do(Ring(call))
    cancel = far.request("CANCEL", branch="z9hG4bKINVITE1")
    ok, refused, ended = far.says(cancel)
    assert (ok.status, ok.headers.cseq.method) == (200, "CANCEL")
    assert (refused.status, refused.headers.cseq.method) == (487, "INVITE")
    assert ok.headers.to.tag == refused.headers.to.tag
    assert ended == Ended(call, "cancelled", 487)
    assert [at for at, each in far.waits(8_000) if each.status == 487] == [500, 1_500, 3_500, 7_500]
    far.says(far.request("ACK", branch="z9hG4bKINVITE1", tag=far.our_tag))
    assert far.waits(30_000) == []
    assert far.agent.transactions == 0


def test_a_cancel_at_once_leaves_only_the_487_though_the_application_answers_later() -> None:
    far = Far()
    call = far.calls()
    far.says(far.request("CANCEL", branch="z9hG4bKINVITE1"))
    far.waits(2_000)
    assert far.do(Answer(call, ANSWER)) == []
    assert set(far.statuses()) == {100, 487}
    assert far.ended == ["cancelled"]


def test_a_cancel_after_the_200_changes_nothing() -> None:
    far = Far()
    far.is_answered()
    [ok] = far.says(far.request("CANCEL", branch="z9hG4bKINVITE1"))
    assert (ok.status, ok.headers.to.tag) == (200, far.our_tag)
    assert far.ended == []
    assert far.says(far.request("BYE", tag=far.our_tag, cseq=2))[0].status == 200


def test_a_cancel_of_nothing_gets_481() -> None:
    [refused] = (far := Far()).says(far.request("CANCEL", branch="z9hG4bKnothing"))
    assert refused.status == 481


def test_of_a_call_that_is_over_only_its_answers_are_kept_for_copies() -> None:
    far = Far()
    far.is_answered()
    assert calls_in_memory(far) == 1
    bye = far.request("BYE", tag=far.our_tag, cseq=2)
    far.says(bye)
    assert calls_in_memory(far) == 0
    assert [each.status for each in far.says(bye)] == [200]
    assert far.says(far.invite()) == []
    assert (far.agent.transactions, len(far.told(CallReceived))) == (2, 1)


def calls_in_memory(far: Far) -> int:
    gc.collect()
    calls = [each for each in gc.get_objects() if type(each) is IncomingCall]
    return sum(each.stack is far.agent._stack for each in calls)


def test_a_bye_that_is_repeated_gets_200_again() -> None:
    far = Far()
    far.is_answered()
    bye = far.request("BYE", tag=far.our_tag, cseq=2)
    assert [far.says(bye)[0].status, far.says(bye)[0].status, far.says(bye)[0].status] == [200, 200, 200]
    assert far.ended == ["remote_hung_up"]


def test_a_bye_of_no_call_gets_481() -> None:
    far = Far()
    far.is_answered()
    assert far.says(far.request("BYE", tag="another", cseq=2))[0].status == 481


def test_a_bye_before_the_answer_ends_the_invite_too() -> None:
    far = Far()
    far.do(Ring(far.calls()))
    far.says(far.request("BYE", tag=far.our_tag, cseq=2))
    assert far.statuses("BYE") == [200]
    assert far.statuses()[-1] == 487
    assert far.ended == ["remote_hung_up"]


def test_record_route_is_copied_and_followed_in_order() -> None:
    far = Far()
    routes = "<sip:192.0.2.2:5080;lr>, <sip:p2.example.com;lr>"
    call = far.calls(headers={"Record-Route": routes})
    [ok] = far.do(Answer(call, ANSWER))
    assert ok.headers.lines("record-route") == [routes]
    far.says(far.ack())
    bye = far.do(HangUp(call))[-1]
    assert bye.headers.lines("route") == ["<sip:192.0.2.2:5080;lr>", "<sip:p2.example.com;lr>"]
    assert bye.uri == f"sip:ann@{THEM}:5060"
    assert far.targets[-1] == Peer("udp", THEM, 5080)


@pytest.mark.parametrize("branch", ["z9hG4bK+*!'`%", "z9hG4bK-.!%66*_+`'~", "z9hG4bK;x=1"])
def test_a_via_comes_back_to_the_letter(branch: str) -> None:
    far = Far()
    via = f'SIP/2.0/UDP  {THEM}:5060 ;branch={branch};Unknown="a,b"'
    [trying, _] = far.says(far.invite(via=via))
    assert trying.headers.lines("via") == [via]


def test_a_via_is_stamped_with_where_it_came_from() -> None:
    far = Far()
    source = Peer("udp", THEM, 40_001)
    via = "SIP/2.0/UDP 10.0.0.5:5060;rport;branch=z9hG4bKnat"
    [trying, _] = far.says(far.invite(via=via), source)
    assert trying.headers.lines("via") == [f"SIP/2.0/UDP 10.0.0.5:5060;rport=40001;branch=z9hG4bKnat;received={THEM}"]
    assert far.targets == [source]


def test_a_response_goes_to_the_source_whatever_the_via_says() -> None:
    """Else anybody could have us send to anybody."""
    far = Far()
    via = "SIP/2.0/TCP 198.51.100.1:9;branch=z9hG4bKreflect;maddr=198.51.100.2;received=198.51.100.3"
    far.says(far.invite(via=via))
    assert {target.host for target in far.targets} == {THEM}
    assert {target.transport for target in far.targets} == {"udp"}


@pytest.mark.parametrize("missing", ["To", "From", "Call-ID", "CSeq"])
def test_a_request_without_its_headers_gets_400(missing: str) -> None:
    [refused] = (far := Far()).says(far.invite(leave=(missing,)))
    assert refused.status == 400


def test_broken_sdp_is_refused_by_the_application_with_488() -> None:
    far = Far()
    call = far.calls(body=b"not a session description")
    refused, ended = far.do(Reject(call, 488))
    assert (refused.status, refused.reason) == (488, "Not Acceptable Here")
    assert ended == Ended(call, "rejected", 488)


def test_there_is_no_second_final_answer() -> None:
    far = Far()
    call = far.calls()
    far.do(Reject(call, 486))
    assert far.do(Answer(call, ANSWER)) == []
    assert far.do(Reject(call, 603)) == []
    assert far.statuses() == [100, 486]


def test_an_invite_without_an_offer_gets_ours_and_answers_it_in_the_ack() -> None:
    far = Far()
    call = far.calls(body=b"")
    assert far.told(CallReceived)[0].offer == b""
    far.do(Answer(call, OFFER))
    headers = {"Content-Type": "application/sdp"}
    assert far.says(far.ack(body=ANSWER, headers=headers)) == [Acknowledged(call, ANSWER)]


def test_a_late_ack_after_hanging_up_releases_the_bye() -> None:
    """BYE must not overtake the ACK (RFC 3261, 15.1.1)."""
    far = Far()
    call = far.calls()
    far.do(Answer(call, ANSWER))
    assert far.do(HangUp(call)) == [Ended(call, "hung_up", 0)]
    [bye] = far.says(far.ack())
    assert bye.method == "BYE"
    far.says(far.response(bye, 200))
    far.waits(33_000)
    assert (far.agent.calls, far.agent.dialogs, far.agent.transactions) == ({}, 0, 0)


def test_both_hang_up_at_once() -> None:
    far = Far()
    call = far.is_answered()
    bye = far.do(HangUp(call))[-1]
    assert far.says(far.request("BYE", tag=far.our_tag, cseq=2))[0].status == 200
    far.says(far.response(bye, 481))
    assert far.ended == ["hung_up"]
    assert not far.agent.calls and not far.agent.dialogs


def test_a_request_out_of_order_gets_500() -> None:
    far = Far()
    far.is_answered(cseq=5)
    assert far.says(far.request("INFO", tag=far.our_tag, cseq=4))[0].status == 500


def test_nobody_answers_a_call_for_ever() -> None:
    far = Far(limits=Limits(ring_ms=60_000))
    far.do(Ring(far.calls()))
    happened = far.waits(60_000)
    assert [each.status for _, each in happened if isinstance(each, Response)] == [480]
    assert far.ended == ["no_answer"]


def test_the_same_invite_by_another_path_is_a_loop() -> None:
    far = Far()
    far.calls()
    assert far.says(far.invite(branch="z9hG4bKother"))[0].status == 482


def test_a_caller_of_the_old_kind_is_understood() -> None:
    """RFC 2543: no branch, no tag, no Contact. Copies and the ACK are still known as such."""
    far = Far()
    old = {"via": f"SIP/2.0/UDP {THEM}", "leave": ("Contact",), "headers": {"From": "<sip:ann@example.com>"}}
    call = far.calls(**old)
    assert [each.status for each in far.says(far.invite(**old))] == [100]
    far.do(Answer(call, ANSWER))
    far.says(far.request("ACK", tag=far.our_tag, **old))
    assert far.told(Acknowledged) == [Acknowledged(call, b"")]


def test_on_a_stream_nothing_is_repeated_and_answers_go_back_on_the_connection() -> None:
    far = Far(transport="tcp")
    source = Peer("tcp", THEM, 51_234)
    far.says(far.invite(), source)
    far.do(Reject(far.told(CallReceived)[0].call, 486))
    assert far.waits(40_000) == []
    assert set(far.targets) == {source}
    assert far.agent.transactions == 0
    assert far.says(b"\r\n\r\n", source) == [b"\r\n"]
