"""The agent's own voice, come back from a speakerphone: found in the caller's sound, and taken out of it. Pure; numpy only.

    what was played, 20 ms a tick ─▶ ┐
    the caller, 20 ms a tick ──────▶ Echo.hear ─▶ the same without the echo ─▶ VAD, transcriber
                 the VAD: "speech!" ─▶ Echo.judge ─▶ ECHO (it was the agent) · VOICE · UNSURE (ask again in a moment)

As long as no echo was found this costs next to nothing: the last second of both is kept. Where speech begins while the agent can
be heard, ``judge`` looks whether it is what was played, by the correlation of both sounds over all delays. Once it was, the line
is known to have an echo, with this delay, so much quieter in each band of frequencies; from then on ``hear`` predicts the
echo of what is played and takes it away band by band, as hands-free telephones do. What is clearly more than the prediction is a
caller's voice, and stays. Prediction and delay follow the line; a new path (the telephone was put on the table) is found like the first.

Ticks are the call's clock: what was played in the same tick as a frame has no delay.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

import numpy as np
import numpy.typing as npt

from telephony.audio.playout import SILENCE
from telephony.audio.spectra import Spectra, blocks, spectra

RATE_HZ = 16_000
FRAME = 320
FRAME_MS = 20
MAX_DELAY_MS = 700
"""A browser's buffers, a mobile network and back. What comes later is taken for a voice."""
_KEPT = 60
"""Ticks. The longest delay, what is compared, and the room's reverberation."""
_ACTIVE = MAX_DELAY_MS // FRAME_MS + 6
"""So many ticks after its last sound the agent may still be heard in the echo."""

# what is compared, at 8 kHz
_SLOW_RATE = 8
"""Samples a millisecond."""
_SHORTEST_MS, _LONGEST_MS = 100, 280
_FFT = 8_192
_LEAD_MS = 40
"""A sound begins a little before a VAD says so."""
_WHITENED = 0.7
"""0: loud vowels decide, 1: every frequency counts the same. Vowels of two people may be alike for a moment."""
_LIKE, _ALIKE = 0.24, 0.30
"""Correlation of the whitened sounds at their best delay. An echo through a small room has 0.3 to 0.5, two voices hardly ever 0.3 …"""
_STANDS_OUT, _FAR_OUT = 5.0, 9.0
"""… and how many times the usual over the other delays that is: the less they are alike, the further out it must stand."""
_MAY_BE = 0.2
_MAY_YET_BE = 0.18
"""Of a short sound."""
_SHORT_MS = 140
"""Less sound than this can't be told from an echo for sure."""
_LOOKS, _KEEPS_MS = 3, 4
_LEAST_RMS = 15.0

