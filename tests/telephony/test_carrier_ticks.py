"""The clock of a call over a carrier's socket: when a frame is taken, by whom, and what ends it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve

from agents.speech import AudioFrame
from telephony.transports.carrier import CarrierTransport
from telephony.transports.stream_socket import StreamSocket

who: ContextVar[str] = ContextVar("who", default="nobody")


async def nothing() -> None: ...


async def fed(line: CarrierTransport, frames: int, at_s: list[float]) -> None:
    def take(frame: AudioFrame) -> bool:
        at_s.append(asyncio.get_running_loop().time())
        return len(at_s) < frames

    await asyncio.wait_for(line.feed(take), 5)


@asynccontextmanager
async def calls(count: int) -> AsyncIterator[list[CarrierTransport]]:
    made: list[CarrierTransport] = []

    async def hold(connection: StreamSocket) -> None:
        made.append(CarrierTransport(connection, f"MZ{len(made)}", nothing))
        await connection.wait_closed()

    async with serve(hold, "127.0.0.1", 0, create_connection=StreamSocket, compression=None) as server:
        address = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        theirs = [await connect(address, compression=None) for _ in range(count)]
        while len(made) < count:
            await asyncio.sleep(0.005)
        yield made
        for each in made:
            await each.close()
        for other in theirs:
            await other.close()


async def test_frames_keep_the_pace_of_the_clock_and_all_calls_tick_together() -> None:
    loop = asyncio.get_running_loop()
    taken: dict[int, list[float]] = {0: [], 1: []}
    async with calls(2) as (one, other):

        async def listen(number: int, line: CarrierTransport, after_s: float) -> float:
            await asyncio.sleep(after_s)
            began = loop.time()
            await fed(line, 30, taken[number])
            return began

        began = await asyncio.gather(listen(0, one, 0.0), listen(1, other, 0.033))
    for number, times in taken.items():
        assert len(times) == 30
        assert 28 * 0.02 - 0.1 < times[-1] - began[number] < 28 * 0.02 + 0.5  # however late a busy machine is
    apart = [min(abs(at - each) for each in taken[0]) for at in taken[1][1:20]]
    assert sorted(apart)[len(apart) // 2] < 0.003


async def test_who_feeds_is_told_in_their_own_context_and_what_they_raise_is_theirs() -> None:
    heard: list[str] = []

    def take(frame: AudioFrame) -> bool:
        heard.append(who.get())
        assert (len(frame.pcm), frame.rate_hz) == (640, 16_000)
        if len(heard) == 3:
            raise ValueError("enough")
        return True

    async with calls(1) as (line,):
        who.set("the session")
        with pytest.raises(ValueError, match="enough"):
            await asyncio.wait_for(line.feed(take), 2)
        assert heard == ["the session"] * 3
        await asyncio.sleep(0.06)
        assert len(heard) == 3


@pytest.mark.parametrize("and_then", ["on", "over", "broken"])
async def test_who_is_cancelled_by_a_frame_of_theirs_is_told_nothing_else(and_then: str) -> None:
    wrong: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: wrong.append(context))
    count = 0
    async with calls(1) as (line,):

        def take(frame: AudioFrame) -> bool:
            nonlocal count
            count += 1
            feeding.cancel()
            if and_then == "broken":
                raise ValueError("a fault")
            return and_then == "on"

        feeding = asyncio.create_task(line.feed(take))
        await asyncio.wait({feeding}, timeout=1)
        await asyncio.sleep(0.06)
    assert feeding.cancelled() and count == 1 and not wrong


@pytest.mark.parametrize("end", ["hung up", "cancelled", "enough"])
async def test_it_ends_and_leaves_no_timer(end: str) -> None:
    heard: list[AudioFrame] = []
    async with calls(1) as (line,):

        def take(frame: AudioFrame) -> bool:
            heard.append(frame)
            return end != "enough" or len(heard) < 4

        feeding = asyncio.create_task(line.feed(take))
        while len(heard) < 4:
            await asyncio.sleep(0.005)
        if end == "hung up":
            line.hang_up()
        elif end == "cancelled":
            feeding.cancel()
        await asyncio.wait({feeding}, timeout=1)
        assert feeding.done() and feeding.cancelled() is (end == "cancelled")
        count = len(heard)
        await asyncio.sleep(0.06)
        assert len(heard) == count


async def test_somebody_else_takes_the_frames_where_the_first_stopped() -> None:
    """One session after the other on one line, by either way of taking them."""
    async with calls(1) as (line,):
        first: list[float] = []
        await fed(line, 5, first)
        second = 0
        async for _ in line.frames():
            second += 1
            if second == 5:
                break
        third: list[float] = []
        await fed(line, 5, third)
    assert (len(first), second, len(third)) == (5, 5, 5)


async def test_how_long_the_way_is_is_known_as_the_stream_opens_and_at_the_first_mark() -> None:
    """``websockets`` says 0 until its own first ping, 5 s later here, 20 s by itself."""
    async with calls(1) as (line,):
        async with asyncio.timeout(2):
            while not line._socket.latency:
                await asyncio.sleep(0.005)
        assert line._agent._rtt_ms == 0
        line._take(b'{"event":"mark","streamSid":"MZ0","mark":{"name":"1"}}')
        assert 0 < line._agent._rtt_ms == line._socket.latency * 1000
