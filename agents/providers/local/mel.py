"""Whisper's ears: the 80-band log-mel spectrogram it was trained on, of a sound's true length. Pure.

The scale is Slaney's (linear below 1 kHz, logarithmic above, bands of equal area), as in openai/whisper ``audio.py``.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

RATE_HZ = 16_000
BANDS = 80
FFT = 400
HOP = 160

Array = npt.NDArray[np.float32]


def _hz_to_mel(hz: float) -> float:
    return hz / (200 / 3) if hz < 1000 else 15 + 27 * float(np.log(hz / 1000) / np.log(6.4))


def _mel_to_hz(mel: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.where(mel < 15, mel * (200 / 3), 1000 * np.exp((mel - 15) * np.log(6.4) / 27))


@cache
def _filters() -> Array:
    edges = _mel_to_hz(np.linspace(0.0, _hz_to_mel(RATE_HZ / 2), BANDS + 2))
    bins = np.fft.rfftfreq(FFT, 1 / RATE_HZ)
    widths = np.diff(edges)
    slopes = edges[:, None] - bins[None, :]
    rising = -slopes[:-2] / widths[:-1, None]
    falling = slopes[2:] / widths[1:, None]
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    return (triangles * (2 / (edges[2:] - edges[:-2]))[:, None]).astype(np.float32)


@cache
def _window() -> Array:
    return np.hanning(FFT + 1)[:-1].astype(np.float32)


def log_mel(samples: Array) -> Array:
    """(80, n) features, one column for each 10 ms. Sound shorter than a window is padded with silence."""
    if len(samples) < FFT:
        samples = np.pad(samples, (0, FFT - len(samples)))
    padded = np.pad(samples, FFT // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, FFT)[::HOP][: len(samples) // HOP]
    power = np.abs(np.fft.rfft(frames * _window(), axis=-1)).astype(np.float32) ** 2
    loudness = np.log10(np.maximum(_filters() @ power.T, 1e-10))
    loudness = np.maximum(loudness, loudness.max() - 8.0)
    return np.ascontiguousarray((loudness + 4.0) / 4.0, dtype=np.float32)
