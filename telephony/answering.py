"""What happens when somebody calls one of our numbers: who answers, when, and what else. Declared once; the form, the API and the call read it.

``decide`` is told the moment, which agents there are and whether a call worker has room, and says what to do with the call. It is
the same for every kind of line; whoever holds the line does it. No I/O, no clock.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, Field, StringConstraints, field_validator, model_validator

from agents.settings import Settings, hint
from telephony.dialing.hours import CLOCK_PATTERN, CLOCK_SHAPE, DAY_LABELS, DAYS, Day, minutes

WEEKDAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri")
_HOLIDAY = re.compile(r"(?:(\d{4})-)?(\d\d)-(\d\d)(?: (\d\d:\d\d)-(\d\d:\d\d))?")
_HORIZON_DAYS = 400
"""Whoever doesn't open within so many days is taken for closed for good."""
A_DAY = 24 * 60

How = Literal["agent", "forward", "voicemail", "message", "refuse"]
Why = Literal["", "closed", "no_agent", "archived", "unpublished", "unreadable", "no_room", "lost", "failed", "machine"]
"""Why somebody else than the number's agent has the call. Empty: it is the number's agent."""
WHY_WORDS: dict[str, str] = {
    "closed": "The call came after hours",
    "no_agent": "No agent is chosen for this number",
    "archived": "The agent is archived",
    "unpublished": "Nothing is published of the agent",
    "unreadable": "What is published of the agent can't be read any more",
    "no_room": "No call worker had room",
    "lost": "The call worker was lost, and no other had room",
    "failed": "The agent failed before its first word",
    "machine": "An answering machine picked up",
}


def _is_zone(name: str) -> str:
    if name and name not in _zones():
        raise ValueError(f"“{name[:60]}” is no time zone. Write it like America/New_York.")
    return name


def _is_holiday(line: str) -> str:
    found = _HOLIDAY.fullmatch(line)
    try:
        if found is None:
            raise ValueError
        year, month, day, opens, closes = found.groups()
        date(int(year or 2024), int(month), int(day))
        if opens and not minutes(opens) < minutes(closes) <= A_DAY:
            raise ValueError
    except ValueError:
        words = "Write a day as 2026-12-25, one of every year as 12-25, and one that is open for a while as 2026-12-24 09:00-13:00."
        raise ValueError(words) from None
    return line


Zone = Annotated[str, StringConstraints(strip_whitespace=True, max_length=64), AfterValidator(_is_zone)]
Holiday = Annotated[str, StringConstraints(strip_whitespace=True, max_length=30), AfterValidator(_is_holiday)]
Clock = Annotated[str, StringConstraints(pattern=CLOCK_PATTERN)]


class Opening(Settings):
    """One line of the week: these days, from this hour to that."""

    days: tuple[Day, ...] = Field(
        WEEKDAYS,
        min_length=1,
        max_length=7,
        title="Days",
        description="On which the number is answered.",
        json_schema_extra=hint(widget="days", labels=DAY_LABELS),
    )
    opens: Clock = Field(
        "09:00",
        title="From",
        description="On the number's own clock.",
        json_schema_extra=hint(widget="clock", shape=CLOCK_SHAPE),
    )
    closes: Clock = Field(
        "17:00",
        title="Until",
        description="On the same clock. Earlier than “From”: until that hour of the next day.",
        json_schema_extra=hint(widget="clock", shape=CLOCK_SHAPE),
    )

    @model_validator(mode="after")
    def _is_some_time(self) -> Opening:
        if self.opens == self.closes or self.opens == "24:00":
            raise ValueError("“From” and “Until” must differ. For the whole day write 00:00 and 24:00.")
        return self


class Schedule(Settings):
    """When the number is answered by its agent."""

    openings: tuple[Opening, ...] = Field(
        (),
        max_length=21,
        title="Opening hours",
        description="When the agent answers. Without any line it answers at all hours.",
        json_schema_extra=hint(widget="openings"),
    )
    holidays: tuple[Holiday, ...] = Field(
        (),
        max_length=400,
        title="Holidays",
        description="One a line: 2026-12-25 is closed, 12-25 every year, “2026-12-24 09:00-13:00” is open only then.",
        json_schema_extra=hint(widget="lines", placeholder="2026-12-25"),
    )
    time_zone: Zone = Field(
        "",
        title="Time zone",
        description="Whose clock these hours are on. Empty: the organization's.",
        json_schema_extra=hint(widget="zone"),
    )


