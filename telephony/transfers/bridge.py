"""Two people on two lines hear each other: what one says, 20 ms at a time and each line at its own pace, in front of the other.

a caller's frame ─▶ Pipe ─▶ Mix ─▶ ``Playout.instead`` of the other line
hold music, a line to both ─▶ ┘
"""

from __future__ import annotations

from collections.abc import Callable

from agents.speech import AudioFrame
from telephony.audio.playout import FRAME_BYTES, PLAYOUT_RATE_HZ, SILENCE, mixed
from telephony.audio.resample import Resampler
from telephony.transports.inbound import RATE_HZ

PRIMED_FRAMES = 2
"""So much waits before it is given out: the two lines' clocks are not the same."""
MOST_FRAMES = 6
"""More than that waits only after a hold-up: then the oldest is thrown away, for who talks to somebody doesn't want to wait."""

Pull = Callable[[], bytes]


class Pipe:
    """One direction. ``push`` on one line's clock, ``pull`` on the other's; both on the loop."""

    def __init__(self) -> None:
        self.is_closed = False
        self._resampler = Resampler(RATE_HZ, PLAYOUT_RATE_HZ)
        self._pcm = bytearray()
        self._is_primed = False

    def push(self, frame: AudioFrame) -> None:
        self._pcm += self._resampler.push(frame.pcm)
        if len(self._pcm) > MOST_FRAMES * FRAME_BYTES:
            del self._pcm[: len(self._pcm) - PRIMED_FRAMES * FRAME_BYTES]

    def pull(self) -> bytes:
        """20 ms, silent where nothing came; empty once it is closed."""
        if self.is_closed:
            return b""
        needed = FRAME_BYTES if self._is_primed else PRIMED_FRAMES * FRAME_BYTES
        self._is_primed = len(self._pcm) >= needed
        if not self._is_primed:
            return SILENCE
        taken = bytes(self._pcm[:FRAME_BYTES])
        del self._pcm[:FRAME_BYTES]
        return taken

    def close(self) -> None:
        self.is_closed = True


class Clip:
    """Words that were spoken beforehand, played once. ``when_over`` is called in the pull after the last of them."""

    def __init__(self, pcm: bytes, when_over: Callable[[], None] = lambda: None) -> None:
        self._pcm, self._at, self._when_over = pcm, 0, when_over

    def pull(self) -> bytes:
        taken = self._pcm[self._at : self._at + FRAME_BYTES]
        self._at += FRAME_BYTES
        if not taken:
            when_over, self._when_over = self._when_over, lambda: None
            when_over()
            return b""
        return taken + SILENCE[len(taken) :]


class Mix:
    """Several at once. One that gives nothing is over, and forgotten."""

    def __init__(self) -> None:
        self._sources: list[Pull] = []

    def add(self, source: Pull) -> None:
        self._sources.append(source)

    def pull(self) -> bytes:
        """20 ms; empty where there is nobody left."""
        pcm = b""
        for source in list(self._sources):
            more = source()
            if not more:
                self._sources.remove(source)
                continue
            pcm = mixed(pcm, more) if pcm else more
        return pcm
