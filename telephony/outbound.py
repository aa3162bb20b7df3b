"""Use cases of calls that we place: ring a number, and talk when somebody picks up."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Literal

import redis
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from pydantic import ValidationError

from accounts import tenancy
from agents import spec
from agents.models import Agent
from agents.variables import clean, say
from telephony import carrier_answers, finish, phone_calls, phone_numbers, reception, worker_status
from telephony.answering import Say
from telephony.carriers import CarrierError
from telephony.dialing import gate
from telephony.dialing.policy import Path
from telephony.finish import end_call, worker_channel
from telephony.models import Call, PhoneNumber, Trunk
from telephony.worker_status import WorkerStatus

logger = logging.getLogger(__name__)

RING_SECONDS = 30
OnMachine = Literal["talk", "hang_up", "leave_message"]
LONGEST_MESSAGE = 1_000
"""Letters of what is said to an answering machine."""
MACHINES = ("machine_start", "machine_end_beep", "machine_end_silence", "machine_end_other", "fax")


NOT_PUBLIC = "{carrier} can't reach this installation: it needs an https address that is open to the internet."


class MayNotDial(Exception):
    """The call is not placed; the message says why."""


def ring(
    ours: PhoneNumber,
    agent: Agent,
    to: str,
    *,
    path: Path = "api",
    on_machine: OnMachine = "talk",
    machine_message: str = "",
    member: Any = None,
    variables: Mapping[str, Any] | None = None,
) -> Call:
    """Ring ``to`` from our number, if that may be called; the agent talks, with what is published of it. ``machine_message``: what a
    machine is told, with "leave_message".

    Raises :class:`MayNotDial`, ``phone_numbers.CannotDo`` and ``CarrierError``; of the last there is a row that tells of it.
    """
    if ours.trunk is not None:
        return ring_over(
            ours.trunk, agent, to, ours=ours, path=path, on_machine=on_machine, machine_message=machine_message,
            member=member, variables=variables,
        )  # fmt: skip
    assert ours.account is not None
    frozen = published(agent)
    message = _message_for(on_machine, machine_message)
    check_line(ours)
    at_carrier = phone_numbers.carrier(ours.account)
    permit = _permitted(ours.organization, to, path, frozen)
    return dial(
        permit, at_carrier, ours, agent, frozen, on_machine=on_machine, machine_message=message, member=member,
        variables=variables,
    )  # fmt: skip


def _message_for(on_machine: OnMachine, message: str) -> str:
    """Raises :class:`MayNotDial`."""
    if on_machine != "leave_message":
        return ""
    if not message.strip():
        raise MayNotDial("Write the message that is left on an answering machine (machine_message).")
    return message.strip()[:LONGEST_MESSAGE]


def _permitted(organization: Any, to: str, path: Path, frozen: spec.AgentSpec) -> gate.Permit:
    try:
        return gate.reserve(organization, to.strip(), path, longest_minutes=longest_minutes(frozen))
    except gate.MayNotDial as error:
        raise MayNotDial(str(error)) from error


def check_line(ours: PhoneNumber) -> None:
    """Raises :class:`MayNotDial` where the number's line can't be used from here at all."""
    if ours.account is not None and not phone_numbers.is_public(ours.account):
        raise MayNotDial(NOT_PUBLIC.format(carrier=phone_numbers.carrier_of(ours.account).title))


def longest_minutes(frozen: spec.AgentSpec) -> int:
    return -(-frozen.limits.max_duration_s // 60)


def published(agent: Agent) -> spec.AgentSpec:
    """What the agent calls people with. Raises :class:`MayNotDial`."""
    if agent.archived_at is not None or agent.published is None:
        raise MayNotDial("Publish the agent first: calls run with what is published.")
    try:
        return spec.load(agent.published.spec)
    except ValidationError as error:
        raise MayNotDial("What is published of this agent can't be read any more. Publish it again.") from error


def ring_over(
    trunk: Trunk,
    agent: Agent,
    to: str,
    *,
    ours: PhoneNumber | None = None,
    path: Path = "api",
    on_machine: OnMachine = "talk",
    machine_message: str = "",
    member: Any = None,
    variables: Mapping[str, Any] | None = None,
) -> Call:
    """Ring ``to`` over a SIP trunk, as ``ours`` or as whom the trunk says. A call worker that has SIP places it, at once.

    Raises :class:`MayNotDial`.
    """
    frozen = published(agent)
    message = _message_for(on_machine, machine_message)
    caller = caller_over(trunk, ours)
    worker = _sip_worker()
    permit = _permitted(trunk.organization, to, path, frozen)
    return dial_over(
        permit, worker, trunk, ours, agent, frozen, caller=caller, on_machine=on_machine, machine_message=message,
        member=member, variables=variables,
    )  # fmt: skip


def caller_over(trunk: Trunk, ours: PhoneNumber | None) -> str:
    """As whom the trunk calls. Raises :class:`MayNotDial`."""
    caller: str = trunk.caller_id or (ours.number if ours is not None else trunk.username)
    if not caller:
        raise MayNotDial(
            "Say as whom this trunk calls: give it a caller's number, or call from a number that is on it."
        )
    return caller


def sip_workers() -> list[WorkerStatus]:
    """Those that serve SIP, whether they have room or not. Raises :class:`MayNotDial` where there are none."""
    try:
        serving = [worker for worker in worker_status.workers() if worker.sip_port]
    except redis.RedisError:
        raise MayNotDial(
            "Valkey can't be reached, so no call worker can be asked to call. See System health."
        ) from None
    if not serving:
        raise MayNotDial("No call worker serves SIP. The operator switches it on with SIP_HOST (docs/phones.md).")
    return serving


def _sip_worker() -> WorkerStatus:
    serving = sip_workers()
    free = [worker for worker in serving if worker.has_room]
    if not free:
        raise MayNotDial(
            "The call worker that serves SIP has no room for another call just now. Try again in a moment."
        )
    return free[0]


def dial_over(
    permit: gate.Permit,
    worker: WorkerStatus,
    trunk: Trunk,
    ours: PhoneNumber | None,
    agent: Agent,
    frozen: spec.AgentSpec,
    *,
    caller: str,
    member: Any,
    on_machine: OnMachine = "talk",
    machine_message: str = "",
    variables: Mapping[str, Any] | None = None,
) -> Call:
    """The call that is permitted, given to a worker. Whom to call it reads off the permit again."""
    call = enter_over(
        permit, trunk, ours, agent, frozen, caller=caller, member=member, machine_message=machine_message,
        variables=variables,
    )  # fmt: skip
    order_over(call, worker, on_machine=on_machine)
    return call


def enter_over(
    permit: gate.Permit,
    trunk: Trunk,
    ours: PhoneNumber | None,
    agent: Agent,
    frozen: spec.AgentSpec,
    *,
    caller: str,
    member: Any = None,
    machine_message: str = "",
    variables: Mapping[str, Any] | None = None,
) -> Call:
    """Its row, from before a worker is told. As long as no worker has claimed the row, nobody's telephone has rung."""
    with tenancy.use(trunk.organization_id):
        call: Call = Call.objects.create(
            organization_id=trunk.organization_id,
            agent=agent,
            version=agent.published,
            spec=frozen.model_dump(mode="json"),
            variables={key: clean(value) for key, value in (variables or {}).items()},
            channel=Call.Channel.PHONE,
            direction=Call.Direction.OUTBOUND,
            caller=permit.number[:120],
            from_number=caller[:64],
            to_number=permit.number[:64],
            phone_number=ours,
            trunk=trunk,
            instead=_for_machines(machine_message, variables),
            started_by=member,
            lease_until=phone_calls.rings_until(0),
        )
    gate.attach(permit, call)
    return call


