"""A whole call without a machine: a caller, a transcriber, a voice and a mind that follow a script.

The caller's audio is the clock: nothing waits, and minutes of conversation take milliseconds. Every fake counts its delays in
milliseconds of that clock (``VirtualTime``), so a test says "the model takes 3 s" and no one sleeps.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from agents.conversation import Conversation
from agents.mind import EndCall, Mind, ReplyPart, Say, Utterance, Value
from agents.spec import AgentSpec
from agents.speech import STT, AudioFrame, EndOfTurn, ProviderError, Transcript
from agents.standby import Chain, Voice
from telephony.audio.playout import Playout
from telephony.audio.vad import SpeechStarted, SpeechStopped, VADEdge
from telephony.session.events import Event
from telephony.wire.dtmf import DigitEvent, Pressed, Released

T = TypeVar("T")
RATE_HZ = 16_000
FRAME_MS = 20
_SILENT = AudioFrame(bytes(640), RATE_HZ)
_VOICED = AudioFrame(np.random.default_rng(7).normal(0, 5_000, 320).astype("<i2").tobytes(), RATE_HZ)
"""Nothing like the tone that the agent speaks: that would be an echo."""


class VirtualTime:
    """Milliseconds of the caller's audio."""

    def __init__(self) -> None:
        self.now_ms = 0
        self._sleepers: list[tuple[int, asyncio.Future[None]]] = []

    async def sleep(self, ms: int) -> None:
        if ms > 0:
            future = asyncio.get_running_loop().create_future()
            self._sleepers.append((self.now_ms + ms, future))
            await future

    def advance(self, ms: int) -> None:
        self.now_ms += ms
        due = [sleeper for sleeper in self._sleepers if sleeper[0] <= self.now_ms]
        self._sleepers = [sleeper for sleeper in self._sleepers if sleeper[0] > self.now_ms]
        for _, future in due:
            if not future.done():
                future.set_result(None)


# ---- the caller


@dataclass(frozen=True, slots=True)
class Silence:
    ms: int


@dataclass(frozen=True, slots=True)
class Speech:
    """Words, evenly spread over ``ms``. No words: a cough."""

    text: str
    ms: int


@dataclass(frozen=True, slots=True)
class Presses:
    """Digits on the keypad, one every ``every_ms``, half of which it is held."""

    digits: str
    every_ms: int = 200


@dataclass(frozen=True, slots=True)
class UntilAgentSpeaks:
    """Silence until the agent has been heard for so long."""

    for_ms: int = 20


@dataclass(frozen=True, slots=True)
class UntilAgentQuiet:
    """Silence until the agent has spoken and then been quiet for so long."""

    for_ms: int = 300


Step = Silence | Speech | Presses | UntilAgentSpeaks | UntilAgentQuiet
MAX_WAIT_MS = 60_000


@dataclass(slots=True)
class Spoken:
    text: str
    begin_ms: int
    end_ms: int


