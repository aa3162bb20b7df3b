"""RTP past aiortc's queues and tasks: a packet of sound goes from the socket to its sink, and back, in one call on the loop.

aiortc sets the line up (ICE, DTLS, SRTP keys) and keeps its RTCP reports. What it does for each packet of sound besides
(a queue, a task's wake-up, four coroutines, objects for header extensions, an encoder in a thread, a history for video) is left
out here. Written against the internals of aiortc 1.16 and aioice 0.13; ``tests/telephony/test_rtp.py`` holds it to them.
"""

from __future__ import annotations

import asyncio
import logging
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import pylibsrtp
from aiortc import RTCRtpCodecParameters, RTCRtpReceiver, RTCRtpSender, rtp
from aiortc.rtcdtlstransport import State
from aiortc.rtcrtpreceiver import StreamStatistics
from aiortc.rtcrtpsender import random_sequence_number
from aiortc.utils import random32

from telephony.wire import dtmf

logger = logging.getLogger(__name__)

_HEADER = struct.Struct("!BBHLL")
_EXTENSION = struct.Struct("!HH")
_NTP_EPOCH_S = 2_208_988_800
_MAX_STREAMS = 8


class PacketSink(Protocol):
    """Takes the payloads of one audio stream as they arrive."""

    def push(self, ssrc: int, sequence: int, timestamp: int, payload: bytes, arrival_ms: float) -> None: ...
    def push_event(
        self, ssrc: int, sequence: int, timestamp: int, payload: bytes, arrival_ms: float, rate_hz: int
    ) -> None:
        """A telephone-event in the place of sound. ``rate_hz`` counts its duration."""


@dataclass(frozen=True, slots=True)
class Media:
    """What is needed of an RTP packet."""

    payload_type: int
    sequence_number: int
    timestamp: int
    ssrc: int
    payload: bytes


def parsed(data: bytes) -> Media | None:
    """An RTP packet (RFC 3550, 5.1), header extensions left out; ``None`` where it is none."""
    if len(data) < 12 or data[0] >> 6 != 2:
        return None
    first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(data)
    begin, end = 12 + 4 * (first & 0x0F), len(data)
    if first & 0x10:
        if begin + 4 > end:
            return None
        begin += 4 + 4 * int(_EXTENSION.unpack_from(data, begin)[1])
    if first & 0x20:
        if not data[-1]:
            return None
        end -= data[-1]
    return Media(second & 0x7F, sequence, timestamp, ssrc, data[begin:end]) if begin <= end else None


def event_codecs(sdp: str, taken: set[int]) -> list[RTCRtpCodecParameters]:
    """The telephone-events of a description, which aiortc leaves out of what is agreed on. ``taken``: payload types of sound."""
    return [
        RTCRtpCodecParameters(
            "audio/telephone-event", rate_hz, payloadType=number, parameters={"0-15": None}, channels=1
        )
        for number, rate_hz in dtmf.payload_types(sdp).items()
        if number not in taken
    ]


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
        self._events = {codec.payloadType: codec.clockRate for codec in _event_codecs(parameters)}
        self._time = asyncio.get_running_loop().time
        self.transport._register_rtp_receiver(self, parameters)
        self._RTCRtpReceiver__rtcp_task = asyncio.ensure_future(self._run_rtcp())
        self._RTCRtpReceiver__started = True
        ice: Any = self.transport.transport._connection
        ice.on_sound = (
            self._receive_sound
        )  # from here on the gate in front of ICE (``guard``) hands us the sound itself

    async def stop(self) -> None:
        ice: Any = self.transport.transport._connection
        ice.on_sound = None
        await super().stop()

    def _receive_sound(self, data: bytes) -> None:
        """A datagram that is SRTP and no SRTCP, from the peer's address."""
        try:
            packet = parsed(self.transport._rx_srtp.unprotect(data))
        except pylibsrtp.Error as error:
            logger.debug("Dropped a packet that isn't the peer's: %s", error)
            return
        if packet is not None:
            self._take(packet)

    async def _handle_rtp_packet(self, packet: Any, arrival_time_ms: int) -> None:
        """The way of a packet that was in aiortc's queue before ``receive``."""
        self._take(packet)

    def _take(self, packet: Any) -> None:
        event_hz = self._events.get(packet.payload_type)
        if event_hz is None and packet.payload_type not in self._opus:
            return
        streams: dict[int, StreamStatistics] = getattr(self, "_RTCRtpReceiver__remote_streams")  # noqa: B009
        if packet.ssrc not in streams:
            if len(streams) >= _MAX_STREAMS:  # a peer that changes its source all the time
                streams.clear()
            streams[packet.ssrc] = StreamStatistics(48_000)
        streams[packet.ssrc].add(packet)
        told = packet.ssrc, packet.sequence_number, packet.timestamp, packet.payload, self._time() * 1000
        if event_hz is None:
            self.sink.push(*told)
        else:
            self.sink.push_event(*told, event_hz)

    async def _handle_rtcp_packet(self, packet: Any) -> None:
        await super()._handle_rtcp_packet(packet)
        if isinstance(packet, rtp.RtcpByePacket):
            self.on_bye()


