"""A running call is put through because somebody outside asks for it (the API)."""

from __future__ import annotations

from telephony.finish import command
from telephony.models import Call


class CannotTransfer(Exception):
    """The call can't be put through; the message says why, in plain words."""


class NoSuchTarget(CannotTransfer):
    """Nobody is called so."""


def put_through(call: Call, target: str) -> str:
    """Have the agent say its words and put the caller through to the one of this name; its name as the agent has it. The call's events tell
    how it went. Raises :class:`CannotTransfer`."""
    names = [str(each["name"]) for each in (call.spec.get("does") or {}).get("transfers") or []]
    found = next((name for name in names if name.casefold() == target.strip().casefold()), None)
    if found is None:
        whom = (
            f"The agent may put callers through to {', '.join(names)}."
            if names
            else "The agent may put callers through to nobody."
        )
        raise NoSuchTarget(f"There is no “{target.strip()[:60]}”. {whom}")
    if call.status == Call.Status.ENDED:
        raise CannotTransfer("The call is over: there is nobody to put through.")
    if call.instead.get("how", "agent") != "agent":
        raise CannotTransfer("The caller is with somebody else, or on the way there.")
    if call.status != Call.Status.IN_PROGRESS or not call.worker:
        raise CannotTransfer("The call has not been answered yet. Try again when it has.")
    command(call, "transfer", target=found)
    return found
