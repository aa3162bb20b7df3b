"""A running call is put through because somebody outside asks for it (the API)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import redis

from accounts import tenancy
from agents.transfers import How, Way
from telephony import worker_status
from telephony.finish import command
from telephony.models import Call
from telephony.reception import settings_of
from telephony.session.transferring import NotReached
from telephony.transfers.second_line import ONLY_WORDS, OWN_PHONE, WEB, second_line, telephone_at


class CannotTransfer(Exception):
    """The call can't be put through; the message says why, in plain words."""


class NoSuchTarget(CannotTransfer):
    """Nobody is called so."""


class CannotSo(CannotTransfer):
    """There is such a target, and it can't be reached in this way."""


def put_through(call: Call, target: str, how: How | None = None) -> str:
    """Have the agent say its words and put the caller through to the one of this name; its name as the agent has it. ``how``: in this way
    whatever its settings say. The call's events tell how it went. Raises :class:`CannotTransfer`."""
    rows = {str(each["name"]): each for each in (call.spec.get("does") or {}).get("transfers") or []}
    names = list(rows)
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
    _check_way(call, found, rows[found], how)
    command(call, "transfer", target=found, how=how.value if how is not None else "")
    return found


def _check_way(call: Call, name: str, row: Mapping[str, Any], how: How | None) -> None:
    """What can be known beforehand."""
    is_agent = row.get("to") == Way.AGENT
    if is_agent and how is not None:
        raise CannotSo(f"“{name}” is an agent, which goes on in the same call: there is neither warm nor cold.")
    if is_agent:
        return
    is_cold = (how or row.get("how", How.COLD)) != How.WARM
    address = str(row.get("address") or "")
    why_from_here = ""
    if is_cold:
        is_own = telephone_at(call, address) is not None
        why_from_here = OWN_PHONE if is_own else WEB if call.channel == Call.Channel.WEB else ""
        if not why_from_here:  # whoever brought the caller is asked to
            return
    if _is_words(call):
        raise CannotTransfer(ONLY_WORDS)
    try:
        second_line(call, 0, serves_sip=_serves_sip(call.worker), to=address)
    except NotReached as error:
        raise CannotTransfer(f"{why_from_here} {error.words}".strip()) from error


def _is_words(call: Call) -> bool:
    """The carrier hears and speaks in it."""
    with tenancy.use(call.organization_id):
        number = call.phone_number
        return number is not None and number.account_id is not None and settings_of(number).speech.by == "twilio"


def _serves_sip(worker: str) -> bool:
    try:
        return any(each.id == worker and each.sip_port for each in worker_status.workers())
    except redis.RedisError:
        return True  # nobody knows; the worker does
