"""How loud it is, for a meter: 0 is a quiet room, 1 as loud as it gets."""

from __future__ import annotations

import math

import numpy as np

FLOOR_DB = -60.0


def rms(pcm: bytes) -> float:
    """Root mean square of 16-bit samples, 0 to 32768."""
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float32)
    return math.sqrt(float(samples.dot(samples)) / len(samples)) if len(samples) else 0.0


def level(pcm: bytes) -> float:
    """0 to 1 in equal steps of loudness (decibels), the way ears and meters count."""
    if pcm == bytes(len(pcm)):
        return 0.0
    loudness = rms(pcm)
    if loudness < 1.0:
        return 0.0
    decibels = 20.0 * math.log10(loudness / 32768.0)
    return round(min(1.0, max(0.0, 1.0 - decibels / FLOOR_DB)), 3)
