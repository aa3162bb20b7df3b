"""Reading from vendors' iterators so that leaving early stops their work, there and then; and putting them away."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from agents.speech import AudioFrame
from telephony.session.ports import Feeds, Transport

logger = logging.getLogger(__name__)

Item = TypeVar("Item")
CLOSE_S = 5.0


@asynccontextmanager
async def closing(items: AsyncIterator[Item]) -> AsyncIterator[AsyncIterator[Item]]:
    """``contextlib.aclosing`` for iterators that may be generators: a generator left alone is closed some time, or never."""
    try:
        yield items
    finally:
        close = getattr(items, "aclose", None)
        if close is not None:
            await close()


async def feed(transport: Transport, take: Callable[[AudioFrame], bool]) -> None:
    """Each frame of a transport until ``take`` says that it was the last, or the caller is gone; see ``ports.Feeds``."""
    if isinstance(transport, Feeds):
        await transport.feed(take)
    else:
        await take_each(transport.frames(), take)


async def take_each(frames: AsyncIterator[AudioFrame], take: Callable[[AudioFrame], bool]) -> None:
    """Until it was enough."""
    async with closing(frames):
        async for frame in frames:
            if not take(frame):
                return


async def close_all(**closings: Awaitable[None]) -> None:
    """One after the other, each in its time; what doesn't close is logged by its name, and the next has its turn."""
    for name, work in closings.items():
        try:
            async with asyncio.timeout(CLOSE_S):
                await work
        except Exception:
            logger.exception("The %s of the call did not close.", name)
