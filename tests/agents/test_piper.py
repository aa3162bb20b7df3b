"""Piper with its real voice: what it says, when, in what order, and what it leaves unsaid."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import numpy as np
import pytest

from agents.providers.local import piper
from agents.providers.local.piper import PiperTTS, _Cache, _clauses
from agents.speech import ProviderError
from tests.spoken import VOICE, WEIGHTS

LONG = (
    "We are open from Monday to Friday, from eight in the morning until five in the afternoon, and on Saturdays from nine until noon. "
    "Come and see us."
)


@pytest.fixture
async def tts() -> PiperTTS:
    made = PiperTTS(piper.shared(VOICE))
    await made.ready()
    return made


async def said(tts: PiperTTS, text: str, speed: float = 1.0) -> list[bytes]:
    return [piece async for piece in tts.speak(text, speed=speed)]


def seconds(tts: PiperTTS, pieces: list[bytes]) -> float:
    return sum(map(len, pieces)) / 2 / tts.rate_hz


def samples(pieces: list[bytes]) -> np.ndarray:
    return np.frombuffer(b"".join(pieces), dtype="<i2").astype(float)


@pytest.mark.models
async def test_sound_begins_at_once_and_is_neither_faint_nor_clipped(tts: PiperTTS) -> None:
    sound = samples(await said(tts, "It begins without a pause."))
    loud = np.flatnonzero(np.abs(sound) > 400)
    assert loud[0] / tts.rate_hz < 0.03
    assert 8_000 < np.abs(sound).max() <= 32_767
    assert (np.abs(sound) >= 32_767).mean() < 0.0005


@pytest.mark.models
async def test_a_long_text_comes_in_pieces_the_first_short(tts: PiperTTS) -> None:
    pieces = await said(tts, LONG)
    assert len(pieces) >= 3
    assert seconds(tts, pieces[:1]) < 3.5 < seconds(tts, pieces)


@pytest.mark.models
@pytest.mark.parametrize(("speed", "least", "most"), [(0.7, 1.2, 1.7), (1.5, 0.55, 0.85)])
async def test_speed_changes_the_length(tts: PiperTTS, speed: float, least: float, most: float) -> None:
    text = "Please tell me your name and your telephone number."
    ratio = seconds(tts, await said(tts, text, speed)) / seconds(tts, await said(tts, text))
    assert least < ratio < most


@pytest.mark.models
async def test_ipa_in_brackets_is_spoken_as_sounds(tts: PiperTTS) -> None:
    assert tts.can_ipa
    voice = piper.shared(VOICE)
    (written, _), *_ = voice.pieces("My name is win.")
    (exact, _), *_ = voice.pieces("My name is [[wˈɪn]].")
    assert exact == written
    assert await said(tts, "[[wˈɪn]]")


@pytest.mark.models
@pytest.mark.parametrize("text", ["", "  ", "…", "?!", "[[]]", "[[", "]]", "\n", "😀", "...\n..."])
async def test_text_without_sounds_is_silence_and_no_fault(tts: PiperTTS, text: str) -> None:
    assert seconds(tts, await said(tts, text)) < 1.0


@pytest.mark.models
async def test_a_prepared_line_is_there_at_once(tts: PiperTTS) -> None:
    line = "This line was prepared before anybody called, which is why it comes at once."
    tts.prepare([line, "", line], speed=1.0)
    async with asyncio.timeout(30):
        while piper.shared(VOICE).cache.get((line, 1.0)) is None:
            await asyncio.sleep(0.05)
    began = time.perf_counter()
    pieces = await said(tts, line)
    assert time.perf_counter() - began < 0.02
    assert seconds(tts, pieces) > 2


@pytest.mark.models
async def test_a_closed_iterator_stops_the_work(tts: PiperTTS) -> None:
    voice, made = piper.shared(VOICE), []
    original = voice.sound
    try:
        voice.sound = lambda *given: made.append(1) or original(*given)  # type: ignore[method-assign]
        speaking = tts.speak(
            "One is the first. Two is the second. Three is the third. Four is the last one here.", speed=1.05
        )
        await anext(speaking)
        await speaking.aclose()
        await asyncio.sleep(0.6)
    finally:
        del voice.sound
    assert len(made) <= 2


@pytest.mark.models
async def test_a_caller_who_hears_nothing_yet_goes_before_one_who_has_sound(tts: PiperTTS) -> None:
    first_sound: dict[str, float] = {}
    last_sound: dict[str, float] = {}

    async def speak(name: str, text: str, delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        async for _ in tts.speak(text, speed=1.0):
            first_sound.setdefault(name, time.perf_counter())
            last_sound[name] = time.perf_counter()

    story = " ".join(f"This is sentence number {number} of a very long story." for number in range(12))
    await asyncio.gather(speak("long", story, 0), speak("short", "Here is a short answer.", 0.2))
    assert first_sound["short"] < last_sound["long"]


@pytest.mark.models
async def test_two_calls_speak_at_once_and_get_their_own_words(tts: PiperTTS) -> None:
    one, other = await asyncio.gather(
        said(tts, "The first caller."), said(tts, "This is for the second caller, who hears more.")
    )
    assert seconds(tts, one) < seconds(tts, other)


def test_a_voice_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ProviderError, match="nobody is not installed"):
        piper.Voice(tmp_path / "nobody.onnx")


def test_without_the_engine_the_voice_is_offered_but_not_usable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(piper, "is_installed", lambda: False)
    offer = piper.PROVIDER.offers(WEIGHTS)[0]
    assert not offer.is_usable
    assert "pip install piper-tts" in offer.why_not
    with pytest.raises(ProviderError, match="piper-tts is not installed"):
        piper.shared(Path("/nowhere/other.onnx"))


def test_other_voices_in_the_folder_are_offered(tmp_path: Path) -> None:
    folder = tmp_path / "piper"
    folder.mkdir()
    (folder / "en_GB-alba-medium.onnx").touch()
    (folder / "en_GB-alba-medium.onnx.json").touch()
    (folder / "de_DE-half.onnx").touch()  # without its .json it is no voice
    default, alba = piper.PROVIDER.offers(tmp_path)
    assert (default.key, default.is_usable) == ("piper/en_US-joe-medium", False)
    assert (alba.key, alba.title, alba.languages, alba.is_usable) == (
        "piper/en_GB-alba-medium",
        "Alba (British English)",
        ("en",),
        True,
    )


def test_the_cache_forgets_the_least_used_when_it_is_full() -> None:
    cache = _Cache(10)
    for name in "abc":
        cache.put((name, 1.0), [b"1234"])
        cache.get(("a", 1.0))
    assert [name for name in "abc" if cache.get((name, 1.0))] == ["a", "c"]
    cache.put(("huge", 1.0), [b"x" * 100])
    assert cache.get(("huge", 1.0)) is None


def test_clauses_are_cut_behind_commas() -> None:
    assert _clauses("ab, cd.", 45) == [list("ab, cd.")]
    assert [len(clause) for clause in _clauses("a" * 30 + "," + "b" * 30, 45)] == [31, 30]
    assert _clauses(".,!", 45) == []


@pytest.mark.models
async def test_many_calls_that_prepare_their_lines_never_crowd_out_a_caller(tts: PiperTTS) -> None:
    lines = [f"This is line number {number} of what the agent may say." for number in range(60)]
    for call in range(10):
        tts.prepare(lines, speed=1.0)
        tts.prepare([f"Hello, this is practice {call}, and {line}" for line in lines], speed=1.0)
    began = time.perf_counter()
    assert await said(tts, "A caller waits for this.")
    assert time.perf_counter() - began < 3
