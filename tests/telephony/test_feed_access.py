"""Who may listen at the live feeds: the WebSocket routes, as everybody."""

from __future__ import annotations

import os
import signal
import threading
import time
import uuid
from typing import Any

import pytest
from asgiref.sync import SyncToAsync, sync_to_async
from channels.testing import WebsocketCommunicator
from django.db import connections
from django.test import Client

from accounts import tenancy
from accounts.models import Membership, User
from monitoring import health
from telephony import consumers, live_feed, tokens
from telephony.models import Call
from telephony.routing import websocket_urlpatterns
from telephony.session.events import Happened

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def call(agent: Any, layer: Any) -> Call:
    with tenancy.use(agent.organization_id):
        return Call.objects.create(
            organization_id=agent.organization_id, agent=agent, spec=agent.draft, status="ended", end_reason="model_failed",
            end_detail="http://llm.internal:11434 refused the key.",
        )  # fmt: skip


def cookie_of(user: User | None) -> str:
    if user is None:
        return ""
    client = Client()
    client.force_login(user)
    return client.cookies["sessionid"].value


def socket(path: str, session: str = "", origin: str = "http://127.0.0.1:8000") -> WebsocketCommunicator:
    from config.asgi import application

    headers = [(b"host", b"127.0.0.1:8000"), (b"cookie", f"sessionid={session}".encode())]
    if origin:
        headers.append((b"origin", origin.encode()))
    return WebsocketCommunicator(application, path, headers=headers)


async def heard(path: str, session: str = "", origin: str = "http://127.0.0.1:8000") -> Any:
    """The first message, the code that the socket was closed with, or ``None`` where nothing was said yet."""
    it = socket(path, session, origin)
    connected, code = await it.connect(timeout=5)
    if not connected:
        return code
    try:
        if await it.receive_nothing(0.1):
            return None
        answer = await it.receive_output(2)
        return answer.get("code") or answer
    finally:
        await it.disconnect()


def test_every_route_has_its_test() -> None:
    assert {str(route.pattern) for route in websocket_urlpatterns} == {"ws/calls/<uuid:call_id>/", "ws/live/"}


async def test_the_feed_of_a_call_as_everybody(call: Call, alice: User, bob: User, victor: User, charlie: User) -> None:
    path = f"/ws/calls/{call.pk}/"
    for member in (alice, bob, victor):
        assert isinstance(await heard(path, await sync_to_async(cookie_of)(member)), dict), member
    stranger = await sync_to_async(cookie_of)(charlie)
    for session in ("", "made-up", stranger):
        assert await heard(path, session) == 4403
    assert await heard(f"/ws/calls/{uuid.uuid4()}/", await sync_to_async(cookie_of)(alice)) == 4403


async def test_an_open_feed_keeps_no_connection_to_the_database(call: Call, alice: User) -> None:
    """It is open for hours and asks now and then: what it asked with goes back to the pool. (Without the communicator of
    ``channels.testing``, which keeps connections open.)"""
    feed = consumers.CallFeed()
    feed.scope = {"user": alice}
    assert await feed._find(call.pk)
    asked_in = SyncToAsync.single_thread_executor
    assert asked_in.submit(lambda: connections["default"].connection).result() is None


async def test_the_tokens_of_a_call(call: Call, agent: Any, charlie: User, monkeypatch: pytest.MonkeyPatch) -> None:
    path = f"/ws/calls/{call.pk}/?token="
    organization = agent.organization_id
    right = tokens.mint_events(organization=organization, call=call)
    assert isinstance(await heard(path + right), dict)
    wrong = {
        "garbage": "x", "empty of meaning": "a.b.c", "another call's": tokens.mint_events(organization=organization, call=uuid.uuid4()),
        "a stranger's": tokens.mint_events(organization=await _organization_of(charlie), call=call),
        "one that starts calls": tokens.mint(organization=organization, agent=agent, use="draft"),
        "changed": right[:-4] + ("AAAA" if right[-4:] != "AAAA" else "BBBB"),
        "without a signature": right.rsplit(".", 1)[0] + ".",
    }  # fmt: skip
    for what, token in wrong.items():
        assert await heard(path + token) == 4403, what
    monkeypatch.setattr(tokens, "EVENTS_SECONDS", -60)
    assert await heard(path + tokens.mint_events(organization=organization, call=call)) == 4403


async def test_a_bad_token_is_not_saved_by_a_good_session(call: Call, alice: User) -> None:
    assert await heard(f"/ws/calls/{call.pk}/?token=x", await sync_to_async(cookie_of)(alice)) == 4403


async def test_another_site_gets_no_socket(call: Call, alice: User) -> None:
    session = await sync_to_async(cookie_of)(alice)
    for path in (f"/ws/calls/{call.pk}/", "/ws/live/"):
        for origin in ("https://evil.example", "http://127.0.0.1.evil.example", "null"):
            assert await heard(path, session, origin) in (403, 1000), origin


async def test_the_organizations_feed_tells_members_of_theirs_only(call: Call, alice: User, charlie: User) -> None:
    assert await heard("/ws/live/") == 4403
    mine, theirs = (
        socket("/ws/live/", await sync_to_async(cookie_of)(alice)),
        socket("/ws/live/", await sync_to_async(cookie_of)(charlie)),
    )
    assert (await mine.connect())[0] and (await theirs.connect())[0]
    await live_feed.tell_started(call)
    assert (await mine.receive_json_from(3))["id"] == str(call.pk)
    assert await theirs.receive_nothing(0.3)
    await mine.disconnect()
    await theirs.disconnect()


