"""What the languages share: rules, and the signs that are left when all are through. Pure.

A rule is a pattern and how its match is read; they run in order, the more particular first, so that "$3.50" is money before
it is a decimal.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache

Rule = tuple[re.Pattern[str], Callable[[re.Match[str]], str]]

LONGEST_NAMED = 15
"""Digits: a longer number is read digit by digit, as people do who lack a name for it."""
VOWELS = "AEIOUYÄÖÜÁÉÍÓÚÀÈÌÒÙÂÊÎÔÛÃÕ"
_SIGNS = re.compile(r"[*_#^|\\<>{}\[\]`~\"“”„«»]")
_HAS_SIGN = re.compile(r"[^\w\s,.!?':;-]|_")
HAS_DIGIT = re.compile(r"[\d½⅓⅔¼¾]")
_compiled = lru_cache(maxsize=None)(re.compile)
"""Each once, for all regions of a language: a language's patterns take 15 to 50 ms. All of them are in this folder."""


LONGEST_PORTION = 400
"""Characters read at a time, so that a text of any length and any signs takes time by its length only."""


def words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def rule(pattern: str, read: str | Callable[[re.Match[str]], str], flags: re.RegexFlag = re.NOFLAG) -> Rule:
    return _compiled(pattern, flags), (lambda found: found.expand(read)) if isinstance(read, str) else read


def apply(rules: Iterable[Rule], text: str) -> str:
    for pattern, read in rules:
        text = pattern.sub(read, text)
    return text


def tidy(text: str) -> str:
    """Without the signs nobody says, and with no two commas in a row."""
    if _HAS_SIGN.search(text):
        text = _SIGNS.sub(" ", text)
    text = re.sub(r"\s+([.,;:!?])", r"\1", text)
    text = re.sub(r",(?:\s*,)+", ",", text)
    text = re.sub(r",\s*([.!?])", r"\1", text)
    return " ".join(text.split()).lstrip(",; ")


def spelled(word: str) -> str:
    """Letter by letter: dots keep a voice from trying to say it."""
    return ".".join(word)


def threes(number: str) -> list[str]:
    """A long number in groups as people say it; no last one of a single digit."""
    groups = [number[start : start + 3] for start in range(0, len(number), 3)] if len(number) > 6 else [number]
    if len(groups) > 1 and len(groups[-1]) == 1:
        groups[-2:] = [groups[-2] + groups[-1]]
    return groups


def address(text: str, signs: Mapping[str, str], number: Callable[[str], str]) -> str:
    """An e-mail or web address, sign by sign. ``number`` reads its digits; punctuation behind it stays."""
    end = ""
    while text and text[-1] in ".,;:!?)":
        text, end = text[:-1], text[-1] + end
    text = re.sub(r"^https?://(www\.)?|^www\.", "", text, flags=re.IGNORECASE).partition("?")[0].partition("#")[0]
    said = "".join(signs.get(letter, letter) for letter in text.rstrip("/").lower())
    return " ".join(re.sub(r"\d+", lambda found: f" {number(found[0])} ", said).split()) + end


def portions(text: str) -> list[str]:
    """A long text cut where a sentence ends, or else a word."""
    text, cut_off = " ".join(text.split()), []
    while len(text) > LONGEST_PORTION:
        cut = max(text.rfind(end, LONGEST_PORTION // 4, LONGEST_PORTION) for end in (". ", "! ", "? ", "; ", ": ")) + 1
        cut = cut or text.rfind(" ", LONGEST_PORTION // 4, LONGEST_PORTION) + 1 or LONGEST_PORTION
        cut_off.append(text[:cut].strip())
        text = text[cut:].strip()
    return [*cut_off, text]


def ends_here(found: re.Match[str]) -> bool:
    """The dot of an abbreviation is the sentence's too where nothing or a capital follows."""
    rest = found.string[found.end() :].lstrip()
    return not rest or rest[0].isupper()


BREATHS = (
    rule(r"\s*[—–]\s*|\s+-{1,2}\s+|--", ", "),
    rule(r"…|\.{3,}", ", "),
    rule(r"\s*\(([^()]*)\)\s*([.,;:!?]?)", lambda found: f", {found[1]}{found[2] or ','} "),
    rule(r"(?:^|(?<=[\w.,!?\s]))\s*\((?=\S)|(?<=[\w.!?])\)", ", "),  # of a bracket cut in two
)
"""Dashes, dots and brackets: heard as short stops."""
