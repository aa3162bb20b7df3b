"""Words of a transcript with their places, and the small words people put around an answer (English)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise


def word_set(text: str) -> frozenset[str]:
    """The words of a table."""
    return frozenset(text.split())


_WORD = re.compile(r"\d+(?:st|nd|rd|th)\b|[^\W\d_]+(?:'[^\W\d_]+)*|\d+")

FILLERS = word_set(
    """
    uh um er erm ah hmm mm hm mhm well so like okay ok right sure please yeah yes yep thanks hi hello oh
    """
)
"""Words that carry no answer by themselves when more follows."""

CORRECTION = re.compile(
    r"\b(?:no wait|no sorry|wait no|oh wait|sorry,? no|sorry,? i mean(?:t)?|i mean(?:t)?(?: to say)?|"
    r"scratch that|make (?:that|it)|"
    r"change (?:that|it) to|change (?:my|the) [a-z ]{2,20}? to|let's (?:say|make it)|or rather|rather|"
    r"actually|correction|"
    r"instead|sorry|wait|no|nope)\b"
)
"""What people say between the wrong thing and the right one."""


@dataclass(frozen=True, slots=True)
class Word:
    text: str
    """Lower case, straight apostrophes."""
    start: int
    end: int


def flat(text: str) -> str:
    """Lower case with straight quotes and ``a.m.`` as ``am``, every character still at its place."""
    low = "".join(c.lower() if len(c.lower()) == 1 else c for c in text).replace("’", "'").replace("‘", "'")
    return re.sub(r"\b([ap])\.?\s?m\b\.?", lambda m: (m[1] + "m").ljust(len(m[0])), low)


def words(text: str) -> list[Word]:
    low = flat(text)
    return [Word(m[0], m.start(), m.end()) for m in _WORD.finditer(low)]


def blank(text: str, spans: list[tuple[int, int]]) -> str:
    """The text with these places struck out; the rest stays where it was."""
    for start, end in spans:
        text = text[:start] + ";" * (end - start) + text[end:]
    return text


def strip_fillers(text: str) -> tuple[int, int]:
    """Start and end of the text without hesitation and courtesy around it."""
    found = words(text)
    first, last = 0, len(found) - 1
    while first <= last and found[first].text in FILLERS:
        first += 1
    while last >= first and found[last].text in FILLERS:
        last -= 1
    return (found[first].start, found[last].end) if first <= last else (0, 0)


def tails(text: str) -> list[int]:
    """Where, after words like "no, sorry, I meant", the right thing begins; the last such place first."""
    low = flat(text)
    places = [m.end() for m in CORRECTION.finditer(low)]
    return [p for p in reversed(places) if re.search(r"[^\W_]", low[p:])]


def is_correction(text: str) -> bool:
    """The caller is changing something said before."""
    return bool(CORRECTION.search(flat(text)) or re.search(r"\b(?:not|wrong|change|isn't)\b", flat(text)))


def joined(parts: list[str], word: str = "and") -> str:
    """ "a", "a and b", "a, b, and c"."""
    if len(parts) < 3:
        return f" {word} ".join(parts)
    return ", ".join(parts[:-1]) + f", {word} {parts[-1]}"


def gaps(found: list[Word], text: str) -> list[str]:
    """What stands between neighbouring words."""
    return [text[a.end : b.start] for a, b in pairwise(found)]
