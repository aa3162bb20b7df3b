"""What a language brings along to be read aloud: its words, and how it counts; ``european`` has the rules. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from agents.reading.rules import Rule, ends_here, rule

Gender = Literal["m", "f", "n"]


@dataclass(frozen=True, slots=True)
class Noun:
    one: str
    many: str
    gender: Gender


@dataclass(frozen=True, slots=True)
class Coin:
    whole: Noun
    part: Noun | None = None


@dataclass(frozen=True, slots=True)
class Words:
    """The signs that most languages only have other words for."""

    comma: str
    """Before decimals, whatever their mark is."""
    point: str
    minus: str
    plus: str
    percent: str
    to: str
    """From … to."""
    out_of: str
    """3/5."""
    proportion: str
    """3:5."""
    number: str
    """#5."""
    times: str
    equals: str
    about: str
    ands: str
    ors: str
    at_least: str
    at_most: str
    squared: str
    cubed: str
    section: str
    round_the_clock: str
    """24/7."""


@dataclass(frozen=True, slots=True)
class Tongue:
    """One language, in one country."""

    region: str
    digits: tuple[str, ...]
    words: Words
    cardinal: Callable[[int, Gender | None], str]
    """Without a gender as in counting."""
    fraction: Callable[[str], str]
    """The digits behind the comma."""
    gender_of: Callable[[str], Gender | None]
    """Of what is counted, by the word that follows; None where it doesn't matter or is no noun."""
    year: Callable[[int], str]
    clock: Callable[[int, int | None, bool], str]
    """Hour, minute, and whether "Uhr", "h", "horas" stood there."""
    time_marks: str
    """A pattern for those."""
    date: Callable[[str, int, int, int | None], str]
    """What stands before it, day, month, year."""
    months: Mapping[str, int]
    """Every spelling in small letters, without a dot."""
    day_mark: str
    """A pattern for what stands behind the number of a day: "3." or "1er"."""
    before_short_date: str
    """A pattern for the words that make 3/4 a day."""
    phone_group: Callable[[str], str]
    phones: tuple[str, ...]
    """Patterns of national telephone numbers."""
    emergency: str
    """A pattern for "call" and a number of three digits."""
    coins: Mapping[str, Coin]
    price: Callable[[str, int, Noun], str]
    """Whole amount as said, cents, their name."""
    scales: Mapping[str, Noun]
    of: Callable[[str, str], str]
    """An amount as said and what it is of: "two millions", "euros"."""
    units: Mapping[str, Noun]
    per: Mapping[str, str]
    """What stands behind a slash, as said: "Monat" is "pro Monat"."""
    address: Mapping[str, str]
    """The signs of e-mail and web addresses."""
    word_endings: frozenset[str]
    """Ends of addresses with two letters that are said as a word."""
    fractions: Mapping[str, str]
    often: Noun
    """3x."""
    half: Callable[[str, str, Gender | None], str]
    """½: the whole number before it as said or nothing, what follows and its gender."""
    codes: str
    """A pattern for the words whose number is read digit by digit."""
    letters: frozenset[str]
    """Initialisms that would be read as words. Those without a vowel are spelled anyway."""
    days: Mapping[str, str]
    first: tuple[Rule, ...] = ()
    """Before all other rules for digits."""
    ordinals: tuple[Rule, ...] = ()
    abbreviations: tuple[Rule, ...] = ()
    has_decimal_point: bool = False


def nouns(table: str) -> dict[str, Noun]:
    """ "km=Kilometer, Kilometer, m; kg=…": spellings with a bar between, one, many, gender."""
    read: dict[str, Noun] = {}
    for line in filter(None, map(str.strip, table.split(";"))):
        spellings, _, forms = line.partition("=")
        one, many, gender = (part.strip() for part in forms.split(","))
        assert gender in ("m", "f", "n")
        read |= dict.fromkeys(spellings.strip().split("|"), Noun(one, many, gender))  # type: ignore[arg-type]
    return read


def pairs(table: str) -> dict[str, str]:
    """ "a|b=c; d=e" """
    read: dict[str, str] = {}
    for line in filter(None, map(str.strip, table.split(";"))):
        spellings, _, said = line.partition("=")
        read |= dict.fromkeys((one.strip() for one in spellings.split("|")), said.strip())
    return read


def months(*spellings: str) -> dict[str, int]:
    """January first, each with its abbreviations behind."""
    return {one: number for number, line in enumerate(spellings, start=1) for one in line.lower().split()}


def abbreviated(table: str, *, may_end: str = "") -> Rule:
    """Abbreviations and their words. A space inside is optional; a small first letter may be a capital. ``may_end``: those a
    sentence often ends with, so that their dot is its dot as well where a capital follows."""
    known = pairs(table)
    known = {_squeezed(key): said for key, said in known.items()}
    ending = frozenset(may_end.split())

    def pattern(key: str) -> str:
        letters = [rf"\s?{re.escape(letter)}" for letter in key]
        first = f"[{key[0]}{key[0].upper()}]" if key[0].islower() else re.escape(key[0])
        spaced = "".join(letters[at] if key[at - 1] == "." else re.escape(key[at]) for at in range(1, len(key)))
        return first + spaced + (r"(?!\w)" if key[-1].isalnum() else "")

    def read(found: re.Match[str]) -> str:
        key = _squeezed(found[0])
        said = known.get(key)
        if said is None:
            said = known[key[0].lower() + key[1:]]
            said = said[:1].upper() + said[1:]
        rest = found.string[found.end() :].strip()
        is_end = key[-1] == "." and (not rest or (key in ending and ends_here(found)))
        return said + ("." if is_end else "")

    longest_first = sorted(known, key=len, reverse=True)
    return rule(rf"(?<![\w.])(?:{'|'.join(map(pattern, longest_first))})", read)


def _squeezed(key: str) -> str:
    return re.sub(r"\s", "", key)


def behind_comma(
    cardinal: Callable[[int, Gender | None], str], digits: tuple[str, ...], most: int
) -> Callable[[str], str]:
    """Up to ``most`` digits as one number, zeros before it by name; more digit by digit."""

    def read(fraction: str) -> str:
        rest = fraction.lstrip("0")
        if not 0 < len(rest) <= most:
            return " ".join(digits[int(digit)] for digit in fraction)
        return " ".join([digits[0]] * (len(fraction) - len(rest)) + [cardinal(int(rest), None)])

    return read
