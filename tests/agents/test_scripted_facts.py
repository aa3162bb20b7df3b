"""Facts in prompts, and how well they are found. The figures asserted are what was measured, with a little room."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from agents.demo_spec import DEMO_SPEC
from agents.providers.local.embeddings import shared
from agents.scripted.facts import Fact, sentences, split
from agents.scripted.matching import ANSWERS, FactIndex, parts
from tests.agents.facts_held_out import HELD_OUT, SALON
from tests.agents.facts_table import PIZZERIA, QUESTIONS
from tests.agents.scripted_talk import WEIGHTS


@dataclass(frozen=True)
class Score:
    right: int
    said: int
    answerable: int
    refused: int
    unanswerable: int

    @property
    def precision(self) -> float:
        """Of the facts said, how many answer."""
        return self.right / self.said

    @property
    def recall(self) -> float:
        """Of the questions a fact answers, how many got it."""
        return self.right / self.answerable


def measure(prompt: str, questions: list[tuple[str, str | None]]) -> Score:
    embed = shared(WEIGHTS).embed_now
    facts = split(prompt)
    index = FactIndex(facts, embed(FactIndex.texts(facts)))
    right = said = refused = 0
    for question, expected in questions:
        best = index.matches(question, embed([question])[0])[0]
        if best.score < ANSWERS:
            refused += expected is None
            continue
        said += 1
        right += expected is not None and expected.lower() in facts[best.fact].text.lower()
    answerable = sum(expected is not None for _, expected in questions)
    return Score(right, said, answerable, refused, len(questions) - answerable)


@pytest.mark.models
def test_the_tuned_businesses_are_answered() -> None:
    scores = [measure(prompt, questions) for prompt, questions in QUESTIONS.items()]
    total = Score(
        *(sum(getattr(s, name) for s in scores) for name in ("right", "said", "answerable", "refused", "unanswerable"))
    )
    print(
        f"tuned on: precision {total.precision:.2f}, recall {total.recall:.2f}, refused {total.refused} of {total.unanswerable}"
    )
    assert total.precision >= 0.93
    assert total.recall >= 0.90
    assert total.refused >= total.unanswerable - 1


@pytest.mark.models
def test_a_business_never_seen_is_answered_fairly_and_honestly() -> None:
    score = measure(SALON, HELD_OUT)
    print(
        f"held out: precision {score.precision:.2f}, recall {score.recall:.2f}, refused {score.refused} of {score.unanswerable}"
    )
    assert score.precision >= 0.80
    assert score.recall >= 0.65
    assert score.refused == score.unanswerable


def test_instructions_are_not_facts() -> None:
    facts = [fact.text for fact in split(PIZZERIA)]
    assert not any("rude" in text or "drink" in text or "promise" in text for text in facts)
    assert Fact("Tuesday to Sunday from noon to 11 p.m.", "Opening hours") in split(PIZZERIA)
    demo = [fact.text for fact in split(DEMO_SPEC.says.prompt)]
    assert not any("front desk" in text or "medical advice" in text for text in demo)
    assert len(demo) >= 15


@pytest.mark.parametrize(
    "line",
    [
        "You are Mia, a friendly receptionist.",
        "Be polite.",
        "Always confirm the name.",
        "Never talk about competitors.",
        "Ask for the caller's phone number.",
        "Collect the name first.",
        "If the caller is angry, stay calm.",
        "Don't make up prices.",
        "Your job is to answer calls.",
        "Keep answers short.",
        "When the caller wants to book, take their name.",
    ],
)
def test_what_tells_the_agent_how_to_behave_is_never_said(line: str) -> None:
    assert split(line) == ()


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("We are open from 9 a.m. to 5 p.m. on weekdays.", ["We are open from 9 a.m. to 5 p.m. on weekdays."]),
        ("Our dentist is Dr. Patel. She speaks Hindi.", ["Our dentist is Dr. Patel. She speaks Hindi."]),
        ("- cleaning: $95\n- filling: $150", ["Cleaning: $95.", "Filling: $150."]),
        ("A check-up is **free**.", ["A check-up is free."]),
        ("If someone asks about refunds, say that refunds take ten days.", ["Refunds take ten days."]),
        ("If you have severe pain, call 911.", ["If you have severe pain, call 911."]),
        ("You can pay by card.", ["You can pay by card."]),
        ("You can park behind the building.", ["You can park behind the building."]),
        ("You'll find us at 7 Mill Lane.", ["You'll find us at 7 Mill Lane."]),
        ("Call us at 555 0100 in an emergency.", ["Call us at 555 0100 in an emergency."]),
        ("", []),
    ],
)
def test_facts_are_said_as_they_stand(prompt: str, expected: list[str]) -> None:
    assert [fact.text for fact in split(prompt)] == expected


def test_sentences_end_where_people_end_them() -> None:
    assert sentences("We open at 9. Dr. Lee is in at 10 a.m. 7 days a week. Come by!") == [
        "We open at 9.", "Dr. Lee is in at 10 a.m. 7 days a week.", "Come by!",
    ]  # fmt: skip


def test_a_question_with_two_parts_is_two_questions() -> None:
    assert parts("How much is a cleaning, and do you take Delta Dental?") == [
        "How much is a cleaning",
        "do you take Delta Dental?",
    ]
    assert parts("Do you have parking and wifi?") == ["Do you have parking and wifi?"]
