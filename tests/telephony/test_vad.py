"""The VAD's hysteresis by a table of probabilities, and the real model on noise, a click and speech."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from agents.speech import AudioFrame
from telephony.audio.vad import (
    VAD,
    WINDOW_MS,
    Samples,
    SpeechStarted,
    SpeechStopped,
    VADEdge,
    VADModel,
    VADSettings,
    load,
)
from tests.spoken import spoken

SILENCE = AudioFrame(bytes(640), 16_000)


class Told:
    """A model that answers as it was told, one probability a window."""

    def __init__(self, probabilities: list[float]) -> None:
        self.left = probabilities

    def probability(self, window: Samples, h: Samples, c: Samples) -> tuple[float, Samples, Samples]:
        return self.left.pop(0), h, c


def edges_of(probabilities: list[float], settings: VADSettings, start_ms: int = 0) -> list[VADEdge]:
    vad = VAD(Told(list(probabilities)), settings, start_ms=start_ms)
    window = AudioFrame(bytes(1024), 16_000)
    return [edge for _ in probabilities for edge in vad.push(window)]


SETTINGS = VADSettings(start_probability=0.5, stop_probability=0.35, min_speech_ms=64, min_silence_ms=96)
W = WINDOW_MS


@pytest.mark.parametrize(
    ("probabilities", "expected"),
    [
        pytest.param([0.1] * 9, [], id="silence has no edges"),
        pytest.param([0.1, 0.9, 0.1, 0.1], [], id="one loud window is a click"),
        pytest.param([0.1, 0.9, 0.9], [SpeechStarted(W)], id="two windows are speech, from where it began"),
        pytest.param([0.4, 0.4, 0.9, 0.9], [SpeechStarted(2 * W)], id="the stop threshold doesn't start speech"),
        pytest.param([0.9, 0.4, 0.9], [SpeechStarted(0)], id="a dip above the stop threshold keeps the onset"),
        pytest.param([0.9, 0.2, 0.9, 0.9], [SpeechStarted(2 * W)], id="a dip below it begins anew"),
        pytest.param([0.9] * 3 + [0.1] * 2 + [0.9], [SpeechStarted(0)], id="a short gap is part of the speech"),
        pytest.param([0.9] * 3 + [0.4] * 9, [SpeechStarted(0)], id="fading above the stop threshold goes on"),
        pytest.param(
            [0.9] * 3 + [0.1] * 4, [SpeechStarted(0), SpeechStopped(3 * W)], id="a pause stops it, where it ended"
        ),
        pytest.param(
            [0.9] * 2 + [0.1] * 3 + [0.9] * 2,
            [SpeechStarted(0), SpeechStopped(2 * W), SpeechStarted(5 * W)],
            id="and it may start again",
        ),
    ],
)
def test_probabilities_become_edges(probabilities: list[float], expected: list[VADEdge]) -> None:
    assert edges_of(probabilities, SETTINGS) == expected


def test_times_are_on_the_calls_clock() -> None:
    assert edges_of([0.9, 0.9], SETTINGS, start_ms=5_000) == [SpeechStarted(5_000)]


def test_twenty_ms_frames_fill_windows_of_32_ms() -> None:
    model = Told([0.0] * 100)
    vad = VAD(model, SETTINGS)
    for _ in range(8):  # 160 ms: five windows
        vad.push(SILENCE)
    assert len(model.left) == 95
    assert vad.now_ms == 160


def test_another_rate_is_refused() -> None:
    with pytest.raises(ValueError, match="16000 Hz, not at 8000 Hz"):
        VAD(Told([])).push(AudioFrame(bytes(320), 8_000))


@pytest.mark.parametrize("bad", [{"start_probability": 0.3}, {"stop_probability": 0.0}, {"min_speech_ms": -1}])
def test_impossible_settings_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError):
        VADSettings(**bad)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def model() -> VADModel:
    return load(Path(os.environ["WEIGHTS_DIR"]) / "silero-vad-v6" / "silero_vad_v6.onnx")


def heard(model: VADModel, pcm: bytes) -> tuple[list[VADEdge], VAD]:
    vad = VAD(model)
    edges = [e for i in range(0, len(pcm) - 639, 640) for e in vad.push(AudioFrame(pcm[i : i + 640], 16_000))]
    return edges, vad


@pytest.mark.models
def test_the_model_hears_no_speech_in_silence_noise_and_clicks(model: VADModel) -> None:
    rng = np.random.default_rng(7)
    noise = (rng.normal(0, 600, 48_000)).astype("<i2")
    click = np.zeros(16_000, dtype="<i2")
    click[8_000:8_400] = rng.normal(0, 12_000, 400).clip(-32_767, 32_767).astype("<i2")
    for sound in (np.zeros(48_000, dtype="<i2"), noise, click):
        assert heard(model, sound.tobytes())[0] == []


@pytest.mark.models
def test_the_model_finds_where_a_spoken_sentence_begins_and_ends(model: VADModel) -> None:
    speech = spoken("What time do you open on Saturday?")
    edges, vad = heard(model, bytes(32_000) + speech + bytes(32_000))
    assert isinstance(edges[0], SpeechStarted)
    assert isinstance(edges[-1], SpeechStopped)
    assert 950 <= edges[0].at_ms <= 1_150
    assert abs(edges[-1].at_ms - (1_000 + len(speech) / 32)) < 300
    assert not vad.is_speech


@pytest.mark.models
def test_two_calls_share_the_model_without_hearing_each_other(model: VADModel) -> None:
    speech = bytes(16_000) + spoken("Good morning.") + bytes(16_000)
    alone, _ = heard(model, speech)
    talking, quiet = VAD(model), VAD(model)
    edges: list[VADEdge] = []
    for i in range(0, len(speech) - 639, 640):
        edges += talking.push(AudioFrame(speech[i : i + 640], 16_000))
        assert quiet.push(SILENCE) == []
    assert edges == alone


def test_a_missing_model_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere\.onnx"):
        load(tmp_path / "nowhere.onnx")
