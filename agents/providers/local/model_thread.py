"""A thread that owns a model: jobs of all calls, the most urgent first.

Models must not run on a call worker's event loop, and two at once on one model only slow each other down. So each loaded
model has one thread, and everybody who needs it waits here, in the order of their deadlines.
"""

from __future__ import annotations

import heapq
import logging
import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

from agents.speech import ProviderError

logger = logging.getLogger(__name__)

MAX_WAITING = 512
"""More than this and the machine is hopelessly behind: better to say so than to answer minutes late."""


QUIET_S = 0.5
"""Nobody has wanted any model for so long: what can wait is done."""
PATIENCE_S = 5.0
"""What can wait waits no longer than this for such a moment."""
_LOOK_S = 0.05


class _Callers:
    """Whether a caller waits for any model of this process: the processors are the same for all of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running = 0
        self._last_s = 0.0

    def begin(self) -> None:
        with self._lock:
            self._running += 1

    def end(self) -> None:
        with self._lock:
            self._running -= 1
            self._last_s = time.monotonic()

    def are_quiet(self) -> bool:
        with self._lock:
            return self._running == 0 and time.monotonic() - self._last_s >= QUIET_S


_callers = _Callers()


@dataclass(order=True, slots=True)
class _Job:
    urgency: float
    number: int
    run: Callable[[], None] = field(compare=False)
    key: Hashable | None = field(compare=False, default=None)
    is_withdrawn: bool = field(compare=False, default=False)
    waits_until_s: float = field(compare=False, default=0.0)
    """It can wait for a moment without callers, until then; 0: somebody waits for it."""


class Ticket:
    """A submitted job, to be withdrawn while it still waits."""

    __slots__ = ("_job",)

    def __init__(self, job: _Job) -> None:
        self._job = job

    def withdraw(self) -> None:
        self._job.is_withdrawn = True


class ModelThread:
    """Runs jobs one after another, smallest ``urgency`` first; equals in the order they came.

    A job handles its own errors and answers; what it lets escape is logged and the thread goes on.
    """

    def __init__(self, name: str) -> None:
        self._changed = threading.Condition()
        self._waiting: list[_Job] = []
        self._by_key: dict[Hashable, _Job] = {}
        self._count = 0
        self._is_closed = False
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def submit(
        self, run: Callable[[], None], *, urgency: float, key: Hashable | None = None, can_wait: bool = False
    ) -> Ticket:
        """Queue a job. A waiting job of the same ``key`` is replaced: only the newest matters. One that ``can_wait`` gives way to
        callers of every other model as well, for ``PATIENCE_S`` at most."""
        with self._changed:
            if self._is_closed:
                raise ProviderError("This model has been shut down.", permanent=True)
            if len(self._waiting) >= MAX_WAITING:
                self._waiting = [job for job in self._waiting if not job.is_withdrawn]
                heapq.heapify(self._waiting)
            if len(self._waiting) >= MAX_WAITING:
                raise ProviderError("This machine is too busy to keep up with its calls.")
            self._count += 1
            job = _Job(urgency, self._count, run, key)
            job.waits_until_s = time.monotonic() + PATIENCE_S if can_wait else 0.0
            if key is not None:
                if key in self._by_key:
                    self._by_key[key].is_withdrawn = True
                self._by_key[key] = job
            heapq.heappush(self._waiting, job)
            self._changed.notify()
            return Ticket(job)

    def is_more_urgent_waiting(self, urgency: float) -> bool:
        """Should a long job of this urgency step back?"""
        with self._changed:
            self._drop_withdrawn()
            return bool(self._waiting) and self._waiting[0].urgency < urgency

    @property
    def is_idle(self) -> bool:
        with self._changed:
            self._drop_withdrawn()
            return not self._waiting

    def close(self) -> None:
        """Take no more jobs; the one at work is finished, the waiting ones are dropped."""
        with self._changed:
            self._is_closed = True
            self._waiting.clear()
            self._by_key.clear()
            self._changed.notify()
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout=5)

    def _drop_withdrawn(self) -> None:
        while self._waiting and self._waiting[0].is_withdrawn:
            self._forget_key(heapq.heappop(self._waiting))

    def _forget_key(self, job: _Job) -> None:
        if job.key is not None and self._by_key.get(job.key) is job:
            del self._by_key[job.key]

    def _next(self) -> _Job | None:
        with self._changed:
            while True:
                self._drop_withdrawn()
                if self._is_closed:
                    return None
                if self._waiting and self._is_time_for(self._waiting[0]):
                    job = heapq.heappop(self._waiting)
                    self._forget_key(job)
                    return job
                self._changed.wait(_LOOK_S if self._waiting else None)

    @staticmethod
    def _is_time_for(job: _Job) -> bool:
        return not job.waits_until_s or _callers.are_quiet() or time.monotonic() >= job.waits_until_s

    def _work(self) -> None:
        while (job := self._next()) is not None:
            if not job.waits_until_s:
                _callers.begin()
            try:
                job.run()
            except Exception:
                logger.exception("A job of %s failed", self._thread.name)
            finally:
                if not job.waits_until_s:
                    _callers.end()
