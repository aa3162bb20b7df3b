"""A number of ours is called: what its settings say to that, and the call's row. For every kind of line.

Whoever holds the line asks ``answer_to``, makes the row with ``enter``, and does what was decided.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from pydantic import ValidationError

from accounts import tenancy
from accounts.models import Organization
from agents import spec
from agents.changes import merge
from agents.models import Agent, AgentVersion
from agents.transfers import is_sip
from telephony.answering import (
    Answer,
    Answering,
    Candidate,
    Forward,
    How,
    Instead,
    Refuse,
    Say,
    TakeMessage,
    Talk,
    Why,
    decide,
    failing,
    is_address,
)
from telephony.dialing.e164 import Number, Unreadable, read
from telephony.dialing.policies import policy_of
from telephony.dialing.policy import number_in
from telephony.models import Call, PhoneNumber
from telephony.phone_numbers import CannotDo, check_able

logger = logging.getLogger(__name__)

HOW: dict[type[Answer], How] = {
    Talk: "agent", Forward: "forward", TakeMessage: "voicemail", Say: "message", Refuse: "refuse"
}  # fmt: skip
WITHOUT_AGENT_FOR = timedelta(hours=1)
"""A call that no call worker has is over by then, whatever its line told."""


def settings_of(number: PhoneNumber) -> Answering:
    """What can't be read any more counts as never set."""
    try:
        return Answering.model_validate(number.answering)
    except ValidationError as error:
        logger.error("What is set of the number %s can't be read, and doesn't hold: %s", number.pk, error)
        return Answering()


def change(number: PhoneNumber, changes: dict[str, Any]) -> Answering:
    """Keep these knobs, group by group; ``None`` sets one back to its default. Raises ``pydantic.ValidationError`` and
    :class:`telephony.phone_numbers.CannotDo`, and keeps none where one is wrong."""
    with tenancy.use(number.organization_id), transaction.atomic():
        row = PhoneNumber.objects.select_for_update().get(pk=number.pk)
        changed = Answering.model_validate(merge(row.answering, changes))
        for what in (changed.after_hours, changed.on_failure):
            _check(what, number.organization)
        if changed.speech.by == "twilio" and row.account is not None:
            check_able(row.account, "words")
        if changed.speech.by == "twilio" and row.account_id is None:
            raise CannotDo("Twilio hears and speaks only where the number is at Twilio. This one is on a SIP trunk.")
        row.answering = number.answering = changed.model_dump(mode="json", exclude_defaults=True)
        row.save(update_fields=["answering"])
    return changed


def _check(what: Instead, organization: Organization) -> None:
    """Whom it names is there, and is one that may be called at all."""
    if what.how == "agent" and not Agent.objects.filter(pk=what.agent, archived_at=None).exists():
        raise CannotDo("The agent that shall answer instead is not there, or is archived. Choose another.")
    if what.how == "forward" and is_address(what.forward_to):
        if not is_sip(what.forward_to.strip()):
            raise CannotDo(f"“{what.forward_to}” is no SIP address. Write it as sip:desk@pbx.example.com.")
        inside = number_in(what.forward_to.strip(), policy_of(organization).home_country)
        if isinstance(inside, Unreadable):
            raise CannotDo(f"Nobody can be put through to “{what.forward_to}”. {inside.words}")
    elif what.how == "forward":
        found = read(what.forward_to, policy_of(organization).home_country)
        if not isinstance(found, Number):
            raise CannotDo(f"Nobody can be put through to “{what.forward_to}”. {found.words}")


def answer_to(number: PhoneNumber, caller: str, *, has_room: bool, at: datetime | None = None) -> Answer:
    """What happens with a call of ``caller`` at this moment. Nothing is changed by asking."""
    answering = settings_of(number)
    return decide(
        answering,
        str(number.agent_id or ""),
        _candidates(number, answering),
        zone=number.organization.timezone,
        at=at or timezone.now(),
        has_room=has_room,
        draw=draw_of(number, caller),
    )


def failing_answer(number: PhoneNumber, why: Why, *, has_room: bool = False) -> Answer:
    """The agent can't answer this call, or not go on with it."""
    answering = settings_of(number)
    return failing(answering, _candidates(number, answering), why, has_room)


def draw_of(number: PhoneNumber, caller: str) -> float:
    """The same caller has the same, at every call of this number."""
    told = hashlib.sha256(f"{number.pk}|{caller}".encode()).digest()
    return int.from_bytes(told[:6]) / 2**48


def _candidates(number: PhoneNumber, answering: Answering) -> dict[str, Candidate]:
    """The number's agent, and whoever is named beside it."""
    named = {each for each in (answering.after_hours.agent, answering.on_failure.agent) if each}
    shares = [share.version for share in answering.versions.shares]
    with tenancy.use(number.organization_id):
        mine = number.agent
        others = list(Agent.objects.select_related("published").filter(pk__in=named)) if named else []
        versions = AgentVersion.objects.filter(agent=mine, number__in=shares).values_list("number", flat=True)
        there = frozenset(versions) if mine and shares else frozenset[int]()
        found = {str(agent.pk): _candidate(agent) for agent in others}
        return {**found, str(mine.pk): _candidate(mine, there)} if mine else found


def _candidate(agent: Agent, versions: frozenset[int] = frozenset()) -> Candidate:
    return Candidate(agent.published.number if agent.published else None, versions, agent.archived_at is not None)


def enter(number: PhoneNumber, answer: Answer, **line: Any) -> Call | None:
    """The call's row, with what was decided. ``line``: what is known of it, as ``Call`` names it. ``None``: what is published of the
    agent can't be read any more."""
    with tenancy.use(number.organization_id):
        agent, version = _who(number, answer)
        try:
            frozen = spec.load(version.spec if version is not None else agent.draft)
        except ValidationError:
            if isinstance(answer, Talk):
                return None
            frozen = spec.AgentSpec(name=agent.name)
        try:
            with transaction.atomic():
                call: Call = Call.objects.create(
                    organization_id=number.organization_id,
                    agent=agent,
                    version=version,
                    spec=frozen.model_dump(mode="json"),
                    channel=Call.Channel.PHONE,
                    direction=Call.Direction.INBOUND,
                    to_number=number.number,
                    phone_number=number,
                    instead=told(answer),
                    **line,
                )
                return call
        except IntegrityError:  # the carrier asked twice at the same time
            return None


def _who(number: PhoneNumber, answer: Answer) -> tuple[Agent, AgentVersion | None]:
    assert number.agent is not None  # of one without an agent calls are refused
    if not isinstance(answer, Talk):
        return number.agent, number.agent.published
    version = AgentVersion.objects.select_related("agent").get(agent_id=answer.agent, number=answer.version)
    return version.agent, version


def told(answer: Answer) -> dict[str, Any]:
    """As the row keeps it; empty where the number's agent talks."""
    if isinstance(answer, Talk) and not answer.why:
        return {}
    return {"how": how(answer), **asdict(answer)}


def how(answer: Answer) -> How:
    return HOW[type(answer)]


def turn_to(call: Call, answer: Answer) -> None:
    """Somebody else has the call from now on."""
    with tenancy.use(call.organization_id):
        call.instead = told(answer)
        Call.objects.filter(pk=call.pk).update(instead=call.instead)
