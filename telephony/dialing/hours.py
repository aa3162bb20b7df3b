"""When people may be called: hours of the day where they are, on certain days of the week, and not on holidays. Pure.

Where nobody can tell which time zone a number is in, it has several, and must be open in all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_LABELS = {
    "mon": "Monday",
    "tue": "Tuesday",
    "wed": "Wednesday",
    "thu": "Thursday",
    "fri": "Friday",
    "sat": "Saturday",
    "sun": "Sunday",
}
CLOCK_PATTERN = r"^([01]\d|2[0-3]):[0-5]\d$|^24:00$"
CLOCK_SHAPE = "Write it as 09:00, from 00:00 to 24:00."
_HORIZON_DAYS = 60
"""Whoever isn't open within so many days is taken for never open."""


@dataclass(frozen=True, slots=True)
class Hours:
    """From ``start`` until before ``end``, in minutes since midnight on the called person's clock."""

    start: int
    end: int
    days: frozenset[Day] = frozenset(DAYS)
    holidays: frozenset[date] = frozenset()

    @classmethod
    def of(cls, start: str, end: str, days: Sequence[Day] = DAYS, holidays: Sequence[date] = ()) -> Hours:
        """From "09:00", "17:30"."""
        return cls(minutes(start), minutes(end), frozenset(days), frozenset(holidays))


def minutes(clock: str) -> int:
    """ "09:30" → 570."""
    hour, minute = clock.split(":")
    return int(hour) * 60 + int(minute)


def is_open(hours: Hours, zones: Sequence[str], at: datetime) -> bool:
    """No zone is known: UTC."""
    return all(_is_open_in(hours, zone, at) for zone in zones or ("UTC",))


def opens_at(hours: Hours, zones: Sequence[str], at: datetime) -> datetime | None:
    """``at`` where it is open, else the next moment it is. ``None``: never, as far as can be seen."""
    if is_open(hours, zones, at):
        return at
    if hours.start >= hours.end or not hours.days:
        return None
    places = [_zone(zone) for zone in zones or ("UTC",)]
    for ahead in range(-1, _HORIZON_DAYS):
        day = at.astimezone(UTC).date() + timedelta(days=ahead)
        openings = sorted({_moment(day, hours.start, place) for place in places})
        for opening in openings:
            if opening > at and is_open(hours, zones, opening):
                return opening
    return None


def _is_open_in(hours: Hours, zone: str, at: datetime) -> bool:
    there = at.astimezone(_zone(zone))
    if DAYS[there.weekday()] not in hours.days or there.date() in hours.holidays:
        return False
    return hours.start <= there.hour * 60 + there.minute < hours.end


def _moment(day: date, minute: int, place: ZoneInfo) -> datetime:
    if minute == 24 * 60:
        return datetime.combine(day + timedelta(days=1), time(0), place).astimezone(UTC)
    return datetime.combine(day, time(minute // 60, minute % 60), place).astimezone(UTC)


@lru_cache(maxsize=512)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
