"""What programs and browsers send that no person would: each is refused in words, and nothing breaks (no 500)."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts import keys
from accounts.models import Organization
from agents.publish import create_agent
from tests.frontend.sample import agent_of, call_of

pytestmark = pytest.mark.django_db
ALL = ["agents:read", "agents:write", "calls:read", "calls:write"]


@pytest.fixture
def api(organization: Organization) -> Callable[..., Any]:
    _, bearer = keys.issue(organization, "k", ALL, None, None)
    client = Client(raise_request_exception=False)

    def send(method: str, path: str, body: bytes | str = b"", **headers: str) -> Any:
        return client.generic(
            method,
            f"/api/v1{path}",
            body,
            content_type="application/json",
            headers={"Authorization": f"Bearer {bearer}", **headers},
        )

    return send


DEEP = "[" * 100_000 + "]" * 100_000


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"\xff\xfe", b"null", b"[]", b'"x"', DEEP.encode(), ('{"draft":' * 30_000 + "1" + "}" * 30_000).encode(),
        b'{"name": "a\\u0000b"}', b'{"name": "\\ud800"}', b'{"name": "' + b"x" * 200_000 + b'"}', b'{"name": NaN}',
        b'{"name": "x", "draft": {"knows": {"temperature": NaN}}}', b'{"name": "x", "draft": {"knows": {"temperature": 1e999}}}',
        b'{"name": "x", "draft": {"says": {"prompt": "a\\u0000b"}}}', b'{"name": "x", "draft": {"says": {"prompt": "\\ud800"}}}',
        b'{"name": "x", "draft": {"limits": {"reminders": ["a\\u0000"]}}}', b'{"name": "x", "draft": {"__class__": 1}}',
        b'{"name": "x", "draft": {"sounds": {"pronunciations": [{"word": "\\u0000", "sounds_like": "x"}]}}}',
        b'{"name": ' + b"9" * 10_000 + b"}",
    ],
    ids=lambda body: repr(body[:40]),
)  # fmt: skip
def test_a_body_that_is_no_agent(api: Callable[..., Any], body: bytes) -> None:
    response = api("POST", "/agents", body)
    assert response.status_code in (400, 413, 422), response.content[:300]
    assert response["Content-Type"].startswith("application/problem+json")
    assert response.json()["detail"]


def test_a_body_of_three_megabytes_is_refused_also_with_an_idempotency_key(api: Callable[..., Any]) -> None:
    for headers in ({}, {"Idempotency-Key": "k"}):
        response = api("POST", "/agents", b'{"name": "' + b"x" * 3_000_000 + b'"}', **headers)
        assert response.status_code in (400, 413)
        assert response.json()["detail"]


@pytest.mark.parametrize(
    "query",
    [
        "/agents?cursor=%00", "/agents?cursor=AAAA", "/agents?limit=-1", "/agents?limit=99999999999999999999", "/calls?status=%00",
        "/calls?since=0001-01-01T00:00:00%2B14:00", "/calls?until=9999-12-31T23:59:59-14:00", "/calls?since=NaN", "/calls?since=1e400",
        "/calls?since=2026-01-01", "/calls?agent_id=%00", "/calls?cursor=" + "A" * 5_000,
        # "0001-01-01T00:00:00+14:00 <uuid>", and one without a zone
        "/calls?cursor=MDAwMS0wMS0wMVQwMDowMDowMCsxNDowMCAwMDAwMDAwMC0wMDAwLTAwMDAtMDAwMC0wMDAwMDAwMDAwMDA",
        "/calls?cursor=MjAyNi0wMS0wMVQwMDowMDowMCAwMDAwMDAwMC0wMDAwLTAwMDAtMDAwMC0wMDAwMDAwMDAwMDA",
    ],
)  # fmt: skip
def test_a_query_that_is_none(api: Callable[..., Any], query: str) -> None:
    assert api("GET", query).status_code in (200, 400, 422)


def test_a_moment_without_a_zone_is_meant_in_utc(api: Callable[..., Any], organization: Organization) -> None:
    call = call_of(agent_of(organization))
    moment = call.created_at.astimezone(UTC).replace(tzinfo=None)

    def found(query: str) -> int:
        return len(api("GET", f"/calls?{query}").json()["items"])

    assert found(f"since={(moment - timedelta(seconds=1)).isoformat()}") == 1
    assert found(f"since={(moment + timedelta(seconds=1)).isoformat()}") == 0
    assert found(f"until={(moment + timedelta(seconds=1)).isoformat()}") == 1


def test_version_numbers_beyond_the_database(api: Callable[..., Any], organization: Organization) -> None:
    agent = create_agent(organization, "A")
    for number in ("99999999999999999999", "-1", "2147483648"):
        assert api("GET", f"/agents/{agent.pk}/versions/{number}").status_code in (404, 422)
        assert api("POST", f"/agents/{agent.pk}/versions/{number}/restore").status_code in (404, 422)
    assert api("PATCH", f"/agents/{agent.pk}", json.dumps({"draft": {}, "draft_revision": 10**30})).status_code in (
        409,
        422,
    )


@pytest.mark.parametrize("key", ["a\x7f", "é" * 10, "x" * 256, " "])
def test_an_idempotency_key_that_is_none(api: Callable[..., Any], key: str) -> None:
    assert api("POST", "/agents", b'{"name": "x"}', **{"Idempotency-Key": key}).status_code in (201, 400)


def test_repeating_a_request_is_no_way_around_the_limit(api: Callable[..., Any], settings: Any) -> None:
    settings.API_LIMIT = "3/minute"
    answers = [api("POST", "/agents", b'{"name": "x"}', **{"Idempotency-Key": "k"}) for _ in range(4)]
    assert [response.status_code for response in answers] == [201, 201, 201, 429]
    assert answers[3]["Retry-After"] and answers[3].json()["detail"]


def test_an_answer_is_repeated_to_its_own_key_only(
    organization: Organization, strangers_organization: Organization
) -> None:
    ids = set()
    for owner, scopes in ((organization, ALL), (organization, ALL), (strangers_organization, ALL)):
        _, bearer = keys.issue(owner, "k", scopes, None, None)
        headers = {"Authorization": f"Bearer {bearer}", "Idempotency-Key": "same"}
        ids.add(
            Client()
            .post("/api/v1/agents", {"name": "x"}, content_type="application/json", headers=headers)
            .json()["id"]
        )
    assert len(ids) == 3


# --- pages


@pytest.fixture
def browser(alice: Any, organization: Organization) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(alice)
    return client


@pytest.mark.parametrize(
    "address",
    [
        "/agents/?q=%00", "/agents/?q=" + "x" * 5_000, "/agents/?archived=%00", "/calls/?q=%00", "/calls/?agent=%00", "/calls/?status=%00&side=%00",
        "/calls/?since=0001-01-01&until=9999-12-31", "/calls/?since=%00", "/calls/?cursor=%00", "/calls/?zone=%00", "/calls/?zone=../../etc/passwd",
        "/accounts/login/?next=%00", "/?%00", "/sign-in/%00/", "/invitations/%00/", "/recordings/%00/",
    ],
)  # fmt: skip
def test_an_address_that_nobody_was_given(browser: Client, address: str) -> None:
    assert browser.get(address).status_code < 500


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("frontend:agent-create", {"name": "a\x00b"}),
        ("frontend:credentials", {"name": "a\x00b", "provider": "openai", "secret": "a\x00b"}),
        ("frontend:api-keys", {"name": "a\x00b", "scopes": "agents:read"}),
        ("frontend:member-invite", {"email": "a\x00b@example.com", "role": "viewer"}),
        ("frontend:organization", {"name": "a\x00b", "timezone": "UTC"}),
        ("frontend:account", {"name": "a\x00b"}),
        ("account_login", {"login": "a\x00b@example.com", "password": "\x00"}),
        ("account_signup", {"email": "a\x00b@example.com", "password1": "\x00" * 12, "name": "\x00"}),
    ],
)
def test_a_form_with_a_null_in_it(browser: Client, name: str, data: dict[str, str]) -> None:
    if name.startswith("account_"):
        browser.logout()
    assert browser.post(reverse(name), data).status_code < 500


def test_an_agents_forms_with_nulls_and_half_characters(browser: Client, organization: Organization) -> None:
    agent = create_agent(organization, "A")
    for name, args, data in (
        ("agent-rename", [], {"name": "a\x00b"}),
        ("agent-publish", [], {"note": "a\x00b"}),
        ("agent-save", ["says"], {"revision": "1", "prompt": "a\x00b", "touched": "prompt"}),
        ("agent-save", ["says"], {"revision": "9" * 30, "prompt": "x", "touched": "prompt"}),
        ("agent-save", ["knows"], {"revision": "1", "temperature": "nan", "touched": "temperature"}),
        ("agent-save", ["does"], {"revision": "1", "touched": "collect", "collect-order": "\x00"}),
        ("agent-reset", ["says"], {"revision": "²", "knob": "prompt"}),
        ("agent-preview", [], {"text": "a\x00b", "voice": "../../etc/passwd"}),
    ):
        url = reverse(f"frontend:{name}", args=[agent.pk, *args])
        assert browser.post(url, data).status_code < 500, (name, data)


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "127.0.0.1@evil.example", "[::1"])
def test_a_host_name_that_is_not_ours(client: Client, organization: Organization, host: str) -> None:
    for path in ("/", "/accounts/login/", "/api/v1/agents"):
        assert client.get(path, headers={"host": host}).status_code == 400


@pytest.mark.parametrize(
    "onward",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "https:evil.example"],
)
def test_nobody_is_sent_elsewhere_after_signing_in(
    client: Client, alice: Any, organization: Organization, onward: str
) -> None:
    response = client.post(
        f"/accounts/login/?next={onward}",
        {"login": alice.email, "password": "correct horse battery staple", "next": onward},
    )
    assert response.status_code == 302
    assert response["Location"] == "/"


def test_the_way_back_after_signing_in_stays_here(client: Client, organization: Organization) -> None:
    for path in ("//evil.example/agents/", "/agents/?next=//evil.example", "/\\evil.example"):
        location = client.get(path).headers.get("Location", "/")
        assert location.startswith("/") and not location.startswith(("//", "/\\"))


def test_the_session_changes_its_name_at_sign_in(client: Client, alice: Any, organization: Organization) -> None:
    client.cookies["sessionid"] = "fixed-by-an-attacker-0123456789ab"
    client.post("/accounts/login/", {"login": alice.email, "password": "correct horse battery staple"})
    assert client.cookies["sessionid"].value != "fixed-by-an-attacker-0123456789ab"
    assert client.get("/").status_code == 200


def test_pages_of_members_and_answers_of_the_api_are_kept_by_no_cache(browser: Client, api: Callable[..., Any]) -> None:
    for response in (browser.get("/"), browser.get("/calls/"), api("GET", "/calls"), browser.get("/account/")):
        assert "no-store" in response["Cache-Control"]
