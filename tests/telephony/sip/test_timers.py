"""Session timers (RFC 4028) and reliable provisionals (RFC 3262)."""

from __future__ import annotations

import pytest

from telephony.sip.commands import Answer, Ring
from telephony.sip.events import Ended
from telephony.sip.message import Request, Response
from telephony.sip.stack import Limits
from tests.telephony.sip.far import ANSWER, Far

TIMER = {"Supported": "timer"}


def sent(happened: list[tuple[float, object]], method: str) -> list[float]:
    return [at for at, each in happened if isinstance(each, Request) and each.method == method]


@pytest.mark.parametrize(
    ("asked", "told", "is_ours"),
    [
        ("600;refresher=uac", "600;refresher=uac", False),
        ("600;refresher=uas", "600;refresher=uas", True),
        ("600", "600;refresher=uas", True),
        ("7200;refresher=uac", "1800;refresher=uac", False),
    ],
)
def test_who_asks_for_a_session_timer_gets_one(asked: str, told: str, is_ours: bool) -> None:
    far = Far()
    call = far.calls(headers={**TIMER, "Session-Expires": asked, "Allow": "INVITE, UPDATE"})
    [ok] = far.do(Answer(call, ANSWER))
    assert ok.headers.first("session-expires") == told
    assert ("timer" in ok.headers.tokens("require")) is not is_ours
    far.says(far.ack())
    assert (sent(far.waits(300_001), "UPDATE") != []) is is_ours


def test_a_timer_too_short_gets_422_and_ours() -> None:
    far = Far()
    [refused] = far.says(far.invite(headers={**TIMER, "Session-Expires": "60"}))
    assert (refused.status, refused.headers.first("min-se")) == (422, "90")


@pytest.mark.parametrize("wrong", ["x", "600;refresher=nobody", "-1", ""])
def test_a_timer_that_is_none_gets_400(wrong: str) -> None:
    far = Far()
    assert far.says(far.invite(headers={**TIMER, "Session-Expires": wrong}))[0].status == 400


def test_a_session_that_they_stop_refreshing_is_hung_up() -> None:
    far = Far()
    call = far.calls(headers={**TIMER, "Session-Expires": "300;refresher=uac"})
    far.do(Answer(call, ANSWER))
    far.says(far.ack())
    far.waits(200_000)
    headers = {**TIMER, "Session-Expires": "300;refresher=uac"}
    [ok] = far.says(far.request("UPDATE", tag=far.our_tag, cseq=2, headers=headers))
    assert ok.headers.first("session-expires") == "300;refresher=uac"
    happened = far.waits(400_000)
    assert [(at, each) for at, each in happened if isinstance(each, Ended)] == [
        (268_000, Ended(call, "session_expired"))
    ]
    assert sent(happened, "BYE")[0] == 268_000


def test_we_refresh_by_update_where_they_know_it() -> None:
    far = Far()
    far.answers(fields=["Session-Expires: 200;refresher=uac", "Allow: INVITE, UPDATE"])
    for _ in range(3):
        [(at, update)] = [(at, each) for at, each in far.waits(100_000) if isinstance(each, Request)]
        assert (at, update.method, update.body) == (100_000, "UPDATE", b"")
        far.says(far.response(update, 200, fields=["Session-Expires: 200;refresher=uac"]))
    assert far.ended == []


def test_we_refresh_by_the_same_offer_where_they_do_not() -> None:
    far = Far()
    invite = far.answers(fields=["Session-Expires: 200;refresher=uac", "Allow: INVITE"])
    [(_, again)] = [(at, each) for at, each in far.waits(100_000) if isinstance(each, Request)]
    assert (again.method, again.body) == ("INVITE", invite.body)
    assert [each.method for each in far.says(far.response(again, 200, body=ANSWER))] == ["ACK"]


def test_a_refresh_that_nobody_answers_ends_the_call() -> None:
    far = Far()
    far.answers(fields=["Session-Expires: 200;refresher=uac", "Allow: UPDATE"])
    happened = far.waits(140_000)
    assert [(at, each.reason) for at, each in happened if isinstance(each, Ended)] == [(132_000, "failed")]


def test_without_timers_on_their_side_we_refresh_for_ourselves() -> None:
    far = Far(limits=Limits(session_expires_s=400))
    far.answers(fields=["Allow: UPDATE"])
    assert sent(far.waits(200_000), "UPDATE") == [200_000]


def asked_next(far: Far, ms: float) -> Request:
    return next(each for _, each in far.waits(ms) if isinstance(each, Request))


def test_a_refresh_by_update_that_they_refuse_is_made_by_the_same_offer_from_then_on() -> None:
    far = Far()
    invite = far.answers(fields=["Session-Expires: 200;refresher=uac", "Allow: INVITE, UPDATE"])
    [again] = far.says(far.response(asked_next(far, 100_000), 405))
    assert (again.method, again.body) == ("INVITE", invite.body)
    far.says(far.response(again, 200, body=ANSWER, fields=["Session-Expires: 200;refresher=uac"]))
    assert asked_next(far, 100_000).method == "INVITE"
    assert far.ended == []


def test_one_that_they_can_only_not_take_now_is_made_by_update_again() -> None:
    far = Far()
    far.answers(fields=["Session-Expires: 200;refresher=uac", "Allow: INVITE, UPDATE"])
    assert far.says(far.response(asked_next(far, 100_000), 500)) == []
    assert asked_next(far, 10_000).method == "UPDATE"


