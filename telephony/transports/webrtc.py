"""A browser's call: the answering end of one WebRTC connection, guarded, with our own ear and mouth.

aiortc does ICE, DTLS and SRTP. Its audio path is replaced: its jitter buffer loses 24 % of the sound at 5 % network loss and
keeps a decoder thread for each track. Packets go to ``Inbound`` instead, on the loop (about 30 µs a packet), and what is
sent is encoded here once (mono, for voice) and handed to aiortc as ready packets.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCRtpReceiver, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from aiortc.rtcrtpreceiver import StreamStatistics
from aiortc.rtp import RtcpByePacket
from aiortc.sdp import candidate_from_sdp
from av.packet import Packet

from agents.speech import AudioFrame
from telephony.audio.playout import PLAYOUT_RATE_HZ, SILENCE, Playout
from telephony.transports import guard
from telephony.transports.inbound import Inbound
from telephony.transports.opus import FRAME_MS, SAMPLES, TIME_BASE, Encoder
from telephony.wire import offer

logger = logging.getLogger(__name__)

CONNECT_SECONDS = 15
LOST_SECONDS = 15
"""Nothing heard from the caller's device for so long (browsers check the line every few seconds, muted or not)."""
MAX_CATCH_UP_FRAMES = 2
STATS_SECONDS = 5
DEVICE_DELAY_MS = 40
"""What a browser's own jitter buffer and sound card add, as a guess."""


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
    delay_ms: int


class PacketSink(Protocol):
    """Takes the payloads of one audio stream as they arrive."""

    def push(self, ssrc: int, sequence: int, timestamp: int, payload: bytes, arrival_ms: float) -> None: ...


class RtpReceiver(RTCRtpReceiver):
    """aiortc's receiver without its jitter buffer and without its thread. Its RTCP reports stay."""

    sink: PacketSink
    on_bye: Callable[[], None]

    @classmethod
    def adopt(cls, receiver: Any, sink: PacketSink, on_bye: Callable[[], None]) -> None:
        receiver.__class__ = cls
        receiver.sink = sink
        receiver.on_bye = on_bye

    async def receive(self, parameters: Any) -> None:
        if self._RTCRtpReceiver__started:  # type: ignore[has-type]
            return
        self._opus = {codec.payloadType for codec in parameters.codecs if codec.name.lower() == "opus"}
        self.transport._register_rtp_receiver(self, parameters)
        self._RTCRtpReceiver__rtcp_task = asyncio.ensure_future(self._run_rtcp())
        self._RTCRtpReceiver__started = True

    async def _handle_rtp_packet(self, packet: Any, arrival_time_ms: int) -> None:
        if packet.payload_type not in self._opus:
            return
        streams: dict[int, StreamStatistics] = getattr(self, "_RTCRtpReceiver__remote_streams")  # noqa: B009
        if packet.ssrc not in streams:
            if len(streams) >= 8:  # a peer that changes its source all the time
                streams.clear()
            streams[packet.ssrc] = StreamStatistics(48_000)
        streams[packet.ssrc].add(packet)
        now_ms = asyncio.get_running_loop().time() * 1000
        self.sink.push(packet.ssrc, packet.sequence_number, packet.timestamp, packet.payload, now_ms)

    async def _handle_rtcp_packet(self, packet: Any) -> None:
        await super()._handle_rtcp_packet(packet)
        if isinstance(packet, RtcpByePacket):
            self.on_bye()


class _Mouth(MediaStreamTrack):
    """Pulls 20 ms of the agent's sound every 20 ms and encodes it. Late by a frame or two: it catches up; later: it leaves
    a gap in the RTP clock, so that the caller's buffer doesn't grow for the rest of the call."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self.pull: Callable[[], bytes] = lambda: SILENCE
        self._encoder = Encoder(PLAYOUT_RATE_HZ)
        self._due: float | None = None
        self._ticks = 0
        self.skipped = 0

    async def recv(self) -> Packet[Any]:
        if self.readyState != "live":
            raise MediaStreamError
        now = asyncio.get_running_loop().time()
        if self._due is None:
            self._due = now
        else:
            self._due += FRAME_MS / 1000
            self._ticks += 1
        late = int((now - self._due) * 1000 / FRAME_MS)
        if late > MAX_CATCH_UP_FRAMES:
            self._due += late * FRAME_MS / 1000
            self._ticks += late
            self.skipped += late
        if self._due > now:
            await asyncio.sleep(self._due - now)
        packet = Packet(self._encoder.encode(self.pull()))
        packet.pts = self._ticks * SAMPLES
        packet.time_base = TIME_BASE
        return packet


class WebRTCTransport:
    """One caller's connection. ``answer`` first, then ``connected``, ``attach`` and ``frames``; ``close`` in any case.

    ``end_reason`` says why the frames ended: "caller_hung_up", "connection_lost" or "never_connected".
    """

    def __init__(self, line: Line, on_report: Callable[[LineReport], None] | None = None) -> None:
        guard.install(loopback=line.loopback)
        self._line = line
        self._on_report = on_report
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=list(line.ice_servers)))
        self._mouth = _Mouth()
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
        self._connection.addTrack(self._mouth)
        try:
            await self._connection.setRemoteDescription(RTCSessionDescription(sdp=text, type="offer"))
            audio = self._audio
            if not any(codec.name.lower() == "opus" for codec in audio._codecs):
                raise offer.BadOffer("The offer has no Opus audio.")
            audio._codecs = [codec for codec in audio._codecs if codec.name.lower() == "opus"]
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

    def attach(self, playout: Playout) -> None:
        """What is sent from now on: ``playout.pull()``, every 20 ms."""
        self._mouth.pull = playout.pull

    async def frames(self) -> AsyncIterator[AudioFrame]:
        """The caller's sound: one frame per 20 ms of time, concealed or silent where nothing came."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        ticks = 0
        while not self._over.is_set():
            due += FRAME_MS / 1000
            now = loop.time()
            # After a stall: 0 lets the sockets be read first, and each frame is pulled as if in time.
            await asyncio.sleep(max(0.0, due - now))
            yield AudioFrame(self._inbound.pull(due * 1000), 16_000)
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
        if self._on_report is not None:
            ear = self._inbound
            self._on_report(LineReport(self._rtt_ms, round(lost, 1), ear.received, ear.concealed, ear.delay_ms))
