"""What Whisper says when it hears nothing, and how to tell. Pure.

Whisper was trained on subtitles, so silence becomes "Thank you." and noise becomes a sentence. These guards decide from the
sound's level and the model's own doubts.
"""

from __future__ import annotations

import re
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

_BRACKETED = re.compile(r"[\[(*♪][^\])*♪]*[\])*♪]")
_SPACES = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Guess:
    """What the model made of a sound."""

    text: str
    log_probability: float
    """Average over its tokens."""
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
    if guess.log_probability < -1.4 or (guess.log_probability < -1.0 and guess.no_speech > 0.5):
        return ""
    if bare in SAID_TO_SILENCE and (guess.peak_rms < QUIET_RMS or guess.no_speech > 0.6):
        return ""
    return without_loops(text)


def without_loops(text: str) -> str:
    """Cut what the model repeats over and over: the words said once stay.

    A caller may well repeat themselves ("no, no, no", "five five five"), so words and short phrases may come a few times.
    """
    words = text.split()
    bare = [word.lower().strip(".,!?") for word in words]
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
    """How many tokens speech of this length can have: fast talk is about six a second."""
    return min(200, 8 + round(7 * seconds))
