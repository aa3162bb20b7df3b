"""What differs between two long texts, line by line, with a little of what stayed around it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher

AROUND = 1
"""Lines shown before and after a change."""


@dataclass(frozen=True, slots=True)
class Line:
    """``kind``: same · removed · added · skipped (``count`` lines that stayed)."""

    kind: str
    text: str = ""
    count: int = 0


def changed_lines(before: str, after: str) -> list[Line]:
    """Empty where neither has several lines: two short values are read side by side."""
    old, new = before.splitlines(), after.splitlines()
    if len(old) < 2 and len(new) < 2:
        return []
    found: list[Line] = []
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    for kind, from_old, to_old, from_new, to_new in matcher.get_opcodes():
        if kind == "equal":
            found += _same(old[from_old:to_old], from_old == 0, to_old == len(old) and to_new == len(new))
            continue
        found += [Line("removed", text) for text in old[from_old:to_old]]
        found += [Line("added", text) for text in new[from_new:to_new]]
    return found


def _same(lines: list[str], is_first: bool, is_last: bool) -> list[Line]:
    head = 0 if is_first else AROUND
    tail = 0 if is_last else AROUND
    skipped = len(lines) - head - tail
    if skipped < 2:  # a line about one line saves nothing
        return [Line("same", text) for text in lines]
    after = lines[len(lines) - tail :]
    return [
        *(Line("same", text) for text in lines[:head]),
        Line("skipped", count=skipped),
        *(Line("same", text) for text in after),
    ]