def test_a_refresh_asks_for_the_calls_own_interval_and_the_least_that_was_named() -> None:
    far = Far()
    longer = far.says(far.response(far.is_called(), 422, fields=["Min-SE: 3600"]))[-1]
    far.says(far.response(longer, 200, body=ANSWER, fields=["Session-Expires: 3600;refresher=uac", "Allow: UPDATE"]))
    update = asked_next(far, 1_800_000)
    assert (update.headers.first("session-expires"), update.headers.first("min-se")) == ("3600;refresher=uac", "3600")
    [again] = far.says(far.response(update, 422, fields=["Min-SE: 7200"]))
    assert (again.headers.first("session-expires"), again.headers.first("min-se")) == ("7200;refresher=uac", "7200")
    assert far.says(far.response(again, 422, fields=["Min-SE: 7200"])) != [], "by the offer"
    assert far.requests("INVITE")[-1].body != b""


def test_who_does_no_timers_and_refuses_every_refresh_but_is_there_is_not_hung_up() -> None:
    far = Far(limits=Limits(session_expires_s=400))
    far.answers(fields=["Allow: INVITE, UPDATE"])
    waited = 0
    while waited < 2_000_000 and not far.ended:
        sent = [each for _, each in far.waits(5_000) if isinstance(each, Request)]
        while sent:
            sent = [
                each
                for one in sent
                for each in far.says(far.response(one, 488))
                if isinstance(each, Request) and each.method != "ACK"
            ]
        waited += 5_000
    assert far.ended == []
    far.waits(100_000)
    assert far.ended == ["failed"], "and who is silent is"


# ---- reliable provisionals

RELIABLE = {"Require": "100rel"}


def prack(far: Far, response: Response, cseq: int = 2, rack: str = "") -> bytes:
    rack = rack or f"{response.headers.first('rseq')} 1 INVITE"
    return far.request("PRACK", tag=far.our_tag, cseq=cseq, headers={"RAck": rack})


def test_who_wants_it_gets_a_provisional_that_is_repeated_until_it_is_confirmed() -> None:
    far = Far()
    call = far.calls(headers=RELIABLE)
    [progress] = far.do(Ring(call, 183, ANSWER))
    assert progress.headers.tokens("require") == {"100rel"}
    assert [at for at, each in far.waits(4_000) if isinstance(each, Response)] == [500, 1_500, 3_500]
    assert [each.status for each in far.says(prack(far, progress))] == [200]
    assert far.waits(10_000) == []
    [ok] = far.do(Answer(call, ANSWER))
    assert ok.status == 200


def test_the_answer_waits_for_the_confirmation_of_a_description() -> None:
    far = Far()
    call = far.calls(headers=RELIABLE)
    [progress] = far.do(Ring(call, 183, ANSWER))
    assert far.do(Ring(call, 180)) == []
    assert far.do(Answer(call, ANSWER)) == []
    confirmed, ringing = far.says(prack(far, progress))
    assert (confirmed.headers.cseq.method, ringing.status) == ("PRACK", 180)
    assert int(ringing.headers.first("rseq")) == int(progress.headers.first("rseq")) + 1
    confirmed, ok = far.says(prack(far, ringing, 3))
    assert (confirmed.status, ok.status, ok.headers.cseq.method) == (200, 200, "INVITE")


@pytest.mark.parametrize("rack", ["1 1 INVITE", "x", "", "99999999999999999999 1 INVITE", "1 1 BYE"])
def test_a_confirmation_of_something_else_gets_481(rack: str) -> None:
    far = Far()
    call = far.calls(headers=RELIABLE)
    far.do(Ring(call, 183, ANSWER))
    refused = far.request("PRACK", tag=far.our_tag, cseq=2, headers={"RAck": rack})
    assert [each.status for each in far.says(refused)] == [481]


def test_a_provisional_that_is_never_confirmed_ends_the_call() -> None:
    far = Far()
    call = far.calls(headers=RELIABLE)
    far.do(Ring(call, 183, ANSWER))
    happened = far.waits(33_000)
    assert [(at, each) for at, each in happened if isinstance(each, Ended)] == [(32_000, Ended(call, "no_ack", 504))]


def test_who_only_could_gets_plain_provisionals() -> None:
    far = Far()
    call = far.calls(headers={"Supported": "100rel"})
    [ringing] = far.do(Ring(call))
    assert "rseq" not in ringing.headers


def test_we_confirm_what_they_want_confirmed_once_and_in_order() -> None:
    far = Far()
    invite = far.is_called()
    reliable = ["Require: 100rel", "RSeq: 71"]
    confirmation, _ = far.says(far.response(invite, 183, body=ANSWER, fields=reliable))
    assert (confirmation.method, confirmation.headers.first("rack")) == (
        "PRACK",
        f"71 {invite.headers.cseq.number} INVITE",
    )
    assert far.says(far.response(invite, 183, body=ANSWER, fields=reliable)) == []
    assert far.says(far.response(invite, 180, fields=["Require: 100rel", "RSeq: 73"])) == []
    following, _ = far.says(far.response(invite, 180, fields=["Require: 100rel", "RSeq: 72"]))
    assert following.headers.cseq.number == confirmation.headers.cseq.number + 1
    assert far.says(far.response(invite, 180, fields=["Require: 100rel", "RSeq: soon"])) == []
