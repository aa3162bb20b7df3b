"""Who has picked up: a person, or a machine? Frames of 20 ms in, what was found out; no I/O, no clock but the frames.

    beep      one steady pure tone for 200 ms: a machine, and it records now; but where nobody has said anything yet the
              network's tones (ITU-T E.180: 425, 400 + 450, 440 + 480 Hz) are an exchange that has answered early and rings
    cadence   a person says a word or two and waits; a machine talks on
    words     "leave a message after the tone", from a transcriber where there is one

``Detector`` says who it is, once. ``Greeting`` hears a machine to the end of what it says: to its beep, or to a silence.
"""

from __future__ import annotations

import re
import unicodedata
from collections import deque
from dataclasses import dataclass
from typing import Literal

import numpy as np

from telephony.audio.loudness import QUIETEST, Loudness, level_of

FRAME_MS = 20
RATE_HZ = 16_000
Verdict = Literal["human", "machine", "machine_beep", "unknown"]

PAUSE_MS = 400
"""A shorter gap is between two words of one utterance."""
SHORT_MS = 1_800
"""A person's first words are over by then, and they wait."""
WAITS_MS = 800
"""For so long, then it is a person, after something short …"""
WAITS_LONGER_MS = 1_200
"""… and after something longer."""
LONG_MS = 3_000
"""Whoever talks for so long without a pause has not asked who is there."""
NOBODY_MS = 5_000
"""Nothing is heard for so long: unknown."""
NOBODY_LATE_MS = 3_000
"""The same where the line comes up some time after they have: a "hello" may be over by then, and machines talk on."""
LIMIT_MS = 10_000
"""By then it is said what there is to say."""
BEEP_HZ = (400.0, 2_000.0)
BEEP_MS = 200
RING_HZ = (400.0, 450.0)
"""A single tone between these may be the network's, which rings or is busy …"""
RING_MS = (400, 2_300)
"""… and sounds for so long. One that is shorter or longer is a beep after all."""
GREETING_OVER_MS = 2_000
"""A silence after which no beep is waited for."""
LONGEST_GREETING_MS = 60_000

