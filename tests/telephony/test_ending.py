"""What must end does: tasks that lose a cancellation, sessions that don't let go, workers that are told to stop at any moment."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import Future
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import OperationalError

from telephony import ending, live_call, warmup, worker_status
from telephony.session.session import Session
from tests.telephony.lines import Caller
from tests.telephony.test_worker import placed, row, until
from tests.telephony.test_worker_killed import ROOT, a_worker, environment

pytestmark = pytest.mark.paced

__all__ = ["environment"]


async def test_a_task_that_loses_its_cancellation_is_cancelled_again() -> None:
    lost = 0

    async def reads() -> None:
        nonlocal lost
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                lost += 1
                if lost == 2:
                    raise

    task = asyncio.create_task(reads())
    await asyncio.sleep(0)
    assert await ending.end([task], 2) == set() and lost == 2


async def test_nothing_is_waited_for_longer_than_said() -> None:
    over = asyncio.Event()

    async def stays() -> None:
        while not over.is_set():
            try:
                await over.wait()
            except asyncio.CancelledError:
                continue

    task = asyncio.create_task(stays())
    await asyncio.sleep(0)
    begin = time.monotonic()
    assert await ending.end([task], 0.5) == {task}
    assert time.monotonic() - begin < 1
    over.set()
    await task


def test_a_process_that_hangs_on_its_way_out_is_gone_all_the_same() -> None:
    script = "import time\nfrom telephony import ending\nending.EXIT_SECONDS = 0.5\nending.exit_soon()\ntime.sleep(60)"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=20)
    assert done.returncode == 1 and "sleep" not in done.stdout and 'File "<string>", line 5' in done.stderr


@pytest.mark.django_db(transaction=True)
async def test_a_worker_told_to_stop_while_it_warms_up_is_gone_at_once(
    worker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from telephony.worker import CallWorker, Options

    async def slowly() -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr(warmup, "warm_up", slowly)
    running = CallWorker(Options(capacity=1, max_lag_ms=100, drain_limit_s=1))
    task = asyncio.create_task(running.run())
    await asyncio.sleep(0.2)
    running.drain()
    async with asyncio.timeout(2):
        await task
    assert not running.ready.is_set()


@pytest.mark.django_db(transaction=True)
async def test_a_session_that_does_not_let_go_does_not_keep_its_call(
    agent: Any, worker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = asyncio.Event()

    async def never(self: Session) -> None:
        while not released.is_set():
            try:
                await released.wait()
            except asyncio.CancelledError:
                continue

    monkeypatch.setattr(Session, "_close", never)
    monkeypatch.setattr(live_call, "SESSION_SECONDS", 1)
    caller = Caller()
    async with worker():
        answer = await placed(agent, caller)
        await asyncio.sleep(1)
        await caller.close()
        call = await until(agent, answer["call_id"], "ended", 15)
        assert call.end_reason == "caller_hung_up"
        released.set()


@pytest.mark.django_db(transaction=True)
async def test_the_lease_of_a_call_that_hangs_while_ending_runs_out(
    agent: Any, worker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = asyncio.Event()

    async def hangs(self: live_call.LiveCall, *args: Any) -> None:
        await released.wait()

    monkeypatch.setattr(live_call.LiveCall, "_wind_up", hangs)
    monkeypatch.setattr(live_call, "HELD_SECONDS", 1)
    caller = Caller()
    async with worker() as running:
        answer = await placed(agent, caller)
        await asyncio.sleep(0.5)
        await caller.close()
        async with asyncio.timeout(20):
            while running._held:
                await asyncio.sleep(0.1)
        await running._beat()
        status = next(s for s in await sync_to_async(worker_status.workers)() if s.id == running.id)
        assert status.calls == 1 and status.call_ids == ()
        assert (await row(agent, answer["call_id"])).status == "in_progress"  # the reaper's from now on
        released.set()


@pytest.mark.django_db(transaction=True)
async def test_the_agent_says_goodbye_before_a_member_ends_the_call(agent: Any, worker: Any) -> None:
    from accounts import tenancy
    from telephony.finish import hang_up
    from telephony.models import Turn

    caller = Caller()
    async with worker():
        answer = await placed(agent, caller)
        await until(agent, answer["call_id"], "in_progress")
        await asyncio.sleep(1)
        call = await row(agent, answer["call_id"])
        begin = time.monotonic()
        await sync_to_async(hang_up)(call)
        call = await until(agent, answer["call_id"], "ended", 15)
        assert time.monotonic() - begin < 8
    await caller.close()

    def said() -> list[str]:
        with tenancy.use(agent.organization_id):
            return [turn.text for turn in Turn.objects.filter(call=call).order_by("index")]

    assert call.end_reason == "member_hung_up"
    assert (await sync_to_async(said)())[-1] == agent.draft["says"]["goodbye"]


@pytest.mark.django_db(transaction=True)
async def test_a_goodbye_without_end_is_cut_off(agent: Any, worker: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_call, "FAREWELL_SECONDS", 1)

    def long() -> None:
        from accounts import tenancy

        with tenancy.use(agent.organization_id):
            agent.draft["says"]["goodbye"] = "Goodbye and thank you. " * 20
            agent.save()

    await sync_to_async(long)()
    caller = Caller()
    async with worker(drain_limit_s=0.2) as running:
        answer = await placed(agent, caller)
        await asyncio.sleep(1)
        running.drain()
        begin = time.monotonic()
        call = await until(agent, answer["call_id"], "ended", 15)
        assert time.monotonic() - begin < 5 and call.end_reason == "worker_stopped"
    await caller.close()


@pytest.mark.django_db(transaction=True)
async def test_a_worker_that_leaves_waits_for_its_rows(
    agent: Any, worker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database is slow in the very moment of leaving: longer than any of the other steps may take."""
    from accounts import tenancy
    from telephony import journal
    from telephony.models import Call, CallEvent

    def make() -> Call:
        with tenancy.use(agent.organization_id):
            call: Call = Call.objects.create(organization_id=agent.organization_id, agent=agent, spec=agent.draft)
            return call

    def kinds() -> list[str]:
        with tenancy.use(agent.organization_id):
            return list(CallEvent.objects.values_list("kind", flat=True))

    write = journal._write

    def slowly(rows: list[Any]) -> None:
        time.sleep(2.5)
        if not broken.done():
            broken.set_result(None)
            raise OperationalError("the server closed the connection unexpectedly")
        write(rows)

    broken: Future[None] = Future()
    call = await sync_to_async(make)()
    monkeypatch.setattr(journal, "_write", slowly)
    async with worker() as running:
        running._journal.add(
            CallEvent(organization_id=agent.organization_id, call_id=call.pk, at_ms=1, kind="the last word")
        )
        await asyncio.sleep(0.7)
    assert await sync_to_async(kinds)() == ["the last word"]


