"""What a campaign needs of whoever makes its calls: place one, and say what became of it.

A dialler is connected by the part that has carriers (``connect``); until then, and for an organization without a phone
number, there is none, and a campaign can't start.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any, Protocol
from uuid import UUID

from accounts.models import Organization
from telephony.campaigns.rules import Outcome
from telephony.dialing.gate import Permit

NOT_CONNECTED = "Campaigns place no calls yet in this release: they are not joined to phone numbers. Everything else can be prepared."


@dataclass(frozen=True, slots=True)
class Order:
    """Which agent talks, and what it is told of the person."""

    agent: UUID
    variables: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Running:
    """``call``: the row of ``telephony.Call``, where there is one."""

    call: UUID | None = None


@dataclass(frozen=True, slots=True)
class Over:
    """``seconds`` they talked; ``cost`` where the carrier tells it."""

    outcome: Outcome
    seconds: int = 0
    cost: Decimal | None = None
    detail: str = ""
    call: UUID | None = None


class NotPlaced(Exception):
    """The carrier refused, and nobody's telephone rang. The message says why."""


class Dialler(Protocol):
    settles_after: timedelta
    """A request whose answer never came has reached the carrier by then, or never will: from then on ``find`` is believed."""
    longest_minutes: int

    def place(self, permit: Permit, order: Order) -> None:
        """Ask the carrier to call ``permit.number`` under ``permit.key``. Returns or raises before ``settles_after``.

        Raises :class:`NotPlaced` where certainly nobody is called; anything else leaves it open, to be found out.
        """

    def find(self, key: str) -> Running | Over | None:
        """What became of the call of this key. ``None``: the carrier never heard of it. Raises where it can't tell."""


Factory = Callable[[Organization], Dialler | None]
_connected: list[Factory] = []


def connect(factory: Factory) -> None:
    """Who makes an organization's calls; the factory answers ``None`` for one that has no phone number."""
    _connected[:] = [factory]


def dialler_of(organization: Organization) -> Dialler | None:
    return _connected[0](organization) if _connected else None
