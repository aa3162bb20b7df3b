"""Vendors that hang, break or are known to be down, in whole calls: who answers then, how soon, and what the call's page says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from agents.mind import Mind, Say
from agents.providers.breaker import Breaker
from agents.spec import AgentSpec
from agents.speech import ProviderError
from agents.standby import Chain, Member, Minds, Voice
from telephony.session.events import Happened, TurnEnded
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
    Silence,
    Speech,
    Step,
    UntilAgentQuiet,
    VirtualTime,
)
from tests.telephony.test_session import GREETED, Story, assert_sound

MODEL, SCRIPT = "The model at brain.example", "Scripted"
HANGS = Answer([], hangs=True)
REFUSED = Answer([], delay_ms=20, error=ProviderError("The model's server at brain.example can't be reached."))
BAD_KEY = Answer([], delay_ms=20, error=ProviderError("brain.example refused the key.", permanent=True))


class Stage:
    """An agent of fakes with a model and a script behind it, and as many voices as are given."""

    def __init__(self, script: Sequence[Step], model: Any, **more: Any) -> None:
        self.time = VirtualTime()
        self.line = FakeTransport(self.time, script)
        self.model = FakeMind(self.time, model)
        self.script = FakeMind(self.time, lambda text: Answer([Say(f"By the book: {text}")]))
        self.breaker: Breaker = more.get("breaker") or Breaker()
        self.tts = [FakeTTS(self.time, **voice) for voice in more.get("voices", [{}])]
        members: list[Member[Mind]] = [Member(self.model, MODEL, self.breaker)]
        if more.get("is_backed", True):
            members.append(Member(self.script, SCRIPT))
        self.brains = Chain(members, now_s=self.now_s)
        self.spec = AgentSpec.model_validate(more.get("spec", {}))
        self.heard = Listening()

    def now_s(self) -> float:
        return self.time.now_ms / 1000

    async def play(self) -> Story:
        voices = Chain(
            [Member(Voice(tts, str), f"Voice {n}") for n, tts in enumerate(self.tts)], now_s=self.now_s, rest_s=1e9
        )
        agent = Agent(
            self.spec,
            FakeSTT(self.line),
            self.tts[0],
            Minds(self.brains, []),  # type: ignore[arg-type]
            voices=voices,
            brains=self.brains,
        )
        session = Session(transport=self.line, agent=agent, vad=FakeVAD(), listener=self.heard)  # type: ignore[arg-type]
        reason = await session.run()
        agent.mind = self.model
        story = Story(reason, self.heard, self.line, agent, session)
        assert_sound(story)
        assert self.model.is_closed
        return story

    def told(self, *kinds: str) -> list[dict[str, Any]]:
        return [{**event.data} for event in self.heard.of(Happened) if event.kind in kinds]

    def said(self) -> list[str]:
        return [turn.text for turn in self.heard.of(TurnEnded) if turn.role == "agent"][1:]

    def longest_silence_ms(self) -> int:
        """While the caller waits: from their last words, or the agent's, to the agent's next."""
        waits: list[int] = []
        for begin, _ in self.line.agent_spoke_ms():
            words = [spoken.end_ms for spoken in self.line.spoken if spoken.end_ms <= begin]
            sounds = [end for _, end in self.line.agent_spoke_ms() if end <= begin]
            if words:
                waits.append(begin - max(words + sounds))
        return max(waits)


def asks(*questions: str) -> list[Step]:
    return [*GREETED, *(step for text in questions for step in (Speech(text, 900), UntilAgentQuiet(2_000)))]


async def test_a_model_that_hangs_is_answered_for_by_the_script_within_its_time() -> None:
    stage = Stage(asks("Are you open?"), lambda text: HANGS)
    await stage.play()
    assert stage.said() == ["One moment. By the book: Are you open?"]
    late = f"{MODEL} didn't answer within 4 s"
    told = {"stage": "model", "error": f"{late}.", "used": SCRIPT, "words": f"{late}; the answer came from Scripted."}
    assert stage.told("fallback") == [told]
    assert stage.told("stage_failed") == []
    assert stage.longest_silence_ms() <= 3_000


async def test_how_long_it_is_waited_for_is_the_builders() -> None:
    stage = Stage(asks("Are you open?"), lambda text: HANGS, spec={"knows": {"fallback_after_s": 1.0}})
    await stage.play()
    assert stage.said() == ["By the book: Are you open?"]
    assert stage.told("fallback")[0]["error"] == f"{MODEL} didn't answer within 1 s."
    assert stage.longest_silence_ms() <= 1_600


async def test_one_that_fails_at_once_is_asked_once_more_and_then_the_next() -> None:
    stage = Stage(asks("Are you open?"), lambda text: REFUSED)
    await stage.play()
    assert stage.said() == ["By the book: Are you open?"]
    assert len(stage.model.asked) == 2
    assert stage.longest_silence_ms() <= 1_000


async def test_a_second_try_that_works_is_told_too_and_nobody_else_is_asked() -> None:
    answers = iter([REFUSED, Answer([Say("Yes, until five.")])])
    stage = Stage(asks("Are you open?"), lambda text: next(answers))
    await stage.play()
    assert stage.said() == ["Yes, until five."]
    assert stage.script.asked == []
    assert [event["stage"] for event in stage.told("stage_retried")] == ["model"]


async def test_a_refused_key_is_not_asked_again_in_this_call_and_does_not_count_as_a_vendor_that_is_down() -> None:
    stage = Stage(asks("Are you open?", "And on Sunday?", "And Monday?"), lambda text: BAD_KEY)
    await stage.play()
    assert len(stage.said()) == 3 and all(text.startswith("By the book") for text in stage.said())
    assert len(stage.model.asked) == 1
    assert stage.breaker.state(stage.now_s()) == "closed"


async def test_once_the_model_is_back_it_answers_again_and_the_page_says_so() -> None:
    fates = iter([HANGS, *[Answer([Say("It is me again.")])] * 9])
    stage = Stage([*asks("Are you open?"), Silence(16_000), *asks("And on Sunday?")[1:]], lambda text: next(fates))
    stage.spec = AgentSpec.model_validate({"limits": {"reminder_after_s": 60, "hang_up_after_silence_s": 60}})
    await stage.play()
    assert stage.said() == ["One moment. By the book: Are you open?", "It is me again."]
    assert [event["words"] for event in stage.told("fallback_over")] == [f"{MODEL} answers again."]


async def test_a_vendor_known_to_be_down_is_not_waited_for_by_the_next_call() -> None:
    breaker = Breaker()
    for _ in range(3):
        breaker.failed(0.0, f"{MODEL} didn't answer within 4 s.")
    stage = Stage([*GREETED, Speech("Are you open?", 900), UntilAgentQuiet()], lambda text: HANGS, breaker=breaker)
    await stage.play()
    assert stage.model.asked == []
    assert stage.longest_silence_ms() <= 1_000
    words = f"{MODEL} didn't answer within 4 s. It is not asked again for a while; the answer came from Scripted."
    assert [event["words"] for event in stage.told("fallback")] == [words]


async def test_without_a_next_one_a_vendor_that_is_down_is_told_of_at_once_instead_of_waited_for() -> None:
    breaker = Breaker()
    for _ in range(3):
        breaker.failed(0.0, "It is down.")
    stage = Stage(asks("Are you open?"), lambda text: HANGS, breaker=breaker, is_backed=False)
    await stage.play()
    assert stage.model.asked == []
    assert stage.told("stage_failed")[0] == {"stage": "model", "error": "It is down."}
    assert stage.said()[0].startswith("I'm sorry, something went wrong")
    assert stage.longest_silence_ms() <= 1_000


async def test_half_an_answer_is_not_begun_again_by_another() -> None:
    half = Answer([Say("We are open from eight.")], delay_ms=1_500, error=ProviderError("It hung up."))
    stage = Stage(asks("Are you open?"), lambda text: half)
    await stage.play()
    assert stage.script.asked == []
    assert stage.said()[0] == "We are open from eight."


@pytest.mark.parametrize("fate", ["hangs", "fails"])
async def test_the_next_voice_speaks_the_same_words_and_keeps_the_call(fate: str) -> None:
    fine = Answer([Say("Yes, we are.")])
    bad = {"Yes, we are.": fate}
    stage = Stage(asks("Are you open?", "On Sunday?"), lambda text: fine, voices=[{"script": bad}, {}])
    await stage.play()
    assert stage.said() == ["One moment. Yes, we are." if fate == "hangs" else "Yes, we are.", "Yes, we are."]
    assert stage.tts[1].spoken.count("Yes, we are.") == 2
    assert stage.tts[0].spoken.count("Yes, we are.") == (1 if fate == "hangs" else 2)
    assert [event["used"] for event in stage.told("fallback")] == ["Voice 1", "Voice 1"]
    assert stage.longest_silence_ms() <= 3_000


@pytest.mark.parametrize("is_backed", [True, False])
@pytest.mark.parametrize("delay_ms", [2_500, 3_500, 5_000, 7_000, 9_000, 12_000])
async def test_a_slow_model_leaves_nobody_in_silence_for_three_seconds(delay_ms: int, is_backed: bool) -> None:
    script: list[Step] = [*GREETED, Speech("Are you open?", 900), Silence(25_000)]
    alone = {"limits": {"reminder_after_s": 60, "hang_up_after_silence_s": 60}}
    slow = Answer([Say("Yes.")], delay_ms=delay_ms)
    stage = Stage(script, lambda text: slow, is_backed=is_backed, spec=alone)
    await stage.play()
    assert stage.longest_silence_ms() <= 3_000
    assert stage.said()[0].endswith(("Yes.", "By the book: Are you open?")) or delay_ms > 8_000
