"""Digits the agent presses: the two tones of each (ITU-T Q.23), one after another, 20 ms at a time. Pure.

A line that carries digits beside the sound sends those instead of the tones, which are in the recording either way.
"""

from __future__ import annotations

import re
from functools import lru_cache

import numpy as np

RATE_HZ = 48_000
FRAME_MS = 20
TONE_MS, GAP_MS = 120, 80
PAUSES_MS = {",": 2_000, "W": 500}
"""A comma is a pause, as in a browser's ``insertDTMF`` and in telephone numbers; "w" a short one, as carriers have it."""
NO_PAUSES = str.maketrans("", "", "".join(PAUSES_MS))
MAX_DIGITS = 64
_ROWS_HZ, _COLUMNS_HZ = (697, 770, 852, 941), (1_209, 1_336, 1_477, 1_633)
_PAD = "123A456B789C*0#D"
_AMPLITUDE = 5_800
"""Of each tone: together about -12 dBFS, as loud as a voice."""
_FADE_MS = 4
_SILENCE = bytes(RATE_HZ * FRAME_MS // 1000 * 2)


def checked(digits: str) -> str:
    """The digits as they will be pressed, without spaces and dashes. Raises ``ValueError`` in plain words where some are none."""
    cleaned = re.sub(r"[\s-]+", "", digits).upper()
    if not cleaned.translate(NO_PAUSES):
        raise ValueError("Name the keys to press: digits, * and #. A comma waits two seconds, a w half a second.")
    if wrong := sorted(set(cleaned) - set(f"{_PAD},W")):
        raise ValueError(f"There is no key {' or '.join(f'“{each}”' for each in wrong)}: use 0 to 9, *, # and A to D.")
    if len(cleaned) > MAX_DIGITS:
        raise ValueError(f"Press {MAX_DIGITS} keys at most at a time.")
    return cleaned


class DigitTones:
    """``press``, then ``pull`` as long as ``is_waiting``."""

    def __init__(self) -> None:
        self.sounding = ""
        """The digit whose tone the last ``pull`` gave; "" for none."""
        self._frames: list[tuple[str, bytes]] = []
        """What comes, the last first."""

    @property
    def is_waiting(self) -> bool:
        return bool(self._frames)

    def press(self, digits: str) -> None:
        """After those that wait. ``digits``: see ``checked``."""
        frames: list[tuple[str, bytes]] = []
        for digit in digits:
            frames += [("", _SILENCE)] * (PAUSES_MS[digit] // FRAME_MS) if digit in PAUSES_MS else _press(digit)
        self._frames[:0] = reversed(frames)

    def pull(self) -> bytes:
        self.sounding, pcm = self._frames.pop() if self._frames else ("", _SILENCE)
        return pcm


def _press(digit: str) -> list[tuple[str, bytes]]:
    size = len(_SILENCE)
    pcm = tone(digit)
    sounding = [(digit, pcm[at : at + size]) for at in range(0, len(pcm), size)]
    return sounding + [("", _SILENCE)] * (GAP_MS // FRAME_MS)


@lru_cache(maxsize=len(_PAD))
def tone(digit: str) -> bytes:
    """All of a digit's sound, without a click at its ends."""
    row, column = divmod(_PAD.index(digit), 4)
    times = np.arange(RATE_HZ * TONE_MS // 1000) / RATE_HZ
    both = sum(np.sin(2 * np.pi * hz * times) for hz in (_ROWS_HZ[row], _COLUMNS_HZ[column]))
    fade = np.linspace(0.0, 1.0, RATE_HZ * _FADE_MS // 1000)
    envelope = np.concatenate((fade, np.ones(len(times) - 2 * len(fade)), fade[::-1]))
    return bytes((both * envelope * _AMPLITUDE).astype("<i2").tobytes())
