"""How long a caller must be silent until their turn is over: by what they said, by how they said it (``finishing``), and by how they
have paused in this call so far. Pure.

    says "I'd like a" ··700 ms·· "cleaning" ─▶ went on after a pause that would have ended the turn ─▶ wait longer
    five sentences, each in one breath                                                              ─▶ wait less

What is learned is a share, not a time: 100 means "pauses as everybody does". A pause of 700 ms where 500 would have ended the turn
is 140. So a pause after "and", which everybody is given twice the time for, teaches as little as it should.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

from agents.turn_taking import SpellingPatience
from telephony.session.finishing import Finishing
from telephony.session.knobs import TurnSettings
from telephony.session.pause import LONGEST_MS, SHORTEST_MS, Pause
from telephony.session.words import NO_OWN_PAUSES, Ending, Kind, OwnPauses, ending_of, is_thanks, kind_of, pause_ms

SHORTEST_PERCENT, LONGEST_PERCENT = 70, 180
SPELLING_MS = 3_000
"""With long patience, in the middle of what people say in pieces."""
_ROOM_PERCENT = 115
"""Pauses differ: so much is waited for the longest that is to be expected."""
_QUANTILE = 0.75
_KEPT_TURNS = 10
_FADES = 0.8
"""What each turn counts, against the one after it."""
_BEFOREHAND = 1.0
"""What the belief that this caller is like everybody counts, in turns."""
_FEWEST_WORDS = 4
"""Who says less had no occasion to pause."""
_MOST_PERCENT = 250
_CUT_IN_MS = 400
"""After the first sound was sent; it takes a while to the caller's ear."""


