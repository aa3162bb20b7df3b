"""The REST API as an integrator uses it: stories with a key."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounts import keys
from accounts.models import Organization

pytestmark = pytest.mark.django_db


class Api:
    """A client with a bearer key that speaks JSON."""

    def __init__(self, client: Client, bearer: str) -> None:
        self.client, self.bearer = client, bearer

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        send = getattr(self.client, method)
        headers = {
            "Authorization": f"Bearer {self.bearer}",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        if body is None:
            return send(f"/api/v1{path}", headers=headers)
        return send(f"/api/v1{path}", body, content_type="application/json", headers=headers)


@pytest.fixture
def api(client: Client, organization: Organization) -> Api:
    _, bearer = keys.issue(
        organization, "integrator", ["agents:read", "agents:write", "calls:read", "calls:write"], None, None
    )
    return Api(client, bearer)


def test_an_agent_from_nothing_to_its_second_version(api: Api) -> None:
    made = api("post", "/agents", {"name": "Front desk", "draft": {"says": {"prompt": "We open at 8."}}})
    assert made.status_code == 201
    agent = made.json()
    assert agent["draft"]["says"]["prompt"] == "We open at 8."
    assert agent["published_version"] is None

    first = api("post", f"/agents/{agent['id']}/publish", {"note": "First"})
    assert (first.status_code, first.json()["number"], first.json()["is_live"]) == (201, 1, True)

    changed = api("patch", f"/agents/{agent['id']}", {"draft": {"listens": {"endpointing_ms": 800}}}).json()
    assert changed["has_unpublished_changes"]
    assert changed["draft"]["says"] == agent["draft"]["says"]
    assert api("get", f"/agents/{agent['id']}/changes").json() == [
        {
            "path": "listens.endpointing_ms",
            "title": "Listens → Pause before answering",
            "before": "500 ms",
            "after": "800 ms",
        }
    ]

    assert api("post", f"/agents/{agent['id']}/publish", {}).json()["number"] == 2
    assert [item["number"] for item in api("get", f"/agents/{agent['id']}/versions").json()["items"]] == [2, 1]
    assert api("get", f"/agents/{agent['id']}/versions/1").json()["spec"]["listens"]["endpointing_ms"] == 500
    restored = api("post", f"/agents/{agent['id']}/versions/1/restore", {}).json()
    assert restored["draft"]["listens"]["endpointing_ms"] == 500
    assert restored["published_version"] == 2


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"draft": {"listens": {"endpointing_ms": 5}}}, "draft.listens.endpointing_ms"),
        ({"draft": {"listens": {"endpoint_ms": 500}}}, "draft.listens.endpoint_ms"),
        ({"draft": {"does": {"collect": [{"key": "Bad Key", "question": "?"}]}}}, "draft.does.collect.0.key"),
        ({}, "draft"),
    ],
)
def test_a_wrong_change_names_the_knob_and_changes_nothing(api: Api, body: dict[str, Any], path: str) -> None:
    agent = api("post", "/agents", {"name": "Front desk"}).json()
    refused = api("patch", f"/agents/{agent['id']}", body)
    assert refused.status_code == 422
    assert refused["Content-Type"].startswith("application/problem+json")
    assert path in [error["path"] for error in refused.json()["errors"]]
    assert api("get", f"/agents/{agent['id']}").json()["draft_revision"] == agent["draft_revision"]


def test_a_change_on_top_of_somebody_elses_is_refused(api: Api) -> None:
    agent = api("post", "/agents", {"name": "Front desk"}).json()
    seen = agent["draft_revision"]
    assert api("patch", f"/agents/{agent['id']}", {"draft": {"name": "A"}, "draft_revision": seen}).status_code == 200
    refused = api("patch", f"/agents/{agent['id']}", {"draft": {"name": "B"}, "draft_revision": seen})
    assert refused.status_code == 409
    assert api("get", f"/agents/{agent['id']}").json()["name"] == "A"


def test_the_same_idempotency_key_makes_one_agent(api: Api) -> None:
    answers = [api("post", "/agents", {"name": "Front desk"}, Idempotency_Key="one") for _ in range(3)]
    assert {answer.json()["id"] for answer in answers} == {answers[0].json()["id"]}
    assert len(api("get", "/agents").json()["items"]) == 1
    assert api("post", "/agents", {"name": "Another"}, Idempotency_Key="one").status_code == 422


def test_pages_by_cursor_miss_and_repeat_nothing(api: Api) -> None:
    names = {api("post", "/agents", {"name": f"Agent {n}"}).json()["id"] for n in range(5)}
    seen: list[str] = []
    cursor = ""
    while True:
        page = api("get", f"/agents?limit=2&cursor={cursor}").json()
        seen += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = page["next_cursor"]
    assert len(seen) == 5
    assert set(seen) == names


@pytest.mark.parametrize("cursor", ["nonsense", "bm9wZQ", "%00"])
def test_a_made_up_cursor_is_refused_plainly(api: Api, cursor: str) -> None:
    answer = api("get", f"/calls?cursor={cursor}")
    assert answer.status_code in (400, 422)
    assert "cursor" in answer.json()["detail"]


def test_a_web_token_needs_something_published(api: Api) -> None:
    agent = api("post", "/agents", {"name": "Front desk"}).json()
    refused = api("post", "/calls/web-token", {"agent_id": agent["id"]})
    assert (refused.status_code, refused.json()["title"]) == (409, "Nothing is published")
    api("post", f"/agents/{agent['id']}/publish", {})
    token = api("post", "/calls/web-token", {"agent_id": agent["id"]}).json()
    assert token["token"].count(".") == 2
    assert token["offer_url"].endswith("/rtc/offer")


def test_the_api_describes_itself(client: Client) -> None:
    schema = client.get("/api/v1/openapi.json").json()
    limits = schema["components"]["schemas"]["Listens"]["properties"]["endpointing_ms"]
    assert (limits["minimum"], limits["maximum"], limits["title"]) == (100, 3000, "Pause before answering")
    assert client.get("/api/v1/docs").status_code == 200


def test_an_agent_that_is_refused_is_not_made(api: Api) -> None:
    twice = [{"key": "name", "question": "Who?"}, {"key": "name", "question": "Who is it?"}]
    before = len(api("get", "/agents").json()["items"])
    refused = api("post", "/agents", {"name": "Front desk", "draft": {"does": {"collect": twice}}})
    assert refused.status_code == 422
    assert "Two fields are called" in refused.content.decode()
    assert len(api("get", "/agents").json()["items"]) == before


def test_a_name_of_blanks_is_no_name(api: Api) -> None:
    assert api("post", "/agents", {"name": "   "}).status_code == 422
    made = api("post", "/agents", {"name": "  Front desk "}).json()
    assert made["name"] == made["draft"]["name"] == "Front desk"
    assert api("patch", f"/agents/{made['id']}", {"draft": {"name": " "}}).status_code == 422


def test_a_change_of_one_knob_by_two_people_at_once_keeps_both(api: Api) -> None:
    agent = api("post", "/agents", {"name": "Front desk"}).json()
    api("patch", f"/agents/{agent['id']}", {"draft": {"says": {"goodbye": "Bye."}}})
    now = api("patch", f"/agents/{agent['id']}", {"draft": {"says": {"first_message": "Hi."}}}).json()
    assert (now["draft"]["says"]["goodbye"], now["draft"]["says"]["first_message"]) == ("Bye.", "Hi.")


def test_a_group_that_is_no_group_is_refused_in_plain_words(api: Api) -> None:
    agent = api("post", "/agents", {"name": "Front desk"}).json()
    refused = api("patch", f"/agents/{agent['id']}", {"draft": {"says": "hello"}})
    assert refused.status_code == 422
    assert "instance of" not in refused.content.decode()
