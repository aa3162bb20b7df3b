"""A call worker is killed in the middle of a call: a real process, a real call, real models."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
import wave
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
from asgiref.sync import sync_to_async
from channels.layers import channel_layers

from accounts import tenancy
from telephony import recordings, worker_status
from telephony.models import Recording
from telephony.tasks import reap
from tests.telephony.lines import Caller
from tests.telephony.test_worker import placed, row, until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.platform, pytest.mark.paced, pytest.mark.models]

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def environment(settings: Any) -> Iterator[dict[str, str]]:
    """This test's database, and a Valkey database that nothing else uses, for this process and for the worker's."""
    valkey = urlunsplit(urlsplit(settings.VALKEY_URL)._replace(path="/9"))
    settings.VALKEY_URL = valkey
    layer = settings.CHANNEL_LAYERS["default"]
    host = {**layer["CONFIG"]["hosts"][0], "address": valkey}
    settings.CHANNEL_LAYERS = {"default": {**layer, "CONFIG": {**layer["CONFIG"], "hosts": [host]}}}
    _forget_connections()
    database = settings.DATABASES["default"]
    url = f"postgresql://{database['USER']}:{database['PASSWORD']}@/{database['NAME']}?host={database['HOST']}&port={database['PORT']}"
    if database["HOST"] and not database["HOST"].startswith("/"):
        url = f"postgresql://{database['USER']}:{database['PASSWORD']}@{database['HOST']}:{database['PORT']}/{database['NAME']}"
    yield {
        **os.environ,
        "DATABASE_URL": url,
        "DATABASE_OWNER_URL": url,
        "VALKEY_URL": valkey,
        "RECORDINGS_DIR": str(settings.RECORDINGS_DIR),
        "WEIGHTS_DIR": str(settings.WEIGHTS_DIR),
        "PARLEY_EMBEDDED": "true",
        "PYTHONPATH": f"{ROOT}:{ROOT / 'platform'}",
    }
    _forget_connections()


def _forget_connections() -> None:
    """What this process keeps of a Valkey database: the next test has another."""
    channel_layers.backends.clear()
    worker_status.client.cache_clear()


@asynccontextmanager
async def a_worker(environment: dict[str, str]) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "manage.py", "callworker", cwd=ROOT, env=environment, stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with asyncio.timeout(90):
            while not any(s.pid == process.pid for s in await sync_to_async(worker_status.workers)()):
                assert process.returncode is None, "the worker did not start"
                await asyncio.sleep(0.2)
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_its_calls_end_within_30_s_and_the_recording_plays(agent: Any, environment: dict[str, str]) -> None:
    caller = Caller()
    async with a_worker(environment) as process:
        answer = await placed(agent, caller)
        await asyncio.sleep(9)  # the first seconds are written after five, and connecting may take one or two
        assert (await row(agent, answer["call_id"])).status == "in_progress"
        process.kill()
        killed_at = time.monotonic()
        while (call := await row(agent, answer["call_id"])).status != "ended":
            assert time.monotonic() - killed_at < 30
            await asyncio.sleep(5)  # as beat does
            await sync_to_async(reap)()
    await caller.close()
    assert call.end_reason == "worker_lost"

    def read() -> tuple[Recording, list[str]]:
        with tenancy.use(agent.organization_id):
            return Recording.objects.get(call=call), list(call.turns.values_list("text", flat=True))

    recording, said = await sync_to_async(read)()
    assert said == ["Hello, how can I help you?"]
    with wave.open(str(recordings.absolute(recording.path))) as file:
        seconds = file.getnframes() / file.getframerate()
    assert recording.is_complete and seconds > 4 and abs(seconds * 1000 - recording.duration_ms) < 2
    assert call.duration_ms >= 4_000


async def test_sigterm_lets_the_call_go_on_to_its_end(agent: Any, environment: dict[str, str]) -> None:
    caller = Caller()
    async with a_worker({**environment, "DRAIN_LIMIT_S": "30"}) as process:
        answer = await placed(agent, caller)
        await asyncio.sleep(2)
        process.send_signal(signal.SIGTERM)
        await asyncio.sleep(2)
        assert (await row(agent, answer["call_id"])).status == "in_progress"
        assert [status.is_draining for status in await sync_to_async(worker_status.workers)()] == [True]
        await caller.close()
        call = await until(agent, answer["call_id"], "ended", 10)
        assert call.end_reason == "caller_hung_up"
        async with asyncio.timeout(15):
            assert await process.wait() == 0
