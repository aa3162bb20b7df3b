"""Use cases of telephone calls: one rings, its sound is led to a call worker, the worker is lost and another goes on, it ends.

What the carrier tells may come twice (it repeats what wasn't answered in time), and whoever has seen a request can send it again:
everything here is fine to do twice. A call is known by the carrier's id of it; a stream's token works once, for a minute.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
import redis
import redis.asyncio
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from pydantic import ValidationError

from accounts import tenancy
from agents import spec
from agents.models import Agent
from telephony import carrier_answers, reception, worker_status
from telephony.answering import Answer, Answering, Refuse, TakeMessage, Talk
from telephony.finish import Outcome, command, end_call, was_up
from telephony.models import Call, CarrierAccount, PhoneNumber, Trunk
from telephony.phone_numbers import does, page_for
from telephony.wire import twiml

logger = logging.getLogger(__name__)

TOKEN_SECONDS = 60
HAND_ON_SECONDS = 10
NEXT_SECONDS = 3600
MOST_STREAMS = 20
WAITS = timedelta(seconds=60)
"""For a worker, from the moment the carrier was told to lead the call to one."""
NO_SIP_HERE = "No call worker serves SIP telephones just now, so yours can't be called. Look at System health."
_TOKENS, _NEXT = "parley:stream:", "parley:next:"

ENDED = {
    "completed": "caller_hung_up",
    "busy": "line_busy",
    "no-answer": "no_answer",
    "failed": "not_reachable",
    "canceled": "called_off",
}
"""Twilio's CallStatus → a key of ``telephony.end_reasons.REASONS``."""
GOODBYE = twiml.document(twiml.hang_up())


@dataclass(frozen=True, slots=True)
class Stream:
    """What a stream's token stands for."""

    call: uuid.UUID
    organization: uuid.UUID
    number: int
    """Which stream of the call it is: ``Call.streams``."""
    carrier_call_id: str
    carrier_account_sid: str
    is_words: bool = False
    """Twilio hears and speaks: words come, and no sound."""
    is_let_in: bool = False
    """There is room for it in any case: the caller was here a moment ago, or leaves a message, which costs next to nothing."""
    carrier: str = "twilio"
    """A key of ``telephony.carriers.registry.CARRIERS``: how the stream speaks."""
    second: str = ""
    """Not the caller's: it brings whom the agent called for them, and this names the line that waits for it."""
    at: str = ""
    """Where the only worker listens that can do with it what it is for, host and port: of such a stream the one that has the caller, of a
    caller who is put through to a telephone of ours one that telephones register at. "": any."""
    on_machine: str = "talk"
    """Of a call of ours whose carrier doesn't listen for machines: what the worker does where one has picked up."""


def ring(account: CarrierAccount, form: Mapping[str, str]) -> str:
    """Somebody calls one of our numbers: what the carrier shall do, as TwiML."""
    to, sid, caller = form.get("To", ""), form.get("CallSid", ""), form.get("From", "")
    with tenancy.use(account.organization_id):
        numbers = PhoneNumber.objects.select_related("organization", "account", "agent__published")
        number = numbers.filter(account=account, number=to).first()
        if number is None or not sid:
            return twiml.document(twiml.reject())
        if (call := _the_call(account, sid)) is not None:  # asked again
            return twiml.document(twiml.reject(busy=True)) if call.status == Call.Status.ENDED else go_on(call)
    line = {
        "caller": caller[:120], "from_number": caller[:64], "carrier_account": account, "carrier_call_id": sid[:64]
    }  # fmt: skip
    answer = _possible(account, reception.answer_to(number, caller or sid, has_room=has_room()))
    call = None
    if not isinstance(answer, Refuse) or answer.is_busy:
        call = reception.enter(number, answer, **line) or _the_call(account, sid)
        if call is None and isinstance(answer, Talk):
            answer = _possible(account, reception.failing_answer(number, "unreadable"))
            call = None if isinstance(answer, Refuse) else reception.enter(number, answer, **line)
    if call is None:
        return twiml.document(twiml.reject())
    if isinstance(answer, Refuse):
        reason = "after_hours" if answer.why == "closed" else "busy"
        end_call(call, call.organization_id, reason, only_waiting=True)
        return twiml.document(twiml.reject(busy=True))
    return go_on(call)


