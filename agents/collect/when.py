"""Days and times as callers say them. Values are ISO 8601: "2026-11-24", "2026-11-24T10:00"; "T10:00" is a time without its day."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time

from agents.collect.calendar_words import MONTHS, WEEKDAYS, days
from agents.collect.clock_words import PART_NAMES, Clock, clocks, parts_of_day
from agents.collect.understood import Ask, Understood
from agents.collect.words import flat

_NEGATED = re.compile(
    r"\b(?:not|n't|no longer|cannot|can't do|can't make|can't on|can't come(?: on)?|instead of|"
    r"rather than|won't work on|except|anything but|since|until|last)"
    r"(?: (?:on|at|the|do|make|for|this|a))*[\s,]*$"
)
_NEGATED_BACK = re.compile(_NEGATED.pattern.replace("|since|until|last", ""))
_LOOKS_BACK = re.compile(
    r"\b(?:was|were|did|had|happened|arrived?|occurred|noticed|bought|born|birth|birthday|last (?:visit|time|seen))\b"
)
_DOES_NOT_WORK = re.compile(
    r"^[\s,]*(?:(?:is|was) (?:not|no) |isn't |wasn't |doesn't |does not |won't |will not |didn't |i can't|"
    r"is wrong|was wrong|is bad|is out|"
    r"is impossible)(?!bad|a problem)"
)


@dataclass(frozen=True, slots=True)
class When:
    """A day, a time of day, or both."""

    day: date | None = None
    clock: time | None = None
    part: str = ""
    """"morning", "afternoon", "evening": said in place of a time."""


def ordinal(n: int) -> str:
    return f"{n}{'th' if 10 <= n % 100 <= 20 else {1: 'st', 2: 'nd', 3: 'rd'}.get(n % 10, 'th')}"


def spoken_time(clock: time) -> str:
    if clock == time(12):
        return "noon"
    if clock == time(0):
        return "midnight"
    hour = clock.hour % 12 or 12
    half = "a.m." if clock.hour < 12 else "p.m."
    return f"{hour}:{clock.minute:02} {half}" if clock.minute else f"{hour} {half}"


def spoken_day(day: date, now: datetime) -> str:
    """ "Tuesday, November 24th"; the year only where it isn't plain."""
    year = f", {day.year}" if abs((day - now.date()).days) > 200 else ""
    return f"{WEEKDAYS[day.weekday()].capitalize()}, {MONTHS[day.month - 1].capitalize()} {ordinal(day.day)}{year}"


def spoken(when: When, now: datetime) -> str:
    day = spoken_day(when.day, now) if when.day else ""
    clock = f"at {spoken_time(when.clock)}" if when.clock else PART_NAMES.get(when.part, "")
    return f"{day} {clock}".strip()


def read(value: object) -> When:
    """A value written by ``iso`` as what it means."""
    text = str(value or "")
    day, _, clock = text.partition("T")
    try:
        return When(date.fromisoformat(day) if day else None, time.fromisoformat(clock) if clock else None)
    except ValueError:
        return When()


def iso(when: When) -> str:
    day = when.day.isoformat() if when.day else ""
    return f"{day}T{when.clock:%H:%M}" if when.clock else day


def _is_meant(low: str, start: int, end: int, *, looks_back: bool = False) -> bool:
    negated = _NEGATED_BACK if looks_back else _NEGATED
    return not negated.search(low[:start]) and not _DOES_NOT_WORK.search(low[end:])


def _chosen(clock: Clock, part: str, open_hours: frozenset[int]) -> time:
    """The time meant: said outright, by the part of the day, or else within the hours of business."""
    if clock.is_exact:
        return clock.at
    hour = clock.at.hour
    either = [h for h in (hour % 12, hour % 12 + 12) if h in open_hours]
    if not part and len(either) == 1:
        return clock.at.replace(hour=either[0])
    if part == "morning":
        hour = hour % 12 if hour == 12 else hour
    elif part in ("evening", "night", "tonight"):
        hour = hour + 12 if 4 <= hour < 12 else hour
    elif part == "afternoon" or 1 <= hour <= 6:
        hour = hour + 12 if hour < 12 else hour
    return clock.at.replace(hour=hour)


def understand(text: str, ask: Ask) -> Understood | None:
    low = flat(text)
    previous = read(ask.previous)
    back = bool(_LOOKS_BACK.search(f"{ask.field.key.replace('_', ' ')} {ask.field.question.lower()}"))
    month_first = ask.region in ("US", "PH", "")
    found_days = [
        d
        for d in days(low, ask.now.date(), month_first=month_first, is_asked=ask.asked, looks_back=back)
        if _is_meant(low, d.start, d.end, looks_back=back)
    ]
    for hit in found_days:  # so that "the 3rd" isn't taken for three o'clock
        low = low[: hit.start] + "#" * (hit.end - hit.start) + low[hit.end :]
    is_open = ask.asked or previous.day is not None
    may_be_bare = ask.asked or not ask.has_rival
    heard_clocks = [c for c in clocks(low, is_asked=is_open) if may_be_bare or not c.is_bare]
    found_clocks = [c for c in heard_clocks if _is_meant(low, c.start, c.end)]
    parts = [p for p in parts_of_day(flat(text)) if _is_meant(flat(text), p.start, p.end)]
    if not (found_days or found_clocks or (parts and is_open)):
        return None
    day = found_days[0].day if found_days else None
    part = parts[0].name if parts else ""
    clock = _chosen(found_clocks[0], part, ask.open_hours) if found_clocks else None
    if day is None and part in ("tonight",):
        day = ask.now.date()
    if day is None and not clock and not previous.day:
        return None if not ask.asked else _partial(parts[0].name, ask, (parts[0].start, parts[0].end))
    kept_clock = previous.clock if not part else None
    when = When(day or previous.day, clock or kept_clock, part if not clock else "")
    spots = [
        *((d.start, d.end) for d in found_days[:1]),
        *((c.start, c.end) for c in found_clocks[:1]),
        *((p.start, p.end) for p in parts[:1]),
    ]
    span = (min(start for start, _ in spots), max(end for _, end in spots))
    places = tuple(spots)
    sure = 0.95 if found_clocks and found_clocks[0].is_exact else 0.85
    if when.day is None:
        return Understood(iso(when), spoken(when, ask.now), 0.6, span, is_complete=False, spots=places)
    return Understood(iso(when), spoken(when, ask.now), sure, span, spots=places)


def _partial(part: str, ask: Ask, span: tuple[int, int]) -> Understood:
    return Understood("", PART_NAMES.get(part, part), 0.4, span, is_complete=False)
