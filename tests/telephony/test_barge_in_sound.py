"""Coughs, knocks, keys and real words through the real VAD: what may hush the agent, and how soon."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from agents.speech import AudioFrame
from telephony.audio import vad
from tests.spoken import WEIGHTS, spoken

pytestmark = [pytest.mark.models, pytest.mark.paced]
LEAD_MS = 1_000
Sound = npt.NDArray[np.float64]


def band(dice: np.random.Generator, count: int, low_hz: int, high_hz: int) -> Sound:
    spectrum = np.fft.rfft(dice.standard_normal(count))
    frequencies = np.fft.rfftfreq(count, 1 / 16_000)
    spectrum[(frequencies < low_hz) | (frequencies > high_hz)] = 0
    sound = np.fft.irfft(spectrum, count)
    return np.asarray(sound / np.abs(sound).max())


def cough(dice: np.random.Generator, ms: int, loud: int) -> Sound:
    """A burst with the bands of an open mouth, that dies away."""
    count = ms * 16
    shape = np.exp(-np.linspace(0, 4, count)) * np.minimum(1, np.linspace(0, 20, count))
    sound = 0.6 * band(dice, count, 300, 900) + 0.3 * band(dice, count, 1_200, 2_500)
    return np.asarray((sound + 0.1 * band(dice, count, 50, 6_000)) * shape * loud)


def knock(loud: int) -> Sound:
    time = np.arange(2_400) / 16_000
    return np.asarray(np.sin(2 * np.pi * 180 * time) * np.exp(-time * 60) * loud)


def keys(dice: np.random.Generator, loud: int) -> Sound:
    sound = np.zeros(4_000)
    for at in (0, 1_500, 3_000):
        sound[at : at + 200] = band(dice, 200, 1_500, 7_000) * np.exp(-np.linspace(0, 5, 200)) * loud
    return sound


def edges(sound: Sound, dice: np.random.Generator) -> list[tuple[vad.VADEdge, int]]:
    """What the VAD tells, and when (ms after the sound began)."""
    ear = vad.VAD(vad.load(WEIGHTS / "silero-vad-v6" / "silero_vad_v6.onnx"))
    lead = LEAD_MS * 16
    room = dice.normal(0, 12, 2 * lead + len(sound))
    room[lead : lead + len(sound)] += sound
    pcm = np.clip(room, -32_768, 32_767).astype("<i2")
    told: list[tuple[vad.VADEdge, int]] = []
    for at in range(0, len(pcm) - 319, 320):
        frame = AudioFrame(pcm[at : at + 320].tobytes(), 16_000)
        told += [(edge, (at + 320) // 16 - LEAD_MS) for edge in ear.push(frame)]
    return told


@pytest.mark.parametrize("loud", [4_000, 9_000, 18_000])
def test_a_cough_a_knock_and_keys_do_not_take_the_floor(loud: int) -> None:
    dice = np.random.default_rng(5)
    noises = [*(cough(dice, ms, loud) for ms in (150, 200, 250, 300)), knock(loud), keys(dice, loud)]
    for noise in noises:
        voiced_ms = 0
        began_ms = 0
        for edge, _ in edges(noise, dice):
            if isinstance(edge, vad.SpeechStarted):
                began_ms = edge.at_ms
            else:
                voiced_ms += edge.at_ms - began_ms
        assert voiced_ms < 200  # less than the most sensitive agent yields to


@pytest.mark.parametrize(
    "said", ["wait", "no, Wednesday", "stop", "excuse me, what about Saturday", "hold on", "sorry"]
)
@pytest.mark.parametrize("volume", [0.5, 1.0])
def test_words_are_noticed_within_a_quarter_of_a_second(said: str, volume: float) -> None:
    sound = np.frombuffer(spoken(said), dtype="<i2").astype(float)
    sound = sound[np.flatnonzero(np.abs(sound) > 300)[0] :] * volume
    told = edges(sound, np.random.default_rng(2))
    assert isinstance(told[0][0], vad.SpeechStarted)
    assert told[0][1] <= 250
