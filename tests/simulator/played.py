"""What the caller heard, read from the samples that were pulled: which phrase, from which sample to which, and when."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from telephony.audio.playout import FRAME_BYTES, FRAME_SAMPLES, PLAYOUT_RATE_HZ, SILENCE
from telephony.session.knobs import TurnSettings
from tests.simulator.run import Record
from tests.simulator.world import FRAME_MS, NOISE, Speech

_HARDLY = PLAYOUT_RATE_HZ * (TurnSettings().open_start_ms + 2 * FRAME_MS) // 1000
"""Samples: an answer of which more was heard is not taken back."""
FADE_SAMPLES = PLAYOUT_RATE_HZ * 8 // 1000
Samples = npt.NDArray[np.int16]


@dataclass(slots=True)
class Heard:
    """A phrase as it was played. ``frames``: the pulls with sound of it, and how many of its samples were played after each."""

    speech: Speech
    shift_ms: int
    """When the first pull of the call was, on the call's clock."""
    samples: int
    frames: list[tuple[int, int]]

    @property
    def begin_ms(self) -> int:
        """When its first sample was pulled."""
        return self.frames[0][0] * FRAME_MS + self.shift_ms

    @property
    def end_ms(self) -> int:
        """After its last sample so far."""
        return (self.frames[-1][0] + 1) * FRAME_MS + self.shift_ms

    def samples_by(self, at_ms: int) -> int:
        """How much of it was pulled before that moment."""
        return max((count for frame, count in self.frames if frame * FRAME_MS + self.shift_ms < at_ms), default=0)


@dataclass(slots=True)
class Played:
    heard: list[Heard] = field(default_factory=list)
    """Each phrase of which anything was heard, in order."""
    is_voiced: list[bool] = field(default_factory=list)
    """For each pull: whether it had the agent's voice in it; a fade of 8 ms after a stop doesn't count."""
    wrong: list[str] = field(default_factory=list)
    shift_ms: int = 0


def played(record: Record) -> Played:
    """Follow the samples. Whatever isn't the very next sample of a phrase, or the first of another, is ``wrong``."""
    shift_ms = 0 if record.scenario.line.pulls_first else FRAME_MS
    result = Played(shift_ms=shift_ms)
    speeches = record.voice.speeches
    current: Heard | None = None
    unheard = dict.fromkeys(range(len(speeches)))
    for frame, pcm in enumerate(record.line.pulled):
        if pcm is SILENCE:
            result.is_voiced.append(False)
            continue
        result.is_voiced.append(True)
        if current is not None:
            at = (current.speech.begin + current.samples) * 2
            if current.samples + FRAME_SAMPLES <= current.speech.made and NOISE[at : at + FRAME_BYTES] == pcm:
                current.samples += FRAME_SAMPLES
                current.frames.append((frame, current.samples))
                continue
        found = np.frombuffer(pcm, dtype="<i2")
        loud = np.flatnonzero(found)
        if not len(loud):
            result.is_voiced[-1] = False  # silence under another name
            continue
        count = int(loud[-1]) + 1
        for next_one in (None, *unheard):
            expected = _expected(current, None if next_one is None else speeches[next_one])
            how = _explain(found, count, expected)
            if how is None:
                continue
            if how == "tail":
                result.is_voiced[-1] = False
                break
            if current is not None and (rest := min(count, current.speech.made - current.samples)) > 0:
                current.samples += rest
                current.frames.append((frame, current.samples))
                count -= rest
            if next_one is not None:
                current = Heard(speeches[next_one], shift_ms, count, [(frame, count)])
                result.heard.append(current)
                del unheard[next_one]
            break
        else:
            # A phrase that broke off is left where it was: what comes next is the first of another, or it had hardly begun and begins again.
            again = None if current is None or current.samples > _HARDLY else speeches.index(current.speech)
            for next_one in (*unheard, *(() if again is None else (again,))):
                if (how := _explain(found, count, _expected(None, speeches[next_one]))) is not None:
                    if how == "tail":
                        result.is_voiced[-1] = False
                        break
                    current = Heard(speeches[next_one], shift_ms, count, [(frame, count)])
                    result.heard.append(current)
                    unheard.pop(next_one, None)
                    break
            else:
                place = "" if current is None else f" after sample {current.samples} of “{current.speech.text}”"
                result.wrong.append(
                    f"a sound that is no one's, or samples lost or repeated, at {frame * FRAME_MS + shift_ms} ms{place}"
                )
                current = _resync(found, current)
    return result


def _expected(current: Heard | None, next_one: Speech | None) -> Samples:
    """What comes next: the rest of this phrase, then the beginning of that one."""
    sound = b""
    if current is not None:
        begin = current.speech.begin + current.samples
        sound = NOISE[begin * 2 : min(begin + FRAME_SAMPLES, current.speech.begin + current.speech.made) * 2]
    if next_one is not None:
        room = FRAME_SAMPLES - len(sound) // 2
        sound += NOISE[next_one.begin * 2 : (next_one.begin + min(room, next_one.made)) * 2]
    return np.frombuffer(sound, dtype="<i2")


def _explain(found: Samples, count: int, expected: Samples) -> str | None:
    """Whether these samples are the expected ones: as they are, faded in at their head, or nothing but a faded tail."""
    if count > len(expected):
        return None
    if np.array_equal(found[:count], expected[:count]):
        return "exact"
    head = min(FADE_SAMPLES, count)
    is_below = bool(np.all(np.abs(found[:head].astype(np.int32)) <= np.abs(expected[:head].astype(np.int32))))
    if not is_below:
        return None
    if count <= FADE_SAMPLES:
        return "tail" if found[0] == expected[0] else None
    return "faded in" if np.array_equal(found[head:count], expected[head:count]) else None


def _resync(found: Samples, current: Heard | None) -> Heard | None:
    """After something wrong: go on from where it was, if it was anything known."""
    if current is None:
        return None
    sound = NOISE[current.speech.begin * 2 : (current.speech.begin + current.speech.made) * 2]
    at = sound.find(found[-16:].tobytes())
    if at >= 0:
        current.samples = at // 2 + 16
    return current
