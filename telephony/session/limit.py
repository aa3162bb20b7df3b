"""The line that says the call is nearly over: whether this is the moment for it. Pure; time is an argument.

It is said once, when nobody speaks. Right after a question the caller is about to speak: then it waits longer for the silence,
unless half of its time has passed already: then a breath will do. In the last third it would no longer be true, and isn't said any more.
"""

from __future__ import annotations

GAP_MS = 300
"""So long nobody has spoken."""
GAP_AFTER_QUESTION_MS = 2_000
GAP_IN_A_HURRY_MS = 100


class LimitWarning:
    """Ask ``is_due`` while both are silent."""

    def __init__(self, text: str, before_ms: int, limit_ms: int) -> None:
        """``before_ms``: how long before ``limit_ms``, where the call ends. Without words, or without time, nothing is ever due."""
        self.text = text.strip()
        self._before_ms = before_ms
        self._limit_ms = limit_ms
        self._is_said = not self.text or before_ms >= limit_ms

    def is_due(self, now_ms: int, quiet_since_ms: int, *, has_asked: bool) -> bool:
        """``has_asked``: the agent's last words were a question, and nothing was answered yet."""
        left_ms = self._limit_ms - now_ms
        if self._is_said or not self._before_ms // 3 < left_ms <= self._before_ms:
            return False
        if left_ms <= self._before_ms // 2:
            return now_ms - quiet_since_ms >= GAP_IN_A_HURRY_MS
        return now_ms - quiet_since_ms >= (GAP_AFTER_QUESTION_MS if has_asked else GAP_MS)

    def said(self) -> None:
        self._is_said = True

    def withdrawn(self) -> None:
        """Nothing of it was heard after all: the next silence will do."""
        self._is_said = False