def _how(default: How) -> Any:
    return Field(
        default,
        title="What happens",
        description="At a carrier all but another agent need no call worker, so they are there when nothing else is; at Telnyx and Plivo "
        "a message that the caller leaves needs one, too.",
        json_schema_extra=hint(
            widget="choice",
            labels={
                "agent": "Another agent answers",
                "forward": "Put through to a number or SIP address",
                "voicemail": "The caller can leave a message",
                "message": "A message is said, then it hangs up",
                "refuse": "Busy tone",
            },
        ),
    )


class Instead(Settings):
    """What happens where the number's agent doesn't answer."""

    how: How = _how("message")
    agent: str = Field(
        "",
        max_length=36,
        title="Agent",
        description="It answers with what is published of it.",
        json_schema_extra=hint(widget="agent", when=("how", "agent")),
    )
    forward_to: str = Field(
        "",
        max_length=120,
        title="Number or SIP address",
        description="Whom it is put through to: +14155550177 or sip:desk@pbx.example.com. Your limits hold for this call, too.",
        json_schema_extra=hint(placeholder="+14155550177", when=("how", "forward")),
    )
    ring_s: int = Field(
        25,
        ge=5,
        le=120,
        title="Let it ring for",
        description="Seconds until nobody is taken to be there. Then the caller hears the message below.",
        json_schema_extra=hint(unit="s", when=("how", "forward")),
    )
    greeting: str = Field(
        "Nobody can take your call right now. Please leave a message after the tone, and hang up when you are done.",
        min_length=1,
        max_length=1_000,
        title="What the caller hears first",
        description="Then a tone; what is said after it is recorded and written down on the call's page.",
        json_schema_extra=hint(widget="say", when=("how", "voicemail")),
    )
    longest_s: int = Field(
        120,
        ge=10,
        le=600,
        title="Longest message",
        description="Seconds. It also ends after five seconds of silence.",
        json_schema_extra=hint(unit="s", when=("how", "voicemail")),
    )
    message: str = Field(
        "Nobody can take your call right now. Please call again later.",
        min_length=1,
        max_length=1_000,
        title="Message",
        description="What the caller hears; also where nobody picks up, or nobody may be called.",
        json_schema_extra=hint(widget="say", when=("how", "forward", "message")),
    )

    @field_validator("agent")
    @classmethod
    def _is_an_id(cls, agent: str) -> str:
        try:
            return str(uuid.UUID(agent)) if agent else ""
        except ValueError:
            raise ValueError("Choose one of the agents.") from None

    @model_validator(mode="after")
    def _is_complete(self) -> Instead:
        if self.how == "agent" and not self.agent:
            raise ValueError("Choose the agent that answers instead.")
        if self.how == "forward" and not self.forward_to.strip():
            raise ValueError("Say which number it is put through to.")
        return self


class Share(Settings):
    version: int = Field(ge=1, le=1_000_000, title="Version", description="One of the agent's published versions.")
    weight: int = Field(
        100,
        ge=0,
        le=1_000,
        title="Share",
        description="Of all the shares together.",
        json_schema_extra=hint(unit="%"),
    )


class Versions(Settings):
    """Which version of the number's agent has the call."""

    shares: tuple[Share, ...] = Field(
        (),
        max_length=10,
        title="Split between versions",
        description="To try a new version with a few callers. Without any line what is published last answers. "
        "Who calls again meets the same version.",
        json_schema_extra=hint(widget="shares"),
    )

    @model_validator(mode="after")
    def _adds_up(self) -> Versions:
        numbers = [share.version for share in self.shares]
        if twice := [number for number in numbers if numbers.count(number) > 1]:
            raise ValueError(f"Version {twice[0]} is named twice.")
        if self.shares and not any(share.weight for share in self.shares):
            raise ValueError("One of the versions needs a share.")
        return self


