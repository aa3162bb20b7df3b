"""Whole calls: a token, an offer over HTTP, a call worker, a real WebRTC client, the live feed, rows and a recording."""

from __future__ import annotations

import asyncio
import time
import uuid
from copy import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.test import AsyncClient

from accounts import tenancy
from agents.speech import ProviderError
from telephony import answer as answering
from telephony import live_call, signalling, tokens, worker_status
from telephony import worker as worker_module
from telephony.models import Call, CallEvent, Recording, Turn
from telephony.recordings import absolute
from tests.telephony import stand_ins
from tests.telephony.lines import Caller

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.paced]


async def place(agent: Any, caller: Caller, **more: Any) -> Any:
    token = tokens.mint(organization=agent.organization_id, agent=agent, use="draft")
    body = {"token": token, "sdp": await caller.offer(), "type": "offer", **more}
    return await AsyncClient().post("/rtc/offer", body, content_type="application/json")


async def placed(agent: Any, caller: Caller) -> dict[str, Any]:
    response = await place(agent, caller)
    assert response.status_code == 201, response.content
    answer: dict[str, Any] = response.json()
    await caller.accept(answer["sdp"])
    return answer


async def row(agent: Any, call_id: str) -> Call:
    def read() -> Call:
        with tenancy.use(agent.organization_id):
            return Call.objects.get(pk=call_id)

    return await sync_to_async(read)()


async def until(agent: Any, call_id: str, status: str, seconds: float = 25) -> Call:
    async with asyncio.timeout(seconds):
        while (call := await row(agent, call_id)).status != status:
            await asyncio.sleep(0.1)
    return call


def feed(answer: dict[str, Any]) -> WebsocketCommunicator:
    from config.asgi import application

    return WebsocketCommunicator(
        application,
        f"/ws/calls/{answer['call_id']}/?token={answer['events_token']}",
        headers=[(b"origin", b"http://127.0.0.1:8000"), (b"host", b"127.0.0.1:8000")],
    )


async def test_a_call_from_its_token_to_its_recording(agent: Any, worker: Any) -> None:
    caller = Caller()
    async with worker():
        answer = await placed(agent, caller)
        socket = feed(answer)
        assert (await socket.connect())[0]
        assert (await socket.receive_json_from(15))["type"] == "snapshot"
        seen: dict[str, dict[str, Any]] = {}
        async with asyncio.timeout(25):
            while not (seen.get("transcript", {}).get("is_final") and "level" in seen and "state" in seen):
                message = await socket.receive_json_from(15)
                seen[message["type"]] = message
        assert seen["transcript"]["text"] == "Hello, how can I help you?"
        second = feed(answer)
        assert (await second.connect())[0]
        assert (await second.receive_json_from(15))["turns"][0]["text"] == "Hello, how can I help you?"
        await second.disconnect()
        response = await AsyncClient().post(
            f"/rtc/calls/{answer['call_id']}/hangup", headers={"authorization": f"Bearer {answer['events_token']}"}
        )
        assert response.status_code == 204
        async with asyncio.timeout(25):
            while (message := await socket.receive_json_from(15))["type"] != "ended":
                pass
        assert message["words"] == "The caller hung up"
        call = await until(agent, answer["call_id"], "ended")
        await socket.disconnect()
    await caller.close()
    assert call.end_reason == "caller_hung_up" and call.duration_ms > 1_000 and call.answered_at

    def rows() -> tuple[list[Turn], Recording, list[str]]:
        with tenancy.use(agent.organization_id):
            events = list(CallEvent.objects.filter(call=call).values_list("kind", flat=True))
            return list(call.turns.all()), Recording.objects.get(call=call), events

    turns, recording, events = await sync_to_async(rows)()
    assert [(turn.role, turn.text) for turn in turns] == [("agent", "Hello, how can I help you?")]
    assert "ended" in events
    sound = np.frombuffer(absolute(recording.path).read_bytes()[44:], "<i2").reshape(-1, 2)
    assert recording.is_complete and abs(len(sound) / 16 - call.duration_ms) < 100
    assert np.abs(sound[:, 0]).max() > 3_000 and np.abs(sound[:, 1]).max() > 3_000
    assert any(np.abs(np.concatenate([f.to_ndarray().reshape(-1) for f in caller.heard])) > 3_000)


async def test_the_feed_may_die_and_the_call_goes_on(agent: Any, worker: Any) -> None:
    caller = Caller()
    async with worker():
        answer = await placed(agent, caller)
        socket = feed(answer)
        await socket.connect()
        await socket.receive_json_from(15)
        await socket.disconnect()
        await asyncio.sleep(0.5)
        assert (await row(agent, answer["call_id"])).status == "in_progress"
        await caller.hears_on()
    await caller.close()


