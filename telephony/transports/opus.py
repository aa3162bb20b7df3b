"""Opus (RFC 6716) in and out: mono, for voice. About 15 µs to decode 20 ms at 16 kHz and 80 µs to encode it.

By libopus itself, because PyAV gives no access to what a call wants of it: sound at another rate than 48 kHz (half the work, and
nothing to resample), the copy of a lost packet in the one behind it, and settings that change in the middle of a stream.
"""

from __future__ import annotations

import ctypes
from fractions import Fraction

from telephony.transports import libopus

RTP_RATE_HZ = 48_000
"""Of RTP's clock, whatever the sound's own rate (RFC 7587, 4.1)."""
FRAME_MS = 20
SAMPLES = RTP_RATE_HZ * FRAME_MS // 1000
TIME_BASE = Fraction(1, RTP_RATE_HZ)
BIT_RATE = 32_000
_LONGEST_MS = 120
"""Of sound in a packet (RFC 6716, 3.2.5)."""
_LARGEST_BYTES = 1_275
"""Of a frame (RFC 6716, 3.4)."""
_FEC_LOSS_PERCENT = 15
"""What libopus is told where the line is lossy. At 5 and less it spends no bits on error correction at this bit rate."""
_COMPLEXITY = 1
"""Of 10. At 32 kbit/s the spectral distance of a voice is the same from 1 to 8 (2.7–2.9 dB), the time is not: 80 to 200 µs."""
_OF_20_MS = frozenset({1, 5, 9, 13, 15})
"""Configurations with frames of 20 ms in which SILK has a part, and so a place for error correction (RFC 6716, 3.1)."""


def untransmitted(payload: bytes) -> bytes:
    """In the place of a packet like this one: "nothing was sent here" (one byte: its mode, and one frame of no length)."""
    return bytes((payload[0] & 0xFC,))


def has_fec(payload: bytes) -> bool:
    """Whether a mono packet of one 20 ms frame carries a second copy of the frame before it (RFC 6716, 4.2.4)."""
    return (
        len(payload) > 1 and payload[0] >> 3 in _OF_20_MS and not payload[0] & 0b111 and bool(payload[1] & 0b0100_0000)
    )


class Decoder:
    """A packet's PCM, mono, at ``rate_hz`` (8,000, 12,000, 16,000, 24,000 or 48,000), or ``b""`` where the packet is broken."""

    def __init__(self, rate_hz: int = RTP_RATE_HZ) -> None:
        library = libopus.library()
        self._decode = library.opus_decode
        self._ctl = library.opus_decoder_ctl
        self._state = ctypes.create_string_buffer(library.opus_decoder_get_size(1))
        libopus.check(library.opus_decoder_init(self._state, rate_hz, 1), f"decode at {rate_hz} Hz")
        self._frame = rate_hz * FRAME_MS // 1000
        self._longest = rate_hz * _LONGEST_MS // 1000
        self._out = ctypes.create_string_buffer(self._longest * 2)
        self._duration = ctypes.c_int32()
        self._has_heard = False

    def decode(self, payload: bytes) -> bytes:
        if not payload:
            return b""
        pcm = self._pcm(self._decode(self._state, payload, len(payload), self._out, self._longest, 0))
        self._has_heard = self._has_heard or bool(pcm)
        return pcm

    def recover(self, following: bytes) -> bytes:
        """The 20 ms before this packet, which were lost, out of the copy in it; ``b""`` where it has none (``has_fec``).
        Decode the packet itself after that."""
        if not has_fec(following):
            return b""
        return self._pcm(self._decode(self._state, following, len(following), self._out, self._frame, 1))

    def conceal(self) -> bytes:
        """What might have been in a packet that never came, dying away within 100 ms; ``b""`` before the first packet."""
        if not self._has_heard:
            return b""
        self._ctl(self._state, libopus.GET_LAST_PACKET_DURATION, ctypes.byref(self._duration))
        samples = min(self._longest, max(self._frame, self._duration.value))
        return self._pcm(self._decode(self._state, None, 0, self._out, samples, 0))

    def _pcm(self, samples: int) -> bytes:
        return ctypes.string_at(self._out, samples * 2) if samples > 0 else b""


class Encoder:
    """20 ms of PCM at ``rate_hz`` in, one packet out."""

    def __init__(self, rate_hz: int, *, is_lossy: bool = False) -> None:
        library = libopus.library()
        self._encode = library.opus_encode
        self._ctl = library.opus_encoder_ctl
        self._state = ctypes.create_string_buffer(library.opus_encoder_get_size(1))
        libopus.check(
            library.opus_encoder_init(self._state, rate_hz, 1, libopus.APPLICATION_VOIP), f"encode at {rate_hz} Hz"
        )
        self._samples = rate_hz * FRAME_MS // 1000
        self._out = ctypes.create_string_buffer(_LARGEST_BYTES)
        self._set(libopus.SET_BITRATE, BIT_RATE)
        self._set(libopus.SET_COMPLEXITY, _COMPLEXITY)
        self.is_lossy = is_lossy

    @property
    def is_lossy(self) -> bool:
        """Some bits go into a second, coarser copy of the frame before. From the next packet on."""
        return self._is_lossy

    @is_lossy.setter
    def is_lossy(self, is_lossy: bool) -> None:
        self._is_lossy = is_lossy
        self._set(libopus.SET_INBAND_FEC, int(is_lossy))
        self._set(libopus.SET_PACKET_LOSS_PERCENT, _FEC_LOSS_PERCENT if is_lossy else 0)

    def encode(self, pcm: bytes) -> bytes:
        if len(pcm) != self._samples * 2:
            raise ValueError(f"{len(pcm)} bytes are not 20 ms")
        size = self._encode(self._state, pcm, self._samples, self._out, _LARGEST_BYTES)
        libopus.check(size, "encode")
        return ctypes.string_at(self._out, size)

    def _set(self, request: int, value: int) -> None:
        libopus.check(self._ctl(self._state, request, ctypes.c_int32(value)), f"be set ({request})")
