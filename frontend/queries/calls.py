"""Calls as the list shows them: found, narrowed, and put into words."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Exists, F, OuterRef, Q, QuerySet, TextField
from django.db.models.functions import Cast

from accounts.models import Organization
from frontend.queries.moments import moment_words
from telephony.end_reasons import REASONS
from telephony.models import Call, CallEvent, Turn

UTC = ZoneInfo("UTC")
PAGE_SIZE = 50
MOST_WORDS = 8

SIDES: dict[str, str] = {
    "caller": "The caller",
    "agent": "The agent or your team",
    "line": "The line",
    "vendor": "A vendor",
    "us": "Parley",
}
"""Whose side an end was on, for people."""
PLACES: dict[str, str] = {
    "caller": "on the caller's side",
    "agent": "by the agent or your team",
    "line": "on the line",
    "vendor": "at a vendor",
    "us": "on Parley's side",
}
"""The same within a sentence."""

FAULTS = [key for key, reason in REASONS.items() if reason.is_fault]


@dataclass(frozen=True, slots=True)
class CallFilter:
    """What the list is narrowed to. Dates are whole days in ``zone``, the last one included."""

    words: str = ""
    agent: uuid.UUID | None = None
    status: str = ""
    side: str = ""
    only_faults: bool = False
    since: date | None = None
    until: date | None = None
    zone: ZoneInfo = UTC

    @property
    def is_active(self) -> bool:
        wishes = (self.words.strip(), self.agent, self.status, self.side, self.only_faults, self.since, self.until)
        return any(wishes)


def calls_of(organization: Organization) -> QuerySet[Call]:
    """Every call, newest first."""
    rows: QuerySet[Call] = Call.objects.owned_by(organization)
    return rows.select_related("agent", "version").order_by("-created_at", "-id")


def as_rows(calls: QuerySet[Call]) -> QuerySet[Call]:
    """What a row of the list shows, without the specs, which may be long: of those only what was to be collected."""
    light = calls.defer("spec", "agent__draft", "version__spec")
    rows: QuerySet[Call] = light.annotate(asked=F("spec__does__collect"))
    return rows


def narrow(calls: QuerySet[Call], wanted: CallFilter) -> QuerySet[Call]:
    if wanted.agent:
        calls = calls.filter(agent_id=wanted.agent)
    if wanted.status:
        calls = calls.filter(status=wanted.status)
    if wanted.side:
        calls = calls.filter(end_reason__in=[key for key, reason in REASONS.items() if reason.side == wanted.side])
    if wanted.only_faults:
        calls = calls.filter(end_reason__in=FAULTS)
    if wanted.since:
        calls = calls.filter(created_at__gte=midnight(wanted.since, wanted.zone))
    if wanted.until:
        calls = calls.filter(created_at__lt=midnight(wanted.until + timedelta(days=1), wanted.zone))
    for word in wanted.words.split()[:MOST_WORDS]:
        calls = calls.alias(collected_text=Cast("collected", TextField())).filter(_mentions(word))
    return calls


def _mentions(word: str) -> Q:
    """It was said, or is in the caller's name or number, or was collected. The middleware keeps it to the organization."""
    said = Turn.objects.filter(call=OuterRef("pk"), text__icontains=word)
    return Q(Exists(said)) | Q(caller__icontains=word) | Q(collected_text__icontains=word)


def midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time.min, tzinfo=zone)


@dataclass(frozen=True, slots=True)
class Ending:
    """How a call ended or how it is going, as a row and the call page say it."""

    words: str
    icon: str
    colour: str
    side: str = ""
    place: str = ""
    advice: str = ""
    detail: str = ""
    is_fault: bool = False
    is_ours: bool = False


def is_ringing(call: Call) -> bool:
    """A call of ours that nobody has picked up yet."""
    is_ours = call.direction == Call.Direction.OUTBOUND
    return is_ours and call.status == Call.Status.QUEUED and call.streams == 0 and not call.picked_up_by


def ending(call: Call) -> Ending:
    if is_ringing(call):
        return Ending("Ringing", icon="phone-outgoing", colour="warning")
    if call.status == Call.Status.QUEUED:
        return Ending("Waiting for a worker", icon="clock", colour="warning")
    if call.status == Call.Status.IN_PROGRESS and call.instead.get("how") == "voicemail":
        return Ending("The caller leaves a message", icon="phone-call", colour="success")
    if call.status == Call.Status.IN_PROGRESS:
        return Ending("In progress", icon="phone-call", colour="success")
    reason = REASONS.get(call.end_reason)
    if reason is None:
        return Ending("Ended", icon="phone-off", colour="secondary", detail=call.end_reason)
    return Ending(
        reason.words,
        icon="alert-triangle" if reason.is_fault else "check",
        colour="danger" if reason.is_fault else "secondary",
        side=SIDES[reason.side],
        place=PLACES[reason.side],
        advice=reason.advice,
        detail=call.end_detail,
        is_fault=reason.is_fault,
        is_ours=reason.side == "us",
    )


@dataclass(frozen=True, slots=True)
class CollectedField:
    key: str
    title: str
    question: str
    value: str
    """As a person reads it; empty where nothing was found out."""
    is_confirmed: bool | None = None


def collected_fields(call: Call, events: Iterable[CallEvent] = ()) -> list[CollectedField]:
    """What the agent was to find out, in its order, then whatever else is in the data.

    ``events`` of the kind "collected" know how each value was spoken and whether the caller confirmed it.
    """
    asked = {str(field["key"]): field for field in _asked(call)}
    told = {str(event.data.get("key")): event.data for event in events if event.kind == "collected"}
    values = {**{key: data.get("value") for key, data in told.items()}, **call.collected}
    keys = dict.fromkeys([*asked, *values])
    return [_field(key, values.get(key), asked.get(key, {}), told.get(key, {})) for key in keys]


def collected_summary(call: Call, most: int = 3) -> str:
    """The first few known values on one line."""
    known = [field.value for field in collected_fields(call) if field.value]
    return " · ".join(known[:most]) + (" · …" if len(known) > most else "")


def _asked(call: Call) -> list[dict[str, Any]]:
    if hasattr(call, "asked"):
        fields = call.asked
    else:
        does = call.spec.get("does") if isinstance(call.spec, dict) else None
        fields = does.get("collect") if isinstance(does, dict) else None
    return [field for field in fields or [] if isinstance(field, dict) and field.get("key")]


def _field(key: str, value: Any, asked: Mapping[str, Any], told: Mapping[str, Any]) -> CollectedField:
    is_same = bool(told) and told.get("value") == value
    words = str(told.get("spoken") or "") if is_same else ""
    return CollectedField(
        key,
        field_title(key),
        str(asked.get("question", "")),
        words or _read(value, str(asked.get("type", ""))),
        bool(told.get("is_confirmed")) if is_same and value not in (None, "") else None,
    )


def field_title(key: str) -> str:
    return key.replace("_", " ").capitalize()


def _read(value: Any, kind: str = "") -> str:
    match value:
        case None | "":
            return ""
        case bool():
            return "Yes" if value else "No"
        case str() if kind == "datetime":
            return moment_words(value)
        case _:
            return str(value)
