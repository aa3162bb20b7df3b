"""When a message that a caller leaves is over. Pure; the frames are the clock."""

from __future__ import annotations

from typing import Literal

import numpy as np

from telephony.audio.loudness import Loudness

FRAME_MS = 20
SILENCE_S = 5.0
WORDS_MS = 300
"""So much of it must be louder for something to have been said."""
END_DIGIT = "#"

Why = Literal["", "silence", "longest", "digit"]


class MessageEnd:
    """``push`` each frame until it says why the message is over."""

    def __init__(self, longest_s: float, silence_s: float = SILENCE_S) -> None:
        self._longest_ms, self._silence_ms = longest_s * 1000, silence_s * 1000
        self.length_ms = 0
        self._loudness = Loudness()
        self._quiet_ms = self._loud_ms = 0
        self._digit = False

    @property
    def has_words(self) -> bool:
        return self._loud_ms >= WORDS_MS

    @property
    def spoken_ms(self) -> int:
        """Without the silence at its end."""
        return self.length_ms - self._quiet_ms

    def press(self, digit: str) -> None:
        """The caller pressed this."""
        self._digit |= digit == END_DIGIT

    def push(self, pcm: bytes) -> Why:
        """20 ms of 16-bit samples."""
        is_loud = self._loudness.push(np.frombuffer(pcm, "<i2").astype(np.float32))
        self.length_ms += FRAME_MS
        self._loud_ms += FRAME_MS * is_loud
        self._quiet_ms = 0 if is_loud else self._quiet_ms + FRAME_MS
        if self._digit:
            return "digit"
        if self._quiet_ms >= self._silence_ms:
            return "silence"
        return "longest" if self.length_ms >= self._longest_ms else ""
