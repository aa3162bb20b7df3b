"""When to open a transcriber again that broke: at once, then after growing pauses, and when to give it up. Pure.

A vendor's blip of half a second must not end a call, and a call that goes on for an hour may see many: what has worked for a
while starts with a clean slate.
"""

from __future__ import annotations

from dataclasses import dataclass

PAUSES_MS = (0, 250, 500, 1_000, 2_000, 4_000)
"""Before each new opening in a row; then it is lost."""
BACKED = 2
"""So many openings in a row where another transcriber stands ready."""
WORKED_MS = 10_000


@dataclass(slots=True)
class Reopening:
    """Of one transcriber in one call. Milliseconds of the call's clock."""

    failures: int = 0
    """In a row."""

    def failed(self, now_ms: int, opened_ms: int | None, *, is_backed: bool) -> int | None:
        """How long to wait before the next opening; ``None``: give it up. ``opened_ms``: since when it had been open."""
        if opened_ms is not None and now_ms - opened_ms >= WORKED_MS:
            self.failures = 0
        self.failures += 1
        most = BACKED - 1 if is_backed else len(PAUSES_MS)
        return PAUSES_MS[self.failures - 1] if self.failures <= most else None
