"""Whole calls with a keypad, in virtual time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from agents.mind import Keys, Say
from agents.spec import AgentSpec
from agents.speech import ProviderError
from agents.tools.call_control import CallControl
from telephony.audio.digits import TONE_MS
from telephony.session.events import BargedIn, Event, Happened, TranscriptChanged, TurnEnded
from telephony.session.session import Session
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
from tests.telephony.test_session import GREETED, HELLO, LONG, Story, call


def told(story: Story, turn: int) -> list[str]:
    """What the page saw of a turn."""
    return [event.text for event in story.heard.of(TranscriptChanged) if event.turn == turn]


async def test_digits_are_a_turn_that_grows_while_it_is_pressed() -> None:
    story = await call([*GREETED, Presses("123#"), UntilAgentQuiet()], {"Pressed 1 2 3 #": "Thank you."})
    assert story.turns == [HELLO, ("caller", "Pressed 1 2 3 #"), ("agent", "Thank you.")]
    assert told(story, 1)[:4] == ["Pressed 1", "Pressed 1 2", "Pressed 1 2 3", "Pressed 1 2 3 #"]
    (asked,) = story.agent.mind.asked
    assert asked.digits == "123#"
    (said,) = [turn for turn in story.session.conversation.turns if turn.role == "caller"]
    assert (said.text, said.digits) == ("Pressed 1 2 3 #", "123#")
    assert [event.data for event in story.happened("digits")] == [{"digits": "123#"}]


async def test_the_wait_for_another_digit_is_a_part_of_the_latency() -> None:
    story = await call([*GREETED, Presses("42"), UntilAgentQuiet()])
    answer = story.heard.of(TurnEnded)[-1]
    assert answer.latency is not None
    assert 2_000 <= answer.latency.endpointing_ms <= 2_200
    assert answer.thoughts[-1].data["because"] == "digits"


async def test_a_digit_stops_the_agent() -> None:
    script: list[Step] = [
        *GREETED, Speech("When are you open?", 800), UntilAgentSpeaks(400), Presses("5#"), UntilAgentQuiet(),
    ]  # fmt: skip
    story = await call(script, {"When are you open?": LONG})
    (cut,) = story.heard.of(BargedIn)
    assert cut.after_ms == 0
    turns = [turn for turn in story.heard.of(TurnEnded) if turn.role == "agent"]
    assert turns[1].was_cut and LONG.startswith(turns[1].text)
    assert story.turns[-2] == ("caller", "Pressed 5 #")


async def test_words_and_digits_are_one_turn() -> None:
    script: list[Step] = [*GREETED, Speech("My number is", 600), Silence(300), Presses("555#"), UntilAgentQuiet()]
    story = await call(script)
    assert story.turns[1] == ("caller", "My number is. Pressed 5 5 5 #")
    assert story.agent.mind.asked[-1].digits == "555#"


async def test_one_digit_is_a_whole_answer_where_the_mind_says_so() -> None:
    answers: dict[str, Any] = {
        "Book it.": Answer([Say("Tuesday at three."), Say("Is that right?", digits=1)]), "Pressed 1": "Booked.",
    }  # fmt: skip
    script: list[Step] = [*GREETED, Speech("Book it.", 600), UntilAgentQuiet(), Presses("1"), UntilAgentQuiet()]
    story = await call(script, answers)
    assert story.turns[-1] == ("agent", "Booked.")
    answer = story.heard.of(TurnEnded)[-1]
    assert answer.latency is not None and answer.latency.endpointing_ms <= 40


async def test_pressing_keeps_the_reminders_away() -> None:
    script: list[Step] = [
        *GREETED,
        *[step for digit in "12345" for step in (Presses(digit), Silence(1_500))],
        Silence(400),
    ]
    story = await call(script, limits={"reminder_after_s": 3, "reminders": ["Are you there?"]})
    assert story.happened("reminder") == []


async def test_a_call_that_takes_no_digits_shows_none() -> None:
    story = await call([*GREETED, Presses("123#"), Silence(1_000)], listens={"keypad": False})
    assert story.turns == [HELLO]
    assert story.happened("digits") == []


async def test_the_hang_up_comes_in_the_middle_of_a_number() -> None:
    story = await call([*GREETED, Presses("12"), Silence(200)])
    assert (story.reason, story.turns) == ("caller_hung_up", [HELLO, ("caller", "Pressed 1 2")])
    assert [each.data for each in story.happened("digits")] == [{"digits": "12"}]


async def test_the_knobs_reach_the_call() -> None:
    story = await call(
        [*GREETED, Presses("12"), Silence(1_000), Presses("3*"), UntilAgentQuiet()],
        listens={"keypad_timeout_ms": 500, "keypad_end": "*"},
    )
    callers = [text for role, text in story.turns if role == "caller"]
    assert callers == ["Pressed 1 2", "Pressed 3 *"]
    answered_ms = [event.at_ms for event in story.heard.of(Happened) if event.kind == "digits"]
    assert len(answered_ms) == 2


# ---- the agent's


class Operator(Listening):
    """Sends digits into the call when the agent begins to say this."""

    def __init__(self, when: str, digits: str) -> None:
        super().__init__()
        self.when, self.digits = when, digits
        self.control: CallControl | None = None
        self.sent: asyncio.Task[None] | None = None

    def receive(self, event: Event) -> None:
        super().receive(event)
        is_now = isinstance(event, TranscriptChanged) and event.text == self.when
        if is_now and self.sent is None and self.control is not None:
            self.sent = asyncio.create_task(self.control.send_digits(self.digits))


async def test_the_agent_presses_digits_after_what_it_says() -> None:
    time = VirtualTime()
    line = FakeTransport(time, [UntilAgentQuiet(600)])
    agent = Agent(AgentSpec(), FakeSTT(line), FakeTTS(time), FakeMind(time))
    operator = Operator("Hello, how can I help you?", "12#")
    session = Session(transport=line, agent=agent, vad=FakeVAD(), listener=operator)  # type: ignore[arg-type]
    operator.control = session
    await session.run()
    assert operator.sent is not None and operator.sent.done() and operator.sent.exception() is None
    a_press = TONE_MS // 20
    assert line.sounding.strip(".") == "1" * a_press + "...." + "2" * a_press + "...." + "#" * a_press
    said_ms = line.agent_spoke_ms()[0][0] + 6 * 200
    assert said_ms <= line.sounding.index("1") * 20 <= said_ms + 40, "not right after the last word"
    (event,) = [each for each in operator.of(Happened) if each.kind == "digits_sent"]
    assert event.data == {"digits": "12#"}


async def test_what_is_no_digit_is_refused_before_anything_is_pressed() -> None:
    story = await call([*GREETED])
    with pytest.raises(ValueError, match="no key “X”"):
        await story.session.send_digits("1x")
    with pytest.raises(ValueError, match="Name the keys"):
        story.session.press("")


# ---- secrets


PIN = Keys(8, "#", 2_500, 6_000, is_secret=True)
MASKED = "Pressed • • • • •"


def bank(said: str) -> Answer:
    match said:
        case "I want my balance":
            return Answer([Say("Please enter your PIN, then hash.", keys=PIN)])
        case text if text.startswith("Wait"):
            return Answer([Say("Of course, take your time.")])
        case "Never mind, book a table":
            return Answer([Say("What number can we reach you at?", digits=10)])
    return Answer([Say("Thank you.")])


def is_nowhere(story: Story, secret: str) -> bool:
    spaced = " ".join(secret)
    seen = repr(story.turns) + repr([event.data for event in story.happened("digits")])
    seen += repr([event.text for event in story.heard.of(TranscriptChanged)])
    return secret not in seen and spaced not in seen


async def test_a_secret_stays_one_where_the_caller_says_something_before_they_press_it() -> None:
    script = [
        Speech("I want my balance", 800),
        UntilAgentQuiet(),
        Speech("Wait, I have to look", 900),
        UntilAgentQuiet(),
    ]
    story = await call([*GREETED, *script, Presses("4711#"), UntilAgentQuiet(), Presses("5#"), UntilAgentQuiet()], bank)
    assert is_nowhere(story, "4711")
    assert [text for role, text in story.turns if role == "caller"][-2:] == [MASKED, "Pressed 5 #"]
    assert [(asked.digits, asked.is_secret) for asked in story.agent.mind.asked if asked.digits] == [
        ("4711#", True),
        ("5#", False),
    ]


async def test_a_secret_stays_one_where_the_model_fails_and_it_must_be_pressed_again() -> None:
    failed: list[str] = []

    def answers(said: str) -> Answer:
        if said == MASKED and not failed:
            failed.append(said)
            return Answer([], error=ProviderError("away", permanent=True))
        return bank(said)

    script = [Speech("I want my balance", 800), UntilAgentQuiet(), Presses("4711#"), UntilAgentQuiet()]
    story = await call([*GREETED, *script, Presses("4711#"), UntilAgentQuiet()], answers)
    assert failed and is_nowhere(story, "4711")
    assert story.turns[-1] == ("agent", "Thank you.")


async def test_what_the_agent_asks_for_instead_is_no_secret() -> None:
    script = [
        Speech("I want my balance", 800),
        UntilAgentQuiet(),
        Speech("Never mind, book a table", 900),
        UntilAgentQuiet(),
    ]
    story = await call([*GREETED, *script, Presses("4155550142"), UntilAgentQuiet()], bank)
    assert [asked.digits for asked in story.agent.mind.asked if asked.digits] == ["4155550142"]
    assert not story.agent.mind.asked[-1].is_secret
