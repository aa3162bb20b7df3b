"""One thing the agent says: from the mind's parts to sound in the playout, under one generation number.

Thinking and speaking run side by side: while a phrase is being voiced the next is being thought of. A stage that gives nothing in
time, or fails, is tried once more as long as nothing of it was heard, and then the next vendor in order (``agents.standby``); with
none left the reply is broken, and ``failed`` says where.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from agents.mind import (
    Collected,
    CountsTokens,
    EndCall,
    Keys,
    Mind,
    PressKeys,
    ReplyPart,
    Say,
    Spoken,
    Thought,
    Transfer,
    Utterance,
    Value,
)
from agents.speech import ProviderError
from agents.standby import Minds, Round, Tell, Voice, brains_of, voices_of
from telephony.audio.playout import PLAYOUT_RATE_HZ, Playout
from telephony.audio.resample import Resampler
from telephony.session.clock import CallClock
from telephony.session.events import Latency
from telephony.session.latency import Marks
from telephony.session.own_voice import SAMPLES_A_LETTER, Alignment, Begun, OwnSound, OwnSpans
from telephony.session.pause import Pause
from telephony.session.signals import Line, Stage
from telephony.session.streams import closing

if TYPE_CHECKING:
    from agents.live import LiveAgent

logger = logging.getLogger(__name__)

Parts = Callable[[], AsyncIterator[ReplyPart]]
"""Starts the mind, anew each time."""

_PIECE_MS = 200
"""Sound is resampled in pieces of this length, so that a long phrase doesn't stop the loop."""
_QUIET = 200
"""Samples below this are silence: a voice's breath before the first word."""
_AT_A_TIME = 2_048
"""Samples. A voice begins soon as a rule, and a sentence is long."""


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long each stage may give nothing, on the call's clock."""

    model_first_ms: int = 8_000
    model_next_ms: int = 6_000
    tts_first_ms: int = 5_000
    tts_backed_ms: int = 2_000
    """Where another voice could speak instead."""
    tts_next_ms: int = 3_000
    filler_ms: int = 3_000
    fill_again_ms: int = 2_500
    """Silence after a filler that wants another."""
    held_ahead_ms: int = 2_000
    """How much is voiced of an answer that may yet be withdrawn."""
    ahead_ms: int = 8_000
    """How much is voiced ahead of what is heard: it is lost when the caller barges in."""


class _Broken(Exception):
    def __init__(self, stage: Stage, detail: str) -> None:
        super().__init__(detail)
        self.stage = stage


@dataclass(eq=False, slots=True)
class Reply:
    """What is known of it. The session owns the task that runs ``run``, and cancels it to stop it."""

    generation: int
    parts: Parts
    line: Line | None = None
    utterance: Utterance | None = None
    texts: list[str] = field(default_factory=list)
    """What the mind said so far."""
    digits: dict[str, int] = field(default_factory=dict)
    """Of which so many are a whole answer (``Say.digits``)."""
    keys: dict[str, Keys] = field(default_factory=dict)
    """Of which ask for keys, and how they are taken."""
    phrases: list[str] = field(default_factory=list)
    """What was given to the voice, as the playout counts it: ``texts`` and fillers."""
    fillers: set[int] = field(default_factory=set)
    waiting: list[Collected] = field(default_factory=list)
    """Found out, and not told yet: it counts when the caller's turn is certain."""
    thoughts: list[Thought] = field(default_factory=list)
    hang_up: str = ""
    transfer: str = ""
    """Whom the caller is put through to once all was heard."""
    presses: str = ""
    """Keys that the agent presses then."""
    marks: Marks = field(default_factory=Marks)
    pause: Pause | None = None
    """The silence after which it was let out, and why so much."""
    is_released: bool = False
    is_committed: bool = False
    began_ms: int | None = None
    """When its first sound was sent, if it was."""
    has_started: bool = False
    """And it counts as the answer: it won't be taken back."""
    latency: Latency | None = None
    """What the caller waited for it, once its first sound was sent."""
    failed: Stage | None = None
    failure: str = ""
    task: asyncio.Task[None] | None = None
    filling: asyncio.Task[None] | None = None
    queue: asyncio.Queue[str | OwnSound | None] = field(default_factory=lambda: asyncio.Queue(32))
    own: OwnSpans = field(default_factory=OwnSpans)
    """Where its sound is the mind's own voice."""
    has_sound: bool = False
    """Of its own: not of a filler."""
    is_complete: bool = False

    @property
    def tokens(self) -> int | None:
        """What it cost, where a model has said so; ``None``: none has, or it was stopped before."""
        told = [
            count
            for thought in self.thoughts
            for name in ("prompt_tokens", "reply_tokens")
            if isinstance(count := thought.data.get(name), int)
        ]
        return sum(told) if told else None

    @property
    def is_beginning(self) -> bool:
        """It has hardly begun, and may be taken back."""
        return self.began_ms is not None and not self.has_started

    @property
    def why(self) -> tuple[Thought, ...]:
        """The mind's thoughts, and the pause after which they were let out."""
        return (*self.thoughts, *(() if self.pause is None else (self.pause.as_thought(),)))

    @property
    def intended(self) -> str:
        """All it set out to say, as far as is known."""
        return " ".join((*self.phrases, *self.texts[len(self.phrases) - len(self.fillers) :]))


