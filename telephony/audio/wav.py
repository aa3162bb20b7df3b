"""WAV files written while the call goes on: a header that can be corrected, and two sides woven into one.

RIFF/WAVE, PCM 16-bit (Microsoft's and IBM's Multimedia Programming Interface, 1991). Pure: bytes in, bytes out.
"""

from __future__ import annotations

import struct

import numpy as np

HEADER_BYTES = 44
_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
MAX_DATA_BYTES = 0xFFFF_FFFF - HEADER_BYTES + 8
"""What the sizes of a WAV can say; six hours of stereo at 16,000 Hz are a fifth of it."""


def header(rate_hz: int, channels: int, data_bytes: int) -> bytes:
    """The first 44 bytes of a file with so much sound. Write it with 0 first, and again whenever sound was added."""
    size = min(data_bytes, MAX_DATA_BYTES)
    block = channels * 2
    return _HEADER.pack(
        b"RIFF",
        size + HEADER_BYTES - 8,
        b"WAVE",
        b"fmt ",
        16,
        1,
        channels,
        rate_hz,
        rate_hz * block,
        block,
        16,
        b"data",
        size,
    )


def stereo(left: bytes, right: bytes) -> bytes:
    """Two mono sides as one; the shorter is filled with silence."""
    count = max(len(left), len(right)) // 2
    woven = np.zeros((count, 2), dtype="<i2")
    for side, pcm in enumerate((left, right)):
        samples = np.frombuffer(pcm[: len(pcm) & ~1], dtype="<i2")
        woven[: len(samples), side] = samples
    return woven.tobytes()


def mono(woven: bytes) -> bytes:
    """Two sides as their mean."""
    samples = np.frombuffer(woven[: len(woven) & ~3], dtype="<i2").astype(np.int32).reshape(-1, 2)
    mixed: bytes = (samples.sum(axis=1) // 2).astype("<i2").tobytes()
    return mixed
