"""Who may be called, when, how often and for how much: the decision alone, as tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from telephony.dialing.e164 import Why
from telephony.dialing.hours import DAYS, Hours, is_open, opens_at
from telephony.dialing.policy import (
    PATHS,
    Allowed,
    Path,
    Policy,
    Refused,
    Request,
    Usage,
    cost_of,
    may_dial,
)
from tests.telephony.dialing.numbers_table import TABLE

NOON = datetime(2026, 3, 4, 18, 0, tzinfo=UTC)  # a Wednesday, 10:00 in California and 13:00 in New York
NIGHT = datetime(2026, 3, 4, 11, 0, tzinfo=UTC)  # 03:00 in California
AMERICAN = "+14155550142"


def ask(
    policy: Policy | None = None, usage: Usage | None = None, number: str = AMERICAN, path: Path = "api", **more: Any
) -> Allowed | Refused:
    request = Request(**{"number": number, "path": path, "at": NOON, "longest_minutes": 10, **more})
    return may_dial(policy or Policy(home_country="US"), request, usage or Usage())


def reason(answer: Allowed | Refused) -> str:
    return "allowed" if isinstance(answer, Allowed) else answer.reason


@pytest.mark.parametrize("path", PATHS)
def test_by_the_defaults_only_numbers_of_ones_own_country_are_called_whichever_way(path: Path) -> None:
    for text, home, what in TABLE:
        policy = Policy(home_country=home or "US", calls_from="00:00", calls_until="24:00")
        answer = ask(policy, number=text, path=path)
        if what not in get_args(Why):
            assert reason(answer) == ("allowed" if what == policy.home_country else "country"), text
        elif text != "415 555 0142":  # a number of the United States, once that is home
            assert isinstance(answer, Refused) and answer.side == "number", text


def test_jamaica_is_not_the_united_states() -> None:
    answer = ask(number="+18765550123")
    assert isinstance(answer, Refused) and answer.reason == "country" and "Jamaica" in answer.words
    assert reason(ask(Policy(home_country="US", countries=("JM",)), number="+18765550123")) == "allowed"


@pytest.mark.parametrize(
    ("policy", "usage", "more", "expected"),
    [
        pytest.param({}, {}, {}, "allowed", id="nothing speaks against it"),
        pytest.param({"home_country": ""}, {}, {}, "no_country", id="nobody said which country is home"),
        pytest.param({"blocked_prefixes": ("+1415",)}, {}, {}, "blocked", id="a beginning is blocked"),
        pytest.param({"blocked_prefixes": ("+1416",)}, {}, {}, "allowed", id="another beginning is"),
        pytest.param({}, {"is_do_not_call": True}, {}, "do_not_call", id="it is on the do-not-call list"),
        pytest.param({}, {"is_do_not_call": True}, {"path": "transfer"}, "do_not_call", id="also for a transfer"),
        pytest.param({}, {}, {"at": NIGHT}, "hours", id="it is night there"),
        pytest.param(
            {}, {}, {"at": NIGHT, "path": "transfer"}, "allowed", id="a caller asks to be put through at night"
        ),
        pytest.param({}, {}, {"at": NIGHT, "path": "campaign"}, "hours", id="a campaign at night"),
        pytest.param({"days": ("mon", "tue")}, {}, {}, "hours", id="not on Wednesdays"),
        pytest.param({}, {"live": 4}, {}, "allowed", id="one more fits"),
        pytest.param({}, {"live": 5}, {}, "concurrency", id="five calls run"),
        pytest.param({"max_concurrent": 0}, {}, {}, "concurrency", id="no outgoing calls at all"),
        pytest.param({}, {"today": 499}, {}, "allowed", id="the last of the day"),
        pytest.param({}, {"today": 500}, {}, "calls_per_day", id="the day's calls are made"),
        pytest.param({}, {"to_number_today": 5}, {}, "calls_per_number", id="they were called five times today"),
        pytest.param({}, {}, {"price_per_minute": Decimal("0.15")}, "allowed", id="as dear as may be"),
        pytest.param({}, {}, {"price_per_minute": Decimal("0.1501")}, "price", id="dearer"),
        pytest.param({}, {"spent_today": Decimal("18.50")}, {}, "allowed", id="it may cost 1.50, and that is left"),
        pytest.param({}, {"spent_today": Decimal("18.51")}, {}, "spend", id="a cent less is left"),
        pytest.param(
            {},
            {"spent_today": Decimal("18.51")},
            {"price_per_minute": Decimal("0.01")},
            "allowed",
            id="a cheap one fits",
        ),
        pytest.param({"daily_spend": 0}, {}, {}, "spend", id="nothing may be spent"),
        pytest.param({"prices": ("+1 0.01", "+1415 0.16")}, {}, {}, "price", id="the longest beginning costs too much"),
        pytest.param({"prices": ("+1 0.16", "+1415 0,01")}, {}, {}, "allowed", id="the longest beginning is cheap"),
        pytest.param({"prices": ("+1416 0.16",)}, {}, {}, "allowed", id="no beginning fits: the highest price"),
        pytest.param({"prices": ("+1 0.15",)}, {}, {}, "allowed", id="as much as is allowed"),
        pytest.param(
            {"prices": ("+1 0.01",)}, {"spent_today": Decimal("18.51")}, {}, "allowed", id="a cheap one by our prices"
        ),
        pytest.param(
            {"daily_spend": 0}, {}, {"price_per_minute": Decimal(0)}, "allowed", id="what costs nothing still may"
        ),
    ],
)
def test_each_rule_decides_at_its_edge(
    policy: dict[str, Any], usage: dict[str, Any], more: dict[str, Any], expected: str
) -> None:
    answer = ask(Policy(**{"home_country": "US", **policy}), Usage(**usage), **more)
    assert reason(answer) == expected
    if isinstance(answer, Refused):
        assert answer.words.endswith(".") and answer.side in ("you", "number", "us")


def test_what_passes_by_itself_is_told_from_what_somebody_must_change() -> None:
    assert all(
        answer.is_for_now
        for answer in (ask(at=NIGHT), ask(usage=Usage(live=5)), ask(usage=Usage(spent_today=Decimal(20))))
        if isinstance(answer, Refused)
    )
    for answer in (ask(number="+18765550123"), ask(number="911"), ask(usage=Usage(is_do_not_call=True))):
        assert isinstance(answer, Refused) and not answer.is_for_now


def test_the_prices_of_a_list_say_what_a_call_counts_with() -> None:
    answer = ask(Policy(home_country="US", prices=("+1 0.013", "+1415\t0.02")))
    assert isinstance(answer, Allowed) and (answer.price_per_minute, answer.cost) == (Decimal("0.02"), Decimal("0.20"))


def test_a_call_counts_with_all_it_may_cost_and_then_with_every_minute_begun() -> None:
    answer = ask(price_per_minute=Decimal("0.013"))
    assert isinstance(answer, Allowed) and answer.cost == Decimal("0.130")
    assert cost_of(Decimal("0.02"), 0) == 0
    assert cost_of(Decimal("0.02"), 1) == Decimal("0.02")
    assert cost_of(Decimal("0.02"), 60.001) == Decimal("0.04")


@pytest.mark.parametrize(
    ("knobs", "words"),
    [
        ({"home_country": "ZZ"}, "no country with the code ZZ"),
        ({"countries": ("us", "XX")}, "no country with the code XX"),
        ({"blocked_prefixes": ("0900",)}, "match pattern"),
        ({"prices": ("+44",)}, "match pattern"),
        ({"prices": ("0044 0.01",)}, "match pattern"),
        ({"calls_from": "9"}, "match pattern"),
        ({"calls_from": "21:00"}, "must be before"),
        ({"days": ()}, "at least 1"),
        ({"max_concurrent": -1}, "greater than or equal"),
        ({"no_such_knob": 1}, "not permitted"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(knobs: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Policy(**knobs)


# --- hours


LONDON, NEW_YORK, LOS_ANGELES = "Europe/London", "America/New_York", "America/Los_Angeles"
WORK = Hours.of("09:00", "17:00", ("mon", "tue", "wed", "thu", "fri"))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("zones", "when", "opening"),
    [
        pytest.param([LONDON], "2026-03-04 09:00", "2026-03-04 09:00", id="just open"),
        pytest.param([LONDON], "2026-03-04 16:59", "2026-03-04 16:59", id="the last minute"),
        pytest.param([LONDON], "2026-03-04 17:00", "2026-03-05 09:00", id="just closed"),
        pytest.param([LONDON], "2026-03-06 18:00", "2026-03-09 09:00", id="over the weekend"),
        pytest.param([NEW_YORK], "2026-03-04 09:00", "2026-03-04 14:00", id="not yet morning there"),
        pytest.param([NEW_YORK, LOS_ANGELES], "2026-03-04 14:00", "2026-03-04 17:00", id="open in both"),
        pytest.param([NEW_YORK, LOS_ANGELES], "2026-03-04 22:00", "2026-03-05 17:00", id="closed in the east already"),
        pytest.param([NEW_YORK], "2026-03-06 23:00", "2026-03-09 13:00", id="the clocks go forward on Sunday"),
        pytest.param([LONDON], "2026-10-23 18:00", "2026-10-26 09:00", id="and back in autumn"),
        pytest.param([], "2026-03-04 08:00", "2026-03-04 09:00", id="nowhere is UTC"),
    ],
)
def test_the_next_opening_is_on_the_clock_of_whoever_is_called(zones: list[str], when: str, opening: str) -> None:
    assert opens_at(WORK, zones, at(when)) == at(opening)


def test_a_holiday_is_no_day_to_call() -> None:
    hours = Hours.of("09:00", "17:00", DAYS, (at("2026-12-25 00:00").date(), at("2026-12-26 00:00").date()))
    assert opens_at(hours, [LONDON], at("2026-12-24 17:30")) == at("2026-12-27 09:00")


def test_places_that_are_never_open_together_are_never_called() -> None:
    hours = Hours.of("09:00", "10:00")
    assert opens_at(hours, ["Pacific/Honolulu", LONDON], at("2026-03-04 09:00")) is None


@settings(max_examples=40, deadline=None)
@given(
    st.datetimes(min_value=datetime(2024, 1, 1), max_value=datetime(2028, 1, 1)),
    st.lists(
        st.sampled_from([LONDON, NEW_YORK, LOS_ANGELES, "Asia/Kolkata", "Australia/Lord_Howe"]), max_size=3, unique=True
    ),
    st.integers(0, 1430),
    st.integers(1, 24 * 60),
    st.sets(st.sampled_from(DAYS)),
)
def test_the_next_opening_is_open_and_nothing_before_it_is(
    moment: datetime, zones: list[str], start: int, length: int, days: set[Any]
) -> None:
    hours = Hours(start, min(start + length, 24 * 60), frozenset(days))
    now = moment.replace(tzinfo=UTC)
    opening = opens_at(hours, zones, now)
    if opening is not None:
        assert opening >= now and is_open(hours, zones, opening)
    until = min(opening or now + timedelta(days=14), now + timedelta(days=14))
    step = timedelta(minutes=37)
    for number in range(int((until - now) / step)):
        assert not is_open(hours, zones, now + number * step)
