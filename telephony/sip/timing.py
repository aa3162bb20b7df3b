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


_SWEPT_FROM = 1_024
"""Entries; fewer aren't worth a sweep."""


class Sleeper(Protocol):
    """Who may have something to do later. ``deadline_ms`` None: nothing. ``watched_ms`` is the schedule's own note, None at first."""

    watched_ms: float | None

    @property
    def deadline_ms(self) -> float | None: ...

    def fire(self, now_ms: float) -> None: ...


class Schedule:
    """Sleepers by deadline. ``watch`` one again whenever its deadline may have changed.

    One entry each, as a rule: whose deadline is later than the entry's gets another when that one comes up. Most deadlines are moved
    or dropped long before (a call hangs up, a copy never comes), so an entry is looked at twice at most, and those of sleepers who
    are done are swept out now and then.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Sleeper]] = []
        self._serial = 0
        self._most = _SWEPT_FROM

    def watch(self, sleeper: Sleeper) -> None:
        deadline_ms, watched_ms = sleeper.deadline_ms, sleeper.watched_ms
        if deadline_ms is None or (watched_ms is not None and watched_ms <= deadline_ms):
            return
        sleeper.watched_ms = deadline_ms
        self._serial += 1
        heapq.heappush(self._heap, (deadline_ms, self._serial, sleeper))
        if len(self._heap) > self._most:
            self._sweep()

    def _sweep(self) -> None:
        kept: list[tuple[float, int, Sleeper]] = []
        for entry in self._heap:
            at_ms, _, sleeper = entry
            if sleeper.watched_ms != at_ms:
                continue  # an earlier one has taken its place
            if sleeper.deadline_ms is None:
                sleeper.watched_ms = None
            else:
                kept.append(entry)
        heapq.heapify(kept)
        self._heap, self._most = kept, max(_SWEPT_FROM, 2 * len(kept))

    @property
    def next_deadline_ms(self) -> float | None:
        while self._heap:
            at_ms, _, sleeper = self._heap[0]
            if sleeper.watched_ms == at_ms:
                if sleeper.deadline_ms == at_ms:
                    return at_ms
                sleeper.watched_ms = None
            heapq.heappop(self._heap)
            self.watch(sleeper)
        return None

    def due(self, now_ms: float) -> Sleeper | None:
        """Whoever is due, one at a time; it is off the list then."""
        at_ms = self.next_deadline_ms
        if at_ms is None or at_ms > now_ms:
            return None
        sleeper = heapq.heappop(self._heap)[2]
        sleeper.watched_ms = None
        return sleeper


class Alarms:
    """Named things to do later, of one owner."""

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule
        self._set: dict[str, tuple[float, Callable[[float], None]]] = {}
        self.deadline_ms: float | None = None
        self.watched_ms: float | None = None

    def set(self, name: str, at_ms: float, action: Callable[[float], None]) -> None:
        """Or move it, if it is set."""
        before = self._set.get(name)
        self._set[name] = (at_ms, action)
        if self.deadline_ms is None or at_ms < self.deadline_ms:
            self.deadline_ms = at_ms
            self._schedule.watch(self)
        elif before is not None and before[0] == self.deadline_ms:
            self._plan()

    def clear(self, *names: str) -> None:
        """Without names: all."""
        was_first = False
        for name in names or tuple(self._set):
            gone = self._set.pop(name, None)
            was_first = was_first or (gone is not None and gone[0] == self.deadline_ms)
        if was_first:
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
        self.deadline_ms = min([at_ms for at_ms, _ in self._set.values()], default=None)
        self._schedule.watch(self)
