"""The one door out: no call leaves without a permit, and only ``reserve`` gives one.

A reservation is a row of PostgreSQL from before the carrier is asked until the call is over. An organization's reservations are
made one after the other, under a lock of its own, so that what is counted is what there is: of fifty that ask at once for the
last place one gets it. Calls a second are counted in Valkey; where that is away, nobody is called.

A place is given back by whoever ends the call (``release``, ``release_call``), and by the reaper where those are gone. A call that
was never made is taken back (``take_back``) by whoever knows for certain that it wasn't.
"""

from __future__ import annotations

import hashlib
import logging
import math
import uuid
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count, Q, Sum
from django.utils import timezone
from limits import RateLimitItemPerSecond
from limits.storage import RedisStorage
from limits.strategies import MovingWindowRateLimiter
from redis.backoff import NoBackoff
from redis.retry import Retry

from accounts import tenancy
from accounts.models import Organization
from telephony.dialing import policies
from telephony.dialing.e164 import Number, Unreadable, read
from telephony.dialing.models import DialReservation, DoNotCall
from telephony.dialing.policy import (
    PATHS,
    Allowed,
    Path,
    Policy,
    Refused,
    Request,
    Usage,
    cost_of,
    may_dial,
    may_reach,
    number_in,
)

logger = logging.getLogger(__name__)

LONGEST_MINUTES = 10
GRACE = timedelta(minutes=10)
_SEAL = object()


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave to make one call to ``number``. Whoever dials takes the number from here, and knows the call again by ``key``."""

    reservation: uuid.UUID
    organization: uuid.UUID
    number: str
    country: str
    path: Path
    key: str
    longest_minutes: int
    seal: object = field(repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.seal is not _SEAL:
            raise TypeError("A permit is given by telephony.dialing.gate.reserve, and by nothing else.")


class MayNotDial(Exception):
    """The call may not be made: ``refused`` says why, and whose it is to change."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.words)
        self.refused = refused


def reserve(
    organization: Organization,
    number: str,
    path: Path,
    *,
    longest_minutes: int = LONGEST_MINUTES,
    price_per_minute: Decimal | None = None,
    zones: tuple[str, ...] = (),
    key: str = "",
    now: datetime | None = None,
) -> Permit:
    """A place for this call, counted from now on. Raises :class:`MayNotDial`.

    It holds once the transaction it was made in is committed: ask the carrier after that, never inside. A ``key`` that has a
    running reservation gets the same one again; one that is over is refused, so that a request sent twice calls once.
    """
    if path not in PATHS:
        raise ValueError(f"{path!r} is no way of calling out: {', '.join(PATHS)}")
    at = now or timezone.now()
    key = key or uuid.uuid4().hex
    request = Request(number, path, at, longest_minutes, price_per_minute, zones)
    with tenancy.use(organization), transaction.atomic():
        _one_after_the_other(organization)
        if earlier := DialReservation.objects.filter(key=key).first():
            return _again(earlier, longest_minutes)
        policy = policies.policy_of(organization)
        answer = may_dial(policy, request, _usage(organization, number, policy, at))
        if isinstance(answer, Allowed):
            answer = _not_too_fast(organization, policy) or answer
        if isinstance(answer, Refused):
            raise MayNotDial(answer)
        row = DialReservation.objects.create(
            organization=organization,
            number=answer.number.e164,
            country=answer.number.country,
            path=path,
            key=key,
            price_per_minute=answer.price_per_minute,
            cost=answer.cost,
            day=_day(organization, at),
            made_at=at,
            expires_at=at + timedelta(minutes=longest_minutes) + GRACE,
        )
    return _permit(row, longest_minutes)


