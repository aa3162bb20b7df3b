"""Is the caller speaking? Silero VAD on onnxruntime, and the hysteresis that makes edges of its probabilities.

One model a process (``load``), one ``VAD`` a call. The clock is the caller's audio: every sample pushed is 1/16 ms.
No I/O once the model is loaded, no clock of the machine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import onnxruntime

from agents.speech import AudioFrame

RATE_HZ = 16_000
WINDOW_SAMPLES = 512
"""What the model was trained on at 16 kHz: 32 ms."""
CONTEXT_SAMPLES = 64
"""The end of the window before, which the model wants in front of each window."""
WINDOW_MS = WINDOW_SAMPLES * 1000 // RATE_HZ
STATE_SIZE = 128
_STATE_SHAPE = (1, 1, STATE_SIZE)
SCALE = np.float32(1 / 32768)
"""From 16-bit samples to -1 … 1."""

Samples = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """``at_ms`` is when the speech began, which is earlier than when it was sure."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """``at_ms`` is when the last speech ended, ``min_silence_ms`` or more before this is told."""

    at_ms: int


VADEdge = SpeechStarted | SpeechStopped


@dataclass(frozen=True, slots=True)
class VADSettings:
    """When noise is speech. Times are rounded up to windows of 32 ms."""

    start_probability: float = 0.5
    stop_probability: float = 0.35
    """Lower than ``start_probability``, so that a fading syllable doesn't flicker."""
    min_speech_ms: int = 64
    """Shorter than this is a click, and no edge at all. Two windows keep a tap on the table out."""
    min_silence_ms: int = 96
    """A gap shorter than this is part of the speech (the closed lips of a "p")."""

    def __post_init__(self) -> None:
        if not 0.0 < self.stop_probability <= self.start_probability < 1.0:
            raise ValueError("VAD thresholds must satisfy 0 < stop_probability <= start_probability < 1.")
        if self.min_speech_ms < 0 or self.min_silence_ms < 0:
            raise ValueError("VAD times can't be negative.")


class SpeechModel(Protocol):
    """What a ``VAD`` asks for each window."""

    def probability(self, window: Samples, h: Samples, c: Samples) -> tuple[float, Samples, Samples]:
        """How likely the window (1 × 576: context and 512 new samples) is speech, and the state for the next."""


class VADModel:
    """The loaded network. Holds no call's state; may be used from any thread and by all calls at once."""

    def __init__(self, path: Path) -> None:
        self._session = session_of(read_model(path))

    def probability(self, window: Samples, h: Samples, c: Samples) -> tuple[float, Samples, Samples]:
        output, h, c = self._session.run(None, {"input": window, "h": h, "c": c})
        return float(output.reshape(-1)[0]), h, c


def read_model(path: Path) -> bytes:
    if not path.is_file():
        raise FileNotFoundError(f"The voice activity model is not at {path}.")
    return path.read_bytes()


def session_of(model: bytes) -> onnxruntime.InferenceSession:
    """On one thread, the one that runs it."""
    options = onnxruntime.SessionOptions()
    options.inter_op_num_threads = 1
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


@lru_cache(maxsize=4)
def load(path: Path) -> VADModel:
    """The one model of this process. Takes about 20 ms the first time."""
    return VADModel(path)


