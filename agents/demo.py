"""The demo agent: what a new organization can talk to before it has made anything."""

from __future__ import annotations

from accounts.models import Organization, User
from agents.demo_spec import DEMO_SPEC
from agents.models import Agent
from agents.publish import create_agent, publish


def ensure_demo(organization: Organization, member: User | None = None) -> Agent:
    """The organization's demo agent, made and published unless it is there. Edits to it are kept."""
    found: Agent | None = Agent.objects.owned_by(organization).filter(name=DEMO_SPEC.name).first()
    if found is not None:
        return found
    agent = create_agent(organization, DEMO_SPEC.name, DEMO_SPEC)
    publish(agent, member, note="As it comes")
    return agent
