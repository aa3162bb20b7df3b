"""Leave to send a SIP caller on, from the one gate."""

from __future__ import annotations

from accounts import tenancy
from accounts.models import Organization
from agents.transfers import TransferTarget, Way
from telephony.dialing import gate
from telephony.models import Call, Trunk
from telephony.session.transferring import NotReached

LONGEST_MINUTES = 30
"""For how long somebody may talk whom an agent put through; what a call counts with in the limits."""


def permitted(call: Call, wanted: TransferTarget, *, key: str) -> gate.Permit:
    """Raises ``NotReached`` where the limits don't let it. The end of the call gives the place back."""
    with tenancy.use(call.organization_id):
        organization = Organization.objects.get(pk=call.organization_id)
    reserve = gate.reserve_address if wanted.to is Way.SIP else gate.reserve
    try:
        permit = reserve(organization, wanted.address, "transfer", longest_minutes=LONGEST_MINUTES, key=key)
    except gate.MayNotDial as error:
        raise NotReached("not_allowed", str(error)) from error
    gate.attach(permit, call)
    return permit


def may_ask(call: Call) -> bool:
    """Whether the trunk that the call came by is asked to put it through; where there is none, the other side itself is."""
    with tenancy.use(call.organization_id):
        return call.trunk is None or call.trunk.puts_through == Trunk.PutsThrough.ASK