class Speaker:
    """Runs replies: knows the agent, the clock and the playout."""

    def __init__(
        self, agent: LiveAgent, playout: Playout, clock: CallClock, deadlines: Deadlines, no_answer: str = ""
    ) -> None:
        self.tell: Tell = lambda kind, data: None
        """What went wrong and how it was mended, for the call's page."""
        self._agent = agent
        self._playout = playout
        self._clock = clock
        self._deadlines = deadlines
        self._no_answer = no_answer
        self.grew: Callable[[Reply, int], None] = lambda reply, index: None
        """More of a phrase's words is known, and it is being said already."""
        self._samples_a_letter: float = SAMPLES_A_LETTER
        """Of a mind's own voice."""
        self._brains = brains_of(agent)
        self._voices = voices_of(agent)

    async def run(self, reply: Reply) -> None:
        """Until all is in the playout, or it is broken. Cancelling leaves the playout to whoever cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._think(reply), name="think")
                await self._speak(reply)
        except* _Broken as group:
            broken = next(error for error in _leaves(group) if isinstance(error, _Broken))
            reply.failed, reply.failure = broken.stage, str(broken)
        reply.is_complete = True
        self._playout.finish(reply.generation, is_broken=reply.failed is not None)

    async def think(self, reply: Reply) -> None:
        """Only its words, into ``reply.queue``, for whoever has them spoken elsewhere; ``None`` comes behind the last."""
        try:
            await self._think(reply)
        except _Broken as broken:
            reply.failed, reply.failure = broken.stage, str(broken)
            await reply.queue.put(None)
        reply.is_complete = True

    async def fill(self, reply: Reply, texts: Iterable[str]) -> None:
        """Say these before it, one after each stretch of silence, for as long as it has no sound of its own, whoever is slow."""
        for text in texts:
            if not await self._fill_with(reply, text):
                return
            while self._playout.ahead_ms(reply.generation) > 0:
                await self._clock.next_tick()
            again_ms = self._clock.now_ms + self._deadlines.fill_again_ms
            while self._clock.now_ms < again_ms:
                await self._clock.next_tick()

    async def _fill_with(self, reply: Reply, text: str) -> bool:
        voice = next((each.thing for each in self._voices.candidates()), None)
        if voice is None or reply.has_sound or reply.is_complete:
            return False
        resampler = Resampler(voice.tts.rate_hz, PLAYOUT_RATE_HZ)
        speech = self._sound(voice, text, trim=True, first_ms=self._deadlines.filler_ms)
        try:
            async with self._clock.timeout(self._deadlines.filler_ms), closing(speech) as pieces:
                sound = [resampler.push(pcm) async for pcm in pieces]
        except (ProviderError, TimeoutError):
            return False  # the voice is what is slow
        except Exception:
            logger.exception("The voice broke.")
            return False
        if reply.has_sound or reply.is_complete:
            return False
        reply.fillers.add(len(reply.phrases))
        self._begin_phrase(reply, text)
        self._playout.push(reply.generation, b"".join(sound) + resampler.flush())
        self._playout.end_phrase(reply.generation)
        return True

    # ---- the mind

    async def _think(self, reply: Reply) -> None:
        try:
            if reply.utterance is None:
                await self._read(reply, self._deadlines.model_first_ms)  # words of our own: nobody is asked
            else:
                await self._ask(reply)
        except _Broken:
            raise
        except (ProviderError, TimeoutError) as error:
            raise _Broken("model", str(error) or "It gave no answer in time.") from error
        except Exception as error:
            logger.exception("The mind broke.")
            raise _Broken("model", f"{type(error).__name__}: {error}") from error
        if (
            reply.utterance is not None
            and not (reply.texts or reply.hang_up or reply.transfer or reply.presses)
            and self._no_answer
        ):
            await self._say(reply, self._no_answer)
        await reply.queue.put(None)

    async def _ask(self, reply: Reply) -> None:
        """The brains in their order, until one has begun to answer."""
        asking = Round(self._brains, "model", self.tell)
        try:
            while (brain := asking.next(self._clock.now_ms)) is not None:
                if isinstance(self._agent.mind, Minds):
                    self._agent.mind.turn_to(brain.thing)
                first_ms = self._deadlines.model_first_ms
                if not asking.is_last:
                    first_ms = min(first_ms, round(self._agent.spec.knows.fallback_after_s * 1000))
                try:
                    await self._read(reply, first_ms, asking)
                    return
                except (ProviderError, TimeoutError) as error:
                    words = str(error) or _too_late(brain.title, "answer", first_ms, has_begun=bool(reply.texts))
                    asking.failed(words, self._clock.now_ms, is_permanent=_is_permanent(error))
                    if reply.texts:
                        raise _Broken("model", words) from error
                    reply.waiting.clear()
                    reply.thoughts.clear()
        finally:
            asking.close()
        raise _Broken("model", asking.why)

    async def _say(self, reply: Reply, text: str) -> None:
        reply.texts.append(text)
        if reply.marks.text_ms is None:
            reply.marks.text_ms = self._clock.now_ms
        await reply.queue.put(text)

    async def _read(self, reply: Reply, first_ms: int, asking: Round[Mind] | None = None) -> None:
        """All parts. Where another could answer instead, the first words may keep us waiting for ``first_ms``, step by step."""
        is_first = True
        own: _OwnWords | None = None
        async with closing(reply.parts()) as parts:
            while True:
                is_backed = asking is not None and not asking.is_last and not reply.texts
                wait_ms = first_ms if is_first or is_backed else self._deadlines.model_next_ms
                try:
                    async with self._clock.timeout(wait_ms):
                        part = await anext(parts)
                except StopAsyncIteration:
                    return
                if is_first and asking is not None:
                    asking.answered()
                is_first = False
                match part:
                    case Say(text, digits, keys):
                        if digits:
                            reply.digits[text.strip()] = digits
                        if keys is not None:
                            reply.keys[text.strip()] = keys
                        own = None
                        if text.strip():
                            await self._say(reply, text.strip())
                    case Spoken(text, pcm, rate_hz):
                        if own is None:
                            language = self._agent.spec.sounds.language
                            own = _OwnWords(reply, Alignment(language, self._samples_a_letter))
                        own.take(text)
                        if reply.marks.text_ms is None:
                            reply.marks.text_ms = self._clock.now_ms
                        await reply.queue.put(OwnSound(own.alignment, pcm, rate_hz))
                    case Collected():
                        reply.waiting.append(part)
                    case Thought():
                        reply.thoughts.append(part)
                    case EndCall(reason):
                        reply.hang_up = reason
                    case Transfer(target):
                        reply.transfer = target
                    case PressKeys(digits):
                        reply.presses += digits

    # ---- the voice

    async def _speak(self, reply: Reply) -> None:
        own: _OwnVoice | None = None
        while (item := await reply.queue.get()) is not None:
            if own is not None and not (isinstance(item, OwnSound) and item.alignment is own.alignment):
                await self._end_own(own)
                own = None
            if isinstance(item, str):
                await self._voice(reply, item)
                continue
            own = own or _OwnVoice(reply, item.alignment, self._playout, Resampler(item.rate_hz, PLAYOUT_RATE_HZ))
            await self._speak_own(own, item.pcm)
        if own is not None:
            await self._end_own(own)

    async def _speak_own(self, own: _OwnVoice, pcm: bytes) -> None:
        reply = own.reply
        sound = own.taken(pcm)
        if sound and not reply.has_sound:
            reply.has_sound = True
            reply.marks.sound_ms = self._clock.now_ms
        for index in own.give(sound):
            self.grew(reply, index)
        await self._keep_pace(reply)

    async def _end_own(self, own: _OwnVoice) -> None:
        sound = own.resampler.flush()
        own.alignment.end()
        for index in own.give(sound):
            self.grew(own.reply, index)
        self._samples_a_letter = own.alignment.samples_a_letter
        self._playout.end_phrase(own.reply.generation)

    async def _voice(self, reply: Reply, text: str) -> None:
        """With the first voice that gives a sound. One that breaks off in the middle of its words has broken the reply."""
        asking = Round(self._voices, "tts", self.tell)
        has_sound = False
        try:
            while (voice := asking.next(self._clock.now_ms)) is not None:
                resampler = Resampler(voice.thing.tts.rate_hz, PLAYOUT_RATE_HZ)
                first_ms = self._deadlines.tts_first_ms if asking.is_last else self._deadlines.tts_backed_ms
                try:
                    sound = self._sound(voice.thing, text, trim=not reply.has_sound, first_ms=first_ms)
                    async with closing(sound) as pieces:
                        async for pcm in pieces:
                            if not has_sound:
                                has_sound = reply.has_sound = True
                                asking.answered()
                                self._begin_phrase(reply, text)
                                if reply.marks.sound_ms is None:
                                    reply.marks.sound_ms = self._clock.now_ms
                            await self._push(reply, resampler.push(pcm))
                    break
                except (ProviderError, TimeoutError) as error:
                    words = str(error) or _too_late(voice.title, "sound", first_ms, has_begun=has_sound)
                    asking.failed(words, self._clock.now_ms, is_permanent=_is_permanent(error))
                    if has_sound:
                        raise _Broken("tts", words) from error
                except Exception as error:
                    logger.exception("The voice broke.")
                    raise _Broken("tts", f"{type(error).__name__}: {error}") from error
            else:
                raise _Broken("tts", asking.why)
        finally:
            asking.close()
        if not has_sound:  # words without a sound, "…": said all the same
            self._begin_phrase(reply, text)
        await self._push(reply, resampler.flush())
        self._playout.end_phrase(reply.generation)

    def _begin_phrase(self, reply: Reply, text: str) -> None:
        reply.phrases.append(text)
        self._playout.phrase(reply.generation, text)

    async def _sound(self, voice: Voice, text: str, *, trim: bool, first_ms: int) -> AsyncIterator[bytes]:
        """The voice's sound in short pieces, without the silence before the first word if ``trim``."""
        tts = voice.tts
        piece_bytes = tts.rate_hz * _PIECE_MS // 1000 * 2
        speech = tts.speak(voice.speak_text(text), speed=self._agent.spec.sounds.voice_speed)
        is_first = True
        async with closing(speech) as pieces:
            while True:
                wait_ms = first_ms if is_first else self._deadlines.tts_next_ms
                try:
                    async with self._clock.timeout(wait_ms):
                        pcm = await anext(pieces)
                except StopAsyncIteration:
                    return
                is_first = False
                if trim:
                    pcm = without_silence(pcm, tts.rate_hz)
                    trim = not pcm
                for at in range(0, len(pcm), piece_bytes):
                    yield pcm[at : at + piece_bytes]

    async def _push(self, reply: Reply, pcm: bytes) -> None:
        self._playout.push(reply.generation, pcm)
        await self._keep_pace(reply)

    async def _keep_pace(self, reply: Reply) -> None:
        await asyncio.sleep(0)
        while self._playout.ahead_ms(reply.generation) > (
            self._deadlines.ahead_ms if reply.is_released else self._deadlines.held_ahead_ms
        ):
            await self._clock.next_tick()


