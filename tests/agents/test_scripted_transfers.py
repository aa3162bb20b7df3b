"""Callers who ask the script for somebody else: by name, for a person, by what they mean; and those who don't."""

from __future__ import annotations

import pytest

from agents.demo_spec import DEMO_SPEC
from agents.mind import Transfer
from agents.spec import AgentSpec
from tests.agents.scripted_talk import Talk

pytestmark = pytest.mark.models

SPEC = AgentSpec.model_validate(
    {
        **DEMO_SPEC.model_dump(mode="json"),
        "does": {
            **DEMO_SPEC.does.model_dump(mode="json"),
            "transfers": [
                {"name": "Billing", "to": "agent", "agent": "a", "when": "The caller has a question about an invoice or a payment."},
                {
                    "name": "Reception",
                    "when": "The caller wants to speak to a person. The caller wants to complain.",
                    "address": "+14155550142",
                    "words": "I'll get somebody for you.",
                },
                {"name": "Dr. Chen", "to": "sip", "address": "sip:chen@pbx.example", "words": "Let me try Doctor Chen."},
            ],
        },
    }
)  # fmt: skip


def target_of(talk: Talk) -> str:
    return next((part.target for part in talk.replies[-1] if isinstance(part, Transfer)), "")


@pytest.mark.parametrize(
    ("said", "target"),
    [
        ("I'd like to speak to a person.", "Reception"),
        ("can i talk to a human please", "Reception"),
        ("Transfer me.", "Reception"),
        ("Could you put me through to reception?", "Reception"),
        ("put me through to billing", "Billing"),
        ("Billing, please. Can you connect me with billing?", "Billing"),
        ("I need to talk to somebody in the billing department.", "Billing"),
        ("Let me speak with Dr. Chen.", "Dr. Chen"),
        ("I have a question about my invoice.", "Billing"),
        ("I want to make a complaint.", "Reception"),
        ("I'm not happy with how I was treated and I want to complain.", "Reception"),
        ("How much is a cleaning?", ""),
        ("When are you open on Saturday?", ""),
        ("I'd like to book an appointment, please.", ""),
        ("I don't want to speak to a person.", ""),
        ("please don't put me through to billing", ""),
        ("Do you have a swimming pool?", ""),
        ("Do you take Delta Dental?", ""),
        ("Thank you.", ""),
        ("Are you a real person?", ""),
        ("Where are you?", ""),
        ("Hello.", ""),
    ],
)
async def test_who_asks_for_somebody_is_put_through_and_nobody_else(said: str, target: str) -> None:
    talk = await Talk.start(SPEC)
    answer = await talk.say(said)
    assert target_of(talk) == target, answer
    if target:
        assert answer == next(each.words for each in SPEC.does.transfers if each.name == target)


async def test_in_the_middle_of_the_questions_plain_words_still_get_a_person_and_answers_stay_answers() -> None:
    talk = await Talk.start(SPEC)
    await talk.say("I'd like to book an appointment.")
    await talk.say("My name is Bill Reception.")
    assert target_of(talk) == "" and talk.values["name"]
    await talk.say("No, I want to talk to a person.")
    assert target_of(talk) == "Reception"
    answer = await talk.say("415-555-0123")  # nobody was there, and the agent went on
    assert talk.values["phone"] == "+14155550123", answer


async def test_an_agent_without_destinations_says_that_it_cannot() -> None:
    talk = await Talk.start()
    assert "can't transfer" in await talk.say("I'd like to speak to a person.") and target_of(talk) == ""
