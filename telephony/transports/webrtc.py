"""A browser's call: the answering end of one WebRTC connection, guarded, with our own ear and mouth.

aiortc does ICE, DTLS and SRTP. Its audio path is replaced: its jitter buffer loses 24 % of the sound at 5 % network loss and
keeps a decoder thread for each track, its sender encodes in another. Packets go from the socket to ``Inbound`` instead and from
``Mouth`` to the socket (``rtp``), all on the loop, at one tick of the call every 20 ms.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCSessionDescription
from aiortc.sdp import candidate_from_sdp

from agents.speech import AudioFrame
from telephony.audio.playout import Playout
from telephony.transports import guard
from telephony.transports.inbound import RATE_HZ, Inbound
from telephony.transports.mouth import Mouth
from telephony.transports.opus import FRAME_MS
from telephony.transports.rtp import RtpReceiver, RtpSender, event_codecs
from telephony.wire import dtmf, offer

__all__ = ["CONNECT_SECONDS", "Line", "LineReport", "RtpReceiver", "WebRTCTransport"]

logger = logging.getLogger(__name__)

CONNECT_SECONDS = 15
LOST_SECONDS = 15
"""Nothing heard from the caller's device for so long (browsers check the line every few seconds, muted or not)."""
STATS_SECONDS = 5
DEVICE_DELAY_MS = 40
"""What a browser's own jitter buffer and sound card add, as a guess."""
TICK_GRID_S = 0.005
"""Calls tick at common moments, so that the loop wakes up once for several of them."""
_FORMAT = {"maxplaybackrate": RATE_HZ, "minptime": 10, "useinbandfec": 1}
"""What our answer asks of the caller's encoder (RFC 7587, 6.1): no more bandwidth than we listen to, and a copy of each packet in the
next where the line is lossy. DTX isn't asked for: what the room sounds like between words is worth having."""


@dataclass(frozen=True, slots=True)
class Line:
    """How this installation makes WebRTC connections."""

    ice_servers: tuple[RTCIceServer, ...] = ()
    allow_private: bool = True
    loopback: bool = True


@dataclass(frozen=True, slots=True)
class LineReport:
    """The caller's network, from RTCP: round trip, what is lost on the way to the caller, and our own buffer."""

    rtt_ms: int
    lost_percent: float
    received: int
    concealed: int
    recovered: int
    delay_ms: int


