"""The call's clock: milliseconds of caller audio. Deadlines are set on it, so that a stalled machine is not taken for a stalled
vendor, and a test can run a call as fast as it computes."""

from __future__ import annotations

import asyncio
from types import TracebackType

_NEVER_MS = 10**12


class CallClock:
    def __init__(self, now_ms: int = 0) -> None:
        self.now_ms = now_ms
        self._deadlines: set[_Deadline] = set()
        self._soonest_ms = _NEVER_MS
        """No deadline is sooner. Some tick may look for one that is over: fifty times a second nobody does."""
        self._waiting: list[asyncio.Future[None]] = []
        """For the next tick."""
        self._loop: asyncio.AbstractEventLoop | None = None
        """The call's, once somebody waited: asking which one runs is a question to the kernel."""

    def tick(self, now_ms: int) -> None:
        """A frame is over. Wakes whoever waits for time."""
        self.now_ms = now_ms
        if now_ms >= self._soonest_ms:
            self._expire(now_ms)
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            for each in waiting:
                if not each.done():  # whoever waited may have been cancelled
                    each.set_result(None)

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        return self._loop

    async def next_tick(self) -> None:
        self._waiting.append(ticked := self.loop.create_future())
        await ticked

    def timeout(self, after_ms: int) -> _Deadline:
        """``async with clock.timeout(5_000): …`` raises ``TimeoutError`` when the call has gone on for so long."""
        return _Deadline(self, self.now_ms + after_ms)

    def add(self, deadline: _Deadline) -> None:
        self._deadlines.add(deadline)
        self.expect(deadline.at_ms)

    def expect(self, at_ms: int) -> None:
        """A deadline may be over then."""
        self._soonest_ms = min(self._soonest_ms, at_ms)

    def remove(self, deadline: _Deadline) -> None:
        self._deadlines.discard(deadline)

    def _expire(self, now_ms: int) -> None:
        for deadline in [each for each in self._deadlines if each.at_ms <= now_ms]:
            deadline.expire()
        self._soonest_ms = min((each.at_ms for each in self._deadlines), default=_NEVER_MS)


class _Deadline:
    """``asyncio.timeout``, on the call's clock."""

    def __init__(self, clock: CallClock, at_ms: int) -> None:
        self.at_ms = at_ms
        self._clock = clock
        self._task: asyncio.Task[object] | None = None
        self._cancelling = 0
        self._has_expired = False

    def move(self, at_ms: int) -> None:
        """To another moment, also while it is waited for."""
        self.at_ms = at_ms
        self._clock.expect(at_ms)

    def expire(self) -> None:
        self._clock.remove(self)
        self._has_expired = True
        if self._task is not None:
            self._task.cancel()

    async def __aenter__(self) -> None:
        self._task = asyncio.current_task(self._clock.loop)
        self._cancelling = self._task.cancelling() if self._task is not None else 0
        self._clock.add(self)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._clock.remove(self)
        # As asyncio.timeout does: our own cancel becomes a TimeoutError, one from outside stays what it is.
        if (
            self._has_expired
            and self._task is not None
            and self._task.uncancel() <= self._cancelling
            and kind is asyncio.CancelledError
        ):
            raise TimeoutError from error