class OnFailure(Instead):
    """The same where the agent can't answer: it is not published, or no call worker has room."""

    how: How = _how("refuse")


class Speech(Settings):
    """Who turns the caller's voice into words, and the agent's words into a voice."""

    by: Literal["parley", "twilio"] = Field(
        "parley",
        title="Who hears and speaks",
        description="Parley: with the agent's own transcriber and voice. Twilio: its ConversationRelay does, and only words come here. "
        "Then there is no recording, and Twilio charges for it by the minute. Only for numbers at Twilio.",
        json_schema_extra=hint(
            widget="choice",
            labels={"parley": "Parley", "twilio": "Twilio (ConversationRelay)"},
            term="ConversationRelay",
        ),
    )
    voice: Annotated[str, StringConstraints(strip_whitespace=True, max_length=100)] = Field(
        "",
        title="Twilio's voice",
        description="Its name in Twilio's list. Empty: Twilio's usual one for the agent's language.",
        json_schema_extra=hint(placeholder="en-US-Journey-O", when=("by", "twilio")),
    )


class Answering(Settings):
    """All that is set of a number beside the agent that answers it."""

    schedule: Schedule = Field(default_factory=Schedule, title="Opening hours")
    after_hours: Instead = Field(default_factory=Instead, title="After hours")
    on_failure: OnFailure = Field(default_factory=OnFailure, title="If the agent can't answer")
    versions: Versions = Field(default_factory=Versions, title="Versions")
    speech: Speech = Field(default_factory=Speech, title="Hearing and speaking")


GROUPS: tuple[str, ...] = ("schedule", "after_hours", "on_failure", "versions", "speech")


def is_address(to: str) -> bool:
    """A SIP address, and no telephone number."""
    return to.strip().lower().startswith(("sip:", "sips:"))


# --- when


def is_open(schedule: Schedule, zone: str, at: datetime) -> bool:
    """``zone`` counts where the schedule names none. Hours are on the wall's clock there, whatever summer time does to it."""
    if not schedule.openings and not schedule.holidays:
        return True
    there = at.astimezone(_zone(schedule.time_zone or zone))
    minute = there.hour * 60 + there.minute
    today = _spans(schedule, there.date())
    yesterday = _spans(schedule, there.date() - timedelta(days=1))
    return any(start <= minute < end for start, end in today) or any(minute + A_DAY < end for _, end in yesterday)


def changes_at(schedule: Schedule, zone: str, at: datetime) -> datetime | None:
    """The next moment when it is open where it is closed ``at`` that moment, or the other way round. ``None``: never."""
    if not schedule.openings and not schedule.holidays:
        return None
    place = _zone(schedule.time_zone or zone)
    was, first = is_open(schedule, zone, at), at.astimezone(place).date()
    for ahead in range(-1, _HORIZON_DAYS):
        day = first + timedelta(days=ahead)
        edges = sorted({edge for span in _spans(schedule, day) for edge in span} | {A_DAY})
        for edge in edges:
            moment = _moment(day, edge, place)
            if moment > at and is_open(schedule, zone, moment) is not was:
                return moment
    return None


def _spans(schedule: Schedule, day: date) -> tuple[tuple[int, int], ...]:
    """Minutes since that midnight; beyond 24 hours on the next day."""
    special = _special(schedule.holidays)
    for key in ((day.year, day.month, day.day), (0, day.month, day.day)):
        if key in special:
            return special[key]
    if not schedule.openings:
        return ((0, A_DAY),)
    name = DAYS[day.weekday()]
    return tuple(
        (opens, closes if closes > opens else closes + A_DAY)
        for opening in schedule.openings
        if name in opening.days
        for opens, closes in [(minutes(opening.opens), minutes(opening.closes))]
    )


@lru_cache(maxsize=64)
def _special(holidays: tuple[str, ...]) -> dict[tuple[int, int, int], tuple[tuple[int, int], ...]]:
    """(year, month, day) → when it is open then. The year 0 is every year; a day of one year goes before it."""
    found: dict[tuple[int, int, int], tuple[tuple[int, int], ...]] = {}
    for line in holidays:
        if (read := _HOLIDAY.fullmatch(line)) is not None:
            year, month, day, opens, closes = read.groups()
            found[int(year or 0), int(month), int(day)] = ((minutes(opens), minutes(closes)),) if opens else ()
    return found


