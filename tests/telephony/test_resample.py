"""Other rates, without holding sound back."""

from __future__ import annotations

import numpy as np
import pytest

from telephony.audio.level import level
from telephony.audio.resample import Resampler


def tone(ms: int, rate_hz: int, frequency_hz: float = 440.0, amplitude: float = 10_000) -> bytes:
    seconds = np.arange(rate_hz * ms // 1000) / rate_hz
    return (np.sin(2 * np.pi * frequency_hz * seconds) * amplitude).astype("<i2").tobytes()


@pytest.mark.parametrize(
    ("from_hz", "to_hz"), [(22_050, 48_000), (16_000, 48_000), (24_000, 48_000), (48_000, 16_000), (8_000, 16_000)]
)
def test_20_ms_in_gives_20_ms_out_but_for_two(from_hz: int, to_hz: int) -> None:
    resampler = Resampler(from_hz, to_hz)
    sound = tone(2_000, from_hz)
    step = from_hz // 50 * 2
    given = 0
    for at in range(0, len(sound), step):
        given += len(resampler.push(sound[at : at + step])) // 2
        expected = (at // 2 + step // 2) * to_hz / from_hz
        assert expected - given <= to_hz * 0.002 + 20
    given += len(resampler.flush()) // 2
    assert abs(given - 2 * to_hz) <= to_hz * 0.002 + 20


def test_the_tone_stays_the_tone() -> None:
    resampler = Resampler(22_050, 48_000)
    samples = np.frombuffer(resampler.push(tone(1_000, 22_050)) + resampler.flush(), dtype="<i2").astype(float)
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    frequencies = np.fft.rfftfreq(len(samples), 1 / 48_000)
    assert abs(frequencies[spectrum.argmax()] - 440) < 2
    beside = spectrum[(frequencies < 400) | (frequencies > 480)]
    assert 20 * np.log10(beside.max() / spectrum.max()) < -50


def test_pieces_of_odd_length_lose_nothing() -> None:
    whole, pieces = Resampler(16_000, 48_000), Resampler(16_000, 48_000)
    sound = tone(300, 16_000)
    out = b"".join(pieces.push(sound[at : at + 333]) for at in range(0, len(sound), 333)) + pieces.flush()
    assert out == whole.push(sound) + whole.flush()


def test_the_same_rate_is_passed_through() -> None:
    assert Resampler(48_000, 48_000).push(b"\1\2\3\4") == b"\1\2\3\4"


def test_levels_go_from_silence_to_full_scale() -> None:
    assert level(b"") == 0.0
    assert level(bytes(640)) == 0.0
    assert level(b"\xff\x7f" * 320) == 1.0
    quiet, loud = level(tone(20, 16_000, amplitude=100)), level(tone(20, 16_000, amplitude=10_000))
    assert 0.1 < quiet < loud < 1.0
