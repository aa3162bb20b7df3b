"""Days in English: "next Tuesday", "the 3rd of December", "in two weeks", "12/3"."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MONTHS = (
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
)
_ORDINALS = (
    "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh", "twelfth", "thirteenth",
    "fourteenth", "fifteenth", "sixteenth", "seventeenth", "eighteenth", "nineteenth", "twentieth", "twenty first", "twenty second",
    "twenty third", "twenty fourth", "twenty fifth", "twenty sixth", "twenty seventh", "twenty eighth", "twenty ninth", "thirtieth",
    "thirty first",
)  # fmt: skip
_CARDINALS = (
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen",
    "sixteen", "seventeen", "eighteen", "nineteen", "twenty", "twenty one", "twenty two", "twenty three", "twenty four", "twenty five",
    "twenty six", "twenty seven", "twenty eight", "twenty nine", "thirty", "thirty one",
)  # fmt: skip


_Read = Callable[[re.Match[str], date], date | None]


@dataclass(frozen=True, slots=True)
class Day:
    day: date
    start: int
    end: int


def _any(names: tuple[str, ...]) -> str:
    return "|".join(sorted((n.replace(" ", "[ -]") for n in names), key=len, reverse=True))


_WEEKDAY = (
    r"(?P<weekday>mon(?:day)?|tues?(?:day)?|wed(?:s|nesday)?|thu(?:rs?)?(?:day)?|fri(?:day)?|"
    r"sat(?:urday)?|sun(?:day)?)s?\b"
)
_MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|"
    r"sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\b\.?"
)
_NTH = rf"(?P<nth>\d{{1,2}}(?:st|nd|rd|th)|{_any(_ORDINALS)})\b"
_NUMBER = rf"(?P<number>\d{{1,2}}(?:st|nd|rd|th)?|{_any(_ORDINALS)}|{_any(_CARDINALS)})\b(?!:|\s*(?:am|pm|o'clock))"
_YEAR = r"(?:,?\s+(?P<year>(?:19|20)\d\d))?"
_AHEAD = re.compile(r"\b(?:tomorrow|next|coming|in|from|after)\b")
_COUNT = rf"(?P<count>\d{{1,2}}|an?|a couple of|a few|{_any(_CARDINALS)})"


def _count(text: str) -> int:
    text = text.replace("-", " ")
    if text.isdecimal():
        return int(text)
    return {"a": 1, "an": 1, "a couple of": 2, "a few": 3}.get(text) or _CARDINALS.index(text) + 1


def _nth(text: str) -> int:
    text = text.replace("-", " ")
    digits = re.match(r"\d+", text)
    if digits:
        return int(digits[0])
    return (_ORDINALS.index(text) if text in _ORDINALS else _CARDINALS.index(text)) + 1


def _weekday(text: str) -> int:
    return next(i for i, name in enumerate(WEEKDAYS) if name.startswith(text[:3]))


def _month(text: str) -> int:
    return next(i for i, name in enumerate(MONTHS, 1) if name.startswith(text[:3]))


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _ago(m: re.Match[str], today: date) -> date:
    return today - timedelta(days=_count(m["count"]) * {"day": 1, "week": 7, "month": 30}[m["unit"]])


def _backwards(read: _Read, match: re.Match[str], today: date) -> date | None:
    """The last such day rather than the next one: "Friday" of a thing that has happened is the Friday gone by."""
    found = read(match, today)
    if found and found > today and not _AHEAD.search(match[0]):
        earlier = (read(match, today - timedelta(days=back)) for back in (7, 31, 366))
        return next((day for day in earlier if day and day <= today), found)
    return found


def _coming(month: int, day: int, today: date, year: str | None) -> date | None:
    """That day of the year, this year or the next one in which it is not past."""
    if year:
        return _date(int(year), month, day)
    this = _date(today.year, month, day)
    return this if this and this >= today else _date(today.year + 1, month, day)


def _in_month(m: re.Match[str], today: date) -> date | None:
    return _coming(_month(m["month"]), _nth(m["number"]), today, m["year"])


def _nth_of_this_month(m: re.Match[str], today: date) -> date | None:
    nth = _nth(m["nth"])
    for ahead in range(3):
        month = today.month - 1 + ahead
        found = _date(today.year + month // 12, month % 12 + 1, nth)
        if found and found >= today:
            return found
    return None


def _named(m: re.Match[str], today: date) -> date:
    """A weekday: the coming one; "next" skips to the next week when the coming one is still in this week."""
    weekday = _weekday(m["weekday"])
    ahead = (weekday - today.weekday()) % 7 or 7
    if m["which"] and "next" in m["which"] and weekday > today.weekday():
        ahead += 7
    if m["later"]:
        ahead += 7
    return today + timedelta(days=ahead)


def _counted(m: re.Match[str], today: date) -> date:
    count = _count(m["count"])
    if m["unit"] == "month":
        month = today.month - 1 + count
        return _date(today.year + month // 12, month % 12 + 1, today.day) or date(
            today.year + month // 12, month % 12 + 1, 28
        )
    return today + timedelta(days=count * (7 if m["unit"] == "week" else 1))


def _numeric(month_first: bool) -> _Read:
    def read(m: re.Match[str], today: date) -> date | None:
        first, second = int(m["a"]), int(m["b"])
        month, day = (first, second) if (month_first and first <= 12) or second > 12 else (second, first)
        year = m["y"] and (m["y"] if len(m["y"]) == 4 else "20" + m["y"])
        return _coming(month, day, today, year)

    return read


def _rules(*, month_first: bool, is_asked: bool) -> Iterator[tuple[str, _Read]]:
    weekday_before = rf"(?:(?:(?:on|this|next|coming) )*(?:{_WEEKDAY.replace('(?P<weekday>', '(?:')},? )(?:the )?)?"
    yield r"\b(?P<y>20\d\d)-(?P<m>\d\d)-(?P<d>\d\d)\b", lambda m, _: _date(int(m["y"]), int(m["m"]), int(m["d"]))
    yield r"\b(?P<a>\d{1,2})/(?P<b>\d{1,2})(?:/(?P<y>\d{4}|\d\d))?\b", _numeric(month_first)
    yield r"\b(?P<a>\d{1,2})\.(?P<b>\d{1,2})\.(?P<y>\d{4})\b", _numeric(False)
    yield rf"\b{weekday_before}(?:the )?{_NUMBER.replace('number', 'number')}(?: of|,)? {_MONTH}{_YEAR}", _in_month
    yield rf"\b{weekday_before}{_MONTH}(?: the)?,? {_NUMBER}{_YEAR}", _in_month
    yield rf"\b{_WEEKDAY}(?:,)? (?:the )?{_NTH}", _nth_of_this_month
    yield rf"\b(?:the )?{_NTH} (?:of )?(?:this month)", _nth_of_this_month
    yield r"\bday before yesterday\b", lambda _, today: today - timedelta(days=2)
    yield r"\byesterday\b", lambda _, today: today - timedelta(days=1)
    yield rf"\b{_COUNT} (?P<unit>day|week|month)s? ago\b", _ago
    yield r"\bday after tomorrow\b", lambda _, today: today + timedelta(days=2)
    yield (
        rf"\b(?:a|one) week from {_WEEKDAY}",
        lambda m, today: today + timedelta(days=((_weekday(m["weekday"]) - today.weekday()) % 7 or 7) + 7),
    )
    yield r"\b(?:a|one) week from tomorrow\b|\btomorrow week\b", lambda _, today: today + timedelta(days=8)
    yield r"\b(?:a|one) week from today\b", lambda _, today: today + timedelta(days=7)
    yield r"\btomorrow\b", lambda _, today: today + timedelta(days=1)
    yield r"\b(?:today|tonight|this (?:morning|afternoon|evening))\b", lambda _, today: today
    yield rf"\bin {_COUNT} (?P<unit>day|week|month)s?(?:'? time)?\b", _counted
    yield rf"\b{_COUNT} (?P<unit>day|week|month)s? from (?:now|today)\b", _counted
    yield (
        rf"\b(?:the )?(?:next week|week after next),? (?:on )?{_WEEKDAY}|"
        rf"\b(?:on )?{_WEEKDAY.replace('weekday', 'weekday2')},? (?:of )?(?:next week|(?:the )?week after next)",
        _next_week_either,
    )
    yield (
        rf"\b(?P<which>(?:(?:on|this|the|coming|next|following) )*){_WEEKDAY}(?P<later> week\b| after next\b)?",
        _named,
    )
    the = "(?:the )?" if is_asked else "(?:on )?the "
    yield (
        rf"\b{the}{_NTH}(?! (?:one|time|floor|option|person|street|avenue|appointment|visit|of all|thing))",
        _nth_of_this_month,
    )


@cache
def _compiled(month_first: bool, is_asked: bool) -> tuple[tuple[re.Pattern[str], _Read], ...]:
    return tuple((re.compile(p), read) for p, read in _rules(month_first=month_first, is_asked=is_asked))


def _next_week_either(m: re.Match[str], today: date) -> date:
    weeks = 2 if "after next" in m[0] else 1
    return today + timedelta(days=7 * weeks - today.weekday() + _weekday(m["weekday"] or m["weekday2"]))


def days(low: str, today: date, *, month_first: bool, is_asked: bool, looks_back: bool = False) -> list[Day]:
    """The days named in a flat text, in order; the rule that reads more of the words wins.

    ``looks_back``: asked is what has happened, so a Friday is the last one. Otherwise what is past is no answer.
    """
    found: list[Day] = []
    read_already: list[tuple[int, int]] = []  # also what is no day: of "February 30th" nothing is left to be the 30th
    for pattern, read in _compiled(month_first, is_asked):
        for match in pattern.finditer(low):
            if _is_a_word(match, is_asked=is_asked) or any(
                start < match.end() and match.start() < end for start, end in read_already
            ):
                continue
            read_already.append(match.span())
            day = _backwards(read, match, today) if looks_back else read(match, today)
            if day and (looks_back or day >= today or re.search(r"\d{4}", match[0])):
                found.append(Day(day, match.start(), match.end()))
    return sorted(found, key=lambda d: d.start)


def _is_a_word(match: re.Match[str], *, is_asked: bool) -> bool:
    """ "I sat down", "the sun", "it may 2 …": short names that are words of their own stand alone too often to count."""
    named = match.groupdict().get("weekday") or ""
    if is_asked and named in ("wed", "mon"):
        return False
    return named in ("sat", "sun", "wed", "mon") and not re.search(r"\bon $", match.string[: match.start("weekday")])
