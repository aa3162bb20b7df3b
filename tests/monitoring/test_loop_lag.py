from __future__ import annotations

import asyncio
import gc
import time

import pytest
from prometheus_client import REGISTRY

from monitoring.loop_lag import COLLECTING, LoopLagMonitor

pytestmark = pytest.mark.paced


def hold_the_loop(seconds: float) -> None:
    time.sleep(seconds)


async def test_a_quiet_loop_is_hardly_late() -> None:
    async with LoopLagMonitor() as lag:
        await asyncio.sleep(0.3)
        assert lag.now().p50_ms < 20


async def test_a_loop_that_was_held_up_shows_how_long_and_by_whom() -> None:
    stalls: list[tuple[float, str]] = []
    async with LoopLagMonitor(blocked_ms=50, blocked=lambda ms, stack: stalls.append((ms, stack))) as lag:
        await asyncio.sleep(0.05)
        hold_the_loop(0.3)
        await asyncio.sleep(0.05)
        assert 250 <= lag.now().max_ms < 2000
    assert len(stalls) == 1, "one stall is told once"
    assert stalls[0][0] >= 50
    assert "hold_the_loop" in stalls[0][1]


def collections() -> float:
    return REGISTRY.get_sample_value("parley_gc_pause_seconds_count") or 0.0


class SlowToGo:
    """Garbage whose end takes long, as that of very many objects does."""

    def __init__(self) -> None:
        self.me = self

    def __del__(self) -> None:
        hold_the_loop(0.3)


async def test_the_garbage_collector_is_told_from_the_code_it_stopped() -> None:
    stalls: list[tuple[float, str]] = []
    gc.collect()
    async with LoopLagMonitor(blocked_ms=50, blocked=lambda ms, stack: stalls.append((ms, stack))):
        before = collections()
        await asyncio.sleep(0.05)
        SlowToGo()
        gc.collect()
        await asyncio.sleep(0.05)
        assert collections() > before
    assert len(stalls) == 1
    assert stalls[0][1].startswith(COLLECTING)


async def test_it_stops_with_its_owner() -> None:
    async with LoopLagMonitor() as lag:
        pass
    assert lag._ticking.done()
    assert not lag._watchdog.is_alive()
    assert lag._collector_works not in gc.callbacks
