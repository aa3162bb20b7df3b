"""A telephone number heard with a digit too many or too few: which numbers it may have been. Pure.

Whisper loses count in a run of one digit ("seven seven four two" becomes 77742), for it writes several digits as one token. Where
a number was asked for and what it wrote can't be one, it is asked which of the possible ones the sound fits best.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import phonenumbers
from phonenumbers import PhoneNumberFormat, ValidationResult

FEWEST, MOST = 8, 14
"""Of digits in what is taken for a number that was misheard."""
MOST_CANDIDATES = 16

_STRETCH = re.compile(r"\+?\d(?:[\s.,()-]*\d)*")


@dataclass(frozen=True, slots=True)
class Misheard:
    """Digits in ``text[start:end]`` that are no telephone number, and the numbers they may have been, as Whisper writes them."""

    start: int
    end: int
    candidates: tuple[str, ...]


def has_many_digits(text: str) -> bool:
    """Is a long number in it?"""
    return any(_count(found[0]) >= FEWEST for found in _STRETCH.finditer(text))


def misheard(text: str, region: str) -> Misheard | None:
    """The number in ``text`` that can't be one in ``region`` (ISO 3166, "US"). ``None``: there is none, or it is fine."""
    stretches = [found for found in _STRETCH.finditer(text) if FEWEST <= _count(found[0]) <= MOST]
    if len(stretches) != 1 or stretches[0][0].startswith("+"):
        return None
    digits = re.sub(r"\D", "", stretches[0][0])
    if _parsed(digits, region) is not None:
        return None
    once = _one_off(digits)
    found = _possible(once, digits, region) or _possible(set().union(*map(_one_off, once)), digits, region)
    valid = [number for number in found if phonenumbers.is_valid_number(number)]
    written = dict.fromkeys(_written(number) for number in valid or found)
    if not written:
        return None
    return Misheard(stretches[0].start(), stretches[0].end(), tuple(written)[:MOST_CANDIDATES])


def _count(text: str) -> int:
    return sum(character.isdigit() for character in text)


def _one_off(digits: str) -> set[str]:
    """Without one of the digits, or with one of them twice."""
    places = range(len(digits))
    return {digits[:at] + digits[at + 1 :] for at in places} | {digits[: at + 1] + digits[at:] for at in places}


def _parsed(digits: str, region: str) -> phonenumbers.PhoneNumber | None:
    try:
        number = phonenumbers.parse(digits, region)
    except phonenumbers.NumberParseException:
        return None
    is_possible = phonenumbers.is_possible_number_with_reason(number) == ValidationResult.IS_POSSIBLE
    return number if is_possible else None


def _possible(candidates: set[str], digits: str, region: str) -> list[phonenumbers.PhoneNumber]:
    parsed = ((each, _parsed(each, region)) for each in sorted(candidates))
    return [number for each, number in parsed if number is not None and _keeps_its_prefix(each, digits, number)]


def _keeps_its_prefix(candidate: str, digits: str, number: phonenumbers.PhoneNumber) -> bool:
    """A digit dropped from the front must not make a "1" or "0" that begins the number what is dialled before it."""
    return candidate[0] == digits[0] or str(number.national_number) == candidate


def _written(number: phonenumbers.PhoneNumber) -> str:
    national = phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)
    return "-".join(re.findall(r"\d+", national))
