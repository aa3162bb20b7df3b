"""A telephone call over a carrier's media stream, as Twilio's are: one WebSocket, whose first messages the listener has read already."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed, ConnectionClosedOK

from agents.speech import AudioFrame
from telephony.audio.playout import Playout
from telephony.transports.carrier_sound import FRAME_MS, RATE_HZ, AgentSound, CallerSound, Clear, Mark, Sound
from telephony.transports.in_order import InOrder
from telephony.transports.stream_socket import StreamSocket
from telephony.wire import media_streams as wire
from telephony.wire.dtmf import DigitEvent, Pressed, Released
from telephony.wire.streams import TwilioWire, Wire

logger = logging.getLogger(__name__)

LOST_SECONDS = 10
"""Twilio sends the caller's sound all the time, silence as well."""
REPORT_SECONDS = 5
LEAVING_SECONDS = 1.0
"""For telling what comes after the stream, before it is closed."""
CLOSE_SECONDS = 1.5
COMES_BACK_SECONDS = 6.0
"""For Twilio to ask what comes after a stream that broke, and for another worker to take the call."""
MOST_BAD_MESSAGES = 20
MOST_UNSENT_BYTES = 16_384
"""About a second of sound that the network doesn't take: what comes on top is dropped, not kept for later."""
TICK_GRID_S = FRAME_MS / 1000
"""All calls tick at the same moments: a processor that wakes up for one call has at hand what it needs for the next, and the voice
activity model hears their windows together. Each call's first tick comes at once, so nobody waits for the moment."""


class NoStart(Exception):
    """What comes over the socket is not the beginning of a stream; the message says what is wrong."""


TWILIO = TwilioWire()


async def start_of(connection: ServerConnection, speaks: Wire = TWILIO) -> wire.Started:
    """Whose sound the socket brings: its first messages. Raises :class:`NoStart`, ``wire.BadMessage`` and ``ConnectionClosed``."""
    while True:
        match speaks.parse(await connection.recv(decode=False)):
            case wire.Started() as started:
                return started
            case wire.Connected(protocol) if protocol != "Call":
                raise NoStart(f"it speaks {protocol}")
            case wire.Connected() | wire.Unknown():
                pass
            case _:
                raise NoStart("it began in the middle")


def _next_tick(due_s: float | None, now_s: float) -> float:
    """Behind the one that was due then; behind the first, which is due at no certain moment, on the grid and at least half a frame later."""
    return math.ceil(now_s / TICK_GRID_S + 0.5) * TICK_GRID_S if due_s is None else due_s + FRAME_MS / 1000


