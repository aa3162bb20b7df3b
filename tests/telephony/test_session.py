"""Whole calls as stories, in virtual time: a scripted caller against the real session, turn-taker and playout."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest

from agents.menu_mind import WithMenu
from agents.mind import Collected, EndCall, Say, Spent, Thought
from agents.spec import AgentSpec
from agents.speech import ProviderError
from agents.standby import Chain, Minds
from telephony.session.events import (
    BargedIn,
    Ended,
    FieldCollected,
    Happened,
    Levels,
    StateChanged,
    TranscriptChanged,
    TurnEnded,
)
from telephony.session.session import Session
from tests.fakes import (
    GOODBYE,
    Agent,
    Answer,
    FakeEndOfTurn,
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

PATIENCE = "One moment. It takes a little longer, please stay on the line."
LONG = "We are open from eight to five on every day of the week but not on Sunday."


@dataclass
class Story:
    reason: str
    heard: Listening
    line: FakeTransport
    agent: Agent
    session: Session

    @property
    def turns(self) -> list[tuple[str, str]]:
        return [(turn.role, turn.text) for turn in self.heard.of(TurnEnded)]

    def happened(self, kind: str) -> list[Happened]:
        return [event for event in self.heard.of(Happened) if event.kind == kind]


async def call(
    script: Sequence[Step],
    answers: Any = None,
    *,
    stt: dict[str, Any] | None = None,
    tts: dict[str, Any] | None = None,
    mind: dict[str, Any] | None = None,
    line: dict[str, Any] | None = None,
    end_of_turn: Callable[[VirtualTime], FakeEndOfTurn] = lambda time: FakeEndOfTurn(time, None),
    **spec: Any,
) -> Story:
    time = VirtualTime()
    transport = FakeTransport(time, script, **(line or {}))
    agent = Agent(
        AgentSpec.model_validate(spec),
        FakeSTT(transport, **(stt or {})),
        FakeTTS(time, **(tts or {})),
        FakeMind(time, answers, **(mind or {})),
        end_of_turn=end_of_turn(time),
    )
    heard = Listening()
    session = Session(transport=transport, agent=agent, vad=FakeVAD(), listener=heard)  # type: ignore[arg-type]
    before = len(asyncio.all_tasks())
    async with asyncio.timeout(30):
        reason = await session.run()
    story = Story(reason, heard, transport, agent, session)
    assert_sound(story)
    assert len(asyncio.all_tasks()) == before, "tasks were left behind"
    return story


def assert_sound(story: Story) -> None:
    """What must be true of every call."""
    events = story.heard.events
    assert isinstance(events[-1], Ended)
    assert len(story.heard.of(Ended)) == 1
    times = [event.at_ms for event in events]
    assert times == sorted(times)
    ended = story.heard.of(TurnEnded)
    assert len({turn.turn for turn in ended}) == len(ended), "a turn ended twice"
    for turn in ended:
        assert turn.intended.startswith(turn.text), "heard is not a prefix of said"
        assert turn.started_ms <= turn.ended_ms <= turn.at_ms
        if turn.latency is not None:
            assert all(part >= 0 for part in turn.latency.as_dict().values())
    agents = [turn for turn in ended if turn.role == "agent"]
    for one, next_one in pairwise(agents):
        assert one.ended_ms <= next_one.started_ms, "two voices of the agent"
    assert story.line.is_closed
    assert story.agent.mind.is_closed
    revisions = story.agent.mind.committed_revisions
    assert revisions == sorted(set(revisions)), "a turn was committed twice, or an old one"


GREETED: list[Step] = [UntilAgentQuiet(200)]
HELLO = ("agent", "Hello, how can I help you?")


async def test_a_question_is_answered() -> None:
    story = await call([*GREETED, Speech("When are you open?", 900), UntilAgentQuiet()], {"When are you open?": LONG})
    assert story.reason == "caller_hung_up"
    assert story.turns == [("agent", "Hello, how can I help you?"), ("caller", "When are you open?"), ("agent", LONG)]
    assert story.agent.mind.committed == ["When are you open?"]
    assert [turn.role for turn in story.session.conversation.turns] == ["agent", "caller", "agent"]
    states = [event.state for event in story.heard.of(StateChanged)]
    assert states == ["speaking", "listening", "thinking", "speaking", "listening"]
    levels = story.heard.of(Levels)
    assert levels
    assert max(level.agent for level in levels) > 0.5
    assert max(level.caller for level in levels) > 0.5


async def test_the_latency_of_a_turn_adds_up_to_what_the_caller_waited() -> None:
    story = await call([*GREETED, Speech("When are you open?", 900), UntilAgentQuiet()], {"When are you open?": LONG})
    latency = story.heard.of(TurnEnded)[-1].latency
    assert latency is not None
    spoken = story.line.spoken[0]
    first = next(begin for begin, _ in story.line.agent_spoke_ms() if begin >= spoken.end_ms)
    assert abs(latency.total_ms - (first - spoken.end_ms + 40)) <= 40
    # 160 ms of silence, 120 for the transcript, 40 to think, 60 for the voice, 40 on the way: speculation hides the rest
    assert latency.total_ms <= 500
    assert latency.endpointing_ms >= 250


async def test_a_slow_model_is_what_was_waited_for() -> None:
    slow = Answer([Say("Yes, we are.")], delay_ms=1_500)
    story = await call([*GREETED, Speech("Are you open?", 600), UntilAgentQuiet()], {"Are you open?": slow})
    latency = story.heard.of(TurnEnded)[-1].latency
    assert latency is not None
    assert 1_300 <= latency.model_ms <= 1_500
    assert story.happened("filler") == []


async def test_a_hesitation_is_not_cut() -> None:
    script = [
        *GREETED,
        Speech("I would like to book an appointment and", 1500),
        Silence(700),
        Speech("a cleaning on Monday.", 900),
    ]
    story = await call([*script, UntilAgentQuiet()])
    assert story.agent.mind.committed == ["I would like to book an appointment and a cleaning on Monday."]
    callers = [turn for turn in story.heard.of(TurnEnded) if turn.role == "caller"]
    assert len(callers) == 1
    assert story.happened("speculation_dropped")


@pytest.mark.parametrize(
    ("usage", "tokens"), [([Thought("model", {"prompt_tokens": 90, "reply_tokens": 10})], 100), ([], None)]
)
async def test_what_was_thought_for_nothing_is_counted(usage: list[Thought], tokens: int | None) -> None:
    script = [*GREETED, Speech("I need help.", 600), Silence(460), Speech("With my tooth.", 600), UntilAgentQuiet()]
    story = await call(script, lambda text: Answer([Say(f"Answer to {text}"), *usage]), tts={"delay_ms": 900})
    dropped = [event.data for event in story.happened("speculation_dropped")]
    assert dropped == [{"text": "I need help.", "tokens": tokens}]


class Reckoning(FakeMind):
    """A mind that is stopped before its model has told what the answer cost."""

    def spent(self, revision: int) -> Spent | None:
        return Spent(self.asked.index(next(one for one in self.asked if one.revision == revision)) + 40, True)


async def test_what_a_model_had_no_time_to_tell_is_reckoned() -> None:
    time = VirtualTime()
    line = FakeTransport(
        time, [*GREETED, Speech("I need help.", 600), Silence(460), Speech("Now.", 600), UntilAgentQuiet()]
    )
    spec = AgentSpec.model_validate({"does": {"menu_words": "Press 1.", "menu": [{"press": "1", "does": "repeat"}]}})
    mind = WithMenu(Minds(Chain.of_one(Reckoning(time)), []), spec)
    agent = Agent(AgentSpec(), FakeSTT(line), FakeTTS(time, delay_ms=900), mind)  # type: ignore[arg-type]
    heard = Listening()
    await Session(transport=line, agent=agent, vad=FakeVAD(), listener=heard).run()  # type: ignore[arg-type]
    dropped = [event.data for event in heard.of(Happened) if event.kind == "speculation_dropped"]
    assert dropped == [{"text": "I need help.", "tokens": 40, "is_estimate": True}]


async def test_an_answer_that_is_heard_is_no_waste() -> None:
    script = [*GREETED, Speech("When are you open?", 900), UntilAgentSpeaks(1_000), Speech("Stop, please.", 800)]
    story = await call([*script, UntilAgentQuiet()], {"When are you open?": LONG})
    assert len(story.heard.of(BargedIn)) == 1
    assert not story.happened("speculation_dropped")


async def test_the_transcriber_is_told_what_the_caller_was_asked_for() -> None:
    script = [*GREETED, Speech("Book me in.", 600), UntilAgentQuiet(), Speech("Four one five.", 600), UntilAgentQuiet()]
    answers = {"Book me in.": "Sure. What is your phone number?", "Four one five.": "Thank you. Anything else?"}
    story = await call(script, answers)
    assert story.agent.stt.expected == [None, None, "phone", None]  # opened, the greeting, the question, thanks


async def test_going_on_before_the_answer_begins_takes_the_turn_back() -> None:
    script = [*GREETED, Speech("I need help.", 600), Silence(460), Speech("With my tooth.", 600), UntilAgentQuiet()]
    story = await call(script, lambda text: Answer([Say(f"Answer to {text}")], delay_ms=400))
    assert story.agent.mind.committed == ["I need help. With my tooth."]
    assert story.turns[1:] == [
        ("caller", "I need help. With my tooth."),
        ("agent", "Answer to I need help. With my tooth."),
    ]


async def test_a_cough_before_the_answer_does_not_kill_the_answer() -> None:
    script = [*GREETED, Speech("Are you open?", 600), Silence(400), Speech("", 200), UntilAgentQuiet()]
    story = await call(script, lambda text: Answer([Say("Yes, we are.")], delay_ms=400))
    assert story.agent.mind.committed == ["Are you open?"]
    assert story.turns[-1] == ("agent", "Yes, we are.")
    assert len(story.agent.mind.asked) == 1


async def test_who_was_cut_off_once_is_not_cut_off_again() -> None:
    script = [*GREETED]
    for number in ("one", "two", "three"):
        script += [Speech(f"there is a question number {number}", 1_200), Silence(760)]
        script += [Speech("about your prices please", 1_000), UntilAgentQuiet()]
    story = await call(script, lambda text: Answer([Say("Yes.")], delay_ms=60))
    second, third = (f"there is a question number {number} about your prices please" for number in ("two", "three"))
    assert story.agent.mind.committed == ["there is a question number one", "about your prices please", second, third]
    pauses = [thought.data for turn in story.heard.of(TurnEnded) for thought in turn.thoughts]
    assert [pause["pace_percent"] for pause in pauses] == [100, 100, 174, 174]


async def test_a_nod_that_was_the_beginning_of_something_is_not_lost() -> None:
    script = [
        *GREETED,
        Speech("When are you open?", 900),
        UntilAgentSpeaks(800),
        Speech("Thank you", 400),
        Silence(600),  # passed over as a nod, and the agent has gone on
        Speech("goodbye then", 700),
        UntilAgentQuiet(1_500),
    ]
    story = await call(script, {"When are you open?": LONG, "Thank you goodbye then": "Bye."})
    assert story.happened("backchannel")
    assert story.agent.mind.committed == ["When are you open?", "Thank you goodbye then"]


async def test_a_nod_long_over_is_not_dug_up() -> None:
    script = [
        *GREETED,
        Speech("When are you open?", 900),
        UntilAgentSpeaks(800),
        Speech("Thank you", 400),
        Silence(1_300),
        Speech("goodbye then", 700),
        UntilAgentQuiet(1_500),
    ]
    story = await call(script, {"When are you open?": LONG, "goodbye then": "Bye."})
    assert story.agent.mind.committed == ["When are you open?", "goodbye then"]


@pytest.mark.parametrize("sensitivity", ["low", "medium", "high"])
async def test_a_cough_does_not_interrupt(sensitivity: str) -> None:
    script = [
        *GREETED,
        Speech("When are you open?", 900),
        UntilAgentSpeaks(800),
        Speech("", 240),
        UntilAgentQuiet(1_500),
    ]
    story = await call(script, {"When are you open?": LONG}, listens={"barge_in_sensitivity": sensitivity})
    assert story.turns[-1] == ("agent", LONG)
    assert not story.heard.of(BargedIn)
    spans = story.line.agent_spoke_ms()
    pause = [later[0] - earlier[1] for earlier, later in pairwise(spans)]
    assert pause[-1] <= 500, "the agent went on soon"
    words = sum(end - begin for begin, end in spans[1:])
    assert abs(words - len(LONG.split()) * 200) <= 60, "every sample was played, none twice"


async def test_the_agents_own_words_decide_who_has_the_floor() -> None:
    script = [*GREETED, Speech("When are you open?", 900), UntilAgentSpeaks(800), Speech("Lovely lovely.", 700)]
    script += [Silence(1_300), Speech("Operator.", 500), UntilAgentQuiet(1_500)]
    listens = {"backchannel_words": ["lovely"], "stop_words": ["operator"], "barge_in_sensitivity": "low"}
    story = await call(script, {"When are you open?": LONG, "Operator.": "One moment."}, listens=listens)
    assert [event.data["text"] for event in story.happened("backchannel")] == ["Lovely lovely."]
    assert len(story.heard.of(BargedIn)) == 1
    assert story.turns[-2:] == [("caller", "Operator."), ("agent", "One moment.")]


async def test_a_barge_in_silences_the_agent_and_cuts_its_words() -> None:
    script = [
        *GREETED,
        Speech("When are you open?", 900),
        UntilAgentSpeaks(1_000),
        Speech("I meant on holidays please.", 1_200),
    ]
    story = await call([*script, UntilAgentQuiet()], {"When are you open?": LONG})
    (barge_in,) = story.heard.of(BargedIn)
    assert barge_in.heard in LONG
    assert 3 <= len(barge_in.heard.split()) <= 7
    onset_ms = story.line.spoken[1].begin_ms
    assert not any(onset_ms + 200 <= begin < onset_ms + 1_200 for begin, _ in story.line.agent_spoke_ms())
    assert barge_in.after_ms <= 250
    cut = next(turn for turn in story.heard.of(TurnEnded) if turn.was_cut)
    assert cut.text == barge_in.heard
    assert cut.intended == LONG
    said = [turn for turn in story.session.conversation.turns if turn.was_cut]
    assert [turn.text for turn in said] == [barge_in.heard]
    assert story.turns[-2:] == [
        ("caller", "I meant on holidays please."),
        ("agent", "You said: I meant on holidays please."),
    ]


async def test_a_nod_lets_the_agent_go_on() -> None:
    script = [
        *GREETED,
        Speech("When are you open?", 900),
        UntilAgentSpeaks(800),
        Speech("Mm-hm, okay.", 500),
        UntilAgentQuiet(900),
    ]
    story = await call(script, {"When are you open?": LONG})
    assert story.turns[-1] == ("agent", LONG)
    assert [event.data["text"] for event in story.happened("backchannel")] == ["Mm-hm, okay."]
    assert story.agent.mind.committed == ["When are you open?"]


async def test_stop_yields_even_if_short() -> None:
    script = [
        *GREETED,
        Speech("When are you open?", 900),
        UntilAgentSpeaks(800),
        Speech("Stop.", 260),
        UntilAgentQuiet(900),
    ]
    story = await call(script, {"When are you open?": LONG}, listens={"barge_in_sensitivity": "low"})
    assert len(story.heard.of(BargedIn)) == 1
    assert story.agent.mind.committed == ["When are you open?", "Stop."]


async def test_a_yes_into_a_question_is_answered_when_the_question_is_over() -> None:
    question = "Shall I book the cleaning for Monday at nine in the morning for you?"
    script = [
        *GREETED,
        Speech("Book it", 500),
        UntilAgentSpeaks(1_500),
        Speech("Yes.", 300),
        UntilAgentQuiet(400),
        UntilAgentQuiet(),
    ]
    story = await call(script, {"Book it": question})
    assert story.agent.mind.committed == ["Book it", "Yes."]
    assert ("agent", question) in story.turns


async def test_two_quick_barge_ins() -> None:
    script = [
        *GREETED, Speech("When are you open?", 900), UntilAgentSpeaks(600), Speech("I meant on holidays please.", 1_000),
        UntilAgentSpeaks(300), Speech("no wait, I meant on Sundays", 1_200), UntilAgentQuiet(),
    ]  # fmt: skip
    story = await call(script, {"When are you open?": LONG})
    assert len(story.heard.of(BargedIn)) == 2
    assert story.agent.mind.committed[-1] == "no wait, I meant on Sundays"
    assert story.turns[-1][0] == "agent"


async def test_without_barge_in_the_caller_is_answered_afterwards() -> None:
    script = [*GREETED, Speech("When are you open?", 900), UntilAgentSpeaks(800), Speech("What about holidays?", 900)]
    story = await call(
        [*script, UntilAgentQuiet(400), UntilAgentQuiet()], {"When are you open?": LONG}, listens={"barge_in": False}
    )
    assert not story.heard.of(BargedIn)
    assert ("agent", LONG) in story.turns
    assert story.agent.mind.committed == ["When are you open?", "What about holidays?"]


async def test_a_reply_of_an_old_generation_is_never_heard() -> None:
    endless = Answer([Say(f"Old sentence number {n} of the answer.") for n in range(30)], delay_ms=500)
    script = [
        *GREETED,
        Speech("Tell me all", 600),
        UntilAgentSpeaks(1_000),
        Speech("What about the price?", 900),
        UntilAgentQuiet(2_000),
    ]
    story = await call(script, {"Tell me all": endless, "What about the price?": "It is free."})
    assert story.turns[-1] == ("agent", "It is free.")
    assert story.line.agent_spoke_ms()[-1][1] - story.line.agent_spoke_ms()[-1][0] <= 640


async def test_reminders_and_then_the_end_of_silence() -> None:
    story = await call([Silence(60_000)], limits={"reminder_after_s": 5, "hang_up_after_silence_s": 20})
    assert story.reason == "silence"
    said = [text for role, text in story.turns if role == "agent"]
    assert said == [
        "Hello, how can I help you?", "Are you still there?", "I'm still here if you need me.", "Are you still there?",
        "Thank you for calling. Goodbye!",
    ]  # fmt: skip
    ended = story.heard.events[-1].at_ms
    assert 20_000 <= ended <= 25_000


async def test_a_caller_who_comes_back_during_the_goodbye_is_heard() -> None:
    script = [
        UntilAgentQuiet(200),
        Silence(5_000),
        UntilAgentSpeaks(400),
        Speech("I am still here, sorry", 1_200),
        UntilAgentQuiet(),
    ]
    story = await call(script, limits={"reminder_after_s": 60, "hang_up_after_silence_s": 5})
    assert story.reason == "caller_hung_up"
    assert story.agent.mind.committed == ["I am still here, sorry"]


async def test_never_a_reminder_while_an_answer_is_pending() -> None:
    slow = Answer([Say("Here it is.")], delay_ms=7_000)
    story = await call(
        [*GREETED, Speech("Look it up please.", 900), UntilAgentQuiet(6_000)],
        {"Look it up please.": slow},
        limits={"reminder_after_s": 3},
    )
    turns = [text for role, text in story.turns if role == "agent"]
    assert turns[:2] == ["Hello, how can I help you?", f"{PATIENCE} Here it is."]
    assert len(story.happened("filler")) == 1


async def test_the_longest_call_ends_with_the_last_words() -> None:
    talk: list[Step] = [Speech("And another thing", 900), Silence(1_200)]
    story = await call([*GREETED, *(talk * 60)], lambda text: "Aha.", limits={"max_duration_s": 30})
    assert story.reason == "max_duration"
    assert story.turns[-1] == ("agent", "Thank you for calling. Goodbye!")
    assert 30_000 <= story.heard.events[-1].at_ms <= 45_000


async def test_the_goodbye_is_heard_before_the_hang_up() -> None:
    story = await call([*GREETED, Speech("Bye.", 400), Silence(10_000)], {"Bye.": GOODBYE})
    assert story.reason == "caller_goodbye"
    assert story.turns[-1] == ("agent", "Goodbye then!")
    begin, end = story.line.agent_spoke_ms()[-1]
    assert end - begin == 400
    assert story.heard.events[-1].at_ms >= end


async def test_a_bye_into_the_goodbye_does_not_cut_it() -> None:
    script = [*GREETED, Speech("Bye.", 400), UntilAgentSpeaks(400), Speech("Bye bye", 400), Silence(5_000)]
    goodbye = Answer([Say("Goodbye then and have a very nice day today!"), EndCall("caller_goodbye")])
    story = await call(script, {"Bye.": goodbye})
    assert story.reason == "caller_goodbye"
    assert story.turns[-1] == ("agent", "Goodbye then and have a very nice day today!")


async def test_something_else_during_the_goodbye_keeps_the_call() -> None:
    script = [
        *GREETED,
        Speech("Bye.", 400),
        UntilAgentSpeaks(400),
        Speech("wait, one more question", 900),
        UntilAgentQuiet(),
    ]
    goodbye = Answer([Say("Goodbye then and have a very nice day today!"), EndCall("caller_goodbye")])
    story = await call(script, {"Bye.": goodbye})
    assert story.reason == "caller_hung_up"
    assert story.agent.mind.committed == ["Bye.", "wait, one more question"]


async def test_fields_count_only_when_the_turn_is_certain() -> None:
    answers = {
        "My name is Ann and": Answer([Collected("name", "Ann", "Ann"), Say("Ann?")], delay_ms=10),
        "My name is Ann and Bob.": Answer(
            [Thought("matched", {"score": 0.9}), Collected("name", "Ann and Bob", "Ann and Bob"), Say("Thanks.")]
        ),
    }
    script = [*GREETED, Speech("My name is Ann and", 900), Silence(500), Speech("Bob.", 400), UntilAgentQuiet()]
    story = await call(script, answers)
    assert [event.value for event in story.heard.of(FieldCollected)] == ["Ann and Bob"]
    assert [thought.kind for thought in story.heard.of(TurnEnded)[-1].thoughts] == ["matched", "pause"]


async def test_the_caller_may_speak_first() -> None:
    story = await call(
        [Silence(2_000), Speech("Hello, are you open?", 900), UntilAgentQuiet()], says={"first_speaker": "caller"}
    )
    assert story.turns[0] == ("caller", "Hello, are you open?")


async def test_a_hello_into_the_greeting_is_no_interruption() -> None:
    story = await call([Speech("Hello?", 400), UntilAgentQuiet(500)])
    assert story.turns == [("agent", "Hello, how can I help you?")]


async def test_the_consent_line_comes_first_and_is_said_to_the_end() -> None:
    script = [
        UntilAgentSpeaks(100),
        Speech("I have a question about prices", 1_200),
        UntilAgentQuiet(500),
        UntilAgentQuiet(),
    ]
    story = await call(script, privacy={"record": True, "consent_line": "This call is recorded for your safety."})
    assert story.turns[0] == ("agent", "This call is recorded for your safety.")
    assert story.agent.mind.committed == ["I have a question about prices"]


@pytest.mark.parametrize("fates", [["fails", "fails"], ["dies"]])
async def test_a_consent_line_that_could_not_be_said_is_said_again_before_anything_else(fates: list[str]) -> None:
    consent = "This call is recorded."
    privacy = {"record": True, "consent_line": consent}
    story = await call([*GREETED, UntilAgentQuiet()], tts={"script": {consent: fates}}, privacy=privacy)
    said = [(turn.text, turn.is_consent and not turn.was_cut) for turn in story.heard.of(TurnEnded)]
    whole = said.index((consent, True))
    assert said[whole + 1] == ("Hello, how can I help you?", False)
    assert {text for text, _ in said[:whole]} <= {"This"}, "nothing but its beginning came before it"


@pytest.mark.parametrize("fate", ["fails", "dies"])
async def test_one_that_can_not_be_said_at_all_ends_the_call_and_nothing_counts_as_consent(fate: str) -> None:
    privacy = {"record": True, "consent_line": "This call is recorded."}
    story = await call([Silence(20_000)], tts={"script": {"This call is recorded.": fate}}, privacy=privacy)
    assert story.reason == "tts_failed"
    assert not any(turn.is_consent and not turn.was_cut for turn in story.heard.of(TurnEnded))


async def test_that_an_ai_speaks_is_said_to_the_end_where_nothing_is_recorded_too() -> None:
    script = [
        UntilAgentSpeaks(100),
        Speech("I have a question about prices", 1_200),
        UntilAgentQuiet(500),
        UntilAgentQuiet(),
    ]
    words = "You are speaking with an AI assistant, and nobody else hears this call."
    privacy = {"record": False, "consent_line": "This call is recorded.", "says_it_is_ai": True, "ai_words": words}
    story = await call(script, privacy=privacy)
    assert story.turns[0] == ("agent", words)
    assert story.agent.mind.committed == ["I have a question about prices"]


async def test_a_failure_after_an_answer_that_was_begun_and_interrupted_is_a_first_one_again() -> None:
    def answers(said: str) -> Answer:
        if said == "Break":
            return Answer([], error=ProviderError("away", permanent=True))
        return Answer([Say(LONG)])

    breaks: list[Step] = [Speech("Break", 500), UntilAgentQuiet()]
    talks: list[Step] = [Speech("Tell me a story", 800), UntilAgentSpeaks(900), Speech("Stop, wait a moment", 900)]
    story = await call(
        [*GREETED, *breaks, *talks, UntilAgentSpeaks(900), Speech("Break", 900), UntilAgentQuiet()], answers
    )
    said = [text for role, text in story.turns if role == "agent"]
    assert sum(text.startswith("I'm sorry, something went wrong") for text in said) == 2
    assert story.reason == "caller_hung_up"


async def test_a_transcriber_that_never_answers_ends_the_call_with_words() -> None:
    talk: list[Step] = [Speech("Is anybody there?", 900), Silence(8_000)]
    story = await call([*GREETED, *(talk * 4)], stt={"is_deaf": True})
    assert story.reason == "stt_failed"
    said = [text for role, text in story.turns if role == "agent"]
    assert said[1].startswith("I'm sorry, something went wrong")
    assert said[2].startswith("I'm sorry, I have a technical problem")


async def test_a_transcriber_that_comes_back_is_used_again() -> None:
    time = VirtualTime()
    line = FakeTransport(time, [*GREETED, Speech("Are you open?", 600), UntilAgentQuiet()])
    agent = Agent(AgentSpec(), FakeSTT(line), FakeTTS(time), FakeMind(time))
    agent.stt.fails_to_open = 2
    session = Session(transport=line, agent=agent, vad=FakeVAD(), listener=Listening())  # type: ignore[arg-type]
    assert await session.run() == "caller_hung_up"
    assert agent.mind.committed == ["Are you open?"]


async def test_a_transcriber_that_is_gone_is_told_to_the_caller() -> None:
    time = VirtualTime()
    line = FakeTransport(time, [Silence(20_000)])
    agent = Agent(AgentSpec(), FakeSTT(line), FakeTTS(time), FakeMind(time))
    agent.stt.fails_to_open = 99
    session = Session(transport=line, agent=agent, vad=FakeVAD(), listener=(heard := Listening()))  # type: ignore[arg-type]
    assert await session.run() == "stt_failed"
    assert any("technical problem" in turn.text for turn in heard.of(TurnEnded))


async def test_a_model_that_hangs_is_tried_again_then_owned_up_to() -> None:
    script: list[Step] = [
        *GREETED,
        Speech("Are you open?", 600),
        Silence(25_000),
        Speech("Are you?", 600),
        Silence(30_000),
    ]
    story = await call(
        script, lambda text: Answer([], hangs=True), limits={"hang_up_after_silence_s": 60, "reminder_after_s": 60}
    )
    assert story.reason == "model_failed"
    said = [text for role, text in story.turns if role == "agent"]
    assert said[1] == f"{PATIENCE} {PATIENCE.replace('One moment.', 'Just a second, please.')}"
    assert said[2].startswith("I'm sorry, something went wrong")
    assert said[-1].startswith("I'm sorry, I have a technical problem")
    assert len(story.agent.mind.asked) == 4


async def test_no_unexplained_silence_is_longer_than_three_seconds() -> None:
    story = await call([*GREETED, Speech("Are you open?", 600), Silence(12_000)], lambda text: Answer([], hangs=True))
    stopped = story.line.spoken[0].end_ms
    first = next(begin for begin, _ in story.line.agent_spoke_ms() if begin > stopped)
    assert first - stopped <= 3_000


async def test_a_voice_that_hangs_is_filled_too() -> None:
    script = [*GREETED, Speech("Are you open?", 600), Silence(15_000)]
    story = await call(script, lambda text: "Yes.", tts={"script": {"Yes.": "hangs"}}, limits={"reminder_after_s": 60})
    said = [text for role, text in story.turns if role == "agent"]
    assert said[1] == f"{PATIENCE} Just a second, please."
    assert said[2].startswith("I'm sorry, something went wrong")


async def test_a_model_that_fails_once_is_not_noticed() -> None:
    tries = iter([Answer([], error=ProviderError("busy")), Answer([Say("Yes.")])])
    story = await call([*GREETED, Speech("Are you open?", 600), UntilAgentQuiet()], lambda text: next(tries))
    assert story.turns[-1] == ("agent", "Yes.")


async def test_a_mind_without_an_answer_does_not_leave_silence() -> None:
    story = await call([*GREETED, Speech("Mumble mumble.", 600), UntilAgentQuiet()], lambda text: Answer([]))
    assert story.turns[-1] == ("agent", "I'm sorry, I have no answer to that. Could you say it another way?")


async def test_a_voice_that_dies_in_a_phrase_is_cut_at_what_was_heard() -> None:
    answer = "We are open from eight to five."
    script = [*GREETED, Speech("When are you open?", 900), UntilAgentQuiet(1_500), Silence(1_000)]
    story = await call(script, {"When are you open?": answer}, tts={"script": {answer: "dies"}})
    cut = next(turn for turn in story.heard.of(TurnEnded) if turn.was_cut)
    assert answer.startswith(cut.text)
    assert 1 <= len(cut.text.split()) <= 5
    assert story.turns[-1][1].startswith("I'm sorry, something went wrong")
    assert story.happened("stage_failed")[0].data["stage"] == "tts"


async def test_a_voice_that_never_speaks_ends_the_call() -> None:
    story = await call([Silence(60_000)], tts={"script": {"*": "fails"}})
    assert story.reason == "tts_failed"
    assert story.line.agent_spoke_ms() == []


async def test_a_voice_that_hangs_ends_the_call() -> None:
    story = await call([Silence(90_000)], tts={"script": {"*": "hangs"}})
    assert story.reason == "tts_failed"


async def test_the_line_may_end_in_mid_reply() -> None:
    story = await call(
        [*GREETED, Speech("When are you open?", 900), UntilAgentSpeaks(900)], {"When are you open?": LONG}
    )
    assert story.reason == "caller_hung_up"
    last = story.heard.of(TurnEnded)[-1]
    assert last.was_cut
    assert 2 <= len(last.text.split()) <= 6


async def test_hanging_up_from_outside() -> None:
    time = VirtualTime()
    line = FakeTransport(time, [Silence(60_000)])
    agent = Agent(AgentSpec(), FakeSTT(line), FakeTTS(time), FakeMind(time))
    session = Session(transport=line, agent=agent, vad=FakeVAD(), listener=(heard := Listening()))  # type: ignore[arg-type]
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(session.run())
        while not heard.of(TurnEnded):
            await asyncio.sleep(0)
        session.hang_up("member_hung_up")
        session.hang_up("silence")
    assert running.result() == "member_hung_up"
    assert line.is_closed


async def test_cancelling_leaves_nothing_behind() -> None:
    time = VirtualTime()
    line = FakeTransport(time, [Silence(600_000)])
    agent = Agent(AgentSpec(), FakeSTT(line), FakeTTS(time), FakeMind(time))
    session = Session(transport=line, agent=agent, vad=FakeVAD(), listener=(heard := Listening()))  # type: ignore[arg-type]
    before = len(asyncio.all_tasks())
    running = asyncio.create_task(session.run())
    while not heard.of(TurnEnded):
        await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert isinstance(heard.events[-1], Ended)
    assert line.is_closed
    assert len(asyncio.all_tasks()) == before


async def test_a_transport_that_stops_pulling_does_not_keep_the_call() -> None:
    story = await call([Silence(60_000)], line={"pulls": False})
    assert story.reason == "connection_lost"


async def test_a_bug_in_the_mind_does_not_kill_the_worker() -> None:
    def broken(text: str) -> Answer:
        raise RuntimeError("a bug")

    story = await call([*GREETED, Speech("Are you open?", 600), UntilAgentQuiet()], broken)
    assert story.turns[-1][1].startswith("I'm sorry, something went wrong")


async def test_interim_words_are_shown_while_the_caller_speaks() -> None:
    story = await call(
        [*GREETED, Speech("I would like to book an appointment please.", 2_000), UntilAgentQuiet()],
        stt={"interim_every_ms": 300},
    )
    texts = [event.text for event in story.heard.of(TranscriptChanged) if event.role == "caller"]
    assert len(texts) >= 5
    assert texts[-1] == "I would like to book an appointment please."
