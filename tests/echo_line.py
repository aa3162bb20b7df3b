"""A line with an echo: what the agent says comes back through a loudspeaker, a room and a microphone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from telephony.audio.playout import PLAYOUT_RATE_HZ
from telephony.audio.resample import Resampler
from telephony.transports.opus import Decoder, Encoder

RATE_HZ = 16_000
FRAME = 320
Samples = npt.NDArray[np.float64]


def room(reverb_ms: int, seed: int) -> Samples:
    """An impulse response: the loudspeaker's band, the table, and a tail that has died away (60 dB) after ``reverb_ms``."""
    dice = np.random.default_rng(seed)
    count = RATE_HZ * reverb_ms // 1000
    tail = dice.standard_normal(count) * np.exp(-6.9 * np.arange(count) / count) * 0.15
    for at_ms, share in ((0, 1.0), (1.3, -0.5), (4.1, 0.35), (9.0, 0.2)):
        at = int(at_ms * RATE_HZ / 1000)
        if at < count:
            tail[at] += share
    spectrum = np.fft.rfft(tail, 4 * count)
    frequency = np.fft.rfftfreq(4 * count, 1 / RATE_HZ)
    spectrum *= 1 / np.sqrt(1 + (350 / np.maximum(frequency, 1)) ** 4) / np.sqrt(1 + (frequency / 4_500) ** 6)
    shaped = np.fft.irfft(spectrum)[: count + 64]
    return np.asarray(shaped / np.sqrt(np.sum(np.square(shaped))))


class EchoLine:
    """``play`` 20 ms of the agent at 48 kHz; ``come_back`` gives 20 ms of 16-bit values of what the microphone picks up of it."""

    def __init__(
        self, delay_ms: int, quieter_db: float, *, reverb_ms: int = 120, seed: int = 1, has_codec: bool = False
    ) -> None:
        self._gain = 10 ** (-quieter_db / 20)
        self._room = room(reverb_ms, seed)
        self._down = Resampler(PLAYOUT_RATE_HZ, RATE_HZ)
        self._codecs = [(Encoder(PLAYOUT_RATE_HZ), Decoder()) for _ in range(2)] if has_codec else []
        self._up = Resampler(RATE_HZ, PLAYOUT_RATE_HZ)
        self._again = Resampler(PLAYOUT_RATE_HZ, RATE_HZ)
        self._waiting = np.zeros(RATE_HZ * delay_ms // 1000)
        self._tail = np.zeros(len(self._room) - 1)

    def play(self, pcm: bytes) -> None:
        if self._codecs:
            encoder, decoder = self._codecs[0]
            pcm = decoder.decode(encoder.encode(pcm))
        sound = np.frombuffer(self._down.push(pcm), dtype="<i2").astype(np.float64)
        came = np.convolve(sound, self._room)
        came[: len(self._tail)] += self._tail[: len(came)]
        self._tail = came[len(sound) :]
        self._waiting = np.concatenate((self._waiting, came[: len(sound)] * self._gain))

    def come_back(self) -> Samples:
        came = self._waiting[:FRAME]
        self._waiting = self._waiting[FRAME:]
        return np.concatenate((came, np.zeros(FRAME - len(came))))
