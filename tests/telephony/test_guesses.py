"""Calls in which somebody listens to how it is said, or the transcriber says when a turn is over."""

from __future__ import annotations

from typing import Any

import pytest

from agents.speech import ProviderError
from telephony.session.events import TurnEnded
from tests.fakes import FakeEndOfTurn, Silence, Speech, Step, UntilAgentQuiet
from tests.telephony.test_session import Story, call

WORDS = "next Tuesday at ten in the morning"
CAREFUL = {"acoustic_end_of_turn": "careful"}


async def told(*script: Step, listens: dict[str, Any] = CAREFUL, **judge: Any) -> Story:
    """A call of a caller whose voice sounds as ``likely`` says."""
    likely = judge.pop("likely", (0.97,))
    return await call(
        [UntilAgentQuiet(200), *script, UntilAgentQuiet()],
        end_of_turn=lambda time: FakeEndOfTurn(time, *likely, **judge),
        stt={"delay_ms": 100},
        listens=listens,
    )


def judge_of(story: Story) -> FakeEndOfTurn:
    judge = story.agent.end_of_turn
    assert isinstance(judge, FakeEndOfTurn)
    return judge


def pauses(story: Story) -> list[dict[str, Any]]:
    thoughts = [thought for turn in story.heard.of(TurnEnded) for thought in turn.thoughts]
    return [dict(thought.data) for thought in thoughts if thought.kind == "pause"]


@pytest.mark.parametrize(
    ("likely", "ms", "because"), [(0.97, 375, "finished"), (0.03, 750, "unfinished"), (0.5, 500, "unsure"), (None, 500, "unsure")]
)  # fmt: skip
async def test_the_answer_waits_by_how_it_was_said_and_says_so(likely: float | None, ms: int, because: str) -> None:
    story = await told(Speech(WORDS, 1_800), likely=(likely,))
    found = pauses(story)[0]
    assert (found["ms"], found["because"]) == (ms, because)
    assert found.get("voice_percent") == (None if likely is None else round(likely * 100))
    latency = story.heard.of(TurnEnded)[-1].latency
    assert latency is not None
    assert ms <= latency.endpointing_ms <= ms + 20


async def test_what_is_judged_is_this_turn_and_the_silence_before_it() -> None:
    story = await told(Speech(WORDS, 1_800), UntilAgentQuiet(), Speech("and another thing", 600))
    assert [round(heard_ms, -2) for heard_ms in judge_of(story).heard_ms] == [2_500, 1_300]


async def test_of_a_long_turn_the_last_eight_seconds_are_judged() -> None:
    story = await told(Speech("so " * 40, 12_000))
    assert judge_of(story).heard_ms == [8_000]


async def test_who_goes_on_after_a_pause_is_judged_anew_by_all_they_said() -> None:
    story = await told(Speech("I would like to", 800), Silence(300), Speech("come in on Friday", 800))
    first, second = judge_of(story).heard_ms
    assert second == first + 300 + 800
    assert len(pauses(story)) == 1


async def test_only_the_newest_question_is_waited_for() -> None:
    script = (Speech("I would like", 800), Silence(240), Speech("to come in on Friday", 800))
    story = await told(*script, delay_ms=1_500, likely=(0.01, 0.99))
    assert judge_of(story).given_up == 1
    assert pauses(story)[0]["ms"] == 500  # and the other was late


async def test_without_the_knob_nobody_is_asked() -> None:
    story = await told(Speech(WORDS, 1_800), listens={"acoustic_end_of_turn": "off"})
    assert judge_of(story).heard_ms == []
    assert pauses(story)[0]["ms"] == 500


@pytest.mark.parametrize("error", [ProviderError("No memory."), RuntimeError("No memory.")])
async def test_a_broken_model_is_told_once_and_the_call_goes_on_without(error: Exception) -> None:
    story = await told(Speech(WORDS, 1_800), UntilAgentQuiet(), Speech(WORDS, 1_800), error=error)
    assert len(judge_of(story).heard_ms) == 1
    assert ["No memory." in str(event.data["words"]) for event in story.happened("end_of_turn_lost")] == [True]
    assert [found["ms"] for found in pauses(story)] == [500, 500]


async def test_a_model_that_never_answers_keeps_nobody_waiting_and_ends_with_the_call() -> None:
    story = await told(Speech(WORDS, 1_800), delay_ms=3_600_000)
    assert pauses(story)[0]["ms"] == 500
    assert judge_of(story).given_up == 1


# ---- a transcriber that judges turns


async def vendor(*script: Step, ends_turn: Any, listens: dict[str, Any] | None = None) -> Story:
    return await call(
        [UntilAgentQuiet(200), *script, UntilAgentQuiet()],
        stt={"delay_ms": 40, "ends_turn": ends_turn},
        listens=listens or {},
    )


async def test_a_turn_ends_when_the_transcriber_says_so() -> None:
    story = await vendor(Speech(WORDS, 1_800), ends_turn=lambda text: text == WORDS)
    assert pauses(story)[0] == {"ms": 200, "because": "told", "pace_percent": 100}
    latency = story.heard.of(TurnEnded)[-1].latency
    assert latency is not None and latency.endpointing_ms <= 220


async def test_a_transcriber_that_says_it_goes_on_is_waited_for() -> None:
    story = await vendor(Speech(WORDS, 1_800), ends_turn=lambda text: False)
    assert (pauses(story)[0]["ms"], pauses(story)[0]["because"]) == (750, "told_open")


async def test_a_transcriber_without_an_opinion_changes_nothing() -> None:
    story = await vendor(Speech(WORDS, 1_800), ends_turn=lambda text: None)
    assert pauses(story)[0]["ms"] == 500


@pytest.mark.parametrize(
    ("gap_ms", "turns"),
    [
        (160, ["two people on Friday evening"]),
        (260, ["two people on Friday evening"]),
        (660, ["two people", "on Friday evening"]),
    ],
    ids=["before the least silence", "after it, when the answer has hardly begun", "into the answer"],
)
async def test_a_transcriber_that_is_wrong_about_the_end_loses_no_words(gap_ms: int, turns: list[str]) -> None:
    script = (Speech("two people", 700), Silence(gap_ms), Speech("on Friday evening", 800))
    story = await vendor(*script, ends_turn=lambda text: True)
    assert [text for role, text in story.turns if role == "caller"] == turns
    assert story.agent.mind.committed == turns


async def test_a_rule_of_the_builders_comes_before_the_transcriber() -> None:
    rule = {"side": "caller", "pattern": "tuesday", "timeout_ms": 1_200}
    story = await vendor(Speech(WORDS, 1_800), ends_turn=lambda text: True, listens={"endpointing_rules": [rule]})
    assert (pauses(story)[0]["ms"], pauses(story)[0]["because"]) == (1_200, "rule")
