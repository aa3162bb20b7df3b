"""What the caller hears, and has heard: the one playout clock of a call.

A reply is a *generation*, a number that only grows. Its sound is pushed as it comes, phrase by phrase, and lies *held* until
``release``; then ``pull`` gives it out, 20 ms at a time. ``pause`` stops it between two samples, ``resume`` goes on at the very
sample. ``cut`` ends it and tells what of its words was heard; from then on whatever arrives of it is dropped by its number.

    begin(3) → phrase(3, "Hello.") → push(3, pcm)… → finish(3)
                                release(3) ──▶ pull() pull() … PhraseStarted, Finished
                                               pause() … resume()   or   cut(3) → Heard("Hello.")
                                               hold(3): it had hardly begun, and will begin again

Only samples count here: nothing in this file knows what time it is. A sample is *heard* ``delay_ms`` after it was pulled.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from telephony.audio.digits import DigitTones

PLAYOUT_RATE_HZ = 48_000
FRAME_SAMPLES = PLAYOUT_RATE_HZ // 50
FRAME_BYTES = FRAME_SAMPLES * 2
SILENCE = bytes(FRAME_BYTES)
MAX_BACKLOG_MS = 60_000
"""Nobody waits a minute for words to be over: more than this of a reply is refused."""

_FADE_SAMPLES = PLAYOUT_RATE_HZ * 8 // 1000
_FADE_IN = np.linspace(0.0, 1.0, _FADE_SAMPLES, dtype=np.float32)
_FADE_OUT = _FADE_IN[::-1]
_COMPACT_BYTES = PLAYOUT_RATE_HZ * 2
_BYTES_A_MS = PLAYOUT_RATE_HZ * 2 // 1000
_SAMPLES_A_LETTER = PLAYOUT_RATE_HZ // 14
"""How long a letter takes to say, for a phrase whose sound is still being made."""

Samples = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class PhraseStarted:
    """The first sample of a phrase was pulled in the last ``pull``. ``index`` counts the phrases of the generation."""

    generation: int
    index: int


@dataclass(frozen=True, slots=True)
class Heard:
    """How much of a generation reached the caller. ``text`` is a prefix of its phrases joined by spaces."""

    text: str
    played_ms: int
    was_whole: bool


@dataclass(frozen=True, slots=True)
class Finished:
    """All there is of the generation has been heard."""

    generation: int
    heard: Heard


PlayoutEvent = PhraseStarted | Finished


@dataclass(slots=True)
class _Phrase:
    text: str
    begin: int
    """Samples of the generation before it."""
    end: int | None = None


@dataclass(slots=True)
class _Reply:
    generation: int
    pcm: bytearray = field(default_factory=bytearray)
    read: int = 0
    """Bytes of ``pcm`` already pulled."""
    dropped: int = 0
    """Bytes pulled before ``pcm`` begins."""
    phrases: list[_Phrase] = field(default_factory=list)
    announced: int = 0
    is_complete: bool = False
    waits: int = 0
    """Pulls since its last sample: it is over once the delay has passed."""

    @property
    def pushed(self) -> int:
        return (self.dropped + len(self.pcm)) // 2

    @property
    def played(self) -> int:
        return (self.dropped + self.read) // 2

    @property
    def is_under_way(self) -> bool:
        """Between its first sound and its last."""
        return self.played > 0 and not (self.is_complete and self.read >= len(self.pcm))


class Playout:
    """See above. All methods return at once; used from one thread."""

    def __init__(
        self,
        *,
        delay_ms: int = 0,
        on_pull: Callable[[bytes], None] | None = None,
    ) -> None:
        self.delay_ms = delay_ms
        """How long after ``pull`` the caller hears it. May be corrected during the call."""
        self.is_paused = False
        self.pulls = 0
        """20 ms each: the clock itself."""
        self.cuts = 0
        """How often something that was playing was cut: what of it lies in a buffer on the way needs throwing away."""
        self.last = SILENCE
        """What the last ``pull`` gave."""
        self.voice = SILENCE
        """The same without the background."""
        self.background: Samples | None = None
        """A loop mixed under everything, see ``ambience``."""
        self.instead: Callable[[], bytes] | None = None
        """Whom the caller hears in place of the room: hold music, or somebody they were put through to. 20 ms at ``PLAYOUT_RATE_HZ``
        each time; empty: it is over. The agent's words are mixed with it."""
        self._background_at = 0
        self.digits = DigitTones()
        """What the agent presses: after what it has begun to say, before what it will say."""
        self._on_pull = on_pull
        self._newest = 0
        self._held: _Reply | None = None
        self._playing: _Reply | None = None
        self._finished: Finished | None = None
        """The last one that was heard to its end: the event may not have been asked for yet."""
        self._recent: deque[int] = deque(maxlen=128)
        """Samples played of the current generation after each of the last pulls, oldest first."""
        self._tail: bytes = b""
        self._fade_in = False
        self._events: deque[PlayoutEvent] = deque(maxlen=256)

    # ---- a reply comes in

    def begin(self, generation: int) -> None:
        """A new reply is on its way. One that was held and never released is forgotten."""
        if generation <= self._newest:
            raise ValueError(f"Generation {generation} is not newer than {self._newest}.")
        self._newest = generation
        self._held = _Reply(generation)

    def phrase(self, generation: int, text: str) -> bool:
        """What is pushed from here on says ``text``. False: the generation is over."""
        reply = self._find(generation)
        if reply is None:
            return False
        self.end_phrase(generation)
        reply.phrases.append(_Phrase(text, reply.pushed))
        return True

    def phrase_at(self, generation: int, text: str, sample: int) -> bool:
        """The same for sound that was pushed already: it says ``text`` from this sample on. False: the generation is over."""
        reply = self._find(generation)
        if reply is None:
            return False
        begin = max(sample, reply.played)
        if reply.phrases and reply.phrases[-1].end is None:
            begin = max(begin, reply.phrases[-1].begin)
            reply.phrases[-1].end = begin
        reply.phrases.append(_Phrase(text, begin))
        return True

    def reword(self, generation: int, index: int, text: str) -> bool:
        """More is known of what a phrase says. True: it was announced already."""
        reply = self._find(generation)
        if reply is None or index >= len(reply.phrases):
            return False
        reply.phrases[index].text = text
        return index < reply.announced

    def pushed(self, generation: int) -> int:
        """Samples of it, heard and unheard."""
        reply = self._find(generation)
        return 0 if reply is None else reply.pushed

    def end_phrase(self, generation: int) -> None:
        """All of the last phrase's sound is there."""
        reply = self._find(generation)
        if reply is not None and reply.phrases and reply.phrases[-1].end is None:
            reply.phrases[-1].end = reply.pushed

    def push(self, generation: int, pcm: bytes) -> bool:
        """Add sound, mono 16-bit at ``PLAYOUT_RATE_HZ``. False: the generation is over (or a minute behind); stop making more."""
        reply = self._find(generation)
        if reply is None or self.ahead_ms(generation) > MAX_BACKLOG_MS:
            return False
        reply.pcm += pcm[: len(pcm) & ~1]
        reply.waits = 0
        return True

    def finish(self, generation: int, *, is_broken: bool = False) -> None:
        """Nothing more comes: the generation is over when this has been heard. ``is_broken``: its last phrase is not all there."""
        reply = self._find(generation)
        if reply is not None:
            if not is_broken:
                self.end_phrase(generation)
            reply.is_complete = True

    def ahead_ms(self, generation: int) -> int:
        """How much of it waits to be pulled."""
        reply = self._find(generation)
        return 0 if reply is None else (len(reply.pcm) - reply.read) // _BYTES_A_MS

    # ---- the floor

    def release(self, generation: int) -> bool:
        """Let the caller hear it, as far as there is sound; what is playing is cut. If paused, it waits for ``resume``.
        False: it is over."""
        if self._held is None or self._held.generation != generation:
            return False
        if self._playing is not None:
            self.cut(self._playing.generation)
        self._playing, self._held = self._held, None
        self._recent.clear()
        return True

    def hold(self, generation: int) -> bool:
        """Take a release back: what was pulled of it fades out, and comes again after the next. False: too late, a second of it was."""
        reply = self._playing
        if reply is None or reply.generation != generation or reply.dropped or self._held is not None:
            return False
        if reply.played:
            self.cut(generation)
            reply.read = reply.announced = reply.waits = 0
            self._events = deque((each for each in self._events if each.generation != generation), self._events.maxlen)
        self._held, self._playing = reply, None
        return True

    def pause(self) -> None:
        """Silence from the next ``pull`` on, at this sample, with a short fade that counts as nothing played."""
        if not self.is_paused:
            self.is_paused = True
            self._tail = self._fading_tail(self._playing)

    def resume(self) -> None:
        """Go on at the sample where ``pause`` was."""
        if self.is_paused:
            self.is_paused = False
            self._fade_in = self._playing is not None and self._playing.played > 0
            self._tail = b""

    def cut(self, generation: int) -> Heard:
        """End it here and now. Tells what was heard; whatever comes of it later is dropped."""
        if self._held is not None and self._held.generation == generation:
            self._held = None
            return Heard("", 0, False)
        heard = self.heard(generation)
        reply = self._playing
        if reply is None or reply.generation != generation:
            return heard
        if not self.is_paused:
            self._tail = self._fading_tail(reply)
        self.cuts += 1
        self._playing = None
        self.is_paused = False
        return heard

    # ---- what is known

    @property
    def generation(self) -> int | None:
        """The one being played or waited for."""
        return None if self._playing is None else self._playing.generation

    @property
    def is_speaking(self) -> bool:
        """Words are going out: released, not paused, and there is sound."""
        reply = self._playing
        return reply is not None and not self.is_paused and reply.read < len(reply.pcm)

    @property
    def digit(self) -> str:
        """The digit that sounds in what the last ``pull`` gave; "" for none."""
        return self.digits.sounding

    def played(self, generation: int) -> int:
        """Samples of it that were pulled so far."""
        reply = self._find(generation)
        return 0 if reply is None else reply.played

    def played_ms(self, generation: int) -> int:
        return self.played(generation) * 1000 // PLAYOUT_RATE_HZ

    def heard(self, generation: int) -> Heard:
        """What of the generation being played, or over and not replaced yet, has reached the caller by now."""
        if self._finished is not None and self._finished.generation == generation:
            return self._finished.heard
        reply = self._playing
        if reply is None or reply.generation != generation:
            return Heard("", 0, False)
        back = self._delay_pulls()
        samples = self._recent[-1 - back] if back < len(self._recent) else 0
        return _heard(reply, samples)

    def events(self) -> list[PlayoutEvent]:
        """What happened since this was last asked, in order."""
        if not self._events:
            return []
        events = list(self._events)
        self._events.clear()
        return events

    # ---- out

    def pull(self) -> bytes:
        """The next 20 ms for the caller; always whole, silence or background where there is nothing to say."""
        self.pulls += 1
        reply = self._playing
        if self._tail:
            pcm, self._tail = self._tail, b""
        elif self.digits.is_waiting and self._is_pressing(reply):
            pcm = self.digits.pull()
        elif reply is None or self.is_paused:
            pcm = SILENCE
        else:
            pcm = self._take(reply)
        if reply is not None:
            self._recent.append(reply.played)
            if reply.is_complete and reply.read >= len(reply.pcm):
                self._wait_until_heard(reply)
        self.voice = pcm
        more = self.instead() if self.instead is not None else b""
        if more:
            pcm = mixed(pcm, more)
        else:
            self.instead = None
        if not more and self.background is not None and len(self.background):
            pcm = self._mix(pcm, self.background)
        self.last = pcm
        if self._on_pull is not None:
            self._on_pull(pcm)
        return pcm

    def _is_pressing(self, reply: _Reply | None) -> bool:
        """Whether the digits that wait, or the silence behind the last, are next."""
        is_next = reply is None or not reply.is_under_way
        if not is_next:
            self.digits.sounding = ""
        return is_next

    def _take(self, reply: _Reply) -> bytes:
        taken = bytes(reply.pcm[reply.read : reply.read + FRAME_BYTES])
        if not taken:
            return SILENCE
        while reply.announced < len(reply.phrases):
            # A phrase of no sound at all is announced with the next.
            if reply.phrases[reply.announced].begin >= reply.played + len(taken) // 2:
                break
            self._events.append(PhraseStarted(reply.generation, reply.announced))
            reply.announced += 1
        reply.read += len(taken)
        if reply.read >= _COMPACT_BYTES:
            del reply.pcm[: reply.read]
            reply.dropped += reply.read
            reply.read = 0
        if self._fade_in:
            self._fade_in = False
            taken = _scaled_head(taken)
        return taken if len(taken) == FRAME_BYTES else taken + SILENCE[len(taken) :]

    def _wait_until_heard(self, reply: _Reply) -> None:
        """All of it was pulled: it is over when the last of it has reached the caller."""
        reply.waits += 1
        if reply.waits > self._delay_pulls():
            self._finished = Finished(reply.generation, _heard(reply, reply.pushed))
            self._events.append(self._finished)
            self._playing = None
            self.is_paused = False

    def _mix(self, pcm: bytes, background: Samples) -> bytes:
        begin = self._background_at
        self._background_at = (begin + FRAME_SAMPLES) % len(background)
        noise = background[begin : begin + FRAME_SAMPLES]
        if len(noise) < FRAME_SAMPLES:
            noise = np.resize(np.concatenate((noise, background)), FRAME_SAMPLES)
        return mixed(pcm, noise.tobytes())

    def _fading_tail(self, reply: _Reply | None) -> bytes:
        """What would have come next, faded out: a voice that stops between two samples clicks."""
        if reply is None or reply.played == 0:
            return b""
        upcoming = bytes(reply.pcm[reply.read : reply.read + _FADE_SAMPLES * 2])
        samples = np.frombuffer(upcoming, dtype="<i2")
        if not len(samples):
            return b""
        faded = (samples * _FADE_OUT[-len(samples) :]).astype("<i2").tobytes()
        return faded + SILENCE[len(faded) :]

    def _find(self, generation: int) -> _Reply | None:
        for reply in (self._held, self._playing):
            if reply is not None and reply.generation == generation:
                return reply
        return None

    def _delay_pulls(self) -> int:
        return min(-(-max(0, self.delay_ms) // 20), 127)


def mixed(one: bytes, other: bytes) -> bytes:
    """Both at once, of the same length."""
    if one is SILENCE or other is SILENCE:
        return other if one is SILENCE else one
    both = np.frombuffer(one, dtype="<i2").astype(np.int32) + np.frombuffer(other, dtype="<i2")
    clipped: Samples = np.clip(both, -32768, 32767).astype(np.int16)
    return clipped.tobytes()


def _scaled_head(pcm: bytes) -> bytes:
    samples = np.frombuffer(pcm, dtype="<i2").copy()
    count = min(len(samples), _FADE_SAMPLES)
    samples[:count] = (samples[:count] * _FADE_IN[:count]).astype(np.int16)
    return samples.tobytes()


def _heard(reply: _Reply, samples: int) -> Heard:
    text = _heard_text(reply, samples)
    is_whole = reply.is_complete and samples >= reply.pushed and all(phrase.end is not None for phrase in reply.phrases)
    return Heard(text, samples * 1000 // PLAYOUT_RATE_HZ, is_whole)


def _heard_text(reply: _Reply, samples: int) -> str:
    heard: list[str] = []
    for phrase in reply.phrases:
        if phrase.begin >= samples and not (phrase.end == phrase.begin == samples):
            break
        if phrase.end is not None and samples >= phrase.end:
            heard.append(phrase.text)
            continue
        so_far = reply.pushed - phrase.begin
        length = (
            phrase.end - phrase.begin if phrase.end is not None else max(so_far, len(phrase.text) * _SAMPLES_A_LETTER)
        )
        heard.append(words_heard(phrase.text, (samples - phrase.begin) / max(1, length)))
        break
    return " ".join(text for text in heard if text)


def words_heard(text: str, share: float) -> str:
    """The words of ``text`` that are over when ``share`` (0 to 1) of its sound is: longer words take longer."""
    if share >= 1.0:
        return text
    reached = share * (len(text) + 1)
    end = 0
    for word in re.finditer(r"\S+", text):
        if (word.start() + word.end()) / 2 > reached:  # less than half of this one was heard
            break
        end = word.end()
    return text[:end]
