"""The short way to a spectrum gives what numpy's own does, and so does the long way, taken where numpy has no short one."""

from __future__ import annotations

import numpy as np
import pytest

from telephony.audio import spectra

LOUD = np.random.default_rng(3).normal(0, 6_000, (3, 512)).astype(np.float32)


@pytest.fixture(params=["short way", "long way"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "long way":
        monkeypatch.setattr(spectra, "_within", None)
    else:
        assert spectra._within is not None, "this numpy has none: frames of lines with an echo cost more now"


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("sound", [LOUD, LOUD[0], LOUD[:1, :300]], ids=["rows", "one row", "followed by silence"])
def test_there_and_back(sound: spectra.Samples) -> None:
    out = np.empty((*sound.shape[:-1], 257), dtype=np.complex64)
    found = spectra.spectra(sound, out)
    assert found is out
    right = np.fft.rfft(sound.astype(np.float64), 512)
    np.testing.assert_allclose(found, right, atol=float(np.abs(right).max()) * 1e-6)
    back = spectra.blocks(found, np.empty((*sound.shape[:-1], 512), dtype=np.float32))
    np.testing.assert_allclose(back[..., : sound.shape[-1]], sound, atol=0.05)
    np.testing.assert_allclose(back[..., sound.shape[-1] :], 0.0, atol=0.05)
