"""Which call workers are alive: each keeps a small note in Valkey that disappears when it stops renewing it."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

import orjson
import redis
import redis.asyncio
from django.conf import settings

from agents.providers.breaker import Trouble

logger = logging.getLogger(__name__)

PREFIX = "parley:worker:"
TTL_SECONDS = 15


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    id: str
    host: str
    pid: int
    started_at: datetime
    calls: int
    capacity: int
    models: dict[str, str] = field(default_factory=dict)
    """model → "loaded", or what is wrong with it."""
    is_draining: bool = False
    loop_lag_ms: float = 0.0
    """How late the loop was in the worst hundredth of the last seconds."""
    blocked_ms: float = 0.0
    """For how long it was held up when it last was, and by which line of code."""
    blocked_by: str = ""
    call_ids: tuple[str, ...] = ()
    troubles: tuple[Trouble, ...] = ()
    """Vendors that this worker leaves alone just now."""
    sip_port: int = 0
    """That SIP telephones reach it on; 0: they don't."""
    media_address: str = ""
    """Where it alone takes the sound of carriers, host and port; "": nowhere."""
    full: str = ""
    """Why it takes no more just now, in words; empty: it does."""

    @property
    def has_room(self) -> bool:
        return self.calls < self.capacity and not self.is_draining and not self.full


@cache
def client() -> redis.Redis:
    """Of this process, for what is short."""
    return redis.Redis.from_url(settings.VALKEY_URL, socket_timeout=2, socket_connect_timeout=2)


def workers() -> list[WorkerStatus]:
    """All call workers alive now, oldest first. Raises ``redis.RedisError`` where Valkey can't be asked."""
    valkey = client()
    names = list(valkey.scan_iter(match=PREFIX + "*", count=200))
    found = [_read(text) for text in valkey.mget(names)] if names else []
    return sorted((status for status in found if status is not None), key=lambda status: status.started_at)


async def write(client: redis.asyncio.Redis, status: WorkerStatus) -> None:
    await client.set(PREFIX + status.id, orjson.dumps(asdict(status)), ex=TTL_SECONDS)


async def forget(client: redis.asyncio.Redis, worker: str) -> None:
    await client.delete(PREFIX + worker)


async def others_with_room(client: redis.asyncio.Redis, worker: str) -> bool:
    """Whether another worker than this one would take a call."""
    names = [name async for name in client.scan_iter(match=PREFIX + "*", count=200)]
    texts = await client.mget(names) if names else []
    return any(s is not None and s.id != worker and s.has_room for s in map(_read, texts))


def _read(text: bytes | str | None) -> WorkerStatus | None:
    if text is None:
        return None
    try:
        body: dict[str, Any] = orjson.loads(text)
        body["started_at"] = datetime.fromisoformat(body["started_at"])
        body["call_ids"] = tuple(body["call_ids"])
        body["troubles"] = tuple(Trouble(**each) for each in body["troubles"])
        return WorkerStatus(**body)
    except (ValueError, TypeError, KeyError):
        logger.warning("A worker's note in Valkey can't be read; is another release running?")
        return None
