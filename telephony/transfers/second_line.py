"""Over which trunk, and as whom, the other side of a warm transfer is called. Asks the database."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Protocol

from accounts import tenancy
from telephony.call_transport import CallTransport
from telephony.dialing.gate import Permit
from telephony.models import Call, Trunk
from telephony.session.transferring import NotReached

NO_TRUNK = (
    "A warm transfer calls the other side over a SIP trunk, and there is none that has an address to call. Add one under Trunks, or "
    "choose cold."
)
NO_SIP = (
    "The call worker that has this call serves no SIP telephones, and a warm transfer calls the other side by SIP. Switch SIP on "
    "(docs/phones.md), or choose cold."
)
ONLY_WORDS = (
    "Twilio hears and speaks in this call (ConversationRelay), so there is no sound here that could be joined with another line: no warm "
    "transfer. Choose cold, or have the number's calls heard here."
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


class CallsSecond(Protocol):
    """The worker's telephones (``telephony.trunks.house``)."""

    def __call__(self, permit: Permit, second: SecondLine) -> Awaitable[CallTransport]:
        """A line that rings when it is asked to be ``connected``. Raises ``NotReached``."""


def second_line(call: Call, ring_seconds: float) -> SecondLine:
    """The call's own trunk where it came or went by one, else the first of the organization's that works. Raises ``NotReached``."""
    with tenancy.use(call.organization_id):
        trunks = [trunk for trunk in Trunk.objects.order_by("label", "created_at") if trunk.host or trunk.proxy]
    if not trunks:
        raise NotReached("not_allowed", NO_TRUNK)
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
