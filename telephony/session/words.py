"""What a few words mean for turn-taking: a nod, a stop, a finished sentence or one that goes on. Pure, by tables per language.

Words decide only together with time (``turns``): a wrong guess here costs a moment of silence, never a lost sentence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache

from agents.spec import CollectField, FieldType
from telephony.session.spoken_words import words_of


class Kind(Enum):
    """What was said while the agent had the floor."""

    NOTHING = auto()
    BACKCHANNEL = auto()
    """I'm listening, go on."""
    STOP = auto()
    WORDS = auto()


class Ending(Enum):
    COMPLETE = auto()
    UNSURE = auto()
    NUMBER = auto()
    """Digits, to which more may come, whatever mark the transcriber put behind them."""
    OPEN = auto()
    """More will come: "my number is 555 and"."""


_ASIDE = re.compile(r"[\[(*♪][^\])*♪]*[\])*♪]?")
"""What transcribers write for sounds that are no words: [BLANK_AUDIO], (coughs), *sighs*."""
_NOT_WORD = re.compile(r"[^\w'@]+")
_ENDS = re.compile(r"[.?!。？！]['\")»”]*$")
_TRAILS_OFF = re.compile(r"(\.{2,}|…|[,;:–—-])\s*$")
_ADDRESS = re.compile(
    r"(@|\b(?:at|ät|klammeraffe|arroba|arobase|chiocciola)\b).+(\.|\b(?:dot|punkt|punto|point|ponto)\b)\s*\w{2,}"
)
_ENDS_IN_ADDRESS = re.compile(_ADDRESS.pattern + r"\W*$")
_ENDS_IN_NUMBER = re.compile(r"(?<![\w:])\+?\d[\d\s().,/-]*$")
_FEWEST_DIGITS = 3
"""Fewer are an hour, a day, an age."""
_PHONE_DIGITS = 10
_KEPT = 256
"""Answers: every call asks the same of the same words fifty times a second."""
_PIECEWISE = {FieldType.PHONE: "phone", FieldType.EMAIL: "email", FieldType.NUMBER: "number"}


def cleaned(text: str) -> str:
    """Without what transcribers write for coughs and music."""
    return " ".join(_ASIDE.sub(" ", text).split())


@lru_cache(_KEPT)
def normalised(text: str) -> str:
    """Only the words: two transcripts that differ in less are the same turn."""
    return " ".join(_NOT_WORD.sub(" ", cleaned(text).lower().replace("’", "'")).split())


@dataclass(frozen=True, slots=True)
class OwnWords:
    """What an agent's builder added to the language's lists, and what counts against them: normalised."""

    nods: frozenset[str] = frozenset()
    stops: frozenset[str] = frozenset()

    @classmethod
    def of(cls, nods: tuple[str, ...], stops: tuple[str, ...]) -> OwnWords:
        return cls(*(frozenset(filter(None, map(normalised, phrases))) for phrases in (nods, stops)))


NO_OWN_WORDS = OwnWords()


@dataclass(frozen=True, slots=True)
class OwnPauses:
    """What an agent's builder set for how a sentence ends; 0: as everybody has it."""

    complete_ms: int = 0
    open_ms: int = 0
    number_ms: int = 0

    def after(self, ending: Ending) -> int:
        match ending:
            case Ending.COMPLETE:
                return self.complete_ms
            case Ending.OPEN:
                return self.open_ms
            case Ending.NUMBER:
                return self.number_ms
        return 0


NO_OWN_PAUSES = OwnPauses()


@lru_cache(_KEPT)
def kind_of(
    text: str,
    language: str,
    *,
    in_greeting: bool = False,
    in_farewell: bool = False,
    own: OwnWords = NO_OWN_WORDS,
    fewest_words: int = 0,
) -> Kind:
    """What the caller meant by saying this over the agent's words. "Hello?" over a greeting and "bye" over a goodbye are nods.

    The builder's own words count before the language's. Fewer than ``fewest_words`` are a nod, unless they are a stop.
    """
    words = normalised(text)
    if not words or not any(map(str.isalnum, words)):
        return Kind.NOTHING
    table = words_of(language)
    if any(f" {stop} " in f" {words} " for stop in own.stops):
        return Kind.STOP
    if own.nods and (words in own.nods or _is_made_of(words, own.nods | table.nods)):
        return Kind.BACKCHANNEL
    if in_greeting and words in table.greetings:
        return Kind.BACKCHANNEL
    if in_farewell and _is_made_of(words, table.farewells | table.nods):
        return Kind.BACKCHANNEL
    if _is_made_of(words, table.nods):
        return Kind.BACKCHANNEL
    if any(f" {rest} ".startswith(f" {stop} ") for rest in _after_nods(words, table.nods) for stop in table.stops):
        return Kind.STOP
    return Kind.BACKCHANNEL if len(words.split()) < fewest_words else Kind.WORDS


