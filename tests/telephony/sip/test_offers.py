"""In the call: hold and resume either way, both at once, refreshes, digits."""

from __future__ import annotations

import pytest

from telephony.sip.commands import Answer, AnswerOffer, HangUp, Offer, RefuseOffer, Ring, SendDigit
from telephony.sip.events import (
    Acknowledged,
    DigitReceived,
    Ended,
    InfoReceived,
    OfferAnswered,
    OfferReceived,
    OfferRefused,
)
from telephony.sip.message import Request, Response
from telephony.sip.stack import Limits
from tests.telephony.sip.far import ANSWER, THEM, Far

HOLD, HELD = b"v=0\r\na=sendonly\r\n", b"v=0\r\na=recvonly\r\n"


def test_they_hold_and_resume() -> None:
    far = Far()
    call = far.is_answered()
    for cseq, body in ((2, HOLD), (3, ANSWER)):
        again = far.request("INVITE", tag=far.our_tag, cseq=cseq, body=body)
        trying, offered = far.says(again)
        assert (trying.status, offered) == (100, OfferReceived(call, body))
        [ok] = far.do(AnswerOffer(call, HELD))
        assert (ok.status, ok.body) == (200, HELD)
        assert far.says(far.ack(cseq)) == [Acknowledged(call, b"")]
    assert far.ended == []


def test_our_200_to_their_offer_is_repeated_until_it_is_acknowledged() -> None:
    far = Far()
    call = far.is_answered()
    far.says(far.request("INVITE", tag=far.our_tag, cseq=2, body=HOLD))
    far.do(AnswerOffer(call, HELD))
    assert [at for at, each in far.waits(4_000) if isinstance(each, Response)] == [500, 1_500, 3_500]
    far.says(far.ack(2))
    assert [each for _, each in far.waits(10_000) if isinstance(each, Response)] == []


def test_their_offer_is_refused_and_the_call_goes_on() -> None:
    far = Far()
    call = far.is_answered()
    far.says(far.request("INVITE", tag=far.our_tag, cseq=2, body=HOLD))
    assert [each.status for each in far.do(RefuseOffer(call))] == [488]
    assert far.ended == [] and far.agent.dialogs == 1


def test_an_offer_that_nobody_answers_is_refused_in_time() -> None:
    far = Far(limits=Limits(offer_ms=5_000))
    far.is_answered()
    far.says(far.request("INVITE", tag=far.our_tag, cseq=2, body=HOLD))
    statuses = [(at, each.status) for at, each in far.waits(5_000) if isinstance(each, Response)]
    assert statuses == [(5_000, 488)]


def test_they_take_their_offer_back() -> None:
    far = Far()
    far.is_answered()
    far.says(far.request("INVITE", tag=far.our_tag, cseq=2, body=HOLD, branch="z9hG4bKhold"))
    ok, refused = far.says(far.request("CANCEL", tag=far.our_tag, cseq=2, branch="z9hG4bKhold"))
    assert (ok.status, refused.status) == (200, 487)
    assert far.ended == []


def test_a_second_offer_while_the_first_waits_gets_500_and_a_time() -> None:
    far = Far()
    far.is_answered()
    far.says(far.request("INVITE", tag=far.our_tag, cseq=2, body=HOLD))
    [refused] = far.says(far.request("INVITE", tag=far.our_tag, cseq=3, body=HOLD))
    assert refused.status == 500
    assert 0 <= int(refused.headers.first("retry-after")) <= 10


def test_an_invite_without_offer_wants_ours() -> None:
    far = Far()
    call = far.is_answered()
    assert far.says(far.request("INVITE", tag=far.our_tag, cseq=2))[-1] == OfferReceived(call, b"")
    far.do(AnswerOffer(call, ANSWER))
    headers = {"Content-Type": "application/sdp"}
    assert far.says(far.ack(2, body=HELD, headers=headers)) == [Acknowledged(call, HELD)]


def test_we_hold() -> None:
    far = Far()
    far.answers()
    [invite] = far.do(Offer("ours", HOLD))
    assert (invite.method, invite.uri, invite.body) == ("INVITE", f"sip:far-far@{THEM}:5070", HOLD)
    ack, answered = far.says(far.response(invite, 200, body=HELD))
    assert (ack.method, ack.headers.cseq.number) == ("ACK", invite.headers.cseq.number)
    assert answered == OfferAnswered("ours", HELD)
    assert far.says(far.response(invite, 200, body=HELD)) == [ack]


def test_our_offer_is_refused_and_the_call_goes_on() -> None:
    far = Far()
    far.answers()
    [invite] = far.do(Offer("ours", HOLD))
    assert far.says(far.response(invite, 488))[-1] == OfferRefused("ours", 488)
    assert far.ended == []


@pytest.mark.parametrize("status", [481, 408])
def test_an_answer_that_knows_no_call_ends_it(status: int) -> None:
    far = Far()
    far.answers()
    [invite] = far.do(Offer("ours", HOLD))
    sent = far.says(far.response(invite, status))
    assert Ended("ours", "failed", status) in sent
    assert sent[-1].method == "BYE"


def test_offers_wait_for_each_other_and_only_the_last_counts() -> None:
    far = Far()
    far.answers()
    [invite] = far.do(Offer("ours", HOLD))
    assert far.do(Offer("ours", b"v=0\r\nstale\r\n")) == []
    assert far.do(Offer("ours", ANSWER)) == []
    following = far.says(far.response(invite, 200, body=HELD))[-1]
    assert (following.method, following.body) == ("INVITE", ANSWER)


