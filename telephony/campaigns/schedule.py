"""Who is called next, and when somebody is called again. Pure: state and time come in, actions go out.

``telephony.campaigns.runner`` reads the state from PostgreSQL and does what it is told here.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from telephony.campaigns.rules import Outcome, Rules
from telephony.dialing.hours import Hours, is_open, opens_at

MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)


# --- after a call


@dataclass(frozen=True, slots=True)
class Reached:
    pass


@dataclass(frozen=True, slots=True)
class RetryAt:
    at: datetime


@dataclass(frozen=True, slots=True)
class GaveUp:
    why: str


def after(outcome: Outcome, attempts: int, rules: Rules, now: datetime) -> Reached | RetryAt | GaveUp:
    """What becomes of somebody whose call number ``attempts`` ended so, ``now``. When the lines are open is looked at later."""
    if outcome == "answered":
        return Reached()
    wait = rules.wait_minutes(outcome)
    if not wait:
        return GaveUp("After this outcome the campaign doesn't call again.")
    if attempts >= rules.max_attempts:
        return GaveUp(f"Called {attempts} times." if attempts > 1 else "Called once.")
    return RetryAt(now + timedelta(minutes=wait) * rules.backoff ** (attempts - 1))


# --- what to do now


@dataclass(frozen=True, slots=True)
class Due:
    """Somebody whose time has come, as far as their last call goes. Those of a higher ``priority`` are called first."""

    contact: uuid.UUID
    zones: tuple[str, ...]
    ready_at: datetime
    priority: int = 0
    row: int = 0


@dataclass(frozen=True, slots=True)
class State:
    """``hours`` must all be open: the campaign's and the organization's. ``recent``: when the last minute's calls were placed."""

    rules: Rules
    hours: tuple[Hours, ...]
    live: int = 0
    recent: tuple[datetime, ...] = ()
    due: tuple[Due, ...] = ()


@dataclass(frozen=True, slots=True)
class Dial:
    contact: uuid.UUID


@dataclass(frozen=True, slots=True)
class Postpone:
    """Everyone in these time zones: nobody there may be called before ``until``."""

    zones: tuple[str, ...]
    until: datetime


@dataclass(frozen=True, slots=True)
class Never:
    """Nobody in these time zones can ever be called: the hours are never open everywhere they may be."""

    zones: tuple[str, ...]


Action = Dial | Postpone | Never


def next_actions(state: State, now: datetime) -> tuple[Action, ...]:
    """Whom to call now, in order, and who has to wait for their lines to open."""
    places = room(state, now)
    openings: dict[tuple[str, ...], datetime | None] = {}
    dials: list[Action] = []
    waits: list[Action] = []
    for due in sorted(state.due, key=lambda each: (-each.priority, each.ready_at, each.row, str(each.contact))):
        if due.ready_at > now:
            continue
        if due.zones not in openings:
            opening = openings[due.zones] = all_open_at(state.hours, due.zones, now)
            if opening is None:
                waits.append(Never(due.zones))
            elif opening > now:
                waits.append(Postpone(due.zones, opening))
        if openings[due.zones] == now and len(dials) < places:
            dials.append(Dial(due.contact))
    return (*dials, *waits)


def room(state: State, now: datetime) -> int:
    """How many calls may be started at this moment: as many as run at most, and no faster than the pace, a second's share at a time."""
    per_minute = state.rules.calls_per_minute
    a_second = -(-per_minute // 60)
    in_a_minute = sum(at > now - MINUTE for at in state.recent)
    in_a_second = sum(at > now - SECOND for at in state.recent)
    return max(0, min(state.rules.concurrency - state.live, per_minute - in_a_minute, a_second - in_a_second))


def all_open_at(hours: Sequence[Hours], zones: Sequence[str], now: datetime) -> datetime | None:
    """The first moment from ``now`` on when all of these hours are open. ``None``: never."""
    at = now
    for _ in range(60):
        openings = [opens_at(each, zones, at) for each in hours]
        known = [opening for opening in openings if opening is not None]
        if len(known) < len(openings):
            return None
        latest = max(known, default=at)
        if all(is_open(each, zones, latest) for each in hours):
            return latest
        at = latest
    return None
