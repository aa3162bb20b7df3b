"""Use cases of an agent's life: create, save its draft, publish, compare, restore.

The dashboard and the API call these, so both behave alike. Each writes in one transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.utils import timezone
from pydantic import BaseModel, ValidationError

from accounts.models import Organization, User
from agents.changes import Change, diff
from agents.models import Agent, AgentVersion
from agents.spec import AgentSpec, load, upgrade

__all__ = ["Change", "StaleDraft", "create_agent", "delete_agent", "diff", "draft_of", "publish", "restore", "save_draft"]


class StaleDraft(Exception):
    """Somebody saved this draft since it was read. ``current`` is the revision that is stored now."""

    def __init__(self, current: int) -> None:
        super().__init__(f"The draft was changed meanwhile; it is at revision {current}.")
        self.current = current


class HasCalls(Exception):
    """An agent with calls is archived, not deleted: its calls must keep their meaning."""


def merge(stored: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """``stored`` with what ``changes`` names, group by group; lists are replaced whole (JSON merge patch, RFC 7396,
    except that ``null`` sets the knob back to its default by leaving it out)."""
    merged = dict(stored)
    for key, value in changes.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, Mapping):
            below = merged.get(key)
            merged[key] = merge(below if isinstance(below, Mapping) else {}, value)
        else:
            merged[key] = value
    return merged


def draft_of(agent: Agent) -> AgentSpec:
    """The draft as a spec. Raises ``pydantic.ValidationError`` only if the stored value was written by something else."""
    return load(agent.draft)


def create_agent(organization: Organization, name: str, template: AgentSpec | None = None) -> Agent:
    """A new agent whose draft is ``template`` or the defaults. Raises ``pydantic.ValidationError`` on a bad name."""
    spec = template or AgentSpec()
    spec = AgentSpec.model_validate({**spec.model_dump(mode="json"), "name": name})
    agent: Agent = Agent.objects.owned_by(organization).create(
        organization=organization, name=spec.name, draft=spec.model_dump(mode="json")
    )
    return agent


@transaction.atomic
def save_draft(agent: Agent, changes: Mapping[str, Any], revision: int | None = None) -> Agent:
    """Change what ``changes`` names in the draft and nothing else.

    ``revision`` is the draft's revision the editor saw; :class:`StaleDraft` if it has moved on. ``None`` skips the check.
    Raises ``pydantic.ValidationError`` (``loc`` is the knob's path) and stores nothing when the result is not a spec.
    """
    locked = Agent.objects.owned_by(agent.organization_id).select_for_update().get(pk=agent.pk)
    if revision is not None and revision != locked.draft_revision:
        raise StaleDraft(locked.draft_revision)
    spec = AgentSpec.model_validate(merge(upgrade(locked.draft), changes))
    return _store(locked, spec)


@transaction.atomic
def publish(agent: Agent, member: User | None = None, note: str = "") -> AgentVersion:
    """Freeze the draft as the next version and answer new calls with it.

    Raises ``pydantic.ValidationError`` if the stored draft is not a valid spec. Running calls keep theirs.
    """
    locked = Agent.objects.owned_by(agent.organization_id).select_for_update().get(pk=agent.pk)
    spec = draft_of(locked)
    versions = AgentVersion.objects.owned_by(agent.organization_id).filter(agent=locked)
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


@transaction.atomic
def restore(agent: Agent, number: int) -> Agent:
    """Make version ``number`` the draft again; publishing it stays a decision. Raises ``AgentVersion.DoesNotExist``."""
    locked = Agent.objects.owned_by(agent.organization_id).select_for_update().get(pk=agent.pk)
    version = AgentVersion.objects.owned_by(agent.organization_id).get(agent=locked, number=number)
    return _store(locked, load(version.spec))


@transaction.atomic
def delete_agent(agent: Agent) -> None:
    """Delete an agent no call names. Raises :class:`HasCalls` otherwise: archive it with :func:`archive`."""
    locked = Agent.objects.owned_by(agent.organization_id).select_for_update().get(pk=agent.pk)
    if locked.calls.exists():
        raise HasCalls
    locked.published = None
    locked.save(update_fields=["published"])
    locked.delete()


def archive(agent: Agent) -> Agent:
    """Take the agent out of the lists; it answers no new calls. Its calls and versions stay."""
    agent.archived_at = timezone.now()
    agent.save(update_fields=["archived_at"])
    return agent


def unarchive(agent: Agent) -> Agent:
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


def problems_of(error: ValidationError) -> list[dict[str, str]]:
    """A validation error as people read it: ``[{"path": "listens.endpointing_ms", "message": "…"}]``."""
    return [
        {"path": ".".join(str(step) for step in item["loc"]), "message": plain(item)} for item in error.errors()
    ]


_PLAIN = {
    "missing": "This is needed.",
    "extra_forbidden": "There is no setting of this name.",
    "string_too_short": "This can't be empty.",
    "greater_than_equal": "Must be at least {ge}.",
    "less_than_equal": "Must be at most {le}.",
    "string_too_long": "At most {max_length} characters.",
    "too_long": "At most {max_length} entries.",
    "multiple_of": "Use steps of {multiple_of}.",
    "enum": "Choose one of {expected}.",
    "literal_error": "Choose one of {expected}.",
    "int_parsing": "Use a whole number.",
    "int_type": "Use a whole number.",
    "int_from_float": "Use a whole number.",
    "float_parsing": "Use a number.",
    "float_type": "Use a number.",
    "bool_parsing": "Use true or false.",
    "bool_type": "Use true or false.",
    "string_type": "Use text.",
    "tuple_type": "Use a list.",
    "string_pattern_mismatch": "This doesn't look right: it must match {pattern}.",
}


def plain(item: Mapping[str, Any]) -> str:
    """One pydantic error in plain words."""
    context: Mapping[str, Any] = item.get("ctx") or {}
    if "error" in context:  # raised by our own validators, whose words are plain already
        return str(context["error"])
    template = _PLAIN.get(item["type"])
    if template is None:
        return str(item["msg"])
    return template.format_map({key: str(value) for key, value in context.items()})


def changed_paths(value: BaseModel) -> Sequence[str]:
    """Paths of the knobs that differ from their default."""
    return [change.path for change in diff(type(value)(), value)]
