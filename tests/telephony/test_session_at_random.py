"""Many calls of callers who do anything, with vendors who do anything, against the real session. Seeded: a failure comes again."""

from __future__ import annotations

import random

import pytest

from agents.mind import Collected, EndCall, Say
from agents.speech import ProviderError
from telephony.end_reasons import REASONS
from tests.fakes import Answer, Silence, Speech, Step, UntilAgentQuiet, UntilAgentSpeaks
from tests.telephony.test_session import call

SAYINGS = [
    "", "mm-hm", "okay yeah", "stop", "no wait", "bye", "When are you open?", "I would like to book and", "um",
    "my number is 555 123", "What about Monday in the afternoon, if that is possible?", "Yes.",
]  # fmt: skip
SENTENCES = [
    "Yes.",
    "We are open from eight to five.",
    "May I have your phone number?",
    "One thing more, please listen well now.",
]


def a_caller(dice: random.Random) -> list[Step]:
    script: list[Step] = []
    for _ in range(dice.randint(2, 9)):
        match dice.randrange(6):
            case 0:
                script.append(Silence(dice.randrange(100, 4_000, 20)))
            case 1:
                script.append(UntilAgentSpeaks(dice.randrange(20, 1_500, 20)))
            case 2:
                script.append(UntilAgentQuiet(dice.randrange(100, 900, 20)))
            case _:
                text = dice.choice(SAYINGS)
                script.append(Speech(text, max(140, len(text.split()) * dice.randrange(200, 360, 20))))
                script.append(Silence(dice.randrange(40, 1_500, 20)))
    return [*script, Silence(12_000)]


def an_answer(dice: random.Random) -> Answer:
    parts = [Say(dice.choice(SENTENCES)) for _ in range(dice.randint(0, 3))]
    extra = [[], [], [Collected("name", "Ann")], [EndCall("caller_goodbye")]][dice.randrange(4)]
    fate = dice.randrange(12)
    return Answer(
        [*parts, *extra],
        delay_ms=dice.choice([0, 40, 300, 2_500]),
        error=ProviderError("busy") if fate == 0 else None,
        hangs=fate == 1,
    )


@pytest.mark.parametrize("seed", range(40))
async def test_any_call(seed: int) -> None:
    dice = random.Random(seed)
    story = await call(
        a_caller(dice),
        lambda text: an_answer(dice),
        stt={
            "delay_ms": dice.choice([0, 120, 600, 3_000]),
            "interim_every_ms": dice.choice([0, 200]),
            "is_deaf": dice.random() < 0.05,
        },
        tts={
            "delay_ms": dice.choice([0, 60, 800]),
            "script": {"Yes.": dice.choice(["", "", "fails", "dies", "hangs"])},
        },
        line={"outbound_delay_ms": dice.choice([0, 40, 150, 400])},
        listens={"barge_in": dice.random() < 0.8, "barge_in_sensitivity": dice.choice(["low", "medium", "high"])},
        limits={"max_duration_s": 30, "hang_up_after_silence_s": 9, "reminder_after_s": 4},
        privacy={"record": True, "consent_line": dice.choice(["", "This call is recorded."])},
    )
    assert story.reason in REASONS
    assert story.reason != "internal_error"
    assert story.heard.events[-1].at_ms <= 45_100
    said = [turn for turn in story.session.conversation.turns if turn.role == "caller"]
    assert len(said) >= len(story.agent.mind.committed)
