"""What telephones speak, as the call has it: 16 kHz out of packets, and packets out of playout's 48 kHz."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Protocol

import numpy as np
import numpy.typing as npt

from telephony.audio import g711, g722
from telephony.audio.conceal import Concealer
from telephony.audio.fir import Divider, Doubler
from telephony.audio.playout import FRAME_SAMPLES, PLAYOUT_RATE_HZ, SILENCE
from telephony.transports import opus
from telephony.transports.inbound import FRAME_MS, RATE_HZ, SoundDecoder
from telephony.wire.codings import Coding

Samples = npt.NDArray[np.int16]
_LONGEST_BYTES = 8_000 * 120 // 1000
"""Of a packet that is a byte a sample; what is longer isn't sound for a telephone."""


class SoundEncoder(Protocol):
    is_lossy: bool
    """The line loses packets: spend something on it, if the coding can."""

    def encode(self, pcm: bytes) -> bytes:
        """20 ms at ``PLAYOUT_RATE_HZ``."""


def decoder(coding: Coding) -> SoundDecoder:
    match coding:
        case "opus":
            return opus.Decoder(RATE_HZ)
        case "g722":
            return G722Decoder()
        case "pcmu":
            return G711Decoder(g711.decode_ulaw)
        case "pcma":
            return G711Decoder(g711.decode_alaw)


def encoder(coding: Coding) -> SoundEncoder:
    match coding:
        case "opus":
            return opus.Encoder(PLAYOUT_RATE_HZ)
        case "g722":
            return G722Encoder()
        case "pcmu":
            return G711Encoder(g711.encode_ulaw)
        case "pcma":
            return G711Encoder(g711.encode_alaw)


class G711Decoder:
    def __init__(self, decode: Callable[[bytes], Samples]) -> None:
        self._decode = decode
        self._concealer = Concealer(g711.RATE_HZ)
        self._doubler = Doubler()
        self._packet_ms = FRAME_MS

    def decode(self, payload: bytes) -> bytes:
        if not payload or len(payload) > _LONGEST_BYTES:
            return b""
        self._packet_ms = max(1, len(payload) * 1000 // g711.RATE_HZ)
        return self._doubled(self._concealer.push(self._decode(payload).tobytes()))

    def conceal(self) -> bytes:
        return self._doubled(self._concealer.conceal(self._packet_ms))

    def recover(self, following: bytes) -> bytes:
        return b""

    def _doubled(self, pcm: bytes) -> bytes:
        return self._doubler.push(np.frombuffer(pcm, "<i2")).tobytes()


class G722Decoder:
    def __init__(self) -> None:
        self._decoder = g722.Decoder()
        self._concealer = Concealer(g722.RATE_HZ)
        self._packet_ms = FRAME_MS

    def decode(self, payload: bytes) -> bytes:
        if not payload or len(payload) > _LONGEST_BYTES:
            return b""
        self._packet_ms = max(1, len(payload) * 2 * 1000 // g722.RATE_HZ)
        return self._concealer.push(self._decoder.decode(payload))

    def conceal(self) -> bytes:
        return self._concealer.conceal(self._packet_ms)

    def recover(self, following: bytes) -> bytes:
        return b""


class G711Encoder:
    is_lossy = False

    def __init__(self, encode: Callable[[Samples], bytes]) -> None:
        self._encode = encode
        self._divider: Divider | None = None
        """Not made before the first sound: many calls are over before it."""
        self._silence = _silence(encode)
        self._was_silent = True

    def encode(self, pcm: bytes) -> bytes:
        was_silent, self._was_silent = self._was_silent, pcm == SILENCE
        if was_silent and self._was_silent:  # nothing is left in the filter either
            return self._silence
        if self._divider is None:
            self._divider = Divider(PLAYOUT_RATE_HZ // g711.RATE_HZ, FRAME_SAMPLES)
        return self._encode(self._divider.push(np.frombuffer(pcm, "<i2")))


@cache
def _silence(encode: Callable[[Samples], bytes]) -> bytes:
    """20 ms of it."""
    return encode(np.zeros(g711.RATE_HZ * FRAME_MS // 1000, np.int16))


class G722Encoder:
    is_lossy = False

    def __init__(self) -> None:
        self._divider = Divider(PLAYOUT_RATE_HZ // g722.RATE_HZ, FRAME_SAMPLES)
        self._encoder = g722.Encoder()

    def encode(self, pcm: bytes) -> bytes:
        return self._encoder.encode(self._divider.push(np.frombuffer(pcm, "<i2")))
