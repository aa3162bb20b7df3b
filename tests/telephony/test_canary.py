"""A secret goes in by the dashboard, calls fail around it, and it is nowhere but in the request to its own server.

Also the attack that made keys bound to addresses: Bob, who edits, points the agent at a server of his and names Alice's key.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
import redis
from asgiref.sync import sync_to_async
from django.db import connection
from django.test import AsyncClient, Client
from django.urls import reverse

from accounts import keys, tenancy
from agents.live import LiveAgent
from agents.llm import Message
from agents.providers.openai import OPENAI_URL, Endpoint, OpenAILLM
from agents.publish import save_draft
from agents.spec import AgentSpec
from telephony import live_call, tokens
from telephony.models import Call
from tests.agents.llm_server import refuses, serving
from tests.telephony import stand_ins
from tests.telephony.lines import Caller

pytestmark = pytest.mark.django_db(transaction=True)

CANARY = "zzcanary-5f1e0c9d7b3a4862-zz"
"""Without the look of a vendor's key: the log's filter for those must not be what hides it."""
FORMS = (CANARY, CANARY[:-4], CANARY.encode().hex(), base64.b64encode(CANARY.encode()).decode().rstrip("=")[:-1])


def with_a_key(client_of: Callable[[Any], Client], alice: Any, address: str) -> None:
    data = {"name": "Ours", "provider": "openai", "secret": CANARY, "address": address}
    assert client_of(alice).post(reverse("frontend:credentials"), data).status_code == 302


def thinks_at(agent: Any, base_url: str) -> None:
    save_draft(agent, {"knows": {"model": "openai", "model_name": "m", "base_url": base_url, "credential": "Ours"}})


async def asks_the_model(spec: AgentSpec, secrets: Mapping[str, str]) -> LiveAgent:
    """In the place of ``agents.live.make``: an agent that asks its model something before it takes the call."""
    model = OpenAILLM(Endpoint("m", spec.knows.base_url, secrets["Ours"]))
    try:
        async for _ in model.stream([Message("user", "Hello?")], []):
            pass
    finally:
        await model.close()
    return await stand_ins.make(spec, secrets)


async def place(agent: Any, use: Any = "draft") -> Any:
    caller = Caller()
    body = {
        "token": tokens.mint(organization=agent.organization_id, agent=agent, use=use),
        "sdp": await caller.offer(),
        "type": "offer",
    }
    try:
        return await AsyncClient().post("/rtc/offer", body, content_type="application/json")
    finally:
        await caller.close()


def everything_stored() -> Iterator[tuple[str, str]]:
    """Every row of every table as text, as a dump has it."""
    with tenancy.system("a dump"), connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace")
        tables = [name for (name,) in cursor.fetchall()]
        rows = [(name, row) for name in tables for row in _rows(cursor, name)]
    assert {"accounts_credential", "telephony_call", "agents_agent"} <= {name for name, _ in rows}, "the dump sees them"
    yield from rows


def _rows(cursor: Any, table: str) -> list[str]:
    cursor.execute(f'SELECT t::text FROM "{table}" t')
    return [row for (row,) in cursor.fetchall()]


def everything_in_valkey(url: str) -> Iterator[tuple[str, str]]:
    client = redis.Redis.from_url(url)
    for key in client.scan_iter(count=1_000):
        kind = client.type(key)
        value = client.get(key) if kind == b"string" else client.zrange(key, 0, -1) if kind == b"zset" else b""
        yield "valkey", f"{key!r} {value!r}"


def everything_shown(agent: Any, alice: Any, client_of: Callable[[Any], Client]) -> Iterator[tuple[str, str]]:
    browser, program = client_of(alice), Client()
    _, bearer = keys.issue(agent.organization, "k", ["agents:read", "calls:read"], None, None)
    with tenancy.use(agent.organization_id):
        calls = list(Call.objects.all())
    pages = [
        reverse(f"frontend:{name}")
        for name in ("home", "agents", "calls", "credentials", "api-keys", "members", "health", "organization")
    ]
    pages += [reverse(f"frontend:{name}", args=[agent.pk]) for name in ("agent", "agent-versions", "agent-publish")]
    pages += [reverse("frontend:call", args=[call.pk]) for call in calls]
    for page in pages:
        yield page, browser.get(page).content.decode()
    api = ["/agents", f"/agents/{agent.pk}", f"/agents/{agent.pk}/changes", "/catalog", "/calls", "/health"]
    api += [f"/calls/{call.pk}{more}" for call in calls for more in ("", "/transcript", "/events")]
    for path in api:
        response = program.get(f"/api/v1{path}", headers={"Authorization": f"Bearer {bearer}"})
        assert response.status_code == 200, path
        yield path, response.content.decode()


def places_of_the_canary(*places: Iterator[tuple[str, str]]) -> list[str]:
    return [name for each in places for name, text in each if any(form in text for form in FORMS)]


async def test_a_stored_secret_is_nowhere_but_in_the_request_to_its_server(
    agent: Any, alice: Any, client_of: Any, worker: Any, monkeypatch: pytest.MonkeyPatch, caplog: Any, settings: Any
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(live_call.live, "make", asks_the_model)
    async with serving(refuses(422, f"Your key {CANARY} is not for this model")) as server, worker():
        await sync_to_async(with_a_key)(client_of, alice, server.url)
        await sync_to_async(thinks_at)(agent, server.url)
        response = await place(agent)
    assert server.headers[0]["authorization"] == f"Bearer {CANARY}", "its own server got it"
    assert response.status_code == 503
    assert "refused the question" in response.json()["detail"] and CANARY not in response.content.decode()
    logged = ((record.name, f"{record.getMessage()} {record.exc_text or ''}") for record in caplog.records)

    def search() -> list[str]:
        shown = everything_shown(agent, alice, client_of)
        return places_of_the_canary(everything_stored(), everything_in_valkey(settings.VALKEY_URL), shown, logged)

    assert await sync_to_async(search)() == []


async def test_an_editors_server_is_not_sent_the_organizations_key(
    agent: Any, alice: Any, bob: Any, client_of: Any, worker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_call.live, "make", asks_the_model)
    async with serving() as evil, worker():
        await sync_to_async(with_a_key)(client_of, alice, "")
        await sync_to_async(thinks_at)(agent, evil.url)
        response = await place(agent)
        assert evil.asked == [], "not even a connection"
    told = response.json()
    assert response.status_code == 503 and told["reason"] == "model_failed"
    assert f"was stored for {OPENAI_URL} and is not sent to {evil.url}" in told["detail"]

    def by_bob() -> tuple[str, Any, Call]:
        browser = client_of(bob)
        dialog = browser.get(reverse("frontend:agent-publish", args=[agent.pk])).content.decode()
        talk = browser.post(reverse("frontend:talk-token", args=[agent.pk]))
        with tenancy.use(agent.organization_id):
            return dialog, talk, Call.objects.get()

    dialog, talk, call = await sync_to_async(by_bob)()
    assert "is not sent to" in dialog and "knob-knows-credential" in dialog, "publishing warns"
    assert talk.status_code == 422 and "is not sent to" in talk.json()["errors"][0]["message"], "so does Talk"
    assert call.end_reason == "model_failed" and "is not sent to" in call.end_detail


async def test_a_visitor_is_told_nothing_of_our_servers(
    agent: Any, alice: Any, client_of: Any, worker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from agents.publish import publish

    monkeypatch.setattr(live_call.live, "make", asks_the_model)
    async with worker():
        await sync_to_async(with_a_key)(client_of, alice, "")
        await sync_to_async(thinks_at)(agent, "http://llm.internal:11434/v1")
        await sync_to_async(publish)(agent)
        response = await place(agent, "published")
    assert response.status_code == 503
    assert "llm.internal" not in response.content.decode() and "Ours" not in response.content.decode()
    assert response.json()["title"] == "The language model failed"
