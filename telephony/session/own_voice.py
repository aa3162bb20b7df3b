"""A mind that speaks itself gives words and sound, and doesn't tell which belongs to which: here they are laid side by side. No I/O.

    words ─▶ phrases ─┐
                      ├▶ where each phrase begins: about as many letters in, and there at the quietest place around
    sound ─▶ loudness ┘

So what was heard of it can be told in words, as with every other voice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from agents.phrases import PhraseSplitter
from telephony.audio.playout import PLAYOUT_RATE_HZ, Heard

SAMPLES_A_LETTER = PLAYOUT_RATE_HZ // 14
"""Of a voice that isn't known yet."""
_CELL = PLAYOUT_RATE_HZ // 100
"""Loudness is kept for each 10 ms."""
_AROUND = 60
"""Cells: so far from where it should be a phrase may begin."""
_LEAST = 15
"""Cells: no phrase is shorter."""
_PAUSE = 12
_LEAD = 10
"""Cells: so long before its turn a phrase is placed where it should be, whatever is known."""
_LIKELY = 0.35
"""How much a place at the edge of the search has to be quieter than one in its middle."""
_UNTOLD_SAMPLES = PLAYOUT_RATE_HZ * 3 // 10
"""Sound whose words haven't come waits for them so long."""


@dataclass(frozen=True, slots=True)
class Begun:
    """The phrase ``index`` says ``text`` and begins at this sample of its sound."""

    index: int
    text: str
    at: int


@dataclass(frozen=True, slots=True)
class Grown:
    """More of its words are known."""

    index: int
    text: str


class Alignment:
    """One stretch of such sound, mono 16-bit at ``PLAYOUT_RATE_HZ``."""

    def __init__(self, language: str, samples_a_letter: float = SAMPLES_A_LETTER) -> None:
        self.samples_a_letter = samples_a_letter
        self.samples = 0
        """Of sound so far."""
        self._splitter = PhraseSplitter(language)
        self._whole: list[str] = []
        self._rest = ""
        """Of the words: the beginning of a phrase."""
        self._cells: list[float] = []
        self._odd = b""
        self._begins: list[int] = []
        self._shown: list[str] = []
        self._is_over = False

    def words(self, text: str) -> None:
        self._rest += text
        for phrase in self._splitter.push(text):
            self._whole.append(phrase)
            self._rest = _without(self._rest, phrase)

    def sound(self, pcm: bytes) -> None:
        self.samples += len(pcm) // 2
        pcm = self._odd + pcm
        size = len(pcm) // (_CELL * 2) * _CELL * 2
        self._odd = pcm[size:]
        if size:
            cells = np.frombuffer(pcm[:size], dtype="<i2").astype(np.float32).reshape(-1, _CELL)
            self._cells += np.sqrt((cells * cells).mean(axis=1)).tolist()

    def end(self) -> None:
        """Neither words nor sound will come."""
        if self._is_over:
            return
        self._is_over = True
        self._whole += self._splitter.flush()
        self._rest = ""
        letters = sum(map(len, self._whole))
        if letters >= 20 and self.samples:
            self.samples_a_letter = self.samples / letters

    @property
    def phrases(self) -> list[str]:
        """As far as is known; the last may be half."""
        rest = " ".join(self._rest.split())
        return [*self._whole, *([rest] if rest else [])]

    @property
    def is_ready(self) -> bool:
        """Some of its sound can be given out, with what it says."""
        return bool(self.phrases) or self.samples >= _UNTOLD_SAMPLES or self._is_over

    def settle(self, played: int) -> list[Begun | Grown]:
        """What is known now and wasn't before; ``played``: samples that were given out. A phrase is placed once all is there, which
        comes much faster than it is played, or when it may be its turn."""
        phrases, found = self.phrases, list[Begun | Grown]()
        if not phrases and self.is_ready and not self._begins:
            phrases = [""]
        for index in range(len(self._begins), len(phrases)):
            at = self._beginning(index, phrases, played)
            if at is None:
                break
            self._begins.append(at)
            self._shown.append(phrases[index])
            found.append(Begun(index, phrases[index], at))
        for index, text in enumerate(phrases[: len(self._shown)]):
            if text != self._shown[index]:
                self._shown[index] = text
                found.append(Grown(index, text))
        return found

    def _beginning(self, index: int, phrases: Sequence[str], played: int) -> int | None:
        if index == 0:
            return 0 if self.is_ready else None
        last = self._begins[-1]
        expected = last + round(len(phrases[index - 1]) * self._pace(index, phrases))
        around = _AROUND * _CELL
        is_known = self._is_over or (self.samples >= expected + around and played >= expected - around)
        if not is_known and played < expected - _LEAD * _CELL:
            return None
        return max(last, min(self._quietest(last // _CELL, expected // _CELL) * _CELL, self.samples))

    def _pace(self, index: int, phrases: Sequence[str]) -> float:
        """Samples a letter: of what is left, once all is there."""
        if not self._is_over:
            return self.samples_a_letter
        letters = sum(map(len, phrases[index - 1 :]))
        return (self.samples - self._begins[-1]) / max(1, letters)

    def _quietest(self, last: int, expected: int) -> int:
        """The end of the quietest pause around."""
        begin, end = max(last + _LEAST, expected - _AROUND), min(len(self._cells), expected + _AROUND)
        if end - begin < _PAUSE:
            return expected
        cells = np.asarray(self._cells[begin:end], dtype=np.float32)
        smooth = np.convolve(cells, np.full(_PAUSE, 1 / _PAUSE, dtype=np.float32), mode="valid")
        centres = np.arange(len(smooth)) + begin + _PAUSE // 2
        cost = smooth + _LIKELY * float(cells.mean()) * np.abs(centres - expected) / _AROUND
        centre = int(centres[int(np.argmin(cost))])
        floor = float(smooth.min()) * 1.5 + 30
        while centre + 1 < end and self._cells[centre] <= floor:  # up to where the voice begins again
            centre += 1
        return centre


@dataclass(eq=False, slots=True)
class OwnSound:
    """For the voice's queue: a piece of such sound, or none where only words came."""

    alignment: Alignment
    pcm: bytes = b""
    rate_hz: int = PLAYOUT_RATE_HZ


@dataclass(slots=True)
class OwnSpans:
    """Where in a reply's sound the mind's own voice is: fillers and fixed lines may stand between."""

    skipped: int = 0
    """Samples of silence before the first word, which were left out."""
    spans: list[tuple[int, int]] = field(default_factory=list)

    def add(self, begin: int, count: int) -> None:
        if self.spans and self.spans[-1][1] == begin:
            self.spans[-1] = (self.spans[-1][0], begin + count)
        else:
            self.spans.append((begin, begin + count))

    def heard_ms(self, heard: Heard) -> int:
        """Of the mind's own sound."""
        if heard.was_whole:
            return _ALL_MS
        until = heard.played_ms * (PLAYOUT_RATE_HZ // 1000)
        own = sum(max(0, min(end, until) - begin) for begin, end in self.spans)
        return (own + self.skipped if own else 0) // (PLAYOUT_RATE_HZ // 1000)


_ALL_MS = 10**9


def _without(text: str, phrase: str) -> str:
    """``text`` behind the phrase it begins with, whose white space may be another."""
    at = 0
    for letter in phrase:
        if letter.isspace():
            continue
        while at < len(text) and text[at] != letter:
            at += 1
        at += 1
    return text[at:]