class Hysteresis:
    """From the probabilities of one call's windows, in order, to edges. ``windows`` of ``WINDOW_MS`` have been heard so far."""

    def __init__(
        self,
        settings: VADSettings | None = None,
        *,
        start_ms: int = 0,
        on_probability: Callable[[int, float], None] | None = None,
    ) -> None:
        self.settings = settings or VADSettings()
        self.probability = 0.0
        """Of the last whole window."""
        self.is_speech = False
        """Between ``SpeechStarted`` and ``SpeechStopped``."""
        self.windows = 0
        self._start_ms = start_ms
        self._on_probability = on_probability
        self._onset_ms: int | None = None
        self._spoken_ms = 0
        self._last_speech_ms = start_ms

    def hear(self, probability: float) -> VADEdge | None:
        """The next window's probability. A window makes one edge at most."""
        self.probability = probability
        self.windows += 1
        end_ms = self._start_ms + self.windows * WINDOW_MS
        if self._on_probability is not None:
            self._on_probability(end_ms, probability)
        return self._while_speaking(end_ms) if self.is_speech else self._while_silent(end_ms)

    def _while_silent(self, end_ms: int) -> VADEdge | None:
        threshold = self.settings.start_probability if self._onset_ms is None else self.settings.stop_probability
        if self.probability < threshold:
            self._onset_ms = None
            return None
        if self._onset_ms is None:
            self._onset_ms = end_ms - WINDOW_MS
            self._spoken_ms = 0
        if self.probability >= self.settings.start_probability:
            self._spoken_ms += WINDOW_MS
            self._last_speech_ms = end_ms
        if self._spoken_ms < self.settings.min_speech_ms:
            return None
        onset_ms, self._onset_ms = self._onset_ms, None
        self.is_speech = True
        return SpeechStarted(onset_ms)

    def _while_speaking(self, end_ms: int) -> VADEdge | None:
        if self.probability >= self.settings.stop_probability:
            self._last_speech_ms = end_ms
        elif end_ms - self._last_speech_ms >= self.settings.min_silence_ms:
            self.is_speech = False
            return SpeechStopped(self._last_speech_ms)
        return None


class VAD(Hysteresis):
    """One call's ear for speech: 16 kHz frames of any length in, edges out, there and then. See ``telephony.shared_vad`` for many calls.

    ``on_probability`` (end of window in ms, probability) is for those who want more than edges, e.g. a level meter.
    """

    def __init__(
        self,
        model: SpeechModel,
        settings: VADSettings | None = None,
        *,
        start_ms: int = 0,
        on_probability: Callable[[int, float], None] | None = None,
    ) -> None:
        super().__init__(settings, start_ms=start_ms, on_probability=on_probability)
        self._model = model
        self._h: Samples = np.zeros(_STATE_SHAPE, dtype=np.float32)
        self._c: Samples = np.zeros(_STATE_SHAPE, dtype=np.float32)
        self._window: Samples = np.zeros((1, CONTEXT_SAMPLES + WINDOW_SAMPLES), dtype=np.float32)
        self._filled = 0

    @property
    def now_ms(self) -> int:
        """The call's clock: the end of all sound pushed so far."""
        return self._start_ms + (self.windows * WINDOW_SAMPLES + self._filled) * 1000 // RATE_HZ

    def push(self, frame: AudioFrame) -> list[VADEdge]:
        """Listen to a frame; evaluates each window of 512 samples as it fills."""
        check_rate(frame)
        samples = np.frombuffer(frame.pcm, dtype="<i2")
        edges: list[VADEdge] = []
        while len(samples):
            taken = samples[: WINDOW_SAMPLES - self._filled]
            begin = CONTEXT_SAMPLES + self._filled
            np.multiply(taken, SCALE, out=self._window[0, begin : begin + len(taken)])
            self._filled += len(taken)
            samples = samples[len(taken) :]
            if self._filled == WINDOW_SAMPLES and (edge := self._evaluate()) is not None:
                edges.append(edge)
        return edges

    def _evaluate(self) -> VADEdge | None:
        probability, self._h, self._c = self._model.probability(self._window, self._h, self._c)
        self._window[0, :CONTEXT_SAMPLES] = self._window[0, -CONTEXT_SAMPLES:]
        self._filled = 0
        return self.hear(probability)


def check_rate(frame: AudioFrame) -> None:
    if frame.rate_hz != RATE_HZ:
        raise ValueError(f"The VAD listens at {RATE_HZ} Hz, not at {frame.rate_hz} Hz.")
