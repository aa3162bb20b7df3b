"""When a worker has room: by scripted loads, second by second."""

from __future__ import annotations

import pytest

from telephony.worker_room import Limits, Room, Sample, late_ms

TWO_CORES = Limits(capacity=100, cores=2)


def after(
    seconds: int,
    calls: int,
    *,
    loop: float = 0.0,
    process: float | None = None,
    lag_ms: float = 1.0,
    late: float = 0.0,
) -> Room:
    """A room in which so many calls took ``loop`` and ``process`` of a core for so many seconds."""
    room = Room(TWO_CORES)
    for second in range(seconds + 1):
        cpu = loop if process is None else process
        room.observe(Sample(second, calls, loop * second, cpu * second, lag_ms, late))
    return room


@pytest.mark.parametrize(
    ("room", "calls", "lag_ms", "why"),
    [
        pytest.param(Room(TWO_CORES), 0, 0.0, "", id="a new worker has room"),
        pytest.param(Room(Limits(capacity=2)), 2, 0.0, "it holds 2 of at most 2 calls", id="never more than configured"),
        pytest.param(Room(Limits(capacity=2)), 1, 0.0, "", id="and no fewer"),
        pytest.param(Room(TWO_CORES), 3, 140.0, "its loop is 140 ms behind", id="a loop that lags"),
        pytest.param(after(9, 40, loop=0.4), 40, 1.0, "", id="forty calls at one per cent each leave room"),
        pytest.param(
            after(9, 60, loop=0.795), 60, 1.0, "another call would take 81% of the core that carries the sound",
            id="sixty that fill the loop's core do not, although nothing is late yet",
        ),
        pytest.param(
            after(9, 4, loop=0.1, process=1.6), 4, 1.0, "another call would take 100% of the processors",
            id="the models' threads count as well",
        ),
        pytest.param(
            after(9, 10, loop=0.2, late=80.0), 10, 1.0, "the sound of its calls is 80 ms late", id="sound that is late",
        ),
        pytest.param(after(9, 0, loop=0.95), 0, 1.0, "", id="a worker without calls takes one, however busy it was"),
    ],
)  # fmt: skip
def test_when_there_is_room(room: Room, calls: int, lag_ms: float, why: str) -> None:
    assert room.why_full(calls, lag_ms) == why


def test_a_burst_is_answered_by_what_a_call_was_seen_to_cost() -> None:
    room = after(9, 10, loop=0.3)
    calls = 10
    while not room.why_full(calls, 1.0):
        calls += 1  # all within the second: no measurement sees them yet
    assert calls == 26, "0.3 + 16 × 0.03 = 0.78; one more would be over 0.8"


def test_what_a_call_costs_is_learned_beyond_what_the_worker_takes_by_itself() -> None:
    room, cpu = Room(TWO_CORES), 0.0
    for second in range(80):
        calls = 5 if second >= 60 else 0
        cpu += 0.1 + 0.02 * calls
        room.observe(Sample(second, calls, cpu, cpu, 1.0))
    assert room.calls_cost[0] == pytest.approx(0.02, abs=0.003)


def test_the_dearest_lately_counts_and_is_forgotten_slowly() -> None:
    room = Room(TWO_CORES)
    cpu = 0.0
    costs: list[float] = []
    for second in range(200):
        cpu += 0.5 if 10 <= second < 20 else 0.1
        room.observe(Sample(second, 5, cpu, cpu, 1.0))
        costs.append(room.calls_cost[0])
    assert costs[20] == pytest.approx(0.1, abs=0.01)
    assert costs[40] > 0.05
    assert costs[-1] == pytest.approx(0.02, abs=0.01)


def test_room_comes_back_when_calls_end() -> None:
    room = after(9, 60, loop=0.795)
    assert room.why_full(60, 1.0)
    cpu = 0.795 * 9
    for second in range(10, 20):
        cpu += 0.4
        room.observe(Sample(second, 30, cpu, cpu, 1.0))
    assert room.why_full(30, 1.0) == ""


def test_calls_that_come_and_go_all_the_time_are_learned_from_too() -> None:
    room, cpu = Room(TWO_CORES), 0.0
    for second in range(60):
        calls = 20 + second % 5
        cpu += 0.01 * calls
        room.observe(Sample(second, calls, cpu, cpu, 1.0))
    assert room.calls_cost[0] == pytest.approx(0.01, rel=0.1)


@pytest.mark.parametrize(
    ("pulled", "late"),
    [
        pytest.param([1_000, 1_000], 0, id="in time"),
        pytest.param([880, 900, 860], 100, id="all late: it is the machine"),
        pytest.param([1_000, 0, 980], 0, id="one line is dead: it is the line"),
        pytest.param([200], 0, id="a call alone proves nothing"),
        pytest.param([], 0, id="no calls"),
    ],
)
def test_how_late_the_sound_is(pulled: list[int], late: float) -> None:
    assert late_ms(1_000, pulled) == late
