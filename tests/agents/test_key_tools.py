"""The keypad as a language model's tools: a number that the caller presses, and keys that the agent presses."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from agents import keypad
from agents.conversation import Conversation
from agents.llm import Text, ToolCall
from agents.mind import Collected, PressKeys, ReplyPart, Say, Utterance
from agents.reply import LLMMind
from agents.spec import AgentSpec
from agents.tools import keys
from tests.agents.test_reply import DONE, NOW, ScriptedLLM

SPEC = AgentSpec.model_validate(
    {
        "does": {
            "asks_for_keys": True,
            "presses_keys": True,
            "collect": [{"key": "customer", "question": "Which number?"}, {"key": "pin", "question": "PIN?"}],
        }
    }
)


def tool(name: str, **given: Any) -> ToolCall:
    return ToolCall("c1", name, json.dumps(given))


@dataclass
class Talk:
    llm: ScriptedLLM
    mind: LLMMind = field(init=False)
    conversation: Conversation = field(default_factory=Conversation)
    _revision: int = 0

    def __post_init__(self) -> None:
        self.mind = LLMMind(SPEC, self.llm, now=lambda: NOW)

    async def turn(self, text: str = "", digits: str = "", *, is_secret: bool = False) -> list[ReplyPart]:
        self._revision += 1
        shown = keypad.masked(digits) if is_secret else digits
        utterance = Utterance(keypad.shown(text, shown), self._revision, 0, digits, is_secret)
        parts = [part async for part in self.mind.reply(utterance, self.conversation)]
        self.mind.commit(self._revision)
        return parts

    @property
    def told(self) -> str:
        """The caller's turn as the model saw it last."""
        return self.llm.asked[-1][0][-1].text


def talk(*turns: Any) -> Talk:
    return Talk(ScriptedLLM(*turns))


def said(parts: list[ReplyPart]) -> list[str]:
    return [part.text for part in parts if isinstance(part, Say)]


ASK = tool("collect_digits", prompt="Enter your number.", least=4, most=6, key="customer")


async def test_a_model_asks_for_a_number_and_is_told_it() -> None:
    call = talk([ASK, DONE], [Text("Thank you."), DONE])
    [asked] = [part for part in await call.turn("Hello.") if isinstance(part, Say)]
    assert asked.text == "Enter your number." and asked.keys is not None
    assert (asked.keys.most, asked.keys.ends_with, asked.keys.silence_ms) == (6, "#", 6_000)
    parts = await call.turn(digits="4711#")
    assert said(parts) == ["Thank you."]
    assert call.told == "[pressed 4711, as asked]"
    assert [part.value for part in parts if isinstance(part, Collected)] == ["4711"]
    assert call.mind.collected()["customer"] == "4711"


async def test_too_few_and_nothing_are_asked_for_once_more_without_the_model_and_then_it_is_told() -> None:
    for digits, first, told in (
        ("47#", "That was too short. Enter your number.", "[pressed only 2 of at least 4 keys, asked 2 times]"),
        ("", "Enter your number.", "[pressed nothing, asked 2 times]"),
    ):
        call = talk([ASK, DONE], [Text("Then tell me."), DONE])
        await call.turn("Hello.")
        assert said(await call.turn(digits=digits)) == [first]
        assert len(call.llm.asked) == 1
        assert said(await call.turn(digits=digits)) == ["Then tell me."]
        assert call.told == told


async def test_who_would_rather_speak_is_listened_to() -> None:
    call = talk([ASK, DONE], [Text("Say it, then."), DONE], [Text("Good."), DONE])
    await call.turn("Hello.")
    assert said(await call.turn("I don't have it.")) == ["Say it, then."]
    assert call.told == "I don't have it."
    await call.turn(digits="12#")
    assert call.told == "[pressed 1 2 #]", "nothing is asked for any more"


async def test_a_secret_is_told_to_nobody_and_kept_masked() -> None:
    secret = tool("collect_digits", prompt="Enter your PIN.", least=4, most=4, key="pin", secret=True)
    call = talk([secret, DONE], [Text("Thank you."), DONE])
    [asked] = [part for part in await call.turn("Hello.") if isinstance(part, Say)]
    assert asked.keys is not None and asked.keys.is_secret
    parts = await call.turn(digits="9876", is_secret=True)
    assert call.told == "[pressed 4 secret keys, as asked]"
    assert call.mind.collected()["pin"] == "••••"
    assert "9876" not in repr(parts) + repr(call.llm.asked)


async def test_a_model_finds_its_way_through_another_sides_menu_and_knows_what_it_pressed() -> None:
    call = talk(
        [tool("press_keys", digits="1"), DONE],
        [Text("It is Ann."), tool("press_keys", digits="w2,#"), DONE],
        [Text("Hi."), DONE],
    )
    assert [part for part in await call.turn("Press 1 for sales.") if isinstance(part, Say | PressKeys)] == [
        PressKeys("1")
    ]
    parts = await call.turn("Who is calling?")
    assert [part for part in parts if isinstance(part, Say | PressKeys)] == [Say("It is Ann."), PressKeys("w2,#")]
    await call.turn("Hello?")
    assert "Keys you have pressed on the line so far: 1 then w2,#." in call.llm.asked[-1][0][0].text


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (tool("press_keys", digits="one"), "“digits” are 0 to 9"),
        (tool("press_keys", digits=",,"), "“digits” are 0 to 9"),
        (tool("collect_digits"), "say in “prompt”"),
        (tool("collect_digits", prompt="?", least=40), "“least” is a number from 1 to 32"),
        (tool("collect_digits", prompt="?", least=4, most=2), "“most” is less"),
        (tool("collect_digits", prompt="?", timeout_s=True), "“timeout_s” is a number"),
        (tool("collect_digits", prompt="?", ends_with="5"), "“ends_with” is"),
        (tool("collect_digits", prompt="?", key="nobody"), "the keys are customer, pin"),
    ],
)
async def test_what_makes_no_sense_is_told_to_the_model(call: ToolCall, words: str) -> None:
    it = talk([call, DONE], [Text("Sorry."), DONE])
    assert said(await it.turn("Hello.")) == ["Sorry."]
    assert words in it.told


def test_the_tools_are_there_only_where_they_are_switched_on() -> None:
    assert [each.name for each in keys.tools(["a"], asks=True, presses=True)] == ["collect_digits", "press_keys"]
    assert keys.tools(["a"], asks=False, presses=False) == []
    assert "key" not in keys.tools([], asks=True, presses=False)[0].parameters["properties"]
