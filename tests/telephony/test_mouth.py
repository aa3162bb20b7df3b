"""What goes out to the caller, tick by tick."""

from __future__ import annotations

import itertools

import numpy as np

from telephony.audio.playout import FRAME_BYTES, FRAME_SAMPLES, SILENCE
from telephony.transports.mouth import REMINDER_FRAMES, SILENT_FRAMES, Mouth
from telephony.transports.opus import SAMPLES, has_fec

_T = np.arange(FRAME_SAMPLES * 100) / 48_000
_SYLLABLES = sum(np.sin(2 * np.pi * 150 * k * _T) / k for k in range(1, 20)) * 5_000 * np.sin(2 * np.pi * 2.5 * _T) ** 2
SPEECH = np.asarray(_SYLLABLES, "<i2").tobytes()
SOUND = SPEECH[FRAME_BYTES * 4 : FRAME_BYTES * 5]


class Wire:
    def __init__(self) -> None:
        self.sent: list[tuple[bytes, int, bool]] = []

    def __call__(self, payload: bytes, ticks: int, *, is_first: bool = False) -> None:
        self.sent.append((payload, ticks // SAMPLES, is_first))


def spoken(*pieces: tuple[bytes, int], mouth: Mouth, late_ms: float = 0.0) -> None:
    for pcm, frames in pieces:
        mouth.pull = lambda pcm=pcm: pcm
        for _ in range(frames):
            mouth.tick(late_ms)


def test_sound_goes_out_at_every_tick() -> None:
    wire = Wire()
    spoken((SOUND, 50), mouth=Mouth(wire))
    assert [at for _, at, _ in wire.sent] == list(range(50))
    assert [is_first for *_, is_first in wire.sent] == [True] + [False] * 49


def test_silence_is_told_and_not_sent_and_the_clock_goes_on() -> None:
    wire = Wire()
    spoken((SOUND, 5), (SILENCE, 100), (SOUND, 5), mouth=Mouth(wire))
    told = [at for payload, at, _ in wire.sent if len(payload) == 1]
    assert told == [5 + SILENT_FRAMES + n * REMINDER_FRAMES for n in range(5)]
    assert [at for payload, at, _ in wire.sent if len(payload) > 1] == [*range(5 + SILENT_FRAMES), *range(105, 110)]
    assert [at for _, at, is_first in wire.sent if is_first] == [0, 105]


def test_a_short_pause_is_sent_as_it_is() -> None:
    wire = Wire()
    spoken((SOUND, 5), (SILENCE, SILENT_FRAMES), (SOUND, 5), mouth=Mouth(wire))
    assert [at for _, at, _ in wire.sent] == list(range(10 + SILENT_FRAMES))
    assert [at for _, at, is_first in wire.sent if is_first] == [0]


def test_a_call_that_begins_in_silence_tells_so() -> None:
    wire = Wire()
    spoken((SILENCE, 40), mouth=Mouth(wire))
    assert [at for _, at, _ in wire.sent] == [*range(SILENT_FRAMES), SILENT_FRAMES, SILENT_FRAMES + REMINDER_FRAMES]


def test_late_ticks_leave_a_gap_in_the_clock_and_take_no_sound() -> None:
    wire, pulls = Wire(), []
    mouth = Mouth(wire)
    mouth.pull = lambda: pulls.append(1) or SOUND
    for late_ms in (0, 300, 280, 60, 41, 40, 20, 0):
        mouth.tick(late_ms)
    assert [at for _, at, _ in wire.sent] == [0, 5, 6, 7]
    assert (mouth.skipped, len(pulls)) == (4, 4)


def test_error_correction_follows_what_the_caller_loses() -> None:
    wire = Wire()
    mouth = Mouth(wire)
    at = itertools.cycle(range(0, len(SPEECH), FRAME_BYTES))

    def say(frames: int) -> int:
        """How many of the packets carried a copy of the one before."""
        begin = len(wire.sent)
        for _ in range(frames):
            now = next(at)
            mouth.pull = lambda now=now: SPEECH[now : now + FRAME_BYTES]
            mouth.tick(0.0)
        return sum(has_fec(payload) for payload, *_ in wire.sent[begin:])

    assert say(100) == 0
    mouth.line_loses(5.0)
    assert say(100) >= 50
    mouth.line_loses(2.0)  # better, but not good: as before
    assert say(100) >= 50
    mouth.line_loses(0.0)
    assert say(100) <= 1  # what was encoded before it was told