def test_an_offer_of_ours_waits_for_their_ack() -> None:
    far = Far()
    call = far.calls()
    far.do(Answer(call, ANSWER))
    assert far.do(Offer(call, HOLD)) == []
    assert [each.body for each in far.says(far.ack()) if isinstance(each, Request)] == [HOLD]


def test_glare_they_get_491_and_after_theirs_we_try_again() -> None:
    """Both hold at once (RFC 3261, 14.1). We began the call: we wait 2.1 to 4 seconds, they less than 2."""
    far = Far()
    far.answers()
    [ours] = far.do(Offer("ours", HOLD))
    dialog = {"tag": ours.headers.from_.tag, "call_id": ours.headers.call_id}
    theirs = far.request(
        "INVITE",
        body=HOLD,
        cseq=9,
        **dialog,
        headers={"From": ours.headers.first("to"), "To": ours.headers.first("from")},
    )
    assert [each.status for each in far.says(theirs)] == [491]
    assert [each.method for each in far.says(far.response(ours, 491))] == ["ACK"]
    at, again = next((at, each) for at, each in far.waits(4_100) if isinstance(each, Request))
    assert 2_100 <= at <= 4_000
    assert (again.method, again.body) == ("INVITE", HOLD)
    assert again.headers.cseq.number > ours.headers.cseq.number


def test_glare_when_they_began_the_call() -> None:
    far = Far()
    call = far.is_answered()
    [ours] = far.do(Offer(call, HOLD))
    far.says(far.response(ours, 491))
    assert next(at for at, each in far.waits(4_100) if isinstance(each, Request)) <= 2_000


def test_an_update_without_body_refreshes_and_moves_their_address() -> None:
    far = Far()
    call = far.is_answered()
    moved = {"Contact": f"<sip:moved@{THEM}:6060>"}
    [ok] = far.says(far.request("UPDATE", tag=far.our_tag, cseq=2, headers=moved))
    assert ok.status == 200
    assert far.do(HangUp(call))[-1].uri == f"sip:moved@{THEM}:6060"


def test_an_update_with_an_offer_is_an_offer() -> None:
    far = Far()
    call = far.is_answered()
    assert far.says(far.request("UPDATE", tag=far.our_tag, cseq=2, body=HOLD)) == [OfferReceived(call, HOLD)]
    [ok] = far.do(AnswerOffer(call, HELD))
    assert (ok.status, ok.headers.cseq.method, ok.body) == (200, "UPDATE", HELD)
    assert [each for _, each in far.waits(3_000) if isinstance(each, Response)] == []


def test_an_offer_before_the_answer_must_wait() -> None:
    far = Far()
    far.calls()
    far.says(far.invite())
    far.do(Ring(next(iter(far.agent.calls))))
    [refused] = far.says(far.request("UPDATE", tag=far.our_tag, cseq=2, body=HOLD))
    assert refused.status == 500 and "retry-after" in refused.headers


def test_hanging_up_answers_what_they_still_wait_for() -> None:
    far = Far()
    call = far.is_answered()
    far.says(far.request("INVITE", tag=far.our_tag, cseq=2, body=HOLD))
    sent = far.do(HangUp(call))
    assert [each.status for each in sent if isinstance(each, Response)] == [487]
    assert [each.method for each in sent if isinstance(each, Request)] == ["BYE"]


def test_an_offer_accepted_after_the_end_is_still_acknowledged() -> None:
    far = Far()
    far.answers()
    [invite] = far.do(Offer("ours", HOLD))
    far.do(HangUp("ours"))
    assert [each.method for each in far.says(far.response(invite, 200, body=HELD))] == ["ACK"]
    assert far.told(OfferAnswered) == []


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        ("application/dtmf-relay", b"Signal=5\r\nDuration=250\r\n", ("5", 250)),
        ("application/dtmf-relay", b"Signal= *\r\nDuration= x\r\n", ("*", 160)),
        ("Application/DTMF-Relay; charset=utf-8", b"Duration=90\nSignal=11\n", ("#", 90)),
        ("application/dtmf", b"d", ("D", 160)),
        ("application/dtmf-relay", b"Signal=\r\n", None),
        ("application/dtmf-relay", b"Signal=55\r\n", None),
        ("application/media_control+xml", b"<media_control/>", None),
    ],
)
def test_info_tells_a_digit_or_is_passed_on(kind: str, body: bytes, expected: tuple[str, int] | None) -> None:
    far = Far()
    call = far.is_answered()
    ok, told = far.says(far.request("INFO", tag=far.our_tag, cseq=2, body=body, headers={"Content-Type": kind}))
    assert ok.status == 200
    assert told == (DigitReceived(call, *expected) if expected else InfoReceived(call, kind, body))


def test_a_digit_of_ours_goes_out_by_info() -> None:
    far = Far()
    far.answers()
    [info] = far.do(SendDigit("ours", "#", 200))
    assert (info.method, info.body) == ("INFO", b"Signal=#\r\nDuration=200\r\n")
    assert far.do(SendDigit("ours", "x\r\n")) == []
    far.says(far.response(info, 415))
    assert far.ended == []
