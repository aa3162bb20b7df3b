"""Keys pressed into a running call from outside: by the agent's side (a member, the API), or by the caller's page."""

from __future__ import annotations

from telephony.audio.digits import checked
from telephony.finish import command
from telephony.models import Call


class NotTalking(Exception):
    """There is no call to press keys in; the message says why, in plain words."""


def send_digits(call: Call, digits: str) -> str:
    """Have the agent's side press them, after what it has begun to say; what will be pressed. The call's events tell when.

    Raises ``ValueError`` for what is no DTMF digit, and :class:`NotTalking`."""
    pressed = checked(digits)
    if call.status == Call.Status.ENDED:
        raise NotTalking("The call is over: there is nobody to press keys for.")
    if call.status != Call.Status.IN_PROGRESS or not call.worker:
        raise NotTalking("The call has not been answered yet. Try again when it has.")
    command(call, "send_digits", digits=pressed)
    return pressed
