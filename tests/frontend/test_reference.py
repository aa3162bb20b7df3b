"""The API reference: it tells everything the schema has, to everybody, and what it shows can be run."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from accounts.models import Organization, User
from config.api import api
from frontend.reference.examples import example
from frontend.reference.fields import Fields
from frontend.reference.page import Operation, Reference, reference
from frontend.reference.requests import Request
from frontend.reference.schema import Components, Schema

pytestmark = pytest.mark.django_db

DOCS = "/api/v1/docs"


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(json.dumps(api.get_openapi_schema()))
    return document


@pytest.fixture(scope="module")
def drawn(schema: dict[str, Any]) -> Reference:
    return reference(schema, "https://voice.example.com")


def operations(found: Reference) -> list[Operation]:
    return [one for group in found.groups for one in group.operations]


def page(client: Client, query: str = "") -> str:
    response = client.get(DOCS + query)
    assert response.status_code == 200
    return response.content.decode()


def test_every_operation_of_the_schema_is_on_the_page(schema: dict[str, Any], client: Client) -> None:
    expected = {f"{method.upper()} {path}" for path, item in schema["paths"].items() for method in item}
    shown = page(client)
    assert set(re.findall(r'data-operation="([^"]+)"', shown)) == expected
    for item in schema["paths"].values():
        for operation in item.values():
            assert f'aria-label="Link to {operation["summary"]}"' in unescape(shown)


def test_every_operation_and_every_field_is_described(drawn: Reference) -> None:
    for one in operations(drawn):
        assert one.title and one.help and one.scopes, one.id
        rows = [*one.parameters, *one.body, *(field for answer in one.answers for field in answer.fields)]
        assert [row.name for row in rows if not row.help] == [], one.id
        assert all(answer.words for answer in one.problems), one.id


def test_every_link_inside_the_page_leads_somewhere_and_no_id_is_there_twice(client: Client) -> None:
    shown = page(client)
    ids = re.findall(r'\sid="([^"]+)"', shown)
    assert sorted(ids) == sorted(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', shown)) <= set(ids)
    assert set(re.findall(r'data-copy="#([^"]+)"', shown)) <= set(ids)
    assert {"authentication", "paging", "retries", "limits", "errors", "post-agents"} <= set(ids)


def test_every_example_body_is_valid(schema: dict[str, Any], drawn: Reference) -> None:
    bodies = [one for one in operations(drawn) if one.body]
    assert len(bodies) >= 4
    for one in bodies:
        sent = schema["paths"][one.path][one.method.lower()]["requestBody"]["content"]["application/json"]["schema"]
        Draft202012Validator({**sent, "components": schema["components"]}).validate(one.body_example)
        assert one.body_example, f"{one.id} shows an empty body"


def test_every_example_answer_is_valid(schema: dict[str, Any], drawn: Reference) -> None:
    # As decimals: 0.3 is a multiple of 0.05, which floats deny.
    schema = json.loads(json.dumps(schema), parse_float=Decimal)
    for one in operations(drawn):
        for answer in one.successes:
            if answer.example:
                responses = schema["paths"][one.path][one.method.lower()]["responses"]
                told = responses[str(answer.status)]["content"]["application/json"]["schema"]
                shown = json.loads(answer.example, parse_float=Decimal)
                Draft202012Validator({**told, "components": schema["components"]}).validate(shown)


def test_the_example_of_making_an_agent_makes_one(
    drawn: Reference, organization: Organization, alice: User, client: Client
) -> None:
    from accounts import keys

    _, key = keys.issue(organization, "k", ["agents:write"], None, alice)
    making = next(one for one in operations(drawn) if one.id == "post-agents")
    headers = {"Authorization": f"Bearer {key}"}
    made = client.post(making.path, making.body_example, content_type="application/json", headers=headers)
    assert made.status_code == 201
    assert made.json()["draft"]["listens"] == {**made.json()["draft"]["listens"], "endpointing_ms": 800}


def test_it_says_what_integrators_ask_first(client: Client, settings: Any) -> None:
    settings.API_LIMIT = "45/hour"
    shown = re.sub(r"<[^>]+>", "", page(client))
    for words in (
        "45 requests an hour",
        "Idempotency-Key",
        "next_cursor",
        "Retry-After",
        "parley_live_",
        "openapi.json",
    ):
        assert words in shown


def test_members_see_it_in_the_dashboard_and_admins_the_way_to_a_key(
    client_of: Any, alice: User, victor: User, organization: Organization
) -> None:
    admin, viewer = page(client_of(alice)), page(client_of(victor))
    assert organization.name in admin
    assert re.search(r'href="/api/v1/docs" aria-current="page"', admin)
    assert "Make an API key" in admin
    assert "An admin of your organization makes keys" in viewer


def test_strangers_see_it_without_a_shell(client: Client) -> None:
    shown = page(client)
    assert 'id="navigation"' not in shown
    assert "Sign in" in shown
    assert shown.count("<h1") == 1


def test_a_session_still_opens_nothing_else_of_the_api(client_of: Any, alice: User, organization: Organization) -> None:
    for path in ("/api/v1/agents", "/api/v1/docs/", "/api/v1/docs/agents"):
        assert client_of(alice).get(path).status_code in (401, 404)


def test_a_search_works_without_a_script(client: Client) -> None:
    shown = page(client, "?q=hang+CALLS:write")
    hidden = dict(re.findall(r'<article class="card reference-card" id="([^"]+)"[^>]*?( hidden)?>', shown))
    assert [name for name, is_hidden in hidden.items() if not is_hidden] == ["post-calls-call_id-hang-up"]
    assert "1 entry found" in shown


def test_a_knob_is_found_in_the_object_it_belongs_to(drawn: Reference) -> None:
    assert drawn.matching("endpointing_ms") == {"object-listens", "object-listenschanges"}
    assert drawn.matching("pause before answering") == drawn.matching("endpointing_ms")
    assert drawn.matching("no such thing") == set()


def test_what_is_searched_for_is_shown_as_text(client: Client) -> None:
    shown = page(client, "?q=%3Cscript%3Ealert(1)%3C/script%3E")
    assert "<script>alert" not in shown
    assert "Nothing here has all of these words" in shown


def test_examples_ask_the_site_people_open(client: Client) -> None:
    assert f"curl {settings.SITE_URL}/api/v1/agents" in unescape(page(client))


def test_a_schema_that_holds_itself_comes_to_an_end() -> None:
    tree: dict[str, Any] = {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "parts": {"type": "array", "items": {"$ref": "#/components/schemas/Tree"}},
            "first": {"anyOf": [{"$ref": "#/components/schemas/Tree"}, {"type": "null"}]},
        },
        "required": ["name", "parts"],
    }
    schemas: dict[str, Schema] = {"Tree": tree}
    rows = Fields(schemas).of({"$ref": "#/components/schemas/Tree"})
    assert [(row.name, row.object) for row in rows] == [("name", ""), ("parts", "Tree"), ("first", "Tree")]
    assert example({"$ref": "#/components/schemas/Tree"}, Components(schemas), is_sent=False)["name"] == "text"


def test_limits_and_choices_are_said_in_words(drawn: Reference) -> None:
    spec = next(shape for shape in drawn.shapes if shape.title == "AgentSpec")
    rows = {f"{field.above}{field.name}": field for field in spec.fields}
    listens = next(shape for shape in drawn.shapes if shape.title == "Listens")
    pause = next(field for field in listens.fields if field.name == "endpointing_ms")
    assert (pause.type, pause.limits, pause.default) == ("integer", ("100 to 3,000", "in steps of 50"), "500")
    assert pause.title == "Pause before answering"
    assert rows["says.first_speaker"].choices == ('"agent"', '"caller"')
    does = next(shape for shape in drawn.shapes if shape.title == "Does")  # too long to stand in its place
    in_it = {f"{field.above}{field.name}": field for field in does.fields}
    assert rows["does"].object == "Does" and in_it["collect[].key"].is_required
    assert in_it["transfers[].how"].choices == ('"cold"', '"warm"')
    assert rows["limits.reminders"].type == "array of string"
    calls = next(one for one in operations(drawn) if one.id == "get-calls")
    status = next(row for row in calls.parameters if row.name == "status")
    assert (status.where, status.type) == ("query", "string"), "no address can say null"
    assert status.choices == ('"queued"', '"in_progress"', '"ended"')


def test_a_quote_in_a_body_breaks_neither_shell_nor_python() -> None:
    body = {"say": 'it\'s "here"', "yes": True, "none": None, "many": ["a" * 40, "b" * 40]}
    request = Request("POST", "https://voice.example.com/x", {}, body)
    assert json.loads(request.curl().partition("-d ")[2].replace("'\"'\"'", "'")[1:-1]) == body
    sent: dict[str, Any] = {}
    code = request.python().replace("import httpx", "")

    class Httpx:
        @staticmethod
        def post(url: str, headers: dict[str, str], json: Any) -> Any:
            sent.update(json)
            return type("Answer", (), {"raise_for_status": lambda self: None, "json": lambda self: {}})()

    exec(code.replace("os.environ['PARLEY_KEY']", "'k'"), {"httpx": Httpx, "print": lambda *_: None})
    assert sent == body
