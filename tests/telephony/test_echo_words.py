"""When a transcript is the agent's own words come back, and when a caller has said them."""

from __future__ import annotations

import pytest

from telephony.session.echo_words import SpokenWords, spelled

HOURS = "We are open from 8 to 5 on every day of the week, but not on Sunday."
OFFER = "Would you like to come on Tuesday at three?"


def spoken(*phrases: tuple[str, int, int]) -> SpokenWords:
    words = SpokenWords()
    for text, begin_ms, end_ms in phrases:
        words.begins(text, begin_ms)
        words.stops(end_ms)
    return words


ECHOES = [
    ("We are open from eight to five on every day of the week, but not on Sunday.", 200, 5_250, None),
    ("open from eight to five", 700, 2_000, None),
    ("We're open from ate to five every day", 250, 3_000, None),
    ("open from 8 to 5", 950, 2_250, 250),
    ("Sunday", 4_850, 5_300, 250),
    ("not on Sunday.", 4_700, 5_400, 500),
    ("We are", 250, 700, 250),
]


@pytest.mark.parametrize(("text", "began_ms", "ended_ms", "delay_ms"), ECHOES)
def test_the_agents_words_in_their_time_are_an_echo(
    text: str, began_ms: int, ended_ms: int, delay_ms: int | None
) -> None:
    words = spoken((HOURS, 0, 5_000))
    assert words.without_echo(text, "en-US", began_ms, ended_ms, delay_ms) == ""


CALLERS = [
    ("Tuesday at three.", 3_300, 4_300, None, "an answer after the question"),
    ("Tuesday at three.", 3_300, 4_300, 80, "the same on a line with an echo"),
    ("Tuesday at three.", 3_450, 4_500, 500, "the same on a line with a long echo"),
    ("Tuesday at three.", 60_000, 61_000, 250, "much later"),
    ("Tuesday", 2_000, 2_400, None, "a word into the question, where no echo is known"),
    ("Wait, I have another question.", 1_200, 2_500, 250, "other words over the agent's"),
    ("No, Wednesday.", 1_200, 2_000, 250, "a correction"),
    ("yes", 3_100, 3_400, 250, "a short answer"),
    ("three", 1_000, 1_400, 250, "a word that the agent says only later"),
    ("", 1_000, 1_400, 250, "nothing"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "began_ms", "ended_ms", "delay_ms", "why"), CALLERS)
def test_a_caller_is_none(text: str, began_ms: int, ended_ms: int, delay_ms: int | None, why: str) -> None:
    words = spoken((OFFER, 0, 3_000))
    assert words.without_echo(text, "en-US", began_ms, ended_ms, delay_ms) == text, why


BOTH = [
    ("Would you like to come on Tuesday at three yes please that suits me", 300, 6_000, 250, "yes please that suits me"),
    ("Wait would you like to come on Tuesday", 0, 2_400, 250, "Wait"),
    ("Excuse me you like to come on Tuesday at three", 250, 3_200, None, "Excuse me"),
    ("Hello would you like to come on Tuesday goodbye", 0, 3_000, 250, "Hello goodbye"),
    ("Would you like to come no wait please on Tuesday at three", 200, 3_600, 250, "no wait please"),
    ("Woody like to come on Tuesday at tree", 250, 3_250, 250, ""),
    ("No I said Tuesday at three", 2_000, 4_100, None, "No I said Tuesday at three"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "began_ms", "ended_ms", "delay_ms", "caller"), BOTH)
def test_what_a_caller_said_beside_them_stays(
    text: str, began_ms: int, ended_ms: int, delay_ms: int | None, caller: str
) -> None:
    words = spoken((OFFER, 0, 3_000))
    assert words.without_echo(text, "en-US", began_ms, ended_ms, delay_ms) == caller


def test_words_are_taken_from_the_phrases_of_their_time() -> None:
    words = spoken(
        ("Good morning.", 0, 800), ("How can I help you?", 800, 2_000), ("Please hold the line.", 9_000, 10_000)
    )
    assert words.without_echo("How can I help you?", "en-US", 1_050, 2_250, 250) == ""
    assert words.without_echo("Good morning.", "en-US", 9_300, 10_000, 250) == "Good morning."


def test_a_phrase_that_goes_on_is_heard_as_far_as_it_was_said() -> None:
    words = SpokenWords()
    words.begins(HOURS, 0)
    assert words.without_echo("We are open from eight", "en-US", 250, 1_700, 250) == ""
    assert words.without_echo("but not on Sunday", "en-US", 250, 1_400, 250) == "but not on Sunday"


def test_an_agent_that_says_nothing_has_no_echo() -> None:
    assert SpokenWords().without_echo("Hello, is anybody there?", "en-US", 0, 1_500, None) == "Hello, is anybody there?"


@pytest.mark.parametrize(
    ("text", "language", "words"),
    [
        ("8 to 5!", "en-US", "eight to five"),
        ("um 10 Uhr", "de-DE", "um zehn uhr"),
        ("at 10", "xx", "at 10"),
        ("25", "en", "twenty five"),
    ],
)
def test_numbers_are_spelled(text: str, language: str, words: str) -> None:
    assert spelled(text, language) == words


def test_a_cough_and_the_first_echo_after_it_are_one_utterance() -> None:
    """Heard before the line was known to have an echo: judged again, when most of the sound was not the agent's."""
    words = spoken(("Hello,", 180, 260))
    assert words.without_echo("Hello,", "en-US", 220, 520, 240) == "Hello,"
    words.known_since_ms = 1_540
    assert words.without_echo("Hello,", "en-US", 220, 520, 240) == ""
    assert words.without_echo("Hello,", "en-US", 1_600, 1_900, 240) == "Hello,"
