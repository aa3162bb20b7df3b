"""Sound for packets that never came, on lines whose codec makes up none itself (G.711): the last pitch period again, dying away,
and a soft way back. Pure.

In the manner of ITU-T G.711 Appendix I, by correlation: a vowel goes on for a moment, noise stays noise, and after 60 ms there is
silence, because what is made up longer than that sounds like a robot and is transcribed as words.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FULL_MS, FADED_MS = 20, 60
_CROSS_MS = 5
HISTORY_MS = 45
_WINDOW_MS = 20
_PITCH_MS = (2.5, 15.0)

Samples = npt.NDArray[np.float32]


class Concealer:
    """``push`` what came, ``conceal`` what didn't; both give sound to play. One direction of one call."""

    def __init__(self, rate_hz: int) -> None:
        self.rate_hz = rate_hz
        self.concealed_ms = 0
        """In a row, up to now."""
        self._history = bytes(self._samples(HISTORY_MS) * 2)
        """The last that came, as it came: hardly any of it is ever needed."""
        self._period: Samples | None = None
        self._phase = 0
        self._cross = np.linspace(0.0, 1.0, self._samples(_CROSS_MS), dtype=np.float32)

    def push(self, pcm: bytes) -> bytes:
        """What came, joined without a click to what was made up before it."""
        if not pcm:
            return pcm
        if self.concealed_ms:
            pcm = self._joined(pcm)
        self.concealed_ms, self._period = 0, None
        self._history = (self._history + pcm)[-len(self._history) :]
        return pcm

    def conceal(self, ms: int = 20) -> bytes:
        """``ms`` of what might have come."""
        made = self._made(ms).astype("<i2").tobytes()
        self.concealed_ms += ms
        return made

    def _made(self, ms: int) -> Samples:
        count = self._samples(ms)
        if self._period is None:
            self._period, self._phase = self._last_period(), 0
        if self.concealed_ms >= FADED_MS or not len(self._period):
            return np.zeros(count, dtype=np.float32)
        indexes = (self._phase + np.arange(count)) % len(self._period)
        self._phase = (self._phase + count) % len(self._period)
        at_ms = self.concealed_ms + np.arange(count, dtype=np.float32) * 1000 / self.rate_hz
        gain = np.clip((FADED_MS - at_ms) / (FADED_MS - FULL_MS), 0.0, 1.0)
        return (self._period[indexes] * gain).astype(np.float32)

    def _joined(self, pcm: bytes) -> bytes:
        samples = np.frombuffer(pcm, dtype="<i2").astype(np.float32)
        count = min(len(samples), len(self._cross))
        made = self._made(_CROSS_MS)[:count]
        rising = self._cross[:count]
        samples[:count] = samples[:count] * rising + made * (1.0 - rising)
        return samples.astype("<i2").tobytes()

    def _last_period(self) -> Samples:
        """The last pitch period, its end bent to meet its beginning."""
        history, window = np.frombuffer(self._history, dtype="<i2").astype(np.float32), self._samples(_WINDOW_MS)
        last = history[-window:]
        if float(np.dot(last, last)) < window * 50.0**2:  # as good as silent
            return np.zeros(0, dtype=np.float32)
        shortest, longest = (self._samples(ms) for ms in _PITCH_MS)
        before = history[-window - longest : -shortest]
        correlation = np.correlate(before, last, "valid")
        squares = np.concatenate(([0.0], np.cumsum(before * before)))
        energy = squares[window:] - squares[:-window]
        likeness = correlation / np.sqrt(energy + 1.0)
        lag = longest - int(np.argmax(likeness))
        overlap = max(1, lag // 4)
        period: Samples = history[-lag:].copy()
        rising = np.linspace(0.0, 1.0, overlap, dtype=np.float32)
        period[-overlap:] = period[-overlap:] * (1.0 - rising) + history[-lag - overlap : -lag] * rising
        return period

    def _samples(self, ms: float) -> int:
        return int(self.rate_hz * ms / 1000)
