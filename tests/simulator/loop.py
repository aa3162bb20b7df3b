"""An event loop whose time is counted, not waited for.

Timers fire as soon as everyone who can go on has gone on. Where nobody can, and no timer is left, something is awaited for ever:
that is ``NothingLeftToDo``, not a test that hangs.
"""

from __future__ import annotations

import asyncio
import heapq

LONGEST_S = 3_600.0
"""After an hour only watchdogs are awake."""


class NothingLeftToDo(Exception):
    """Everything waits, for things that will never happen."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """``now`` is its time in seconds. Threads and sockets are not served: a simulated call has none."""

    def __init__(self) -> None:
        self.now = 0.0
        super().__init__()

    def time(self) -> float:
        return self.now

    def _run_once(self) -> None:
        """As asyncio's own does it, but that nothing is polled and time passes by itself: it runs two hundred times a call."""
        ready, scheduled = self._ready, self._scheduled  # type: ignore[attr-defined]
        while scheduled and scheduled[0]._cancelled:
            self._timer_cancelled_count -= 1  # type: ignore[attr-defined]
            heapq.heappop(scheduled)._scheduled = False
        if not (ready or self._stopping):  # type: ignore[attr-defined]
            if not scheduled:
                raise NothingLeftToDo
            self.now += max(0.0, scheduled[0]._when - self.now)
            if self.now > LONGEST_S:
                raise NothingLeftToDo
        due_s = self.now + self._clock_resolution  # type: ignore[attr-defined]
        while scheduled and scheduled[0]._when < due_s:
            handle = heapq.heappop(scheduled)
            handle._scheduled = False
            ready.append(handle)
        for _ in range(len(ready)):  # what these make ready has its turn next time
            handle = ready.popleft()
            if not handle._cancelled:
                handle._run()

    @property
    def now_ms(self) -> int:
        return round(self.now * 1000)

    async def settle(self) -> None:
        """Until everyone waits for something later."""
        while self.is_busy:
            await asyncio.sleep(0)

    @property
    def is_busy(self) -> bool:
        """Somebody could go on now."""
        return bool(self._ready or (self._scheduled and self._scheduled[0]._when <= self.now))  # type: ignore[attr-defined]
