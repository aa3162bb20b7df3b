"""Registrations and keepalives."""

from __future__ import annotations

from typing import Any

import pytest

from telephony.sip.commands import KeepAlive, Register, Unregister
from telephony.sip.digest import Login
from telephony.sip.events import Registered, RegistrationFailed, TrunkReachable, TrunkUnreachable, Unregistered
from telephony.sip.message import Request
from tests.telephony.sip.far import THEM, US, Far, a_trunk

CHALLENGE = 'WWW-Authenticate: Digest realm="pbx", nonce="n1", algorithm=SHA-256, qop="auth"'


def requests(happened: list[tuple[float, Any]]) -> list[tuple[float, Request]]:
    return [(at, each) for at, each in happened if isinstance(each, Request)]


def granted(seconds: int) -> list[str]:
    return [f"Contact: <sip:100@{US}:5060>;expires={seconds}, <sip:other@192.0.2.77>;expires=9"]


def test_we_register_with_credentials_and_refresh_in_time() -> None:
    far = Far(a_trunk(login=Login("100", "secret")))
    [register] = far.do(Register("trunk", "100", 600))
    assert (register.method, register.uri) == ("REGISTER", f"sip:{THEM}")
    assert (register.headers.first("contact"), register.headers.first("expires")) == (f"<sip:100@{US}:5060>", "600")
    [again] = far.says(far.response(register, 401, tag="", fields=[CHALLENGE]))
    assert "algorithm=SHA-256" in again.headers.first("authorization")
    assert far.says(far.response(again, 200, fields=granted(300))) == [Registered("trunk", 300)]
    [(at, refresh)] = requests(far.waits(300_000))[:1]
    assert 225_000 <= at <= 255_000
    assert refresh.headers.call_id == register.headers.call_id
    assert refresh.headers.cseq.number == again.headers.cseq.number + 1
    assert "nc=00000002" in refresh.headers.first("authorization")


def test_a_time_too_short_for_the_registrar_is_lengthened() -> None:
    far = Far()
    [register] = far.do(Register("trunk", "100", 60))
    [again] = far.says(far.response(register, 423, fields=["Min-Expires: 1800"]))
    assert again.headers.first("expires") == "1800"
    assert far.says(far.response(again, 423, fields=["Min-Expires: 1800"]))[0].status == 423


def test_what_fails_is_tried_again_ever_more_rarely() -> None:
    far = Far()
    [register] = far.do(Register("trunk", "100"))
    waits: list[float] = []
    for _ in range(9):
        [failed] = far.says(far.response(register, 503))
        assert isinstance(failed, RegistrationFailed)
        [(at, register)] = requests(far.waits(failed.retry_in_ms + 1))[:1]
        waits.append(at)
    for number, wait in enumerate(waits):
        most = min(30_000 * 2**number, 1_800_000)
        assert most / 2 <= wait <= most + 1
    far.says(far.response(register, 200, fields=granted(3_600)))
    assert far.told(Registered) == [Registered("trunk", 3_600)]


def test_a_registrar_that_is_gone_and_one_that_asks_for_time() -> None:
    far = Far()
    far.do(Register("trunk", "100"))
    failed = [each for _, each in far.waits(32_000) if isinstance(each, RegistrationFailed)]
    assert [each.status for each in failed] == [0]
    far = Far()
    [register] = far.do(Register("trunk", "100"))
    [failed_] = far.says(far.response(register, 503, fields=["Retry-After: 600 (lunch)"]))
    assert failed_.retry_in_ms == 600_000


def test_a_registration_is_taken_back() -> None:
    far = Far()
    [register] = far.do(Register("trunk", "100"))
    far.says(far.response(register, 200, fields=granted(3_600)))
    [removal] = far.do(Unregister("trunk"))
    assert (removal.headers.first("expires"), removal.headers.call_id) == ("0", register.headers.call_id)
    assert far.says(far.response(removal, 200)) == [Unregistered("trunk")]
    assert requests(far.waits(10_000_000)) == []


def test_a_trunk_that_registers_again_goes_on_in_the_same_row_so_that_nothing_late_removes_it() -> None:
    far = Far()
    [first] = far.do(Register("trunk", "100"))
    far.says(far.response(first, 200, fields=granted(3_600)))
    [second] = far.do(Register("trunk", "100"))
    [third] = far.do(Register("trunk", "100", 600))
    assert [each.headers.first("expires") for each in (second, third)] == ["3600", "600"]
    assert {each.headers.call_id for each in (first, second, third)} == {first.headers.call_id}
    assert [each.headers.cseq.number for each in (first, second, third)] == [1, 2, 3]
    far.says(far.response(second, 403))
    assert far.told(RegistrationFailed) == [], "it was not asked any more"
    far.says(far.response(third, 200, fields=granted(600)))
    assert far.told(Registered)[-1] == Registered("trunk", 600) and far.told(Unregistered) == []
    assert far.agent._stack.registering == 0