_WINDOW = 4
"""Frames that are looked at together for a tone: 80 ms tell 12.5 Hz apart, so that two tones are not one."""
_HANN = np.hanning(_WINDOW * FRAME_MS * RATE_HZ // 1000).astype(np.float32)
_HZ_A_BIN = RATE_HZ / len(_HANN)
_RING_BINS = slice(round(375 / _HZ_A_BIN), round(505 / _HZ_A_BIN) + 1)
"""Where the network's ringing is, of one tone and of two."""
_EDGE_MS = _WINDOW * FRAME_MS
"""Before a tone fills the window, and after it has ended, it looks like speech."""
_PURE = 0.9
_STEADY = 0.6
"""The quietest window of a beep beside its loudest: beating tones and vowels swell."""

WORDS: dict[str, tuple[str, ...]] = {
    "en": (
        "leave a message", "leave your message", "leave me a message", "after the tone", "after the beep", "at the tone",
        "voicemail", "voice mail", "voice mailbox", "mailbox", "not available", "unable to take your call", "can't take your call",
        "cannot take your call", "can't come to the phone", "record your message", "answering machine", "please hang up and try",
        "get back to you",
    ),
    "de": (
        "hinterlassen sie", "nachricht nach dem", "nach dem ton", "nach dem signalton", "nach dem piep", "signalton", "mailbox",
        "anrufbeantworter", "nicht erreichbar", "nicht verfügbar", "sprachbox", "rufe zurück", "nicht persönlich",
    ),
    "es": (
        "deje un mensaje", "deje su mensaje", "deja un mensaje", "deja tu mensaje", "después de la señal", "después del tono",
        "después del pitido", "buzón de voz", "contestador", "no está disponible", "no disponible", "no podemos atender",
        "no puedo atender",
    ),
    "fr": (
        "laissez un message", "laisser un message", "laissez votre message", "laissez moi un message", "après le bip",
        "après le signal", "après la tonalité", "messagerie vocale", "boîte vocale", "répondeur", "pas disponible", "indisponible",
        "ne peux pas vous répondre",
    ),
    "it": (
        "lasciate un messaggio", "lasci un messaggio", "lascia un messaggio", "lasciare un messaggio", "dopo il segnale",
        "dopo il bip", "dopo il tono", "segreteria telefonica", "casella vocale", "non è raggiungibile", "non raggiungibile",
        "non è disponibile", "non disponibile",
    ),
    "pt": (
        "deixe uma mensagem", "deixe a sua mensagem", "deixe sua mensagem", "deixe o seu recado", "deixe seu recado",
        "após o sinal", "depois do sinal", "após o bipe", "depois do bip", "caixa postal", "correio de voz",
        "caixa de mensagens", "não está disponível", "não disponível", "não pode atender",
    ),
}  # fmt: skip
"""What machines say and people who pick up don't, by the language's first two letters."""


def sounds_like_a_machine(text: str, language: str) -> bool:
    """``language``: as in the spec, "en-US". English is looked for besides: many networks announce in both."""
    said = f" {_plain(text)} "
    wanted = (*WORDS.get(language[:2].lower(), ()), *WORDS["en"])
    return any(f" {_plain(each)} " in said for each in wanted)


def _plain(text: str) -> str:
    """Small letters without accents and marks, one space between words."""
    letters = unicodedata.normalize("NFKD", text.lower().replace("’", "'").replace("'", ""))
    return " ".join(re.findall(r"\w+", "".join(each for each in letters if not unicodedata.combining(each))))


class _Steady:
    """For how long a sound has kept its level."""

    def __init__(self) -> None:
        self.ms = 0
        self._lowest = self._loudest = 0.0

    def push(self, level: float) -> int:
        """Of a window that ends with this frame; 0: the sound is not there."""
        self._lowest, self._loudest = min(self._lowest, level), max(self._loudest, level)
        if not level:
            self.ms = 0
        elif self.ms and self._lowest >= _STEADY * self._loudest:
            self.ms += FRAME_MS
        else:  # it begins, or it swells: from here on anew
            self.ms = _WINDOW * FRAME_MS
            self._lowest = self._loudest = level
        return self.ms


class BeepFinder:
    """One steady pure tone between 400 and 2,000 Hz. ``push`` says whether it has lasted long enough; it stays so until it ends."""

    def __init__(self) -> None:
        self.tone_ms = 0
        """For how long there has been one tone; 0: there is none, or for less than 80 ms."""
        self.ring_ms = 0
        """For how long there has been what may be the network's ringing; 0: there is none."""
        self._recent: deque[np.ndarray] = deque(maxlen=_WINDOW)
        self._hz = 0.0
        self._tone, self._ring = _Steady(), _Steady()

    def push(self, samples: np.ndarray) -> bool:
        """20 ms."""
        self._recent.append(samples)
        if len(self._recent) < _WINDOW:
            return False
        whole = np.concatenate(self._recent)
        level = level_of(whole)
        hz, may_ring = _tone_of(whole) if level >= QUIETEST else (0.0, False)
        if abs(hz - self._hz) > 1.5 * _HZ_A_BIN:
            self._tone.push(0)
        self._hz = hz
        self.ring_ms = self._ring.push(level * may_ring)
        self.tone_ms = self._tone.push(level * bool(hz))
        return self.tone_ms >= BEEP_MS + FRAME_MS


def _tone_of(samples: np.ndarray) -> tuple[float, bool]:
    """Its frequency where nearly all of the sound is one tone; else 0. Whether it may be the network's ringing, of one tone or two."""
    power = np.square(np.abs(np.fft.rfft(samples * _HANN)))
    total = float(power[2:].sum())
    if total <= 0:
        return 0.0, False
    peak = int(power[2:].argmax()) + 2
    hz = peak * _HZ_A_BIN
    is_tone = (
        BEEP_HZ[0] - _HZ_A_BIN <= hz <= BEEP_HZ[1] + _HZ_A_BIN
        and float(power[peak - 2 : peak + 3].sum()) >= _PURE * total
    )
    may_ring = not is_tone or RING_HZ[0] - _HZ_A_BIN <= hz <= RING_HZ[1] + _HZ_A_BIN
    may_ring = may_ring and float(power[_RING_BINS].sum()) >= _PURE * total
    return hz if is_tone else 0.0, may_ring


@dataclass(slots=True)
class _Utterance:
    began_ms: int
    heard_ms: int
    """When its last loud frame ended."""

    @property
    def length_ms(self) -> int:
        return self.heard_ms - self.began_ms


class Detector:
    """``push`` each frame until ``verdict`` is not ``None``; ``words`` whenever a transcriber has understood something."""

    def __init__(self, language: str = "en-US", *, is_late: bool = False) -> None:
        """``is_late``: they picked up some time before the first frame."""
        self.verdict: Verdict | None = None
        self.why = ""
        """One of: beep, cadence, words, silence, limit."""
        self.now_ms = 0
        self.is_speaking = False
        """Somebody speaks, or something does: from its first loud frame to a pause."""
        self._language = language
        self._nobody_ms = NOBODY_LATE_MS if is_late else NOBODY_MS
        self._beep, self._loudness = BeepFinder(), Loudness()
        self._said: _Utterance | None = None
        self._spoke_ms: int | None = None
        """When the first word began."""
        self._ring_ms = 0
        """How long the network's tone has sounded."""
        self._rang_ms = 0
        """When it last did."""
        self._is_one_tone = False

    def push(self, pcm: bytes) -> Verdict | None:
        """20 ms of 16-bit samples at 16,000 Hz."""
        samples = np.frombuffer(pcm, "<i2").astype(np.float32)
        self.now_ms += FRAME_MS
        if self.verdict is not None:
            return self.verdict
        is_beep, is_loud = self._beep.push(samples), self._loudness.push(samples)
        if self._rings():
            self._rang_ms = self.now_ms
            self._is_one_tone |= is_beep
            is_loud, is_beep = False, is_beep and self._ring_ms > RING_MS[1]
        elif self._ring_ms:  # no more
            is_beep |= self._is_one_tone and self._ring_ms < RING_MS[0]
            self._ring_ms, self._is_one_tone = 0, False
        if is_beep:
            return self._decide("machine_beep", "beep")
        if is_loud and not 0 < self._rang_ms >= self.now_ms - _EDGE_MS:
            self._hear()
        return self._look()

    def _rings(self) -> bool:
        """The network, and nobody has said anything before it. What the tone's beginning was taken for is no speech."""
        ring_ms = self._beep.ring_ms
        if ring_ms < BEEP_MS + FRAME_MS:
            return False
        if self._spoke_ms is not None and self._spoke_ms < self.now_ms - ring_ms - _EDGE_MS:
            return False
        self._ring_ms, self._said, self._spoke_ms, self.is_speaking = ring_ms, None, None, False
        return True

    def words(self, text: str) -> Verdict | None:
        if self.verdict is None and sounds_like_a_machine(text, self._language):
            return self._decide("machine", "words")
        return self.verdict

    def _hear(self) -> None:
        began_ms = self.now_ms - FRAME_MS
        if self._said is None or began_ms - self._said.heard_ms >= PAUSE_MS:
            self._said = _Utterance(began_ms, self.now_ms)
            self._spoke_ms = began_ms if self._spoke_ms is None else self._spoke_ms
        self._said.heard_ms = self.now_ms
        self.is_speaking = True

    def _look(self) -> Verdict | None:
        said = self._said
        if said is None:
            if self.now_ms >= self._rang_ms + self._nobody_ms:
                return self._decide("unknown", "silence")
            return self._decide("unknown", "limit") if self.now_ms >= LIMIT_MS else None
        silent_ms = self.now_ms - said.heard_ms
        self.is_speaking = silent_ms < PAUSE_MS
        if said.length_ms >= LONG_MS:
            return self._decide("machine", "cadence")
        if silent_ms >= (WAITS_MS if said.length_ms <= SHORT_MS else WAITS_LONGER_MS):
            return self._decide("human", "cadence")
        return self._decide("unknown", "limit") if self.now_ms >= LIMIT_MS else None

    def _decide(self, verdict: Verdict, why: str) -> Verdict:
        self.verdict, self.why = verdict, why
        return verdict


class Greeting:
    """A machine's greeting, to its end: the beep has ended, or nothing was said for two seconds, or it takes too long."""

    def __init__(self, *, beeps: bool = False) -> None:
        """``beeps``: its beep was heard already."""
        self._beep, self._loudness = BeepFinder(), Loudness()
        self._has_beeped = beeps
        self._quiet_ms = self._now_ms = 0

    def push(self, pcm: bytes) -> bool:
        """20 ms. True: it is over, and what is said now is recorded there, as far as can be told."""
        samples = np.frombuffer(pcm, "<i2").astype(np.float32)
        self._now_ms += FRAME_MS
        is_beep = self._beep.push(samples)
        self._has_beeped |= is_beep
        is_loud = self._loudness.push(samples) or self._beep.tone_ms > 0  # a tone that lasts is no room
        self._quiet_ms = 0 if is_loud else self._quiet_ms + FRAME_MS
        if self._has_beeped and self._quiet_ms >= 5 * FRAME_MS:
            return True
        return self._quiet_ms >= GREETING_OVER_MS or self._now_ms >= LONGEST_GREETING_MS
