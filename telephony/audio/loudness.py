"""What is louder than the room it comes from. Frames of 20 ms in; no I/O, no clock but the frames.

A street or a car is as loud as a quiet caller, all the time. Speech falls to the room between its words, several times in two
seconds: the quietest frame of these is the room. Made for synthesised speech and noise; not measured on real calls.
"""

from __future__ import annotations

import math
from collections import deque

import numpy as np

FRAME_MS = 20
QUIETEST = 120.0
"""RMS of 16-bit samples: in the quietest of rooms what is below holds no speech …"""
LOUDEST = 1_000.0
"""… and what is above does in any: somebody who talks on without a breath is no room."""
OVER_THE_ROOM = 2.5
"""8 dB."""
ROOM_MS = 2_000
"""The room is the quietest frame of so long. Less than what tells a machine by its cadence: noise that sets in isn't one."""
HOLD_FRAMES = 2
"""A word ends softly: so many frames behind its last loud one belong to it."""
_PART_FRAMES = 10


class Loudness:
    """``push`` each frame, and hear whether somebody speaks, or something else does that isn't always there."""

    def __init__(self) -> None:
        self._before: deque[float] = deque(maxlen=ROOM_MS // FRAME_MS // _PART_FRAMES - 1)
        """The quietest of each 200 ms."""
        self._quietest = math.inf
        """Of those under way, in which there are so many frames:"""
        self._frames = 0
        self._is_up = False
        self._held = 0

    def push(self, samples: np.ndarray) -> bool:
        """Samples of 16 bits as floats. Silence of all zeros is the line that isn't up yet, and no room, until something came."""
        level = level_of(samples)
        self._is_up |= level > 0
        if not self._is_up:
            return False
        self._quietest = min(self._quietest, level)
        room = min(self._quietest, min(self._before, default=math.inf))
        self._frames += 1
        if self._frames == _PART_FRAMES:
            self._before.append(self._quietest)
            self._quietest, self._frames = math.inf, 0
        if level >= min(LOUDEST, max(QUIETEST, room * OVER_THE_ROOM)):
            self._held = HOLD_FRAMES
            return True
        self._held -= 1
        return self._held >= 0 and level >= QUIETEST


def level_of(samples: np.ndarray) -> float:
    """RMS of float samples; 0 of none."""
    return math.sqrt(float(np.dot(samples, samples)) / len(samples)) if len(samples) else 0.0
