"""A quiet room behind the agent's voice: made, not recorded, so that it needs no file and no licence.

Without one the caller hears nothing at all between two sentences, and may take that for a dead line: silence isn't sent, and what
a browser (or libopus) makes of that is 96 dB below a voice. "line" is the least there can be against it: the faint hiss of a telephone.

The same every time (a fixed seed), as loops whose ends meet. Made once a process.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from telephony.audio.playout import PLAYOUT_RATE_HZ

SECONDS = 12
_SAMPLES = SECONDS * PLAYOUT_RATE_HZ
_FULL_RMS = 2_600.0
"""About as loud as a voice."""
_LINE_RMS = 280.0
"""At full volume; at the usual 0.3 it is -58 dBFS: there when the agent is silent, and gone behind every word."""

Samples = npt.NDArray[np.int16]
Curve = npt.NDArray[np.float64]


def loop(kind: str, volume: float) -> Samples | None:
    """The sound of "line", "office" or "cafe" at ``volume`` (1: as loud as the voice, but for the line); None where there is nothing
    to hear.

    The first time takes some hundred milliseconds of computing: not for an event loop."""
    if kind not in _ROOMS or volume <= 0.0:
        return None
    return _scaled(kind, round(min(volume, 1.0), 2))


@lru_cache(maxsize=8)
def _scaled(kind: str, volume: float) -> Samples:
    # Ears count in decibels: the slider's middle is to sound half as loud, not half the amplitude.
    full = _LINE_RMS if kind == "line" else _FULL_RMS
    samples: Samples = np.clip(np.rint(_room(kind) * (full * volume**1.6)), -32768, 32767).astype(np.int16)
    samples.setflags(write=False)
    return samples


@lru_cache(maxsize=3)
def _room(kind: str) -> npt.NDArray[np.float32]:
    sound = _ROOMS[kind](np.random.default_rng(20_240_611))
    room: npt.NDArray[np.float32] = _even(sound).astype(np.float32)
    return room


def _line(dice: np.random.Generator) -> Curve:
    """Pink noise in the band of a telephone: no shape in it, nothing that comes and goes."""
    return _band(dice, 80, 3_400, tilt=0.5)


def _office(dice: np.random.Generator) -> Curve:
    """Air conditioning, and talk two rooms away; now and then a key."""
    bed = _band(dice, 60, 900, tilt=1.2)
    talk = _murmur(dice, voices=2) * 0.35
    return bed + talk + _clicks(dice, count=18, loudness=0.5)


def _cafe(dice: np.random.Generator) -> Curve:
    """Many voices, none to be understood, and cups."""
    bed = _band(dice, 80, 2_500, tilt=1.0) * 0.5
    return bed + _murmur(dice, voices=7) + _chimes(dice, count=9, loudness=0.8)


def _band(dice: np.random.Generator, low_hz: float, high_hz: float, *, tilt: float) -> Curve:
    """Noise between two frequencies, falling by ``tilt``. Made of whole cycles of the loop, so that its ends meet."""
    frequencies = np.fft.rfftfreq(_SAMPLES, 1 / PLAYOUT_RATE_HZ)
    inside = (frequencies >= low_hz) & (frequencies <= high_hz)
    spectrum = np.zeros(len(frequencies), dtype=np.complex128)
    phases = dice.uniform(0, 2 * np.pi, int(inside.sum()))
    spectrum[inside] = np.exp(1j * phases) * (frequencies[inside] / low_hz) ** -tilt
    return _even(np.fft.irfft(spectrum, _SAMPLES))


def _murmur(dice: np.random.Generator, *, voices: int) -> Curve:
    """Noise in the bands of vowels, that swells and pauses with the rhythm of syllables."""
    sound: Curve = np.zeros(_SAMPLES)
    for _ in range(voices):
        pitch = dice.uniform(0.85, 1.3)
        voice = _band(dice, 180 * pitch, 700 * pitch, tilt=0.6) + 0.4 * _band(
            dice, 900 * pitch, 2_200 * pitch, tilt=0.8
        )
        syllables = np.maximum(0.0, _band(dice, 1.5, 5.0, tilt=0.2) + 0.3)
        phrases = np.clip(_band(dice, 0.1, 0.5, tilt=0.0) + 0.5, 0.0, 1.0)
        sound += voice * syllables * phrases
    return _even(sound)


def _even(sound: Curve) -> Curve:
    """The same at a loudness of 1."""
    level: Curve = sound / np.sqrt(np.mean(sound**2))
    return level


def _clicks(dice: np.random.Generator, *, count: int, loudness: float) -> Curve:
    sound: Curve = np.zeros(_SAMPLES)
    length = PLAYOUT_RATE_HZ // 80
    for at in dice.integers(0, _SAMPLES - length, count):
        key = dice.normal(size=length) * np.exp(-np.arange(length) / (length / 6))
        sound[at : at + length] += key * loudness * dice.uniform(0.3, 1.0)
    return sound


def _chimes(dice: np.random.Generator, *, count: int, loudness: float) -> Curve:
    """A spoon on a cup: a few high tones that don't fit together and die away."""
    sound: Curve = np.zeros(_SAMPLES)
    length = PLAYOUT_RATE_HZ // 4
    seconds = np.arange(length) / PLAYOUT_RATE_HZ
    for at in dice.integers(0, _SAMPLES - length, count):
        base = dice.uniform(1_800, 3_200)
        ring = sum(np.sin(2 * np.pi * base * ratio * seconds) / ratio for ratio in (1.0, 1.53, 2.31))
        sound[at : at + length] += (
            ring * np.exp(-seconds / dice.uniform(0.03, 0.08)) * loudness * dice.uniform(0.2, 1.0)
        )
    return sound


_ROOMS = {"line": _line, "office": _office, "cafe": _cafe}
