"""What the user agent tells, and what it sends. ``call`` is the call's id. Bodies are bytes: session descriptions are read elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from telephony.sip.headers import NameAddr
from telephony.sip.message import Headers
from telephony.sip.peer import Peer
from telephony.sip.uri import Uri


class Send(NamedTuple):
    data: bytes
    to: Peer


class Silent(NamedTuple):
    """A request over the connection ``to`` was never answered. Where nothing at all has come over it since, it is dead."""

    to: Peer
    since_ms: float


@dataclass(frozen=True, slots=True)
class CallReceived:
    """Somebody calls. ``Ring``, ``Answer`` or ``Reject`` it. ``offer`` empty: they want ours, in the answer."""

    call: str
    trunk: str
    source: str
    """The address it really comes from, also where our own proxy stands between."""
    caller: NameAddr
    called: str
    """The number or name that was dialled."""
    offer: bytes
    headers: Headers
    replaces: str = ""
    """The call that this one takes the place of: it is hung up once this one is answered."""


@dataclass(frozen=True, slots=True)
class Ringing:
    call: str
    status: int


@dataclass(frozen=True, slots=True)
class EarlyMedia:
    """Sound before the answer: ``body`` is theirs to our offer, for now."""

    call: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Answered:
    """Our call was answered."""

    call: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """They know that we answered. ``body`` is their answer, where the offer was ours."""

    call: str
    body: bytes


@dataclass(frozen=True, slots=True)
class OfferReceived:
    """In the call: hold, resume, another address, another codec. ``AnswerOffer`` or ``RefuseOffer``. Empty: they want ours."""

    call: str
    body: bytes


@dataclass(frozen=True, slots=True)
class OfferAnswered:
    call: str
    body: bytes


@dataclass(frozen=True, slots=True)
class OfferRefused:
    """All is as before our offer."""

    call: str
    status: int


@dataclass(frozen=True, slots=True)
class DigitReceived:
    """By SIP INFO. (Most digits come in RTP.)"""

    call: str
    digit: str
    duration_ms: int


@dataclass(frozen=True, slots=True)
class InfoReceived:
    call: str
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class TransferAsked:
    """They want us to call somebody else. The target's host is allowed; ``ReportTransfer`` how it goes, 603 to refuse."""

    call: str
    target: Uri
    replaces: str
    """The Replaces header to call with, where it is an attended transfer; else ""."""
    referred_by: str


@dataclass(frozen=True, slots=True)
class TransferProgress:
    """Of our transfer: 202 they will try, then what they tell of the call they make."""

    call: str
    status: int


@dataclass(frozen=True, slots=True)
class TransferDone:
    """2xx: the other call stands, this one can be hung up. Else it failed, and this call goes on."""

    call: str
    status: int
    is_refused: bool = False
    """They didn't take the request: nobody was called."""


@dataclass(frozen=True, slots=True)
class PhoneRegistered:
    """The trunk's telephone has told us where it is, and is called there from now on."""

    trunk: str
    peer: Peer
    expires_s: int
    host: str = ""
    """Its own address, where ``peer`` is our proxy."""


@dataclass(frozen=True, slots=True)
class PhoneLeft:
    """It has taken that back, or its time is over."""

    trunk: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The last event of a call. ``status`` is theirs or ours, where a status ended it."""

    call: str
    reason: str
    """hung_up, remote_hung_up, cancelled, refused, rejected, no_answer, no_response, no_ack, session_expired, replaced, failed."""
    status: int = 0


@dataclass(frozen=True, slots=True)
class Registered:
    trunk: str
    expires_s: int


@dataclass(frozen=True, slots=True)
class RegistrationFailed:
    trunk: str
    status: int
    """0: nobody answered."""
    retry_in_ms: int


@dataclass(frozen=True, slots=True)
class Unregistered:
    trunk: str


@dataclass(frozen=True, slots=True)
class TrunkReachable:
    trunk: str
    round_trip_ms: int


@dataclass(frozen=True, slots=True)
class TrunkUnreachable:
    trunk: str


Event = (
    CallReceived | Ringing | EarlyMedia | Answered | Acknowledged | OfferReceived | OfferAnswered | OfferRefused
    | DigitReceived | InfoReceived | TransferAsked | TransferProgress | TransferDone | Ended
    | Registered | RegistrationFailed | Unregistered | TrunkReachable | TrunkUnreachable | PhoneRegistered | PhoneLeft
)  # fmt: skip
Output = Send | Silent | Event
