"""What a live call needs of a caller's line beyond what its session does: how it comes up, and why it is over.

A transport says what kind of line it is; ``live_call.LiveCall`` knows none. Whoever takes the call makes it: the worker for a
browser, the listener for a carrier's socket.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, runtime_checkable

from telephony.dialing.gate import Permit
from telephony.session.ports import Transport
from telephony.session.transferring import NotReached

Reported = Mapping[str, int | float]
"""How the line is, in figures; each kind of transport has its own."""
OnReport = Callable[[Reported], None]
OnNews = Callable[[str, dict[str, Any]], None]
"""The kind of an event of the call, and its facts."""


class CallTransport(Transport, Protocol):
    """One caller's line, from the moment somebody wants to talk."""

    @property
    def end_reason(self) -> str | None:
        """Why its frames ended, a key of ``telephony.end_reasons.REASONS``; ``None``: they haven't."""

    @property
    def progress(self) -> dict[str, Any]:
        """How far it has come, for whoever asks why it never came up."""

    async def answer(self, offer: str) -> str:
        """What the far end offered in, our answer out; empty where there is nothing to agree on.

        Raises :class:`telephony.wire.offer.BadOffer`.
        """

    async def connected(self) -> bool:
        """Wait until sound can flow. False: it never will (``end_reason`` says so)."""

    def hang_up(self) -> None:
        """The caller asked to end it, or nobody is there to talk to them."""


MakeTransport = Callable[[OnReport], CallTransport]


@runtime_checkable
class MayComeBack(Protocol):
    """A transport whose far end asks for another worker where the line to this one breaks."""

    comes_back_seconds: float
    """By then another has the call, or it is over."""


@runtime_checkable
class LedByCarrier(Protocol):
    """A transport whose far end is a carrier, which can be told to do something else with the call."""

    def leave(self, is_led_on: bool) -> None:
        """True: it is told so now, and closing this line doesn't end the call. False: it isn't after all."""


class CannotRefer(NotReached):
    """The far end doesn't call anybody for us, or not to there: nobody's telephone has rung."""


@runtime_checkable
class CanRefer(Protocol):
    """A transport whose far end can be asked to call somebody else instead of us."""

    async def refer(self, permit: Permit) -> None:
        """Returns when they are connected. Raises ``telephony.session.transferring.NotReached``, or of it :class:`CannotRefer`."""


@runtime_checkable
class HasEarlySound(Protocol):
    """A transport that may bring sound before anybody has picked up."""

    @property
    def has_early_sound(self) -> bool:
        """Some is there, and its ``frames`` can be taken."""


@runtime_checkable
class SaysMore(Protocol):
    """A transport that can put into a sentence why it ended."""

    end_detail: str
    """On ``end_reason``; "": that says it all."""


@runtime_checkable
class TellsNews(Protocol):
    """A transport whose far end may do things that the call's events should tell."""

    def tell_news(self, tell: OnNews) -> None:
        """Who is told from now on."""


def newcomer(kind: str, data: Mapping[str, Any]) -> str:
    """Of such news: who is on the line now in the place of whoever was there, a number or a name; "": the same as before."""
    match kind:
        case "taken_over":
            return str(data["by"])
        case "sent_on" if data["step"] == "done":
            return str(data["to"]).removeprefix("sips:").removeprefix("sip:").partition("@")[0]
    return ""


@runtime_checkable
class TakesCandidates(Protocol):
    """A transport whose far end tells its addresses bit by bit."""

    async def add_candidate(self, candidate: str, mid: str | None, index: int | None) -> None: ...
