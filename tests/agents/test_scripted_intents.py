"""What a caller wants with a sentence, by its words alone."""

from __future__ import annotations

import pytest

from agents.scripted.intents import Intent, is_question, recognise
from agents.spec import Says

ENDINGS = Says().ending_phrases

CASES: dict[Intent, tuple[str, ...]] = {
    Intent.GOODBYE: (
        "Goodbye.",
        "bye",
        "Bye bye!",
        "okay, bye",
        "No, that's all, thank you.",
        "thanks, goodbye",
        "That's all for now",
        "I have to go",
        "Have a nice day",
        "thank you, bye bye",
        "that's it",
    ),
    Intent.REPEAT: (
        "Repeat that, please.",
        "can you say that again",
        "What?",
        "pardon",
        "Sorry?",
        "Come again?",
        "I didn't catch that",
        "one more time please",
        "Excuse me?",
        "What did you say?",
        "Huh?",
        "Could you please repeat?",
    ),
    Intent.HELP: ("What can you do?", "help", "How can you help me?", "What can I ask?"),
    Intent.MACHINE: ("Are you a robot?", "am i talking to a machine", "Who am I speaking with?", "Are you real?"),
    Intent.HUMAN: (
        "Can I talk to a real person?",
        "Transfer me to an agent",
        "I want to speak to someone",
        "put me through to the manager",
        "Human, please: a real human.",
    ),
    Intent.THANKS: ("Thank you.", "thanks a lot", "Cheers"),
    Intent.GREETING: ("Hello.", "hi there", "Good morning!", "Hey"),
    Intent.COLLECT: (
        "I'd like to book an appointment.",
        "can I book an appointment please",
        "I want an appointment",
        "Could I make an appointment for Tuesday?",
        "Book an appointment.",
    ),
    Intent.CANCEL: ("Forget it.", "never mind", "Nevermind", "Stop.", "I don't want to book anymore"),
    Intent.WAIT: ("Hold on a second.", "just a moment", "Wait a minute", "let me check my calendar", "one sec"),
    Intent.REFUSE: (
        "I'd rather not say.",
        "I don't want to give you my number",
        "skip that",
        "I don't have one",
        "No.",
        "that's private",
    ),
    Intent.UNSURE: ("I don't know.", "I'm not sure", "no idea"),
    Intent.YES: ("Yes.", "yeah", "That's right.", "correct", "Yep, sounds good."),
    Intent.NO: ("No.", "nope", "No, that's wrong.", "That's not right", "not really"),
    Intent.NOTHING: ("", "um", "Uh...", "...", "hmm"),
}
NOT: dict[Intent, tuple[str, ...]] = {
    Intent.GOODBYE: (
        "That's all I know about it, but how much is it?",
        "How much is it to say goodbye to a tooth?",
        "Don't say bye before we are done",
        "When are you open?",
    ),
    Intent.COLLECT: (
        "Can I cancel my appointment?",
        "I need to move my appointment",
        "When are you open?",
        "What's a book?",
    ),
    Intent.REPEAT: ("What are your hours?", "Sorry, I meant Wednesday.", "What time do you open?"),
    Intent.CANCEL: ("Can I cancel my appointment?", "There's a bus stop nearby"),
    Intent.HUMAN: ("How many people work there?", "Is the doctor a nice person?"),
    Intent.REFUSE: ("I don't know what you mean by opening hours",),
}


@pytest.mark.parametrize(
    ("intent", "text"), [pytest.param(i, t, id=f"{i}: {t}") for i, texts in CASES.items() for t in texts]
)
def test_is_recognised(intent: Intent, text: str) -> None:
    assert intent in recognise(text, ENDINGS, "book an appointment")


@pytest.mark.parametrize(
    ("intent", "text"), [pytest.param(i, t, id=f"{i}: {t}") for i, texts in NOT.items() for t in texts]
)
def test_is_not_mistaken(intent: Intent, text: str) -> None:
    assert intent not in recognise(text, ENDINGS, "book an appointment")


@pytest.mark.parametrize(
    "text",
    [
        "When are you open",
        "and do you take cards",
        "Um, how much is it?",
        "I was wondering if you're open",
        "okay so where are you",
        "Tell me about your prices",
    ],
)
def test_a_question_is_one_by_its_words(text: str) -> None:
    assert is_question(text)


@pytest.mark.parametrize(
    "text", ["Anna Kowalski?", "Tuesday at ten", "I need a cleaning", "my tooth hurts when I eat", "yes please"]
)
def test_an_answer_is_not_a_question(text: str) -> None:
    assert not is_question(text)
