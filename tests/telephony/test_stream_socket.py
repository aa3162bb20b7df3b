"""The short way of a carrier's messages: the same messages, in the same order, as ``websockets`` gives them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed, ConnectionClosedOK

from telephony.transports.stream_socket import StreamSocket


@asynccontextmanager
async def line() -> AsyncIterator[tuple[ClientConnection, StreamSocket]]:
    """Both ends of one."""
    ours: asyncio.Future[StreamSocket] = asyncio.get_running_loop().create_future()

    async def hold(connection: StreamSocket) -> None:
        ours.set_result(connection)
        await connection.wait_closed()

    async with (
        serve(hold, "127.0.0.1", 0, create_connection=StreamSocket, compression=None) as server,
        connect(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}", compression=None) as theirs,
    ):
        yield theirs, await ours


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not is_so():
            await asyncio.sleep(0.005)


async def read(connection: StreamSocket, told: list[bytes], by_recv: list[bytes]) -> None:
    try:
        while True:
            message = await connection.recv(decode=False)
            told.append(message)
            by_recv.append(message)
    except ConnectionClosedOK:
        told.append(b"over")


async def test_all_is_heard_in_the_order_in_which_it_came() -> None:
    """What waits already, messages in pieces, and the rest, which nobody has to ask for."""
    told: list[bytes] = []
    by_recv: list[bytes] = []
    async with line() as (theirs, ours):
        for number in range(3):
            await theirs.send(f"early {number}")
        await until(lambda: len(ours.recv_messages.frames) == 3)
        ours.listen(told.append)
        await theirs.send("waits behind them")
        reading = asyncio.create_task(read(ours, told, by_recv))
        await until(lambda: len(told) == 4)
        await theirs.send("at once")
        await theirs.send(["in ", "three ", "pieces"])
        await theirs.send("at once, too")
        await until(lambda: len(told) == 7)
        await theirs.close()
        await reading
    assert told == [
        b"early 0", b"early 1", b"early 2", b"waits behind them", b"at once", b"in three pieces", b"at once, too", b"over",
    ]  # fmt: skip
    assert b"at once" not in by_recv
    assert b"in three pieces" in by_recv


async def test_a_message_that_cannot_be_taken_ends_nothing() -> None:
    told: list[bytes] = []

    def take(message: bytes) -> None:
        told.append(message)
        raise RuntimeError("a fault of ours")

    async with line() as (theirs, ours):
        ours.listen(take)
        await theirs.send("one")
        await theirs.send("two")
        await until(lambda: len(told) == 2)
        ours.listen(None)
        await theirs.send("three")
        assert await ours.recv(decode=False) == b"three"


async def test_what_is_sent_at_once_arrives_and_is_refused_when_the_line_is_closed() -> None:
    async with line() as (theirs, ours):
        ours.send_at_once("für Sie")
        assert await theirs.recv() == "für Sie"
        await theirs.close()
        await ours.wait_closed()
        with pytest.raises(ConnectionClosed):
            ours.send_at_once("nobody hears it")
