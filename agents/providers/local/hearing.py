"""What Whisper says when it hears nothing, and how to tell. Pure.

Whisper was trained on subtitles, so silence becomes "Thank you." and noise becomes a sentence. These guards decide from the
sound's level and the model's own doubts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

RATE_HZ = 16_000
SILENT_RMS = 40.0
"""Of 32,768, over the loudest 100 ms: below this (-58 dBFS) nobody spoke."""
QUIET_RMS = 250.0
"""Below this (-42 dBFS) the things Whisper says to silence are not believed."""

SAID_TO_SILENCE = frozenset(
    {
        "", "you", "thank you", "thanks", "thanks for watching", "thank you for watching", "thank you very much",
        "thank you so much for watching", "bye", "bye bye", "please subscribe", "subscribe", "subtitles by the amara.org community",
        "the end", "so", "oh", "i'm sorry", "okay", "music", "applause",
    }
)  # fmt: skip

SAID_TO_NOISE = ("i", "i'm", "you", "so", "the")
"""What its sentences about noise begin with, when it half knows that nobody spoke."""
PAST_THE_END_S = 0.2
"""Whisper's times are rough: a segment that begins this shortly before the end of the sound was not said in it."""

MUCH_SURER = 0.1

_BRACKETED = re.compile(r"[\[(*♪][^\])*♪]*[\])*♪]")
_SPACES = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of words, and where in the sound the model says they begin."""

    start_s: float
    text: str


@dataclass(frozen=True, slots=True)
class Guess:
    """What the model made of a sound."""

    text: str
    log_probability: float
    """Average over its tokens, timestamps among them: a single word said aloud may be at -1.4, as noise is."""
    no_speech: float
    peak_rms: float
    seconds: float


def peak_rms(samples: npt.NDArray[np.int16]) -> float:
    """The level of the loudest 100 ms, of 32,768."""
    step = RATE_HZ // 10
    whole = len(samples) // step * step
    if whole == 0:
        return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if len(samples) else 0.0
    squares = np.square(samples[:whole], dtype=np.float64).reshape(-1, step)
    return float(np.sqrt(squares.mean(axis=1).max()))


def believed(guess: Guess) -> str:
    """The text to go on with; empty where nothing was said."""
    text = _SPACES.sub(" ", _BRACKETED.sub(" ", guess.text)).strip()
    bare = text.lower().strip(" .,!?-…")
    if not bare or guess.peak_rms < SILENT_RMS:
        return ""
    if guess.log_probability < -1.7 or (
        guess.log_probability < -1.2 and guess.no_speech > 0.5 and bare.split()[0] in SAID_TO_NOISE
    ):
        return ""
    if bare in SAID_TO_SILENCE and (guess.peak_rms < QUIET_RMS or guess.no_speech > 0.6):
        return ""
    return without_loops(text)


def is_nothing_but(text: str, expected: Sequence[str]) -> bool:
    """Whether ``text`` is made of some of the expected words, each as a whole."""
    left = _joined(text)
    known = sorted({_joined(word) for word in expected} - {""}, key=len, reverse=True)
    while left and (word := next((each for each in known if left.startswith(each)), "")):
        left = left[len(word) :]
    return bool(text) and not left


def fuller(expected: tuple[str, float], plain: tuple[str, float]) -> tuple[str, float]:
    """Of what was heard with words to expect, which is nothing but such words, and without: the second where it has more in it and the
    same word too, or is much surer. Each with how sure it is (0-1)."""
    words, more = set(_bare(expected[0])), _bare(plain[0])
    if len(more) <= len(_bare(expected[0])) or set(more) <= words:
        return expected
    has_it = _joined(expected[0]) in _joined(plain[0])
    return plain if has_it or plain[1] >= expected[1] + MUCH_SURER else expected


def _joined(text: str) -> str:
    """ "Check-up." and "check up" are the same."""
    return "".join(character for character in text.lower() if character.isalnum())


def is_past_the_end(times: Sequence[float], seconds: float) -> bool:
    """Has the model come to the end of the sound, though it goes on? ``times``: all it wrote, the first one a beginning."""
    return any(time >= seconds - PAST_THE_END_S for time in times[1:])


def said_once(segments: Sequence[Segment], seconds: float) -> str:
    """The words without those that the model says again after it has finished: they begin where the sound is over, or repeat
    the stretch before them."""
    kept: list[Segment] = []
    for segment in segments:
        words = _bare(segment.text)
        if kept and segment.start_s >= seconds - PAST_THE_END_S:
            break
        is_digit = len(words) == 1 and len(words[0]) == 1
        if kept and not is_digit and words == _bare(kept[-1].text)[: len(words)]:
            break
        kept.append(segment)
    return "".join(segment.text for segment in kept)


def _bare(text: str) -> list[str]:
    return [word.strip(".,!?") for word in text.lower().split()]


def without_loops(text: str) -> str:
    """Cut what the model repeats over and over: the words said once stay.

    A caller may well repeat themselves ("no, no, no", "five five five"), so words and short phrases may come a few times.
    """
    words = text.split()
    bare = _bare(text)
    for length in range(1, len(words) // 2 + 1):
        allowed = 6 if length == 1 else 3 if length < 4 else 1
        start = 0
        while start + length <= len(words):
            times = 1
            while bare[start + times * length : start + (times + 1) * length] == bare[start : start + length]:
                times += 1
            if times > allowed:
                rest = start + times * length
                leftover = bare[rest:] == bare[start : start + len(words) - rest]
                kept = words[: start + length] + ([] if leftover else words[rest:])
                return without_loops(" ".join(kept))
            start += 1
    return text


def most_tokens(seconds: float) -> int:
    """How many tokens speech of this length can have: fast talk is about six a second, and two a segment are timestamps."""
    return min(200, 12 + round(7 * seconds))


def likely_tokens(seconds: float) -> int:
    """How many it has as a rule: decoding goes so far before it looks whether the rest was said at all."""
    return 5 + round(4.5 * seconds)
