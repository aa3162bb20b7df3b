"""Which lines wait to be spoken before anybody needs them. Pure, but for a lock."""

from __future__ import annotations

import threading

MOST_PREPARED = 128
"""Lines that may wait to be prepared: a quarter of what may wait at all, and more than any one agent has."""


class Preparing:
    """The lines that wait to be spoken in advance: each once, however many calls ask for it, and never so many that
    a caller would find the queue full. Used from several threads."""

    def __init__(self) -> None:
        self._lines: set[tuple[str, float]] = set()
        self._lock = threading.Lock()

    def begin(self, line: tuple[str, float]) -> bool:
        """May this line be submitted?"""
        with self._lock:
            if line in self._lines or len(self._lines) >= MOST_PREPARED:
                return False
            self._lines.add(line)
            return True

    def end(self, line: tuple[str, float]) -> None:
        with self._lock:
            self._lines.discard(line)
