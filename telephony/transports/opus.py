"""Opus in and out through PyAV's libopus: mono, for voice. About 35 µs to decode 20 ms and 90 µs to encode it.

What PyAV gives no access to is the decoding of a lost packet from its successor (FFmpeg never asks libopus for it). Concealment
it does give: a packet that has a first byte and nothing else is one "not transmitted" (RFC 6716, 3.2.1), and libopus makes up
its sound from the state it is in.
"""

from __future__ import annotations

from fractions import Fraction

import av
from av import AudioFrame as PyAVFrame
from av.packet import Packet

RTP_RATE_HZ = 48_000
FRAME_MS = 20
SAMPLES = RTP_RATE_HZ * FRAME_MS // 1000
TIME_BASE = Fraction(1, RTP_RATE_HZ)
BIT_RATE = 32_000
_FEC_LOSS_PERCENT = 15
"""What libopus is told where the line is lossy. At 5 and less it spends no bits on error correction at this bit rate."""
_COMPLEXITY = 1
"""Of 10. At 32 kbit/s the spectral distance of a voice is the same from 1 to 8 (2.7–2.9 dB), the time is not: 90 to 210 µs."""


def untransmitted(payload: bytes) -> bytes:
    """In the place of a packet like this one: "nothing was sent here" (one byte: its mode, and one frame of no length)."""
    return bytes((payload[0] & 0xFC,))


def has_fec(payload: bytes) -> bool:
    """Whether a mono packet of one 20 ms frame carries a second copy of the frame before it (RFC 6716, 4.2.4)."""
    return len(payload) > 1 and payload[0] < 0x80 and bool(payload[1] & 0x40)


class Decoder:
    """One packet's PCM at 48,000 Hz mono, or ``b""`` where the packet is broken."""

    def __init__(self) -> None:
        self._codec = av.CodecContext.create("libopus", "r")
        self._codec.format = "s16"
        self._codec.layout = "mono"
        self._codec.sample_rate = RTP_RATE_HZ
        self._missing = b""

    def decode(self, payload: bytes) -> bytes:
        if not payload:
            return b""
        try:
            frames = self._codec.decode(Packet(payload))
        except av.FFmpegError:
            return b""
        if not frames:
            return b""
        self._missing = untransmitted(payload)
        return b"".join(bytes(frame.planes[0])[: frame.samples * 2] for frame in frames)

    def conceal(self) -> bytes:
        """What might have been in a packet that never came, dying away within 100 ms; ``b""`` before the first packet."""
        pcm = made = self.decode(self._missing)
        while made and len(pcm) < SAMPLES * 2:
            made = self.decode(self._missing)
            pcm += made
        return pcm


class Encoder:
    """20 ms of PCM in, one packet out. ``is_lossy``: some bits go into a second, coarser copy of the frame before."""

    def __init__(self, rate_hz: int, *, is_lossy: bool = False) -> None:
        self._codec = av.CodecContext.create("libopus", "w")
        self._codec.bit_rate = BIT_RATE
        self._codec.format = "s16"
        self._codec.layout = "mono"
        self._codec.sample_rate = rate_hz
        self._time_base = Fraction(1, rate_hz)
        self._codec.time_base = self._time_base
        self._codec.options = {
            "application": "voip",
            "frame_duration": "20",
            "fec": "1" if is_lossy else "0",
            "packet_loss": str(_FEC_LOSS_PERCENT) if is_lossy else "0",
            "compression_level": str(_COMPLEXITY),
        }
        self._rate_hz = rate_hz
        self._samples = rate_hz * FRAME_MS // 1000
        self._sent = 0

    def encode(self, pcm: bytes) -> bytes:
        frame = PyAVFrame(format="s16", layout="mono", samples=self._samples)
        frame.planes[0].update(pcm)
        frame.sample_rate = self._rate_hz
        frame.pts = self._sent
        frame.time_base = self._time_base
        self._sent += self._samples
        return b"".join(bytes(packet) for packet in self._codec.encode(frame))