class WebRTCTransport:
    """One caller's connection. ``answer`` first, then ``connected``, ``attach`` and ``frames``; ``close`` in any case.

    ``end_reason`` says why the frames ended: "caller_hung_up", "connection_lost" or "never_connected".
    """

    def __init__(self, line: Line, on_report: Callable[[Mapping[str, int | float]], None] | None = None) -> None:
        guard.install(loopback=line.loopback)
        self._line = line
        self._on_report = on_report
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=list(line.ice_servers)))
        sender = RtpSender.adopt(self._connection.addTransceiver("audio", direction="sendrecv").sender)
        self._mouth = Mouth(sender.push, sender)
        self._inbound = Inbound()
        self._up = asyncio.Event()
        self._over = asyncio.Event()
        self._candidates = 0
        self._bye_at: float | None = None
        self._rtt_ms = 0
        self.end_reason: str | None = None
        self._connection.on("connectionstatechange", self._state_changed)
        self._connection.on("datachannel", self._channel_opened)

    # -- setting up

    async def answer(self, sdp: str) -> str:
        """The answer to this offer, with all our addresses in it.

        Raises :class:`telephony.wire.offer.BadOffer`.
        """
        text = offer.checked(sdp, allow_private=self._line.allow_private)
        self._candidates = sdp.count("a=candidate:")
        try:
            await self._connection.setRemoteDescription(RTCSessionDescription(sdp=text, type="offer"))
            audio = self._audio
            if not any(codec.name.lower() == "opus" for codec in audio._codecs):
                raise offer.BadOffer("The offer has no Opus audio.")
            audio._codecs = [codec for codec in audio._codecs if codec.name.lower() == "opus"]
            for codec in audio._codecs:
                codec.parameters = dict(_FORMAT)
            audio._codecs += event_codecs(text, {codec.payloadType for codec in audio._codecs})
            RtpReceiver.adopt(audio.receiver, self._inbound, self._said_bye)
            await self._connection.setLocalDescription(await self._connection.createAnswer())
        except offer.BadOffer:
            raise
        except Exception as error:
            logger.info("An offer could not be used: %r", error)
            raise offer.BadOffer("The offer can't be used: it is no complete WebRTC audio offer.") from error
        return str(self._connection.localDescription.sdp)

    async def add_candidate(self, candidate: str, mid: str | None, index: int | None) -> None:
        """A trickled address of the caller (empty: there are no more). Those beyond the limit, or forbidden, are ignored."""
        if not candidate.strip():
            await self._connection.addIceCandidate(None)
            return
        self._candidates += 1
        if self._candidates > offer.MAX_CANDIDATES or len(candidate) > 500:
            return
        if not offer.is_allowed(candidate, allow_private=self._line.allow_private):
            return
        try:
            parsed = candidate_from_sdp(candidate.removeprefix("a=").removeprefix("candidate:").strip())
            parsed.sdpMid, parsed.sdpMLineIndex = mid, index if mid is not None or index is not None else 0
            await self._connection.addIceCandidate(parsed)
        except Exception as error:
            logger.info("A candidate could not be used: %r", error)

    async def connected(self, seconds: float = CONNECT_SECONDS) -> bool:
        """Wait until sound can flow. False: it never will (``end_reason`` says so)."""
        over, up = asyncio.ensure_future(self._over.wait()), asyncio.ensure_future(self._up.wait())
        try:
            await asyncio.wait({over, up}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            over.cancel()
            up.cancel()
        if self._up.is_set() and not self._over.is_set():
            return True
        self._end("never_connected")
        return False

    @property
    def progress(self) -> dict[str, Any]:
        """How far it has come, for whoever asks why it never came up: of ICE, of DTLS, and of the checks of addresses."""
        checks = Counter(pair.state.name.lower() for pair in self._ice._check_list)
        dtls = self._audio.receiver.transport.state
        return {"ice": self._connection.iceConnectionState, "dtls": dtls, "checks": dict(checks)}

    # -- talking

    def listen_for_digits(self, tell: Callable[[dtmf.DigitEvent], None]) -> None:
        """What the caller presses is told from now on, on the loop: beside their sound, or as "digits 12#" by a data channel."""
        self._inbound.on_digit = tell

    def attach(self, playout: Playout) -> None:
        """What is sent from now on, as long as ``frames`` are taken: ``playout.pull()``, every 20 ms."""
        self._mouth.pull, self._mouth.digit = playout.pull, lambda: playout.digit

    async def frames(self) -> AsyncIterator[AudioFrame]:
        """The caller's sound: one frame per 20 ms of time, concealed or silent where nothing came. The agent's goes out at the
        same tick, after what the session made of the frame."""
        loop = asyncio.get_running_loop()
        due = math.ceil(loop.time() / TICK_GRID_S) * TICK_GRID_S
        ticks = 0
        while not self._over.is_set():
            due += FRAME_MS / 1000
            now = loop.time()
            # After a stall: 0 lets the sockets be read first, and each frame is pulled as if in time.
            await asyncio.sleep(max(0.0, due - now))
            yield AudioFrame(self._inbound.pull(due * 1000), RATE_HZ)
            self._mouth.tick((loop.time() - due) * 1000)
            ticks += 1
            if ticks % 50 == 0:
                self._look_after(loop.time())
            if ticks % (50 * STATS_SECONDS) == 0:
                await self._report()

    @property
    def outbound_delay_ms(self) -> int:
        return FRAME_MS + DEVICE_DELAY_MS + self._rtt_ms // 2

    # -- ending

    def hang_up(self) -> None:
        """The caller asked to end it (through signalling or the data channel)."""
        self._end("caller_hung_up")

    async def close(self) -> None:
        self._end("caller_hung_up")
        await self._connection.close()

    def _end(self, reason: str) -> None:
        if self.end_reason is None:
            self.end_reason = reason
        self._over.set()

    # -- what the line does

    @property
    def _audio(self) -> Any:
        return next(t for t in self._connection.getTransceivers() if t.kind == "audio")

    @property
    def _ice(self) -> Any:
        return self._audio.receiver.transport.transport._connection

    def _state_changed(self) -> None:
        state = self._connection.connectionState
        if state == "connected":
            self._up.set()
        elif state in ("failed", "closed") and not self._over.is_set():
            if not self._up.is_set():
                self._end("never_connected")
            else:
                # DTLS ends before ICE where the caller closed; the other way round where the line went dead.
                self._end("connection_lost" if self._ice._closing else "caller_hung_up")

    def _channel_opened(self, channel: Any) -> None:
        def received(message: Any) -> None:
            if message == "hang_up":
                self.hang_up()
            elif isinstance(message, str) and message.startswith("digits "):
                self._inbound.press(message.removeprefix("digits "))

        channel.on("message", received)

    def _said_bye(self) -> None:
        self._bye_at = asyncio.get_running_loop().time()

    def _look_after(self, now: float) -> None:
        if self._bye_at is not None and self._inbound.last_packet_ms is not None:
            if self._inbound.last_packet_ms > self._bye_at * 1000:
                self._bye_at = None
            elif now - self._bye_at > 2:
                self._end("caller_hung_up")
        if now - self._ice.heard_at > LOST_SECONDS:
            self._end("connection_lost")

    async def _report(self) -> None:
        lost = 0.0
        for stat in (await self._audio.sender.getStats()).values():
            if stat.type == "remote-inbound-rtp":
                self._rtt_ms = round((stat.roundTripTime or 0) * 1000)
                lost = stat.fractionLost * 100 / 256
                self._mouth.line_loses(lost)
        if self._on_report is not None:
            ear = self._inbound
            report = LineReport(
                rtt_ms=self._rtt_ms,
                lost_percent=round(lost, 1),
                received=ear.received,
                concealed=ear.concealed,
                recovered=ear.recovered,
                delay_ms=ear.delay_ms,
            )
            self._on_report(asdict(report))
