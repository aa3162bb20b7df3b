"""Draft → publish → immutable version: stories of one agent's life."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydantic import ValidationError

from accounts import tenancy
from accounts.models import Organization, User
from agents.models import Agent, AgentVersion
from agents.publish import (
    StaleDraft,
    create_agent,
    delete_agent,
    draft_of,
    publish,
    restore,
    save_draft,
    unpublished_changes,
)
from agents.spec import AgentSpec, load

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _in_the_organization(organization: Organization) -> Iterator[None]:
    with tenancy.use(organization):
        yield


@pytest.fixture
def agent(organization: Organization) -> Agent:
    return create_agent(organization, "Front desk")


def test_a_new_agent_has_a_valid_draft_and_nothing_published(agent: Agent) -> None:
    assert draft_of(agent).name == "Front desk"
    assert agent.published is None


def test_saving_changes_what_it_names_and_nothing_else(agent: Agent) -> None:
    saved = save_draft(agent, {"listens": {"endpointing_ms": 800}}, revision=1)
    expected = AgentSpec(name="Front desk").model_dump(mode="json")
    expected["listens"]["endpointing_ms"] = 800
    assert saved.draft == expected
    assert saved.draft_revision == 2


def test_two_open_editors_lose_nothing(agent: Agent) -> None:
    save_draft(agent, {"says": {"prompt": "From the first window"}}, revision=1)
    with pytest.raises(StaleDraft) as refusal:
        save_draft(agent, {"says": {"prompt": "From the second"}}, revision=1)
    assert refusal.value.current == 2
    agent.refresh_from_db()
    assert draft_of(agent).says.prompt == "From the first window"


def test_a_wrong_value_stores_nothing(agent: Agent) -> None:
    with pytest.raises(ValidationError):
        save_draft(agent, {"says": {"prompt": "New"}, "listens": {"endpointing_ms": 5}})
    agent.refresh_from_db()
    assert draft_of(agent).says.prompt == ""
    assert agent.draft_revision == 1


def test_renaming_the_draft_renames_the_agent(agent: Agent) -> None:
    assert save_draft(agent, {"name": "Reception"}).name == "Reception"


def test_versions_count_up_and_stay_as_they_were(agent: Agent, alice: User) -> None:
    save_draft(agent, {"says": {"prompt": "We open at 8."}})
    first = publish(agent, alice, note="Opening hours")
    save_draft(agent, {"says": {"prompt": "We open at 9."}})
    second = publish(agent, alice)
    first.refresh_from_db()
    assert (first.number, second.number) == (1, 2)
    assert load(first.spec).says.prompt == "We open at 8."
    assert agent.published == second


def test_restoring_makes_an_old_version_the_draft_and_leaves_callers_alone(agent: Agent, alice: User) -> None:
    save_draft(agent, {"says": {"prompt": "We open at 8."}})
    publish(agent, alice)
    save_draft(agent, {"says": {"prompt": "We open at 9."}})
    second = publish(agent, alice)
    restored = restore(agent, 1)
    assert draft_of(restored).says.prompt == "We open at 8."
    assert restored.published == second
    assert [change.title for change in unpublished_changes(restored)] == ["Says → What should the agent do?"]


def test_a_version_that_never_was_cant_be_restored(agent: Agent) -> None:
    with pytest.raises(AgentVersion.DoesNotExist):
        restore(agent, 7)


def test_an_agent_without_calls_can_be_deleted_with_its_versions(agent: Agent, alice: User) -> None:
    publish(agent, alice)
    delete_agent(agent)
    assert not Agent.objects.filter(pk=agent.pk).exists()
