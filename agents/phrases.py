"""Cut a stream of words into phrases to speak: the first one short, so that sound starts early. Pure.

The phrases joined by a space are the text again, but for its white space. No cut falls inside a number, a time, a name with
an initial, an e-mail address.
"""

from __future__ import annotations

import re

from agents.phrase_words import ENGLISH, words_for

FIRST_CLAUSE_CHARS = 8
"""A comma ends the first phrase when this much is before it: shorter, and the voice would run dry before the second."""
FIRST_WORDS = 8
LATER_CHARS = 180
"""A later sentence longer than this is cut at a comma too, or else at a word."""


_END = re.compile(r"([.!?…]+)[\"'”’)\]*_]*(?=\s)")
_CLAUSE = re.compile(r"[,;:—–](?=\s)|\s[—–-](?=\s)")
_IS_HALF = re.compile(r"\W*\w\.|\W+|\w/|[IVXLC]{2,}(?:e|ème)?")
"""What the next word is needed for: "z." of "z. B.", "c/", "XXI" of "XXI secolo"."""
_ROMAN = re.compile(r"[IVXLC]{2,}(?:e|ème)?\b")
_BREAK = re.compile(r"\n+")


class PhraseSplitter:
    """One reply's text, piece by piece as a model writes it."""

    def __init__(self, language: str = "en-US") -> None:
        self._language = words_for(language)
        self._is_english = self._language is ENGLISH
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
            is_end = found.group(1) != "." or self._is_end(found.start(), found.end())
            if is_end is None:
                return None
            if is_end:
                after = self._text[found.end() :].lstrip(" \t")
                return found.end() if after or found.group(1) != "." else None
        return line.end() if line is not None else None

    def _is_end(self, dot: int, end: int) -> bool | None:
        """None while it can't be told yet."""
        before = self._text[:dot].split()
        word = before[-1].lower().lstrip("(\"'“‘*_") if before else ""
        following = self._text[end:].lstrip(" \t")
        if not following:
            return True
        if word in self._language.never_end:
            return following[0] == "\n" or (word == "no" and not following[0].isdigit())
        if word in self._language.may_end or (not self._is_english and word.endswith("str")):
            return not following[0].islower() and not following[0].isdigit()
        if re.fullmatch(r"[a-z]", word) and (not self._is_english or (before[-1][-1].isupper() and word != "i")):
            return following[0] == "\n"  # an initial, or a piece of "z. B."
        if self._language.after_ordinal and following[0] != "\n" and re.fullmatch(r"(\d{1,2}\.[–-]?)?\d{1,2}", word):
            return self._is_number_s_dot_the_end(before, following)
        return not (word.isdigit() and len(before) == 1)  # "1. First" is a list

    def _is_number_s_dot_the_end(self, before: list[str], following: str) -> bool | None:
        """ "am 3." and "3. Mai" go on, "Es sind 3." doesn't; "25.11." ends before a capital."""
        if following[0].isdigit():
            return False
        if re.search(r"\d\.\d", before[-1]):
            return following[0].isupper()
        if (before[-2].lower() if len(before) > 1 else "") in self._language.before_ordinal or len(before) == 1:
            return False
        if not re.search(r"\s", following):
            return None  # the next word isn't whole yet
        return not following.lower().startswith(self._language.after_ordinal) and following[0] not in "–-"

    def _clause(self, least: int, reach: int) -> int | None:
        for found in _CLAUSE.finditer(self._text, 0, reach):
            if found.start() < least or found.end() >= reach:
                continue
            following = self._text[found.end() :].lstrip()
            if not following:
                return None
            before = self._text[: found.start()].rstrip()
            if following[0].isdigit() and (before[-1:].isdigit() or not self._is_english):
                continue
            if found[0][0].isspace() and (is_span := self._is_span(before, following)) is not False:
                if is_span is None:
                    return None
                continue
            return found.end()
        return None

    def _is_span(self, before: str, following: str) -> bool | None:
        """Is this dash the one of "Mo – Fr" or of "9 € – 12 €"? None while it can't be told yet."""
        one, other = before.split()[-1:], following.split()[0]
        names = self._language.days | self._language.never_end
        is_day = bool(one) and one[0].lower().rstrip(".") in names
        if is_day and not re.search(r"\s", following):
            return None
        return following[0].isdigit() or (is_day and other.lower().rstrip(".,:") in names)

    def _word(self, most: int, reach: int) -> int | None:
        """A cut between words where no comma comes: before a small word if there is one."""
        words = list(re.finditer(r"\S+", self._text[:reach]))
        if len(words) < most + 3:
            return None
        for number in range(most, most // 2, -1):
            if words[number].group().lower() in self._language.before and not self._belongs(
                words[number - 1].group(), words[number].group()
            ):
                return words[number].start()
        for number in range(most, most // 2, -1):
            if not self._belongs(words[number - 1].group(), words[number].group()):
                return words[number].start()
        return None

    def _belongs(self, one: str, other: str) -> bool:
        """Would a cut between these two words be inside a number, a time, a name?"""
        if not any(map(str.isalnum, other)):
            return True
        if one[-1:].isnumeric() or one[:1].isdigit():
            return not self._is_english or other.lower() not in self._language.before
        small = one.lower()
        return (
            other[:1].isdigit()
            or small.rstrip(".") in self._language.never_end
            or small in self._language.never_last
            or other.lower() in self._language.never_first
            or (other.endswith(".") and other.lower().rstrip(".") in self._language.never_end | self._language.may_end)
            or (not self._is_english and (_IS_HALF.fullmatch(one) or _ROMAN.match(other)) is not None)
        )


_LINKS = ENGLISH.before - {"to", "of", "as"}
"""Speech may take a breath before these."""
_NUMBERS = frozenset(("hundred", "thousand", "million"))


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
