"""The second guard against the agent's own voice: a transcript that says what the agent was just saying. Pure; time is the call's clock.

Where sound alone could not tell (a telephone that distorts, a voice under a voice), the words do. They are compared with those that
were heard in the matching time only: who says "Tuesday at three" after the agent has asked "Tuesday at three?" is a caller.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass

from num2words import num2words
from rapidfuzz import fuzz
from rapidfuzz.distance import LCSseq

from telephony.audio.echo import MAX_DELAY_MS
from telephony.session.words import normalised

LETTER_MS = 70
"""How long a letter takes to say, for a phrase that is still being said."""
SLACK_MS = 300
"""Words are placed in their phrase by their length, and a VAD's edges are rough."""
LIKE, SHORT_LIKE = 78, 90
"""Of 100: transcribers mishear a voice from a loudspeaker. Few words must fit better."""
FEW_WORDS = 2
MISHEARD, LETTERS = 40, 3
"""Of 100, and the fewest letters that are words of anybody's."""
INSIDE, INSIDE_UNKNOWN, INSIDE_EARLIER = 0.6, 0.5, 0.2
"""So much of the utterance must lie in the agent's words, moved by the line's delay; without a known delay: as they were said; and
where it began before the delay was known: a cough and the echo after it were one utterance still."""
_NUMBER = re.compile(r"\d{1,6}")


@dataclass(slots=True)
class _Phrase:
    text: str
    begin_ms: int
    end_ms: int | None = None

    @property
    def ends_ms(self) -> int:
        """While it is being said, a guess."""
        return self.end_ms if self.end_ms is not None else self.begin_ms + len(self.text) * LETTER_MS


class SpokenWords:
    """What the agent said lately, and when it was sent."""

    def __init__(self) -> None:
        self.known_since_ms = 0
        """When the line was known to have an echo."""
        self._phrases: deque[_Phrase] = deque(maxlen=12)

    def begins(self, text: str, at_ms: int) -> None:
        """A phrase's first sound is sent. The one before it is over."""
        self.stops(at_ms)
        self._phrases.append(_Phrase(text, at_ms))

    def stops(self, at_ms: int) -> None:
        if self._phrases and self._phrases[-1].end_ms is None:
            last = self._phrases[-1]
            last.end_ms = max(last.begin_ms, at_ms)

    def without_echo(self, text: str, language: str, began_ms: int, ended_ms: int, delay_ms: int | None) -> str:
        """What a caller said of ``text``, which came in from ``began_ms`` to ``ended_ms``: without the agent's words, heard
        ``delay_ms`` late. ``None``: no echo is known of this line, so that a few words prove nothing."""
        words = text.split()
        if not words or not self._phrases:
            return text
        said = self._said_until(began_ms, ended_ms, delay_ms, language)
        own = _own(words, said, language)
        if not any(own):
            return text
        first, last = own.index(True), len(own) - own[::-1].index(True)
        length_ms, letters = ended_ms - began_ms, len(text)
        from_ms = began_ms + length_ms * len(" ".join(words[:first])) // letters
        until_ms = ended_ms - length_ms * len(" ".join(words[last:])) // letters
        heard = " ".join(word for word, is_own in zip(words, own, strict=True) if is_own)
        if not self._is_echo(heard, language, from_ms, until_ms, delay_ms):
            return text
        return " ".join(word for word, is_own in zip(words, own, strict=True) if not is_own)

    def _is_echo(self, text: str, language: str, began_ms: int, ended_ms: int, delay_ms: int | None) -> bool:
        words = spelled(text, language).split()
        if not words or (delay_ms is None and len(words) <= FEW_WORDS):
            return False
        moved_ms = delay_ms or 0
        length_ms = max(1, ended_ms - began_ms)
        inside_ms = self._spoken_ms(began_ms - moved_ms, ended_ms - moved_ms, ended_ms)
        inside = INSIDE_EARLIER if began_ms < self.known_since_ms else INSIDE
        if inside_ms < length_ms * (INSIDE_UNKNOWN if delay_ms is None else inside):
            return False
        said = " ".join(self._said_until(began_ms, ended_ms, delay_ms, language))
        heard = " ".join(words)
        if not said or len(heard) > len(said) * 1.3 + 6:
            return False
        likeness = fuzz.partial_ratio(heard, said) if len(heard) <= len(said) else fuzz.ratio(heard, said)
        return bool(likeness >= (SHORT_LIKE if len(words) <= FEW_WORDS else LIKE))

    def _said_until(self, began_ms: int, ended_ms: int, delay_ms: int | None, language: str) -> list[str]:
        """What may be heard of the agent between the two."""
        since_ms = began_ms - (MAX_DELAY_MS if delay_ms is None else delay_ms) - SLACK_MS
        return self._said(since_ms, ended_ms - (delay_ms or 0) + SLACK_MS, language).split()

    def _spoken_ms(self, begin_ms: int, end_ms: int, now_ms: int) -> int:
        return sum(
            max(0, min(end_ms, now_ms, phrase.ends_ms) - max(begin_ms, phrase.begin_ms)) for phrase in self._phrases
        )

    def _said(self, begin_ms: int, end_ms: int, language: str) -> str:
        """The words that were sent, in part at least, between the two."""
        found: list[str] = []
        for phrase in self._phrases:
            length_ms = phrase.ends_ms - phrase.begin_ms
            for word in re.finditer(r"\S+", phrase.text):
                first, last = (phrase.begin_ms + length_ms * at // max(1, len(phrase.text)) for at in word.span())
                if last > begin_ms and first < end_ms:
                    found.append(word.group())
        return spelled(" ".join(found), language)


def _own(words: list[str], said: list[str], language: str) -> list[bool]:
    """Which of ``words`` may be the agent's. Words beside them are misheard rather than a caller's where the agent said something
    there that is not too far from it."""
    letters = [spelled(word, language).replace(" ", "") for word in words]
    alike = [_like(word, said) for word in letters]
    common = [code for code in LCSseq.opcodes(alike, said) if code.tag == "equal"]
    own = [True] * len(words)
    begins = [(0, 0), *((code.src_end, code.dest_end) for code in common)]
    ends = [*((code.src_start, code.dest_start) for code in common), (len(words), len(said))]
    for index, (begin, end) in enumerate(zip(begins, ends, strict=True)):
        heard, beside = "".join(letters[begin[0] : end[0]]), "".join(said[begin[1] : end[1]])
        if 0 < index < len(common):
            is_misheard = len(heard) < 2 * LETTERS or _is_like(heard, beside)
        else:
            is_misheard = _is_like(
                heard, beside[-len(heard) - LETTERS :] if index == 0 else beside[: len(heard) + LETTERS]
            )
        if common and len(heard) >= LETTERS and not is_misheard:
            own[begin[0] : end[0]] = [False] * (end[0] - begin[0])
    return own


def _is_like(heard: str, beside: str) -> bool:
    return len(beside) >= LETTERS and fuzz.ratio(heard, beside) >= MISHEARD


def _like(word: str, said: list[str]) -> str:
    """As the agent said it, if it did."""
    best = max(said, key=lambda other: fuzz.ratio(word, other), default="")
    return best if fuzz.ratio(word, best) >= LIKE else word


def spelled(text: str, language: str) -> str:
    """Only the words, numbers among them: "8" and "eight" are said the same."""

    def word(number: re.Match[str]) -> str:
        try:
            return f" {num2words(int(number.group()), lang=language.split('-')[0].lower())} "
        except NotImplementedError:
            return number.group()

    return normalised(_NUMBER.sub(word, text)).replace("-", " ")
