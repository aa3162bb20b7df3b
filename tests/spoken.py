"""Speech for tests: spoken by Piper, 16 kHz mono 16-bit PCM."""

from __future__ import annotations

import os
import re
from functools import lru_cache
from pathlib import Path

import numpy as np
import soxr

from agents.providers.local import piper
from agents.providers.local.whisper_model import WhisperModel
from telephony.phone_audio import resampled

WEIGHTS = Path(os.environ.get("WEIGHTS_DIR", "var/weights"))
VOICE = WEIGHTS / "piper" / "en_US-joe-medium.onnx"


@lru_cache(maxsize=64)
def spoken(text: str, speed: float = 1.0) -> bytes:
    """``text`` as a caller's microphone would send it."""
    voice = piper.shared(VOICE)
    pcm = b"".join(voice.sound(ids, pause_ms, speed) for ids, pause_ms in voice.pieces(text))
    samples = np.frombuffer(pcm, dtype="<i2")
    return bytes(soxr.resample(samples, voice.rate_hz, 16_000).astype("<i2").tobytes())


@lru_cache(maxsize=1)
def _listener() -> WhisperModel:
    return WhisperModel(WEIGHTS / "whisper-base")


def clearly(text: str, heard_as: str, takes: int = 8) -> bytes:
    """``text`` in a take that Whisper hears as ``heard_as`` (a pattern, letters and digits only, lower case).

    Piper says nothing twice alike, and some takes a person wouldn't understand either. For tests of the call, not of the ear.
    """
    model = _listener()
    heard = []
    for _ in range(takes):
        take = spoken.__wrapped__(text)
        samples = np.frombuffer(take, "<i2")
        found = model.hear(np.pad(samples, 4_800), model.prompt("en", ()))
        heard.append(re.sub(r"[^a-z0-9 ]", "", (found[0] if found else "").lower()).strip())
        if re.fullmatch(heard_as, heard[-1]):
            return take
    raise AssertionError(f"{text!r} was heard as {heard}")


def clear_lines(*texts: str) -> list[np.ndarray]:
    """Each in a take that Whisper hears word for word, at the rate of the terminal's phone."""
    return [resampled(clearly(text, re.sub(r"[^a-z ]", "", text.lower())), 16_000) for text in texts]
