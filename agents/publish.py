"""Use cases of an agent's life: create, save its draft, publish, compare, restore.

The dashboard and the API call these, so both behave alike. Each writes in one transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts import tenancy
from accounts.models import Organization, User
from agents.changes import Change, diff, merge
from agents.models import Agent, AgentVersion
from agents.spec import AgentSpec, load, upgrade

__all__ = [
    "Change",
    "HasCalls",
    "StaleDraft",
    "archive",
    "create_agent",
    "delete_agent",
    "diff",
    "draft_of",
    "publish",
    "put_back",
    "restore",
    "save_draft",
    "unarchive",
    "unpublished_changes",
]


class StaleDraft(Exception):
    """Somebody saved this draft since it was read. ``current`` is the revision that is stored now."""

    def __init__(self, current: int) -> None:
        super().__init__(f"The draft was changed meanwhile; it is at revision {current}.")
        self.current = current


class HasCalls(Exception):
    """An agent with calls is archived, not deleted: its calls must keep their meaning."""


def draft_of(agent: Agent) -> AgentSpec:
    """The draft as a spec. Raises ``pydantic.ValidationError`` only if the stored value was written by something else."""
    return load(agent.draft)


def create_agent(organization: Organization, name: str, template: AgentSpec | None = None) -> Agent:
    """A new agent whose draft is ``template`` or the defaults. Raises ``pydantic.ValidationError`` on a bad name."""
    with tenancy.use(organization):
        spec = template or AgentSpec()
        spec = AgentSpec.model_validate({**spec.model_dump(mode="json"), "name": name})
        agent: Agent = Agent.objects.create(
            organization=organization, name=spec.name, draft=spec.model_dump(mode="json")
        )
        return agent


def save_draft(agent: Agent, changes: Mapping[str, Any], revision: int | None = None) -> Agent:
    """Change what ``changes`` names in the draft and nothing else.

    ``revision`` is the draft's revision the editor saw; :class:`StaleDraft` if it has moved on. ``None`` skips the check.
    Raises ``pydantic.ValidationError`` (``loc`` is the knob's path) and stores nothing when the result is not a spec.
    """
    with tenancy.use(agent.organization_id), transaction.atomic():
        locked = Agent.objects.select_for_update().get(pk=agent.pk)
        if revision is not None and revision != locked.draft_revision:
            raise StaleDraft(locked.draft_revision)
        spec = AgentSpec.model_validate(merge(upgrade(locked.draft), changes))
        return _store(locked, spec)


def publish(agent: Agent, member: User | None = None, note: str = "") -> AgentVersion:
    """Freeze the draft as the next version and answer new calls with it.

    Raises ``pydantic.ValidationError`` if the stored draft is not a valid spec. Running calls keep theirs.
    """
    with tenancy.use(agent.organization_id), transaction.atomic():
        locked = Agent.objects.select_for_update().get(pk=agent.pk)
        spec = draft_of(locked)
        versions = AgentVersion.objects.filter(agent=locked)
        last = versions.order_by("-number").values_list("number", flat=True).first() or 0
        version: AgentVersion = versions.create(
            organization_id=locked.organization_id,
            agent=locked,
            number=last + 1,
            spec=spec.model_dump(mode="json"),
            note=note[:300],
            published_by=member,
        )
        locked.published = version
        locked.save(update_fields=["published"])
        agent.published = version
        return version


def restore(agent: Agent, number: int) -> Agent:
    """Make version ``number`` the draft again; publishing it stays a decision. Raises ``AgentVersion.DoesNotExist``."""
    with tenancy.use(agent.organization_id), transaction.atomic():
        locked = Agent.objects.select_for_update().get(pk=agent.pk)
        version = AgentVersion.objects.get(agent=locked, number=number)
        return _store(locked, load(version.spec))


def put_back(agent: Agent, draft: Mapping[str, Any], revision: int) -> Agent:
    """Make ``draft`` the draft again, as it was before ``revision`` was stored; :class:`StaleDraft` if more has changed since."""
    with tenancy.use(agent.organization_id), transaction.atomic():
        locked = Agent.objects.select_for_update().get(pk=agent.pk)
        if revision != locked.draft_revision:
            raise StaleDraft(locked.draft_revision)
        return _store(locked, load(dict(draft)))


def delete_agent(agent: Agent) -> None:
    """Delete an agent no call names. Raises :class:`HasCalls` otherwise: archive it with :func:`archive`."""
    with tenancy.use(agent.organization_id), transaction.atomic():
        locked = Agent.objects.select_for_update().get(pk=agent.pk)
        if locked.calls.exists():
            raise HasCalls
        locked.published = None
        locked.save(update_fields=["published"])
        locked.delete()


def archive(agent: Agent) -> Agent:
    """Take the agent out of the lists; it answers no new calls. Its calls and versions stay."""
    with tenancy.use(agent.organization_id):
        agent.archived_at = timezone.now()
        agent.save(update_fields=["archived_at"])
        return agent


def unarchive(agent: Agent) -> Agent:
    with tenancy.use(agent.organization_id):
        agent.archived_at = None
        agent.save(update_fields=["archived_at"])
        return agent


def unpublished_changes(agent: Agent) -> list[Change]:
    """What publishing would change for callers; against the defaults where nothing is published yet."""
    before = load(agent.published.spec) if agent.published else AgentSpec(name=agent.name)
    return diff(before, draft_of(agent))


def _store(agent: Agent, spec: AgentSpec) -> Agent:
    agent.draft = spec.model_dump(mode="json")
    agent.name = spec.name
    agent.draft_revision += 1
    agent.draft_saved_at = timezone.now()
    agent.save(update_fields=["draft", "name", "draft_revision", "draft_saved_at"])
    return agent