# what is predicted
_CONTEXT = 192
_BLOCK = _CONTEXT + FRAME
_EDGES = np.array((3, 5, 7, 9, 11, 13, 16, 19, 22, 26, 30, 35, 41, 48, 57, 68, 82, 100, 125, 160, 240), dtype=np.intp)
"""Of the bands, in bins of 31 Hz: from 94 Hz up."""
_EDGES_OF_PARTS = 2 * _EDGES
"""The same where a bin is two numbers."""
_HANN = (1.0 - np.cos(2 * np.pi * np.arange(_BLOCK) / _BLOCK)).astype(np.float32)
_BAND_OF = np.maximum(np.searchsorted(_EDGES, np.arange(_BLOCK // 2 + 1), side="right") - 1, 0)
"""Of each bin; what is below the lowest band goes with it."""
_EACH = np.ones(len(_EDGES), dtype=np.float32)
"""One for each band. So are some constants: numpy multiplies two short arrays in less time than one and a number."""
_DIES = _EACH * np.float32(0.6)
"""What is left of the echo after a tick: 2 dB less, a room of half a second."""
_OVER = np.float32(3.0)
"""So many times the predicted echo is taken away: it is no more than a prediction."""
_LEAST_SHARE = _EACH * np.float32(0.02**2)
_ALL_OF_IT = 0.94
"""Of the power, in every band: so little is left as it is."""
_CLEARLY_LESS = 0.9
"""Of the power: where so little is left, it can't be as it is in every band."""
_SAME_GAIN = 0.03
"""Gains that differ by less need no fading from one tick to the next."""
_NEW, _PROBATION = 25, 12
"""Ticks of echo in which a prediction is new: it follows faster, and more is taken away; and after which it is looked whether it
was a mistake."""
_RISE = np.linspace(0.0, 1.0, FRAME, dtype=np.float32)
_HALVES, _THIRDS, _SIXTHS = (np.full(count, 1 / count, dtype=np.float32) for count in (2, 3, 6))
_NO_POWER = np.zeros(len(_EDGES), dtype=np.float32)
_NO_SOUND = bytes(2 * FRAME)
_ONE, _TENTH = np.float32(1.0), _EACH * np.float32(0.1)
_FORGETS, _RISES = _EACH * np.float32(0.996), _EACH * np.float32(1.01)
_LEAST_LOG, _MOST_LOG = _EACH * np.float32(-16.0), _EACH * np.float32(1.5)
_LOWEST, _HIGHEST = np.float32(-32_768), np.float32(32_767)
_MOST_ENERGY = 32_767.0**2
"""Of a tick in which no sample can be louder than ``_HIGHEST``."""
_SAME_MS = 15
_UP, _DOWN = np.float32(0.15), np.float32(0.05)
"""How fast the prediction follows, natural logarithm of power a tick. Three to one: a quarter of the ticks have more echo."""
_EXPLAINED = 0.3
"""A tick with less than this share of its energy left is the echo alone."""
_LEFT_OF_VOICE = 0.25
"""Of the energy of the last ticks so much is left where a voice was in them. Of the echo alone it is below 0.03 as a rule."""
_BREATH = 20
"""Ticks of silence after which the agent speaks again, for those who count."""
_LATELY = 8
_RUN = 5
"""Ticks of echo that make it one that was heard."""
_LOUD = 40.0
"""RMS: quieter isn't worth a thought."""
_LOOK_AGAIN = 75
"""Ticks of echo between two looks at the delay: devices stretch their buffers."""
_MOVED_MS = 30

Samples = npt.NDArray[np.float32]


class Verdict(Enum):
    VOICE = auto()
    ECHO = auto()
    UNSURE = auto()


@dataclass(frozen=True, slots=True)
class Match:
    """The delay at which two sounds are most alike, how much (0 to 1), and how far that stands out among all delays."""

    delay_ms: float = 0.0
    likeness: float = 0.0
    stands_out: float = 0.0

    def is_sure(self, sound_ms: int = _LONGEST_MS) -> bool:
        if sound_ms < _SHORT_MS:
            return self.likeness > _ALIKE and self.stands_out > _FAR_OUT
        return (self.likeness > _ALIKE and self.stands_out > _STANDS_OUT) or (
            self.likeness > _LIKE and self.stands_out > _FAR_OUT
        )

    @property
    def is_possible(self) -> bool:
        return self.likeness > _MAY_BE and self.stands_out > _STANDS_OUT


class Echo:
    """One call's. ``hear`` every frame, with what was played in its tick; ``judge`` when the VAD finds speech."""

    def __init__(self) -> None:
        self.runs = 0
        """How often the agent spoke and was heard to come back."""
        self._played: deque[bytes | None] = deque(maxlen=_KEPT)
        self._came: deque[bytes] = deque(maxlen=_LONGEST_MS // FRAME_MS)
        self._silent = _ACTIVE
        """Ticks since something was played."""
        self._since = 0
        """Ticks since the first of it that may still be heard."""
        self._path: _Path | None = None
        self._run = 0
        """Ticks of this run that were echo."""
        self._looked = 0
        self._looks: deque[float] = deque(maxlen=_LOOKS)
        self._looked_ms = 0

    @property
    def delay_ms(self) -> int | None:
        """Of the line, if it is known to have an echo: from the tick in which a sound is played to the one in which it is back."""
        return None if self._path is None or not self._path.is_confirmed else round(self._path.delay_ms)

    @property
    def quieter_db(self) -> int:
        """Than what was played, if the line has an echo."""
        return 0 if self._path is None else self._path.quieter_db

    @property
    def is_possible(self) -> bool:
        """The agent was heard lately."""
        return self._silent < _ACTIVE

    def hear(self, pcm: bytes, played: bytes) -> bytes:
        """The caller's 20 ms at 16 kHz; ``played``: what the caller was given in this tick, 20 ms at 48 kHz."""
        self._came.append(pcm)
        if played is SILENCE or played == SILENCE:
            self._played.append(None)
            self._silent += 1
            self._since += 1
        else:
            self._played.append(played)
            if self._silent >= _ACTIVE:
                self._since = 0
            if self._silent >= _BREATH:
                self._run = 0
            self._silent = 0
            self._since += 1
        if self._path is None or self._silent >= _ACTIVE:
            return pcm
        without = self._path.take_out(pcm, played if self._silent == 0 else None)
        self._count(self._path)
        return without

    def judge(self, sound_ms: int, *, is_calm: bool = True) -> Verdict:
        """Speech has begun so long ago in what ``hear`` gave: whose is it? UNSURE, on a line of which nothing is known: it may be
        an echo. ``is_calm``: the agent was heard before on this line, and nothing came back; if not, a short sound may be, too."""
        if not self.is_possible or sound_ms >= self._since * FRAME_MS:  # it was there before the agent
            return Verdict.VOICE
        path = self._path
        if path is not None and path.left_lately < _LEFT_OF_VOICE:
            return Verdict.ECHO
        match = self._match(sound_ms + _LEAD_MS)  # nothing from before it
        is_sure = match.is_sure(sound_ms) or (path is None and self._keeps_to(match, sound_ms))
        if is_sure and (path is None or abs(match.delay_ms - path.delay_ms) > _MOVED_MS):
            self._learn(match)
            return Verdict.ECHO
        is_early = sound_ms < _SHORT_MS and not is_calm and match.likeness > _MAY_YET_BE
        if path is None and (match.is_possible or is_early):
            return Verdict.UNSURE
        self._doubt()
        return Verdict.VOICE

    def look(self) -> None:
        """What the VAD hears began as a voice, and the agent speaks: has an echo of a line of which nothing is known followed it?"""
        if self._path is None and self.is_possible and (match := self._match()).is_sure():
            self._learn(match)

    def _keeps_to(self, match: Match, sound_ms: int) -> bool:
        """Look after look at the same sound, the same delay: two voices agree by chance now here, now there."""
        if sound_ms <= self._looked_ms or not match.is_possible:
            self._looks.clear()
        self._looked_ms = sound_ms
        if match.is_possible:
            self._looks.append(match.delay_ms)
        return len(self._looks) >= _LOOKS and max(self._looks) - min(self._looks) <= _KEEPS_MS

    def _doubt(self) -> None:
        """What was learned a moment ago may have been learned from a voice."""
        if self._path is not None and not self._path.is_confirmed:
            self._path = None

    @property
    def has_echoed(self) -> bool:
        """A tick was the echo and hardly anything else, since the line was found to have one."""
        return self._path is not None and self._path.ticks > 0

    def has_voice(self) -> bool:
        """In the last ticks there was clearly more than the echo."""
        path = self._path
        return path is None or not self.is_possible or (path.left_lately >= _LEFT_OF_VOICE and path.left_rms >= _LOUD)

    def is_voice(self) -> None:
        """What ``judge`` took for the echo is a voice."""
        self._doubt()

    def _count(self, path: _Path) -> None:
        if not path.is_echo:
            return
        if not path.is_confirmed:
            if path.ticks >= _PROBATION:
                match = self._match()
                path.is_confirmed = match.is_possible and abs(match.delay_ms - path.delay_ms) <= _SAME_MS
                self._doubt()
            return
        self._run += 1
        self._looked += 1
        self.runs += self._run == _RUN
        if self._looked >= _LOOK_AGAIN:
            self._looked = 0
            match = self._match()
            if match.is_sure():
                path.move(match.delay_ms)

    def _match(self, ms: int = _LONGEST_MS) -> Match:
        ticks = -(-max(ms, _SHORTEST_MS) // FRAME_MS)
        return compared(list(self._came)[-ticks:], list(self._played))

    def _learn(self, match: Match) -> None:
        self._path = _Path(match.delay_ms)
        self._path.learn(list(self._came), list(self._played))
        self._looked = 0


def compared(came: list[bytes], played: list[bytes | None]) -> Match:
    """How well the end of what came is explained by what was played before, in the last tick of both or earlier."""
    caller = _slow_caller(came)
    count = min(len(caller), _LONGEST_MS * _SLOW_RATE)
    caller = caller[len(caller) - count :]
    if count < _SHORTEST_MS * _SLOW_RATE or float(np.dot(caller, caller)) < count * _LEAST_RMS**2:
        return Match()
    wanted = count + MAX_DELAY_MS * _SLOW_RATE
    ticks = min(len(played), -(-wanted // (FRAME_MS * _SLOW_RATE)))
    agent = np.zeros(wanted, dtype=np.float32)
    sound = _slow_agent(played[len(played) - ticks :])[-wanted:]
    agent[wanted - len(sound) :] = sound
    three = np.empty((3, _FFT // 2 + 1), dtype=np.complex64)
    one, other = _whitened(caller, three[0]), _whitened(agent, three[1])
    np.multiply(np.conj(one), other, out=three[2])
    sounds, delays = blocks(three, np.empty((3, _FFT), dtype=np.float32)), wanted - count + 1
    heard, spoken, likeness = sounds[0, :count], sounds[1, :wanted], np.abs(sounds[2, :delays])
    energy = np.zeros(wanted + 1)
    np.square(spoken).cumsum(dtype=np.float64, out=energy[1:])
    of_agent = energy[count:] - energy[:-count]
    spoke = of_agent > 0.05 * float(of_agent.max())
    if not (times := int(np.count_nonzero(spoke))):
        return Match()
    of_agent[~spoke] = np.inf
    likeness /= np.sqrt(of_agent.astype(np.float32))
    at = int(np.argmax(likeness))
    best = float(likeness[at])
    usual = (float(np.dot(likeness, likeness)) / times) ** 0.5
    return Match(
        (delays - 1 - at) / _SLOW_RATE, best / max(float(np.dot(heard, heard)), 1e-12) ** 0.5, best / max(usual, 1e-12)
    )


def _slow_caller(frames: list[bytes]) -> Samples:
    samples = np.frombuffer(b"".join(frames), dtype="<i2").astype(np.float32)
    return np.asarray(samples.reshape(-1, 2) @ _HALVES)


def _slow_agent(frames: list[bytes | None]) -> Samples:
    samples = np.frombuffer(b"".join(frame or SILENCE for frame in frames), dtype="<i2").astype(np.float32)
    return np.asarray(samples.reshape(-1, 6) @ _SIXTHS)


def _whitened(sound: Samples, out: Spectra) -> Spectra:
    changes = np.empty_like(sound)
    changes[0] = 0.0
    np.subtract(sound[1:], sound[:-1], out=changes[1:])
    size = np.abs(spectra(changes, out))
    sums = np.zeros(len(size) + 1)
    size.cumsum(dtype=np.float64, out=sums[1:])
    around = np.empty_like(size)
    np.multiply(sums[33:] - sums[:-33], 1 / 33, out=around[16:-16], casting="same_kind")
    around[:16], around[-16:] = around[16], around[-17]
    around += np.float32(1e-3 * float(around.max()) + 1e-9)
    out.view(np.float32).reshape(-1, 2)[...] *= (around ** np.float32(-_WHITENED))[:, None]
    return out


def _weights(delay_ms: float) -> list[tuple[int, np.float32]]:
    """Which of the last ``_KEPT`` ticks of the agent are back in this one, and how much of each: a block is more than a tick, and a
    delay hardly ever a number of whole ones."""
    ticks, rest = divmod(delay_ms, FRAME_MS)
    newer, late = _KEPT - 1 - int(ticks), rest / FRAME_MS
    shares = ((newer, 2 * (1 - late)), (newer - 1, 2 * late), (newer + 1, 0.25))
    return [(at, _ONE if share >= 1 else np.float32(share)) for at, share in shares if at < _KEPT and share > 0]


def _upper(values: Samples) -> float:
    """A quarter of them are above it."""
    return float(np.sort(values)[3 * (len(values) - 1) // 4]) if len(values) else 0.0


class _Path:
    """From the agent's voice to the caller's microphone: the delay, and in each band how much of the power comes back."""

    def __init__(self, delay_ms: float) -> None:
        self.delay_ms = delay_ms
        self._weights = _weights(delay_ms)
        self.is_confirmed = False
        """The echo was found at this delay again."""
        self.is_echo = False
        """The last tick was the echo, and hardly anything else."""
        self.ticks = 0
        """Of echo, since it was learned."""
        self._log_gain: Samples = np.full(len(_EDGES), -3.0, dtype=np.float32)
        self._agent: deque[Samples] = deque([_NO_POWER] * _KEPT, maxlen=_KEPT)
        """The powers of what was played, a tick each."""
        self._blocks: Samples = np.zeros((2, _BLOCK), dtype=np.float32)
        """The last 32 ms: what was played, and the caller."""
        self._block: Samples = self._blocks[1]
        self._agent_tick, self._tick = self._blocks[0, _CONTEXT:], self._block[_CONTEXT:]
        """The last 20 of them."""
        self._windowed: Samples = np.zeros((3, _BLOCK), dtype=np.float32)
        """The same under a Hann window, and the caller without."""
        self._spectra: npt.NDArray[Any] = np.zeros((3, _BLOCK // 2 + 1), dtype=np.complex64)
        self._parts: Samples = self._spectra[:2].view(np.float32)
        """Those under the window, where a bin is two numbers."""
        self._filtered_blocks: Samples = np.zeros((2, _BLOCK), dtype=np.float32)
        """The caller's, under the new gains and under those of the tick before."""
        self._dying: Samples = np.zeros(len(_EDGES), dtype=np.float32)
        self._gain: Samples = _EACH
        self._lately: deque[tuple[float, float]] = deque(maxlen=_LATELY)
        """Energy before and after."""
        self._most: Samples = np.zeros(len(_EDGES), dtype=np.float32)
        """The loudest that was expected in each band, in the last seconds."""
        self._noise: Samples = np.full(len(_EDGES), 1e9, dtype=np.float32)
        """Of the caller's room."""
        self._was_silent = self._caller_was_silent = True
        """There was no sound at all in the last tick; of a room there always is some, of a line that is muted there is none."""
        self._moves = 0

    @property
    def quieter_db(self) -> int:
        shares = np.exp(self._log_gain[2:16])
        return round(-10 * float(np.log10(np.mean(shares))))

    @property
    def left_lately(self) -> float:
        """Of the energy of the last ticks; 0 while there were too few."""
        before = sum(each[0] for each in self._lately)
        return sum(each[1] for each in self._lately) / before if before > 0 and len(self._lately) == _LATELY else 0.0

    @property
    def left_rms(self) -> float:
        return float((sum(each[1] for each in self._lately) / max(1, len(self._lately)) / FRAME) ** 0.5)

    def move(self, delay_ms: float) -> None:
        """Found again at another delay: believed at once where it is near, at the second time where it isn't."""
        if abs(delay_ms - self.delay_ms) > _MOVED_MS:
            self._moves += 1
            if self._moves < 2:
                return
        self._moves = 0
        self.delay_ms = delay_ms
        self._weights = _weights(delay_ms)

    def learn(self, came: list[bytes], played: list[bytes | None]) -> None:
        """The first prediction, from the ticks in which the echo was found."""
        for each in played[: len(played) - len(came)]:
            self._hear(_NO_SOUND, each)
        self._noise[:] = 1e9
        ratios: list[npt.NDArray[np.floating]] = []
        weights: list[npt.NDArray[np.floating]] = []
        for pcm, each in zip(came, played[len(played) - len(came) :], strict=True):
            _, power = self._hear(pcm, each)
            expected = self._expected()
            ratios.append((power / np.maximum(expected, 1.0)).astype(np.float32))
            weights.append(expected)
        expected_power, ratio = np.array(weights), np.array(ratios)
        most = expected_power.max(axis=0)
        typical = np.array(
            [_upper(ratio[expected_power[:, band] > 0.1 * most[band], band]) for band in range(len(_EDGES))]
        )
        overall = float(np.dot(typical, most) / max(1.0, float(most.sum())))
        typical[most < 1e-3 * float(most.max())] = overall  # nothing known yet
        bounded = np.clip(typical, overall / 30, overall * 30)
        self._log_gain = np.log(np.clip(bounded, 1e-7, 4.0)).astype(np.float32)
        self._most = most.astype(np.float32)

    def take_out(self, pcm: bytes, played: bytes | None) -> bytes:
        spectrum, power = self._hear(pcm, played)
        expected = self._expected()
        echo = np.exp(self._log_gain)
        echo *= expected
        self._most *= _FORGETS
        np.maximum(self._most, expected, out=self._most)
        haste = _ONE if self.ticks >= _NEW else np.float32(1.0 + 2.0 * max(0.0, 1.0 - self.ticks / _NEW))
        share = echo * (_OVER * haste)
        if spectrum is None:  # nothing to take it from: only the gains go on
            self._pass_silence(share)
            return pcm
        share /= np.maximum(power, _EACH)
        share = np.maximum(_EACH - share, _LEAST_SHARE)
        left, before = float(power.dot(share)), float(power.dot(_EACH))
        self.is_echo = left < _EXPLAINED * before and before > _BLOCK * FRAME * _LOUD**2
        if left < _EXPLAINED * before:
            self.ticks += self.is_echo
            self._follow(power, expected, echo, haste)
        energy = float(self._tick.dot(self._tick))
        if left >= _CLEARLY_LESS * before and share.min() >= _ALL_OF_IT:
            share = _EACH
            if self._gain is _EACH:  # nothing was taken away, and nothing is
                self._lately.append((energy, energy))
                return pcm
        without = self._filtered(spectrum, _EACH if share is _EACH else np.sqrt(share))
        left_energy = float(without.dot(without))
        self._lately.append((energy, left_energy))
        if left_energy > _MOST_ENERGY:
            np.maximum(without, _LOWEST, out=without)
            np.minimum(without, _HIGHEST, out=without)
        return without.astype("<i2").tobytes()

    def _pass_silence(self, share: Samples) -> None:
        """What ``take_out`` does with a tick of zeros."""
        self.is_echo = False
        share = np.maximum(_EACH - share, _LEAST_SHARE)
        self._gain = _EACH if share.min() >= _ALL_OF_IT else np.sqrt(share)
        self._lately.append((0.0, 0.0))

    def _follow(self, power: Samples, expected: Samples, echo: Samples, haste: np.float32) -> None:
        """Only in bands in which the agent is loud now, and the echo, if it is lower than expected, would be heard over the room."""
        step = (echo > self._noise) * (-_DOWN * haste)
        step[power > echo + (self._noise + self._noise)] = _UP * haste
        step *= expected > self._most * _TENTH
        self._log_gain += step
        np.maximum(self._log_gain, _LEAST_LOG, out=self._log_gain)
        np.minimum(self._log_gain, _MOST_LOG, out=self._log_gain)

    def _hear(self, pcm: bytes, played: bytes | None) -> tuple[npt.NDArray[np.complex64] | None, Samples]:
        """One tick of both. The caller's spectrum, until the next, ``None`` where there is no sound at all, and powers in each band
        under a Hann window; those of what was played are kept for when it comes back."""
        windowed = self._windowed
        self._blocks[:, :_CONTEXT] = self._blocks[:, FRAME:]
        is_silent = pcm == _NO_SOUND
        self._tick[:] = 0.0 if is_silent else np.frombuffer(pcm, dtype="<i2")
        if played is None:
            self._agent_tick[:] = 0.0
        else:
            samples = np.frombuffer(played, dtype="<i2").astype(np.float32)
            samples.reshape(-1, 3).dot(_THIRDS, self._agent_tick)
        # Which of the three there is any sound in: the agent, the caller, the caller without the window.
        first = 1 if played is None and self._was_silent else 0
        end = 1 if is_silent and self._caller_was_silent else 3
        self._was_silent, self._caller_was_silent = played is None, is_silent
        self._agent.append(_NO_POWER)
        self._noise *= _RISES
        if first == end:
            np.minimum(self._noise, _NO_POWER, out=self._noise)
            return None, _NO_POWER
        np.multiply(self._blocks[first:end], _HANN, out=windowed[first : min(end, 2)])
        if end == 3:
            windowed[2] = self._block
        spectra(windowed[first:end], self._spectra[first:end])
        parts = self._parts[first:end]
        powers = np.add.reduceat(parts * parts, _EDGES_OF_PARTS, axis=1)
        if first == 0:
            self._agent[-1] = powers[0]
        power: Samples = powers[-1] if end == 3 else _NO_POWER
        np.minimum(self._noise, power, out=self._noise)
        return self._spectra[2] if end == 3 else None, power

    def _expected(self) -> Samples:
        """The powers of the agent's voice in the tick in which they would be back, with the room's reverberation."""
        dying = self._dying * _DIES
        for at, weight in self._weights:
            if (powers := self._agent[at]) is not _NO_POWER:
                np.maximum(dying, powers if weight is _ONE else powers * weight, out=dying)
        self._dying = dying
        return dying

    def _filtered(self, spectrum: npt.NDArray[np.complex64], gain: Samples) -> Samples:
        """The tick under the new gains, faded over from what the old ones make of it, so that nothing clicks."""
        before, self._gain = self._gain, gain
        if float(np.maximum.reduce(np.abs(gain - before))) < _SAME_GAIN:
            only: Samples = blocks(spectrum * gain.take(_BAND_OF), self._filtered_blocks[0])[_CONTEXT:]
            return only
        masks = np.array((gain, before)).take(_BAND_OF, axis=1)
        both = blocks(spectrum * masks, self._filtered_blocks)
        now: Samples = both[0, _CONTEXT:]
        then = both[1, _CONTEXT:]
        now -= then
        now *= _RISE
        now += then
        return now
