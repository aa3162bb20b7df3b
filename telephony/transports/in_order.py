"""Sound that may come in another order than it was said: put right, if that takes no longer than a few pieces. Pure."""

from __future__ import annotations

MOST_WAITING = 3
"""So many pieces wait for one that is missing, of 20 ms each; then they go on without it."""


class InOrder:
    """``push`` what came, by its number; what can be heard now comes back."""

    def __init__(self) -> None:
        self._next: int | None = None
        self._waiting: dict[int, bytes] = {}

    def push(self, number: int, sound: bytes) -> list[bytes]:
        if self._next is None:
            self._next = number
        if number < self._next:  # its time is over, or it came twice
            return []
        self._waiting[number] = sound
        if len(self._waiting) > MOST_WAITING and self._next not in self._waiting:
            self._next = min(self._waiting)
        ready = []
        while self._next in self._waiting:
            ready.append(self._waiting.pop(self._next))
            self._next += 1
        return ready
