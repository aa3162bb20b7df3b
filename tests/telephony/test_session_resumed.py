"""A session that goes on where another one was lost, in virtual time."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from agents.conversation import Said
from agents.mind import Collected
from agents.spec import AgentSpec
from telephony.session.events import TurnEnded
from telephony.session.resumed import Resumed
from telephony.session.session import Session
from tests.fakes import Agent, FakeMind, FakeSTT, FakeTransport, FakeTTS, FakeVAD, Listening, Silence, VirtualTime

BEFORE = Resumed(
    63_000,
    3,
    (
        Said("agent", "Hello.", "Hello."),
        Said("caller", "I need an appointment."),
        Said("agent", "What is", "What is your name?", True),
    ),
    (Collected("reason", "an appointment", "an appointment"),),
)


class Adopting(FakeMind):
    known: tuple[Collected, ...] = ()

    def adopt(self, known: tuple[Collected, ...], conversation: object) -> None:
        self.known = known


async def resumed(before: Resumed, silence_ms: int = 15_000) -> tuple[Session, Listening, Adopting]:
    time = VirtualTime()
    line = FakeTransport(time, [Silence(silence_ms)])
    mind = Adopting(time)
    agent = Agent(AgentSpec(), FakeSTT(line), FakeTTS(time), mind)
    session = Session(transport=line, agent=agent, vad=FakeVAD(), listener=(heard := Listening()), resumed=before)  # type: ignore[arg-type]
    async with asyncio.timeout(20):
        await session.run()
    return session, heard, mind


async def test_the_agent_says_that_it_is_back_and_asks_again_what_was_not_answered() -> None:
    session, heard, mind = await resumed(BEFORE)
    first = heard.of(TurnEnded)[0]
    assert first.text == "I'm sorry, we were cut off for a moment. I'm back. What is your name?"
    assert first.turn == 3 and first.started_ms >= 63_000
    assert session.conversation.turns[:3] == list(BEFORE.turns)
    assert mind.known == BEFORE.known


async def test_it_knows_that_the_line_was_put_through_to_somebody_else_meanwhile() -> None:
    session, _, _ = await resumed(replace(BEFORE, others=("boss",)), 4_000)
    assert session.conversation.others == ["boss"]


async def test_what_the_caller_has_answered_is_not_asked_again() -> None:
    _, heard, _ = await resumed(Resumed(63_000, 2, BEFORE.turns[:2]))
    assert heard.of(TurnEnded)[0].text == "I'm sorry, we were cut off for a moment. I'm back."


async def test_the_clock_of_the_call_goes_on_and_nobody_is_taken_for_silent_since_its_beginning() -> None:
    session, heard, _ = await resumed(BEFORE, 4_000)
    assert session.clock.now_ms == 67_000 and session.end_reason == "caller_hung_up"
    assert [turn.turn for turn in heard.of(TurnEnded)] == [3]


async def test_the_longest_call_is_counted_from_its_first_answer() -> None:
    session, _, _ = await resumed(Resumed(AgentSpec().limits.max_duration_s * 1000 - 5_000, 0), 60_000)
    assert session.end_reason == "max_duration"
