"""What a call out of here comes to, for whoever is about to place it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from telephony.dialing.countries import name_of
from telephony.dialing.policy import Allowed, Policy


@dataclass(frozen=True, slots=True)
class Asked:
    """Something the agent's texts ask for, and what somebody typed."""

    name: str
    title: str
    value: str


@dataclass(frozen=True, slots=True)
class Offer:
    """``clock``: what time it is where the number is; empty where it may be in several zones."""

    number: str
    country: str
    is_home: bool
    price: str
    cost: Decimal
    minutes: int
    clock: str
    hours: str
    asks: tuple[Asked, ...]


def offer(
    allowed: Allowed,
    policy: Policy,
    minutes: int,
    wanted: Sequence[str],
    typed: Mapping[str, str],
    now: datetime | None = None,
) -> Offer:
    zones = allowed.number.zones
    at = now or datetime.now(UTC)
    clocks = {at.astimezone(ZoneInfo(zone)).strftime("%H:%M") for zone in zones}
    return Offer(
        number=allowed.number.e164,
        country=name_of(allowed.number.country),
        is_home=allowed.number.country == policy.home_country,
        price=f"{allowed.price_per_minute.normalize():f}",
        cost=allowed.cost,
        minutes=minutes,
        clock=clocks.pop() if len(clocks) == 1 else "",
        hours=f"{policy.calls_from}–{policy.calls_until}",
        asks=tuple(
            Asked(name, name.replace("_", " ").capitalize(), typed.get(f"told-{name}", "")[:500]) for name in wanted
        ),
    )