def go_on(call: Call) -> str:
    """What was decided for this call, as TwiML."""
    if rings_here(call) and not serves_sip():
        return carrier_answers.not_put_through(call, NO_SIP_HERE)
    return to_a_worker(call) if is_for_a_worker(call) else carrier_answers.carry_out(call)


def rings_here(call: Call) -> bool:
    """Whether the caller is put through to a telephone that registers here, which no carrier can call."""
    from telephony.transfers.second_line import telephone_at

    decided = call.instead
    return decided.get("how") == "forward" and telephone_at(call, str(decided.get("to", ""))) is not None


def is_for_a_worker(call: Call) -> bool:
    """Whether a call worker does what was decided: an agent talks, a message is left at a carrier that takes none for us, or a telephone
    of ours rings."""
    how = call.instead.get("how", "agent")
    if rings_here(call):
        return True
    with tenancy.use(call.organization_id):
        account = call.carrier_account
    return how == "agent" or (how == "voicemail" and account is not None and not does(account, "voicemail"))


def _possible(account: CarrierAccount, answer: Answer) -> Answer:
    """A message that only a call worker could take is taken by nobody where there is none."""
    is_ours = isinstance(answer, TakeMessage) and not does(account, "voicemail")
    return Refuse("no_room") if is_ours and not is_anybody_there() else answer


def _the_call(account: CarrierAccount, sid: str) -> Call | None:
    with tenancy.use(account.organization_id):
        found: Call | None = Call.objects.filter(carrier_account=account, carrier_call_id=sid).first()
        return found


def create_incoming(
    agent: Agent,
    number: PhoneNumber | None,
    *,
    caller: str,
    called: str,
    account: CarrierAccount | None = None,
    trunk: Trunk | None = None,
    carrier_call_id: str = "",
) -> Call | None:
    """The row of a call that comes in, with the spec it runs with: what is published of the agent. ``number`` None: it was called
    by its own address. ``None``: what is published can't be read any more.

    Raises ``IntegrityError`` where there is one already of this ``carrier_call_id`` and account.
    """
    version = agent.published
    try:
        frozen = spec.load(version.spec if version else {})
    except ValidationError:
        return None
    with tenancy.use(agent.organization_id), transaction.atomic():
        call: Call = Call.objects.create(
            organization_id=agent.organization_id,
            agent=agent,
            version=version,
            spec=frozen.model_dump(mode="json"),
            channel=Call.Channel.PHONE,
            direction=Call.Direction.INBOUND,
            caller=caller[:120],
            from_number=caller[:64],
            to_number=called[:64],
            phone_number=number,
            carrier_account=account,
            trunk=trunk,
            carrier_call_id=carrier_call_id[:64],
        )
        return call


def to_a_worker(call: Call, *, is_back: bool = False) -> str:
    """TwiML that joins the call's sound to a call worker, whichever takes it. ``is_back``: the caller was here a moment ago, and
    nobody was there whom they were put through to."""
    with tenancy.use(call.organization_id), transaction.atomic():
        row = (
            Call.objects.select_for_update(of=("self",))
            .select_related("carrier_account", "phone_number")
            .get(pk=call.pk)
        )
        if row.status == Call.Status.ENDED or row.streams >= MOST_STREAMS or row.carrier_account is None:
            return GOODBYE
        row.streams += 1
        row.status, row.worker, row.lease_until = Call.Status.QUEUED, "", timezone.now() + WAITS
        row.save(update_fields=["streams", "status", "worker", "lease_until"])
        account = row.carrier_account
        speech = Answering() if row.phone_number is None else reception.settings_of(row.phone_number)
    is_for_a_telephone = rings_here(row)
    by_twilio = speech.speech.by == "twilio" and not is_for_a_telephone  # two lines are joined by their sound
    token = secrets.token_urlsafe(24)
    stream = {
        "call": str(row.pk), "organization": str(row.organization_id), "number": row.streams,
        "carrier_call_id": row.carrier_call_id, "carrier_account_sid": account.sid, "is_words": by_twilio,
        "is_let_in": is_back or row.instead.get("how", "agent") != "agent", "carrier": account.provider,
        "on_machine": _on_machine(row), "at": serves_sip() if is_for_a_telephone else "",
    }  # fmt: skip
    worker_status.client().set(_token_key(token), orjson.dumps(stream), ex=TOKEN_SECONDS)
    if by_twilio:
        return twiml.document(
            twiml.connect_relay(
                f"{settings.PHONE_MEDIA_URL}/twilio-words/{token}",
                page_for(account, "next", row.pk),
                **relay_terms(row, speech.speech.voice),
            )
        )
    return twiml.document(
        twiml.connect_stream(
            f"{settings.PHONE_MEDIA_URL}/{account.provider}/{token}",
            page_for(account, "next", row.pk),
            {} if account.provider == "twilio" else {"call": row.carrier_call_id},
        )
    )