class CarrierTransport:
    """``telephony.call_transport.CallTransport``, for each carrier that streams sound as Twilio does. ``leaving`` is awaited before
    we close the stream of our own accord: then the carrier asks what comes next, and somebody must know. Where the stream breaks
    it is not: another worker goes on with the call.
    """

    def __init__(
        self,
        socket: StreamSocket,
        stream_sid: str,
        leaving: Callable[[], Awaitable[None]],
        on_report: Callable[[Mapping[str, int | float]], None] | None = None,
        *,
        speaks: Wire = TWILIO,
    ) -> None:
        self.end_reason: str | None = None
        self.comes_back_seconds: float = COMES_BACK_SECONDS
        self._tell_digit: Callable[[DigitEvent], None] = lambda event: None
        self._socket = socket
        self._speaks = speaks
        self._writer = speaks.writer(stream_sid)
        self._in_order = InOrder() if not speaks.in_order else None
        self._leaving = leaving
        self._on_report = on_report
        self._caller, self._agent = CallerSound(), AgentSound()
        self._over = asyncio.Event()
        self._is_closed = False
        """By the other end, or by the network."""
        self._is_ours = False
        self._bad = 0
        self._dropped = 0
        self._ticks = 0
        self._heard_s = asyncio.get_running_loop().time()
        socket.listen(self._take)
        self._reading = asyncio.create_task(self._read(), name="a telephone's socket")

    # -- setting up

    async def answer(self, offer: str) -> str:
        """It is up already. From here on the call is ours: when we close it, it is over."""
        self._is_ours = True
        return ""

    async def connected(self) -> bool:
        return not self._over.is_set()

    @property
    def progress(self) -> dict[str, Any]:
        return {"received": self._caller.queue.received, "bad": self._bad}

    # -- talking

    @property
    def outbound_delay_ms(self) -> int:
        return self._agent.delay_ms

    def listen_for_digits(self, tell: Callable[[DigitEvent], None]) -> None:
        """What the caller presses is told from now on. What the agent presses is in its sound: there is no other way."""
        self._tell_digit = tell

    def attach(self, playout: Playout) -> None:
        self._agent.playout = playout

    async def frames(self) -> AsyncIterator[AudioFrame]:
        """The agent's sound goes out at the same tick, after what the session made of the frame."""
        loop = asyncio.get_running_loop()
        due: float | None = None
        while not self._over.is_set():
            yield AudioFrame(self._caller.pull(), RATE_HZ)
            self._was_taken(loop.time())
            due = _next_tick(due, loop.time())
            # After a stall: 0 lets the sockets be read first, and each frame is pulled as if in time.
            await asyncio.sleep(max(0.0, due - loop.time()))

    async def feed(self, take: Callable[[AudioFrame], bool]) -> None:
        """``telephony.session.ports.Feeds``: the same by a timer alone, which costs a tenth less than a task that sleeps."""
        loop = asyncio.get_running_loop()
        is_over = loop.create_future()
        due: float | None = None
        timer: asyncio.Handle

        def tick() -> None:
            nonlocal due, timer
            if is_over.done():
                return
            try:
                goes_on = not self._over.is_set() and take(AudioFrame(self._caller.pull(), RATE_HZ))
                if goes_on:
                    self._was_taken(loop.time())
            except Exception as error:
                if not is_over.done():
                    is_over.set_exception(error)
                return
            if is_over.done():  # cancelled by what became of the frame
                return
            if not goes_on:
                is_over.set_result(None)
                return
            due = _next_tick(due, loop.time())
            timer = loop.call_at(due, tick)  # one that is past: as soon as the sockets were read

        timer = loop.call_soon(tick)
        try:
            await is_over
        finally:
            timer.cancel()

    def _was_taken(self, now: float) -> None:
        """A frame of the caller's: now it is the agent's turn."""
        self._send(now * 1000)
        self._ticks += 1
        if self._ticks % 50 == 0:
            self._look_after(now)
        if self._ticks % (50 * REPORT_SECONDS) == 0:
            self._report()

    # -- ending

    def leave(self, is_led_on: bool) -> None:
        """Twilio is told to do something else with the call: this stream is over soon, and its end isn't the call's."""
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
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await self._socket.close()
            self._is_closed = True
        self._socket.listen(None)
        self._reading.cancel()
        await asyncio.wait({self._reading}, timeout=CLOSE_SECONDS)

    def _end(self, reason: str) -> None:
        if self.end_reason is None:
            self.end_reason = reason
        self._over.set()

    # -- the socket

    async def _read(self) -> None:
        try:
            # websockets' own first ping comes after 5 s; until then it says that there is no way at all.
            await self._socket.ping()
            while True:
                self._take(await self._socket.recv(decode=False))
        except ConnectionClosed as error:
            self._is_closed = True
            if isinstance(error, ConnectionClosedOK) and not self._speaks.has_stop:
                self._end("caller_hung_up")
            if self.end_reason is None:
                logger.warning("A telephone's stream broke: %s", error)
            self._end("connection_lost")

    def _take(self, text: bytes) -> None:
        try:
            message = self._speaks.parse(text)
        except wire.BadMessage as error:
            self._bad += 1
            logger.warning("A message of a telephone's stream is passed over: %s", error)
            if self._bad > MOST_BAD_MESSAGES:
                self._end("connection_lost")
            return
        match message:
            case wire.Media(chunk=chunk, sound=sound):
                self._heard_s = asyncio.get_running_loop().time()
                for each in (sound,) if self._in_order is None else self._in_order.push(chunk, sound):
                    self._caller.push(each)
            case wire.Marked(name):
                if name.isascii() and name.isdigit():
                    self._agent.round_trip(self._socket.latency * 1000)
                    self._agent.marked(int(name[:15]), asyncio.get_running_loop().time() * 1000)
            case wire.DigitPressed(digit):
                # They tell it once, some time after the key went down.
                self._tell_digit(Pressed(digit))
                self._tell_digit(Released(digit))
            case wire.Stopped():
                self._is_closed = True  # they close it
                self._end("caller_hung_up")
            case _:
                pass

    def _send(self, now_ms: float) -> None:
        for order in self._agent.tick(now_ms):
            match order:
                case Sound(coded):
                    text = self._writer.media(coded)
                case Mark(number):
                    text = self._writer.mark(number)
                case Clear():
                    text = self._writer.clear
            if isinstance(order, Sound) and self._socket.transport.get_write_buffer_size() > MOST_UNSENT_BYTES:
                self._dropped += 1
                continue
            try:
                self._socket.send_at_once(text)
            except ConnectionClosed:
                return  # the reader tells

    def _look_after(self, now_s: float) -> None:
        if now_s - self._heard_s > LOST_SECONDS:
            self._end("connection_lost")

    def _report(self) -> None:
        if self._on_report is not None:
            self._on_report(
                {
                    "rtt_ms": round(self._socket.latency * 1000),
                    "delay_ms": self._caller.queue.delay_ms,
                    "concealed": self._caller.concealed,
                    "skipped": self._agent.skipped + self._dropped,
                    "playback_ms": self._agent.delay_ms,
                }
            )
