"""From a spec to an agent that can talk, and what keeps it from talking."""

from __future__ import annotations

import io
import wave
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from agents import live
from agents.catalog import catalog
from agents.preview import preview
from agents.providers.local import smart_turn, whisper
from agents.reply import LLMMind
from agents.spec import AgentSpec, Knows, Listens, Pronunciation, Says, Sounds
from agents.speech import ProviderError
from tests.spoken import WEIGHTS


@pytest.fixture(autouse=True)
def weights(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(live._configured, "weights", WEIGHTS)
    yield


@pytest.mark.models
async def test_a_new_agent_can_talk() -> None:
    spec = AgentSpec(sounds=Sounds(pronunciations=(Pronunciation(word="Nguyen", ipa="wɪn"),)))
    assert live.problems(spec) == []
    await live.warm_up(spec)
    agent = await live.make(spec, {})
    assert agent.speak_text("Dr. Nguyen, $5") == "Doctor [[wɪn]], five dollars"
    pieces = [piece async for piece in agent.tts.speak(agent.speak_text("Hello."), speed=1.0)]
    assert sum(map(len, pieces)) > agent.tts.rate_hz // 2
    stream = await agent.stt.open(language="en-US", keywords=())
    await stream.close()
    await agent.mind.close()
    assert set(live.status().values()) == {"loaded"}


@pytest.mark.models
async def test_a_language_model_agent_gets_its_key() -> None:
    spec = AgentSpec(knows=Knows(model="openai", model_name="m", credential="main"))
    agent = await live.make(spec, {"main": "sk-1"})
    assert isinstance(agent.mind, LLMMind)
    await agent.mind.close()
    with pytest.raises(ProviderError, match="“main” is not among the stored keys") as caught:
        await live.make(spec, {})
    assert caught.value.permanent


@pytest.mark.models
@pytest.mark.parametrize(
    ("spec", "path", "words"),
    [
        (AgentSpec(sounds=Sounds(voice="piper/nobody")), "sounds.voice", "no voice called “piper/nobody”"),
        (AgentSpec(sounds=Sounds(language="de-DE")), "sounds.voice", "doesn't know the language “de-DE”"),
        (AgentSpec(listens=Listens(transcriber="psychic")), "listens.transcriber", "no transcriber called “psychic”"),
        (AgentSpec(knows=Knows(model="hal")), "knows.model", "no model called “hal”"),
        (AgentSpec(knows=Knows(model="openai", credential="k")), "knows.model_name", "which model"),
        (AgentSpec(knows=Knows(model="openai", model_name="m")), "knows.credential", "Choose a key"),
    ],
)
async def test_what_keeps_a_spec_from_talking_is_said_with_its_knob(spec: AgentSpec, path: str, words: str) -> None:
    found = {problem.path: problem.message for problem in live.problems(spec)}
    assert words in found[path]
    with pytest.raises(ProviderError) as caught:
        await live.make(spec, {})
    assert caught.value.permanent


async def test_without_weights_nothing_crashes_and_everything_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live._configured, "weights", tmp_path)
    assert {problem.path for problem in live.problems(AgentSpec())} == {
        "sounds.voice",
        "listens.transcriber",
        "knows.model",
    }
    await live.warm_up()
    usable = {offer.key: offer.is_usable for offer in catalog() if not offer.key.startswith("openai_realtime")}
    assert usable == {"openai": True, "whisper/base": False, "piper/en_US-joe-medium": False, "scripted": False}
    assert all("manage.py weights" in offer.why_not for offer in catalog() if not offer.is_usable)
    with pytest.raises(ProviderError, match=r"manage\.py weights"):
        await preview(AgentSpec(), "Hello")


@pytest.mark.models
@pytest.mark.parametrize(
    ("listens", "language", "is_there"),
    [("off", "en-US", False), ("careful", "en-US", True), ("full", "en-US", True), ("full", "sw", False)],
)
async def test_an_agent_that_wants_it_listens_to_how_things_are_said(
    listens: str, language: str, is_there: bool
) -> None:
    if not (WEIGHTS / smart_turn.FILE).is_file():
        pytest.skip("Smart Turn's weights are optional, and not on this machine.")
    spec = AgentSpec.model_validate({"listens": {"acoustic_end_of_turn": listens}, "sounds": {"language": language}})
    found = await live.end_of_turn(spec)
    assert (found is not None) is is_there
    if found is not None:
        assert live.status()["smart-turn-v3"] == "loaded"


async def test_an_agent_that_wants_it_and_cannot_have_it_goes_on_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, _closed: None
) -> None:
    await live.close()
    monkeypatch.setattr(live._configured, "weights", tmp_path)
    spec = AgentSpec.model_validate({"listens": {"acoustic_end_of_turn": "careful"}})
    assert await live.end_of_turn(spec) is None
    assert live.status() == {"smart-turn-v3": live.ABSENT}
    file = tmp_path / smart_turn.FILE
    file.parent.mkdir()
    file.write_bytes(b"no model")
    assert await live.end_of_turn(spec) is None
    assert live.status()["smart-turn-v3"].startswith("failed")


@pytest.mark.models
def test_the_catalog_lists_what_a_new_agent_names_first() -> None:
    spec = AgentSpec()
    assert catalog("voice")[0].key == spec.sounds.voice
    assert catalog("transcriber")[0].key == spec.listens.transcriber
    assert catalog("model")[0].key == spec.knows.model
    assert all(offer.title and offer.price for offer in catalog())


def test_the_lines_every_call_says_are_known_beforehand() -> None:
    lines = live.static_lines(AgentSpec(says=Says(first_message="Hi.", goodbye="Bye.")))
    assert lines[:2] == ["Hi.", "Bye."]
    assert "Are you still there?" in lines


@pytest.mark.models
async def test_a_preview_is_a_wav_of_the_words() -> None:
    sounds = Sounds(pronunciations=(Pronunciation(word="zzz", sounds_like="a good morning to you"),))
    with (
        wave.open(io.BytesIO(await preview(AgentSpec(sounds=sounds), "Hello, zzz!"))) as long,
        wave.open(io.BytesIO(await preview(AgentSpec(sounds=sounds), "Hello!"))) as short,
    ):
        assert (long.getnchannels(), long.getsampwidth(), long.getframerate()) == (1, 2, 22_050)
        assert long.getnframes() > short.getnframes() + 10_000
    with pytest.raises(ProviderError, match="nothing to say"):
        await preview(AgentSpec(sounds=sounds), "  ")
    with pytest.raises(ProviderError, match="no voice called"):
        await preview(AgentSpec(sounds=Sounds(voice="x")), "Hello")


@pytest.fixture
async def _closed() -> AsyncIterator[None]:
    yield
    await live.close()


@pytest.mark.models
async def test_after_closing_the_models_are_loaded_anew(_closed: None) -> None:
    await live.warm_up()
    await live.close()
    assert live.status() == {}
    await whisper.shared(WEIGHTS / "whisper-base").ready()
    assert "loaded" in live.status().values()
