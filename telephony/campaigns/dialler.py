"""What a campaign needs of whoever makes its calls: place one, and say what became of it.

Whoever has carriers is connected with ``connect``, when Parley starts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any, Protocol
from uuid import UUID

from telephony.campaigns.models import Campaign
from telephony.campaigns.rules import OnMachine, Outcome
from telephony.dialing.gate import Permit


@dataclass(frozen=True, slots=True)
class Order:
    """What the agent is told of the person, and what it does where a machine picks up."""

    variables: Mapping[str, Any] = field(default_factory=dict)
    on_machine: OnMachine = "hang_up"
    message: str = ""
    """What is said to the machine, where one is left."""


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


@dataclass(frozen=True, slots=True)
class Unrung:
    """It was ordered, but certainly nobody's telephone rang, and none will: as if it had never been tried."""

    trouble: str = ""
    """Why nobody else's would ring either; "": it was this call alone."""


class NotPlaced(Exception):
    """The carrier refused, and nobody's telephone rang. The message says why."""


class AccountTrouble(Exception):
    """Nobody's telephone rang, and nobody else's would either: the account at the carrier, or the number that calls, can't be used as
    it is. The message says why."""


class Dialler(Protocol):
    """Of one campaign: it knows the agent that talks and the number that calls."""

    why_not: str
    """Why it can place no call as things are, and what to do; empty: it can. What was placed is found all the same."""
    settles_after: timedelta
    """A request whose answer never came has reached the carrier by then, or never will: from then on ``find`` is believed."""
    longest_minutes: int

    @property
    def room(self) -> int | None:
        """How many calls it can take at this moment. ``None``: whoever carries them has no limit that is known here."""

    def enter(self, permit: Permit, order: Order) -> UUID | None:
        """In the transaction that writes the attempt down: the call's row, where there is to be one."""

    def place(self, permit: Permit, order: Order) -> None:
        """Ask the carrier to call ``permit.number`` under ``permit.key``. Returns or raises before ``settles_after``.

        Raises :class:`NotPlaced` where certainly nobody is called, :class:`AccountTrouble` where nobody else would be either; anything
        else leaves it open, to be found out.
        """

    def find(self, key: str) -> Running | Over | Unrung | None:
        """What became of the call of this key. ``None``: the carrier never heard of it. Raises where it can't tell."""


Factory = Callable[[Campaign], Dialler]
_connected: list[Factory] = []


def connect(factory: Factory) -> None:
    """Who makes campaigns' calls."""
    _connected[:] = [factory]


def dialler_of(campaign: Campaign) -> Dialler:
    return _connected[0](campaign)
