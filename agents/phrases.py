"""Cut a stream of words into phrases to speak: the first one short, so that sound starts early. Pure.

The phrases joined by a space are the text again, but for its white space. No cut falls inside a number, a time, a name with
an initial, an e-mail address.
"""

from __future__ import annotations

import re

FIRST_CLAUSE_CHARS = 8
"""A comma ends the first phrase when this much is before it: shorter, and the voice would run dry before the second."""
FIRST_WORDS = 8
LATER_CHARS = 180
"""A later sentence longer than this is cut at a comma too, or else at a word."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_NEVER_ENDS = _words(
    """
    dr mr mrs ms mx prof rev hon st mt ft vs e.g i.e cf approx dept est no nos fig vol jan feb mar apr jun
    jul aug sep sept oct nov dec mon tue tues wed thu thur thurs fri sat sun gen col sgt capt lt gov sen rep
    """
)
"""Abbreviations that something always follows."""
_MAY_END = _words(
    """
    a.m p.m etc inc ltd co corp jr sr ave blvd rd ln u.s u.k u.s.a ph.d m.d d.d.s b.a m.a
    """
)
"""Abbreviations that end a sentence when a capital follows."""
_END = re.compile(r"([.!?…]+)[\"'”’)\]*_]*(?=\s)")
_CLAUSE = re.compile(r"[,;:—–](?=\s)|\s[—–-](?=\s)")
_BREAK = re.compile(r"\n+")
_BEFORE = _words(
    """
    and but or so because that which when if to from with at on in for of until while where who as
    """
)


class PhraseSplitter:
    """One reply's text, piece by piece as a model writes it."""

    def __init__(self) -> None:
        self._text = ""
        self._is_first = True

    def push(self, delta: str) -> list[str]:
        """What can be spoken now."""
        self._text += delta
        phrases: list[str] = []
        while (cut := self._cut()) is not None:
            self._take(cut, phrases)
        return phrases

    def flush(self) -> list[str]:
        """The rest, when nothing more will come."""
        phrases: list[str] = []
        self._text += "\n"
        while (cut := self._cut()) is not None:
            self._take(cut, phrases)
        self._take(len(self._text), phrases)
        self._is_first = True
        return phrases

    def _take(self, cut: int, phrases: list[str]) -> None:
        phrase = " ".join(self._text[:cut].split())
        self._text = self._text[cut:].lstrip()
        if phrase:
            phrases.append(phrase)
            self._is_first = False

    def _cut(self) -> int | None:
        sentence = self._sentence()
        reach = sentence if sentence is not None else len(self._text)
        if self._is_first:
            clause = self._clause(FIRST_CLAUSE_CHARS, reach)
            if clause is not None:
                return clause
            return self._word(FIRST_WORDS, reach) or sentence
        if reach > LATER_CHARS:
            return self._clause(LATER_CHARS // 3, reach) or self._word(LATER_CHARS // 6, reach) or sentence
        return sentence

    def _sentence(self) -> int | None:
        """Where the first whole sentence or line ends."""
        line = _BREAK.search(self._text)
        for found in _END.finditer(self._text):
            if line is not None and line.start() < found.start():
                break
            if found.group(1) != "." or self._is_end(found.start(), found.end()):
                after = self._text[found.end() :].lstrip(" \t")
                return found.end() if after or found.group(1) != "." else None
        return line.end() if line is not None else None

    def _is_end(self, dot: int, end: int) -> bool:
        before = self._text[:dot].split()
        word = before[-1].lower().lstrip("(\"'“‘*_") if before else ""
        following = self._text[end:].lstrip(" \t")
        if not following:
            return True
        if word in _NEVER_ENDS:
            return following[0] == "\n" or (word == "no" and not following[0].isdigit())
        if word in _MAY_END:
            return not following[0].islower() and not following[0].isdigit()
        if re.fullmatch(r"[a-z]", word) and before[-1][-1].isupper() and word != "i":
            return following[0] == "\n"  # an initial
        return not (word.isdigit() and len(before) == 1)  # "1. First" is a list

    def _clause(self, least: int, reach: int) -> int | None:
        for found in _CLAUSE.finditer(self._text, 0, reach):
            if found.start() < least or found.end() >= reach:
                continue
            following = self._text[found.end() :].lstrip()
            if not following:
                return None
            if not (following[0].isdigit() and self._text[: found.start()].rstrip()[-1:].isdigit()):
                return found.end()
        return None

    def _word(self, most: int, reach: int) -> int | None:
        """A cut between words where no comma comes: before a small word if there is one."""
        words = list(re.finditer(r"\S+", self._text[:reach]))
        if len(words) < most + 3:
            return None
        for number in range(most, most // 2, -1):
            if words[number].group().lower() in _BEFORE and not _belongs(
                words[number - 1].group(), words[number].group()
            ):
                return words[number].start()
        for number in range(most, most // 2, -1):
            if not _belongs(words[number - 1].group(), words[number].group()):
                return words[number].start()
        return None


_LINKS = _words(
    """
    and but or so because that which when if from with at on in for until while where who
    """
)
"""Speech may take a breath before these."""
_NUMBERS = _words("hundred thousand million")


def opening(text: str) -> str:
    """The first four to nine words of a text that begins with many words and no comma, up to where a speaker may take a breath;
    empty where there is no such place. Said first, they let sound start early."""
    clause = re.split(r"[,;:.!?…—–]", text, maxsplit=1)[0]
    words = list(re.finditer(r"\S+", clause))
    if len(words) < FIRST_WORDS or "[[" in clause:
        return ""
    for number in (7, 6, 5, 4, 8, 9):
        if number <= len(words) - 3 and words[number].group().lower() in _LINKS:
            before = words[number - 1].group().lower()
            if before not in _NUMBERS and before not in _LINKS:
                return text[: words[number].start()].rstrip()
    return ""


def _belongs(one: str, other: str) -> bool:
    """Would a cut between these two words be inside a number, a time, a name?"""
    if one[-1:].isdigit() or one[:1].isdigit():
        return other[:1].isdigit() or other[:1] in "(+-" or other.lower().rstrip(".,;:!?") in _UNITS
    return (
        other[:1].isdigit()
        or one.lower().rstrip(".") in _NEVER_ENDS
        or one.lower() in {"the", "a", "an", "my", "your", "our"}
    )


_UNITS = _words(
    """
    am pm a.m p.m o'clock dollars cents euros pounds percent minutes minute hours hour days day weeks week
    months years miles january february march april may june july august september october november december
    street avenue road
    """
)
