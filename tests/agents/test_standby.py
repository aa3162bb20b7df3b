"""Who is asked, in which order, and what the minds of one call know of each other."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from agents import live
from agents.conversation import Conversation
from agents.llm import Finished, LLMEvent, Message, Text, Tool, ToolCall
from agents.mind import Mind, ReplyPart, Say, Utterance, Value
from agents.providers.breaker import BREAKERS, Breaker
from agents.providers.local.embeddings import shared
from agents.providers.local.scripted import ScriptedMind
from agents.reply import LLMMind
from agents.spec import AgentSpec, CollectField, Does, FieldType, Knows, Listens, Says, Sounds
from agents.speech import ProviderError
from agents.standby import Chain, Member, Minds, Round
from tests.agents.scripted_talk import NOW, WEIGHTS, words_of

SPEC = AgentSpec(
    says=Says(prompt="We are open from 8 to 5.\nParking is free."),
    does=Does(
        collect=(
            CollectField(key="name", type=FieldType.PERSON, question="May I have your name?"),
            CollectField(key="phone", type=FieldType.PHONE, question="What number can we reach you at?"),
            CollectField(key="day", type=FieldType.DATETIME, question="What day and time suits you?"),
        ),
        collect_intent="book an appointment",
    ),
    knows=Knows(model="openai", model_name="m", base_url="http://brain.example/v1", model_fallbacks=("scripted",)),
)


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def names(chain: Chain[str]) -> list[str]:
    return [member.thing for member in chain.candidates()]


def test_one_that_failed_in_this_call_comes_back_after_a_while() -> None:
    clock = Clock()
    chain = Chain([Member("a"), Member("b")], now_s=clock)
    assert names(chain) == ["a", "b"]
    chain.failed(chain.members[0], "late")
    assert names(chain) == ["b"]
    chain.failed(chain.members[1], "late too")
    assert names(chain) == ["a"], "where all rest, the first is worth another try"
    clock.now_s = 15
    assert names(chain) == ["a", "b"]


def test_one_whose_breaker_is_open_is_left_to_the_next_and_alone_it_is_asked_by_nobody() -> None:
    clock, breaker = Clock(), Breaker()
    for _ in range(3):
        breaker.failed(0, "It is down.")
    assert names(Chain([Member("a", "A", breaker), Member("b", "B")], now_s=clock)) == ["b"]
    alone = Chain([Member("a", "A", breaker)], now_s=clock)
    asking = Round(alone, "model", lambda kind, data: None)
    assert asking.next(0) is None and asking.why == "It is down."
    clock.now_s = 10
    assert names(alone) == ["a"]


def test_two_calls_send_one_question_to_a_vendor_that_may_be_back() -> None:
    clock, breaker = Clock(), Breaker()
    for _ in range(3):
        breaker.failed(0, "It is down.")
    clock.now_s = 10
    calls = [Chain([Member("a", "A", breaker), Member("b", "B")], now_s=clock) for _ in range(2)]
    rounds = [Round(chain, "model", lambda kind, data: None) for chain in calls]
    asked = [asking.next(0) for asking in rounds]
    assert [member.thing for member in asked if member] == ["a", "b"]
    rounds[0].close()  # that caller went on: the next call may ask
    again = Round(calls[1], "model", lambda kind, data: None).next(0)
    assert again is not None and again.thing == "a"


class Typed:
    """A language model that says what it is told to, or hangs up."""

    name = "m"

    def __init__(self) -> None:
        self.answers: list[list[LLMEvent] | ProviderError] = []
        self.asked: list[Sequence[Message]] = []

    async def stream(self, messages: Sequence[Message], tools: Sequence[Tool]) -> AsyncIterator[LLMEvent]:
        self.asked.append(list(messages))
        answer = self.answers.pop(0)
        if isinstance(answer, ProviderError):
            raise answer
        for event in answer:
            yield event

    async def close(self) -> None: ...


def saves(key: str, value: str, says: str) -> list[LLMEvent]:
    call = ToolCall("1", "save_details", f'{{"key": "{key}", "value": "{value}", "confirmed": true}}')
    return [Text(says), call, Finished("tool_calls", 1, 1, 1)]


class Talk:
    """A typed call with a model and the script behind it."""

    def __init__(self, llm: Typed, script: ScriptedMind) -> None:
        model = LLMMind(SPEC, llm, now=lambda: NOW)
        self.chain: Chain[Mind] = Chain([Member[Mind](model, "The model"), Member[Mind](script, "Scripted")])
        self.minds = Minds(self.chain, [one.key for one in SPEC.does.collect])
        self.conversation = Conversation()
        self.conversation.agent_said(words_of(self.minds.greet()))
        self._revision = 0

    async def say(self, text: str) -> str:
        self._revision += 1
        utterance = Utterance(text, self._revision)
        parts: list[ReplyPart] = []
        for member in self.chain.members:
            self.minds.turn_to(member.thing)
            try:
                parts = [part async for part in self.minds.reply(utterance, self.conversation)]
                break
            except ProviderError:
                continue
        self.minds.commit(self._revision)
        self.conversation.caller_said(text)
        said = words_of(parts)
        self.conversation.agent_said(said)
        return said


@pytest.mark.models
async def test_what_the_model_found_out_the_script_knows_and_back_again() -> None:
    llm, script = Typed(), ScriptedMind(SPEC, shared(WEIGHTS), lambda: NOW, "US")
    await script.prepare()
    talk = Talk(llm, script)
    away = ProviderError("It hung up.")
    llm.answers = [
        [Text("Gladly. What is your name?"), Finished("stop", 1, 1, 1)],
        saves("name", "Anna Kowalski", "Thank you, Anna. Which number may we call you back on?"),
        away,
        away,
        [Text("You are down for Tuesday, Anna."), Finished("stop", 1, 1, 1)],
    ]
    await talk.say("I'd like to book an appointment.")
    await talk.say("Anna Kowalski.")
    said = await talk.say("It is 212 555 0147.")
    assert "name" not in said.lower(), "what the model found out is not asked again"
    assert "day" in said.lower() and said.rstrip().endswith("?"), said
    found = talk.minds.collected()
    assert found["name"] == "Anna Kowalski" and str(found["phone"]).endswith("2125550147"), found
    await talk.say("Next Tuesday at ten.")
    assert talk.minds.collected()["day"] is not None
    await talk.say("Thank you.")
    told = llm.asked[-1][0].text
    assert "Anna Kowalski" in told and "2125550147" in told, "the model is told what the script found out"
    assert talk.minds.collected()["name"] == "Anna Kowalski"
    assert any(message.text == "It is 212 555 0147." for message in llm.asked[-1])


@pytest.mark.models
async def test_a_question_the_model_put_is_answered_to_the_script() -> None:
    llm, script = Typed(), ScriptedMind(SPEC, shared(WEIGHTS), lambda: NOW, "US")
    await script.prepare()
    talk = Talk(llm, script)
    llm.answers = [
        [Text("Of course. Could you tell me your name, please?"), Finished("stop", 1, 1, 1)],
        ProviderError("It hung up."),
    ]
    await talk.say("I'd like to book an appointment.")
    said = await talk.say("Thomas Anderson.")
    assert talk.minds.collected()["name"] == "Thomas Anderson", said
    assert "number" in said.lower(), said


@pytest.fixture
def weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live._configured, "weights", Path(os.environ.get("WEIGHTS_DIR", "var/weights")))


@pytest.mark.models
@pytest.mark.parametrize(
    ("spec", "path", "words"),
    [
        (AgentSpec(knows=Knows(model_fallbacks=("hal",))), "knows.model_fallbacks", "no model called “hal”"),
        (AgentSpec(knows=Knows(model_fallbacks=("scripted",))), "knows.model_fallbacks", "named twice"),
        (AgentSpec(knows=Knows(model_fallbacks=("openai",))), "knows.model_fallbacks", "Choose it there"),
        (AgentSpec(sounds=Sounds(voice_fallbacks=("x",))), "sounds.voice_fallbacks", "no voice called “x”"),
        (AgentSpec(listens=Listens(transcriber_fallbacks=("x", "x"))), "listens.transcriber_fallbacks", "named twice"),
        (
            SPEC.model_copy(update={"sounds": Sounds(language="de-DE")}),
            "knows.model_fallbacks",
            "Scripted doesn't know the language “de-DE”",
        ),
    ],
)
def test_what_is_wrong_with_a_fallback_is_said_with_its_knob(
    weights: None, spec: AgentSpec, path: str, words: str
) -> None:
    assert any(words in problem.message for problem in live.problems(spec) if problem.path == path), live.problems(spec)


@pytest.mark.models
async def test_an_agent_is_made_with_its_fallbacks_and_a_bad_one_costs_no_call(weights: None) -> None:
    assert live.problems(SPEC) == []
    agent = await live.make(SPEC, {})
    assert agent.brains is not None and isinstance(agent.mind, Minds)
    assert [member.title for member in agent.brains.members] == ["The model at http://brain.example/v1", "Scripted"]
    await agent.mind.close()
    bad = await live.make(AgentSpec(knows=Knows(model_fallbacks=("hal",))), {})
    assert isinstance(bad.mind, ScriptedMind)


@pytest.mark.models
async def test_where_the_main_choice_can_not_be_made_the_next_takes_the_call(weights: None) -> None:
    spec = SPEC.model_copy(update={"knows": SPEC.knows.model_copy(update={"credential": "gone"})})
    agent = await live.make(spec, {})
    assert isinstance(agent.mind, ScriptedMind)
    assert agent.brains is not None and "“gone” is not among the stored keys" in agent.brains.absent
    told: list[str] = []
    asking = Round(agent.brains, "model", lambda kind, data: told.append(f"{kind} {data['words']}"))
    assert asking.next(0) is not None
    asking.answered()
    assert told == ["fallback The key “gone” is not among the stored keys; the answer came from Scripted."]


@pytest.mark.models
async def test_calls_of_one_process_share_what_they_know_of_a_vendor_and_organizations_do_not(weights: None) -> None:
    BREAKERS.forget()
    keyed = SPEC.model_copy(update={"knows": SPEC.knows.model_copy(update={"credential": "main"})})
    one, same, other = [await live.make(keyed, {"main": key}) for key in ("sk-1", "sk-1", "sk-2")]
    assert one.brains and same.brains and other.brains
    for _ in range(3):
        one.brains.failed(one.brains.members[0], "It is down.")
    assert [member.title for member in same.brains.candidates()] == ["Scripted"]
    assert len(other.brains.candidates()) == 2
    BREAKERS.forget()


async def test_nothing_is_said_twice_and_a_mind_that_does_not_adopt_is_no_fault() -> None:
    class Plain:
        def greet(self) -> list[ReplyPart]:
            return []

        async def reply(self, utterance: Utterance, conversation: Conversation) -> AsyncIterator[ReplyPart]:
            yield Say("Hm.")

        def commit(self, revision: int) -> None: ...
        def collected(self) -> dict[str, Value]:
            return {}

        async def close(self) -> None: ...

    first, second = Plain(), Plain()
    minds = Minds(Chain([Member(first), Member(second)]), [])
    minds.turn_to(second)
    assert [part async for part in minds.reply(Utterance("x", 1), Conversation())] == [Say("Hm.")]
    minds.commit(1)
    minds.commit(7)