def _on_machine(call: Call) -> str:
    """Until it is known that no machine is there."""
    return "talk" if call.picked_up_by in ("human", "unknown") else str(call.instead.get("on_machine", "talk"))


_SENSITIVITY = {"patient": "low", "low": "low", "medium": "medium", "high": "high", "snappy": "high"}


def relay_terms(call: Call, voice: str) -> dict[str, str]:
    """What the agent's knobs are called where Twilio hears and speaks: attributes of ``<ConversationRelay>``."""
    try:
        agent = spec.load(call.spec)
    except ValidationError:  # the worker says so
        return {}
    listens = agent.listens
    return {
        "language": agent.sounds.language,
        "voice": voice,
        "hints": ", ".join(listens.keywords)[:900],
        "interruptible": "any" if listens.barge_in else "none",
        "interruptSensitivity": _SENSITIVITY.get(listens.barge_in_sensitivity.value, "medium"),
        "reportInputDuringAgentSpeech": "any",
        "dtmfDetection": "true" if listens.keypad else "false",
        "partialPrompts": "true",
        "events": "speaker-events tokens-played",
    }


async def use_up(valkey: redis.asyncio.Redis, token: str) -> Stream | None:
    """What the token stands for, once. ``None``: it is none, is too old or was used. Raises ``redis.RedisError``."""
    if not 20 <= len(token) <= 64:
        return None
    text = await valkey.getdel(_token_key(token))
    if text is None:
        return None
    body: dict[str, Any] = orjson.loads(text)
    return Stream(
        uuid.UUID(body["call"]), uuid.UUID(body["organization"]), int(body["number"]), body["carrier_call_id"],
        body["carrier_account_sid"], body.get("is_words") is True, body.get("is_let_in") is True,
        str(body.get("carrier", "twilio")),
        str(body.get("second", "")), str(body.get("at", "")), str(body.get("on_machine", "talk")),
    )  # fmt: skip


def new_token(stream: Stream, seconds: int) -> str:
    """One that stands for this stream, once, for so long."""
    token = secrets.token_urlsafe(24)
    worker_status.client().set(_token_key(token), orjson.dumps(stream), ex=seconds)
    return token


async def hand_on(valkey: redis.asyncio.Redis, stream: Stream) -> str:
    """Another token in place of one that was used up at a worker that the stream is not for."""
    token = secrets.token_urlsafe(24)
    await valkey.set(_token_key(token), orjson.dumps(stream), ex=HAND_ON_SECONDS)
    return token


async def decide_next(valkey: redis.asyncio.Redis, call: uuid.UUID, document: str = GOODBYE) -> None:
    """The worker leaves the call of its own accord: what the carrier shall do then. Where nobody decided, the worker was lost."""
    await valkey.set(next_key(call), document, ex=NEXT_SECONDS)


def answer_next(call: Call, document: str) -> None:
    """The same in Django: our page says this when it is asked what comes next. Raises ``redis.RedisError``."""
    worker_status.client().set(next_key(call.pk), document, ex=NEXT_SECONDS)