class Pace:
    """The pauses after which this caller went on, turn by turn; old turns fade."""

    def __init__(self) -> None:
        self.percent = 100
        self._turns: deque[int] = deque(maxlen=_KEPT_TURNS)
        """The longest pause of each turn in percent of what would have ended it, newest first; 0: said in one breath."""
        self._longest = 0
        self._is_counted = False

    def went_on(self, silence_ms: int, plain_ms: int) -> None:
        """The caller went on after so long, where ``plain_ms`` would have ended the turn of anybody."""
        self._longest = max(self._longest, min(_MOST_PERCENT, silence_ms * 100 // max(1, plain_ms)))
        self._learn()

    def finished(self, words: int) -> None:
        """The turn is over, after so many words."""
        self._is_counted = words >= _FEWEST_WORDS or self._longest > 0
        if self._is_counted:
            self._turns.appendleft(self._longest)
        self._longest = 0
        self._learn()

    def was_cut_in(self, silence_ms: int, plain_ms: int) -> None:
        """They hadn't finished: what seemed the turn before this one was its beginning, with such a pause after it."""
        if self._is_counted and self._turns:
            self._longest = max(self._longest, self._turns.popleft())
        self.went_on(silence_ms, plain_ms)

    def _learn(self) -> None:
        if not self._turns and not self._longest:
            return
        counted = [(turn * _ROOM_PERCENT // 100, _FADES**age) for age, turn in enumerate(self._turns)]
        counted.append((100, _BEFOREHAND))
        if self._longest:
            counted.append((self._longest * _ROOM_PERCENT // 100, 1.0))
        counted.sort()
        left = _QUANTILE * sum(weight for _, weight in counted)
        for percent, weight in counted:
            left -= weight
            if left <= 1e-9:
                self.percent = max(SHORTEST_PERCENT, min(LONGEST_PERCENT, percent))
                return


@dataclass(frozen=True, slots=True)
class _Turn:
    stopped_ms: int
    plain_ms: int
    answered_ms: int
    """When the answer's first sound was sent."""


class Patience:
    """The needed silence of one call. It is told of the caller's pauses and words, and of nothing else."""

    def __init__(self, settings: TurnSettings) -> None:
        self.pace = Pace()
        self.finishing = Finishing(settings.acoustic_end_of_turn)
        """The turn-taker tells it what is heard."""
        self._settings = settings
        self._expects: str | None = None
        """The agent asked for this last: "phone", "email" or "number"."""
        self._asked = ""
        """What the agent said last, from its first word."""
        self._asked_since_ms = -1
        self._known: tuple[tuple[object, ...], Pause] | None = None
        self._gaps: list[tuple[int, int, int]] = []
        """Pauses of this utterance that a sound ended: how long, what would have ended the turn, how many words were known.
        They count when more words are: after a cough there are none."""
        self._last: _Turn | None = None
        self._cut_in: tuple[int, int] | None = None
        """The pause that was taken for the end of the last turn, if this utterance goes on with it; and what would have ended it."""

    def hear_agent(self, text: str, expects: str | None, *, since_ms: int) -> None:
        """A phrase of what the agent began to say at ``since_ms``."""
        self._expects = expects if self._settings.spelling is not SpellingPatience.OFF else None
        self._asked = f"{self._asked} {text}" if since_ms == self._asked_since_ms else text
        self._asked_since_ms = since_ms

    def begin(self, onset_ms: int) -> None:
        """A new utterance. Nobody replies to an answer that has hardly begun: who speaks then hadn't finished before."""
        self._gaps.clear()
        self.finishing.begin()
        self._cut_in = None
        if self._last is not None and onset_ms - self._last.answered_ms <= _CUT_IN_MS:
            self._cut_in = onset_ms - self._last.stopped_ms, self._last.plain_ms

    def went_on(self, silence_ms: int, text: str, *, is_known: bool) -> None:
        """A sound, before anything of an answer was heard. Where the words before the pause aren't known, it can't teach to wait
        longer than for everybody."""
        pause = self.needed(text)
        self.finishing.went_on()
        if is_known and pause.because == "rule":
            return
        plain_ms = pause.plain_ms if is_known else self._settings.endpointing_ms
        if not is_known:
            silence_ms = min(silence_ms, plain_ms * 100 // _ROOM_PERCENT)
        self._gaps.append((silence_ms, plain_ms, len(text.split())))

    def hear(self, text: str) -> None:
        """A final transcript: of the whole utterance."""
        words = len(text.split())
        for silence_ms, plain_ms, before in self._gaps:
            if words > before:
                self.pace.went_on(silence_ms, plain_ms)
        self._gaps = [gap for gap in self._gaps if words <= gap[2]]

    def end(self, text: str, stopped_ms: int, now_ms: int) -> None:
        """It was a turn: the answer to it begins."""
        is_nod = kind_of(text, self._settings.language, own=self._settings.own_words) is Kind.BACKCHANNEL
        if self._cut_in is not None and not is_nod:
            self.pace.was_cut_in(*self._cut_in)
            self.finishing.had_not_finished()
        self.pace.finished(len(text.split()))
        pause = self.needed(text)
        self.finishing.had_finished()
        self._last = _Turn(stopped_ms, pause.plain_ms, now_ms) if pause.because != "rule" else None

    def needed(self, text: str) -> Pause:
        percent = self.pace.percent if self._settings.learns_pauses else 100
        key = text, self._expects, self._asked, percent, self.finishing.judged
        if self._known is None or self._known[0] != key:
            self._known = key, self._by_rule(text) or self._by_voice(text, self._by_words(text, percent))
        return self._known[1]

    def _by_rule(self, text: str) -> Pause | None:
        for rule in self._settings.rules:
            if rule.fits(self._asked, text):
                return Pause(rule.ms, rule.ms, "rule")
        return None

    def _by_voice(self, text: str, pause: Pause) -> Pause:
        """A few words sound finished wherever they are cut off."""
        may_be_sooner = len(text.split()) >= _FEWEST_WORDS and not is_thanks(text, self._settings.language)
        return self.finishing.shaped(pause, may_be_sooner=may_be_sooner, is_in_pieces=self._expects is not None)

    def _by_words(self, text: str, percent: int) -> Pause:
        base_ms, language = self._settings.endpointing_ms, self._settings.language
        pause = needed(
            text, base_ms, language, expects=self._expects, pace_percent=percent, own=self._settings.own_pauses
        )
        if self._expects is not None and self._settings.spelling is SpellingPatience.LONG:
            is_number = self._expects == "number" and pause.because == "number"
            if pause.because == "open" or is_number:
                return replace(pause, ms=max(pause.ms, SPELLING_MS), plain_ms=max(pause.plain_ms, SPELLING_MS))
        return pause


def needed(
    text: str,
    base_ms: int,
    language: str,
    *,
    expects: str | None = None,
    pace_percent: int = 100,
    own: OwnPauses = NO_OWN_PAUSES,
) -> Pause:
    """The silence after ``text`` for it to be the caller's turn. A sentence left open is never given less than without
    ``pace_percent``; what the builder set is what is waited, and learned from as if it weren't."""
    ending = ending_of(text, language, expects=expects)
    plain_ms = pause_ms(text, base_ms, language, expects=expects)
    if own_ms := own.after(ending):
        return Pause(own_ms, plain_ms, ending.name.lower())
    paced_ms = base_ms * pace_percent // 100
    is_slow = pace_percent > 100
    paced_ms = max(base_ms, min(paced_ms, LONGEST_MS)) if is_slow else min(base_ms, max(paced_ms, SHORTEST_MS))
    ms = pause_ms(text, paced_ms, language, expects=expects)
    if ending is Ending.OPEN:
        ms = max(ms, plain_ms)
    return Pause(ms, plain_ms, ending.name.lower(), pace_percent)
