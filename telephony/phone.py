"""A phone for the terminal: places real WebRTC calls to a running platform, as a browser does. For people, tests and bench."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
import orjson
import websockets
from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCSessionDescription

from agents import keypad
from telephony import live_feed
from telephony.audio.digits import GAP_MS, checked
from telephony.phone_audio import Ear, Microphone, Samples, Spoken
from telephony.transports import guard
from telephony.transports.rtp import RtpReceiver, RtpSender, event_codecs
from telephony.transports.webrtc import CONNECT_SECONDS
from telephony.wire import dtmf

ANSWER_SECONDS = 30
SETTLED_SECONDS = 0.35
"""So long silent, and the feed says that it listens: the agent has finished."""
TOLD_AHEAD_SECONDS = 0.5
"""The words may be told so long before their sound arrives."""

TokenMaker = Callable[[], Awaitable[str]]


class CallFailed(Exception):
    """The call did not come about; the message says why."""


@dataclass(slots=True)
class Exchange:
    """A line of the caller and what came back. Times in milliseconds; ``None``: it did not happen."""

    said: str
    reply: str = ""
    ear_ms: int | None = None
    """From the last sound sent to the first sound received."""
    stop_ms: int | None = None
    """For an interruption: from its first sound sent to the silence of the agent. ``None``: it did not give way in time."""
    resumed: bool = False
    """The agent went on for a moment before it gave way."""
    was_cut: bool = False
    latency: dict[str, Any] = field(default_factory=dict)
    """What the platform measured of the same wait."""
    heard_as: str = ""
    after_turn: int = -1


class TerminalPhone:
    """``async with TerminalPhone(url, token) as phone:`` then ``greeting``, ``say`` and ``reply``; leaving it hangs up."""

    def __init__(self, url: str, token: TokenMaker) -> None:
        self._url = url.rstrip("/")
        self._token = token
        self._http = httpx.AsyncClient(base_url=self._url, timeout=20, trust_env=False)
        self._connection: RTCPeerConnection | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._news = asyncio.Event()
        self._events_token = ""
        self._started_at = 0.0
        self._told_at = 0.0
        """When the feed last told what the agent says."""
        self.microphone = Microphone()
        self.ear = Ear()
        self.call_id = ""
        self.connect_ms: int | None = None
        self.first_audio_ms: int | None = None
        self.state = "listening"
        self.turns: dict[int, dict[str, Any]] = {}
        self.latencies: dict[int, dict[str, Any]] = {}
        self.collected: dict[str, dict[str, Any]] = {}
        self.happened: list[dict[str, Any]] = []
        self.end: dict[str, Any] | None = None
        self.exchanges: list[Exchange] = []

    async def __aenter__(self) -> Self:
        guard.install(loopback=True)
        try:
            await self._connect()
        except BaseException:
            await self._leave()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.hang_up()
        self._match()
        await self._leave()

    # -- the call

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        self._started_at = loop.time()
        token = await self._token()
        servers = await self._ask("GET", "/rtc/ice-servers", token)
        connection = RTCPeerConnection(
            RTCConfiguration(iceServers=[RTCIceServer(**server) for server in servers["iceServers"]])
        )
        self._connection = connection
        up = asyncio.Event()
        connection.on("connectionstatechange", lambda: up.set() if connection.connectionState != "connecting" else None)
        sender = RtpSender.adopt(connection.addTrack(self.microphone))
        await connection.setLocalDescription(await connection.createOffer())
        RtpReceiver.adopt(connection.getTransceivers()[0].receiver, self.ear, lambda: None)
        offer = dtmf.offering(connection.localDescription.sdp)
        answer = await self._ask("POST", "/rtc/offer", token, {"token": token, "type": "offer", "sdp": offer})
        self.call_id, self._events_token = answer["call_id"], answer["events_token"]
        self._tasks.append(asyncio.create_task(self._follow()))
        up.clear()
        await connection.setRemoteDescription(RTCSessionDescription(sdp=answer["sdp"], type="answer"))
        connection.getTransceivers()[0]._codecs += event_codecs(answer["sdp"], set())
        self._tasks.append(asyncio.create_task(self.microphone.send(sender.push, sender)))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CONNECT_SECONDS):
                while connection.connectionState not in ("connected", "failed", "closed"):
                    await up.wait()
                    up.clear()
        if connection.connectionState != "connected":
            raise CallFailed("The sound connection never came up.")
        self.connect_ms = round((loop.time() - self._started_at) * 1000)

    async def hang_up(self) -> None:
        """Say that it is over, where it isn't already, and wait until the platform says so too."""
        if self.call_id and self.end is None:
            with contextlib.suppress(httpx.HTTPError, CallFailed):
                await self._ask("POST", f"/rtc/calls/{self.call_id}/hangup", self._events_token, {})
            await self.ended(8)

    async def ended(self, seconds: float) -> bool:
        """Wait for the end of the call."""
        return await self._until(lambda: self.end is not None, seconds)

    async def _leave(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._connection is not None:
            await self._connection.close()
        await self._http.aclose()

    # -- talking

    async def greeting(self, seconds: float = 10) -> None:
        """Wait until the agent has said its first words; it may be one that waits for the caller (then: that long)."""
        if await self._until(lambda: bool(self.ear.sounds), seconds):
            self.first_audio_ms = round((self.ear.sounds[0][0] - self._started_at) * 1000)
            await self.settled()

    async def say(self, samples: Samples, text: str = "") -> Exchange:
        """Speak into the microphone; returns when the last sound has been sent."""
        exchange = Exchange(text or "(sound)", after_turn=self._last_turn)
        self.exchanges.append(exchange)
        line = await self._speak(samples)
        await self._note_reply(exchange, line.last_sound_at or 0.0)
        return exchange

    async def press(self, digits: str) -> Exchange:
        """Press digits on the keypad; returns when the last was let go and the agent has begun to reply."""
        exchange = Exchange(keypad.shown("", digits), after_turn=self._last_turn)
        self.exchanges.append(exchange)
        self.microphone.press(checked(digits))
        await self._until(lambda: not self.microphone.is_pressing or self.end is not None, 150)
        await self._note_reply(exchange, asyncio.get_running_loop().time() - GAP_MS / 1000)
        return exchange

    async def _speak(self, samples: Samples) -> Spoken:
        line = self.microphone.say(samples)
        assert line.done is not None
        done = asyncio.ensure_future(line.done.wait())
        try:
            await self._until(lambda: done.done() or self.end is not None, len(samples) / 48_000 + 5)
        finally:
            done.cancel()
        return line

    async def _note_reply(self, exchange: Exchange, said_at: float) -> None:
        """Wait for the first sound of the reply to what was said until now."""

        def heard() -> float | None:
            return self.ear.first_sound_after(said_at)

        if await self._until(lambda: heard() is not None or self.end is not None, ANSWER_SECONDS):
            moment = heard()
            if moment is not None:
                exchange.ear_ms = round((moment - said_at) * 1000)

    async def interrupt(self, samples: Samples, text: str, after_s: float) -> Exchange:
        """Speak into the agent's answer, so long after its first sound; the time until it was silent is noted."""
        loop = asyncio.get_running_loop()
        began = self.ear.sounds[-1][0] if self.ear.sounds else loop.time()
        await asyncio.sleep(max(0.0, began + after_s - loop.time()))
        exchange = Exchange(text or "(sound)", after_turn=self._last_turn)
        self.exchanges.append(exchange)
        line = await self._speak(samples)
        first, last = line.first_sound_at or 0.0, line.last_sound_at or 0.0
        stopped = next((end for begin, end in self.ear.sounds if end >= first), None)
        if stopped is not None and stopped <= last:
            exchange.stop_ms = round((stopped - first) * 1000)
        exchange.resumed = any(stopped < begin < last for begin, _ in self.ear.sounds) if stopped is not None else False
        await self._note_reply(exchange, last)
        return exchange

    async def settled(self, seconds: float = 60) -> None:
        """Wait until the agent has said all it has to say, or the call is over."""
        loop = asyncio.get_running_loop()

        def is_settled() -> bool:
            silent = self.ear.is_silent_since
            quiet = silent is None or loop.time() - silent > SETTLED_SECONDS
            return self.end is not None or (quiet and self.state == "listening" and self._is_told)

        await self._until(is_settled, seconds)
        self._match()

    @property
    def _is_told(self) -> bool:
        """The feed, which comes after the sound, knows of what was heard last, and that it is over."""
        if not self.ear.sounds:
            return True
        is_over = all(turn["is_final"] for turn in self.turns.values() if turn["role"] == "agent")
        return is_over and self._told_at > self.ear.sounds[-1][0] - TOLD_AHEAD_SECONDS

    async def silent(self, seconds: float, limit_s: float = 30) -> None:
        """Wait until the agent has said nothing for so long, or the call is over."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        await self._until(
            lambda: self.end is not None or loop.time() - max(began, self.ear.is_silent_since or 0) > seconds, limit_s
        )

    # -- what the platform tells

    def _match(self) -> None:
        """Lay the platform's turns beside our lines: what came after a line began and before the next one did."""
        ends = [exchange.after_turn for exchange in self.exchanges[1:]] + [self._last_turn]
        for exchange, last in zip(self.exchanges, ends, strict=False):
            between = [turn for turn in self.transcript if exchange.after_turn < turn["turn"] <= last]
            replies = [turn for turn in between if turn["role"] == "agent"]
            reply = next((turn for turn in replies if turn["text"]), replies[0] if replies else None)
            exchange.heard_as = " ".join(turn["text"] for turn in between if turn["role"] == "caller")
            if reply is not None:
                exchange.reply, exchange.was_cut = reply["text"], reply["was_cut"]
                exchange.latency = self.latencies.get(reply["turn"], {})

    @property
    def transcript(self) -> list[dict[str, Any]]:
        return [self.turns[turn] for turn in sorted(self.turns)]

    @property
    def _last_turn(self) -> int:
        return max(self.turns, default=-1)

    async def _follow(self) -> None:
        """The live feed, through reconnects."""
        parts = urlsplit(self._url)
        address = f"{'wss' if parts.scheme == 'https' else 'ws'}://{parts.netloc}/ws/calls/{self.call_id}/?token={self._events_token}"
        while self.end is None:
            with contextlib.suppress(OSError, websockets.WebSocketException, TimeoutError):
                async with websockets.connect(address, origin=websockets.Origin(self._url), proxy=None) as socket:
                    async for text in socket:
                        self._told(orjson.loads(text))
            await asyncio.sleep(0.3)

    def _told(self, message: dict[str, Any]) -> None:
        match message["type"]:
            case "snapshot":
                self._told_at = asyncio.get_running_loop().time()
                self.state = message["state"]
                for turn in message["turns"]:
                    self.turns[turn["turn"]] = turn
                for latency in message["latencies"]:
                    self.latencies[latency["turn"]] = latency
                for collected in message["collected"]:
                    self.collected[collected["key"]] = collected
                self.end = message["ended"] or self.end
            case "state":
                self.state = message["state"]
            case "transcript":
                if message["role"] == "agent":
                    self._told_at = asyncio.get_running_loop().time()
                if live_feed.is_a_turn(message):
                    self.turns[message["turn"]] = message
                else:
                    self.turns.pop(message["turn"], None)
            case "latency":
                self.latencies[message["turn"]] = message
            case "collected":
                self.collected[message["key"]] = message
            case "happened" | "barge_in":
                self.happened.append(message)
            case "ended":
                self.end = message
        self._news.set()

    # -- small things

    async def _until(self, is_so: Callable[[], bool], seconds: float) -> bool:
        deadline = asyncio.get_running_loop().time() + seconds
        while not is_so():
            if asyncio.get_running_loop().time() > deadline:
                return False
            self._news.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.02):
                    await self._news.wait()
        return True

    async def _ask(self, method: str, path: str, token: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        try:
            response = await self._http.request(method, path, json=body, headers={"Authorization": f"Bearer {token}"})
        except httpx.HTTPError as error:
            raise CallFailed(f"{self._url} can't be reached: {error or type(error).__name__}") from error
        if response.is_error:
            try:
                problem = response.json()
                raise CallFailed(f"{problem.get('title')}: {problem.get('detail')}")
            except ValueError:
                raise CallFailed(f"{self._url}{path} answered {response.status_code}.") from None
        return dict(response.json()) if response.content else {}
