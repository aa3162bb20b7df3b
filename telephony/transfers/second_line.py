"""By which line, and as whom, somebody is called for a caller who waits: over a trunk, else at Twilio. Asks the database."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Protocol

from accounts import tenancy
from telephony.call_transport import CallTransport
from telephony.dialing.gate import Permit
from telephony.models import Call, PhoneNumber, Trunk
from telephony.session.transferring import NotReached
from telephony.trunks import addresses

WEB = "A web page has no telephone that could call them."
OWN_PHONE = "It is a telephone of yours that registers here: Parley calls it itself."
NO_LINE = (
    "Parley calls the other side itself, over a SIP trunk or from a number at Twilio. There is no trunk that has an address to call, and no "
    "number at Twilio. Add one under Numbers."
)
NO_SIP = (
    "The call worker that has this call serves no SIP telephones, so it can't call the other side over a trunk, and there is no number at "
    "Twilio to call from. Switch SIP on (docs/phones.md), or add a number."
)
NO_SIP_HERE = (
    "The call worker that has this call serves no SIP telephones, so it can't call yours. Switch SIP on (docs/phones.md), or look whether "
    "another worker of the machine has the port."
)
NO_SECOND = "The call worker that has this call can't call anybody while the caller waits."
ONLY_WORDS = (
    "Twilio hears and speaks in this call (ConversationRelay), so there is no sound here that could be joined with another line. Choose "
    "cold, or have the number's calls heard here."
)
NO_CALLER = "Say as whom the trunk “{trunk}” calls: give it a caller's number."
_GOOD = (Trunk.State.REGISTERED, Trunk.State.REACHABLE)


@dataclass(frozen=True, slots=True)
class SecondLine:
    """Whom it belongs to, and how it goes out. Whom it rings says the permit alone."""

    call: uuid.UUID
    organization: uuid.UUID
    trunk: uuid.UUID
    caller: str
    ring_seconds: float


@dataclass(frozen=True, slots=True)
class AtTwilio:
    """The same, from a number of ours at Twilio."""

    call: uuid.UUID
    organization: uuid.UUID
    account: uuid.UUID
    caller: str
    ring_seconds: float


Second = SecondLine | AtTwilio


class CallsSecond(Protocol):
    """The worker's telephones (``telephony.transfers.second_calls``)."""

    @property
    def serves_sip(self) -> bool:
        """Calls can go out over trunks."""

    def __call__(self, permit: Permit, second: Second) -> Awaitable[CallTransport]:
        """A line that rings when it is asked to be ``connected``. Raises ``NotReached``."""


def telephone_at(call: Call, address: str) -> Trunk | None:
    """The organization's own telephone that this SIP address means: one that registers here, by its user name at our host."""
    user, at, host = address.partition(":")[2].partition(";")[0].rpartition("@")
    if not at or host.lower() not in addresses.our_hosts():
        return None
    with tenancy.use(call.organization_id):
        return Trunk.objects.filter(asks_password=True, host="", username=user).order_by("created_at").first()


def second_line(call: Call, ring_seconds: float, *, serves_sip: bool, to: str = "") -> Second:
    """To a telephone of the organization's own where ``to`` means one. Else over a trunk where the call's worker serves SIP and there
    is one: the call's own, else the first of the organization's that works. From a number at Twilio where there is none, or none
    that works: ours in this call, else the organization's first. Raises ``NotReached``."""
    if (telephone := telephone_at(call, to)) is not None:
        if not serves_sip:
            raise NotReached("not_allowed", NO_SIP_HERE)
        theirs = call.to_number if call.direction == Call.Direction.OUTBOUND else call.from_number
        shown = telephone.caller_id or theirs or telephone.username
        return SecondLine(call.pk, call.organization_id, telephone.pk, shown, ring_seconds)
    with tenancy.use(call.organization_id):
        trunks = [trunk for trunk in Trunk.objects.order_by("label", "created_at") if trunk.host or trunk.proxy]
    has_trunks = bool(trunks)
    trunks = trunks if serves_sip else []
    number = _at_twilio(call)
    is_any_good = any(each.state != Trunk.State.FAILED or each.pk == call.trunk_id for each in trunks)
    if number is not None and number.account_id is not None and not is_any_good:
        return AtTwilio(call.pk, call.organization_id, number.account_id, number.number, ring_seconds)
    if not trunks:
        raise NotReached("not_allowed", NO_SIP if has_trunks else NO_LINE)
    return over_trunk(call, trunks, ring_seconds)


def _at_twilio(call: Call) -> PhoneNumber | None:
    with tenancy.use(call.organization_id):
        numbers = PhoneNumber.objects.filter(account__provider="twilio").order_by("number")
        return numbers.filter(pk=call.phone_number_id).first() or numbers.first()


def over_trunk(call: Call, trunks: list[Trunk], ring_seconds: float) -> SecondLine:
    """The call's own of these, else the first that works. Raises ``NotReached``."""
    trunk = min(trunks, key=lambda each: (each.pk != call.trunk_id, each.state not in _GOOD))
    caller = trunk.caller_id or _our_number(call, trunk) or trunk.username
    if not caller:
        raise NotReached("not_allowed", NO_CALLER.replace("{trunk}", trunk.label))
    return SecondLine(call.pk, call.organization_id, trunk.pk, caller, ring_seconds)


def _our_number(call: Call, trunk: Trunk) -> str:
    """Of ours in this call; where it isn't on this trunk, the first that is."""
    if call.trunk_id == trunk.pk:
        ours = call.from_number if call.direction == Call.Direction.OUTBOUND else call.to_number
        if ours:
            return str(ours)
    with tenancy.use(call.organization_id):
        number = trunk.numbers.order_by("number").values_list("number", flat=True).first()
    return str(number or "")
