"""Who is called next, and when again: tables, and a campaign played at random in virtual time."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telephony.campaigns.rules import OUTCOMES, Outcome, Rules
from telephony.campaigns.schedule import (
    Dial,
    Due,
    GaveUp,
    Never,
    Postpone,
    Reached,
    RetryAt,
    State,
    after,
    all_open_at,
    next_actions,
    room,
)
from telephony.dialing.hours import DAYS, Hours

MONDAY = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)  # 10:00 in New York, 07:00 in Los Angeles
NEW_YORK, LOS_ANGELES = ("America/New_York",), ("America/Los_Angeles",)
MINUTE = timedelta(minutes=1)


def person(zones: tuple[str, ...] = NEW_YORK, ready_in: int = 0, priority: int = 0, row: int = 1) -> Due:
    return Due(uuid.uuid4(), zones, MONDAY + ready_in * MINUTE, priority, row)


def state(*due: Due, live: int = 0, recent: tuple[datetime, ...] = (), **knobs: Any) -> State:
    rules = Rules(**{"concurrency": 10, "calls_per_minute": 600, **knobs})
    return State(rules, (rules.hours,), live, recent, due)


@pytest.mark.parametrize(
    ("outcome", "attempts", "knobs", "expected"),
    [
        ("answered", 1, {}, Reached()),
        ("answered", 3, {}, Reached()),
        ("busy", 1, {}, RetryAt(MONDAY + 15 * MINUTE)),
        ("busy", 2, {}, RetryAt(MONDAY + 30 * MINUTE)),
        ("busy", 3, {"max_attempts": 4}, RetryAt(MONDAY + 60 * MINUTE)),
        ("busy", 2, {"backoff": 1.5}, RetryAt(MONDAY + 22.5 * MINUTE)),
        ("busy", 3, {}, GaveUp("Called 3 times.")),
        ("busy", 1, {"max_attempts": 1}, GaveUp("Called once.")),
        ("no_answer", 1, {}, RetryAt(MONDAY + 120 * MINUTE)),
        ("voicemail", 1, {}, RetryAt(MONDAY + 240 * MINUTE)),
        ("voicemail", 1, {"retry_voicemail_min": 0}, GaveUp("After this outcome the campaign doesn't call again.")),
        ("failed", 1, {}, RetryAt(MONDAY + 60 * MINUTE)),
    ],
)
def test_each_outcome_has_its_rule(outcome: Outcome, attempts: int, knobs: dict[str, Any], expected: object) -> None:
    assert after(outcome, attempts, Rules(**knobs), MONDAY) == expected


def test_those_of_a_higher_priority_come_first_then_those_who_waited_longest() -> None:
    late, early, urgent = person(row=3), person(ready_in=-9, row=2), person(priority=5, row=9)
    assert next_actions(state(late, early, urgent), MONDAY) == (
        Dial(urgent.contact),
        Dial(early.contact),
        Dial(late.contact),
    )


def test_whose_time_has_not_come_is_not_called() -> None:
    assert next_actions(state(person(ready_in=1)), MONDAY) == ()


def test_where_it_is_too_early_everyone_waits_for_their_own_morning() -> None:
    east, west = person(), person(LOS_ANGELES)
    assert next_actions(state(west, east), MONDAY) == (
        Dial(east.contact),
        Postpone(LOS_ANGELES, MONDAY + 2 * 60 * MINUTE),
    )


def test_a_number_that_may_be_in_either_place_waits_for_both() -> None:
    both = (*NEW_YORK, *LOS_ANGELES)
    assert next_actions(state(person(both)), MONDAY) == (Postpone(both, MONDAY + 2 * 60 * MINUTE),)


def test_the_organizations_hours_hold_besides_the_campaigns() -> None:
    hours = (Hours.of("09:00", "18:00"), Hours.of("12:00", "20:00", ("tue",)))
    assert all_open_at(hours, NEW_YORK, MONDAY) == datetime(2026, 3, 3, 17, 0, tzinfo=UTC)
    assert all_open_at((Hours.of("09:00", "12:00"), Hours.of("13:00", "20:00")), NEW_YORK, MONDAY) is None


def test_who_can_never_be_called_is_told_apart() -> None:
    zones = ("Pacific/Honolulu", "Europe/London")
    assert next_actions(state(person(zones), calls_until="10:00"), MONDAY) == (Never(zones),)


@pytest.mark.parametrize(
    ("live", "placed_s_ago", "knobs", "expected"),
    [
        pytest.param(0, [], {}, 10, id="all places are free"),
        pytest.param(7, [], {}, 3, id="three are"),
        pytest.param(12, [], {}, 0, id="more run than may"),
        pytest.param(0, [5] * 8, {"calls_per_minute": 10}, 1, id="a second's share at a time"),
        pytest.param(0, [5] * 10, {"calls_per_minute": 10}, 0, id="the minute is full"),
        pytest.param(0, [60] * 10, {"calls_per_minute": 10}, 1, id="a minute later"),
        pytest.param(0, [0.5] * 6, {}, 4, id="six of ten in this second"),
    ],
)
def test_no_more_at_once_and_no_faster(
    live: int, placed_s_ago: list[float], knobs: dict[str, Any], expected: int
) -> None:
    recent = tuple(MONDAY - timedelta(seconds=ago) for ago in placed_s_ago)
    assert room(state(live=live, recent=recent, **knobs), MONDAY) == expected


@settings(max_examples=40, deadline=None)
@given(
    people=st.lists(
        st.tuples(st.sampled_from([NEW_YORK, LOS_ANGELES, NEW_YORK + LOS_ANGELES]), st.integers(0, 2)),
        min_size=1,
        max_size=25,
    ),
    script=st.lists(st.sampled_from(list(OUTCOMES)), min_size=1, max_size=60),
    length=st.integers(1, 300),
    knobs=st.fixed_dictionaries(
        {
            "concurrency": st.integers(1, 4),
            "calls_per_minute": st.integers(1, 90),
            "max_attempts": st.integers(1, 4),
            "retry_busy_min": st.integers(0, 90),
            "calls_until": st.sampled_from(["10:00", "13:00", "18:00"]),
            "days": st.lists(st.sampled_from(DAYS), min_size=1, unique=True).map(tuple),
            "holidays": st.just((MONDAY.date(),)),
        }
    ),
)
def test_however_it_goes_the_rules_hold_and_it_comes_to_an_end(
    people: list[tuple[tuple[str, ...], int]], script: list[Outcome], length: int, knobs: dict[str, Any]
) -> None:
    """Calls that take ``length`` seconds and end as the script says, in virtual time."""
    rules = Rules(**knobs)
    waiting = {
        (due := Due(uuid.uuid4(), zones, MONDAY, priority, row)).contact: due
        for row, (zones, priority) in enumerate(people)
    }
    attempts = dict.fromkeys(waiting, 0)
    running: dict[uuid.UUID, tuple[datetime, Due]] = {}
    placed: list[datetime] = []
    now, endings, given_up = MONDAY, iter(script * 100), set()
    for _ in range(20_000):
        for contact, (ends, due) in list(running.items()):
            if ends <= now:
                del running[contact]
                match after(next(endings), attempts[contact], rules, now):
                    case RetryAt(at):
                        waiting[contact] = Due(contact, due.zones, at, due.priority, due.row)
                    case _:
                        given_up.add(contact)
        recent = tuple(at for at in placed if at > now - MINUTE)
        actions = next_actions(State(rules, (rules.hours,), len(running), recent, tuple(waiting.values())), now)
        for action in actions:
            match action:
                case Dial(contact):
                    due = waiting.pop(contact)
                    assert due.ready_at <= now and all_open_at((rules.hours,), due.zones, now) == now
                    attempts[contact] += 1
                    running[contact] = (now + timedelta(seconds=length), due)
                    placed.append(now)
                case Postpone(zones, until):
                    assert until > now
                    for contact, due in waiting.items():
                        if due.zones == zones and due.ready_at <= now:
                            waiting[contact] = Due(contact, zones, until, due.priority, due.row)
                case Never(zones):
                    for contact in [contact for contact, due in waiting.items() if due.zones == zones]:
                        del waiting[contact]
                        given_up.add(contact)
        assert len(running) <= rules.concurrency
        assert sum(at > now - MINUTE for at in placed) <= rules.calls_per_minute
        if not waiting and not running:
            break
        moments = [ends for ends, _ in running.values()] + [due.ready_at for due in waiting.values()]
        now = max(now + timedelta(seconds=1), min(moments))
    assert given_up == set(attempts), "everyone came to an end"
    assert all(count <= rules.max_attempts for count in attempts.values())
