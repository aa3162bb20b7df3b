"""Music for callers who wait: made, not recorded, so that it needs no file and belongs to nobody.

A few chords in a circle, each note plucked and left to ring, in the band that a telephone carries. The same every time, as a loop
whose ends meet: what rings on at the end is heard at the beginning. Made once a process.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from telephony.audio.playout import FRAME_BYTES, FRAME_SAMPLES, PLAYOUT_RATE_HZ

FADE_IN_FRAMES = 30
FADE_OUT_FRAMES = 5
_RMS = 1_700.0
"""About 6 dB below a voice."""
_PEAK = 16_000.0

Samples = npt.NDArray[np.int16]
Curve = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Piece:
    chords: tuple[tuple[int, ...], ...]
    """Each as MIDI notes, the lowest first."""
    order: tuple[int, ...]
    """Which notes of its chord are plucked, beat by beat; -1: none."""
    beat_s: float
    ring_s: float
    """Until a note is down to a third."""
    overtones: tuple[float, ...]


_PIECES: dict[str, _Piece] = {
    "calm": _Piece(
        chords=((60, 64, 67, 71), (57, 60, 64, 67), (65, 69, 72, 76), (62, 65, 69, 72), (55, 59, 62, 69)),
        order=(0, 2, 1, 3, 2, 1, 3, -1),
        beat_s=0.6,
        ring_s=1.1,
        overtones=(1.0, 0.28, 0.09),
    ),
    "bright": _Piece(
        chords=((67, 71, 74, 78), (64, 67, 71, 74), (60, 64, 67, 74), (62, 66, 69, 76)),
        order=(0, 1, 2, 3, 1, 2, 3, 2),
        beat_s=0.32,
        ring_s=0.5,
        overtones=(1.0, 0.45, 0.2, 0.08),
    ),
}
KINDS = tuple(_PIECES)


@lru_cache(maxsize=len(_PIECES))
def loop(kind: str) -> Samples | None:
    """The music of this name, at ``PLAYOUT_RATE_HZ``; ``None``: there is none, it is quiet.

    The first time takes some hundred milliseconds of computing: not for an event loop."""
    piece = _PIECES.get(kind)
    if piece is None:
        return None
    beat = round(piece.beat_s * PLAYOUT_RATE_HZ)
    sound: Curve = np.zeros(beat * len(piece.order) * len(piece.chords))
    for index, chord in enumerate(piece.chords):
        begin = index * len(piece.order) * beat
        _pluck(sound, begin, chord[0] - 12, piece, loudness=0.7)
        for step, note in enumerate(piece.order):
            if note >= 0:
                _pluck(sound, begin + step * beat, chord[note], piece, loudness=1.0 if step % 4 == 0 else 0.75)
    sound *= min(_RMS / float(np.sqrt(np.mean(sound**2))), _PEAK / float(np.abs(sound).max()))
    samples: Samples = np.rint(sound).astype(np.int16)
    samples.setflags(write=False)
    return samples


def _pluck(sound: Curve, at: int, note: int, piece: _Piece, *, loudness: float) -> None:
    """Add one note, which goes on at the beginning where it reaches the end."""
    hz = 440.0 * 2 ** ((note - 69) / 12)
    seconds = np.arange(round(piece.ring_s * 4 * PLAYOUT_RATE_HZ)) / PLAYOUT_RATE_HZ
    tone = sum(
        (share * np.exp(-seconds * (1 + 0.6 * index) / piece.ring_s) * np.sin(2 * np.pi * hz * (index + 1) * seconds))
        for index, share in enumerate(piece.overtones)
    )
    tone = tone * np.minimum(1.0, seconds / 0.012) * np.minimum(1.0, (seconds[-1] - seconds) / 0.05) * loudness
    where = (at + np.arange(len(seconds))) % len(sound)
    np.add.at(sound, where, tone)


class Player:
    """One caller's music: begins softly, and ends softly after ``stop``."""

    def __init__(self, music: Samples) -> None:
        self._music = music
        self._at = 0
        self._pulls = 0
        self._left: int | None = None
        """Frames until it is over."""

    def stop(self) -> None:
        if self._left is None:
            self._left = FADE_OUT_FRAMES

    def pull(self) -> bytes:
        """The next 20 ms; empty when it is over."""
        if self._left is not None and self._left <= 0:
            return b""
        end = self._at + FRAME_SAMPLES
        frame = self._music[self._at : end]
        if len(frame) < FRAME_SAMPLES:
            frame = np.concatenate((frame, self._music[: FRAME_SAMPLES - len(frame)]))
        self._at = end % len(self._music)
        self._pulls += 1
        begin, after = min(1.0, (self._pulls - 1) / FADE_IN_FRAMES), min(1.0, self._pulls / FADE_IN_FRAMES)
        if self._left is not None:
            begin, after = begin * self._left / FADE_OUT_FRAMES, after * (self._left - 1) / FADE_OUT_FRAMES
            self._left -= 1
        elif begin == 1.0:
            return frame.tobytes()
        faded = (frame * np.linspace(begin, after, FRAME_SAMPLES)).astype("<i2").tobytes()
        assert len(faded) == FRAME_BYTES
        return faded