class FakeTransport:
    """A line on which the caller follows a script and then hangs up. Remembers what the agent sounded like, frame by frame."""

    def __init__(
        self, time: VirtualTime, script: Sequence[Step], *, outbound_delay_ms: int = 40, pulls: bool = True
    ) -> None:
        self.outbound_delay_ms = outbound_delay_ms
        self.time = time
        self.spoken: list[Spoken] = []
        self.loud: list[bool] = []
        """Whether the agent could be heard, for each frame."""
        self.pcm: list[bytes] = []
        self.is_closed = False
        self.sounding = ""
        """The agent's digits, one letter a frame: "." where none sounded."""
        self._tell_digit: Callable[[DigitEvent], None] = lambda event: None
        self._script = script
        self._pulls = pulls
        self._playout: Playout | None = None

    def attach(self, playout: Playout) -> None:
        self._playout = playout

    def listen_for_digits(self, tell: Callable[[DigitEvent], None]) -> None:
        self._tell_digit = tell

    async def close(self) -> None:
        self.is_closed = True

    async def frames(self) -> AsyncGenerator[AudioFrame]:
        for step in self._script:
            async with aclosing(self._act(step)) as frames:
                async for frame in frames:
                    self.time.advance(FRAME_MS)
                    yield frame
                    for _ in range(12):  # let everyone who can go on go on
                        await asyncio.sleep(0)
                    self._pull()

    async def _act(self, step: Step) -> AsyncGenerator[AudioFrame]:
        begin_ms = self.time.now_ms
        match step:
            case Silence(ms):
                for _ in range(ms // FRAME_MS):
                    yield _SILENT
            case Speech(text, ms):
                self.spoken.append(Spoken(text, begin_ms, begin_ms + ms))
                for _ in range(ms // FRAME_MS):
                    yield _VOICED
            case Presses(digits, every_ms):
                for digit in digits:
                    for event in (Pressed(digit), Released(digit)):
                        self._tell_digit(event)
                        for _ in range(every_ms // 2 // FRAME_MS):
                            yield _SILENT
            case UntilAgentSpeaks(for_ms):
                while not self._has_been(True, for_ms) and self.time.now_ms - begin_ms < MAX_WAIT_MS:
                    yield _SILENT
            case UntilAgentQuiet(for_ms):
                while not any(self.loud[begin_ms // FRAME_MS :]) and self.time.now_ms - begin_ms < MAX_WAIT_MS:
                    yield _SILENT
                while not self._has_been(False, for_ms) and self.time.now_ms - begin_ms < MAX_WAIT_MS:
                    yield _SILENT

    def _has_been(self, loud: bool, for_ms: int) -> bool:
        frames = max(1, for_ms // FRAME_MS)
        return len(self.loud) >= frames and all(each is loud for each in self.loud[-frames:])

    def _pull(self) -> None:
        if self._playout is not None and self._pulls:
            pcm = self._playout.pull()
            self.pcm.append(pcm)
            self.sounding += self._playout.digit or "."
            self.loud.append(bool(np.abs(np.frombuffer(pcm, dtype="<i2")).max() > 100))

    def agent_spoke_ms(self) -> list[tuple[int, int]]:
        """From when to when the agent could be heard."""
        spans: list[tuple[int, int]] = []
        for index, loud in enumerate(self.loud):
            at_ms = index * FRAME_MS
            if loud and spans and spans[-1][1] == at_ms:
                spans[-1] = (spans[-1][0], at_ms + FRAME_MS)
            elif loud:
                spans.append((at_ms, at_ms + FRAME_MS))
        return spans


class FakeVAD:
    """Hears the frames that aren't silent; as sure, and as late, as the real one."""

    def __init__(self, *, start_ms: int = 60, stop_ms: int = 100) -> None:
        self._start_ms = start_ms
        self._stop_ms = stop_ms
        self._at_ms = 0
        self._run_ms = 0
        self._is_speech = False

    def push(self, frame: AudioFrame) -> list[VADEdge]:
        is_loud = any(frame.pcm)
        self._at_ms += FRAME_MS
        self._run_ms = self._run_ms + FRAME_MS if is_loud is not self._is_speech else 0
        if self._run_ms < (self._stop_ms if self._is_speech else self._start_ms):
            return []
        self._is_speech, begun_ms, self._run_ms = is_loud, self._at_ms - self._run_ms, 0
        return [SpeechStarted(begun_ms) if is_loud else SpeechStopped(begun_ms)]


# ---- the vendors


class FakeSTT:
    """Knows what the caller says from the caller's script, and takes ``delay_ms`` to tell. ``is_deaf``: never tells.
    ``ends_turn``: a vendor that judges turns, by the text; where it takes one for over it says so unasked, 80 ms into the silence."""

    def __init__(
        self,
        transport: FakeTransport,
        *,
        delay_ms: int = 120,
        interim_every_ms: int = 0,
        is_deaf: bool = False,
        fails_to_open: int = 0,
        ends_turn: Callable[[str], bool | None] = lambda text: None,
    ) -> None:
        self.ends_turn = ends_turn
        self.transport = transport
        self.delay_ms = delay_ms
        self.interim_every_ms = interim_every_ms
        self.is_deaf = is_deaf
        self.fails_to_open = fails_to_open
        self.opened = 0
        self.expected: list[str | None] = []

    async def open(self, *, language: str, keywords: tuple[str, ...]) -> FakeSTTStream:
        self.opened += 1
        if self.fails_to_open:
            self.fails_to_open -= 1
            raise ProviderError("The transcriber is away.")
        return FakeSTTStream(self)


class FakeSTTStream:
    def __init__(self, stt: FakeSTT) -> None:
        self._stt = stt
        self._queue: asyncio.Queue[tuple[int, Transcript]] = asyncio.Queue(100)
        self._utterance = 0
        self._since_ms = 0
        self._is_open = False
        self._silent_ms = 0
        self.is_closed = False

    def start(self, utterance: int, at_ms: int) -> None:
        self._utterance, self._since_ms, self._is_open = utterance, at_ms, True

    def push(self, frame: AudioFrame, at_ms: int) -> None:
        every_ms = self._stt.interim_every_ms
        if self._is_open and every_ms and at_ms % every_ms == 0 and not self._stt.is_deaf:
            self._put(at_ms, is_final=False)
        self._silent_ms = 0 if any(frame.pcm) else self._silent_ms + FRAME_MS
        if self._is_open and self._silent_ms == 80 and self._stt.ends_turn(self._words(at_ms)):
            self._put(at_ms, is_final=True)

    def flush(self, at_ms: int) -> None:
        if not self._stt.is_deaf:
            self._put(at_ms, is_final=True)

    def expect(self, kind: str | None) -> None:
        self._stt.expected.append(kind)

    def end(self) -> None:
        self._is_open = False

    async def transcripts(self) -> AsyncIterator[Transcript]:
        while True:
            due_ms, transcript = await self._queue.get()
            await self._stt.transport.time.sleep(due_ms - self._stt.transport.time.now_ms)
            yield transcript

    async def close(self) -> None:
        self.is_closed = True

    def _words(self, at_ms: int) -> str:
        words: list[str] = []
        for spoken in self._stt.transport.spoken:
            if spoken.end_ms <= self._since_ms - 40 or spoken.begin_ms >= at_ms:
                continue
            all_words = spoken.text.split()
            share = min(1.0, (at_ms - spoken.begin_ms) / (spoken.end_ms - spoken.begin_ms))
            words += all_words[: int(share * len(all_words) + 1e-6)]
        return " ".join(words)

    def _put(self, at_ms: int, *, is_final: bool) -> None:
        text = self._words(at_ms)
        ends_turn = self._stt.ends_turn(text) if is_final else None
        transcript = Transcript(text, is_final, self._utterance, at_ms, 0.9, self._stt.delay_ms, ends_turn)
        self._queue.put_nowait((self._stt.transport.time.now_ms + self._stt.delay_ms, transcript))


class FakeEndOfTurn:
    """Says how finished each pause sounds, one after the other, then what it said last; takes ``delay_ms``."""

    def __init__(
        self,
        time: VirtualTime,
        *likely: float | None,
        delay_ms: int = 60,
        error: Exception | None = None,
    ) -> None:
        self.time = time
        self.likely = list(likely)
        self.delay_ms = delay_ms
        self.error = error
        self.heard_ms: list[int] = []
        """How much sound it was given, each time."""
        self.given_up = 0
        """Questions whose answer nobody waited for."""

    async def predict(self, pcm: bytes) -> float | None:
        self.heard_ms.append(len(pcm) // 32)
        likely = self.likely.pop(0) if len(self.likely) > 1 else self.likely[0]
        try:
            await self.time.sleep(self.delay_ms)
        except asyncio.CancelledError:
            self.given_up += 1
            raise
        if self.error is not None:
            raise self.error
        return likely


class FakeTTS:
    """A tone, ``word_ms`` long for each word, after ``delay_ms``. ``script`` may make a phrase fail or hang, by its text; a list: once
    in each way, and then no more."""

    rate_hz = 24_000
    can_ipa = False

    def __init__(
        self,
        time: VirtualTime,
        *,
        delay_ms: int = 60,
        word_ms: int = 200,
        script: Mapping[str, str | list[str]] | None = None,
    ) -> None:
        self.time = time
        self.delay_ms = delay_ms
        self.word_ms = word_ms
        self.script = script or {}
        """text → "fails" · "hangs" · "dies" (in the middle)."""
        self.spoken: list[str] = []

    async def speak(self, text: str, *, speed: float) -> AsyncIterator[bytes]:
        self.spoken.append(text)
        fate = self.script.get(text, self.script.get("*", ""))
        if isinstance(fate, list):
            fate = fate.pop(0) if fate else ""
        await self.time.sleep(self.delay_ms if fate != "hangs" else 3_600_000)
        if fate == "fails":
            raise ProviderError("The voice is away.")
        tone = (np.sin(np.arange(self.rate_hz * self.word_ms // 1000) / 9 + 1.5) * 9_000).astype("<i2").tobytes()
        words = text.split()
        for index, _ in enumerate(words):
            if fate == "dies" and index * 2 >= len(words):
                raise ProviderError("The voice went away.")
            yield tone


@dataclass(slots=True)
class Answer:
    """What the mind does with an utterance: parts, each after its delay."""

    parts: Sequence[ReplyPart]
    delay_ms: int = 40
    error: ProviderError | None = None
    hangs: bool = False


class FakeMind:
    """Answers by a function or table of the utterance's text. Remembers what it was asked and what was committed."""

    def __init__(
        self,
        time: VirtualTime,
        answers: Mapping[str, Answer | str] | Callable[[str], Answer | str] | None = None,
        *,
        greeting: Sequence[ReplyPart] = (Say("Hello, how can I help you?"),),
    ) -> None:
        self.time = time
        self.answers = answers or {}
        self.greeting = greeting
        self.asked: list[Utterance] = []
        self.committed: list[str] = []
        self.committed_revisions: list[int] = []
        self.is_closed = False
        self._texts: dict[int, str] = {}

    def greet(self) -> list[ReplyPart]:
        return list(self.greeting)

    async def reply(self, utterance: Utterance, conversation: Conversation) -> AsyncIterator[ReplyPart]:
        self.asked.append(utterance)
        self._texts[utterance.revision] = utterance.text
        found = self.answers(utterance.text) if callable(self.answers) else self.answers.get(utterance.text)
        answer = Answer([Say(f"You said: {utterance.text}")]) if found is None else found
        if isinstance(answer, str):
            answer = Answer([Say(answer)])
        for part in answer.parts:
            await self.time.sleep(answer.delay_ms)
            yield part
        if answer.hangs:
            await self.time.sleep(3_600_000)
        if answer.error is not None:
            await self.time.sleep(answer.delay_ms)
            raise answer.error

    def commit(self, revision: int) -> None:
        self.committed.append(self._texts[revision])
        self.committed_revisions.append(revision)

    def collected(self) -> dict[str, Value]:
        return {}

    async def close(self) -> None:
        self.is_closed = True


GOODBYE = Answer([Say("Goodbye then!"), EndCall("caller_goodbye")])


# ---- who listens


@dataclass(slots=True)
class Listening:
    """Remembers every event."""

    events: list[Event] = field(default_factory=list)

    def receive(self, event: Event) -> None:
        self.events.append(event)

    def of(self, kind: type[T]) -> list[T]:
        return [event for event in self.events if isinstance(event, kind)]


@dataclass(slots=True)
class Agent:
    """``agents.live.LiveAgent``, of fakes."""

    spec: AgentSpec
    stt: FakeSTT
    tts: FakeTTS
    mind: FakeMind
    speak_text: Callable[[str], str] = str
    ears: Chain[STT] | None = None
    voices: Chain[Voice] | None = None
    brains: Chain[Mind] | None = None
    end_of_turn: EndOfTurn | None = None
