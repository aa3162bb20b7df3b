"""Is an event loop late? Sound that is 20 ms late is heard, so a call worker measures its loop and shows who held it up."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import structlog
from prometheus_client import Gauge, Histogram

log = structlog.get_logger(__name__)

LAG = Histogram(
    "parley_loop_lag_seconds", "How late the event loop woke up",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 5),
)  # fmt: skip
COLLECTION = Histogram(
    "parley_gc_pause_seconds", "How long Python's garbage collector held everything up",
    buckets=(0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1),
)  # fmt: skip
COLLECTING = "The garbage collector is at work.\n"
"""What the stack of a stall begins with when it is not the code in it that takes so long."""
WORST = Gauge("parley_loop_lag_worst_seconds", "The longest the event loop was late within the window")


@dataclass(frozen=True, slots=True)
class Lag:
    p50_ms: float
    p99_ms: float
    max_ms: float


class LoopLagMonitor:
    """``async with LoopLagMonitor() as lag: … lag.now()``. Ticks on the loop; a thread beside it notices when no tick comes
    and takes the loop's stack down in the log, once for each stall."""

    def __init__(
        self,
        *,
        tick_ms: int = 10,
        window_s: float = 30.0,
        blocked_ms: int = 100,
        blocked: Callable[[float, str], None] | None = None,
    ) -> None:
        self._tick = tick_ms / 1000
        self._blocked_after = blocked_ms / 1000
        self._blocked = blocked or _log_stack
        self._late: deque[float] = deque(maxlen=max(1, int(window_s / self._tick)))
        self._last = time.monotonic()
        self._stop = threading.Event()
        self._collecting_since: float | None = None

    async def __aenter__(self) -> Self:
        self._last = time.monotonic()
        self._loop_thread = threading.get_ident()
        self._ticking = asyncio.create_task(self._run(), name="loop-lag")
        self._watchdog = threading.Thread(target=self._watch, name="loop-watchdog", daemon=True)
        self._watchdog.start()
        gc.callbacks.append(self._collector_works)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        gc.callbacks.remove(self._collector_works)
        self._stop.set()
        self._ticking.cancel()
        try:
            await self._ticking
        except asyncio.CancelledError:
            if (current := asyncio.current_task()) and current.cancelling():
                raise
        # It wakes every few ticks and holds no lock, so this wait is short.
        await asyncio.to_thread(self._watchdog.join)

    def now(self) -> Lag:
        """Over the window; zeros before the first tick."""
        late = sorted(self._late)
        if not late:
            return Lag(0.0, 0.0, 0.0)
        at = len(late) - 1
        return Lag(*(round(1000 * value, 2) for value in (late[at // 2], late[int(at * 0.99)], late[at])))

    async def _run(self) -> None:
        while True:
            before = time.monotonic()
            await asyncio.sleep(self._tick)
            now = time.monotonic()
            late = max(0.0, now - before - self._tick)
            self._late.append(late)
            self._last = now
            LAG.observe(late)
            if len(self._late) % 100 == 0 or late > self._blocked_after:
                WORST.set(max(self._late))

    def _watch(self) -> None:
        told_about = 0.0
        while not self._stop.wait(self._blocked_after / 2):
            last = self._last
            stalled = time.monotonic() - last - self._tick
            if stalled < self._blocked_after or last == told_about:
                continue
            frame = sys._current_frames().get(self._loop_thread)
            if frame is not None:
                told_about = last
                stack = "".join(traceback.format_stack(frame))
                self._blocked(stalled * 1000, stack if self._collecting_since is None else COLLECTING + stack)

    def _collector_works(self, phase: str, info: Mapping[str, int]) -> None:
        """Python calls this before and after each collection, in the thread whose allocation was one too many."""
        if phase == "start":
            self._collecting_since = time.monotonic()
        elif self._collecting_since is not None:
            COLLECTION.observe(time.monotonic() - self._collecting_since)
            self._collecting_since = None


def _log_stack(stalled_ms: float, stack: str) -> None:
    log.warning("loop_blocked", stalled_ms=round(stalled_ms), stack=stack)