async def test_a_full_worker_refuses_at_once(agent: Any, worker: Any) -> None:
    first, second = Caller(), Caller()
    async with worker(capacity=1):
        await placed(agent, first)
        start = time.monotonic()
        response = await place(agent, second)
        assert response.status_code == 503 and response.json()["reason"] == "busy"
        assert time.monotonic() - start < 1
        call = await row(agent, response.json()["call_id"])
        assert call.end_reason == "busy"
    await first.close()
    await second.close()


async def test_a_full_worker_passes_the_call_on_to_one_with_room(agent: Any, worker: Any) -> None:
    callers = [Caller(), Caller()]
    async with worker(capacity=1), worker(capacity=1):
        for caller in callers:
            await placed(agent, caller)
    for caller in callers:
        await caller.close()


async def test_an_offer_that_is_delivered_twice_is_one_call(
    agent: Any, worker: Any, layer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The channel layer gives a message twice when a worker is stopped at the wrong moment, or another looks just then."""
    send = type(layer).send

    async def twice(self: Any, channel: str, message: dict[str, Any]) -> None:
        if message["type"] == "call.offer":
            await send(self, channel, {**message, "copy": 1})
            await asyncio.sleep(0.05)
        await send(self, channel, message)

    monkeypatch.setattr(type(layer), "send", twice)
    monkeypatch.setattr(live_call.live, "make", slowly_made)
    callers = [Caller(), Caller()]
    async with worker(capacity=1):
        answer = await placed(agent, callers[0])
        assert (await row(agent, answer["call_id"])).status == "in_progress"
        await callers[0].close()
        await until(agent, answer["call_id"], "ended")
        async with worker(capacity=0):  # it has the copy every other time
            answer = await placed(agent, callers[1])
            assert (await row(agent, answer["call_id"])).status == "in_progress"
    await callers[1].close()


async def slowly_made(spec: Any, secrets: Any) -> Any:
    await asyncio.sleep(0.5)
    return await stand_ins.make(spec, secrets)


async def test_a_call_that_is_being_claimed_while_leases_are_renewed_is_nobody_elses(
    agent: Any, worker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its row isn't the worker's yet: that is no reason to end it."""
    real, renew, renewed = answering.claim, answering.renew, 0

    def slow(*given: Any) -> Any:
        time.sleep(0.4)  # in a thread of the database's
        return real(*given)

    def counted(*given: Any) -> Any:
        nonlocal renewed
        renewed += 1
        return renew(*given)

    monkeypatch.setattr(answering, "claim", slow)
    monkeypatch.setattr(answering, "renew", counted)
    monkeypatch.setattr(worker_module, "HEARTBEAT_SECONDS", 0.05)
    caller = Caller()
    async with worker():
        answered = await placed(agent, caller)
        await caller.hears_on()
        assert (await row(agent, answered["call_id"])).status == "in_progress" and renewed > 2
        await caller.close()
        call = await until(agent, answered["call_id"], "ended")
    assert call.end_reason in ("caller_hung_up", "connection_lost")


@pytest.mark.parametrize("has_come_back", [False, True])
async def test_what_is_known_of_a_call_ends_no_other_that_has_its_place_by_then(
    agent: Any, worker: Any, monkeypatch: pytest.MonkeyPatch, has_come_back: bool
) -> None:
    """A call that came back from a transfer while the leases were renewed: the row was nobody's in between."""
    ended: list[str] = []
    caller, asked = Caller(), asyncio.Event()
    async with worker() as running:
        answered = await placed(agent, caller)
        await caller.hears_on()
        number = uuid.UUID(answered["call_id"])
        theirs = running._running[number]
        again = replace(theirs, call=copy(theirs.call))
        loop = asyncio.get_running_loop()

        def renew(*_: Any) -> list[uuid.UUID]:
            if asked.is_set():
                return []
            if has_come_back:
                running._running[number] = again
            loop.call_soon_threadsafe(asked.set)
            return [number]

        for each in (theirs, again):
            monkeypatch.setattr(each.call, "hang_up", ended.append)
        monkeypatch.setattr(answering, "renew", renew)
        monkeypatch.setattr(worker_module, "HEARTBEAT_SECONDS", 0.05)
        await asyncio.wait_for(asked.wait(), 10)
        await asyncio.sleep(0.1)
        running._running[number] = theirs
        await caller.close()
        await until(agent, answered["call_id"], "ended")
    assert ("worker_lost" in ended) is not has_come_back  # a worker that stops ends what it still has, too


async def test_without_a_worker_the_caller_is_told(agent: Any, layer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signalling, "ANSWER_SECONDS", 0.5)
    caller = Caller()
    response = await place(agent, caller)
    assert response.status_code == 503 and response.json()["reason"] == "no_worker"
    assert response.headers["content-type"] == "application/problem+json"
    await caller.close()


@pytest.mark.parametrize(
    ("part", "reason"), [("voice", "tts_failed"), ("transcriber", "stt_failed"), ("model", "model_failed")]
)
async def test_an_agent_that_cannot_be_made_is_told_in_words(
    agent: Any, worker: Any, monkeypatch: pytest.MonkeyPatch, part: Any, reason: str
) -> None:
    from agents import live

    async def fail(spec: Any, secrets: Any) -> None:
        raise live.CannotTalk(part, f"The {part} is not on this machine.")

    caller = Caller()
    async with worker():
        monkeypatch.setattr(live_call.live, "make", fail)
        response = await place(agent, caller)
    assert response.status_code == 503 and response.json()["detail"] == f"The {part} is not on this machine."
    call = await row(agent, response.json()["call_id"])
    assert (call.end_reason, call.end_detail) == (reason, f"The {part} is not on this machine.")
    await caller.close()


async def test_a_voice_that_fails_in_the_call_is_named_with_its_own_words(
    agent: Any, worker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def mute(self: Any, text: str, *, speed: float) -> Any:
        raise ProviderError("The voice's server answers no more.", permanent=True)
        yield b""

    monkeypatch.setattr(stand_ins.HummingTTS, "speak", mute)
    caller = Caller()
    async with worker():
        answer = await placed(agent, caller)
        call = await until(agent, answer["call_id"], "ended")
    assert (call.end_reason, call.end_detail) == ("tts_failed", "The voice's server answers no more.")
    await caller.close()


async def test_a_drained_worker_takes_no_call_and_ends_the_live_ones_at_its_limit(agent: Any, worker: Any) -> None:
    first, second = Caller(), Caller()
    async with worker(drain_limit_s=1.0) as running:
        answer = await placed(agent, first)
        await asyncio.sleep(0.3)
        running.drain()
        await asyncio.sleep(0.2)
        assert [status.is_draining for status in await sync_to_async(worker_status.workers)()] == [True]
        assert (await row(agent, answer["call_id"])).status == "in_progress"
        call = await until(agent, answer["call_id"], "ended")
        assert call.end_reason == "worker_stopped"
    assert await sync_to_async(worker_status.workers)() == []
    await first.close()
    await second.close()


async def test_a_caller_that_never_connects(agent: Any, worker: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from telephony.transports import webrtc

    monkeypatch.setattr(webrtc.WebRTCTransport.connected, "__defaults__", (0.5,))
    caller = Caller()
    async with worker():
        response = await place(agent, caller)
        call = await until(agent, response.json()["call_id"], "ended")
    assert call.end_reason == "never_connected" and call.duration_ms == 0
    await caller.close()


async def test_the_caller_closing_the_page_ends_the_call(agent: Any, worker: Any) -> None:
    caller = Caller()
    async with worker():
        answer = await placed(agent, caller)
        await asyncio.sleep(1)
        await caller.close()
        call = await until(agent, answer["call_id"], "ended")
    assert call.end_reason == "caller_hung_up"


async def test_nothing_is_recorded_before_the_consent_line_was_heard(agent: Any, worker: Any) -> None:
    def consent() -> None:
        with tenancy.use(agent.organization_id):
            agent.draft["privacy"] = {"record": True, "consent_line": "This call is recorded."}
            agent.save()

    await sync_to_async(consent)()
    caller = Caller()
    async with worker():
        answer = await placed(agent, caller)
        await asyncio.sleep(4)
        await caller.close()
        call = await until(agent, answer["call_id"], "ended")

    def rows() -> tuple[Turn, Recording]:
        with tenancy.use(agent.organization_id):
            return call.turns.first(), call.recording

    consent_turn, recording = await sync_to_async(rows)()
    assert consent_turn.text == "This call is recorded."
    sound = np.frombuffer(absolute(recording.path).read_bytes()[44:], "<i2").reshape(-1, 2)
    loud = np.flatnonzero(np.abs(sound).max(axis=1) > 500)[0] / 16
    assert consent_turn.ended_ms - 25 <= loud <= consent_turn.ended_ms + 200
    assert abs(len(sound) / 16 - call.duration_ms) < 100