@pytest.mark.parametrize("how", ["taken out", "signed out", "locked out", "password changed"])
async def test_who_is_no_member_any_more_hears_no_more(
    call: Call, bob: User, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    session = await sync_to_async(cookie_of)(bob)
    it = socket("/ws/live/", session)
    assert (await it.connect())[0]
    await live_feed.tell_started(call)
    assert (await it.receive_json_from(3))["id"] == str(call.pk)

    def end() -> None:
        if how == "taken out":
            with tenancy.use(call.organization_id):
                Membership.objects.filter(user=bob).delete()
        elif how == "signed out":
            client = Client()
            client.cookies["sessionid"] = session
            client.post("/accounts/logout/")
        elif how == "password changed":
            bob.set_password("another horse battery staple")
            bob.save()
        else:
            User.objects.filter(pk=bob.pk).update(is_active=False)

    await sync_to_async(end)()
    monkeypatch.setattr(consumers, "ASK_AGAIN_SECONDS", 0)
    await live_feed.tell_started(call)
    assert (await it.receive_output(3)) == {"type": "websocket.close", "code": 4403}
    await it.disconnect()


async def test_what_went_wrong_inside_is_for_the_team(call: Call, agent: Any, victor: User) -> None:
    async def ended(path: str, session: str = "") -> dict[str, Any]:
        it = socket(path, session)
        assert (await it.connect())[0]
        told: dict[str, Any] = (await it.receive_json_from(3))["ended"]
        await live_feed.tell_ended(call)
        assert (await it.receive_json_from(3))["detail"] == told["detail"]
        await it.disconnect()
        return told

    path = f"/ws/calls/{call.pk}/"
    for_visitors = tokens.mint_events(organization=agent.organization_id, call=call)
    for_the_team = tokens.mint_events(organization=agent.organization_id, call=call, for_team=True)
    assert "llm.internal" in (await ended(path, await sync_to_async(cookie_of)(victor)))["detail"]
    assert "llm.internal" in (await ended(f"{path}?token={for_the_team}"))["detail"]
    told = await ended(f"{path}?token={for_visitors}")
    assert (told["reason"], told["words"], told["detail"]) == ("model_failed", "The language model failed", "")


async def test_what_fails_in_the_middle_of_a_call_is_for_the_team(call: Call, agent: Any, victor: User) -> None:
    """The vendors' words, our servers' addresses and advice about trunks; callers are told what they did themselves."""
    happened = [
        Happened(900, "stage_failed", {"stage": "model", "error": "https://llm.internal:8443 refused the key."}),
        Happened(950, "not_put_through", {"to": "Desk", "why": "The trunk sip.internal refused it. Look at its page."}),
        Happened(990, "line", {"local": "10.0.0.7:45012"}),
        Happened(1_000, "digits", {"digits": "12#"}),
    ]
    told = [message for event in happened for message in live_feed.messages(event)]

    async def heard_of(path: str, session: str = "") -> list[str]:
        it = socket(path, session)
        assert (await it.connect())[0]
        await it.receive_json_from(3)
        await live_feed.publish(call.pk, told)
        await live_feed.tell_ended(call)
        kinds: list[str] = []
        while (message := await it.receive_json_from(3))["type"] != "ended":
            kinds.append(message["kind"])
        await it.disconnect()
        return kinds

    path = f"/ws/calls/{call.pk}/"
    for_visitors = tokens.mint_events(organization=agent.organization_id, call=call)
    for_the_team = tokens.mint_events(organization=agent.organization_id, call=call, for_team=True)
    everything = [event.kind for event in happened]
    assert await heard_of(path, await sync_to_async(cookie_of)(victor)) == everything
    assert await heard_of(f"{path}?token={for_the_team}") == everything
    assert await heard_of(f"{path}?token={for_visitors}") == ["digits"]


async def test_what_is_sent_to_a_feed_is_not_read(call: Call, alice: User) -> None:
    it = socket(f"/ws/calls/{call.pk}/", await sync_to_async(cookie_of)(alice))
    assert (await it.connect())[0]
    await it.receive_json_from(3)
    began = time.perf_counter()
    for text in ("{", "[" * 50_000, "null", "\x00"):
        await it.send_to(text_data=text)
    await it.send_to(bytes_data=b"\xff")
    await live_feed.tell_ended(call)
    assert (await it.receive_json_from(3))["type"] == "ended"
    assert time.perf_counter() - began < 2
    await it.disconnect()


async def _organization_of(user: User) -> Any:
    def find() -> Any:
        with tenancy.system("test"):
            return Membership.objects.get(user=user).organization_id

    return await sync_to_async(find)()


async def test_a_draining_process_sends_its_feeds_to_another(
    call: Call, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "_draining", threading.Event())
    monkeypatch.setattr(health, "_told_when_draining", set())
    session = await sync_to_async(cookie_of)(alice)
    open_before, gone_before = socket("/ws/live/", session), socket("/ws/live/", session)
    for it in (open_before, gone_before):
        assert (await it.connect())[0]
    await gone_before.disconnect()
    os.kill(os.getpid(), signal.SIGUSR1)
    assert await open_before.receive_output(3) == {"type": "websocket.close", "code": 1012}
    await open_before.disconnect()
    assert not health._told_when_draining, "nothing is kept of sockets that are gone"
    assert "process" in await sync_to_async(health.problems)()
    late = socket("/ws/live/", session)
    assert (await late.connect())[0]
    assert await late.receive_output(3) == {"type": "websocket.close", "code": 1012}
    await late.disconnect()
