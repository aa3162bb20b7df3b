"""The outline of a recording: how loud each side was, for the waveform. Small enough to send, so the browser need not decode the file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from telephony.audio.wav import HEADER_BYTES
from telephony.recordings import RATE_HZ

POINTS = 1_200


def peaks(path: Path, points: int = POINTS) -> tuple[list[list[float]], float]:
    """Per channel the loudest sample of each of ``points`` equal stretches, 0 to 1, and the length in seconds.

    Raises ``OSError`` where the file can't be read.
    """
    size = max(0, path.stat().st_size - HEADER_BYTES) // 4
    if size == 0:
        return [[], []], 0.0
    samples = np.memmap(path, dtype="<i2", mode="r", offset=HEADER_BYTES, shape=(size, 2))
    points = min(points, size)
    edges = np.linspace(0, size, points, endpoint=False, dtype=np.int64)
    high = np.maximum.reduceat(samples, edges, axis=0).astype(np.int32)
    low = np.minimum.reduceat(samples, edges, axis=0).astype(np.int32)
    loudest = np.maximum(high, -low) / 32768
    return [[round(float(value), 3) for value in loudest[:, channel]] for channel in (0, 1)], size / RATE_HZ
