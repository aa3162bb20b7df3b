"""The caller's sound from a connection that loses nothing and keeps the order (TCP), at an even pace again. Pure.

A stall delays everything behind it and then lets it go at once. So the delay grows by what was missing when it was missing, nothing
that was said is left out, and in quiet moments the delay is shortened again to what the network has lately needed.
"""

from __future__ import annotations

from telephony.audio.g711 import RATE_HZ, Samples, decode_ulaw

FRAME_MS = 20
FRAME_BYTES = RATE_HZ * FRAME_MS // 1000
START_FRAMES = 2
"""Waited for before the first is given: what a healthy network needs."""
RESERVE_FRAMES = 1
WINDOW_FRAMES = 200
"""The reserve must have been untouched for so long before the delay is shortened."""
FAR_BEHIND_FRAMES = 50
"""From here on every quiet frame is left out."""
MAX_FRAMES = 250
"""Five seconds: older sound is no use to anybody."""
_QUIET = 500
"""Samples below this (-36 dBFS) are a room between words."""


class PacingQueue:
    """``push`` μ-law as it comes, ``pull`` 20 ms of it at a time; both return at once."""

    def __init__(self) -> None:
        self.received = 0
        """Bytes."""
        self.missing = 0
        """Frames that were not there when they were due."""
        self.skipped = 0
        """Frames that were left out to catch up."""
        self._coded = bytearray()
        self._has_begun = False
        self._pulls = 0
        self._least = 0
        """The fewest frames that waited since the window began."""

    @property
    def delay_ms(self) -> int:
        return len(self._coded) // FRAME_BYTES * FRAME_MS

    def push(self, coded: bytes) -> None:
        self.received += len(coded)
        self._coded += coded
        if (excess := len(self._coded) - MAX_FRAMES * FRAME_BYTES) > 0:
            del self._coded[:excess]
            self.skipped += -(-excess // FRAME_BYTES)

    def pull(self) -> Samples | None:
        """``None``: nothing is there."""
        if not self._has_begun:
            if len(self._coded) < START_FRAMES * FRAME_BYTES:
                return None
            self._has_begun = True
        if len(self._coded) < FRAME_BYTES:
            self.missing += 1
            self._begin_window()
            return None
        samples = self._next()
        if self._is_late and is_quiet(samples):  # one of two: a pause stays one
            self.skipped += 1
            samples = self._next()
        return samples

    @property
    def _waiting(self) -> int:
        """Whole frames behind the one that was given."""
        return len(self._coded) // FRAME_BYTES

    @property
    def _is_late(self) -> bool:
        """Later than it needs to be: the reserve was untouched for a whole window, or it is far behind."""
        is_slack = self._pulls >= WINDOW_FRAMES and self._least > RESERVE_FRAMES
        return self._waiting > 0 and (is_slack or self._waiting >= FAR_BEHIND_FRAMES)

    def _next(self) -> Samples:
        coded = bytes(self._coded[:FRAME_BYTES])
        del self._coded[:FRAME_BYTES]
        self._pulls += 1
        self._least = min(self._least, self._waiting)
        if self._pulls >= WINDOW_FRAMES and self._least <= RESERVE_FRAMES:  # it was needed
            self._begin_window()
        return decode_ulaw(coded)

    def _begin_window(self) -> None:
        self._pulls, self._least = 0, self._waiting


def is_quiet(samples: Samples) -> bool:
    """Nobody would miss them."""
    return int(samples.max()) < _QUIET and int(samples.min()) > -_QUIET
