"""Times of day in English: "half past two", "10:30", "three in the afternoon", "at ten"."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import time

HOURS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_MINUTES = {
    "five": 5, "ten": 10, "fifteen": 15, "twenty": 20, "twenty five": 25, "thirty": 30, "thirty five": 35, "forty": 40, "forty five": 45,
    "fifty": 50, "fifty five": 55, "oh five": 5, "o five": 5, "quarter": 15, "half": 30,
}  # fmt: skip
DAYTIME = frozenset(range(7, 19))
"""Hours of business where none are known."""
PART_NAMES = {
    "morning": "in the morning",
    "afternoon": "in the afternoon",
    "evening": "in the evening",
    "night": "at night",
    "tonight": "in the evening",
}

_HOUR = rf"(?P<hour>\d{{1,2}}|{'|'.join(HOURS)})"
_MINUTE = (
    "(?P<minute>" + "|".join(sorted((m.replace(" ", "[ -]") for m in _MINUTES), key=len, reverse=True)) + r"|[0-5]\d|5)"
)
_HALF = r"(?:\s*(?P<half>am|pm)\b)"
_PART = r"(?:,? (?:in the |at |this |tomorrow )?(?P<part>morning|afternoon|evening|night)\b)"
_BEFORE = r"(?:at|around|about|by|after|before|from|for|between|maybe|say|till|to)"


@dataclass(frozen=True, slots=True)
class Clock:
    at: time
    is_exact: bool
    """False: morning or afternoon wasn't said."""
    start: int
    end: int
    is_bare: bool = False
    """A number and nothing more, so that it may as well count something."""


@dataclass(frozen=True, slots=True)
class Part:
    name: str
    start: int
    end: int


def _hour(text: str) -> int:
    return int(text) if text.isdecimal() else HOURS.index(text) + 1


def _minute(text: str | None) -> int:
    if not text:
        return 0
    return int(text) if text.isdecimal() else _MINUTES[text.replace("-", " ")]


def _clock(m: re.Match[str], hour: int, minute: int) -> Clock | None:
    groups = m.groupdict()
    half = groups.get("half") or {"morning": "am", "afternoon": "pm", "evening": "pm", "night": "pm"}.get(
        groups.get("part") or "", ""
    )
    if hour > 23 or minute > 59:
        return None
    if half == "pm" and hour < 12:
        hour += 12
    elif half == "am" and hour == 12:
        hour = 0
    start, end = m.span()
    return Clock(time(hour, minute), bool(half) or hour > 12 or hour == 0, start, end)


def _plain(m: re.Match[str]) -> Clock | None:
    return _clock(m, _hour(m["hour"]), _minute(m.groupdict().get("minute")))


def _past(m: re.Match[str]) -> Clock | None:
    return _clock(m, _hour(m["hour"]), _minute(m["minute"]))


def _to(m: re.Match[str]) -> Clock | None:
    hour = _hour(m["hour"])
    return _clock(m, 12 if hour == 1 else hour - 1, 60 - _minute(m["minute"]))


def _fixed(m: re.Match[str]) -> Clock | None:
    return Clock(time(0 if "night" in m[0] else 12), True, *m.span())


_END = rf"(?:{_HALF}|{_PART})?"
_NOT_A_TIME = (
    r"(?![\w:]|[.,]\d|\s*(?:%|percent|people|persons|of us|guests|years?|days?|weeks?|months?|hours?|"
    r"minutes?|dollars|streets?|avenue|street|kids|children|"
    r"times?|digits?|hundred|thousand|point|dot|five|zero|oh)\b)"
)
_RULES: tuple[tuple[str, Callable[[re.Match[str]], Clock | None], bool], ...] = (
    (rf"\b(?:{_MINUTE})(?: minutes?)? (?:past|after) {_HOUR}(?: o'?clock)?\b{_END}", _past, False),
    (rf"\b(?:an? )?(?:{_MINUTE})(?: minutes?)? (?:to|til|till|before|of) {_HOUR}(?: o'?clock)?\b{_END}", _to, False),
    (rf"\b{_HOUR}[:.](?P<minute>[0-5]\d)\b(?!/){_END}", _plain, False),
    (rf"\bhalf (?P<hour>{'|'.join(HOURS)})\b{_END}", lambda m: _clock(m, _hour(m["hour"]), 30), False),
    (rf"\b{_HOUR}[ -]{_MINUTE}(?:{_HALF}|{_PART})", _plain, False),
    (rf"\b{_HOUR} ?o'?clock\b{_END}", _plain, False),
    (rf"\b{_HOUR}(?:{_HALF}|{_PART})", _plain, False),
    (r"\b(?:12 )?(?:noon|midday|lunchtime|lunch time|midnight)\b", _fixed, False),
    (rf"\b{_BEFORE} {_HOUR}[ -]{_MINUTE}\b{_NOT_A_TIME}", _plain, False),
    (rf"\b(?:at|around) {_HOUR}\b{_NOT_A_TIME}", _plain, False),
    (rf"\b{_BEFORE} {_HOUR}\b{_NOT_A_TIME}", _plain, True),
    (rf"\b(?:be|is|make it|make that) {_HOUR}(?:[ -]{_MINUTE})?\b{_NOT_A_TIME}", _plain, True),
    (rf"(?<=#)[,;]? {_HOUR}(?:[ -]{_MINUTE})?\b{_NOT_A_TIME}", _plain, False),
    (rf"^[\W]*(?:(?:no|yes|yeah|well|um|uh|okay|ok|and|then|make (?:it|that)|let's say|let's do|how about|"
        rf"what about|maybe|sorry|i mean|i meant|actually)[\s,.]+)*"
     rf"{_HOUR}(?:[ -]{_MINUTE})?\b(?=\W*(?:$|(?:please|works|would|is|sounds|then|#|on|if)\b))", _plain, True),
    (rf"\b{_HOUR}(?:[ -]{_MINUTE})?(?= (?:works|would work|would be|is fine|is good|sounds|on #|#))", _plain, True),
)  # fmt: skip


_COMPILED = tuple((re.compile(pattern), read, needs_question) for pattern, read, needs_question in _RULES)


def clocks(low: str, *, is_asked: bool) -> list[Clock]:
    """The times named in a flat text, in order. A bare number counts only when a time is what was asked for."""
    found: list[Clock] = []
    for pattern, read, needs_question in _COMPILED:
        if needs_question and not is_asked:
            continue
        for match in pattern.finditer(low):
            if any(c.start < match.end() and match.start() < c.end for c in found):
                continue
            clock = read(match)
            if clock:
                is_bare = needs_question and not (clock.is_exact or clock.at.minute)
                found.append(replace(clock, is_bare=is_bare))
    return sorted(found, key=lambda c: c.start)


def parts_of_day(low: str) -> list[Part]:
    return [
        Part(m[1], *m.span())
        for m in re.finditer(r"\b(morning|afternoon|evening|night|tonight)s?\b", low)
        if not re.search(r"\bgood $", low[: m.start()])
    ]
