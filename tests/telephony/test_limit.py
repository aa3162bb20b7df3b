"""Before the longest call is over, the caller is told so: when, and when not."""

from __future__ import annotations

from typing import Any

import pytest

from telephony.audio.vad import SpeechStarted, SpeechStopped
from telephony.session.limit import GAP_AFTER_QUESTION_MS, GAP_IN_A_HURRY_MS, GAP_MS, LimitWarning
from telephony.session.signals import AgentAsked, AgentFinished, AgentStarted
from tests.fakes import Silence, Speech, UntilAgentQuiet, UntilAgentSpeaks
from tests.telephony.test_session import call
from tests.telephony.test_turns import Timed, heard, run

LINE = "A minute left."


@pytest.mark.parametrize(
    ("now_s", "quiet_ms", "has_asked", "is_due"),
    [
        pytest.param(539, 9_000, False, False, id="too early"),
        pytest.param(540, GAP_MS, False, True, id="the agent has finished"),
        pytest.param(540, GAP_MS - 20, False, False, id="only just"),
        pytest.param(540, GAP_MS, True, False, id="the caller is about to answer"),
        pytest.param(545, GAP_AFTER_QUESTION_MS, True, True, id="they think about it"),
        pytest.param(570, GAP_IN_A_HURRY_MS, True, True, id="half of the time is over: at the next chance"),
        pytest.param(570, 0, True, False, id="in the same breath"),
        pytest.param(579.98, GAP_IN_A_HURRY_MS, False, True, id="the last chance"),
        pytest.param(580, 9_000, False, False, id="no longer true"),
        pytest.param(601, 9_000, False, False, id="over"),
    ],
)
def test_when_it_is_due(now_s: float, quiet_ms: int, has_asked: bool, is_due: bool) -> None:
    now_ms = round(now_s * 1000)
    assert LimitWarning(LINE, 60_000, 600_000).is_due(now_ms, now_ms - quiet_ms, has_asked=has_asked) is is_due


@pytest.mark.parametrize(("text", "before_ms"), [("", 60_000), ("  ", 60_000), (LINE, 600_000), (LINE, 700_000)])
def test_without_words_or_time_it_never_is(text: str, before_ms: int) -> None:
    warning = LimitWarning(text, before_ms, 600_000)
    assert not any(warning.is_due(now_ms, 0, has_asked=False) for now_ms in range(0, 610_000, 1_000))


def said(asked: list[tuple[int, str]]) -> list[tuple[int, str]]:
    return [each for each in asked if each[1] in ("Say warning", "Withdraw", "Say goodbye", "BargeIn")]


KNOBS: dict[str, Any] = {
    "warning": LINE, "warning_before_ms": 9_000, "max_duration_ms": 20_000, "hang_up_after_silence_ms": 60_000,
}  # fmt: skip


def test_it_is_said_once_and_then_goodbye() -> None:
    told: list[Timed] = [(11_100, AgentStarted()), (12_000, AgentFinished())]
    assert said(run(told, until_ms=20_100, **KNOBS)) == [(11_000, "Say warning"), (20_000, "Say goodbye")]


def test_the_caller_finishes_first_and_is_answered() -> None:
    told: list[Timed] = [
        (10_500, SpeechStarted(10_450)), (13_100, SpeechStopped(13_000)), (13_300, heard("Are you open?", 13_160)),
        (13_800, AgentStarted()), (15_000, AgentFinished()),
    ]  # fmt: skip
    assert said(run(told, until_ms=16_000, **KNOBS)) == [(15_300, "Say warning")]


def test_after_a_question_of_the_agents_the_caller_may_answer() -> None:
    answered: list[Timed] = [
        (9_900, SpeechStarted(9_850)), (10_300, SpeechStopped(10_200)), (10_400, heard("Book it.", 10_360)),
        (10_700, AgentStarted()), (10_700, AgentAsked(None, True, "Which day?")), (11_500, AgentFinished()),
    ]  # fmt: skip
    assert said(run(answered, until_ms=14_000, **KNOBS)) == [(13_500, "Say warning")]
    quick: list[Timed] = [*answered, (12_300, SpeechStarted(12_250))]
    assert said(run(quick, until_ms=14_000, **KNOBS)) == []


def test_who_begins_to_speak_before_it_is_heard_is_not_interrupted() -> None:
    told: list[Timed] = [
        (11_040, SpeechStarted(11_000)), (11_600, SpeechStopped(11_500)), (11_700, heard("Mm.", 11_660)),
        (12_000, AgentStarted()), (12_900, AgentFinished()),
    ]  # fmt: skip
    assert said(run(told, until_ms=20_000, **KNOBS))[:3] == [
        (11_000, "Say warning"), (11_040, "Withdraw"), (13_200, "Say warning"),
    ]  # fmt: skip


def test_it_is_no_company() -> None:
    """The silence goes on: who has left isn't kept on the line by it."""
    told: list[Timed] = [(11_100, AgentStarted()), (12_000, AgentFinished())]
    asked = run(told, until_ms=19_000, **{**KNOBS, "hang_up_after_silence_ms": 15_000})
    assert said(asked) == [(11_000, "Say warning"), (15_000, "Say goodbye")]


async def test_a_call_that_reaches_its_limit() -> None:
    limits = {
        "max_duration_s": 30,
        "warning_line": LINE,
        "warning_before_s": 12,
        "reminders": [],
        "hang_up_after_silence_s": 60,
    }
    story = await call(
        [
            UntilAgentQuiet(),
            Silence(15_500),
            Speech("What about Tuesday then", 2_500),
            UntilAgentQuiet(),
            Silence(20_000),
        ],
        limits=limits,
    )
    assert story.reason == "max_duration"
    assert [text for role, text in story.turns if role == "agent"][-3:] == [
        "You said: What about Tuesday then", LINE, "Thank you for calling. Goodbye!",
    ]  # fmt: skip
    (event,) = story.happened("warning")
    assert event.data == {"text": LINE} and 18_000 < event.at_ms < 24_000


async def test_a_warning_may_be_interrupted() -> None:
    limits = {"max_duration_s": 30, "warning_line": "We have to finish very soon I am afraid.", "warning_before_s": 20}
    story = await call(
        [
            UntilAgentQuiet(),
            Silence(6_000),
            UntilAgentSpeaks(200),
            Speech("Then please book Tuesday", 1_200),
            UntilAgentQuiet(),
        ],
        limits={**limits, "reminders": []},
    )
    assert ("caller", "Then please book Tuesday") in story.turns
    assert len(story.happened("warning")) == 1