def order_over(call: Call, worker: WorkerStatus, *, on_machine: OnMachine = "talk") -> None:
    """Tell the worker to ring. An order that is lost, or comes too late, rings nobody: the row is claimed first."""
    order = {
        "type": "call.command", "command": "dial", "call_id": str(call.pk), "organization": str(call.organization_id),
        "trunk": str(call.trunk_id), "caller": call.from_number, "display": "", "ring_seconds": RING_SECONDS,
        "on_machine": on_machine,
    }  # fmt: skip
    async_to_sync(get_channel_layer().send)(worker_channel(worker.id), order)


def _for_machines(message: str, variables: Mapping[str, Any] | None) -> dict[str, Any]:
    """As the row keeps it until somebody, or something, picks up."""
    return {"machine_message": say(message, variables or {})} if message else {}


def dial(
    permit: gate.Permit,
    at_carrier: Any,
    ours: PhoneNumber,
    agent: Agent,
    frozen: spec.AgentSpec,
    *,
    on_machine: OnMachine,
    member: Any,
    machine_message: str = "",
    variables: Mapping[str, Any] | None = None,
) -> Call:
    """The call that is permitted. Its end gives its place back, whatever becomes of it."""
    call = enter(permit, ours, agent, frozen, member=member, machine_message=machine_message, variables=variables)
    try:
        place(permit, at_carrier, call, on_machine=on_machine)
    except CarrierError as error:
        end_call(call, call.organization_id, "carrier_refused", error.message)
        raise
    return call


