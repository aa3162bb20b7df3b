"""Speech for tests: spoken by Piper, 16 kHz mono 16-bit PCM."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

import numpy as np
import soxr

from agents.providers.local import piper

WEIGHTS = Path(os.environ.get("WEIGHTS_DIR", "var/weights"))
VOICE = WEIGHTS / "piper" / "en_US-joe-medium.onnx"


@lru_cache(maxsize=64)
def spoken(text: str, speed: float = 1.0) -> bytes:
    """``text`` as a caller's microphone would send it."""
    voice = piper.shared(VOICE)
    pcm = b"".join(voice.sound(ids, pause_ms, speed) for ids, pause_ms in voice.pieces(text))
    samples = np.frombuffer(pcm, dtype="<i2")
    return bytes(soxr.resample(samples, voice.rate_hz, 16_000).astype("<i2").tobytes())