@lru_cache(_KEPT)
def may_be_nod(text: str, language: str, own: OwnWords = NO_OWN_WORDS) -> bool:
    """Whether this, heard so far, is the beginning of a nod of several words: "I" of "I see"."""
    words = normalised(text)
    return bool(words) and any(nod.startswith(f"{words} ") for nod in own.nods | words_of(language).nods)


def ending_of(text: str, language: str, *, expects: str | None = None) -> Ending:
    """Whether a sentence is over. ``expects``: the agent asked for a "phone", an "email" or a "number", which people say in pieces."""
    words = normalised(text).split()
    if not words:
        return Ending.UNSURE
    table = words_of(language)
    is_dangling = any(" ".join(words[-count:]) in table.dangling for count in (1, 2, 3))
    if expects == "email" and _ENDS_IN_ADDRESS.search(text.lower()):
        is_dangling = False  # "com" and "es" are words of some languages, and ends of addresses
    if is_dangling or _TRAILS_OFF.search(text):
        return Ending.OPEN
    if expects == "phone":
        digits = sum(map(str.isdigit, text)) + sum(word in table.digits for word in words)
        if 1 < digits < _PHONE_DIGITS:  # one may be the word "one"
            return Ending.OPEN
        if digits >= _PHONE_DIGITS:
            return Ending.COMPLETE
    elif expects == "email":
        if _ADDRESS.search(text.lower()):
            return Ending.COMPLETE
        return Ending.OPEN if len(words) > 1 or len(words[0]) == 1 else Ending.UNSURE
    elif words[-1].isdigit() and expects == "number":
        return Ending.NUMBER
    if not expects and _is_number(text, words, table.digits):
        return Ending.NUMBER
    if is_thanks(text, language):
        return Ending.UNSURE
    return Ending.COMPLETE if _ENDS.search(text.strip()) else Ending.UNSURE


def _is_number(text: str, words: list[str], digits: frozenset[str]) -> bool:
    """Whether it ends with three digits or more, written as digits or as words."""
    written = _ENDS_IN_NUMBER.search(text.rstrip(" .!"))
    if written is not None and sum(map(str.isdigit, written[0])) >= _FEWEST_DIGITS:
        return not text.rstrip().endswith("?")
    return len(words) >= _FEWEST_DIGITS and all(word in digits for word in words[-_FEWEST_DIGITS:])


def is_thanks(text: str, language: str) -> bool:
    """Whether it ends with thanks, after which a goodbye may follow."""
    words = normalised(text).split()
    return any(" ".join(words[-count:]) in words_of(language).thanks for count in (1, 2, 3, 4))


def pause_ms(text: str, base_ms: int, language: str, *, expects: str | None = None) -> int:
    """How long the caller must have been silent for this to be their turn."""
    ending = ending_of(text, language, expects=expects)
    if ending is Ending.COMPLETE:
        return max(min(250, base_ms), base_ms * 6 // 10)
    if ending is Ending.OPEN:
        return max(base_ms, min(base_ms * 2, 2_500))
    return base_ms


def _is_made_of(words: str, phrases: frozenset[str]) -> bool:
    """Nothing but such phrases, at most four words: "yeah, okay, right"."""
    rest = words.split()
    if len(rest) > 4:
        return False
    while rest:
        for count in (3, 2, 1):
            if " ".join(rest[:count]) in phrases and len(rest) >= count:
                del rest[:count]
                break
        else:
            return False
    return True


def _after_nods(words: str, nods: frozenset[str]) -> Iterator[str]:
    """The words, and what is left of them behind nods they begin with: "yeah, but …" is a "but"."""
    rest = words.split()
    for _ in range(3):
        yield " ".join(rest)
        count = next((count for count in (4, 3, 2, 1) if " ".join(rest[:count]) in nods and len(rest) > count), 0)
        if not count:
            return
        del rest[:count]


class AskedFor:
    """Which of the agent's phrases ask for something people say in pieces."""

    def __init__(self, fields: tuple[CollectField, ...]) -> None:
        self._questions = {
            normalised(field.question): kind for field in fields if (kind := _PIECEWISE.get(field.type)) is not None
        }

    def kind(self, phrase: str) -> str | None:
        """ "phone", "email", "number" or None."""
        words = normalised(phrase)
        for question, kind in self._questions.items():
            if question in words or (len(words.split()) > 2 and words in question):
                return kind
        if not phrase.rstrip().endswith("?"):
            return None
        if re.search(r"phone|telephone|telefon|teléfono|téléphone|celular|cellulare|call you back", words):
            return "phone"
        return "email" if re.search(r"e mail|email|correo|courriel", words) else None
