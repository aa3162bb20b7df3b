"""A telephone call over Twilio's ConversationRelay: one WebSocket of words, whose first message the listener has read already."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from agents.speech import AudioFrame
from telephony.audio.playout import Playout
from telephony.call_transport import OnReport
from telephony.transports.carrier import (
    CLOSE_SECONDS,
    COMES_BACK_SECONDS,
    LEAVING_SECONDS,
    MOST_BAD_MESSAGES,
    REPORT_SECONDS,
    NoStart,
)
from telephony.wire import relay as wire
from telephony.wire.media_streams import BadMessage

logger = logging.getLogger(__name__)

MOST_UNREAD = 256
"""Messages that wait for the session. Whoever sends more than it can read talks to nobody."""


async def setup_of(connection: ServerConnection) -> wire.Setup:
    """Whose words the socket brings: its first message. Raises :class:`NoStart`, ``BadMessage`` and ``ConnectionClosed``."""
    match wire.parse(await connection.recv(decode=False)):
        case wire.Setup() as setup:
            return setup
        case _:
            raise NoStart("it began in the middle")


class RelayTransport:
    """``telephony.call_transport.CallTransport`` without sound, and ``telephony.session.by_text.TextLine``. ``leaving`` as in
    ``telephony.transports.carrier.CarrierTransport``."""

    def __init__(
        self,
        socket: ServerConnection,
        leaving: Callable[[], Awaitable[None]],
        on_report: OnReport | None = None,
    ) -> None:
        self.end_reason: str | None = None
        self.comes_back_seconds: float = COMES_BACK_SECONDS
        self._socket = socket
        self._leaving = leaving
        self._on_report = on_report
        self._messages: asyncio.Queue[wire.Message | None] = asyncio.Queue(MOST_UNREAD)
        self._over = asyncio.Event()
        self._is_closed = False
        self._is_ours = False
        self._bad = self._received = 0
        self._reading = asyncio.create_task(self._read(), name="a telephone's words")
        self._reporting = asyncio.create_task(self._report(), name="how a telephone's words come")

    # -- setting up

    async def answer(self, offer: str) -> str:
        """It is up already. From here on the call is ours: when we close it, it is over."""
        self._is_ours = True
        return ""

    async def connected(self) -> bool:
        return not self._over.is_set()

    @property
    def progress(self) -> dict[str, Any]:
        return {"received": self._received, "bad": self._bad}

    # -- no sound

    @property
    def outbound_delay_ms(self) -> int:
        return 0

    def attach(self, playout: Playout) -> None: ...

    async def frames(self) -> AsyncIterator[AudioFrame]:
        """None ever: the sound stays with Twilio."""
        return
        yield

    # -- words

    async def messages(self) -> AsyncIterator[wire.Message]:
        while not self._over.is_set() or not self._messages.empty():
            message = await self._messages.get()
            if message is None:
                return
            yield message

    async def say(self, words: str, *, is_last: bool) -> None:
        await self._send(wire.text(words, is_last=is_last))

    async def press(self, digits: str) -> None:
        await self._send(wire.send_digits(digits.replace(",", "wwww").replace("W", "w")))

    async def _send(self, text: str) -> None:
        with contextlib.suppress(ConnectionClosed):  # the reader tells
            await self._socket.send(text)

    # -- ending

    def leave(self, is_led_on: bool) -> None:
        """See ``telephony.call_transport.LedByCarrier``."""
        self._is_ours = not is_led_on

    def hang_up(self) -> None:
        self._end("caller_hung_up")

    async def close(self) -> None:
        self._end("caller_hung_up")
        if not self._is_closed:
            if self._is_ours and self.end_reason != "connection_lost":
                with contextlib.suppress(Exception):
                    async with asyncio.timeout(LEAVING_SECONDS):
                        await self._leaving()
                        await self._send(wire.end())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await self._socket.close()
            self._is_closed = True
        for task in (self._reading, self._reporting):
            task.cancel()
        await asyncio.wait({self._reading, self._reporting}, timeout=CLOSE_SECONDS)

    def _end(self, reason: str) -> None:
        if self.end_reason is None:
            self.end_reason = reason
        self._over.set()
        with contextlib.suppress(asyncio.QueueFull):
            self._messages.put_nowait(None)

    # -- the socket

    async def _read(self) -> None:
        try:
            while not self._over.is_set():
                self._take(await self._socket.recv(decode=False))
        except ConnectionClosed as error:
            self._is_closed = True
            # Twilio closes it in good order where the caller has hung up.
            is_whole = error.rcvd is not None and error.rcvd.code in (1000, 1001, 1005)
            if self.end_reason is None and not is_whole:
                logger.warning("A telephone's words broke off: %s", error)
            self._end("caller_hung_up" if is_whole else "connection_lost")

    def _take(self, data: bytes) -> None:
        self._received += 1
        try:
            self._messages.put_nowait(wire.parse(data))
        except BadMessage as error:
            self._bad += 1
            logger.warning("A message of a telephone's words is passed over: %s", error)
            if self._bad > MOST_BAD_MESSAGES:
                self._end("connection_lost")
        except asyncio.QueueFull:
            self._end("connection_lost")

    async def _report(self) -> None:
        while self._on_report is not None:
            await asyncio.sleep(REPORT_SECONDS)
            self._on_report({"rtt_ms": round(self._socket.latency * 1000), "received": self._received})
