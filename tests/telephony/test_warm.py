"""A warm transfer as a table: what happens and when, and what is asked for then."""

from __future__ import annotations

from typing import Any

import pytest

from telephony.transfers import warm
from telephony.transfers.warm import (
    Accepted,
    Began,
    CallerLeft,
    Connect,
    Declined,
    Dial,
    Event,
    Failed,
    HangUp,
    Hold,
    Introduced,
    Outcome,
    PickedUp,
    Silent,
    TargetLeft,
    Tell,
    Terms,
    Ticked,
    Unclear,
    WarmTransfer,
)

TERMS = Terms(ring_ms=20_000, talk_ms=600_000, tell_ms=60_000, introduce_ms=10_000)
INTRODUCES = Terms(ring_ms=20_000, talk_ms=600_000, tell_ms=60_000, introduce_ms=10_000, introduces=True)
AT_ONCE = Terms(ring_ms=20_000, talk_ms=600_000, tells=False)
START: list[tuple[int, Event]] = [(0, Began())]
PICKED_UP: list[tuple[int, Event]] = [*START, (5_000, PickedUp())]
TAKEN: list[tuple[int, Event]] = [*PICKED_UP, (15_000, Accepted())]


def played(terms: Terms, events: list[tuple[int, Event]]) -> tuple[WarmTransfer, list[Any]]:
    machine = WarmTransfer(terms)
    asked: list[Any] = []
    for at_ms, event in events:
        asked += machine.receive(event, at_ms)
    return machine, asked


@pytest.mark.parametrize(
    ("terms", "events", "asked", "outcome"),
    [
        pytest.param(TERMS, START, [Hold(), Dial()], None, id="first the music, then it rings"),
        pytest.param(TERMS, PICKED_UP, [Hold(), Dial(), Tell()], None, id="who picks up is spoken to"),
        pytest.param(
            TERMS, TAKEN, [Hold(), Dial(), Tell(), Connect(introduces=False)], None, id="who accepts is connected"
        ),
        pytest.param(
            AT_ONCE,
            PICKED_UP,
            [Hold(), Dial(), Connect(introduces=False)],
            None,
            id="with nothing to say they are connected as soon as they pick up",
        ),
        pytest.param(
            TERMS,
            [*TAKEN, (75_000, TargetLeft())],
            [Hold(), Dial(), Tell(), Connect(introduces=False), HangUp()],
            Outcome(talked_ms=60_000, by="target"),
            id="they talk until the other side hangs up",
        ),
        pytest.param(
            TERMS,
            [*TAKEN, (25_000, CallerLeft())],
            [Hold(), Dial(), Tell(), Connect(introduces=False), HangUp()],
            Outcome(talked_ms=10_000, by="caller"),
            id="or until the caller does",
        ),
        pytest.param(
            TERMS,
            [*TAKEN, (614_900, Ticked()), (615_000, Ticked())],
            [Hold(), Dial(), Tell(), Connect(introduces=False), HangUp()],
            Outcome(talked_ms=600_000, by="limit"),
            id="or for as long as they may",
        ),
        pytest.param(
            INTRODUCES,
            [*TAKEN, (18_000, Introduced()), (75_000, TargetLeft())],
            [Hold(), Dial(), Tell(), Connect(introduces=True), HangUp()],
            Outcome(talked_ms=60_000, by="target"),
            id="the line to both counts as talk",
        ),
        pytest.param(
            INTRODUCES,
            [*TAKEN, (16_000, TargetLeft())],
            [Hold(), Dial(), Tell(), Connect(introduces=True), HangUp()],
            Outcome("not_reached", warm.LEFT_EARLY),
            id="who leaves while they are introduced was not reached",
        ),
        pytest.param(
            INTRODUCES,
            [*TAKEN, (25_000, Ticked()), (75_000, TargetLeft())],
            [Hold(), Dial(), Tell(), Connect(introduces=True), HangUp()],
            Outcome(talked_ms=60_000, by="target"),
            id="an introduction that never ends does not keep them from talking",
        ),
        pytest.param(
            TERMS,
            [*START, (9_000, Failed("busy", "The line was busy."))],
            [Hold(), Dial(), HangUp()],
            Outcome("busy", "The line was busy."),
            id="busy",
        ),
        pytest.param(
            TERMS,
            [*START, (24_900, Ticked()), (25_000, Ticked())],
            [Hold(), Dial(), HangUp()],
            Outcome("no_answer", warm.NOBODY),
            id="a line that never says that nobody picks up is not waited for longer",
        ),
        pytest.param(
            TERMS,
            [*PICKED_UP, (15_000, Declined())],
            [Hold(), Dial(), Tell(), HangUp()],
            Outcome("declined", warm.DECLINED),
            id="declined",
        ),
        pytest.param(
            TERMS,
            [*PICKED_UP, (15_000, Unclear())],
            [Hold(), Dial(), Tell(), HangUp()],
            Outcome("declined", warm.UNCLEAR),
            id="neither yes nor no",
        ),
        pytest.param(
            TERMS,
            [*PICKED_UP, (15_000, Silent())],
            [Hold(), Dial(), Tell(), HangUp()],
            Outcome("no_answer", warm.SILENT),
            id="a mailbox is nobody",
        ),
        pytest.param(
            TERMS,
            [*PICKED_UP, (64_900, Ticked()), (65_000, Ticked())],
            [Hold(), Dial(), Tell(), HangUp()],
            Outcome("no_answer", warm.SILENT),
            id="whoever talks on and on without an answer is nobody",
        ),
        pytest.param(
            TERMS,
            [*PICKED_UP, (8_000, TargetLeft())],
            [Hold(), Dial(), Tell(), HangUp()],
            Outcome("declined", warm.LEFT),
            id="who hangs up when asked has declined",
        ),
        pytest.param(
            TERMS,
            [*START, (3_000, CallerLeft())],
            [Hold(), Dial(), HangUp()],
            Outcome("not_reached", warm.CALLER_LEFT_EARLY),
            id="the caller hangs up while it rings",
        ),
        pytest.param(
            TERMS,
            [*PICKED_UP, (6_000, CallerLeft())],
            [Hold(), Dial(), Tell(), HangUp()],
            Outcome("not_reached", warm.CALLER_LEFT),
            id="or while they are asked",
        ),
        pytest.param(
            TERMS,
            [*PICKED_UP, (15_000, Declined()), (15_020, Accepted()), (15_040, TargetLeft()), (15_060, CallerLeft())],
            [Hold(), Dial(), Tell(), HangUp()],
            Outcome("declined", warm.DECLINED),
            id="what comes after the end changes nothing",
        ),
        pytest.param(
            TERMS,
            [*TAKEN, (16_000, Declined()), (17_000, PickedUp())],
            [Hold(), Dial(), Tell(), Connect(introduces=False)],
            None,
            id="nor does what comes of an earlier phase",
        ),
    ],
)
def test_a_warm_transfer(
    terms: Terms, events: list[tuple[int, Event]], asked: list[Any], outcome: Outcome | None
) -> None:
    machine, found = played(terms, events)
    assert (found, machine.outcome) == (asked, outcome)


def test_from_every_phase_it_ends_by_time_alone() -> None:
    for events in ([], START, PICKED_UP, TAKEN):
        for terms in (TERMS, INTRODUCES, AT_ONCE):
            machine, _ = played(terms, events or START)
            last_ms = events[-1][0] if events else 0
            for at_ms in range(last_ms, last_ms + terms.longest_ms + 1_000, 1_000):
                machine.receive(Ticked(), at_ms)
            assert machine.outcome is not None, (events, terms)