def _moment(day: date, minute: int, place: ZoneInfo) -> datetime:
    """An hour that the clock leaves out in spring is the one after it."""
    ahead, left = divmod(minute, A_DAY)
    return datetime.combine(day + timedelta(days=ahead), time(left // 60, left % 60), place).astimezone(UTC)


# --- what


@dataclass(frozen=True, slots=True)
class Candidate:
    """An agent that may answer. ``published``: the number of what is published last; ``None``: nothing is."""

    published: int | None = None
    versions: frozenset[int] = field(default_factory=frozenset)
    is_archived: bool = False


@dataclass(frozen=True, slots=True)
class Talk:
    agent: str
    version: int
    why: Why = ""


@dataclass(frozen=True, slots=True)
class Forward:
    to: str
    ring_s: int
    message: str
    why: Why


@dataclass(frozen=True, slots=True)
class TakeMessage:
    greeting: str
    longest_s: int
    why: Why


@dataclass(frozen=True, slots=True)
class Say:
    text: str
    why: Why


@dataclass(frozen=True, slots=True)
class Refuse:
    """Nobody picks up. ``is_busy``: later somebody may."""

    why: Why
    is_busy: bool = True


Answer = Talk | Forward | TakeMessage | Say | Refuse


def decide(
    answering: Answering,
    agent: str,
    candidates: Mapping[str, Candidate],
    *,
    zone: str,
    at: datetime,
    has_room: bool,
    draw: float,
) -> Answer:
    """``agent`` is the number's; ``candidates`` are those that are named anywhere here. ``draw``, 0 to 1, chooses the version; the same
    caller has the same."""
    if not agent:
        return Refuse("no_agent", is_busy=False)
    if not is_open(answering.schedule, zone, at):
        found = instead(answering.after_hours, candidates, "closed", has_room)
        if not isinstance(found, Refuse) or found.why == "closed":
            return found
        return failing(answering, candidates, found.why, has_room)
    if why := _why_not(candidates.get(agent)) or ("" if has_room else "no_room"):
        return failing(answering, candidates, why, has_room)
    return Talk(agent, _drawn(answering.versions.shares, candidates[agent], draw))


def failing(answering: Answering, candidates: Mapping[str, Candidate], why: Why, has_room: bool) -> Answer:
    """The agent can't answer, or not go on."""
    return instead(answering.on_failure, candidates, why, has_room)


def instead(what: Instead, candidates: Mapping[str, Candidate], why: Why, has_room: bool) -> Answer:
    match what.how:
        case "agent":
            if not has_room:
                return Refuse("no_room")
            other = candidates.get(what.agent)
            if not_them := _why_not(other):
                return Refuse(not_them)
            assert other is not None and other.published is not None
            return Talk(what.agent, other.published, why)
        case "forward":
            return Forward(what.forward_to.strip(), what.ring_s, what.message, why)
        case "voicemail":
            return TakeMessage(what.greeting, what.longest_s, why)
        case "message":
            return Say(what.message, why)
    return Refuse(why, is_busy=why in ("closed", "no_room", "lost"))


def _why_not(candidate: Candidate | None) -> Why:
    if candidate is None:
        return "no_agent"
    if candidate.is_archived:
        return "archived"
    return "unpublished" if candidate.published is None else ""


def _drawn(shares: Sequence[Share], candidate: Candidate, draw: float) -> int:
    """A version that is there no more has no share."""
    known = [share for share in shares if share.version in candidate.versions and share.weight]
    assert candidate.published is not None
    left = draw * sum(share.weight for share in known)
    for share in known:
        left -= share.weight
        if left < 0:
            return share.version
    return known[-1].version if known else candidate.published


_known_zones: set[str] = set()


def _zones() -> set[str]:
    if not _known_zones:
        _known_zones.update(available_timezones())
    return _known_zones


@lru_cache(maxsize=512)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
