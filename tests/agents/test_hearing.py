"""When what Whisper says is believed."""

from __future__ import annotations

import numpy as np
import pytest

from agents.providers.local.hearing import Guess, believed, most_tokens, peak_rms, without_loops


@pytest.mark.parametrize(
    ("guess", "text"),
    [
        pytest.param(Guess(" Hello there.", -0.2, 0.05, 2_000, 1), "Hello there.", id="speech"),
        pytest.param(Guess(" Thank you.", -0.3, 0.1, 2_000, 1), "Thank you.", id="thanks, said aloud"),
        pytest.param(Guess(" Thank you.", -0.3, 0.1, 100, 1), "", id="thanks, said by silence"),
        pytest.param(Guess(" Thank you.", -0.3, 0.8, 2_000, 1), "", id="thanks, said by noise"),
        pytest.param(Guess(" I'm going to put the oil.", -1.8, 0.6, 500, 2), "", id="a sentence made of noise"),
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
