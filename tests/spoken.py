"""Speech for tests: spoken by Piper, 16 kHz mono 16-bit PCM, the same each time."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soxr

from telephony.phone_audio import resampled

if TYPE_CHECKING:
    from piper import PiperVoice

WEIGHTS = Path(os.environ.get("WEIGHTS_DIR", "var/weights"))
VOICE = WEIGHTS / "piper" / "en_US-joe-medium.onnx"
LOUDNESS = 0.09
"""RMS of speech (-21 dBFS), as a headset's."""
PAUSE_MS = 250
"""Between sentences."""


@lru_cache(maxsize=1)
def _voice() -> PiperVoice:
    from piper import PiperVoice

    return PiperVoice.load(VOICE)


@lru_cache(maxsize=64)
def spoken(text: str, speed: float = 1.0) -> bytes:
    """``text`` as a caller's microphone would send it.

    Without the noise that makes Piper say a sentence in another way each time: some of those no person would understand either.
    """
    from piper import SynthesisConfig

    voice = _voice()
    config = SynthesisConfig(length_scale=voice.config.length_scale / speed, noise_scale=0.0, noise_w_scale=0.0)
    pause = np.zeros(voice.config.sample_rate * PAUSE_MS // 1000, dtype=np.float32)
    parts = [part for chunk in voice.synthesize(text, config) for part in (pause, _trimmed(chunk.audio_float_array))]
    samples = np.concatenate(parts[1:])
    samples = samples * (LOUDNESS / np.sqrt(np.mean(samples[np.abs(samples) > 0.02] ** 2)))
    pcm = (np.clip(samples, -1.0, 1.0) * 32_767).astype("<i2")
    return bytes(soxr.resample(pcm, voice.config.sample_rate, 16_000).astype("<i2").tobytes())


def _trimmed(samples: np.ndarray) -> np.ndarray:
    audible = np.flatnonzero(np.abs(samples) > 0.02)
    return samples[max(0, int(audible[0]) - 300) : int(audible[-1]) + 300]


def caller_lines(*texts: str) -> list[np.ndarray]:
    """Each at the rate of the terminal's phone."""
    return [resampled(spoken(text), 16_000) for text in texts]
