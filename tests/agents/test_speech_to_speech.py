"""A mind on a model that hears and speaks: the tools, goodbyes and notes of every language model, in its own voice."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from agents import live
from agents.conversation import Conversation
from agents.menu_mind import WithMenu
from agents.mind import Collected, EndCall, HearsItself, ReplyPart, Say, Spoken, Thought, Transfer, Utterance
from agents.providers import registry
from agents.providers.local import weights
from agents.providers.offers import Surroundings
from agents.providers.openai_realtime import PROVIDER
from agents.providers.openai_realtime.model import OpenAIRealtime
from agents.spec import AgentSpec
from agents.speech import AudioFrame, ProviderError
from agents.speech_to_speech import RealtimeMind
from agents.standby import Chain, Minds, hearing_of
from tests.agents.test_openai_realtime import LOUD, a_model, shown, through_the_door, until
from tests.peers.realtime_stand_in import RealtimeStandIn, Talks, tone

NOW = datetime(2026, 11, 23, 10, 0).astimezone()
SPEC = AgentSpec.model_validate(
    {
        "says": {"prompt": "You are Bright Smile Dental.", "goodbye": "Bye now."},
        "sounds": {
            "voice": "openai_realtime/marin",
            "pronunciations": [{"word": "Nguyen", "sounds_like": "win"}, {"word": "Lee", "ipa": "liː"}],
        },
        "knows": {"model": "openai_realtime", "base_url": "https://realtime.example/v1", "credential": "Ours"},
        "does": {
            "collect": [{"key": "name", "type": "person", "question": "What is your name?", "read_back": False}],
            "transfers": [
                {"name": "Reception", "to": "number", "address": "+14155550100", "words": "I'll put you through."}
            ],
        },
    }
)


def by_words(*talks: Talks) -> Any:
    rest = list(talks)
    return lambda items: rest.pop(0)


@asynccontextmanager
async def a_mind(*talks: Talks) -> AsyncIterator[tuple[RealtimeMind, RealtimeStandIn]]:
    async with a_model(by_words(*talks)) as (model, server):
        yield RealtimeMind(SPEC, model, now=lambda: NOW), server


def says(mind: RealtimeMind, at_ms: int = 1_000) -> None:
    mind.start(at_ms)
    for index in range(30):
        mind.push(LOUD, at_ms + index * 20)


async def reply(
    mind: RealtimeMind, text: str, revision: int = 1, conversation: Conversation | None = None
) -> list[ReplyPart]:
    return [part async for part in mind.reply(Utterance(text, revision), conversation or Conversation())]


def words(parts: list[ReplyPart]) -> str:
    return "".join(part.text for part in parts if isinstance(part, Spoken))


async def test_it_answers_in_its_own_voice_and_tells_what_that_cost() -> None:
    async with a_mind(Talks("We open at eight.")) as (mind, server):
        says(mind)
        parts = await reply(mind, "When do you open?")
        assert words(parts) == "We open at eight."
        assert b"".join(part.pcm for part in parts if isinstance(part, Spoken)) == tone("We open at eight.")
        (thought,) = [part for part in parts if isinstance(part, Thought)]
        assert thought.data["prompt_audio_tokens"] == 50 and thought.data["reply_audio_tokens"]
        assert thought.data["prompt_tokens"] == 150 and thought.data["cached_tokens"] == 20
        told = server.now.config["instructions"]
        for wanted in ("Bright Smile Dental", "you hear the caller", "“Nguyen”", "win", "liː", "What is your name?"):
            assert wanted.strip("“”") in told
        assert "transcriber" not in told
        assert mind.spent(1) is not None


async def test_it_is_told_that_somebody_else_is_on_the_line() -> None:
    async with a_mind(Talks("Hello."), Talks("Hello again.")) as (mind, server):
        says(mind)
        await reply(mind, "Hello?")
        assert "somebody else" not in server.now.config["instructions"]
        mind.commit(1)
        says(mind, 5_000)
        await reply(mind, "Hello?", 2, Conversation(others=["+49301234567"]))
        assert "put through to somebody else, +49301234567" in server.now.config["instructions"]


async def test_a_tool_is_used_and_the_answer_goes_on() -> None:
    saved = Talks(calls=[("save_details", {"key": "name", "value": "Thomas Anderson"})])
    async with a_mind(saved, Talks("Thank you, Thomas.")) as (mind, server):
        says(mind)
        parts = await reply(mind, "My name is Thomas Anderson.")
        assert Collected("name", "Thomas Anderson", "Thomas Anderson", True) in parts
        assert words(parts) == "Thank you, Thomas."
        mind.commit(1)
        assert mind.collected() == {"name": "Thomas Anderson"}
        assert [item.text for item in server.now.items if item.kind == "function_call_output"] == [
            "Saved: Thomas Anderson."
        ]


async def test_it_says_goodbye_and_the_call_ends_though_it_forgets_the_tool() -> None:
    async with a_mind(Talks("Goodbye!")) as (mind, _):
        says(mind)
        assert EndCall("caller_goodbye") in await reply(mind, "Thanks, bye.")
    async with a_mind(Talks("Is there anything else?")) as (mind, _):
        says(mind)
        assert not any(isinstance(part, EndCall) for part in await reply(mind, "That's all."))


async def test_a_transfer_is_said_in_the_agents_words() -> None:
    async with a_mind(Talks(calls=[("transfer_call", {"to": "Reception"})])) as (mind, server):
        says(mind)
        parts = await reply(mind, "Let me talk to a person.")
        assert Say("I'll put you through.") in parts and Transfer("Reception") in parts
        await until(lambda: server.now.items[-1].text == "The caller is put through.")


async def test_what_was_heard_is_told_only_of_an_answer_of_its_own() -> None:
    async with a_mind(Talks("We open at eight."), Talks("At five.")) as (mind, server):
        conversation = Conversation()
        says(mind)
        await reply(mind, "When do you open?", 1, conversation)
        mind.commit(1)
        conversation.caller_said("When do you open?")
        conversation.agent_said("We open at eight.")
        conversation.cut_agent("We open", intended="We open at eight.")
        assert conversation.last_agent is not None
        mind.was_heard(7, 100, conversation.last_agent)  # of another's
        mind.was_heard(1, 300, conversation.last_agent)
        says(mind, 5_000)
        await reply(mind, "And when do you close?", 2, conversation)
        assert server.now.items[1].truncated_ms == 300
        assert shown(server.now.items)[0].startswith("user: sound") and server.now.faults == []
        assert server.now.kinds("conversation.item.delete") == []


async def test_a_turn_that_it_did_not_answer_is_in_words() -> None:
    async with a_mind(Talks("We open at eight.")) as (mind, server):
        conversation = Conversation()
        says(mind)
        mind.commit(1)  # another answered
        conversation.caller_said("Hello?")
        conversation.agent_said("Hello, this is somebody else.")
        says(mind, 5_000)
        await reply(mind, "When do you open?", 2, conversation)
        assert shown(server.now.items)[:2] == ["user: Hello?", "assistant: Hello, this is somebody else."]
        assert shown(server.now.items)[2].startswith("user: sound") and server.now.faults == []


async def test_it_sums_up_beside_the_conversation() -> None:
    async with a_mind() as (mind, server):
        conversation = Conversation()
        conversation.caller_said("I'd like an appointment.")
        assert await mind.summary(conversation) == "They want an appointment."
        (asked,) = server.now.kinds("response.create")
        assert "Caller: I'd like an appointment." in str(asked) and server.now.items == []


async def test_a_menu_and_a_fallback_lead_the_sound_to_it() -> None:
    async with a_mind(Talks("Yes.")) as (mind, _):
        menu = WithMenu(mind, SPEC)
        both = Minds(Chain.of_one(menu), [])
        assert isinstance(both, HearsItself) and hearing_of(both) is mind
        assert hearing_of(Minds(Chain.of_one(_Deaf()), [])) is None  # type: ignore[arg-type]
        says(mind)
        parts = [part async for part in both.reply(Utterance("Hello?", 1), Conversation())]
        assert words(parts) == "Yes."


class _Deaf:
    def greet(self) -> list[ReplyPart]:
        return []


# ---- as a vendor


def changed(**groups: dict[str, Any]) -> AgentSpec:
    given = SPEC.model_dump(mode="json")
    for group, values in groups.items():
        given[group] |= values
    return AgentSpec.model_validate(given)


@pytest.mark.parametrize(
    ("spec", "path", "words"),
    [
        (changed(sounds={"voice": "piper/en_US-joe-medium"}), "sounds.voice", "speaks for itself"),
        (changed(knows={"model": "scripted"}), "sounds.voice", "belongs to the speech-to-speech model"),
        (changed(knows={"base_url": "", "credential": ""}), "knows.credential", "Choose a key"),
        (
            changed(knows={"model": "scripted", "model_fallbacks": ["openai_realtime"]}, sounds={"voice": "x"}),
            "knows.model_fallbacks",
            "set up where it is the brain",
        ),
        (
            changed(
                knows={"model": "scripted"},
                sounds={"voice": "piper/en_US-joe-medium", "voice_fallbacks": ["openai_realtime/cedar"]},
            ),
            "sounds.voice_fallbacks",
            "belongs to the speech-to-speech model",
        ),
    ],
)
def test_what_does_not_go_together_is_said_at_its_knob(spec: AgentSpec, path: str, words: str) -> None:
    found = PROVIDER.problems(spec)
    assert any(problem.path == path and words in problem.message for problem in found), found


def test_a_whole_one_has_no_problems_and_its_key_goes_to_its_address_only() -> None:
    assert PROVIDER.problems(SPEC) == []
    assert PROVIDER.keys(SPEC) == {"Ours": "https://realtime.example/v1"}
    assert PROVIDER.keys(changed(knows={"base_url": ""})) == {"Ours": "https://api.openai.com/v1"}
    assert PROVIDER.problems(AgentSpec()) == [] and PROVIDER.keys(AgentSpec()) == {}
    found = registry.find("openai_realtime/cedar", "voice", weights.folder())
    assert found is not None and found[1].needs_credential


async def test_the_brain_and_its_voice_share_one_connection_in_a_call(tmp_path: Path) -> None:
    async with RealtimeStandIn(lambda items: Talks("Yes.")).serving() as server:
        spec = changed(knows={"base_url": server.url, "model_name": ""}, sounds={"voice": "openai_realtime/cedar"})
        around = Surroundings(tmp_path, {"Ours": "sk-1"}, websocket=through_the_door)
        assert PROVIDER.make_tts is not None and PROVIDER.make_mind is not None
        tts = await PROVIDER.make_tts(spec, around)
        mind = await PROVIDER.make_mind(spec, around)
        assert isinstance(mind, RealtimeMind)
        mind.listen()
        assert b"".join([pcm async for pcm in tts.speak("Hello there.", speed=1.0)]) == tone("Hello there.")
        mind.start(0)
        mind.push(AudioFrame(bytes(6_400), 16_000), 0)
        assert words(await reply(mind, "Hello?")) == "Yes."
        assert len(server.connections) == 1 and server.now.model == "gpt-realtime-2.1"
        assert server.now.config["audio"]["output"]["voice"] == "cedar"
        assert server.now.headers["authorization"] == "Bearer sk-1"
        await mind.close()
        # Without a call: ▶ in the dashboard, a message left while nobody answers.
        assert b"".join([pcm async for pcm in tts.speak("Hello there, again.", speed=1.0)])
        assert len(server.connections) == 2
        assert isinstance(around.of_call["openai_realtime"], OpenAIRealtime)


async def test_a_key_that_is_not_stored_is_said(tmp_path: Path) -> None:
    assert PROVIDER.make_mind is not None
    with pytest.raises(ProviderError, match="not among the stored keys"):
        await PROVIDER.make_mind(SPEC, Surroundings(tmp_path, {}, websocket=through_the_door))


def test_the_catalog_names_it() -> None:
    assert "openai_realtime" in [offer.key for offer in registry.offers(live.weights_dir()) if offer.kind == "model"]
