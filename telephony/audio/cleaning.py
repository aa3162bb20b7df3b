"""The caller's sound before it is transcribed: less noise, and quiet callers louder. What is recorded isn't touched.

    frame ─▶ NoiseSuppressor (WebRTC's, in C++) ─▶ Leveller (one slow gain a call) ─▶ transcriber

Not for the VAD: Silero hears speech in noise better than in what suppression leaves of it, and in suppressed noise it hears
speech where there is none (``bench/noise.py``). One ``Cleaner`` a call. No I/O, no clock: a frame is 20 ms.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from pywebrtc_audio import NoiseSuppressor

from agents.speech import AudioFrame

RATE_HZ = 16_000
WANTED_RMS = 1_900.0
"""Of 32,768 (-25 dBFS): speech as a telephone sends it."""
QUIET_RMS = 800.0
"""Speech below this (-32 dBFS) is made louder."""
MOST_GAIN = 20.0
"""26 dB."""
_ENOUGH_FRAMES = 10
"""Of speech, before anything is believed of its level: the first are averaged as they come."""
_SLOW = 0.02
"""Each frame of speech counts for so much of the level: 0.7 s of it make half of a change."""
_PAUSE = 0.25
"""Frames with less than this share of the level are the gaps between words."""
_UP, _DOWN = 1.02, 0.97
"""The gain changes by so much a frame at most, 9 dB a second up: nothing swells in the middle of a word."""

Samples = npt.NDArray[np.float32]


class Leveller:
    """A slow gain from the level of the caller's speech so far: a quiet caller is heard like others, nobody is made quieter."""

    def __init__(self) -> None:
        self.gain = 1.0
        self._level = 0.0
        self._heard = 0

    def push(self, samples: Samples, *, is_speech: bool) -> Samples:
        """A frame of 16-bit values. ``is_speech``: the caller is speaking, as far as is known by now."""
        if is_speech:
            self._follow(math.sqrt(float(np.dot(samples, samples)) / len(samples)))
        wanted = 1.0
        if self._heard >= _ENOUGH_FRAMES and self._level < QUIET_RMS:
            wanted = min(MOST_GAIN, WANTED_RMS / max(self._level, 1.0))
        self.gain = max(wanted, self.gain * _DOWN) if wanted < self.gain else min(wanted, self.gain * _UP)
        return samples if self.gain <= 1.0 else samples * np.float32(self.gain)

    def _follow(self, rms: float) -> None:
        if rms < self._level * _PAUSE:
            return
        self._heard += 1
        self._level += (rms - self._level) * max(_SLOW, 1.0 / self._heard)


class Cleaner:
    """What is done to one call's frames. ``push`` gives a frame of the same length, at once.

    ``suppression``: WebRTC's level, 0 to 3, for 6, 12, 18 and 21 dB less noise; it delays the sound by 6 ms.
    """

    def __init__(self, *, suppression: int | None, levels: bool) -> None:
        self._suppressor = None if suppression is None else NoiseSuppressor(RATE_HZ, 1, suppression)
        self._leveller = Leveller() if levels else None

    @property
    def gain_db(self) -> float:
        return 0.0 if self._leveller is None else 20 * math.log10(self._leveller.gain)

    def push(self, frame: AudioFrame, *, is_speech: bool) -> AudioFrame:
        pcm = frame.pcm
        if self._suppressor is not None:
            pcm = self._suppressor.process(np.frombuffer(pcm, dtype="<i2")).tobytes()
        if self._leveller is not None and (is_speech or self._leveller.gain > 1.0):
            samples = np.frombuffer(pcm, dtype="<i2").astype(np.float32)
            louder = self._leveller.push(samples, is_speech=is_speech)
            if louder is not samples:
                pcm = np.clip(louder, -32_768, 32_767).astype("<i2").tobytes()
        return frame if pcm is frame.pcm else AudioFrame(pcm, frame.rate_hz)
