"""Builders' regular expressions: what is refused, and that none takes long."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.patterns import Pattern


@pytest.mark.parametrize(
    ("pattern", "text", "is_in"),
    [
        (r"policy number", "May I have your Policy Number, please?", True),
        (r"\b(iban|account)\b", "your IBAN?", True),
        (r"^yes$", "yes please", False),
        (r"\d{4}$", "it ends in 1234", True),
        (r"straße", "STRASSE", False),
        (r"müller", "Frau MÜLLER", True),
    ],
)
def test_what_is_found(pattern: str, text: str, is_in: bool) -> None:
    assert Pattern(pattern).is_in(text) is is_in


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("(", "unclosed group"),
        ("(?=a)b", "look-around"),
        (r"(a)\1", "backreferences"),
        ("[z-a]", "invalid character class range"),
        ("a" * 121, "at most 120 characters"),
        ("(a{1,100}){1,100}", "10,000 together"),
        ("a{51}", "51 together"),
        ("a{99999999999999999999}", "10,000 together"),
    ],
)
def test_what_is_refused(pattern: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Pattern(pattern)


HOSTILE = [r"(a+)+$", r"(a|aa)+$", r"(a*)*b", r"(.*a){1,25}$", r"([a-z]+)*\d", r"(\w|\s|.)*x", r"(?:a?){30}a{1}"]


@pytest.mark.parametrize("pattern", HOSTILE)
def test_patterns_that_ruin_other_engines_take_no_time(pattern: str) -> None:
    compiled = Pattern(pattern)
    began = time.thread_time()
    for _ in range(10):
        compiled.is_in("a" * 100_000 + "!")
    assert time.thread_time() - began < 0.1  # 10 ms each; mostly a thousandth of that


@given(st.text(alphabet=r"a\wdbs.*+?()[]{}|^$,0123-:P<>", max_size=130))
def test_any_text_is_a_pattern_or_refused_in_words(text: str) -> None:
    began = time.thread_time()
    try:
        Pattern(text).is_in("a1 " * 200)
    except ValueError as error:
        assert str(error).endswith((".", "most."))
    assert time.thread_time() - began < 0.25
