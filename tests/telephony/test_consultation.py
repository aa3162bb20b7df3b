"""The agent and the other side of a warm transfer, in a session of their own: spoken answers, none, and who hangs up."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from agents.live import LiveAgent
from agents.spec import AgentSpec
from telephony import warmup
from telephony.transfers import consultation, warm
from telephony.transfers.kept_line import KeptLine
from telephony.transfers.warm_words import warm_lines
from tests.fakes import (
    FakeMind,
    FakeSTT,
    FakeTransport,
    FakeTTS,
    FakeVAD,
    Presses,
    Silence,
    Speech,
    Step,
    UntilAgentQuiet,
    UntilAgentSpeaks,
    VirtualTime,
)

LINES = warm_lines("en")
ASKED: list[Step] = [UntilAgentSpeaks(), UntilAgentQuiet(300)]
WORDS = "I have a caller for you."


async def consulted(
    monkeypatch: pytest.MonkeyPatch, script: Sequence[Step], **more: Any
) -> tuple[Any, list[tuple[str, str]]]:
    monkeypatch.setattr(warmup, "new_vad", FakeVAD)
    time = VirtualTime()
    line = FakeTransport(time, [*script, Silence(60_000)] if more.pop("stays", True) else script)
    agent = LiveAgent(AgentSpec(), FakeSTT(line), FakeTTS(time), FakeMind(time, {}), lambda text: text)
    steps: list[tuple[str, str]] = []
    asking = consultation.Consultation(
        KeptLine(line),  # type: ignore[arg-type]
        agent,
        WORDS,
        asks=more.pop("asks", True),
        tell=lambda step, text: steps.append((step, text)),
    )
    async with asyncio.timeout(30):
        result = await asking.run()
    assert not line.is_closed, "whoever has the line goes on with it"
    return result, steps


async def test_a_spoken_yes_takes_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    result, steps = await consulted(monkeypatch, [*ASKED, Speech("Yes, please.", 600)])
    assert result == warm.Accepted()
    assert steps == [
        ("told", f"{WORDS} {LINES.question}"), ("answered", "Yes, please."), ("told", LINES.thanks),
    ]  # fmt: skip


async def test_a_spoken_no_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    result, steps = await consulted(monkeypatch, [*ASKED, Speech("No, I can't.", 600)])
    assert result == warm.Declined() and steps[-1] == ("told", LINES.sorry)


async def test_a_key_in_the_middle_of_the_words_is_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    result, steps = await consulted(monkeypatch, [UntilAgentSpeaks(300), Presses("1")])
    assert result == warm.Accepted() and steps[1] == ("answered", "Pressed 1")


async def test_who_asks_back_hears_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    script = [*ASKED, Speech("Who is calling?", 700), *ASKED, Speech("Yes.", 500)]
    result, steps = await consulted(monkeypatch, script)
    assert result == warm.Accepted()
    assert [text for step, text in steps if step == "told"][:2] == [f"{WORDS} {LINES.question}"] * 2


async def test_a_mailbox_that_says_nothing_is_asked_twice_more_and_then_left(monkeypatch: pytest.MonkeyPatch) -> None:
    result, steps = await consulted(monkeypatch, ASKED)
    assert result == warm.Silent()
    assert [text for _, text in steps] == [f"{WORDS} {LINES.question}", LINES.again, LINES.again, LINES.sorry]


async def test_who_hangs_up_has_left(monkeypatch: pytest.MonkeyPatch) -> None:
    result, _ = await consulted(monkeypatch, [*ASKED, Silence(500)], stays=False)
    assert result == warm.TargetLeft()


async def test_nobody_is_asked_where_they_are_only_told(monkeypatch: pytest.MonkeyPatch) -> None:
    result, steps = await consulted(monkeypatch, [], asks=False)
    assert result == warm.Accepted() and steps == [("told", WORDS)]