def reserve_address(
    organization: Organization,
    address: str,
    path: Path,
    *,
    longest_minutes: int = LONGEST_MINUTES,
    key: str = "",
    now: datetime | None = None,
) -> Permit:
    """The same for a SIP address, which is no number of any country: ``telephony.dialing.policy.may_reach``. Only for whoever dials
    at once: the row knows the address by the number in it, or by a short form."""
    at = now or timezone.now()
    key = key or uuid.uuid4().hex
    with tenancy.use(organization), transaction.atomic():
        _one_after_the_other(organization)
        if earlier := DialReservation.objects.filter(key=key).first():
            return replace(_again(earlier, longest_minutes), number=address)
        policy = policies.policy_of(organization)
        found = number_in(address, policy.home_country)
        called = found.e164 if isinstance(found, Number) else _short(address)
        usage = _usage_of(organization, called, at, is_do_not_call=_is_do_not_call(found))
        cost = may_reach(policy, address, Request(address, path, at, longest_minutes), usage)
        if not isinstance(cost, Refused):
            cost = _not_too_fast(organization, policy) or cost
        if isinstance(cost, Refused):
            raise MayNotDial(cost)
        row = DialReservation.objects.create(
            organization=organization,
            number=called,
            country=found.country if isinstance(found, Number) else "",
            path=path,
            key=key,
            price_per_minute=cost / longest_minutes,
            cost=cost,
            day=_day(organization, at),
            made_at=at,
            expires_at=at + timedelta(minutes=longest_minutes) + GRACE,
        )
    return replace(_permit(row, longest_minutes), number=address)


def check(
    organization: Organization,
    number: str,
    path: Path,
    now: datetime | None = None,
    *,
    longest_minutes: int = LONGEST_MINUTES,
) -> Allowed | Refused:
    """What ``reserve`` would answer now, calls a second aside. Nothing is counted."""
    at = now or timezone.now()
    policy = policies.policy_of(organization)
    with tenancy.use(organization):
        usage = _usage(organization, number, policy, at)
    return may_dial(policy, Request(number, path, at, longest_minutes), usage)


def attach(permit: Permit, call: Any) -> None:
    """The call this permit became: its end gives the place back."""
    with tenancy.use(permit.organization):
        DialReservation.objects.filter(pk=permit.reservation).update(call=call)


def permit_of(organization: Any, call: Any) -> Permit | None:
    """Of a call that was permitted in one process and is placed by another. ``None``: it has none, or has given it back."""
    with tenancy.use(organization):
        row = DialReservation.objects.filter(call=call, released_at=None).order_by("made_at").first()
    if row is None:
        return None
    return _permit(row, math.ceil((row.expires_at - row.made_at - GRACE).total_seconds() / 60))


def release(
    organization: Any, key: str, *, seconds: float | None, cost: Decimal | None = None, now: datetime | None = None
) -> bool:
    """The call is over after so long, 0 where nobody answered, ``None`` where nobody has told: then it counts since its place was taken.
    ``cost`` where the carrier told it. False: it was released before."""
    with tenancy.use(organization), transaction.atomic():
        row = DialReservation.objects.select_for_update().filter(key=key, released_at=None).first()
        if row is None:
            return False
        at = now or timezone.now()
        lasted_s = (at - row.made_at).total_seconds() if seconds is None else seconds
        _release(row, cost_of(row.price_per_minute, lasted_s) if cost is None else cost, at)
    return True


def take_back(organization: Any, key: str) -> None:
    """Nobody was dialled under this key, and nobody will be: it counts in no limit, neither the day's nor the number's. Until the
    caller's transaction is committed it counts still."""
    with tenancy.use(organization):
        DialReservation.objects.filter(key=key).delete()


def release_call(call: Any) -> None:
    """A call has ended: the places it held, its own and those of its transfers, are free. Inside the transaction that ends it."""
    for row in DialReservation.objects.select_for_update().filter(call=call, released_at=None):
        _release(row, _cost_of_call(row, call), timezone.now())


def charge_call(call: Any) -> None:
    """Its carrier told how long it was when its place was free already. Inside the transaction that writes that down."""
    rows = DialReservation.objects.select_for_update().filter(call=call)
    for row in rows.exclude(released_at=None).exclude(path="transfer"):
        row.cost = max(row.cost, _cost_of_call(row, call))
        row.save(update_fields=["cost"])


def _cost_of_call(row: DialReservation, call: Any) -> Decimal:
    """Of the call itself, what its carrier charges; of those whom its caller was put through to, no more than it lasted here."""
    up_s = 0 if row.path == "transfer" else int(call.instead.get("up_s", 0))
    return cost_of(row.price_per_minute, max(call.duration_ms / 1000, up_s))


