"""The agent fails before its first word: what the number says to that, written down for whoever carries it out."""

from __future__ import annotations

import redis.asyncio
from django.conf import settings
from django.db import transaction

from accounts import tenancy
from agents import spec
from agents.models import AgentVersion
from telephony import carrier_answers, phone_calls, reception
from telephony.answering import Answer, Refuse, Talk
from telephony.models import Call, PhoneNumber


def has_another_way(call: Call) -> bool:
    """Whether its number says what happens where the agent can't answer, other than that nobody does."""
    if call.direction != Call.Direction.INBOUND or call.phone_number_id is None or call.instead:
        return False
    with tenancy.use(call.organization_id):
        number = _number(call)
        return number is not None and reception.settings_of(number).on_failure.how != "refuse"


def turn(call: Call) -> Answer:
    """Decide, and let the row say it; ``call`` is the same afterwards. ``Refuse``: nothing else happens, and nothing was changed."""
    with tenancy.use(call.organization_id):
        number = _number(call)
        if number is None:
            return Refuse("failed")
        answer = reception.failing_answer(number, "failed", has_room=True)
        if isinstance(answer, Talk) and answer.agent == str(call.agent_id):
            return Refuse("failed")  # the one that has just failed
        if isinstance(answer, Refuse):
            return answer
        if isinstance(answer, Talk):
            version = AgentVersion.objects.select_related("agent").get(agent_id=answer.agent, number=answer.version)
            frozen = spec.load(version.spec)
            call.agent, call.version, call.spec = version.agent, version, frozen.model_dump(mode="json")
            Call.objects.filter(pk=call.pk).update(agent=call.agent, version=call.version, spec=call.spec)
        reception.turn_to(call, answer)
    return answer


def leave_to_carrier(call: Call) -> tuple[str, int]:
    """The carrier carries it out, and no stream that stands may end the call any more. Returns what it is told, and the number of
    the next stream."""
    with tenancy.use(call.organization_id), transaction.atomic():
        row = Call.objects.select_for_update().get(pk=call.pk)
        row.streams += 1
        row.save(update_fields=["streams"])
    if phone_calls.is_for_a_worker(call):  # not on this stream, which has no sound of ours
        return phone_calls.go_on(call), int(row.streams) + 1
    return carrier_answers.carry_out(call), int(row.streams)


async def tell_carrier(call: Call, document: str) -> None:
    """What it finds when the stream to us is over and it asks what comes next."""
    valkey = redis.asyncio.Redis.from_url(settings.VALKEY_URL, socket_timeout=2, socket_connect_timeout=2)
    try:
        await phone_calls.decide_next(valkey, call.pk, document)
    finally:
        await valkey.aclose()


def _number(call: Call) -> PhoneNumber | None:
    rows = PhoneNumber.objects.select_related("organization", "account", "trunk", "agent__published")
    found: PhoneNumber | None = rows.filter(pk=call.phone_number_id).first()
    return found
