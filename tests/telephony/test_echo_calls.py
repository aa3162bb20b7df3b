"""A caller on a speakerphone: the agent never stops or answers itself, and gives way to the caller all the same."""

from __future__ import annotations

import pytest
from rapidfuzz import fuzz

from telephony.session.words import normalised
from tests.echo_line import EchoLine
from tests.fakes import Silence, UntilAgentQuiet, UntilAgentSpeaks
from tests.telephony.echo_calls import EchoCall, call, says

pytestmark = [pytest.mark.models, pytest.mark.timeout(600), pytest.mark.paced]

QUESTION, STOP = "When are you open on Saturdays?", "Wait, I need to ask something else."
ANSWER = (
    "On Saturdays we are open from nine in the morning until one in the afternoon. "
    "The doctor is there by appointment only, so please call us before you come."
)
LINES = [(delay_ms, quieter_db) for delay_ms in (80, 250, 500) for quieter_db in (6, 12, 20)]


def answered(text: str) -> str:
    return ANSWER if "open" in text else "Of course. What would you like to know about our office?"


def said(one: str, other: str) -> float:
    return fuzz.ratio(normalised(one), normalised(other))


def assert_undisturbed(story: EchoCall) -> None:
    assert not story.interruptions
    assert [role for role, _ in story.turns] == ["agent", "caller", "agent"]
    assert said(story.turns[1][1], QUESTION) > 80
    assert story.turns[2][1] == ANSWER
    assert story.states == ["speaking", "listening", "thinking", "speaking", "listening"], "it was hushed"


@pytest.mark.parametrize(("delay_ms", "quieter_db"), LINES)
async def test_the_agent_never_stops_or_answers_itself(delay_ms: int, quieter_db: int) -> None:
    script = [UntilAgentQuiet(900), says(QUESTION), UntilAgentQuiet(1_500), Silence(1_000)]
    story = await call(script, answered, EchoLine(delay_ms, quieter_db, seed=delay_ms + quieter_db))
    assert_undisturbed(story)
    if echo := story.happened("echo"):
        assert abs(int(str(echo[0].data["delay_ms"])) - delay_ms) <= 40
        assert abs(int(str(echo[0].data["quieter_db"])) - quieter_db) <= 5
        assert story.happened("echoes")[0].data["times"]


async def test_an_echo_through_the_codec_of_a_browser_is_known_too() -> None:
    script = [UntilAgentQuiet(900), says(QUESTION), UntilAgentQuiet(1_500), Silence(1_000)]
    story = await call(script, answered, EchoLine(180, 10, reverb_ms=200, has_codec=True))
    assert_undisturbed(story)
    assert story.happened("echo")


@pytest.mark.parametrize(("delay_ms", "quieter_db"), LINES)
async def test_a_caller_who_speaks_over_the_echo_interrupts(delay_ms: int, quieter_db: int) -> None:
    script = [
        UntilAgentQuiet(900),
        says(QUESTION),
        UntilAgentSpeaks(20),
        Silence(2_300),
        says(STOP),
        UntilAgentQuiet(800),
    ]
    story = await call(script, answered, EchoLine(delay_ms, quieter_db, seed=delay_ms + quieter_db))
    assert len(story.interruptions) == 1
    assert story.silent_after_ms(1) <= 400
    heard = story.turns[3][1]
    assert fuzz.partial_ratio(normalised(STOP), normalised(heard)) > 75, heard
    assert len(heard) < len(STOP) * 1.5, "the agent's words are in it"


async def test_without_the_guard_it_would_stop_itself() -> None:
    script = [UntilAgentQuiet(900), says(QUESTION), UntilAgentQuiet(1_500), Silence(1_000)]
    story = await call(script, answered, EchoLine(250, 6, seed=256), listens={"echo_guard": False})
    with pytest.raises(AssertionError):
        assert_undisturbed(story)


async def test_who_repeats_the_agents_words_after_it_is_a_caller() -> None:
    script = [UntilAgentQuiet(500), says("Wednesday morning, please."), UntilAgentQuiet(800)]
    line = EchoLine(250, 10)
    story = await call(
        script,
        lambda text: "That is fine.",
        line,
        greeting="Hello. Would you like to come on Wednesday morning, please?",
    )
    assert [role for role, _ in story.turns] == ["agent", "caller", "agent"]
    assert said(story.turns[1][1], "Wednesday morning please") > 75


async def test_without_an_echo_nothing_is_slower() -> None:
    script = [
        UntilAgentQuiet(900),
        says(QUESTION),
        UntilAgentSpeaks(20),
        Silence(2_300),
        says(STOP),
        UntilAgentQuiet(800),
    ]
    stories = [await call(script, answered, None, listens={"echo_guard": guard}) for guard in (True, False)]
    assert stories[0].turns == stories[1].turns
    assert stories[0].silent_after_ms(1) == stories[1].silent_after_ms(1) <= 250
    assert not stories[0].happened("echo")
