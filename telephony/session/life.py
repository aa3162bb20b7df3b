"""What every session of a call has: its tasks, its end, and whom it tells. ``session.Session`` and ``by_text.TextSession`` are both one."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine

from telephony.session.clock import CallClock
from telephony.session.events import Event, Happened
from telephony.session.log import TurnLog
from telephony.session.ports import Listener


class Life:
    """A session works while its task group is there; the first reason to end counts."""

    clock: CallClock
    _log: TurnLog

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._tasks: asyncio.TaskGroup | None = None
        self._children: set[asyncio.Task[None]] = set()
        self._over: asyncio.Future[str] | None = None
        self._end_reason = ""

    def hang_up(self, reason: str) -> None:
        """End it now, from outside. ``reason``: a key of ``telephony.end_reasons.REASONS``. May be called at any time."""
        self._end(reason)

    @property
    def next_turn(self) -> int:
        """The number that the next turn of the call has, once this session is over."""
        return self._log.next_turn

    @property
    def end_reason(self) -> str:
        """Why it ends, as soon as that is decided; empty before."""
        return self._end_reason

    def _say_so(self, event: Event) -> None:
        self._listener.receive(event)

    def _happened(self, kind: str, **data: str | int | float | bool | None) -> None:
        self._say_so(Happened(self.clock.now_ms, kind, data))

    def _end(self, reason: str) -> None:
        """The first reason counts."""
        if not self._end_reason:
            self._end_reason = reason
        if self._over is not None and not self._over.done():
            self._over.set_result(self._end_reason)

    def _spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        assert self._tasks is not None, "a session works while it runs"
        task = self._tasks.create_task(work)
        self._children.add(task)
        task.add_done_callback(self._children.discard)
        return task
