"""What the transcriber gets to hear of quiet callers and loud rooms."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from agents.speech import AudioFrame
from telephony.audio.cleaning import MOST_GAIN, WANTED_RMS, Cleaner, Leveller

DICE = np.random.default_rng(5)


def speech(rms: float, frames: int = 100) -> list[np.ndarray]:
    return [(DICE.normal(0, rms, 320)).astype(np.float32) for _ in range(frames)]


def level(samples: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(samples.astype(float)))))


@pytest.mark.parametrize(
    ("rms", "heard_as"), [(5_000, 5_000), (1_000, 1_000), (400, WANTED_RMS), (120, WANTED_RMS), (30, 30 * MOST_GAIN)]
)
def test_quiet_callers_are_made_louder_and_nobody_else(rms: float, heard_as: float) -> None:
    leveller = Leveller()
    heard = [leveller.push(frame, is_speech=True) for frame in speech(rms, 300)]
    assert level(heard[-1]) == pytest.approx(heard_as, rel=0.15)


def test_the_gain_grows_slowly_and_stays_in_pauses() -> None:
    leveller = Leveller()
    gains = []
    for frame in speech(100, 200):
        leveller.push(frame, is_speech=True)
        gains.append(leveller.gain)
    assert max(after / before for before, after in pairwise(gains)) < 1.021
    for frame in speech(5, 200):
        leveller.push(frame, is_speech=False)
    assert leveller.gain == pytest.approx(gains[-1], rel=0.01)


def test_a_room_is_not_taken_for_a_quiet_caller() -> None:
    leveller = Leveller()
    for frame in speech(60, 300):
        leveller.push(frame, is_speech=False)
    assert leveller.gain == 1.0


def test_a_caller_who_comes_closer_is_turned_down_again() -> None:
    leveller = Leveller()
    for frame in speech(150, 200):
        leveller.push(frame, is_speech=True)
    for frame in speech(4_000, 200):
        leveller.push(frame, is_speech=True)
    assert leveller.gain == 1.0


def test_what_needs_nothing_is_not_touched() -> None:
    cleaner = Cleaner(suppression=None, levels=True)
    for sound in speech(3_000, 50):
        frame = AudioFrame(sound.astype("<i2").tobytes(), 16_000)
        assert cleaner.push(frame, is_speech=True) is frame


def test_the_loudest_sound_is_clipped_not_wrapped() -> None:
    cleaner = Cleaner(suppression=None, levels=True)
    for sound in speech(60, 200):
        cleaner.push(AudioFrame(sound.astype("<i2").tobytes(), 16_000), is_speech=True)
    shout = AudioFrame(np.full(320, 20_000, dtype="<i2").tobytes(), 16_000)
    assert np.frombuffer(cleaner.push(shout, is_speech=True).pcm, dtype="<i2").min() == 32_767


@pytest.mark.parametrize(("suppression", "at_least_db"), [(0, 4), (1, 8)])
def test_noise_gets_less(suppression: int, at_least_db: float) -> None:
    cleaner = Cleaner(suppression=suppression, levels=False)
    heard = [
        cleaner.push(AudioFrame(sound.astype("<i2").tobytes(), 16_000), is_speech=False) for sound in speech(500, 150)
    ]
    assert {len(frame.pcm) for frame in heard} == {640}
    left = level(np.frombuffer(heard[-1].pcm, dtype="<i2"))
    assert 20 * np.log10(500 / left) > at_least_db
