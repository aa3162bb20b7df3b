"""What can go wrong around a call's session: making its agent, entering it, ending it."""

from __future__ import annotations

import asyncio
import gc
import os
import time
from typing import Any

import pytest
import redis
from aioice.ice import Connection
from aiortc import RTCPeerConnection
from asgiref.sync import sync_to_async
from django.db import OperationalError

from accounts import tenancy
from agents import live
from agents.spec import AgentSpec
from telephony import answer, finish, journal, live_call, signalling
from telephony.finish import end_call
from telephony.models import Call, CallEvent, Turn
from telephony.session.session import Session
from telephony.transports import webrtc
from tests.telephony import stand_ins
from tests.telephony.lines import Caller
from tests.telephony.test_worker import place, placed, row, until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.paced]


async def test_what_breaks_before_the_answer_is_told_at_once(
    agent: Any, worker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def breaks(spec: Any, secrets: Any) -> None:
        raise RuntimeError("nobody thought of this")

    caller = Caller()
    async with worker():
        monkeypatch.setattr(live, "make", breaks)
        begin = time.monotonic()
        response = await place(agent, caller)
        assert time.monotonic() - begin < 5
    assert response.status_code == 503 and response.json()["reason"] == "internal_error"
    call = await row(agent, response.json()["call_id"])
    assert (call.end_reason, call.end_detail) == ("internal_error", "RuntimeError: nobody thought of this")
    await caller.close()


class Minds:
    """Counts the minds that are open: each has connections of its own."""

    def __init__(self) -> None:
        self.made = self.closed = 0

    async def make(self, spec: AgentSpec, secrets: Any) -> live.LiveAgent:
        agent = await stand_ins.make(spec, secrets)
        self.made += 1
        minds = self

        class Mind(stand_ins.SimpleMind):
            async def close(self) -> None:
                minds.closed += 1

        return live.LiveAgent(spec, agent.stt, agent.tts, Mind(spec), agent.speak_text)


async def test_a_mind_nobody_talks_to_is_closed(
    agent: Any, worker: Any, layer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    minds, send = Minds(), type(layer).send
    monkeypatch.setattr(webrtc.WebRTCTransport.connected, "__defaults__", (0.5,))
    monkeypatch.setattr(signalling, "ANSWER_SECONDS", 2)

    async def loses_answers(self: Any, channel: str, message: dict[str, Any]) -> None:
        if message["type"].startswith(("call.answer", "call.refused")):
            raise redis.ConnectionError("Connection refused")
        await send(self, channel, message)

    callers = Caller(), Caller()
    async with worker():
        monkeypatch.setattr(live, "make", minds.make)
        response = await place(agent, callers[0])  # and the answer is not taken
        await until(agent, response.json()["call_id"], "ended")
        monkeypatch.setattr(type(layer), "send", loses_answers)
        response = await place(agent, callers[1])
        await until(agent, response.json()["call_id"], "ended")
    for caller in callers:
        await caller.close()
    assert (minds.made, minds.closed) == (2, 2)


async def test_a_connection_that_never_came_up_says_how_far_it_came(
    agent: Any, worker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webrtc.WebRTCTransport.connected, "__defaults__", (0.5,))
    caller = Caller()
    async with worker():
        response = await place(agent, caller)
        call = await until(agent, response.json()["call_id"], "ended")

    def told() -> dict[str, Any]:
        with tenancy.use(agent.organization_id):
            return dict(CallEvent.objects.get(call=call, kind="never_connected").data)

    seen = await sync_to_async(told)()
    assert seen["ice"] == "checking" and seen["dtls"] == "new" and sum(seen["checks"].values()) > 0
    await caller.close()


async def test_a_call_begins_although_the_database_is_away_just_then(
    agent: Any, worker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(call: Call) -> None:
        raise OperationalError("the server closed the connection unexpectedly")

    monkeypatch.setattr(answer, "connected", away)
    caller = Caller()
    async with worker():
        answered = await placed(agent, caller)
        await asyncio.sleep(2)
        assert (await row(agent, answered["call_id"])).status == "in_progress"
        await caller.close()
        call = await until(agent, answered["call_id"], "ended")
    assert call.end_reason == "caller_hung_up" and call.answered_at is not None and call.duration_ms > 1_000


async def test_the_last_words_are_written_before_the_end_is(
    agent: Any, worker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An outage at the end: whoever sees the call ended sees all of it, and its figures count all of it."""
    is_away = False
    write = journal._write

    def unless_away(work: Any) -> Any:
        def attempt(*args: Any, **more: Any) -> Any:
            if is_away:
                raise OperationalError("the server closed the connection unexpectedly")
            return work(*args, **more)

        return attempt

    monkeypatch.setattr(journal, "_write", unless_away(write))
    monkeypatch.setattr(live_call, "end_call", unless_away(end_call))
    monkeypatch.setattr(journal, "RETRY_SECONDS", 3)
    monkeypatch.setattr(live_call, "SETTLE_SECONDS", 4)

    def turns(call: Call) -> int:
        with tenancy.use(agent.organization_id):
            return Turn.objects.filter(call=call).count()

    caller = Caller()
    async with worker():
        answered = await placed(agent, caller)
        is_away = True
        await asyncio.sleep(2)
        await caller.close()
        await asyncio.sleep(5.5)
        is_away = False
        call = await until(agent, answered["call_id"], "ended")
        assert await sync_to_async(turns)(call) == 1


async def test_nothing_is_left_over_of_calls(agent: Any, worker: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """However they end. A worker holds hundreds in a day."""

    def left() -> tuple[int, int, int]:
        gc.collect()
        kinds = (live_call.LiveCall, Session, RTCPeerConnection, Connection)
        objects = sum(issubclass(type(each), kinds) for each in gc.get_objects())
        return len(asyncio.all_tasks()), len(os.listdir("/proc/self/fd")), objects

    async def one(number: int) -> None:
        caller = Caller()
        if number % 3 == 0:  # never takes the answer
            response = await place(agent, caller)
        else:
            response = await place(agent, caller)
            await caller.accept(response.json()["sdp"])
            await asyncio.sleep(0.6)
            if number % 3 == 1:
                call = await row(agent, response.json()["call_id"])
                await sync_to_async(finish.hang_up)(call, "caller_hung_up")
        if number % 3 != 1:
            await caller.close()
        await until(agent, response.json()["call_id"], "ended")
        await caller.close()

    monkeypatch.setattr(webrtc.WebRTCTransport.connected, "__defaults__", (1.0,))
    async with worker() as running:
        for number in range(3):
            await one(number)
        await asyncio.sleep(1)
        before = left()
        for number in range(6):
            await one(number)
        async with asyncio.timeout(5):
            while running._running:
                await asyncio.sleep(0.05)
        await asyncio.sleep(1)
        after = left()
    assert after <= (before[0] + 1, before[1] + 1, before[2]), (before, after)
