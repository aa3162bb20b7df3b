"""Spectra of short blocks, many times a second. Pure; numpy only.

``numpy.fft`` is made for long signals: around the transform of 512 samples its checks cost as much as the transform, and it computes
``rfft`` in double precision whatever it is given. Beneath it are plain array functions, which do neither. They are not part of
numpy's promises: where a numpy has none, its front door gives the same.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]
Spectra = npt.NDArray[np.complex64]

try:
    _within: Any = import_module("numpy.fft._pocketfft_umath")
except ImportError:  # another numpy than those we know
    _within = None

_AS_IT_IS = np.float32(1.0)


def spectra(blocks: Samples, out: Spectra) -> Spectra:
    """Of each row, into ``out``: its size says how many samples that is, an even number; a row with fewer is followed by silence."""
    if _within is None:
        out[...] = np.fft.rfft(blocks, 2 * (out.shape[-1] - 1))
    else:
        _within.rfft_n_even(blocks, _AS_IT_IS, out)
    return out


def blocks(spectra: Spectra, out: Samples) -> Samples:
    """The way back."""
    if _within is None:
        out[...] = np.fft.irfft(spectra, out.shape[-1])
    else:
        _within.irfft(spectra, np.float32(1.0 / out.shape[-1]), out)
    return out