def test_another_registrar_or_user_is_another_binding_and_the_old_one_is_taken_back() -> None:
    far = Far()
    [first] = far.do(Register("trunk", "100"))
    far.says(far.response(first, 200, fields=granted(3_600)))
    removal, second = far.do(Register("trunk", "200"))
    assert (removal.headers.first("expires"), removal.headers.call_id) == ("0", first.headers.call_id)
    assert second.headers.first("contact").startswith("<sip:200@") and second.headers.call_id != first.headers.call_id


def test_a_removal_is_over_when_it_is_answered_and_not_when_what_was_asked_before_runs_out() -> None:
    far = Far()
    far.do(Register("trunk", "100"))
    far.waits(20_000)
    far.do(Unregister("trunk"))
    far.waits(15_000)
    assert far.told(Unregistered) == [], "the first REGISTER has had no answer: that says nothing of the removal"
    assert far.says(far.response(far.requests("REGISTER")[-1], 200)) == [Unregistered("trunk")]


@pytest.mark.parametrize(
    "contacts",
    [
        "<sip:100@203.0.113.7:31000>;expires=60",
        "<sip:other@192.0.2.77>;expires=9, <sip:100@203.0.113.7:31000;transport=udp>;expires=60",
        "<sip:s-7f3@203.0.113.7:31000>;expires=60, <sip:other@192.0.2.77>;expires=900",
        "<sip:100@203.0.113.7>;expires=0, <sip:100@203.0.113.8>;expires=60",
    ],
)
def test_a_registrar_that_writes_down_where_it_sees_us_still_says_for_how_long(contacts: str) -> None:
    far = Far()
    [register] = far.do(Register("trunk", "100"))
    ok = far.response(register, 200).replace(
        f"Contact: <sip:far-far@{THEM}:5070>".encode(), f"Contact: {contacts}".encode()
    )
    assert far.says(ok) == [Registered("trunk", 60)]
    [(at, _)] = requests(far.waits(60_000))[:1]
    assert at < 45_000


def test_only_so_many_register_at_once() -> None:
    trunks = [a_trunk(id=f"t{number}") for number in range(80)]
    far = Far(*trunks)
    for trunk in trunks:
        far.do(Register(trunk.id, "100"))
    assert len(far.requests("REGISTER")) == 50
    for register in far.requests("REGISTER"):
        far.says(far.response(register, 200, fields=granted(3_600)))
    far.waits(3_000)
    assert len({each.headers.call_id for each in far.requests("REGISTER")}) == 80


@pytest.mark.parametrize("user", ["", "a b", "a@b", "a\r\nX: y"])
def test_nobody_registers_under_a_name_that_is_none(user: str) -> None:
    with pytest.raises(ValueError, match="no user"):
        Far().do(Register("trunk", user))


def test_a_trunk_that_answers_is_reachable_whatever_it_says() -> None:
    far = Far()
    [options] = far.do(KeepAlive("trunk", 30_000))
    far.now_ms += 40
    assert far.says(far.response(options, 404)) == [TrunkReachable("trunk", 40)]
    [(at, following)] = requests(far.waits(34_000))[:1]
    assert 26_900 <= at <= 33_000
    assert far.says(far.response(following, 200)) == []  # told once


def test_a_trunk_that_is_silent_twice_is_unreachable_until_it_answers() -> None:
    far = Far()
    far.do(KeepAlive("trunk", 30_000))
    far.waits(40_000)
    assert far.told(TrunkUnreachable) == []
    far.waits(40_000)
    assert far.told(TrunkUnreachable) == [TrunkUnreachable("trunk")]
    last = far.requests("OPTIONS")[-1]
    assert [type(each) for each in far.says(far.response(last, 200))] == [TrunkReachable]


def test_503_speaks_for_somebody_who_is_not_there() -> None:
    far = Far()
    [options] = far.do(KeepAlive("trunk", 1_000))
    for _ in range(2):
        far.says(far.response(far.requests("OPTIONS")[-1], 503))
        far.waits(1_200)
    assert options and far.told(TrunkUnreachable) == [TrunkUnreachable("trunk")]


def test_keepalives_end_when_told() -> None:
    far = Far()
    [options] = far.do(KeepAlive("trunk", 30_000))
    far.says(far.response(options, 200))
    far.do(KeepAlive("trunk", 0))
    assert requests(far.waits(100_000)) == []
    assert far.agent.transactions == 0
