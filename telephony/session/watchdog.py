"""A transport that is dead and doesn't know: no frame for ten seconds of wall time, or no pull for ten seconds of frames."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from telephony.audio.playout import Playout
from telephony.session.clock import CallClock

STALLED_S = 10.0


class Watchdog:
    """Of one call. ``stalled`` is called when its transport is dead."""

    def __init__(self, clock: CallClock, playout: Playout, stalled: Callable[[], None]) -> None:
        self._clock = clock
        self._playout = playout
        self._stalled = stalled
        self._pulls_seen = (0, clock.now_ms)

    async def watch(self) -> None:
        """The only wall clock of a call: a transport that gives no frames stops every other one."""
        while True:
            before_ms = self._clock.now_ms
            await asyncio.sleep(STALLED_S)
            if self._clock.now_ms == before_ms:
                self._stalled()

    def check_pulls(self) -> None:
        """Every second or so."""
        pulls, since_ms = self._pulls_seen
        if self._playout.pulls != pulls:
            self._pulls_seen = (self._playout.pulls, self._clock.now_ms)
        elif self._clock.now_ms - since_ms >= STALLED_S * 1000:
            self._stalled()
