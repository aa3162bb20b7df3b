"""A voice's silence before its first word is not played, wherever in the sound that word begins."""

from __future__ import annotations

import numpy as np
import pytest

from telephony.session.reply import without_silence

RATE_HZ = 16_000
KEPT = 160
"""Samples before the first sound: 10 ms."""


def sound(silent: int, loud: int, amplitude: int = 900) -> bytes:
    return np.array([150] * silent + [amplitude] * loud, dtype="<i2").tobytes()


@pytest.mark.parametrize("silent", [0, 1, 159, 160, 161, 2_047, 2_048, 2_049, 40_000])
@pytest.mark.parametrize("amplitude", [900, -900])
def test_it_begins_shortly_before_the_first_sound(silent: int, amplitude: int) -> None:
    left = without_silence(sound(silent, 50, amplitude), RATE_HZ)
    assert left == sound(min(silent, KEPT), 50, amplitude)


@pytest.mark.parametrize("silent", [0, 1, 2_048, 5_000])
def test_where_there_is_none_nothing_is_left(silent: int) -> None:
    assert without_silence(sound(silent, 0), RATE_HZ) == b""


def test_half_a_sample_at_the_end_is_no_sound() -> None:
    assert without_silence(sound(100, 0) + b"\x7f", RATE_HZ) == b""
