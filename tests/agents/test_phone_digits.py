"""A telephone number with a digit too many or too few, and those it may have been."""

from __future__ import annotations

import pytest

from agents.providers.local.phone_digits import MOST_CANDIDATES, has_many_digits, misheard


@pytest.mark.parametrize(
    ("text", "stretch", "among"),
    [
        ("It's 908-335-77742.", "908-335-77742", "908-335-7742"),  # one too many
        ("200 664 477", "200 664 477", "200-666-4477"),  # one too few
        ("My number is 212-555-000000.", "212-555-000000", "212-555-0000"),  # two too many
        ("Sure, 71888877766, thank you.", "71888877766", "718-888-7766"),
    ],
)
def test_what_cannot_be_a_number_has_candidates(text: str, stretch: str, among: str) -> None:
    found = misheard(text, "US")
    assert found is not None
    assert text[found.start : found.end] == stretch
    assert among in found.candidates
    assert len(found.candidates) <= MOST_CANDIDATES
    assert all(len(number.replace("-", "")) == 10 for number in found.candidates)


@pytest.mark.parametrize(
    ("text", "region"),
    [
        ("It's 415-555-0123.", "US"),
        ("1 415 555 0123", "US"),  # with what is dialled before it
        ("555-0123", "US"),  # no area code
        ("No, 0124.", "US"),
        ("I don't have one.", "US"),
        ("+49 30 1234567 8901234", "US"),  # foreign: what they look like isn't known
        ("030 12345678", "DE"),
        ("06 12 34 56 78", "FR"),
        ("212-555-0000 or 908-335-77742", "US"),  # two: which one is meant isn't known
    ],
)
def test_what_can_be_one_or_is_none_stays(text: str, region: str) -> None:
    assert misheard(text, region) is None


def test_a_digit_lost_from_the_front_does_not_turn_the_next_one_into_a_prefix() -> None:
    found = misheard("212555000000", "US")
    assert found is not None and "255-500-0000" not in found.candidates


@pytest.mark.parametrize(
    ("text", "expected"), [("415-555-0123", True), ("It's 80 dollars, or 90.", False), ("", False)]
)
def test_many_digits(text: str, expected: bool) -> None:
    assert has_many_digits(text) is expected
