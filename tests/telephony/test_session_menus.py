"""Keys that are asked for, in whole calls in virtual time: menus, silence as an answer, secrets, and keys the agent presses."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from agents.menu_mind import WithMenu
from agents.mind import EndCall, Keys, PressKeys, Say
from agents.spec import AgentSpec
from telephony.session.events import Happened, TurnEnded
from telephony.session.session import Session
from tests.agents.test_menus import ANNOUNCED, DOES, TALK
from tests.fakes import (
    Agent,
    Answer,
    FakeMind,
    FakeSTT,
    FakeTransport,
    FakeTTS,
    FakeVAD,
    Listening,
    Presses,
    Silence,
    Speech,
    Step,
    UntilAgentQuiet,
    UntilAgentSpeaks,
    VirtualTime,
)
from tests.telephony.test_session import call

MENU = f"Hello, how can I help you? {ANNOUNCED}"
GREETED: list[Step] = [UntilAgentQuiet(200)]
PIN = Answer([Say("Enter your PIN.", keys=Keys(4, "#", 3_000, 4_000, is_secret=True))])


async def with_menu(script: Sequence[Step], **does: Any) -> Listening:
    time = VirtualTime()
    line = FakeTransport(time, script)
    spec = AgentSpec.model_validate({"does": {**DOES, **does}, "limits": {"reminder_after_s": 4}})
    agent = Agent(spec, FakeSTT(line), FakeTTS(time), WithMenu(FakeMind(time), spec))  # type: ignore[arg-type]
    heard = Listening()
    session = Session(transport=line, agent=agent, vad=FakeVAD(), listener=heard)  # type: ignore[arg-type]
    async with asyncio.timeout(60):
        await session.run()
    return heard


def turns(heard: Listening) -> list[tuple[str, str]]:
    return [(turn.role, turn.text) for turn in heard.of(TurnEnded)]


def happened(heard: Listening, kind: str) -> list[dict[str, Any]]:
    return [dict(event.data) for event in heard.of(Happened) if event.kind == kind]


async def test_one_key_is_answered_at_once_also_while_the_menu_is_said() -> None:
    heard = await with_menu([UntilAgentSpeaks(1_500), Presses("1"), UntilAgentQuiet(), Silence(500)])
    assert turns(heard)[-2:] == [("caller", "Pressed 1"), ("agent", "We are open from 8 to 5.")]
    answer = heard.of(TurnEnded)[-1]
    assert answer.latency is not None and answer.latency.endpointing_ms <= 40


async def test_who_knows_the_menu_presses_before_it_has_begun() -> None:
    heard = await with_menu([UntilAgentSpeaks(300), Presses("1"), UntilAgentQuiet(), Silence(500)])
    assert [text for role, text in turns(heard) if role == "agent"][-1] == "We are open from 8 to 5."
    answer = heard.of(TurnEnded)[-1]
    assert answer.latency is not None and answer.latency.endpointing_ms <= 40


async def test_the_menu_is_said_again_after_silence_and_then_something_else_without_a_turn_of_the_callers() -> None:
    heard = await with_menu([*GREETED, Silence(6_200), UntilAgentQuiet(), Silence(6_200), UntilAgentQuiet()])
    assert turns(heard) == [("agent", MENU), ("agent", ANNOUNCED), ("agent", TALK)]
    assert happened(heard, "reminder") == []


async def test_who_begins_to_speak_in_that_moment_is_listened_to() -> None:
    script: list[Step] = [*GREETED, Silence(5_700), Speech("I want to book.", 900), UntilAgentQuiet()]
    heard = await with_menu(script)
    assert turns(heard) == [("agent", MENU), ("caller", "I want to book."), ("agent", "You said: I want to book.")]


async def test_the_key_of_the_menu_is_taken_where_other_keys_are_not() -> None:
    time = VirtualTime()
    line = FakeTransport(time, [*GREETED, Presses("1"), UntilAgentQuiet(), Silence(500)])
    spec = AgentSpec.model_validate({"does": DOES, "listens": {"keypad": False}})
    agent = Agent(spec, FakeSTT(line), FakeTTS(time), WithMenu(FakeMind(time), spec))  # type: ignore[arg-type]
    heard = Listening()
    await Session(transport=line, agent=agent, vad=FakeVAD(), listener=heard).run()  # type: ignore[arg-type]
    assert turns(heard)[-1] == ("agent", "We are open from 8 to 5.")


async def test_secret_keys_are_shown_and_kept_nowhere_and_known_to_who_asked() -> None:
    script: list[Step] = [*GREETED, Speech("My account.", 600), UntilAgentQuiet(), Presses("4711"), UntilAgentQuiet()]
    story = await call(script, {"My account.": PIN, "Pressed • • • •": "Thank you."})
    assert story.turns[-2:] == [("caller", "Pressed • • • •"), ("agent", "Thank you.")]
    assert story.agent.mind.asked[-1].digits == "4711"
    assert [event.data for event in story.happened("digits")] == [{"digits": "••••"}]
    told = repr([event for event in story.heard.events]) + repr(story.session.conversation)
    assert "4711" not in told and "4 7" not in told, "nor while they were pressed"


async def test_a_number_ends_with_its_key_or_when_it_is_whole_and_no_key_is_an_answer_too() -> None:
    for script, asked in (
        ([Presses("471#")], "471#"),
        ([Presses("4711")], "4711"),
        ([Silence(4_300)], ""),
    ):
        steps: list[Step] = [*GREETED, Speech("My account.", 600), UntilAgentQuiet(), *script, UntilAgentQuiet()]  # type: ignore[list-item]
        story = await call(steps, {"My account.": PIN})
        assert story.agent.mind.asked[-1].digits == asked
        assert story.agent.mind.asked[-1].is_silence is not bool(asked)


async def test_the_agent_presses_keys_when_its_words_were_heard_and_without_words_too() -> None:
    answers = {
        "Press 1 for sales.": Answer([PressKeys("w1")]),
        "Who is calling?": Answer([Say("It is Ann."), PressKeys("2")]),
        "Bye.": Answer([Say("Bye."), EndCall("caller_goodbye")]),
    }
    script: list[Step] = [
        *GREETED, Speech("Press 1 for sales.", 900), Silence(3_000), Speech("Who is calling?", 800), UntilAgentQuiet(), Silence(1_000),
    ]  # fmt: skip
    story = await call(script, answers)
    assert [event.data["digits"] for event in story.happened("digits_sent")] == ["W1", "2"]
    assert story.turns[1:] == [
        ("caller", "Press 1 for sales."), ("caller", "Who is calling?"), ("agent", "It is Ann."),
    ]  # fmt: skip
