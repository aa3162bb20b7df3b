"""Calls of an agent without models, on a channel layer of their own."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import redis
from channels.layers import channel_layers, get_channel_layer

from telephony import live_call, warmup, worker_status
from telephony.worker import CallWorker, Options
from tests.telephony import stand_ins


@pytest.fixture
def layer(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Valkey itself, under names that no other test uses."""
    prefix = f"test-{uuid.uuid4().hex[:12]}"
    settings.CHANNEL_LAYERS = {
        "default": {
            **settings.CHANNEL_LAYERS["default"],
            "CONFIG": {**settings.CHANNEL_LAYERS["default"]["CONFIG"], "prefix": prefix},
        }
    }
    monkeypatch.setattr(worker_status, "PREFIX", f"{prefix}:worker:")
    channel_layers.backends.clear()
    yield get_channel_layer()
    channel_layers.backends.clear()
    client = redis.Redis.from_url(settings.VALKEY_URL)
    for key in client.scan_iter(match=f"{prefix}*"):
        client.delete(key)


@pytest.fixture
def agent(transactional_db: None, organization: Any) -> Any:
    from accounts import tenancy
    from agents.models import Agent
    from agents.spec import AgentSpec

    with tenancy.use(organization):
        return Agent.objects.create(
            organization=organization, name="Front desk", draft=AgentSpec(name="Front desk").model_dump(mode="json")
        )


@pytest.fixture
def worker(
    layer: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., contextlib.AbstractAsyncContextManager[CallWorker]]:
    """``async with worker(capacity=2) as it``: a call worker in this process, whose agents need no models."""
    import asyncio

    monkeypatch.setattr(live_call.live, "make", stand_ins.make)
    monkeypatch.setattr(live_call.live, "voices", stand_ins.voices)
    monkeypatch.setattr(live_call.live, "ears", stand_ins.ears)
    monkeypatch.setattr(warmup, "new_vad", stand_ins.SilentVAD)

    async def nothing() -> None: ...

    monkeypatch.setattr(warmup, "warm_up", nothing)
    settings.PHONE_MEDIA_PORT = 0
    if settings.SIP_PORT != 0:  # a test of SIP telephones says which
        settings.SIP_HOST = []

    @contextlib.asynccontextmanager
    async def start(**options: Any) -> AsyncIterator[CallWorker]:
        chosen = Options(**{"capacity": 4, "max_lag_ms": 2_000, "drain_limit_s": 0.5, **options})
        running = CallWorker(chosen)
        task = asyncio.create_task(running.run())
        await running.ready.wait()
        try:
            yield running
        finally:
            running.stop()
            async with asyncio.timeout(20):
                await task

    return start