@pytest.mark.platform
@pytest.mark.models
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("after", [1.5, 2.5, 3.5])
async def test_sigterm_while_it_starts(environment: dict[str, str], after: float) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "manage.py", "callworker", cwd=ROOT, env=environment, stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    await asyncio.sleep(after + random.uniform(0, 0.5))
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(5):
        assert await process.wait() in (0, -signal.SIGTERM)


@pytest.mark.platform
@pytest.mark.models
@pytest.mark.django_db(transaction=True)
async def test_the_process_is_gone_when_its_last_call_is(agent: Any, environment: dict[str, str]) -> None:
    caller = Caller()
    async with a_worker({**environment, "DRAIN_LIMIT_S": "30"}) as process:
        answer = await placed(agent, caller)
        await asyncio.sleep(1)
        os.kill(process.pid, signal.SIGTERM)
        await asyncio.sleep(1)
        await caller.close()
        await until(agent, answer["call_id"], "ended", 20)
        async with asyncio.timeout(10):  # it could drain for half a minute
            assert await process.wait() == 0


@pytest.mark.django_db(transaction=True)
async def test_who_holds_the_loop_up_is_told(worker: Any) -> None:
    async with worker() as running:
        await asyncio.sleep(0.1)
        time.sleep(0.4)  # noqa: ASYNC251
        await asyncio.sleep(0.1)
        await running._beat()
        status = next(s for s in await sync_to_async(worker_status.workers)() if s.id == running.id)
    assert status.blocked_ms >= 100 and "test_who_holds_the_loop_up_is_told" in status.blocked_by


async def test_a_hiccup_turns_nobody_away_and_a_loop_that_lags_does(worker: Any, db: None) -> None:
    async with worker(max_lag_ms=50) as running:
        await asyncio.sleep(1.5)
        time.sleep(0.2)  # noqa: ASYNC251
        await asyncio.sleep(0.1)
        assert running.has_room
        for _ in range(8):
            time.sleep(0.2)  # noqa: ASYNC251
            await asyncio.sleep(0.03)
        assert not running.has_room
