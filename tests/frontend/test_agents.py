"""The agents' pages: what owner, team mate, onlooker, stranger and nobody may see and do there."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts import tenancy
from agents import publish
from agents.demo_spec import DEMO_SPEC
from agents.models import Agent
from agents.spec import SECTIONS

Clients = Callable[[Any], Client]


@pytest.fixture
def agent(organization: Any) -> Agent:
    return as_member(publish.create_agent, organization, "Reception", DEMO_SPEC)


def as_member(use_case: Callable[..., Any], first: Any, *more: Any) -> Any:
    """Call a use case as a request of the organization would."""
    with tenancy.use(getattr(first, "organization_id", first.pk)):
        return use_case(first, *more)


def fresh(agent: Agent) -> Agent:
    with tenancy.use(agent.organization_id):
        found: Agent = Agent.objects.select_related("published").get(pk=agent.pk)
    return found


def address(name: str, agent: Agent, *more: Any) -> str:
    return reverse(f"frontend:{name}", args=[agent.pk, *more])


def save(client: Client, agent: Agent, group: str, **fields: Any) -> Any:
    data = {f"{group}-{name}": value for name, value in fields.items() if name not in ("force", "touched", "revision")}
    data |= {name: fields[name] for name in ("force", "touched") if name in fields}
    return client.post(
        address("agent-save", agent, group),
        {"revision": fields.get("revision", agent.draft_revision), **data},
        headers={"HX-Request": "true"},
    )


# --- who may


READ = ("agent", "agent-versions", "agent-compare")
WRITE_GET = ("agent-rename", "agent-delete", "agent-publish")
WRITE_POST = ("agent-archive", "agent-unarchive", "agent-rename", "agent-delete", "agent-publish", "agent-preview")


@pytest.mark.parametrize("route", READ + WRITE_GET)
def test_a_strangers_agent_is_not_there(agent: Agent, charlie: Any, client_of: Clients, route: str) -> None:
    assert client_of(charlie).get(address(route, agent)).status_code == 404


@pytest.mark.parametrize("route", [*WRITE_POST, "agent-save", "agent-reset", "agent-restore"])
def test_a_stranger_changes_nothing(agent: Agent, charlie: Any, client_of: Clients, route: str) -> None:
    more = {"agent-save": ["says"], "agent-reset": ["says"], "agent-restore": [1]}.get(route, [])
    response = client_of(charlie).post(
        address(route, agent, *more), {"revision": 1, "name": "Mine", "knob": "prompt", "force": 1}
    )
    assert response.status_code == 404
    assert fresh(agent).draft == agent.draft
    assert fresh(agent).name == "Reception"


@pytest.mark.parametrize("route", READ + WRITE_GET)
def test_nobody_is_sent_to_the_sign_in_page(agent: Agent, client_of: Clients, route: str) -> None:
    response = client_of(None).get(address(route, agent))
    assert response.status_code == 302
    assert response["Location"].startswith("/accounts/login/?next=")


@pytest.mark.parametrize("route", [*WRITE_POST, "agent-save", "agent-reset", "agent-restore"])
def test_an_onlooker_may_change_nothing_and_is_told_what_it_takes(
    agent: Agent, victor: Any, client_of: Clients, route: str
) -> None:
    more = {"agent-save": ["says"], "agent-reset": ["says"], "agent-restore": [1]}.get(route, [])
    response = client_of(victor).post(address(route, agent, *more), {"revision": 1})
    assert response.status_code == 403
    assert "It takes the role “Editor” or above, and yours is “Viewer”." in response.content.decode()
    assert fresh(agent).draft_revision == 1


def test_an_onlooker_sees_the_agent_read_only(agent: Agent, victor: Any, client_of: Clients) -> None:
    html = client_of(victor).get(address("agent", agent)).content.decode()
    assert "You can look at this agent." in html
    assert html.count('<fieldset class="card-body" disabled>') == len(SECTIONS)
    assert address("agent-save", agent, "says") not in html
    assert address("agent-publish", agent) not in html


def test_a_team_mate_edits_what_the_owner_made(agent: Agent, bob: Any, client_of: Clients) -> None:
    assert save(client_of(bob), agent, "says", goodbye="Bye!").status_code == 200
    assert fresh(agent).draft["says"]["goodbye"] == "Bye!"


# --- the list


def test_the_first_visit_says_what_to_do(alice: Any, organization: Any, client_of: Clients) -> None:
    html = client_of(alice).get(reverse("frontend:agents")).content.decode()
    assert "Make your first agent" in html


def test_the_list_shows_version_and_changes_and_no_strangers_agent(
    agent: Agent, alice: Any, strangers_organization: Any, client_of: Clients
) -> None:
    as_member(publish.create_agent, strangers_organization, "Secret line")
    client = client_of(alice)
    assert "Not published yet" in client.get(reverse("frontend:agents")).content.decode()
    as_member(publish.publish, agent, alice)
    html = client.get(reverse("frontend:agents")).content.decode()
    assert "Version 1" in html
    assert "draft has changes" not in html
    as_member(publish.save_draft, agent, {"says": {"goodbye": "Bye!"}})
    html = client.get(reverse("frontend:agents")).content.decode()
    assert "draft has changes" in html
    assert "Secret line" not in html


@pytest.mark.parametrize("template", ["blank", "front-desk"])
def test_an_agent_is_made_from_a_template(alice: Any, organization: Any, client_of: Clients, template: str) -> None:
    response = client_of(alice).post(reverse("frontend:agent-create"), {"name": " Night line ", "template": template})
    with tenancy.use(organization):
        made = Agent.objects.get()
    assert response["Location"] == address("agent", made)
    assert made.name == "Night line"
    assert bool(made.draft["does"]["collect"]) == (template == "front-desk")


@pytest.mark.parametrize("name", ["", "   ", "x" * 121])
def test_a_bad_name_is_explained_and_kept(alice: Any, organization: Any, client_of: Clients, name: str) -> None:
    response = client_of(alice).post(reverse("frontend:agent-create"), {"name": name}, headers={"HX-Request": "true"})
    assert response.status_code == 422
    assert "knob-error" in response.content.decode()
    with tenancy.use(organization):
        assert not Agent.objects.exists()


NASTY = "<script>alert(1)</script>\"'><b>{{ 7|add:7 }}"


def test_names_are_never_markup(alice: Any, organization: Any, client_of: Clients) -> None:
    made = as_member(publish.create_agent, organization, NASTY, DEMO_SPEC)
    as_member(publish.save_draft, made, {"says": {"first_message": NASTY}})
    as_member(publish.publish, made, alice, NASTY)
    as_member(publish.save_draft, made, {"says": {"first_message": "Hello"}})
    client = client_of(alice)
    pages = [reverse("frontend:agents"), *(address(route, made) for route in READ + WRITE_GET)]
    pages[3] += "?from=1&to=draft"
    for page in pages:
        html = client.get(page).content.decode()
        assert "<script>alert(1)</script>" not in html, page
        assert "<b>" not in html, page
        assert "14" not in html.split("alert(1)", 1)[-1][:60], page


# --- the editor


@pytest.mark.parametrize("section", [*SECTIONS, "nothing", ""])
def test_the_editor_opens_at_the_section_of_the_address(
    agent: Agent, alice: Any, client_of: Clients, section: str
) -> None:
    html = client_of(alice).get(f"{address('agent', agent)}?section={section}").content.decode()
    assert html.count("data-section-form") == len(SECTIONS)
    assert f'data-current="{section if section in SECTIONS else "says"}"' in html


def test_a_change_saves_itself_and_says_so(agent: Agent, alice: Any, client_of: Clients) -> None:
    as_member(publish.publish, agent, alice)
    response = save(client_of(alice), agent, "listens", endpointing_ms="800", touched="endpointing_ms")
    html = response.content.decode()
    assert response.status_code == 200
    assert "Draft saved" in html
    assert "1 change" in html
    assert 'name="revision" value="2"' in html
    assert fresh(agent).draft["listens"]["endpointing_ms"] == 800


def test_nothing_else_is_changed(agent: Agent, alice: Any, client_of: Clients) -> None:
    before = fresh(agent).draft
    save(client_of(alice), agent, "limits", max_duration_s="900", reminder_after_s="99", touched="max_duration_s")
    after = fresh(agent).draft
    assert after == {**before, "limits": {**before["limits"], "max_duration_s": 900}}


def test_saving_what_is_there_already_is_no_change(agent: Agent, alice: Any, client_of: Clients) -> None:
    save(client_of(alice), agent, "limits", max_duration_s=agent.draft["limits"]["max_duration_s"])
    assert fresh(agent).draft_revision == 1


def test_a_wrong_value_is_explained_at_its_knob_and_the_rest_is_saved(
    agent: Agent, alice: Any, client_of: Clients
) -> None:
    response = save(client_of(alice), agent, "listens", endpointing_ms="5", barge_in="off")
    html = response.content.decode()
    assert response.status_code == 422
    assert "1 setting is not saved yet" in html
    state = html.split('id="state-listens-endpointing_ms"')[1].split("</div>")[0]
    assert "Use a number from 100 to 3,000" in state
    assert fresh(agent).draft["listens"]["barge_in"] is False
    assert fresh(agent).draft["listens"]["endpointing_ms"] == DEMO_SPEC.listens.endpointing_ms


def test_of_two_editors_the_second_is_asked(agent: Agent, alice: Any, bob: Any, client_of: Clients) -> None:
    save(client_of(alice), agent, "says", goodbye="Alice's")
    response = save(client_of(bob), agent, "says", first_message="Bob's", touched="first_message")
    assert response.status_code == 409
    assert "Somebody else changed this draft" in response.content.decode()
    assert fresh(agent).draft["says"]["first_message"] == DEMO_SPEC.says.first_message

    kept = save(client_of(bob), agent, "says", first_message="Bob's", goodbye="old", touched="first_message", force=1)
    assert kept.headers["HX-Refresh"] == "true"
    assert fresh(agent).draft["says"]["first_message"] == "Bob's"
    assert fresh(agent).draft["says"]["goodbye"] == "Alice's"


@pytest.mark.parametrize("revision", ["", "x", "-1", "1.5"])
def test_a_save_without_its_revision_is_refused(agent: Agent, alice: Any, client_of: Clients, revision: str) -> None:
    assert save(client_of(alice), agent, "says", goodbye="Bye", revision=revision).status_code == 400
    assert fresh(agent).draft_revision == 1


@pytest.mark.parametrize("group", ["nothing", "spec_version", "name"])
def test_there_is_no_such_section(agent: Agent, alice: Any, client_of: Clients, group: str) -> None:
    assert save(client_of(alice), agent, group, name="x").status_code == 404


def test_one_click_puts_a_knob_back(agent: Agent, alice: Any, client_of: Clients) -> None:
    as_member(publish.save_draft, agent, {"listens": {"endpointing_ms": 900, "barge_in": False}})
    response = client_of(alice).post(
        address("agent-reset", agent, "listens"),
        {"knob": "endpointing_ms", "revision": 2},
        headers={"HX-Request": "true"},
    )
    assert response.status_code == 200
    assert "back to its default" in json.loads(response["HX-Trigger"])["parley:toast"]["text"]
    assert fresh(agent).draft["listens"]["endpointing_ms"] == 500
    assert fresh(agent).draft["listens"]["barge_in"] is False


def test_a_reset_answers_with_that_knob_alone_and_can_be_undone(agent: Agent, alice: Any, client_of: Clients) -> None:
    client, url = client_of(alice), address("agent-reset", agent, "says")
    html = client.post(url, {"knob": "prompt", "revision": 1, "wrong": "2"}).content.decode()
    assert fresh(agent).draft["says"]["prompt"] == ""
    assert 'id="knob-says-prompt"' in html
    assert "says-goodbye" not in html
    assert "2 settings are not saved yet" in html
    undo = json.loads(unescape(re.search(r'hx-vals="({[^"]*to[^"]*})"', html)[1]))  # type: ignore[index]
    response = client.post(url, undo)
    assert fresh(agent).draft["says"]["prompt"] == DEMO_SPEC.says.prompt
    assert "as it was" in json.loads(response["HX-Trigger"])["parley:toast"]["text"]
    assert "Undo" not in response.content.decode()


@pytest.mark.parametrize("to", ["", "{", "5", "[]", '"' + "x" * 200_000 + '"'])
def test_nothing_is_put_back_that_could_never_have_been_there(
    agent: Agent, alice: Any, client_of: Clients, to: str
) -> None:
    response = client_of(alice).post(address("agent-reset", agent, "says"), {"knob": "prompt", "to": to})
    assert response.status_code == 400
    assert fresh(agent).draft["says"]["prompt"] == DEMO_SPEC.says.prompt


def test_publishing_says_what_on_the_page_is_not_saved(agent: Agent, alice: Any, client_of: Clients) -> None:
    client = client_of(alice)
    assert "not right yet" not in client.get(address("agent-publish", agent)).content.decode()
    for sent, words in (
        ("1", "1 setting on this page is not right yet"),
        ("3", "3 settings on this page are not right yet"),
    ):
        assert words in client.get(address("agent-publish", agent), {"wrong": sent}).content.decode()
    for hostile in ("-1", "x", "9999999999", "<b>"):
        assert "not right yet" not in client.get(address("agent-publish", agent), {"wrong": hostile}).content.decode()


@pytest.mark.parametrize("knob", ["nothing", "__class__", ""])
def test_there_is_no_such_knob(agent: Agent, alice: Any, client_of: Clients, knob: str) -> None:
    url = address("agent-reset", agent, "says")
    assert client_of(alice).post(url, {"knob": knob, "revision": 1}).status_code == 404


def test_a_long_list_of_agents_comes_in_pages(organization: Any, alice: Any, client_of: Clients) -> None:
    for number in range(120):
        as_member(publish.create_agent, organization, f"Agent {number:03}")
    client, seen = client_of(alice), []
    html = client.get("/agents/?q=agent").content.decode()
    while True:
        seen += re.findall(r"Agent \d{3}(?=</a>)", html)
        more = re.search(r'hx-get="(/agents/\?[^"]*start=[^"]*)"', html)
        if more is None:
            break
        html = client.get(unescape(more[1]), headers={"HX-Request": "true"}).content.decode()
        assert "<html" not in html
    assert seen == [f"Agent {number:03}" for number in range(120)]
    assert "<html" in client.get("/agents/?start=50").content.decode()
    for hostile in ("-1", "x", "99999999999999"):
        assert "Agent 000" in client.get("/agents/", {"start": hostile}).content.decode()


# --- publishing and versions


def test_publishing_shows_what_changes_and_then_is_live(agent: Agent, alice: Any, client_of: Clients) -> None:
    client = client_of(alice)
    as_member(publish.publish, agent, alice)
    as_member(publish.save_draft, agent, {"says": {"first_message": "Good morning!"}})
    dialog = client.get(address("agent-publish", agent)).content.decode()
    assert "Says → First words" in dialog
    assert "Good morning!" in dialog
    client.post(address("agent-publish", agent), {"note": "Warmer"})
    live = fresh(agent).published
    assert live is not None
    assert (live.number, live.note, live.published_by) == (2, "Warmer", alice)


def test_publishing_warns_with_a_way_there(agent: Agent, alice: Any, client_of: Clients) -> None:
    knows = {"model": "openai", "model_name": "m", "credential": "Gone"}
    as_member(publish.save_draft, agent, {"sounds": {"voice": "piper/nobody"}, "knows": knows})
    html = client_of(alice).get(address("agent-publish", agent)).content.decode()
    assert "?section=sounds#knob-sounds-voice" in html
    assert "?section=knows#knob-knows-credential" in html
    assert "There is no stored key called “Gone”." in html


def test_restoring_a_version_can_be_undone_until_the_draft_is_changed(
    agent: Agent, alice: Any, client_of: Clients
) -> None:
    as_member(publish.publish, agent, alice)
    as_member(publish.save_draft, agent, {"says": {"goodbye": "Not published yet"}})
    client, undo = client_of(alice), address("agent-undo-restore", agent)
    assert "changed since" in client.post(undo, follow=True).content.decode()
    page = client.post(address("agent-restore", agent, 1), follow=True).content.decode()
    assert "The draft is now what version 1 was" in page
    assert undo in page
    assert fresh(agent).draft["says"]["goodbye"] == DEMO_SPEC.says.goodbye
    assert "as it was before" in client.post(undo, follow=True).content.decode()
    assert fresh(agent).draft["says"]["goodbye"] == "Not published yet"

    client.post(address("agent-restore", agent, 1))
    as_member(publish.save_draft, agent, {"says": {"goodbye": "Somebody else's"}})
    assert undo not in client.get(address("agent", agent)).content.decode()
    assert "changed since" in client.post(undo, follow=True).content.decode()
    assert fresh(agent).draft["says"]["goodbye"] == "Somebody else's"


def test_versions_are_listed_compared_and_restored(agent: Agent, alice: Any, client_of: Clients) -> None:
    client = client_of(alice)
    assert "Nothing is published yet" in client.get(address("agent-versions", agent)).content.decode()
    as_member(publish.publish, agent, alice, "The first")
    as_member(publish.save_draft, agent, {"says": {"goodbye": "Ciao!"}})
    as_member(publish.publish, agent, alice)
    html = client.get(address("agent-versions", agent)).content.decode()
    assert "The first" in html
    compared = client.get(address("agent-compare", agent) + "?from=1&to=2").content.decode()
    assert "Ciao!" in compared
    client.post(address("agent-restore", agent, 1))
    assert fresh(agent).draft["says"]["goodbye"] == DEMO_SPEC.says.goodbye
    assert fresh(agent).published.number == 2  # type: ignore[union-attr]


@pytest.mark.parametrize("query", ["from=9&to=draft", "from=&to=1", "from=x", "from=99999999999999", "from=1&to=-1"])
def test_comparing_what_is_not_there(agent: Agent, alice: Any, client_of: Clients, query: str) -> None:
    as_member(publish.publish, agent, alice)
    assert client_of(alice).get(f"{address('agent-compare', agent)}?{query}").status_code == 404


# --- rename, archive, delete


def test_rename(agent: Agent, alice: Any, client_of: Clients) -> None:
    client_of(alice).post(address("agent-rename", agent), {"name": "Front desk"})
    assert fresh(agent).name == "Front desk"
    assert client_of(alice).post(address("agent-rename", agent), {"name": ""}).status_code == 422


def test_archive_and_back(agent: Agent, alice: Any, client_of: Clients) -> None:
    client = client_of(alice)
    client.post(address("agent-archive", agent))
    client.get(reverse("frontend:agents"))  # says that it is archived, once
    assert "Reception" not in client.get(reverse("frontend:agents")).content.decode()
    assert "Reception" in client.get(reverse("frontend:agents") + "?archived").content.decode()
    assert "This agent is archived" in client.get(address("agent", agent)).content.decode()
    client.post(address("agent-unarchive", agent))
    assert fresh(agent).archived_at is None


def test_an_unpublished_agent_is_deleted_at_once(agent: Agent, alice: Any, client_of: Clients) -> None:
    client_of(alice).post(address("agent-delete", agent))
    with tenancy.use(agent.organization_id):
        assert not Agent.objects.exists()


def test_deleting_a_published_agent_asks_for_its_name(agent: Agent, alice: Any, client_of: Clients) -> None:
    as_member(publish.publish, agent, alice)
    client = client_of(alice)
    assert client.post(address("agent-delete", agent), {"name": "reception"}).status_code == 422
    assert fresh(agent)
    client.post(address("agent-delete", agent), {"name": "Reception"})
    with tenancy.use(agent.organization_id):
        assert not Agent.objects.exists()


def test_an_agent_with_calls_is_not_deleted(agent: Agent, alice: Any, client_of: Clients) -> None:
    from telephony.models import Call

    with tenancy.use(agent.organization_id):
        Call.objects.create(organization_id=agent.organization_id, agent=agent, spec=agent.draft)
    client = client_of(alice)
    assert (
        "Archive it instead"
        in client.get(address("agent-delete", agent), headers={"HX-Request": "true"}).content.decode()
    )
    assert client.post(address("agent-delete", agent)).status_code == 422
    assert fresh(agent)


def test_an_agent_that_never_was(alice: Any, organization: Any, client_of: Clients) -> None:
    assert client_of(alice).get(reverse("frontend:agent", args=[uuid.uuid4()])).status_code == 404
