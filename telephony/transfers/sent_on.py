"""Leave to go on with somebody else, where the other side of a call asks us to call them (SIP REFER), and the line for it."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass

from accounts import tenancy
from telephony.dialing import gate
from telephony.dialing.policy import LONGEST_EXTENSION, dialled
from telephony.models import Call, Trunk
from telephony.session.transferring import NotReached
from telephony.sip.uri import Uri
from telephony.transfers.by_sip import LONGEST_MINUTES
from telephony.transfers.second_line import SecondLine, over_trunk, second_line, telephone_at

RING_SECONDS = 60.0
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9._-]*")
_KEPT = ("transport", "user")
"""Of what they say about the address; nothing else of theirs gets into our call."""
OFF = "The trunk's settings don't let the other side put its calls through."
ITSELF = "That is the telephone that asked."
NO_SUCH = "No telephone of yours registers here by that name, and it is no number."
NO_NAME = "That is neither a number nor an extension nor a name."
NO_TRUNK = "There is no SIP trunk that could call there."


@dataclass(frozen=True, slots=True)
class Onward:
    """Whom we may call, and over what."""

    permit: gate.Permit
    second: SecondLine


def words_of(target: Uri) -> str:
    """Whom they named, for people."""
    return target.user if target.scheme == "tel" else f"{target.scheme}:{target.user}@{target.host}"


def permitted(call_id: uuid.UUID, organization: uuid.UUID, trunk_id: uuid.UUID, target: Uri) -> Onward:
    """Raises ``NotReached``. The end of the call gives the place in the limits back, or whoever reached nobody."""
    with tenancy.use(organization):
        call = Call.objects.select_related("organization").get(pk=call_id)
        trunk = Trunk.objects.filter(pk=trunk_id, may_transfer=True).first()
    if trunk is None:
        raise NotReached("not_allowed", OFF)
    target = _plain(target)
    is_here = not (trunk.host or trunk.proxy) or target.address.lower() == trunk.host.lower()
    number = _number_of(target) if target.scheme == "tel" or is_here else ""
    second = _way(call, trunk, target, has_number=bool(number))
    try:
        key = f"refer-{uuid.uuid4().hex}"
        if number:
            permit = gate.reserve(call.organization, number, "refer", longest_minutes=LONGEST_MINUTES, key=key)
        else:
            permit = gate.reserve_address(
                call.organization, str(target), "refer", longest_minutes=LONGEST_MINUTES, key=key
            )
    except gate.MayNotDial as error:
        raise NotReached("not_allowed", str(error)) from error
    gate.attach(permit, call)
    return Onward(permit, second)


def _plain(target: Uri) -> Uri:
    """Spelled in the one way that the limits read: no separators, no codes that a telephone system might take for a command."""
    digits = dialled(target.user)
    user = digits or target.user.partition(";")[0]
    if not digits and (target.scheme == "tel" or not _NAME.fullmatch(user)):
        raise NotReached("not_allowed", NO_NAME)
    params = {name: value for name, value in target.params.items() if name in _KEPT}
    return Uri(target.scheme, user, target.host, target.port, {} if target.scheme == "tel" else params)


def _way(call: Call, trunk: Trunk, target: Uri, *, has_number: bool) -> SecondLine:
    """A trunk with a host is asked there and nowhere else. Of a telephone that registers here: to another one, or to a number over a
    trunk of the organization's."""
    if trunk.host or trunk.proxy:
        return over_trunk(call, [trunk], RING_SECONDS)
    address = words_of(target)
    telephone = None if has_number else telephone_at(call, address)
    if telephone is None and not has_number:
        raise NotReached("not_reached", NO_SUCH)
    if telephone is not None and telephone.pk == trunk.pk:
        raise NotReached("not_reached", ITSELF)
    second = second_line(call, RING_SECONDS, serves_sip=True, to="" if has_number else address)
    if not isinstance(second, SecondLine):
        raise NotReached("not_allowed", NO_TRUNK)
    return second


def _number_of(target: Uri) -> str:
    """As the limits read it; "": it is a name or an extension."""
    user = target.user
    if target.scheme != "tel" and not (dialled(user) and (len(user) > LONGEST_EXTENSION or user[0] == "+")):
        return ""
    return f"+{user[2:]}" if user.startswith("00") else user