def enter(
    permit: gate.Permit,
    ours: PhoneNumber,
    agent: Agent,
    frozen: spec.AgentSpec,
    *,
    member: Any = None,
    machine_message: str = "",
    variables: Mapping[str, Any] | None = None,
) -> Call:
    """Its row, from before the carrier is asked. The place that the permit holds is the row's from now on."""
    with tenancy.use(ours.organization_id):
        call: Call = Call.objects.create(
            organization_id=ours.organization_id,
            agent=agent,
            version=agent.published,
            spec=frozen.model_dump(mode="json"),
            variables={key: clean(value) for key, value in (variables or {}).items()},
            channel=Call.Channel.PHONE,
            direction=Call.Direction.OUTBOUND,
            caller=permit.number[:120],
            from_number=ours.number,
            to_number=permit.number[:64],
            phone_number=ours,
            carrier_account=ours.account,
            instead=_for_machines(machine_message, variables),
            started_by=member,
            lease_until=phone_calls.rings_until(RING_SECONDS),
        )
    gate.attach(permit, call)
    return call


def place(permit: gate.Permit, at_carrier: Any, call: Call, *, on_machine: OnMachine) -> None:
    """Ask the carrier for the call that was entered. Raises ``CarrierError``: where that has no ``status`` it may ring all the same."""
    account = call.carrier_account
    assert account is not None
    is_listened_for = on_machine != "talk" and phone_numbers.does(account, "machines")
    if on_machine != "talk" and not is_listened_for:
        carrier_answers.add(call, on_machine=on_machine)  # the worker that the call is led to listens
    if is_listened_for:
        carrier_answers.add(call, listens="carrier")
    sid = async_to_sync(at_carrier.call)(
        permit.number,
        call.from_number,
        phone_numbers.page_for(account, "answered", call.pk),
        phone_numbers.page_for(account, "call-status", call.pk),
        detect_machine=is_listened_for,
        until_beep=is_listened_for and on_machine == "leave_message",
        ring_seconds=RING_SECONDS,
    )
    if sid:  # else what the carrier asks or tells next says it
        is_called(call, sid)


def is_called(call: Call, sid: str) -> None:
    """What the carrier calls it: told by its answer, or by what it asks before that answer is here."""
    call.carrier_call_id = sid
    with tenancy.use(call.organization_id):
        Call.objects.filter(pk=call.pk).update(carrier_call_id=sid)


def told(call: Call, form: Mapping[str, str]) -> None:
    """The carrier tells of a call that we placed, maybe for the first time. One that was called off before anybody knew what the
    carrier calls it is hung up now."""
    is_new = not call.carrier_call_id
    is_called(call, form.get("CallSid", ""))
    with tenancy.use(call.organization_id):
        if is_new and form.get("CallStatus") not in phone_calls.ENDED:
            call.refresh_from_db(fields=["status"])  # ``stop`` looks the other way round
            if call.status == Call.Status.ENDED:
                _hang_up(call)


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
        if message := str(call.instead.get("machine_message", "")):
            reception.turn_to(call, Say(message, "machine"))
            return carrier_answers.carry_out(call)
        # Its carrier tells later how long it was; a minute has begun.
        outcome = finish.Outcome(duration_ms=1_000)
        end_call(call, call.organization_id, "machine_answered", outcome=outcome, only_waiting=True)
        return phone_calls.GOODBYE
    return phone_calls.to_a_worker(call)


def stop(call: Call) -> None:
    """Somebody of the team ends it, whoever has it: a worker, the carrier that rings or that took it for us, or nobody yet."""
    is_without_worker = call.streams == 0 or call.is_at_carrier
    if call.carrier_account_id is None or not is_without_worker:
        finish.hang_up(call)
        return
    is_ringing = call.direction == Call.Direction.OUTBOUND and call.answered_at is None
    if end_call(call, call.organization_id, "called_off" if is_ringing else "member_hung_up"):
        with tenancy.use(call.organization_id):
            call.refresh_from_db(fields=["carrier_call_id"])
            if call.carrier_call_id:  # else ``told`` sees to it
                _hang_up(call)


def _hang_up(call: Call) -> None:
    """The carrier is told to."""
    if call.carrier_account is None:
        return
    try:
        async_to_sync(phone_numbers.carrier(call.carrier_account).hang_up)(call.carrier_call_id)
    except (CarrierError, phone_numbers.CannotDo) as error:
        logger.warning("The carrier of call %s could not be told to hang up: %s", call.pk, error)
