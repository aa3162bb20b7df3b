"""The routes of a web call: what they refuse, and in which words."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
import uuid
from typing import Any

import pytest
import redis
from asgiref.sync import sync_to_async
from django.test import AsyncClient

from accounts import tenancy
from telephony import ice, signalling, tokens
from telephony.models import Call

pytestmark = pytest.mark.django_db(transaction=True)

SDP = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=fingerprint:sha-256 AA\r\n"


async def post(path: str, body: Any, token: str = "") -> Any:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    return await AsyncClient().post(path, body, content_type="application/json", headers=headers)


@pytest.fixture
def token(agent: Any, layer: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(signalling, "ANSWER_SECONDS", 0.2)
    return tokens.mint(organization=agent.organization_id, agent=agent, use="draft")


async def test_a_thousand_candidates_are_refused_with_400_and_fast(token: str) -> None:
    await post("/rtc/offer", {})
    sdp = SDP + "".join(f"a=candidate:1 1 udp 1 192.0.2.{n % 250} {n + 1000} typ host\r\n" for n in range(1_000))
    start = time.perf_counter()
    response = await post("/rtc/offer", {"token": token, "sdp": sdp})
    assert response.status_code == 400 and "20 addresses" in response.json()["detail"]
    assert time.perf_counter() - start < 0.2
    tokens.use_up(tokens.check(token))  # a refused offer does not cost the token


async def test_an_offer_that_is_too_long_is_refused(token: str) -> None:
    assert (await post("/rtc/offer", {"token": token, "sdp": SDP + "a=x\r\n" * 14_000})).status_code == 400
    assert (await post("/rtc/offer", {"token": token, "sdp": "x" * 200_000})).status_code == 413


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b'{"token": 1, "sdp": 2}', b"{}"])
async def test_what_is_no_offer_is_refused(layer: Any, body: bytes) -> None:
    response = await AsyncClient().post("/rtc/offer", body, content_type="application/json")
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json" and response.json()["detail"]


async def test_without_a_token_there_is_no_call(layer: Any, db: None) -> None:
    assert (await post("/rtc/offer", {"token": "x", "sdp": SDP})).status_code == 401
    assert (await AsyncClient().get("/rtc/ice-servers")).status_code == 401
    for path in ("candidates", "hangup"):
        assert (await post(f"/rtc/calls/{uuid.uuid4()}/{path}", {})).status_code == 401


async def test_a_token_is_used_up_by_its_call(token: str) -> None:
    assert (await post("/rtc/offer", {"token": token, "sdp": SDP})).json()["reason"] == "no_worker"
    second = await post("/rtc/offer", {"token": token, "sdp": SDP})
    assert second.status_code == 401 and "has been used" in second.json()["detail"]


async def test_without_the_channel_layer_the_call_ends_at_once_in_words(
    agent: Any, token: str, layer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Valkey goes away between the token and the offer."""

    async def away(self: Any, channel: str, message: Any) -> None:
        raise redis.ConnectionError("Connection refused")

    monkeypatch.setattr(type(layer), "send", away)
    response = await post("/rtc/offer", {"token": token, "sdp": SDP})
    assert response.status_code == 503 and response.json()["reason"] == "no_worker"

    def status() -> str:
        with tenancy.use(agent.organization_id):
            return str(Call.objects.get(pk=response.json()["call_id"]).status)

    assert await sync_to_async(status)() == "ended"
    for path in ("hangup", "candidates"):
        call = await sync_to_async(a_running_call)(agent)
        mine = tokens.mint_events(organization=agent.organization_id, call=call)
        response = await post(f"/rtc/calls/{call.pk}/{path}", {"candidates": []}, mine)
        assert response.status_code == 503 and response.headers["content-type"] == "application/problem+json"


def a_running_call(agent: Any) -> Call:
    with tenancy.use(agent.organization_id):
        call: Call = Call.objects.create(
            organization_id=agent.organization_id, agent=agent, spec=agent.draft, status="in_progress", worker="w"
        )
        return call


async def test_another_calls_token_opens_nothing(agent: Any, layer: Any) -> None:
    mine = tokens.mint_events(organization=agent.organization_id, call=uuid.uuid4())
    assert (await post(f"/rtc/calls/{uuid.uuid4()}/hangup", {}, mine)).status_code == 401


async def test_a_call_that_never_was(agent: Any, layer: Any) -> None:
    call = uuid.uuid4()
    mine = tokens.mint_events(organization=agent.organization_id, call=call)
    assert (await post(f"/rtc/calls/{call}/hangup", {}, mine)).status_code == 404


async def test_only_the_right_method(layer: Any, db: None) -> None:
    response = await AsyncClient().get("/rtc/offer")
    assert response.status_code == 405 and response.headers["allow"] == "POST"


async def test_too_many_offers_are_slowed_down(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signalling, "OFFERS_AN_ADDRESS", "3/minute")
    answers = [(await post("/rtc/offer", {"token": "x", "sdp": SDP})).status_code for _ in range(4)]
    assert answers == [401, 401, 401, 429]


async def test_turn_credentials_are_good_for_an_hour(settings: Any, token: str) -> None:
    settings.TURN_URLS, settings.TURN_SECRET = ["turn:turn.example.com:3478"], "shared"
    settings.ICE_SERVERS = [{"urls": "stun:stun.example.com"}]
    response = await AsyncClient().get("/rtc/ice-servers", headers={"authorization": f"Bearer {token}"})
    stun, turn = response.json()["iceServers"]
    assert stun == {"urls": "stun:stun.example.com"}
    until, _, user = turn["username"].partition(":")
    assert user == "parley" and 3_500 < int(until) - time.time() <= 3_600
    digest = hmac.new(b"shared", turn["username"].encode(), hashlib.sha1).digest()
    assert turn["credential"] == base64.b64encode(digest).decode()
    assert ice.servers()[1]["urls"] == ["turn:turn.example.com:3478"]
