"""A call worker is killed in the middle of a telephone call, and another goes on with it: real processes, real models."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from accounts import tenancy
from telephony import worker_status
from telephony.models import Recording, Turn
from tests.telephony.phones import phones
from tests.telephony.test_twilio_calls import ended, until
from tests.telephony.test_worker_killed import a_worker, environment

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.platform, pytest.mark.paced, pytest.mark.models]
__all__ = ["environment"]


async def test_a_killed_worker_costs_the_caller_three_seconds_and_nothing_that_was_said(
    environment: dict[str, str], settings: Any, agent: Any, alice: Any
) -> None:
    from embedded.environment import free_port

    port = free_port()
    settings.PHONE_MEDIA_URL = f"ws://127.0.0.1:{port}/media"
    environment["PHONE_MEDIA_PORT"] = str(port)
    async with a_worker(environment), a_worker(environment), phones(settings, agent, alice) as line:
        caller = line.ring()
        await until(lambda: len(caller.heard) > 60, 40)
        await until(lambda: time.monotonic() - caller.heard[-1][0] > 1.0, 40)
        call = await line.call()
        (holder,) = [each for each in await sync_to_async(worker_status.workers)() if each.id == call.worker]
        killed = time.monotonic()
        os.kill(holder.pid, signal.SIGKILL)
        await until(lambda: caller.heard_since(killed + 0.3), 20)
        gap_s = next(at for at, _ in caller.heard if at > killed + 0.3) - killed
        await until(lambda: time.monotonic() - caller.heard[-1][0] > 1.0, 40)
        again = await line.call()
        assert again.pk == call.pk and again.status == "in_progress" and again.worker != call.worker
        caller.hang_up()
        done = await ended(line, 40)
        await asyncio.sleep(0.5)
    print(f"\nkilled → heard again: {gap_s * 1000:.0f} ms")
    assert gap_s <= 3.0, gap_s
    assert (done.end_reason, done.streams) == ("caller_hung_up", 2)

    def rows() -> tuple[list[Turn], Recording]:
        with tenancy.use(agent.organization_id):
            return list(done.turns.all()), Recording.objects.get(call=done)

    turns, recording = await sync_to_async(rows)()
    assert [turn.index for turn in turns] == list(range(len(turns)))
    assert turns[0].text.startswith("Hello") and "cut off" in turns[1].text and turns[1].text.endswith(turns[0].text)
    assert abs(recording.duration_ms - done.duration_ms) < 1_000 and recording.is_complete
