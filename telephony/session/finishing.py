"""Whether the caller has finished, by how it sounded or because the transcriber says so: what that makes of a pause. Pure.

| says                         | the words are complete | unsure | left open |
|------------------------------|------------------------|--------|-----------|
| the voice: finished          | sooner                 | sooner | as ever   |
| the voice: not finished      | as ever, or later      | later  | as ever   |
| the transcriber: over        | at once                | at once| at once   |
| the transcriber: not over    | later                  | later  | as ever   |

Later or sooner is by a part of the pause, within the limits that hold for it anyway; ``docs/benchmarks.md`` has figures. Some
voices never sound finished, made ones above all: who was taken for unfinished twice, and had finished, is waited for no longer
because of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from agents.turn_taking import AcousticEndOfTurn
from telephony.session.pause import LONGEST_MS, SHORTEST_MS, Pause

FINISHED, UNFINISHED = 0.9, 0.2
"""A voice this sure. Between them it says nothing."""
SOONER_PERCENT, LATER_PERCENT = 75, 150
TOLD_MS = 200
"""The least silence where the transcriber says that the turn is over."""
_MISTAKES = 2


@dataclass(frozen=True, slots=True)
class Verdict:
    is_over: bool | None
    """``None``: nobody can say."""
    after_ms: int
    """It was known when the caller had been silent for so long."""
    is_told: bool = False
    """By the transcriber."""
    percent: int | None = None
    """How sure the voice was that it had finished."""


class Finishing:
    """One call's pauses, one after the other."""

    def __init__(self, settings: AcousticEndOfTurn) -> None:
        self._settings = settings
        self._stopped_ms: int | None = None
        self._voice: Verdict | None = None
        self._told: tuple[bool, int, int] | None = None
        """Is it over; of the sound up to when; told when."""
        self._stop_known_ms = 0
        self._mistakes = 0
        self._was_mistaken = False
        """About the last turn."""
        self.verdict: Verdict | None = None
        """On this pause."""

    def begin(self) -> None:
        """A new utterance."""
        self._told = None

    def silence(self, stopped_ms: int, now_ms: int) -> None:
        """Since ``stopped_ms`` nothing is heard, which is known now. Whatever was heard of the pause before is over."""
        self._stopped_ms, self._stop_known_ms, self._voice = stopped_ms, now_ms, None
        self._decide()

    def hear(self, probability: float, now_ms: int) -> None:
        """How likely it is by the voice that they have finished."""
        if self._stopped_ms is not None:
            is_over = True if probability >= FINISHED else False if probability <= UNFINISHED else None
            percent = max(0, min(100, round(probability * 100)))
            self._voice = Verdict(is_over, now_ms - self._stopped_ms, percent=percent)
            self._decide()

    def tell(self, is_over: bool, until_ms: int, now_ms: int) -> None:
        """The transcriber says so of all sound up to ``until_ms``."""
        self._told = is_over, until_ms, now_ms
        self._decide()

    @property
    def judged(self) -> tuple[Verdict | None, int]:
        """All that ``shaped`` depends on besides the pause."""
        return self.verdict, self._mistakes

    def went_on(self) -> None:
        """After this pause: they hadn't finished."""
        if self._is_unfinished:
            self._mistakes = max(0, self._mistakes - 1)

    def had_finished(self) -> None:
        """With this pause: the answer begins."""
        self._was_mistaken = self._is_unfinished
        self._mistakes += self._was_mistaken

    def had_not_finished(self) -> None:
        """After all: they cut into the answer to the last turn."""
        self._mistakes = max(0, self._mistakes - self._was_mistaken)
        self._was_mistaken = False

    @property
    def _is_unfinished(self) -> bool:
        return self.verdict is not None and self.verdict.is_over is False

    def shaped(self, pause: Pause, *, may_be_sooner: bool, is_in_pieces: bool) -> Pause:
        """The same pause, or a shorter or longer one. ``may_be_sooner``: by the voice alone. ``is_in_pieces``: the agent asked for
        something that people say in pieces, of which each sounds finished."""
        verdict = self.verdict
        if verdict is None:
            return pause
        pause = replace(pause, voice_percent=verdict.percent)
        is_open = pause.because == "open"
        if verdict.is_over:
            if verdict.is_told:
                return pause if is_open and is_in_pieces else _ended(pause, verdict.after_ms, 0, TOLD_MS, "told")
            if is_open or is_in_pieces or not may_be_sooner:
                return pause
            return _ended(pause, verdict.after_ms, SOONER_PERCENT, SHORTEST_MS, "finished")
        if verdict.is_over is False and not is_open and self._mistakes < _MISTAKES:
            if verdict.is_told:
                return _prolonged(pause, "told_open")
            if pause.because != "complete" or self._settings is AcousticEndOfTurn.FULL:
                return _prolonged(pause, "unfinished")
        return pause

    def _decide(self) -> None:
        self.verdict = None
        if self._stopped_ms is None:
            return
        self.verdict = self._voice
        if self._told is not None and self._told[1] >= self._stopped_ms:
            is_over, _, told_ms = self._told
            after_ms = max(told_ms, self._stop_known_ms) - self._stopped_ms
            percent = self._voice.percent if self._voice is not None else None
            self.verdict = Verdict(is_over, after_ms, is_told=True, percent=percent)


def _ended(pause: Pause, after_ms: int, percent: int, shortest_ms: int, because: str) -> Pause:
    """So many percent of it, but no less than ``shortest_ms``, and not before ``after_ms``."""

    def shorter(ms: int) -> int:
        return max(min(ms, shortest_ms), ms * percent // 100, min(ms, after_ms))

    ms = shorter(pause.ms)
    return pause if ms == pause.ms else replace(pause, ms=ms, plain_ms=shorter(pause.plain_ms), because=because)


def _prolonged(pause: Pause, because: str) -> Pause:
    def longer(ms: int) -> int:
        return max(ms, min(ms * LATER_PERCENT // 100, LONGEST_MS))

    ms = longer(pause.ms)
    return pause if ms == pause.ms else replace(pause, ms=ms, plain_ms=longer(pause.plain_ms), because=because)
