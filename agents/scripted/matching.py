"""Which facts answer a question: meaning (embeddings), words, and the kind of answer asked for, weighed together."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agents.collect.calendar_words import WEEKDAYS
from agents.collect.words import flat
from agents.scripted.facts import Fact
from agents.scripted.stems import alike, stem, stems

Vectors = NDArray[np.float32]

ANSWERS = 0.38
"""From this score on a fact is said as the answer; below it: "I don't know that". Tuned on the table in tests/agents/test_scripted_facts.py."""
TOGETHER = 0.06
"""Neighbouring facts no further apart than this are said together."""
_MEANING, _WORDS, _KIND, _ONLY_KIND, _UNNAMED = 0.62, 0.42, 0.14, 0.34, 0.22

_WHEN = re.compile(
    r"\b(?:when|what time|how late|how early|hours?|open|close[sd]?|until|mondays?|tuesdays?|wednesdays?|"
    r"thursdays?|fridays?|saturdays?|sundays?|weekends?|tonight|tomorrow)\b"
)
_HAS_HOURS = re.compile(r"\b(?:open|closed?|hours|(?:mon|tues|wednes|thurs|fri|satur|sun)days?|weekends?)\b")
_MONEY = re.compile(r"\b(?:how much|costs?|prices?|charges?|fees?|expensive|cheap|pricing|rates?)\b")
_HAS_MONEY = re.compile(
    r"[$€£]\s?\d|\b\d+(?:\.\d\d)? ?(?:dollars|euros?|pounds|usd|eur)\b|\b(?:free of charge|for free|"
    r"no charge|costs?)\b"
)
_WHERE = re.compile(r"\b(?:where|address|located|location|directions|how do i (?:get|find))\b")
_HAS_PLACE = re.compile(
    r"\b(?:address|street|avenue|road|floor|square|building|located|behind|opposite|next to|station|"
    r"corner|downtown)\b"
)
_OURSELVES = re.compile(
    r"\b(?:your|the|this) (?:practice|office|clinic|surgery|shop|store|place|business|company|restaurant|salon|hotel|studio|"
    r"building|location|address)\b"
)
"""Names nobody but who is asked: "Where is your office?" is "Where are you?"."""
_IS_THE_ADDRESS = re.compile(r"\b(?:address|located|find us|visit us|we(?:'re| are) (?:at|on|in)|come to)\b")
_LONG = re.compile(r"\bhow long\b")
_HAS_LENGTH = re.compile(r"\b(?:minutes?|hours?|half an hour|days?|weeks?)\b")
_WHO = re.compile(r"\b(?:who|whose)\b")
_HAS_PERSON = re.compile(r"\b(?:dr|mr|mrs|ms|owner|manager|chef|team|founded)\b")
_KINDS = ((_MONEY, _HAS_MONEY), (_LONG, _HAS_LENGTH), (_WHERE, _HAS_PLACE), (_WHO, _HAS_PERSON), (_WHEN, _HAS_HOURS))


_DAY = re.compile(rf"\b(?:{'|'.join(WEEKDAYS)}|weekdays?|weekends?)")
_RANGE = re.compile(rf"\b({'|'.join(WEEKDAYS)})s? ?(?:to|till|until|through|thru|-|–) ?({'|'.join(WEEKDAYS)})")


def _days_between(low: str) -> frozenset[str]:
    """The days a fact means by "Monday to Friday", as stems."""
    found: set[str] = set()
    for match in _RANGE.finditer(low):
        first, last = WEEKDAYS.index(match[1]), WEEKDAYS.index(match[2])
        found |= {stem(WEEKDAYS[(first + i) % 7]) for i in range((last - first) % 7 + 1)}
    return frozenset(found)


_WHEN_OPEN = (
    re.compile(r"\b(?:when|what time|hours?|how late|how early|times?)\b"),
    re.compile(r"\b(?:open|close[sd]?|opening|closing|hours)\b"),
)


def asks_for_all_hours(question: str) -> bool:
    """ "When are you open?" names no day: every fact about the hours is wanted."""
    low = flat(question)
    return bool(
        re.search(r"\b(?:when|what time|hours?|how late|how early|times?)\b", low)
        and re.search(r"\b(?:open|close[sd]?|opening|closing|hours)\b", low)
        and not _DAY.search(low)
    )


@dataclass(frozen=True, slots=True)
class Match:
    fact: int
    score: float
    meaning: float
    words: float


class FactIndex:
    """The facts of one prompt, ready to be asked."""

    def __init__(self, facts: Sequence[Fact], vectors: Vectors) -> None:
        """``vectors``: those of ``texts(facts)``."""
        self.facts = tuple(facts)
        self._with_topic, self._alone = vectors[: len(facts)], vectors[len(facts) :]
        self._stems = [frozenset(stems(f.to_match)) | _days_between(flat(f.to_match)) for f in facts]
        self._flat = [flat(f.to_match) for f in facts]
        self._counts = Counter(s for one in self._stems for s in one)

    def speaks_of_days(self, fact: int) -> bool:
        return bool(_DAY.search(self._flat[fact]) and _HAS_HOURS.search(self._flat[fact]))

    @staticmethod
    def texts(facts: Sequence[Fact]) -> list[str]:
        """What to embed: each fact with its topic, then each alone, since a heading helps one and blurs another."""
        return [*(f.to_match for f in facts), *(f.text for f in facts)]

    def _weight(self, word: str) -> float:
        """Rare words say more. A word no fact has counts as a rare one: it may be what the question is about."""
        known = sum(self._counts[s] for s in self._counts if alike(word, s) >= 0.75)
        return math.log(1 + (len(self.facts) + 1) / (known + 0.5))

    def matches(self, question: str, vector: NDArray[np.float32]) -> list[Match]:
        """Every fact with its score, the best first."""
        if not self.facts:
            return []
        meanings = np.maximum(self._with_topic @ vector, self._alone @ vector)
        asked = list(dict.fromkeys(stems(question)))
        weights = {word: self._weight(word) for word in asked}
        total = sum(weights.values())
        low = flat(question)
        asks, kind = next((k for k in _KINDS if k[0].search(low)), (None, None))
        rest = _OURSELVES.sub(" ", low)
        bonus = _ONLY_KIND if asks and not stems(asks.sub(" ", rest)) else _KIND  # "Where are you?" names nothing else
        result = []
        for i, own in enumerate(self._stems):
            found = {word: max((alike(word, s) for s in own), default=0.0) for word in asked}
            overlap = sum(weights[w] * found[w] for w in asked) / total if total else 0.0
            fits = 0.0 if kind is None else 1.0 if kind.search(self._flat[i]) else -0.6
            if asks is _WHERE and fits > 0 and not _IS_THE_ADDRESS.search(self._flat[i]):
                fits = 0.5
            score = _MEANING * float(meanings[i]) + _WORDS * overlap + bonus * fits
            if asked and overlap == 0.0 and fits <= 0.0:
                score -= _UNNAMED
            result.append(Match(i, round(score, 3), round(float(meanings[i]), 3), round(overlap, 3)))
        return sorted(result, key=lambda m: -m.score)


_BETWEEN = re.compile(
    r"(?<=[?.!])(?<!\b[DM]r\.)(?<!\bMrs\.)(?<!\bMs\.)(?<!\bSt\.)\s+|"
    r",? (?:(?:and|but|also|plus|oh|then)[ ,]+)+"
    r"(?=(?:do|does|is|are|can|could|what|where|when|how|who|which|will|also)\b)|"
    r", (?=(?:how (?:much|long|late|far)|what|where|which|who|do you|does|is there|are there)\b)",
    re.IGNORECASE,
)


def parts(question: str) -> list[str]:
    """The questions in one breath: "How much is a cleaning, and do you take Delta Dental?" are two."""
    pieces = [p for p in _BETWEEN.split(question) if p.strip(" .?!,")]
    return [p for p in pieces if len(p.split()) > 1] or [question]
