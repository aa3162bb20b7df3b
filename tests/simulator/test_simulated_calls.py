"""A few hundred simulated calls; ``bench/simulator.py`` runs as many as you like.

A failure names the seed: ``python bench/simulator.py --seed 4711`` shows that call line by line.
"""

from __future__ import annotations

import asyncio

import pytest

from tests.simulator.checks import check
from tests.simulator.loop import NothingLeftToDo, VirtualLoop
from tests.simulator.run import simulate
from tests.simulator.scenario import scenario
from tests.simulator.timeline import timeline

BATCH = 40


@pytest.mark.parametrize("first", range(0, 400, BATCH))
def test_calls(first: int) -> None:
    wrong = [
        f"--seed {seed}: {problem}"
        for seed in range(first, first + BATCH)
        for problem in check(simulate(scenario(seed)))
    ]
    assert not wrong, "\n".join(wrong)


def test_a_seed_is_always_the_same_call() -> None:
    assert timeline(simulate(scenario(5))) == timeline(simulate(scenario(5)))


def test_a_timeline_tells_the_call() -> None:
    told = timeline(simulate(scenario(5)))
    assert "CALLER" in told
    assert "AGENT" in told
    assert "WRONG" not in told


def test_what_is_awaited_for_ever_is_found_out() -> None:
    loop = VirtualLoop()
    with pytest.raises(NothingLeftToDo):
        loop.run_until_complete(loop.create_future())
    loop.close()


def test_time_passes_only_when_nobody_has_anything_to_do() -> None:
    loop = VirtualLoop()

    async def sleeper() -> float:
        await asyncio.sleep(1_800)
        return loop.time()

    assert loop.run_until_complete(sleeper()) == pytest.approx(1_800)
    loop.close()