class RtpSender(RTCRtpSender):
    """aiortc's sender without a track, an encoder and a task: ``push`` sends a packet at once. Its RTCP reports stay."""

    _extension: bytes
    _payload_type: int
    _sequence: int
    _origin: int
    _event_type: int
    event_hz: int | None
    """The clock of telephone-events; ``None``: none were agreed on, or nothing yet."""

    @classmethod
    def adopt(cls, sender: Any) -> RtpSender:
        sender.__class__ = cls
        adopted: RtpSender = sender
        adopted._extension, adopted._payload_type = b"", 0
        adopted._sequence, adopted._origin = random_sequence_number(), random32()
        adopted._event_type, adopted.event_hz = 0, None
        return adopted

    async def send(self, parameters: Any) -> None:
        its: Any = self  # aiortc's private names
        if its._RTCRtpSender__started:
            return
        its._RTCRtpSender__cname = parameters.rtcp.cname
        self._payload_type = parameters.codecs[0].payloadType
        for codec in sorted(
            _event_codecs(parameters), key=lambda codec: codec.clockRate
        ):  # the stream's own clock rather
            self._event_type, self.event_hz = codec.payloadType, codec.clockRate
        self.transport._register_rtp_sender(self, parameters)
        extensions, names = rtp.HeaderExtensions(), rtp.HeaderExtensionsMap()
        extensions.mid = parameters.muxId
        names.configure(parameters)
        profile, value = names.set(extensions)
        if value:
            self._extension = _EXTENSION.pack(profile, len(value) // 4) + value
        its._RTCRtpSender__rtp_task = asyncio.get_running_loop().create_future()  # nothing runs; ``stop`` cancels it
        its._RTCRtpSender__rtp_started.set()
        its._RTCRtpSender__rtp_exited.set()
        its._RTCRtpSender__rtcp_task = asyncio.ensure_future(self._run_rtcp())
        its._RTCRtpSender__started = True

    def push(self, payload: bytes, ticks: int, *, is_first: bool = False) -> None:
        """Send it now. ``ticks``: its place on the stream's clock; ``is_first``: silence that wasn't sent came before it (the
        marker, RFC 3551, 4.1). Where the line isn't up, or no more, it is lost like any other packet."""
        self._send(self._payload_type, payload, ticks, is_first)

    def push_event(self, payload: bytes, ticks: int, *, is_first: bool) -> None:
        """The same for a telephone-event. Only where ``event_hz`` is known."""
        self._send(self._event_type, payload, ticks, is_first)

    def _send(self, payload_type: int, payload: bytes, ticks: int, is_first: bool) -> None:
        its: Any = self
        dtls = self.transport
        pair = dtls.transport._connection._nominated.get(1)
        if dtls._state is not State.CONNECTED or pair is None or not its._RTCRtpSender__started:
            return
        timestamp = (self._origin + ticks) & 0xFFFF_FFFF
        first = 0x90 if self._extension else 0x80
        header = _HEADER.pack(first, is_first << 7 | payload_type, self._sequence, timestamp, self._ssrc)
        try:
            pair.protocol.transport.sendto(dtls._tx_srtp.protect(header + self._extension + payload), pair.remote_addr)
        except (OSError, RuntimeError, pylibsrtp.Error) as error:
            logger.debug("A packet could not be sent: %r", error)
        self._sequence = (self._sequence + 1) & 0xFFFF
        # For the RTCP sender reports.
        its._RTCRtpSender__ntp_timestamp = int((time.time() + _NTP_EPOCH_S) * 2**32)
        its._RTCRtpSender__rtp_timestamp = timestamp
        its._RTCRtpSender__octet_count += len(payload)
        its._RTCRtpSender__packet_count += 1


def _event_codecs(parameters: Any) -> list[Any]:
    return [codec for codec in parameters.codecs if codec.name.lower() == "telephone-event"]
