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

from telephony.audio.echo import MAX_DELAY_MS
from telephony.session.words import normalised

LETTER_MS = 70
"""How long a letter takes to say, for a phrase that is still being said."""
SLACK_MS = 300
"""Words are placed in their phrase by their length, and a VAD's edges are rough."""
LIKE, SHORT_LIKE = 78, 90
"""Of 100: transcribers mishear a voice from a loudspeaker. Few words must fit better."""
FEW_WORDS = 2
INSIDE, INSIDE_UNKNOWN = 0.6, 0.5
"""So much of the utterance must lie in the agent's words, moved by the line's delay; without a known delay: as they were said."""
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
        self._phrases: deque[_Phrase] = deque(maxlen=12)

    def begins(self, text: str, at_ms: int) -> None:
        """A phrase's first sound is sent. The one before it is over."""
        self.stops(at_ms)
        self._phrases.append(_Phrase(text, at_ms))

    def stops(self, at_ms: int) -> None:
        if self._phrases and self._phrases[-1].end_ms is None:
            last = self._phrases[-1]
            last.end_ms = max(last.begin_ms, at_ms)

    def is_echo(self, text: str, language: str, began_ms: int, ended_ms: int, delay_ms: int | None) -> bool:
        """Whether what came in from ``began_ms`` to ``ended_ms`` is the agent, heard ``delay_ms`` late; ``None``: no echo is
        known of this line, so that a few words prove nothing."""
        words = spelled(text, language).split()
        if not words or (delay_ms is None and len(words) <= FEW_WORDS):
            return False
        moved_ms = delay_ms or 0
        length_ms = max(1, ended_ms - began_ms)
        inside_ms = self._spoken_ms(began_ms - moved_ms, ended_ms - moved_ms, ended_ms)
        if inside_ms < length_ms * (INSIDE_UNKNOWN if delay_ms is None else INSIDE):
            return False
        since_ms = began_ms - (MAX_DELAY_MS if delay_ms is None else delay_ms) - SLACK_MS
        said = self._said(since_ms, ended_ms - moved_ms + SLACK_MS, language)
        heard = " ".join(words)
        if not said or len(heard) > len(said) * 1.3 + 6:
            return False
        likeness = fuzz.partial_ratio(heard, said) if len(heard) <= len(said) else fuzz.ratio(heard, said)
        return bool(likeness >= (SHORT_LIKE if len(words) <= FEW_WORDS else LIKE))

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


def spelled(text: str, language: str) -> str:
    """Only the words, numbers among them: "8" and "eight" are said the same."""

    def word(number: re.Match[str]) -> str:
        try:
            return f" {num2words(int(number.group()), lang=language.split('-')[0].lower())} "
        except NotImplementedError:
            return number.group()

    return normalised(_NUMBER.sub(word, text)).replace("-", " ")
