"""What a call worker does with its memory before the first call."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest

from monitoring.loop_lag import COLLECTING
from telephony import warmup
from telephony.worker import CallWorker, Options, _culprit


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.set_threshold(*thresholds)
    gc.unfreeze()


def test_what_is_there_after_the_warm_up_is_never_looked_at_again() -> None:
    gc.unfreeze()
    kept = [[] for _ in range(1_000)]  # type: ignore[var-annotated]
    warmup.settle_memory()
    assert gc.get_freeze_count() > len(kept)
    assert not any(each is kept for each in gc.get_objects())
    assert gc.get_threshold() == warmup.GC_THRESHOLDS


def test_cycles_of_calls_that_are_over_are_still_found() -> None:
    warmup.settle_memory()
    before = gc.get_stats()[1]["collections"]
    for _ in range(200_000):
        cycle: list[Any] = []
        cycle.append(cycle)
    assert gc.get_stats()[1]["collections"] > before


async def test_a_worker_settles_its_memory_before_it_is_ready(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    steps: list[str] = []

    async def warm_up() -> None:
        steps.append("models")

    monkeypatch.setattr(warmup, "warm_up", warm_up)
    monkeypatch.setattr(warmup, "settle_memory", lambda: steps.append("memory"))
    worker = CallWorker(Options(capacity=1, max_lag_ms=100, drain_limit_s=1))
    assert await worker._warm_up()
    assert steps == ["models", "memory"]


def test_a_stall_of_the_collector_is_blamed_on_nobody_else() -> None:
    stack = '  File "/app/telephony/worker.py", line 3, in innocent\n'
    assert "innocent" in _culprit(stack)
    assert _culprit(COLLECTING + stack) == "Python's garbage collector"
