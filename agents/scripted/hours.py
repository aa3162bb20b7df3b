"""The hours of the day in which an agent's facts say that something is open, so that "at seven" is known to be the evening (English)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from agents.collect.clock_words import DAYTIME, HOURS
from agents.collect.words import flat
from agents.scripted.facts import Fact

_HALVES = {"am": 0, "in the morning": 0, "pm": 12, "in the afternoon": 12, "in the evening": 12, "at night": 12}
_TIME = rf"(\d{{1,2}}|{'|'.join(HOURS)}|noon|midday|midnight)(?:[:.]\d\d)?\s*({'|'.join(_HALVES)})?"
_RANGE = re.compile(
    rf"\b{_TIME}\s*(?:to|till|until|and|through|-|–)\s*{_TIME}"
    r"(?![\w:]|[.,]\d|\s*(?:%|people|persons|guests|minutes?|hours?|days?|weeks?|months?|years?|dollars|euros|pounds|miles?))"
)
_SPEAKS_OF_HOURS = re.compile(
    r"\b(?:open|opening|hours|serve[sd]?|serving|available|viewings?|appointments?|weekdays?|weekends?|daily|every day|"
    r"(?:mon|tues|wednes|thurs|fri|satur|sun)days?)\b"
)


def _hour(said: str) -> int:
    if said.isdecimal():
        return int(said)
    return {"noon": 12, "midday": 12, "midnight": 24}.get(said) or HOURS.index(said) + 1


def _range(first: str, first_half: str | None, last: str, last_half: str | None) -> range:
    """From opening to closing. With neither half said it opens in the morning from six on, and closes at the next such hour."""
    start, end = _hour(first), _hour(last)
    if max(start, end) > 24 or not end:
        return range(0)
    if last_half and end <= 12:
        end = end % 12 + _HALVES[last_half]
    if first_half and start <= 12:
        start = start % 12 + _HALVES[first_half]
    elif start < 12 and (start + 12 < end if last_half else start < 6):
        start += 12
    if not last_half:
        end += 12 if end <= start and end <= 12 else 0
    return range(start, min(end, 23) + 1)


def open_hours(facts: Sequence[Fact]) -> frozenset[int]:
    """Those the facts name, or the usual day where they name none."""
    found: set[int] = set()
    for fact in facts:
        low = flat(fact.to_match)
        if _SPEAKS_OF_HOURS.search(low):
            for match in _RANGE.finditer(low):
                found.update(_range(*match.groups()))
    return frozenset(found) or DAYTIME
