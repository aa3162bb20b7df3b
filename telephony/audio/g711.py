"""G.711 (ITU-T, 1988), the coding of the telephone network: 8,000 samples a second, one byte each. Pure.

By tables, because the samples come from and go to numpy anyway: 1 to 2 µs for 20 ms. The standard library's ``audioop`` does the same
and ends with Python 3.12.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

RATE_HZ = 8_000
SILENCE_ULAW, SILENCE_ALAW = 0xFF, 0xD5

Samples = npt.NDArray[np.int16]
_Table = npt.NDArray[np.uint8]


def _decoded_ulaw() -> Samples:
    codes = ~np.arange(256, dtype=np.int32) & 0xFF
    magnitude = ((((codes & 0x0F) << 3) + 0x84) << (codes >> 4 & 0x07)) - 0x84
    return np.where(codes & 0x80, -magnitude, magnitude).astype(np.int16)


def _decoded_alaw() -> Samples:
    codes = np.arange(256, dtype=np.int32) ^ 0x55
    exponent, mantissa = codes >> 4 & 0x07, codes & 0x0F
    magnitude = np.where(exponent, ((mantissa << 4) + 0x108) << np.maximum(exponent - 1, 0), (mantissa << 4) + 8)
    return np.where(codes & 0x80, magnitude, -magnitude).astype(np.int16)


def _encoded_ulaw() -> _Table:
    """By the bits of a sample, as an unsigned number."""
    samples = np.arange(0x1_0000, dtype=np.uint16).view(np.int16).astype(np.int32) >> 2
    magnitude = np.minimum(np.abs(samples), 8_159) + 33
    exponent = np.floor(np.log2(magnitude)).astype(np.int32) - 5
    code = exponent << 4 | (magnitude >> (exponent + 1)) & 0x0F
    code = np.where(exponent > 7, 0x7F, code)
    return (code ^ np.where(samples < 0, 0x7F, 0xFF)).astype(np.uint8)


def _encoded_alaw() -> _Table:
    samples = np.arange(0x1_0000, dtype=np.uint16).view(np.int16).astype(np.int32) >> 3
    magnitude = np.where(samples < 0, -samples - 1, samples)
    exponent = np.maximum(np.floor(np.log2(np.maximum(magnitude, 1))).astype(np.int32) - 4, 0)
    code = exponent << 4 | (magnitude >> np.maximum(exponent, 1)) & 0x0F
    return (code ^ np.where(samples < 0, 0x55, 0xD5)).astype(np.uint8)


_FROM_ULAW, _FROM_ALAW = _decoded_ulaw(), _decoded_alaw()
ULAW, ALAW = _FROM_ULAW.astype(np.float32), _FROM_ALAW.astype(np.float32)
"""What each byte says, for filters that count in floats."""
_TO_ULAW, _TO_ALAW = _encoded_ulaw(), _encoded_alaw()


def decode_ulaw(payload: bytes) -> Samples:
    return _FROM_ULAW.take(np.frombuffer(payload, np.uint8))


def decode_alaw(payload: bytes) -> Samples:
    return _FROM_ALAW.take(np.frombuffer(payload, np.uint8))


def encode_ulaw(samples: Samples) -> bytes:
    return _TO_ULAW.take(samples.view(np.uint16)).tobytes()


def encode_alaw(samples: Samples) -> bytes:
    return _TO_ALAW.take(samples.view(np.uint16)).tobytes()
