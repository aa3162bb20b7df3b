"""Use cases of calls that we place: ring a number, and talk when somebody picks up."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, Literal

import phonenumbers
from asgiref.sync import async_to_sync
from pydantic import ValidationError

from accounts import tenancy
from agents import spec
from agents.models import Agent
from telephony import phone_calls, phone_numbers
from telephony.carriers import CarrierError
from telephony.finish import end_call
from telephony.models import Call, PhoneNumber

logger = logging.getLogger(__name__)

RING_SECONDS = 30
OnMachine = Literal["talk", "hang_up"]
MACHINES = ("machine_start", "machine_end_beep", "machine_end_silence", "machine_end_other", "fax")

MayDial = Callable[[PhoneNumber, str], str | None]
"""Why this number of ours may not ring that one now, in plain words; ``None``: it may."""


class MayNotDial(Exception):
    """The call is not placed; the message says why."""


def _is_a_number(number: PhoneNumber, to: str) -> str | None:
    try:
        parsed = phonenumbers.parse(to, None)
    except phonenumbers.NumberParseException:
        parsed = None
    if parsed is None or not phonenumbers.is_valid_number(parsed):
        return f"“{to[:40]}” is no telephone number. Write it with its country, such as +14155550142."
    if phonenumbers.number_type(parsed) in (
        phonenumbers.PhoneNumberType.PREMIUM_RATE, phonenumbers.PhoneNumberType.SHARED_COST,
    ):  # fmt: skip
        return f"{to} costs more than an ordinary call, and is not called."
    return None


may_dial: MayDial = _is_a_number
"""The rule that is asked before each call."""


def dial(number: PhoneNumber, agent: Agent, to: str, *, on_machine: OnMachine = "talk", member: Any = None) -> Call:
    """Ring ``to`` from our ``number``; the agent talks, with what is published of it.

    Raises :class:`MayNotDial`, ``phone_numbers.CannotDo`` and ``CarrierError``; of the last there is a row that tells of it.
    """
    to = to.strip()
    if agent.archived_at is not None or agent.published is None:
        raise MayNotDial("Publish the agent first: calls run with what is published.")
    if not phone_numbers.is_public():
        raise MayNotDial(
            "Twilio can't reach this installation: it needs an https address that is open to the internet."
        )
    if (why := may_dial(number, to)) is not None:
        raise MayNotDial(why)
    try:
        frozen = spec.load(agent.published.spec)
    except ValidationError as error:
        raise MayNotDial("What is published of this agent can't be read any more. Publish it again.") from error
    with tenancy.use(number.organization_id):
        at_carrier = phone_numbers.carrier(number.account)
        call: Call = Call.objects.create(
            organization_id=number.organization_id,
            agent=agent,
            version=agent.published,
            spec=frozen.model_dump(mode="json"),
            channel=Call.Channel.PHONE,
            direction=Call.Direction.OUTBOUND,
            caller=to[:120],
            from_number=number.number,
            to_number=to[:64],
            phone_number=number,
            carrier_account=number.account,
            started_by=member,
            lease_until=phone_calls.rings_until(RING_SECONDS),
        )
    url = phone_numbers.public_url("twilio-answered", number.account_id, call.pk)
    try:
        sid = async_to_sync(at_carrier.call)(
            to,
            number.number,
            url,
            phone_numbers.status_url(number.account),
            detect_machine=on_machine == "hang_up",
            ring_seconds=RING_SECONDS,
        )
    except CarrierError as error:
        end_call(call, call.organization_id, "carrier_refused", error.message)
        raise
    call.carrier_call_id = sid
    with tenancy.use(number.organization_id):
        # The carrier may have asked about it already, and have said what it calls it.
        Call.objects.filter(pk=call.pk).update(carrier_call_id=sid)
    return call


def picked_up(call: Call, form: Mapping[str, str]) -> str:
    """What the carrier shall do with a call of ours that was picked up, as TwiML."""
    sid = form.get("CallSid", "")
    if not sid or call.carrier_call_id not in ("", sid) or call.status == Call.Status.ENDED:
        return phone_calls.GOODBYE
    by = form.get("AnsweredBy", "")
    who = "human" if by == "human" else "machine" if by in MACHINES else "unknown" if by else ""
    with tenancy.use(call.organization_id):
        Call.objects.filter(pk=call.pk).update(carrier_call_id=sid, picked_up_by=who)
    call.carrier_call_id = sid
    if who == "machine":  # only asked about where nobody wants to talk to one
        end_call(call, call.organization_id, "machine_answered", only_waiting=True)
        return phone_calls.GOODBYE
    return phone_calls.to_a_worker(call)


def hang_up(call: Call) -> None:
    """Before somebody picks up: the carrier is told to stop ringing."""
    if call.carrier_account is None or not call.carrier_call_id:
        return
    try:
        async_to_sync(phone_numbers.carrier(call.carrier_account).hang_up)(call.carrier_call_id)
    except (CarrierError, phone_numbers.CannotDo) as error:
        logger.warning("The carrier of call %s could not be told to hang up: %s", call.pk, error)
