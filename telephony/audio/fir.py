"""Between the telephone's 8,000 samples a second, our 16,000 and playout's 48,000: short filters, sample for sample. Pure.

Half the price of ``resample`` or less (7 and 10 µs for 20 ms), for lines that there are hundreds of in a process. Nothing is withheld:
so many samples in, so many out. The sound is 1.5 ms late.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.int16]
_Floats = npt.NDArray[np.float32]

_TAPS_A_PHASE = 24
_BETA = 5.0
"""Kaiser's: what doesn't belong is 50 dB below, and the way there is a kilohertz wide."""
_EDGE = 0.94
"""Of the narrower rate's half: 3,760 Hz of 4,000."""


def _low_pass(factor: int) -> _Floats:
    """For ``factor`` samples to each of the narrower rate. Its sum is 1."""
    count = _TAPS_A_PHASE * factor
    taps = np.sinc((np.arange(count) - (count - 1) / 2) * _EDGE / factor) * np.kaiser(count, _BETA)
    whole: _Floats = (taps / taps.sum()).astype(np.float32)
    return whole


def _between() -> _Floats:
    """For the sample in the middle of others (a half-band filter: those others stay as they are)."""
    taps = np.sinc(np.arange(_TAPS_A_PHASE) - (_TAPS_A_PHASE - 1) / 2) * np.kaiser(_TAPS_A_PHASE, _BETA)
    whole: _Floats = (taps / taps.sum()).astype(np.float32)
    return whole


class Doubler:
    """Twice the samples, of a stream in pieces of any length. Nothing above 3,400 Hz is in telephone sound to be doubled well."""

    def __init__(self) -> None:
        self._taps = _between()
        self._before: Samples = np.zeros(_TAPS_A_PHASE - 1, np.int16)

    def push(self, samples: Samples) -> Samples:
        heard: Samples = np.concatenate((self._before, samples))
        self._before = heard[-(_TAPS_A_PHASE - 1) :]
        out = np.empty(len(samples) * 2, np.int16)
        middle = _TAPS_A_PHASE // 2 - 1
        out[0::2] = heard[middle : middle + len(samples)]
        out[1::2] = _rounded(np.correlate(heard.astype(np.float32), self._taps, "valid"))
        return out


class Divider:
    """A ``factor``-th of the samples, of a stream in pieces of ``size`` (a multiple of the factor)."""

    def __init__(self, factor: int, size: int) -> None:
        history = _TAPS_A_PHASE * factor
        self._history = history
        self._heard: _Floats = np.zeros(history + size, np.float32)
        # As many short products as there are phases, each summed along its diagonal: a matrix product, and one sum.
        self._phases = self._heard.reshape(-1, factor).T
        self._taps = np.ascontiguousarray(_low_pass(factor)[::-1].reshape(_TAPS_A_PHASE, factor))
        rows = self._phases.shape[1]
        self._products: _Floats = np.empty((_TAPS_A_PHASE, rows), np.float32)
        step = self._products.itemsize
        self._diagonals = np.lib.stride_tricks.as_strided(
            self._products[:, 1:], (_TAPS_A_PHASE, size // factor), ((rows + 1) * step, step), writeable=False
        )

    def push(self, samples: Samples) -> Samples:
        heard = self._heard
        heard[: self._history] = heard[-self._history :]
        heard[self._history :] = samples
        np.matmul(self._taps, self._phases, out=self._products)
        return _rounded(np.add.reduce(self._diagonals, axis=0))


def _rounded(values: _Floats) -> Samples:
    np.rint(values, out=values)
    np.minimum(values, 32_767, out=values)
    np.maximum(values, -32_768, out=values)
    return values.astype(np.int16)
