"""A worker over its measured room turns callers away at once and keeps those it has; one whose own work breaks leaves in order."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from telephony import worker as workers
from telephony import worker_status
from telephony.worker import CallWorker, WorkerBroken
from telephony.worker_room import Limits, Room, Sample
from tests.telephony.lines import Caller
from tests.telephony.test_worker import place, placed, row, until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.paced]


def busy_room(loop_share: float) -> Room:
    """As after ten seconds in which one call took so much of the loop's core."""
    room = Room(Limits(capacity=50, max_lag_ms=5_000, cores=2))
    for second in range(-10, 1):
        room.observe(Sample(second, 1, loop_share * second, loop_share * second, 1.0))
    return room


async def test_over_its_measured_room_a_caller_is_turned_away_at_once_and_the_live_call_goes_on(
    agent: Any, worker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "MEASURE_SECONDS", 3_600)  # the load is this test's
    first = Caller()
    async with worker(capacity=50, max_lag_ms=5_000) as running:
        answer = await placed(agent, first)
        running._room = busy_room(0.5)
        took: list[float] = []
        for _ in range(5):
            other = Caller()
            began = time.monotonic()
            response = await place(agent, other)
            took.append(time.monotonic() - began)
            assert response.status_code == 503 and response.json()["reason"] == "busy"
            await other.close()
        assert min(took) < 0.5, took  # 0.1 to 0.2 where nothing else runs
        async with asyncio.timeout(10):
            while not (notes := await sync_to_async(worker_status.workers)()) or not notes[0].full:
                running._beat_now.set()
                await asyncio.sleep(0.05)
        assert notes[0].full == "another call would take 100% of the core that carries the sound"
        assert not notes[0].has_room
        await first.hears_on()
        assert (await row(agent, answer["call_id"])).status == "in_progress"
        running._room = busy_room(0.3)
        second = Caller()
        await placed(agent, second)
        await second.close()
    await first.close()


async def test_a_worker_that_believes_another_has_room_asks_it_a_few_times_and_no_more(
    agent: Any, worker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "MEASURE_SECONDS", 3_600)
    passed: list[int] = []
    pass_on = CallWorker._pass_on

    async def counted(self: CallWorker, message: dict[str, Any]) -> None:
        passed.append(int(message.get("hops", 0)))
        await pass_on(self, message)

    monkeypatch.setattr(CallWorker, "_pass_on", counted)

    async def always(client: Any, worker_id: str) -> bool:
        return True

    monkeypatch.setattr(worker_status, "others_with_room", always)  # as long as the notes are wrong
    caller = Caller()
    async with worker(capacity=0), worker(capacity=0):
        response = await place(agent, caller)
    assert response.status_code == 503 and response.json()["reason"] == "busy"
    assert passed == list(range(workers.MAX_HOPS + 1))
    assert workers.MAX_HOPS * workers.HOP_SECONDS < 0.2
    await caller.close()


async def test_work_of_its_own_that_breaks_ends_the_worker_but_not_its_calls(
    agent: Any, worker: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bug = asyncio.Event()
    begun: list[int] = []
    leases = CallWorker._leases

    async def broken_once(self: CallWorker) -> None:
        begun.append(1)
        if len(begun) == 1:
            await bug.wait()
            raise RuntimeError("a bug of ours")
        await leases(self)

    monkeypatch.setattr(CallWorker, "_leases", broken_once)
    caller, late = Caller(), Caller()
    with pytest.raises(WorkerBroken, match="the renewal of leases: RuntimeError: a bug of ours"):
        async with worker(drain_limit_s=60.0):
            answer = await placed(agent, caller)
            bug.set()
            async with asyncio.timeout(10):
                while len(begun) < 2:
                    await asyncio.sleep(0.05)
            response = await place(agent, late)
            assert response.status_code == 503
            assert (await row(agent, answer["call_id"])).status == "in_progress"
            await caller.hears_on()
            await caller.close()
            await until(agent, answer["call_id"], "ended")
    assert any("takes no more calls" in record.message for record in caplog.records)
    await late.close()
