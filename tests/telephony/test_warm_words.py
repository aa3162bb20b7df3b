"""What the other side of a warm transfer is told and asked, and what their answer is taken for."""

from __future__ import annotations

import pytest

from agents.conversation import Conversation
from agents.mind import Collected, EndCall, ReplyPart, Say, Utterance
from agents.spec import AgentSpec
from agents.summary import LONGEST, plain
from telephony.transfers.consultation import MOST_UNCLEAR, Asking, spec_for_asking
from telephony.transfers.warm_words import _LINES, Answer, answer_of, summary, warm_lines

WORDS = "Hello, I have a caller for you."


@pytest.mark.parametrize(
    ("text", "digits", "language", "answer"),
    [
        ("Yes.", "", "en-US", Answer.YES),
        ("Sure, put them through.", "", "en-GB", Answer.YES),
        ("No, I'm in a meeting.", "", "en-US", Answer.NO),
        ("Pressed 1", "1", "en-US", Answer.YES),
        ("Pressed 2", "2", "de-DE", Answer.NO),
        ("Yes. Pressed 2", "2", "en-US", Answer.NO),
        ("Pressed 5", "5", "en-US", Answer.UNCLEAR),
        ("Good morning, Jane speaking.", "", "en-US", Answer.UNCLEAR),
        ("Hello?", "", "en-US", Answer.UNCLEAR),
        ("You have reached the mailbox of Jane, yes, please leave a message.", "", "en-US", Answer.UNCLEAR),
        ("Ja, gerne.", "", "de-DE", Answer.YES),
        ("Jetzt leider nicht.", "", "de-DE", Answer.NO),
        ("Sí, claro.", "", "es-ES", Answer.YES),
        ("Non, pas maintenant.", "", "fr-FR", Answer.NO),
    ],
)
def test_yes_no_or_neither(text: str, digits: str, language: str, answer: Answer) -> None:
    assert answer_of(Utterance(text, 1, digits=digits), language) is answer


def test_every_language_understands_its_own_words_in_its_own_lines() -> None:
    said = {"en": "yes", "de": "ja", "es": "sí", "fr": "oui", "it": "sì", "nl": "ja", "pt": "sim"}
    refused = {"en": "no", "de": "nein", "es": "no", "fr": "non", "it": "no", "nl": "nee", "pt": "não"}
    for language in _LINES:
        assert answer_of(Utterance(said[language].capitalize() + ".", 1), language) is Answer.YES
        assert answer_of(Utterance(refused[language].capitalize() + ".", 1), language) is Answer.NO
        lines = warm_lines(language)
        assert lines.question[:12] != lines.again[:12] and "{text}" in lines.said


async def parts(mind: Asking, utterance: Utterance, conversation: Conversation) -> list[ReplyPart]:
    return [part async for part in mind.reply(utterance, conversation)]


def asked(words: str = WORDS) -> tuple[Asking, Conversation]:
    mind, conversation = Asking(words, "en-US", asks=True), Conversation()
    for part in mind.greet():
        if isinstance(part, Say):
            conversation.agent_said(part.text)
    return mind, conversation


async def test_they_hear_why_and_the_question_and_a_yes_takes_the_call() -> None:
    mind, conversation = asked()
    greeting = mind.greet()
    assert [part.text for part in greeting if isinstance(part, Say)] == [WORDS, warm_lines("en").question]
    assert [part.digits for part in greeting if isinstance(part, Say)] == [0, 1]
    assert (await parts(mind, Utterance("Yes", 1), conversation))[-1] == EndCall("accepted")
    assert (await parts(mind, Utterance("No", 2), conversation))[-1] == EndCall("declined")


async def test_a_yes_before_the_question_is_how_people_pick_up_but_a_key_counts() -> None:
    mind, conversation = Asking(WORDS, "en-US", asks=True), Conversation()
    conversation.agent_said(WORDS)
    answer = await parts(mind, Utterance("Yes?", 1), conversation)
    assert [part.text for part in answer if isinstance(part, Say)] == [WORDS, warm_lines("en").question]
    assert (await parts(mind, Utterance("Pressed 1", 2, digits="1"), conversation))[-1] == EndCall("accepted")


async def test_answers_that_are_none_are_asked_again_and_then_it_is_a_no() -> None:
    mind, conversation = asked()
    for turn in range(MOST_UNCLEAR):
        for revision in (2 * turn, 2 * turn + 1):  # the first guess is withdrawn: it counts once
            answer = await parts(
                mind, Utterance("The weather is fine today, isn't it my dear friend?", revision), conversation
            )
        mind.commit(2 * turn + 1)
    assert answer[-1] == EndCall("unclear")


def test_without_a_question_the_words_alone_end_it() -> None:
    assert Asking(WORDS, "en-US", asks=False).greet() == [Say(WORDS), EndCall("accepted")]


def test_a_summary_without_a_model_has_what_was_found_out_and_what_they_said_last() -> None:
    conversation = Conversation()
    conversation.agent_said("How can I help?")
    conversation.caller_said("I have a question about my invoice.")
    conversation.agent_said("Which number?")
    conversation.caller_said("Pressed 4 2", "42")
    known = [Collected("full_name", "Ann Lee", "Ann Lee"), Collected("sum", 40, "forty dollars.")]
    assert summary(known, conversation, "en-US") == (
        "Full name: Ann Lee. Sum: forty dollars. They said: I have a question about my invoice."
    )
    assert summary([], Conversation(), "en-US") == ""


def test_a_models_summary_is_plain_and_short() -> None:
    assert plain("**Ann** wants\n- an invoice") == "Ann wants - an invoice"
    assert len(plain("This is a sentence. " * 60)) <= LONGEST and plain("One. " * 200).endswith("One.")


def test_what_is_said_to_the_other_side_is_not_recorded_and_knows_none_of_the_agents_tasks() -> None:
    spec = AgentSpec.model_validate(
        {"privacy": {"consent_line": "Recorded."}, "does": {"transfers": [{"name": "A", "address": "+14155550142"}]}}
    )
    asking = spec_for_asking(spec)
    assert not asking.privacy.record and asking.does.transfers == () and asking.limits.max_duration_s == 60
    assert asking.sounds == spec.sounds
