"""A room that can be heard, and doesn't cover the voice."""

from __future__ import annotations

import numpy as np
import pytest

from telephony.audio import ambience
from telephony.audio.level import rms
from telephony.audio.playout import PLAYOUT_RATE_HZ, Playout


@pytest.mark.parametrize("room", ["office", "cafe"])
def test_a_room_has_its_loudness_and_no_seam(room: str) -> None:
    quiet, loud = ambience.loop(room, 0.3), ambience.loop(room, 1.0)
    assert quiet is not None
    assert loud is not None
    assert len(quiet) == ambience.SECONDS * PLAYOUT_RATE_HZ
    assert 50 < rms(quiet.tobytes()) < 600 < rms(loud.tobytes()) < 3_000
    steps = np.abs(np.diff(quiet.astype(int)))
    assert abs(int(quiet[0]) - int(quiet[-1])) <= steps.max()
    assert ambience.loop(room, 0.3) is quiet, "made once"


def test_no_room_and_no_volume_are_silence() -> None:
    assert ambience.loop("none", 1.0) is None
    assert ambience.loop("office", 0.0) is None


def test_the_loop_goes_round() -> None:
    playout = Playout()
    playout.background = ambience.loop("office", 0.5)
    frames = [playout.pull() for _ in range(ambience.SECONDS * 50 + 5)]
    assert frames[0] == frames[ambience.SECONDS * 50]
