"""What the simulator found in the core, each as a story of its own."""

from __future__ import annotations

import pytest

from agents.mind import Collected, Say
from agents.speech import ProviderError
from telephony.session import signals
from telephony.session.events import BargedIn, FieldCollected, TurnEnded
from telephony.session.knobs import TurnSettings
from telephony.session.signals import Line
from telephony.session.turns import TurnTaker
from telephony.session.words import may_be_nod
from tests.fakes import Answer, Silence, Speech, UntilAgentQuiet, UntilAgentSpeaks
from tests.simulator.checks import check
from tests.simulator.run import simulate
from tests.simulator.scenario import scenario
from tests.telephony.test_session import LONG, call


async def test_words_that_a_broken_model_had_left_to_say_make_the_turn_a_cut_one() -> None:
    """Its first sentence was heard to the end, the second never spoken: the turn used to count as whole."""
    broken = Answer([Say("One."), Say("Two.")], delay_ms=900, error=ProviderError("busy"))
    story = await call(
        [UntilAgentQuiet(), Speech("Count", 500), UntilAgentQuiet(2_000)],
        {"Count": broken},
        tts={"script": {"Two.": "hangs"}},
    )
    turn = next(turn for turn in story.heard.of(TurnEnded) if turn.intended == "One. Two.")
    assert (turn.text, turn.was_cut) == ("One.", True)
    assert next(said for said in story.session.conversation.turns if said.text == "One.").was_cut


async def test_last_words_heard_at_the_very_end_of_a_call_count_as_heard() -> None:
    """The caller hangs up in the moment between the agent's last sample and the next frame."""
    story = await call([UntilAgentQuiet(20)], line={"outbound_delay_ms": 0})
    assert story.turns == [("agent", "Hello, how can I help you?")]
    assert not story.heard.of(TurnEnded)[0].was_cut


async def test_what_a_caller_was_saying_when_the_time_was_up_stays_said() -> None:
    wait = [UntilAgentQuiet(), Silence(26_600), Speech("I would like to know one more thing and", 2_400)]
    story = await call(
        [*wait, UntilAgentQuiet(3_000)],
        limits={"max_duration_s": 30, "reminder_after_s": 120, "hang_up_after_silence_s": 600},
        stt={"interim_every_ms": 200},
    )
    assert story.reason == "max_duration"
    said = [turn.text for turn in story.heard.of(TurnEnded) if turn.role == "caller"]
    assert len(said) == 1
    assert said[0].startswith("I would")
    assert [turn.text for turn in story.session.conversation.turns if turn.role == "caller"] == said
    assert not story.happened("backchannel")


def test_a_lost_transcriber_does_not_cut_the_consent_line() -> None:
    turns = TurnTaker(TurnSettings(has_consent_line=True))
    assert turns.receive(signals.Answered()) == [signals.SayLine(Line.CONSENT)]
    assert turns.receive(signals.AgentStarted()) == []
    assert turns.receive(signals.EarLost()) == []
    assert turns.receive(signals.AgentFinished()) == [signals.SayLine(Line.GOODBYE, hang_up="stt_failed")]


async def test_facts_are_told_only_with_the_commit_even_when_the_reply_breaks_before_its_first_sound() -> None:
    """The voice dies at once: the sound that it gave is heard after the reply is known to be broken."""
    answer = Answer([Collected("name", "Ann"), Say("Thank you, Ann Miller.")])
    story = await call(
        [UntilAgentQuiet(), Speech("I am Ann.", 700), UntilAgentQuiet(2_000)],
        {"I am Ann.": answer},
        tts={"script": {"Thank you, Ann Miller.": "dies"}},
    )
    assert len(story.heard.of(FieldCollected)) == len(story.agent.mind.committed) == 1


async def test_the_beginning_of_a_nod_does_not_take_the_floor() -> None:
    """ "I" of "I see", from a transcriber that guesses word by word."""
    story = await call(
        [UntilAgentQuiet(), Speech("Tell me", 600), UntilAgentSpeaks(400), Speech("I see", 700), UntilAgentQuiet(900)],
        {"Tell me": LONG},
        stt={"interim_every_ms": 20, "delay_ms": 20},
    )
    assert not story.heard.of(BargedIn)
    assert story.turns[-1] == ("agent", LONG)
    assert may_be_nod("all", "en-US")
    assert not may_be_nod("I want", "en-US")


@pytest.mark.parametrize("seed", [2926, 3898, 5555, 6721, 7313, 7732, 7958, 8364, 9050])
def test_calls_on_lines_with_an_echo_that_were_once_wrong(seed: int) -> None:
    """Words of the agent's own, taken for the caller's before the echo was known; an echo right behind a caller's words, in which
    the VAD never heard them end; a greeting begun over a caller who spoke into the consent line."""
    assert check(simulate(scenario(seed))) == []


@pytest.mark.parametrize("seed", [10206, 16395, 17357])
def test_the_goodbye_of_a_call_whose_transcriber_is_lost_is_said_to_its_end(seed: int) -> None:
    """The turn that was being answered was still open, and a digit's silence ended it into the goodbye."""
    assert check(simulate(scenario(seed))) == []


@pytest.mark.parametrize("seed", [146, 2116, 5839])
def test_calls_that_end_just_as_an_answer_begins(seed: int) -> None:
    """Its turn was not committed, or another one's words were not written down."""
    assert check(simulate(scenario(seed))) == []
