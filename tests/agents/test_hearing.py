"""When what Whisper says is believed."""

from __future__ import annotations

import numpy as np
import pytest

from agents.providers.local.hearing import (
    Guess,
    Segment,
    believed,
    fuller,
    is_nothing_but,
    is_past_the_end,
    likely_tokens,
    most_tokens,
    peak_rms,
    said_once,
    without_loops,
)


@pytest.mark.parametrize(
    ("guess", "text"),
    [
        pytest.param(Guess(" Hello there.", -0.2, 0.05, 2_000, 1), "Hello there.", id="speech"),
        pytest.param(Guess(" Thank you.", -0.3, 0.1, 2_000, 1), "Thank you.", id="thanks, said aloud"),
        pytest.param(Guess(" Thank you.", -0.3, 0.1, 100, 1), "", id="thanks, said by silence"),
        pytest.param(Guess(" Thank you.", -0.3, 0.8, 2_000, 1), "", id="thanks, said by noise"),
        pytest.param(Guess(" I'm going to put the oil.", -1.8, 0.6, 500, 2), "", id="a sentence made of noise"),
        pytest.param(Guess(" I", -1.3, 0.7, 1_500, 1), "", id="a cough"),
        pytest.param(Guess(" Anna Kolsky.", -1.4, 0.6, 3_800, 2), "Anna Kolsky.", id="a name it is not sure of"),
        pytest.param(Guess(" Goodbye.", -1.4, 0.1, 4_000, 1), "Goodbye.", id="one word"),
        pytest.param(Guess(" Hello.", -0.2, 0.1, 10, 1), "", id="nobody spoke"),
        pytest.param(Guess(" [BLANK_AUDIO]", -0.2, 0.1, 2_000, 1), "", id="a stage direction"),
        pytest.param(Guess(" (coughs) Yes.", -0.2, 0.1, 2_000, 1), "Yes.", id="a stage direction and a word"),
        pytest.param(Guess(" ...", -0.2, 0.1, 2_000, 1), "", id="dots"),
    ],
)
def test_guesses(guess: Guess, text: str) -> None:
    assert believed(guess) == text


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("What time is it on Sunday? What time is it on Sunday? What time", "What time is it on Sunday?"),
        ("no no no", "no no no"),
        ("five five five one two three four", "five five five one two three four"),
        ("the the the the the the the the", "the"),
        ("okay I will go okay", "okay I will go okay"),
        ("thank you thank you thank you thank you bye", "thank you bye"),
        ("", ""),
    ],
)
def test_loops_are_cut(text: str, kept: str) -> None:
    assert without_loops(text) == kept


def test_level_and_length() -> None:
    assert peak_rms(np.zeros(0, dtype=np.int16)) == 0
    assert peak_rms(np.full(16_000, 1_000, dtype=np.int16)) == pytest.approx(1_000)
    assert most_tokens(0.5) < most_tokens(3) < most_tokens(1_000) == 200


@pytest.mark.parametrize(
    ("segments", "seconds", "said"),
    [
        pytest.param([Segment(0, " Yes, that's right.")], 1.5, "Yes, that's right.", id="once"),
        pytest.param([Segment(0, " Hello."), Segment(1.0, " Hello.")], 0.8, "Hello.", id="again, after the end"),
        pytest.param(
            [Segment(0, " My name is Thomas Anderson."), Segment(2.0, " My name is Thomas")],
            2.5,
            "My name is Thomas Anderson.",
            id="again, and not to the end",
        ),
        pytest.param([Segment(0, " No."), Segment(1.4, " Wednesday.")], 2.4, "No. Wednesday.", id="two sentences"),
        pytest.param([Segment(0, " 5"), Segment(0.6, " 5")], 2.0, "5 5", id="a digit twice"),
        pytest.param([], 1.0, "", id="nothing"),
    ],
)
def test_what_is_said_again_after_the_end_is_dropped(segments: list[Segment], seconds: float, said: str) -> None:
    assert said_once(segments, seconds).strip() == said


def test_the_end_of_the_sound_is_known_from_the_times() -> None:
    assert is_past_the_end([0.0, 2.0], 1.9)
    assert not is_past_the_end([0.0, 2.0], 2.6)
    assert not is_past_the_end([2.0], 1.9)
    assert likely_tokens(2) < most_tokens(2)


@pytest.mark.parametrize(
    ("text", "is_it"),
    [
        ("Check-up.", True),
        ("check up", True),
        ("Toothache, cleaning.", True),
        ("A check-up.", False),
        ("Checking", False),
        ("", False),
    ],
)
def test_what_is_nothing_but_words_to_expect(text: str, is_it: bool) -> None:
    assert is_nothing_but(text, ("toothache", "check", "Check-up", "cleaning", "")) is is_it
    assert not is_nothing_but(text, ())


@pytest.mark.parametrize(
    ("expected", "plain", "is_plain"),
    [
        (("Check-up.", 0.89), ("not a cleaning, a checkup.", 0.8), True),
        (("Toothache.", 0.81), ("Do I need to check up?", 0.92), True),
        (("Gluten-free.", 0.79), ("is a gluten free", 0.64), True),
        (("Anderson.", 0.8), ("and her son", 0.7), False),
        (("Cleaning.", 0.7), ("Cleaning.", 0.9), False),
        (("Cleaning.", 0.7), ("cleaning cleaning", 0.9), False),
        (("Cleaning.", 0.7), ("", 1.0), False),
    ],
)
def test_the_sentence_counts_and_not_the_one_word_that_was_expected_in_it(
    expected: tuple[str, float], plain: tuple[str, float], is_plain: bool
) -> None:
    assert fuller(expected, plain) == (plain if is_plain else expected)
