"""What the user agent can be told to do. ``call`` is the call's id: given by whoever dials, told by ``CallReceived``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Dial:
    """Call ``to`` (a number, a user, or a whole URI whose host the trunk allows) over a trunk."""

    call: str
    trunk: str
    to: str
    caller: str
    """The number or user we call as."""
    offer: bytes
    display: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    replaces: str = ""
    """A Replaces header's value, for an attended transfer that we were asked for."""
    referred_by: str = ""


@dataclass(frozen=True, slots=True)
class Ring:
    """180 without sound of ours, 183 with (``body``)."""

    call: str
    status: int = 180
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    call: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Reject:
    call: str
    status: int = 486
    reason: str = ""


@dataclass(frozen=True, slots=True)
class HangUp:
    """Whatever the state needs: CANCEL, a refusal, or BYE."""

    call: str


@dataclass(frozen=True, slots=True)
class Offer:
    """A new session description, in the call: hold, resume. Waits for its turn if another is under way."""

    call: str
    body: bytes


@dataclass(frozen=True, slots=True)
class AnswerOffer:
    call: str
    body: bytes


@dataclass(frozen=True, slots=True)
class RefuseOffer:
    call: str
    status: int = 488


@dataclass(frozen=True, slots=True)
class SendDigit:
    """By SIP INFO."""

    call: str
    digit: str
    duration_ms: int = 160


@dataclass(frozen=True, slots=True)
class Transfer:
    """Ask them to call ``to`` instead of us; with ``replaces`` the party of that other call of ours (attended)."""

    call: str
    to: str
    replaces: str = ""


@dataclass(frozen=True, slots=True)
class ReportTransfer:
    """How the call goes that they asked us to make: 100, 180, 200, or why it failed."""

    call: str
    status: int


@dataclass(frozen=True, slots=True)
class Register:
    trunk: str
    user: str
    expires_s: int = 3_600


@dataclass(frozen=True, slots=True)
class Unregister:
    trunk: str


@dataclass(frozen=True, slots=True)
class KeepAlive:
    """OPTIONS to the trunk, again and again; 0 ends it."""

    trunk: str
    every_ms: int = 30_000


@dataclass(frozen=True, slots=True)
class Drain:
    """No new calls: INVITE and OPTIONS get 503. Calls that stand go on."""

    is_on: bool = True


CallCommand = (
    Ring | Answer | Reject | HangUp | Offer | AnswerOffer | RefuseOffer | SendDigit | Transfer | ReportTransfer
)  # fmt: skip
Command = Dial | CallCommand | Register | Unregister | KeepAlive | Drain