def forget_next(call: Call) -> None:
    """Nothing is decided any more."""
    try:
        worker_status.client().delete(next_key(call.pk))
    except redis.RedisError:
        logger.warning("What comes after the streams of call %s could not be forgotten", call.pk)


def next_key(call: uuid.UUID) -> str:
    return f"{_NEXT}{call}"


def next_step(call: Call, form: Mapping[str, str]) -> str:
    """The stream is over and the carrier asks what comes now: what the worker decided, or another worker."""
    if form.get("CallStatus") in ENDED:
        over(call, form)
        return GOODBYE
    try:
        decided = worker_status.client().get(next_key(call.pk))
    except redis.RedisError:
        decided = None
    if decided is not None:
        return decided if isinstance(decided, str) else decided.decode()
    if call.status == Call.Status.ENDED:
        return GOODBYE
    is_agents = call.instead.get("how", "agent") == "agent"
    if not (has_room() if is_agents else is_anybody_there()):
        return nobody_goes_on(call)
    return go_on(call) if rings_here(call) else to_a_worker(call)


def nobody_goes_on(call: Call) -> str:
    """No call worker is left for it: what its number says to that."""
    reason = "worker_lost" if call.answered_at else "busy"
    if call.direction == Call.Direction.INBOUND and call.phone_number_id is not None:
        with tenancy.use(call.organization_id):
            numbers = PhoneNumber.objects.select_related("organization", "account", "agent__published")
            number = numbers.get(pk=call.phone_number_id)
        answer = reception.failing_answer(number, "lost" if call.answered_at else "no_room")
        if number.account is not None:
            answer = _possible(number.account, answer)
        if not isinstance(answer, Refuse | Talk):
            reception.turn_to(call, answer)
            return go_on(call)
    end_call(call, call.organization_id, reason)
    return GOODBYE


def over(call: Call, form: Mapping[str, str]) -> None:
    """The carrier says that the call is over, or never came about."""
    reason = ENDED.get(form.get("CallStatus", ""))
    if reason is None:
        return
    up_s = 0
    if call.direction == Call.Direction.OUTBOUND and reason == "caller_hung_up":  # it was picked up
        up_s = max(1, carrier_answers.whole(form.get("CallDuration")))
        was_up(call, up_s)
    if call.status == Call.Status.ENDED:
        return
    if call.direction == Call.Direction.INBOUND:
        reason = "caller_hung_up"
    if call.is_at_carrier:
        carrier_answers.over(call, form)
        return
    detail = form.get("SipResponseCode", "")
    is_heard = up_s and call.answered_at is None and (call.streams or call.instead.get("listens") == "carrier")
    outcome = Outcome(duration_ms=up_s * 1000) if is_heard else None
    if end_call(
        call, call.organization_id, reason, f"SIP {detail}" if detail else "", outcome=outcome, only_waiting=True
    ):
        return
    command(call, "hang_up", reason="caller_hung_up")


def rings_until(seconds: int) -> datetime:
    """Until when a call that we place may wait for somebody to pick up, before it is taken for lost."""
    return timezone.now() + timedelta(seconds=seconds) + WAITS


def has_room() -> bool:
    """Where Valkey can't be asked, the call is tried all the same."""
    try:
        return any(worker.has_room for worker in worker_status.workers())
    except redis.RedisError:
        return True


def serves_sip() -> str:
    """Where a call worker that telephones register at takes the sound of carriers; "": there is none."""
    try:
        found = (each for each in worker_status.workers() if each.sip_port and not each.is_draining)
        return next((each.media_address for each in found if each.media_address), "")
    except redis.RedisError:
        return ""


def is_anybody_there() -> bool:
    """A call worker, with room for new calls or not."""
    try:
        return any(not worker.is_draining for worker in worker_status.workers())
    except redis.RedisError:
        return True


def _token_key(token: str) -> str:
    """Who can read Valkey's keys can't use them."""
    return _TOKENS + hashlib.sha256(token.encode()).hexdigest()
