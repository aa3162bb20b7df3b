"""An event loop whose time is counted, not waited for.

Timers fire as soon as everyone who can go on has gone on. Where nobody can, and no timer is left, something is awaited for ever:
that is ``NothingLeftToDo``, not a test that hangs.
"""

from __future__ import annotations

import asyncio
import selectors
from typing import Any

LONGEST_S = 3_600.0
"""After an hour only watchdogs are awake."""


class NothingLeftToDo(Exception):
    """Everything waits, for things that will never happen."""


class _NeverWaits(selectors.DefaultSelector):
    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise NothingLeftToDo
        if timeout > 0:
            self.loop.now += timeout
            if self.loop.now > LONGEST_S:
                raise NothingLeftToDo
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """``now`` is its time in seconds. Threads and sockets are not served: a simulated call has none."""

    def __init__(self) -> None:
        selector = _NeverWaits()
        selector.loop = self
        self.now = 0.0
        super().__init__(selector)

    def time(self) -> float:
        return self.now

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
