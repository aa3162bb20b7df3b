"""A caller is put through, as the session has it: the words are heard first, then nothing is said until it is known how it went."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from agents.mind import Say, Transfer
from agents.spec import AgentSpec
from telephony.session.events import Ended, Happened, TurnEnded
from telephony.session.resumed import Resumed
from telephony.session.session import Session
from telephony.session.transferring import HANDED_OVER, LONGEST_MS, Nobody, NotReached, Why
from tests.fakes import (
    Agent,
    Answer,
    FakeMind,
    FakeSTT,
    FakeTransport,
    FakeTTS,
    FakeVAD,
    Listening,
    Silence,
    Speech,
    Step,
    UntilAgentQuiet,
    UntilAgentSpeaks,
    VirtualTime,
)

PUT_THROUGH = Answer([Say("One moment, I'll put you through."), Transfer("Reception")])
ASKS: list[Step] = [UntilAgentQuiet(200), Speech("Reception, please.", 600)]


class Switchboard:
    """Takes its time, then says how it went."""

    def __init__(self, time: VirtualTime, how: str | tuple[Why, str], after_ms: int = 3_000) -> None:
        self._time, self._how, self._after_ms = time, how, after_ms
        self.asked: list[tuple[str, int]] = []

    def longest_ms(self, target: str) -> int:
        return LONGEST_MS

    async def put_through(self, target: str) -> str:
        self.asked.append((target, self._time.now_ms))
        await self._time.sleep(self._after_ms)
        if isinstance(self._how, tuple):
            raise NotReached(*self._how)
        return self._how


class Story:
    def __init__(self, script: Sequence[Step], how: str | tuple[Why, str], answers: Any = None, **more: Any) -> None:
        self.time = VirtualTime()
        self.line = FakeTransport(self.time, script)
        self.mind = FakeMind(self.time, answers or {"Reception, please.": PUT_THROUGH})
        agent = Agent(AgentSpec.model_validate(more.pop("spec", {})), FakeSTT(self.line), FakeTTS(self.time), self.mind)
        self.heard = Listening()
        self.switchboard = Switchboard(self.time, how)
        self.session = Session(
            transport=self.line,
            agent=agent,  # type: ignore[arg-type]
            vad=FakeVAD(),
            listener=self.heard,
            transfers=self.switchboard,
            **more,
        )
        self.reason = ""

    async def run(self) -> Story:
        async with asyncio.timeout(30):
            self.reason = await self.session.run()
        return self

    @property
    def said(self) -> list[str]:
        return [turn.text for turn in self.heard.of(TurnEnded) if turn.role == "agent"]

    def happened(self, kind: str) -> list[dict[str, Any]]:
        return [dict(event.data) for event in self.heard.of(Happened) if event.kind == kind]


async def test_the_words_are_heard_to_the_end_before_the_caller_is_put_through() -> None:
    story = await Story([*ASKS, Silence(20_000)], "transferred").run()
    ((target, at_ms),) = story.switchboard.asked
    assert target == "Reception" and story.reason == "transferred"
    assert story.said[-1] == "One moment, I'll put you through."
    assert at_ms >= story.line.agent_spoke_ms()[-1][1]
    assert story.happened("transfer") == [{"to": "Reception"}] and story.line.is_closed


async def test_a_caller_who_says_no_in_time_is_not_put_through() -> None:
    script = [
        *ASKS,
        UntilAgentSpeaks(400),
        Speech("wait, I have another question", 900),
        UntilAgentQuiet(),
        Silence(500),
    ]
    story = await Story(script, "transferred").run()
    assert story.switchboard.asked == [] and story.reason == "caller_hung_up"
    assert story.said[-1] == "You said: wait, I have another question"


async def test_while_it_rings_there_is_no_reminder_and_no_answer_and_then_it_is_said_that_nobody_picks_up() -> None:
    spec = {"limits": {"reminder_after_s": 3, "hang_up_after_silence_s": 5}}
    script = [
        *ASKS,
        UntilAgentQuiet(500),
        Silence(600),
        Speech("Hello?", 400),
        UntilAgentSpeaks(),
        UntilAgentQuiet(300),
    ]
    story = Story(
        [*script, Speech("When are you open?", 700), UntilAgentQuiet(300)],
        ("no_answer", "Nobody picked up."),
        spec=spec,
    )
    story.switchboard._after_ms = 9_000
    await story.run()
    assert story.said[1:] == [
        "One moment, I'll put you through.",
        "I'm sorry, nobody is picking up: Reception. Is there anything I can do for you?",
        "You said: When are you open?",
    ]
    assert story.happened("not_put_through") == [{"to": "Reception", "why": "Nobody picked up."}]
    assert story.mind.committed == ["Reception, please.", "When are you open?"] and story.happened("reminder") == []


async def test_a_call_that_nobody_can_put_through_says_so() -> None:
    story = Story([*ASKS, UntilAgentSpeaks(), UntilAgentQuiet(600), Silence(6_000)], ("busy", ""))
    story.session._transfer._by = Nobody()
    await story.run()
    assert story.said[2].startswith("I'm sorry, I can't put you through to Reception from this call.")


async def test_a_fault_of_whoever_puts_through_leaves_nobody_in_silence() -> None:
    story = Story([*ASKS, UntilAgentSpeaks(), UntilAgentQuiet(600), Silence(6_000)], "transferred")

    async def breaks(target: str) -> str:
        raise RuntimeError("the exchange is on fire")

    story.switchboard.put_through = breaks  # type: ignore[method-assign]
    await story.run()
    assert story.said[2] == "I'm sorry, I couldn't reach Reception. Is there anything I can do for you?"
    assert story.happened("not_put_through") == [{"to": "Reception", "why": "RuntimeError: the exchange is on fire"}]


async def test_a_program_that_asks_for_it_interrupts_the_agent_and_the_words_before_are_heard() -> None:
    spec = {"does": {"transfers": [{"name": "Desk", "address": "+14155550142", "words": "I'm putting you through."}]}}
    story = Story([UntilAgentQuiet(300), Speech("Hm, I think", 600), Silence(9_000)], "transferred", spec=spec)
    running = asyncio.create_task(story.run())
    while story.session.clock.now_ms < 3_000:
        await asyncio.sleep(0)
    story.session.put_through("Desk")
    await running
    assert story.switchboard.asked[0][0] == "Desk" and story.said[-1] == "I'm putting you through."
    assert story.reason == "transferred"


async def test_who_is_put_through_from_outside_hears_the_consent_line_to_its_end_before() -> None:
    spec = {
        "privacy": {"record": True, "consent_line": "This call is recorded for quality."},
        "does": {"transfers": [{"name": "Desk", "address": "+14155550142"}]},
    }
    story = Story([Silence(12_000)], "transferred", spec=spec)

    async def ask() -> None:
        while story.session.clock.now_ms < 600:
            await story.session.clock.next_tick()
        story.session.put_through("Desk")

    asking = asyncio.create_task(ask())
    await story.run()
    await asking
    said = [(turn.text, turn.was_cut, turn.is_consent) for turn in story.heard.of(TurnEnded)]
    assert said[0] == ("This call is recorded for quality.", False, True)
    assert said[-1][0] == "One moment, I'll put you through." and story.switchboard.asked[0][0] == "Desk"


async def test_somebody_of_the_team_can_end_a_call_that_is_being_put_through() -> None:
    story = Story([*ASKS, UntilAgentQuiet(300), Silence(10_000)], "transferred")
    story.switchboard._after_ms = 60_000
    running = asyncio.create_task(story.run())
    while not story.switchboard.asked:
        await asyncio.sleep(0)
    story.session.say_goodbye("member_hung_up")
    await running
    assert story.reason == "member_hung_up" and story.said[-1] == "Thank you for calling. Goodbye!"


async def test_another_agent_goes_on_where_the_first_one_was_with_its_own_first_words() -> None:
    """Two sessions on one line, as ``telephony.live_call`` has them."""
    first = Story([*ASKS, UntilAgentQuiet(300), Silence(4_000)], HANDED_OVER)
    await first.run()
    assert first.reason == HANDED_OVER and first.heard.of(Ended)[-1].reason == HANDED_OVER
    at_ms = first.session.clock.now_ms
    resumed = Resumed(
        at_ms, first.session.next_turn, tuple(first.session.conversation.turns), is_handed_over=True
    )  # fmt: skip
    second = Story(
        [UntilAgentSpeaks(), UntilAgentQuiet(300), Speech("My invoice.", 500), UntilAgentQuiet(300)],
        "transferred",
        {"My invoice.": "It is paid."},
        spec={"says": {"first_message": "Billing, hello."}, "limits": {"max_duration_s": 600}},
        resumed=resumed,
    )
    await second.run()
    assert second.said == ["Hello, how can I help you?", "It is paid."]  # the fake mind's own greeting
    turns = [turn.turn for turn in (*first.heard.of(TurnEnded), *second.heard.of(TurnEnded))]
    assert turns == list(range(len(turns)))
    assert second.heard.of(TurnEnded)[0].started_ms >= at_ms
    assert [said.text for said in second.session.conversation.turns][:3] == [
        "Hello, how can I help you?", "Reception, please.", "One moment, I'll put you through.",
    ]  # fmt: skip