@dataclass(eq=False, slots=True)
class _OwnWords:
    """The words of a mind's own voice among the reply's texts, as they come."""

    reply: Reply
    alignment: Alignment
    first: int = -1

    def take(self, text: str) -> None:
        if self.first < 0:
            self.first = len(self.reply.texts)
        self.alignment.words(text)
        self.reply.texts[self.first :] = self.alignment.phrases


@dataclass(eq=False, slots=True)
class _OwnVoice:
    """A stretch of it on its way into the playout."""

    reply: Reply
    alignment: Alignment
    playout: Playout
    resampler: Resampler
    waiting: bytearray = field(default_factory=bytearray)
    """Nobody knows yet what it says."""
    begin: int = -1
    first: int = -1
    """Of the reply's phrases."""

    def taken(self, pcm: bytes) -> bytes:
        sound = self.resampler.push(pcm) if pcm else b""
        if not sound or self.reply.has_sound:
            return sound
        heard = without_silence(sound, PLAYOUT_RATE_HZ)
        self.reply.own.skipped += (len(sound) - len(heard)) // 2
        return heard

    def give(self, sound: bytes) -> list[int]:
        """What is known goes on. Returns the phrases of the reply that grew while they are being said."""
        generation, reply = self.reply.generation, self.reply
        self.alignment.sound(sound)
        self.waiting += sound
        if not self.alignment.is_ready or not self.alignment.samples:
            return []
        if self.begin < 0:
            self.begin, self.first = self.playout.pushed(generation), len(reply.phrases)
        grown: list[int] = []
        for each in self.alignment.settle(self.playout.played(generation) - self.begin):
            if isinstance(each, Begun):
                reply.phrases.append(each.text)
                self.playout.phrase_at(generation, each.text, self.begin + each.at)
                continue
            index = self.first + each.index
            reply.phrases[index] = each.text
            if self.playout.reword(generation, index, each.text):
                grown.append(index)
        if self.waiting:
            at = self.playout.pushed(generation)
            if self.playout.push(generation, bytes(self.waiting)):
                reply.own.add(at, len(self.waiting) // 2)
            self.waiting.clear()
        return grown


def without_silence(pcm: bytes, rate_hz: int, *, keep_ms: int = 10) -> bytes:
    """``pcm`` from shortly before its first sound; empty if there is none."""
    samples = np.frombuffer(pcm[: len(pcm) & ~1], dtype="<i2")
    for at in range(0, len(samples), _AT_A_TIME):
        block = samples[at : at + _AT_A_TIME]
        loud = (block > _QUIET) | (block < -_QUIET)
        first = int(loud.argmax())
        if loud[first]:
            return pcm[max(0, at + first - rate_hz * keep_ms // 1000) * 2 :]
    return b""


def wasted(reply: Reply, mind: Mind) -> dict[str, Value]:
    """What a reply cost that nobody will hear: as its model told, else as its mind reckons."""
    spent = mind.spent(reply.utterance.revision) if reply.utterance and isinstance(mind, CountsTokens) else None
    if reply.tokens is not None or spent is None:
        return {"tokens": reply.tokens}
    return {"tokens": spent.tokens, **({"is_estimate": True} if spent.is_estimate else {})}


def _is_permanent(error: Exception) -> bool:
    return isinstance(error, ProviderError) and error.permanent


def _too_late(title: str, what: str, after_ms: int, *, has_begun: bool) -> str:
    """In words for the call's page, where the vendor had none."""
    if not title:
        return f"It gave no {what} in time."
    if has_begun:
        return f"{title} stopped in the middle."
    return f"{title} didn't answer within {after_ms / 1000:g} s."


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    leaves: list[BaseException] = []
    for error in group.exceptions:
        leaves += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return leaves
