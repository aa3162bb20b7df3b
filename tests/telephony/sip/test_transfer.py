"""Transfers both ways, blind and attended, and who may send us where."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from telephony.sip.commands import Answer, Dial, Drain, HangUp, ReportTransfer, Transfer
from telephony.sip.digest import DigestClient, Login
from telephony.sip.events import CallReceived, Ended, TransferAsked, TransferDone, TransferProgress
from telephony.sip.gate import Trunk
from telephony.sip.message import Request
from telephony.sip.peer import Peer
from telephony.sip.stack import Limits
from telephony.sip.transfer import target_of
from tests.telephony.sip.far import ANSWER, OFFER, STRANGER, THEM, US, Far, a_trunk


def notify(
    far: Far, refer: Request, body: str, state: str = "active;expires=60", cseq: int = 50, event: str = "refer"
) -> bytes:
    headers = {
        "From": refer.headers.first("to"),
        "To": refer.headers.first("from"),
        "Event": event,
        "Subscription-State": state,
        "Content-Type": "message/sipfrag",
    }
    return far.request(
        "NOTIFY",
        cseq=cseq,
        call_id=refer.headers.call_id,
        headers=headers,
        body=body.encode(),
        branch=f"z9hG4bKn{cseq}",
    )


THEY_MAY = a_trunk(may_refer=True)


def refer(far: Far, to: str, cseq: int = 2, **more: str) -> bytes:
    return far.request(
        "REFER", tag=far.our_tag, cseq=cseq, headers={"Refer-To": to, "Referred-By": "<sip:ann@example.com>", **more}
    )


def test_we_send_them_to_somebody_else_and_hear_how_it_goes() -> None:
    far = Far()
    far.answers()
    [asked] = far.do(Transfer("ours", "300"))
    assert (asked.method, asked.headers.first("refer-to")) == ("REFER", f"<sip:300@{THEM}>")
    assert asked.headers.first("referred-by") == f"<sip:100@{THEM}>"
    assert far.says(far.response(asked, 202)) == [TransferProgress("ours", 202)]
    ok, progress = far.says(notify(far, asked, "SIP/2.0 180 Ringing\r\n"))
    assert (ok.status, progress) == (200, TransferProgress("ours", 180))
    ok, done = far.says(notify(far, asked, "SIP/2.0 200 OK\r\n", "terminated;reason=noresource", 51))
    assert (ok.status, done) == (200, TransferDone("ours", 200))
    assert far.ended == []  # to hang up is the application's


def test_an_early_notify_is_understood_before_the_202() -> None:
    far = Far()
    far.answers()
    [asked] = far.do(Transfer("ours", "300"))
    assert far.says(notify(far, asked, "SIP/2.0 100 Trying\r\n"))[-1] == TransferProgress("ours", 100)


@pytest.mark.parametrize("status", [403, 501, 603])
def test_a_transfer_that_is_refused_leaves_the_call(status: int) -> None:
    far = Far()
    far.answers()
    [asked] = far.do(Transfer("ours", "300"))
    assert far.says(far.response(asked, status)) == [TransferDone("ours", status, is_refused=True)]
    assert far.ended == []


def test_a_transfer_that_fails_leaves_the_call() -> None:
    far = Far()
    far.answers()
    [asked] = far.do(Transfer("ours", "300"))
    far.says(far.response(asked, 202))
    assert far.says(notify(far, asked, "SIP/2.0 486 Busy Here\r\n", "terminated"))[-1] == TransferDone("ours", 486)


def test_a_transfer_that_nobody_tells_of_is_over_in_time() -> None:
    far = Far(limits=Limits(transfer_ms=30_000))
    far.answers()
    [asked] = far.do(Transfer("ours", "300"))
    far.says(far.response(asked, 202))
    assert [(at, each) for at, each in far.waits(31_000) if isinstance(each, TransferDone)] == [
        (30_000, TransferDone("ours", 408))
    ]


@pytest.mark.parametrize(("event", "status"), [("refer", 481), ("presence", 489)])
def test_a_notify_that_nobody_asked_for_is_refused(event: str, status: int) -> None:
    far = Far()
    call = far.is_answered()
    headers = {"Event": event, "Subscription-State": "active"}
    assert far.says(far.request("NOTIFY", tag=far.our_tag, cseq=2, headers=headers))[0].status == status
    assert call in far.agent.calls


@pytest.mark.parametrize("to", ["sip:300@evil.example", "three hundred", "", "300\r\nX: y"])
def test_we_send_them_nowhere_that_the_trunk_does_not_allow(to: str) -> None:
    far = Far()
    far.answers()
    with pytest.raises(ValueError, match=r"\w"):
        far.do(Transfer("ours", to))
    assert far.requests("REFER") == []


def test_attended_we_put_one_of_our_calls_in_our_place_in_the_other() -> None:
    far = Far()
    far.answers(dial={"call": "first"})
    second = far.is_called(call="second", to="300")
    far.says(far.response(second, 200, tag="third", body=ANSWER))
    [asked] = far.do(Transfer("first", "", replaces="second"))
    ours, call_id = second.headers.from_.tag, second.headers.call_id
    expected = f"<sip:far-third@{THEM}:5070?Replaces={call_id}%3Bto-tag%3Dthird%3Bfrom-tag%3D{ours}>"
    assert asked.headers.first("refer-to") == expected
    assert far.do(Transfer("second", "", replaces="no such")) == [TransferDone("second", 481)]


def test_they_send_us_to_somebody_else_and_hear_how_it_goes() -> None:
    far = Far(a_trunk(targets=frozenset({"pbx.example.com"}), may_refer=True))
    call = far.is_answered()
    accepted, trying, told = far.says(refer(far, "<sip:300@pbx.example.com>"))
    assert accepted.status == 202
    assert (trying.method, trying.body) == ("NOTIFY", b"SIP/2.0 100 Trying\r\n")
    assert trying.headers.first("subscription-state") == "active;expires=120"
    assert (told.call, str(told.target), told.referred_by) == (call, "sip:300@pbx.example.com", "<sip:ann@example.com>")
    far.says(far.response(trying, 200))
    [ringing] = far.do(ReportTransfer(call, 180))
    assert ringing.body == b"SIP/2.0 180 Ringing\r\n"
    far.says(far.response(ringing, 200))
    [done] = far.do(ReportTransfer(call, 200))
    assert done.headers.first("subscription-state") == "terminated;reason=noresource"
    assert far.do(ReportTransfer(call, 486)) == []


def test_their_attended_transfer_names_the_call_to_replace() -> None:
    far = Far(THEY_MAY)
    call = far.is_answered()
    told = far.says(refer(far, f"<sip:300@{THEM}?Replaces=abc%40x%3Bto-tag%3D1%3Bfrom-tag%3D2&Require=replaces>"))[-1]
    assert told == TransferAsked(call, told.target, "abc@x;to-tag=1;from-tag=2", "<sip:ann@example.com>")
    assert str(told.target) == f"sip:300@{THEM}"
    [invite] = far.do(
        Dial("new", "trunk", str(told.target), "100", OFFER, replaces=told.replaces, referred_by=told.referred_by)
    )
    assert invite.headers.first("replaces") == "abc@x;to-tag=1;from-tag=2"
    assert invite.headers.tokens("require") == {"replaces"}
    assert invite.headers.first("referred-by") == "<sip:ann@example.com>"


@pytest.mark.parametrize(
    ("to", "status"),
    [
        ("<sip:+1900555@evil.example>", 403),
        ("<http://evil.example>", 403),
        ("sip:", 400),
        ("", 400),
        (f"<sip:300@{THEM}?Replaces=broken>", 400),
        (f"<sip:300@{THEM};method=BYE>", 403),
    ],
)
def test_they_can_not_send_us_anywhere(to: str, status: int) -> None:
    far = Far(THEY_MAY)
    far.is_answered()
    assert [each.status for each in far.says(refer(far, to))] == [status]
    assert far.told(TransferAsked) == []


def test_who_is_not_allowed_to_can_not_send_us_on() -> None:
    far = Far()
    far.is_answered()
    assert [each.status for each in far.says(refer(far, f"<sip:300@{THEM}>"))] == [403]
    assert far.told(TransferAsked) == []


def test_who_does_not_want_to_know_how_it_goes_is_not_told() -> None:
    far = Far(THEY_MAY)
    call = far.is_answered()
    accepted, told = far.says(refer(far, f"<sip:300@{THEM}>", **{"Refer-Sub": "false", "Require": "norefersub"}))
    assert (accepted.status, accepted.headers.first("refer-sub")) == (202, "false")
    assert isinstance(told, TransferAsked) and far.do(ReportTransfer(call, 200)) == []
    _, trying, _ = far.says(refer(far, f"<sip:301@{THEM}>", 3))
    assert trying.headers.first("event") == "refer;id=3", "of the second it must be said which is meant"


def test_who_must_prove_who_they_are_must_for_a_transfer_too() -> None:
    login = Login("ann", "secret")
    far = Far(THEY_MAY)
    call = far.is_answered()
    far.agent.calls[call].trunk = a_trunk(may_refer=True, expects=login)
    [asked] = far.says(refer(far, f"<sip:300@{THEM}>"))
    assert asked.status == 401 and far.told(TransferAsked) == []
    client = DigestClient(login, lambda: "nonce")
    assert client.learn(asked.headers.lines("www-authenticate"), is_proxy=False)
    [(_, proof)] = client.authorization("REFER", f"sip:100@{US}")
    assert far.says(refer(far, f"<sip:300@{THEM}>", 3, Authorization=proof))[0].status == 202


def test_a_refer_outside_of_a_call_is_refused() -> None:
    far = Far()
    [refused] = far.says(far.request("REFER", headers={"Refer-To": f"<sip:300@{THEM}>"}))
    assert refused.status == 403


def test_one_transfer_at_a_time() -> None:
    far = Far(THEY_MAY)
    far.is_answered()
    far.says(refer(far, f"<sip:300@{THEM}>"))
    assert far.says(refer(far, f"<sip:301@{THEM}>", 3))[0].status == 491


def test_a_transfer_that_the_application_forgets_is_told_to_have_failed() -> None:
    far = Far(THEY_MAY, limits=Limits(transfer_ms=10_000))
    far.is_answered()
    far.says(refer(far, f"<sip:300@{THEM}>"))
    last = [each for _, each in far.waits(10_000) if isinstance(each, Request)][-1]
    assert last.body == b"SIP/2.0 503 Service Unavailable\r\n"


def replacing(far: Far, replaces: str, **more: object) -> bytes:
    headers = {"Replaces": replaces, "From": "<sip:carol@example.com>;tag=carol"}
    return far.invite(call_id="carols", branch="z9hG4bKcarol", headers=headers, **more)


def test_a_call_that_replaces_another_takes_its_place_when_it_is_answered() -> None:
    far = Far()
    old = far.is_answered()
    _, new = far.says(replacing(far, f"call-of-theirs;to-tag={far.our_tag};from-tag=far"))
    assert isinstance(new, CallReceived) and new.replaces == old
    sent = far.do(Answer(new.call, ANSWER))
    assert sent[0].status == 200
    assert Ended(old, "replaced", 0) in sent
    assert [each.method for each in sent if isinstance(each, Request)] == ["BYE"]


@pytest.mark.parametrize(
    ("replaces", "status"),
    [
        ("another;to-tag=1;from-tag=2", 481),
        ("call-of-theirs;to-tag=OURS;from-tag=wrong", 481),
        ("call-of-theirs;to-tag=OURS;from-tag=far;early-only", 486),
        ("call-of-theirs", 400),
        ("call-of-theirs;to-tag=OURS;from-tag=far, another;to-tag=1;from-tag=2", 400),
    ],
)
def test_a_call_that_replaces_nothing_is_refused(replaces: str, status: int) -> None:
    far = Far()
    far.is_answered()
    [refused] = far.says(replacing(far, replaces.replace("OURS", far.our_tag)))
    assert refused.status == status


def test_a_call_of_another_trunk_can_not_be_replaced() -> None:
    other = a_trunk(id="other", networks=(ip_network("198.51.100.0/24"),), peer=None)
    far = Far(a_trunk(), other)
    far.is_answered()
    stranger = Peer("udp", STRANGER, 5060)
    assert far.says(replacing(far, f"call-of-theirs;to-tag={far.our_tag};from-tag=far"), stranger)[0].status == 403


def test_only_a_call_can_take_anothers_place() -> None:
    far = Far()
    far.is_answered()
    headers = {"Replaces": f"call-of-theirs;to-tag={far.our_tag};from-tag=far"}
    assert far.says(far.request("OPTIONS", cseq=9, call_id="x", headers=headers))[0].status == 400


def test_a_call_can_be_taken_over_while_no_others_are_taken() -> None:
    far = Far()
    far.is_answered()
    tag = far.our_tag
    far.do(Drain())
    assert [each.status for each in far.says(far.invite(call_id="another", branch="z9hG4bKa"))] == [503]
    assert isinstance(far.says(replacing(far, f"call-of-theirs;to-tag={tag};from-tag=far"))[-1], CallReceived)


def test_a_call_that_has_just_ended_can_not_be_replaced() -> None:
    far = Far()
    call = far.is_answered()
    tag = far.our_tag
    far.do(HangUp(call))
    assert far.says(replacing(far, f"call-of-theirs;to-tag={tag};from-tag=far"))[0].status == 603


@pytest.mark.parametrize("to", ["+14155550177", "tel:+14155550177", "desk"])
def test_a_trunk_without_a_host_has_nowhere_to_send_a_number_to(to: str) -> None:
    """And not to an address that is none: Parley calls them itself then."""
    with pytest.raises(ValueError, match="no host"):
        target_of(Trunk("t", ()), to)
    assert (
        str(target_of(Trunk("t", (), domain="pbx.example.com"), to)) == f"sip:{to.removeprefix('tel:')}@pbx.example.com"
    )
