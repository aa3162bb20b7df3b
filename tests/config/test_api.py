"""What holds for every operation of the API: keys, errors in one shape, limits, the page that describes it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client
from django.utils import timezone

from accounts import keys
from accounts.models import Organization
from config.api import api

AGENTS = "/api/v1/agents"
Call = Callable[..., Any]


@pytest.fixture
def call(organization: Organization) -> Call:
    """A request with a key of Alice's organization that may do everything, unless told otherwise."""

    def request(
        method: str,
        path: str,
        body: Any = None,
        *,
        scopes: Any = tuple(keys.SCOPES),
        key: str | None = None,
        **headers: str,
    ) -> Any:
        if key is None:
            _, key = keys.issue(organization, "test", scopes, None, None)
        client = Client(raise_request_exception=False)
        sent = {"Authorization": f"Bearer {key}", **{name.replace("_", "-"): value for name, value in headers.items()}}
        data = body if isinstance(body, str | bytes) else json.dumps(body) if body is not None else ""
        return client.generic(method, path, data, content_type="application/json", headers=sent)

    return request


def assert_problem(response: Any, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = json.loads(response.content)
    assert body["status"] == status
    assert body["type"] == "about:blank"
    assert body["title"]
    assert body["detail"]
    return body


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    schema = api.get_openapi_schema()
    return [(method, path, operation) for path, item in schema["paths"].items() for method, operation in item.items()]


def anywhere(path: str) -> str:
    return re.sub(r"\{(\w+)\}", lambda m: "1" if m[1] == "number" else "00000000-0000-4000-8000-000000000000", path)


@pytest.mark.parametrize(("method", "path"), [(m, p) for m, p, _ in operations()])
def test_every_operation_asks_for_a_key_and_for_a_scope(
    method: str, path: str, call: Call, organization: Organization
) -> None:
    nobody = Client().generic(method.upper(), anywhere(path), "{}", content_type="application/json")
    problem = assert_problem(nobody, 401)
    assert "Bearer" in problem["detail"]
    assert nobody["WWW-Authenticate"].startswith("Bearer")
    assert_problem(call(method.upper(), anywhere(path), {}, key="parley_live_nonsense"), 401)
    others = {"calls": "agents:read", "health": "agents:read"}
    lower = others.get(path.removeprefix("/api/v1/").split("/")[0], "calls:read")
    assert "scope" in assert_problem(call(method.upper(), anywhere(path), {}, scopes=[lower]), 403)["detail"]


def test_a_member_signed_in_by_session_is_nobody_to_the_api(
    alice: Any, organization: Organization, client_of: Any
) -> None:
    assert_problem(client_of(alice).get(AGENTS), 401)


def test_a_revoked_or_old_key_is_none(organization: Organization, call: Call) -> None:
    key, plaintext = keys.issue(organization, "k", ["agents:read"], None, None)
    assert call("GET", AGENTS, key=plaintext).status_code == 200
    keys.revoke(key)
    assert_problem(call("GET", AGENTS, key=plaintext), 401)
    _, old = keys.issue(organization, "k", ["agents:read"], timezone.now() - timedelta(days=1), None)
    assert_problem(call("GET", AGENTS, key=old), 401)


def test_a_strangers_key_sees_nothing_of_ours(call: Call, strangers_organization: Organization) -> None:
    agent = call("POST", AGENTS, {"name": "Front desk"}).json()
    _, theirs = keys.issue(strangers_organization, "k", list(keys.SCOPES), None, None)
    assert call("GET", AGENTS, key=theirs).json()["items"] == []
    for method in ("GET", "PATCH", "DELETE"):
        body = {"draft": {}, "draft_revision": 1}
        assert_problem(call(method, f"{AGENTS}/{agent['id']}", body, key=theirs), 404)


def test_what_is_not_valid_is_named_without_repeating_it(call: Call) -> None:
    problem = assert_problem(call("POST", AGENTS, {"name": ["sk-secret-canary"]}), 422)
    assert problem["errors"] == [{"path": "name", "message": "Use text."}]
    assert "canary" not in json.dumps(problem)
    problem = assert_problem(call("GET", f"{AGENTS}?limit=100000"), 422)
    assert problem["errors"][0]["path"] == "limit"


def test_a_body_that_is_no_json_is_refused(call: Call) -> None:
    assert_problem(call("POST", AGENTS, "{nonsense"), 400)


def test_what_isnt_there_is_404_in_the_same_shape(call: Call) -> None:
    assert_problem(call("GET", "/api/v1/nonsense"), 404)
    assert_problem(call("GET", anywhere(f"{AGENTS}/{{agent_id}}")), 404)
    assert_problem(call("GET", f"{AGENTS}?cursor=nonsense"), 400)


def test_a_method_it_does_not_know_is_405_in_the_same_shape(call: Call) -> None:
    response = call("PUT", AGENTS, {})
    assert_problem(response, 405)
    assert "GET" in response["Allow"]


def test_what_breaks_inside_is_told_in_plain_words_only(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    import agents.api

    def broken(*_: Any) -> None:
        raise RuntimeError("password=hunter2 at /srv/secret/path")

    monkeypatch.setattr(agents.api, "create_agent", broken)
    problem = assert_problem(call("POST", AGENTS, {"name": "x"}), 500)
    assert "hunter2" not in json.dumps(problem)


def test_a_key_has_a_limit_and_is_told_when_to_come_back(call: Call, organization: Organization, settings: Any) -> None:
    settings.API_LIMIT = "3/minute"
    _, one = keys.issue(organization, "one", ["agents:read"], None, None)
    _, two = keys.issue(organization, "two", ["agents:read"], None, None)
    responses = [call("GET", AGENTS, key=one, X_Forwarded_For=f"1.1.1.{n}") for n in range(5)]
    assert [r.status_code for r in responses] == [200, 200, 200, 429, 429]
    assert_problem(responses[-1], 429)
    assert 1 <= int(responses[-1]["Retry-After"]) <= 61
    assert call("GET", AGENTS, key=two).status_code == 200


def test_guessing_keys_is_limited_by_address(call: Call, settings: Any) -> None:
    settings.SIGN_IN_LIMIT = "3/minute"
    statuses = [call("GET", AGENTS, key=keys.make(), X_Forwarded_For=f"1.1.1.{n}").status_code for n in range(5)]
    assert statuses == [401] * 3 + [429] * 2


def test_the_page_that_describes_it_needs_no_other_site(db: None) -> None:
    response = Client().get("/api/v1/docs")
    page = response.content.decode()
    assert response.status_code == 200
    loaded = re.findall(r"<(?:script|link|img|use)\b[^>]*(?:src|href)=[\"']?(?:https?:)?//[^>]*>", page)
    assert loaded == []
    policy = response["Content-Security-Policy"]
    assert "unsafe-inline" not in policy
    nonce = re.search(r"'nonce-([^']+)'", policy)
    assert nonce
    for tag in re.findall(r"<(?:script|style)\b[^>]*>", page):
        assert 'src="/static/' in tag or f'nonce="{nonce[1]}"' in tag, "a script inside the page would be blocked"
    assert " style=" not in page


def test_the_schema_says_who_may_do_what_and_how_it_fails(db: None) -> None:
    schema = Client().get("/api/v1/openapi.json").json()
    assert schema["info"] == {**schema["info"], "title": "Parley", "version": django_settings.VERSION}
    assert all(operation.get("security") for _, _, operation in operations())
    assert schema["components"]["securitySchemes"]["ApiKeyAuth"]["scheme"] == "bearer"