def release_forgotten(now: datetime) -> int:
    """Give back what nobody will: the call is over, or can't run any more. How much that one cost nobody knows, so it
    counts with the most it could. Returns how many."""
    with tenancy.system("places of calls whose end was lost, whosever they are"), transaction.atomic():
        rows = DialReservation.objects.select_for_update(skip_locked=True, of=("self",)).filter(released_at=None)
        lost = list(rows.filter(Q(expires_at__lt=now, call=None) | Q(call__status="ended")).select_related("call"))
        for row in lost:
            cost = _cost_of_call(row, row.call) if row.call else row.cost
            _release(row, cost, now)
    return len(lost)


@dataclass(frozen=True, slots=True)
class Today:
    """What the organization's outgoing calls come to today."""

    live: int
    calls: int
    spent: Decimal


def today(organization: Organization, now: datetime | None = None) -> Today:
    at = now or timezone.now()
    with tenancy.use(organization):
        live = DialReservation.objects.filter(released_at=None).count()
        counted = DialReservation.objects.filter(day=_day(organization, at)).aggregate(
            calls=Count("pk"), spent=Sum("cost")
        )
    return Today(live, counted["calls"], counted["spent"] or Decimal(0))


def _one_after_the_other(organization: Organization) -> None:
    """Until this transaction ends, nobody else reserves for the organization."""
    number = int.from_bytes(hashlib.sha256(f"dial|{organization.pk}".encode()).digest()[:8], signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [number])


def _usage(organization: Organization, number: str, policy: Policy, at: datetime) -> Usage:
    found = read(number, policy.home_country)
    if not isinstance(found, Number):
        return Usage()
    is_do_not_call = DoNotCall.objects.filter(number=found.e164).exists()
    return _usage_of(organization, found.e164, at, is_do_not_call=is_do_not_call)


def _is_do_not_call(found: Number | Unreadable | None) -> bool:
    """Of the number before the @ of a SIP address, where there is one."""
    return isinstance(found, Number) and DoNotCall.objects.filter(number=found.e164).exists()


def _short(address: str) -> str:
    """A row has room for a telephone number."""
    return f"sip:{hashlib.sha256(address.lower().encode()).hexdigest()[:12]}"


def _usage_of(organization: Organization, number: str, at: datetime, *, is_do_not_call: bool) -> Usage:
    counted = DialReservation.objects.filter(day=_day(organization, at)).aggregate(
        calls=Count("pk"), to_number=Count("pk", filter=Q(number=number)), spent=Sum("cost")
    )
    return Usage(
        live=DialReservation.objects.filter(released_at=None).count(),
        today=counted["calls"],
        to_number_today=counted["to_number"],
        spent_today=counted["spent"] or Decimal(0),
        is_do_not_call=is_do_not_call,
    )


def _day(organization: Organization, at: datetime) -> Any:
    return at.astimezone(ZoneInfo(organization.timezone)).date()


def _again(row: DialReservation, longest_minutes: int) -> Permit:
    if row.released_at is not None:
        raise MayNotDial(Refused("done", "This call was made already, and it is over.", "you"))
    return _permit(row, longest_minutes)


def _permit(row: DialReservation, longest_minutes: int) -> Permit:
    path: Path = next(each for each in PATHS if each == row.path)
    return Permit(
        reservation=row.pk,
        organization=row.organization_id,
        number=row.number,
        country=row.country,
        path=path,
        key=row.key,
        longest_minutes=longest_minutes,
        seal=_SEAL,
    )


def _release(row: DialReservation, cost: Decimal, now: datetime) -> None:
    row.cost, row.released_at = cost, now
    row.save(update_fields=["cost", "released_at"])


@cache
def _counter() -> MovingWindowRateLimiter:
    options: Any = {"socket_connect_timeout": 1, "socket_timeout": 1, "retry": Retry(NoBackoff(), 1)}
    return MovingWindowRateLimiter(RedisStorage(settings.VALKEY_URL, key_prefix="parley-dial", **options))


def _not_too_fast(organization: Organization, policy: Policy) -> Refused | None:
    limit = RateLimitItemPerSecond(policy.calls_per_second)
    try:
        if _counter().hit(limit, "calls", str(organization.pk)):
            return None
    except Exception as error:  # whatever the driver raises: what can't be counted is not called
        logger.warning("Calls a second can't be counted, so none is started: %s", error)
        words = (
            "Calls a second can't be counted right now, so no call was started. Try again shortly; see System health."
        )
        return Refused("limits_away", words, "us")
    words = f"Your limit of {policy.calls_per_second} new calls a second is reached. Try again in a second."
    return Refused("too_fast", words, "you")
