"""When things are due (RFC 3261, 17; table 4): the timers' lengths, and who has to be woken first."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Timing:
    """Milliseconds."""

    t1_ms: int = 500
    """A round trip, as far as anybody knows."""
    t2_ms: int = 4_000
    """No repetition waits longer."""
    t4_ms: int = 5_000
    """The longest a message stays on the network."""

    @property
    def patience_ms(self) -> int:
        """64·T1: after that much silence nobody is there (timers B, F, H, J, L, M)."""
        return 64 * self.t1_ms


class Sleeper(Protocol):
    """Who may have something to do later. ``deadline_ms`` None: nothing."""

    @property
    def deadline_ms(self) -> float | None: ...

    def fire(self, now_ms: float) -> None: ...


class Schedule:
    """Sleepers by deadline. ``watch`` one again whenever its deadline may have changed; earlier entries then count no more."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Sleeper]] = []
        self._serial = 0

    def watch(self, sleeper: Sleeper) -> None:
        if sleeper.deadline_ms is not None:
            self._serial += 1
            heapq.heappush(self._heap, (sleeper.deadline_ms, self._serial, sleeper))

    @property
    def next_deadline_ms(self) -> float | None:
        while self._heap and self._heap[0][2].deadline_ms != self._heap[0][0]:
            heapq.heappop(self._heap)  # moved or done meanwhile
        return self._heap[0][0] if self._heap else None

    def due(self, now_ms: float) -> Sleeper | None:
        """Whoever is due, one at a time; it is off the list then."""
        at_ms = self.next_deadline_ms
        if at_ms is None or at_ms > now_ms:
            return None
        return heapq.heappop(self._heap)[2]


class Alarms:
    """Named things to do later, of one owner."""

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule
        self._set: dict[str, tuple[float, Callable[[float], None]]] = {}
        self.deadline_ms: float | None = None

    def set(self, name: str, at_ms: float, action: Callable[[float], None]) -> None:
        """Or move it, if it is set."""
        self._set[name] = (at_ms, action)
        self._plan()

    def clear(self, *names: str) -> None:
        """Without names: all."""
        for name in names or tuple(self._set):
            self._set.pop(name, None)
        self._plan()

    def __contains__(self, name: str) -> bool:
        return name in self._set

    def fire(self, now_ms: float) -> None:
        due = sorted((at_ms, name) for name, (at_ms, _) in self._set.items() if at_ms <= now_ms)
        for at_ms, name in due:
            at_and_action = self._set.get(name)
            if at_and_action is not None and at_and_action[0] == at_ms:  # no earlier one has cleared or moved it
                del self._set[name]
                at_and_action[1](now_ms)
        self._plan()

    def _plan(self) -> None:
        earliest_ms = min((at_ms for at_ms, _ in self._set.values()), default=None)
        if earliest_ms != self.deadline_ms:
            self.deadline_ms = earliest_ms
            self._schedule.watch(self)
