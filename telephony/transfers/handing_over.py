"""Another agent goes on in the same call: who it is, and with which settings."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from pydantic import ValidationError

from accounts import tenancy
from agents import spec
from agents.models import Agent
from agents.spec import AgentSpec
from telephony.models import Call
from telephony.session.transferring import NotReached


@dataclass(frozen=True, slots=True)
class Successor:
    """What is published of the agent that goes on."""

    agent: uuid.UUID
    name: str
    version: int
    spec: AgentSpec


def successor(call: Call, agent: str, now: AgentSpec) -> Successor:
    """Asks the database. Raises ``NotReached``. ``now``: with what the call ran so far."""
    try:
        pk = uuid.UUID(agent)
    except ValueError:
        raise NotReached("not_reached", "The agent to put callers through to isn't there any more.") from None
    with tenancy.use(call.organization_id):
        found = Agent.objects.select_related("published").filter(pk=pk, archived_at=None).first()
    if found is None:
        raise NotReached("not_reached", "The agent to put callers through to isn't there any more, or is archived.")
    if found.published is None:
        raise NotReached("not_reached", f"{found.name} has nothing published, and calls run with what is published.")
    try:
        its_own = spec.load(found.published.spec)
    except ValidationError:
        raise NotReached("not_reached", f"What is published of {found.name} can't be read any more.") from None
    return Successor(found.pk, found.name, found.published.number, going_on(now, its_own))


def going_on(before: AgentSpec, after: AgentSpec) -> AgentSpec:
    """``after`` in a call that began with ``before``: as long as that may last, and recorded only where both want it. That it is
    recorded the caller knows already."""
    privacy = after.privacy.model_copy(
        update={"record": before.privacy.record and after.privacy.record, "consent_line": ""}
    )
    limits = after.limits.model_copy(update={"max_duration_s": before.limits.max_duration_s})
    return after.model_copy(update={"privacy": privacy, "limits": limits})


def keep(call: Call, spec_now: AgentSpec) -> None:
    """Whoever goes on with this call, should its worker be lost, does so as the agent that has it now."""
    with tenancy.use(call.organization_id):
        call.spec = spec_now.model_dump(mode="json")
        Call.objects.filter(pk=call.pk).update(spec=call.spec)
