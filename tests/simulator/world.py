"""The world around a simulated call: the caller's line, ears, a voice and a mind that do what the scenario says, and remember it.

The voice's sound is cut from one long noise, a new part of it for each phrase: a few samples of what the caller heard tell which
phrase they are of, and where in it.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from agents.conversation import Conversation, Said
from agents.mind import Collected, EndCall, ReplyPart, Say, Utterance, Value
from agents.speech import AudioFrame, ProviderError, Transcript
from telephony.audio.playout import FRAME_BYTES, PLAYOUT_RATE_HZ, SILENCE, Playout
from telephony.audio.vad import SpeechStarted, SpeechStopped, VADEdge
from telephony.wire.dtmf import DigitEvent, Pressed, Released
from tests.simulator.loop import VirtualLoop
from tests.simulator.scenario import (
    GREETING,
    EarPlan,
    EndOfTurnPlan,
    LinePlan,
    MindPlan,
    Presses,
    Scenario,
    Sound,
    Sounds,
    Step,
    UntilHeard,
    UntilQuiet,
    VADPlan,
    VoicePlan,
    Wait,
)

FRAME_MS = 20
SILENT = AudioFrame(bytes(640), 16_000)
VOICED = AudioFrame((np.sin(np.arange(320) / 6) * 8_000).astype("<i2").tobytes(), 16_000)
FOR_EVER_S = 36_000.0
SAMPLES_A_MS = PLAYOUT_RATE_HZ // 1000


def _noise() -> bytes:
    """A minute and a half of samples that are never zero, nor a voice's silence before its first word."""
    dice = np.random.default_rng(1)
    loud = dice.integers(400, 9_000, 90 * PLAYOUT_RATE_HZ, dtype=np.int16)
    return np.where(dice.integers(0, 2, len(loud), dtype=np.int8) == 1, loud, -loud).astype("<i2").tobytes()


NOISE = _noise()
_A_WORD_FRAMES = 3
_LOUD_RMS = 150.0
"""What a VAD notices: an echo 20 dB quieter than ``NOISE`` has 270."""


def is_loud(frame: AudioFrame) -> bool:
    if frame is VOICED or frame is SILENT:
        return frame is VOICED
    return _is_loud(frame.pcm)


@lru_cache(8)
def _is_loud(pcm: bytes) -> bool:
    """Kept for a moment: the VAD and the transcriber ask it of the same frame."""
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float32)
    return float(samples.dot(samples)) > len(samples) * _LOUD_RMS**2


@dataclass(frozen=True, slots=True)
class Word:
    text: str
    begin_ms: int
    end_ms: int
    kind: Sound


@lru_cache
def _thirds(quieter_db: int) -> np.typing.NDArray[np.float32]:
    return np.full(3, 10 ** (-quieter_db / 20) / 3, dtype=np.float32)


class Line:
    """``Transport``: the caller on it follows their script and hangs up."""

    def __init__(self, loop: VirtualLoop, steps: Sequence[Step], plan: LinePlan, dice: random.Random) -> None:
        self.loop = loop
        self.outbound_delay_ms = plan.delay_ms
        self.frames_given = 0
        self.pulled: list[bytes] = []
        """What the caller got, 20 ms each."""
        self.sounds: list[tuple[int, int, Sounds]] = []
        """The caller's: from when, to when, what."""
        self.words: list[Word] = []
        self.pressed: list[tuple[int, str]] = []
        """The digits, and when they went down."""
        self._tell_digit: Callable[[DigitEvent], None] = lambda event: None
        self._digits: list[DigitEvent] = []
        self.has_hung_up = False
        self.has_died = False
        self.closed = 0
        self.voice: Voice | None = None
        """Whose samples are pulled, for a line with an echo."""
        self.came_back: dict[int, tuple[int, int, str]] = {}
        """Frames of echo, by when they begin: of which phrase, which of its words, and that word."""
        self._steps = steps
        self._plan = plan
        self._dice = dice
        self._playout: Playout | None = None
        self._step = 0
        self._heard_ms = 0
        self._quiet_ms = 0

    def attach(self, playout: Playout) -> None:
        self._playout = playout

    def listen_for_digits(self, tell: Callable[[DigitEvent], None]) -> None:
        self._tell_digit = tell

    async def close(self) -> None:
        self.closed += 1

    @property
    def now_ms(self) -> int:
        return self.frames_given * FRAME_MS

    def has_finished(self, at_ms: int) -> bool:
        """Whether the caller, silent since that moment, says nothing for the next second: their script is known."""
        left_ms = 1_000 - (self.now_ms - at_ms)
        for step in self._steps[self._step + 1 :]:
            if isinstance(step, Sounds) or left_ms <= 0:
                return left_ms <= 0
            left_ms = left_ms - step.ms if isinstance(step, Wait) else 0
        return True

    async def frames(self) -> AsyncIterator[AudioFrame]:
        plan, dice = self._plan, self._dice
        lost = busy = 0
        for frame in self._script():
            if plan.dies_ms is not None and self.now_ms >= plan.dies_ms:
                self.has_died = True
                await asyncio.sleep(FOR_EVER_S)
            if plan.lost and not lost and dice.random() < plan.lost:
                lost = plan.gap_frames
            if lost:
                lost -= 1
                frame = SILENT
            if plan.stalls and not busy and dice.random() < plan.stalls:
                busy = dice.randrange(2, 12)
            if plan.jitters and dice.random() < 0.02:
                self.outbound_delay_ms = max(0, plan.delay_ms + dice.randrange(-60, 80, 10))
            elif plan.echo_ms is not None:
                frame = self._with_echo(frame, plan.echo_ms, plan.echo_db)
            self.frames_given += 1
            self.loop.now += FRAME_MS / 1000
            if plan.pulls_first:
                self._pull()
            yield frame
            for event in self._digits:
                self._tell_digit(event)
            self._digits.clear()
            if busy:  # the loop was away: nobody else had a turn
                busy -= 1
            elif self.loop.is_busy:
                await self.loop.settle()
            if not plan.pulls_first:
                self._pull()
        self.has_hung_up = True

    def _with_echo(self, frame: AudioFrame, delay_ms: int, quieter_db: int) -> AudioFrame:
        at = len(self.pulled) - delay_ms // FRAME_MS
        if at < 0 or self.pulled[at] is SILENCE or self.voice is None:
            return frame
        sound = np.frombuffer(self.pulled[at], dtype="<i2").astype(np.float32).reshape(-1, 3).dot(_thirds(quieter_db))
        if (word := self.voice.word_of(self.pulled[at])) is not None:
            self.came_back[self.now_ms] = word
        if frame is not SILENT:
            sound += np.frombuffer(frame.pcm, dtype="<i2")
        return AudioFrame(sound.astype("<i2").tobytes(), 16_000)  # neither is loud enough to overflow

    def _pull(self) -> None:
        if self._playout is None:
            return
        pcm = self._playout.pull()
        self.pulled.append(pcm)
        if pcm is SILENCE:
            self._heard_ms, self._quiet_ms = 0, self._quiet_ms + FRAME_MS
        else:
            self._heard_ms, self._quiet_ms = self._heard_ms + FRAME_MS, 0

    def _script(self) -> Iterator[AudioFrame]:
        for index, step in enumerate(self._steps):
            self._step = index
            begin_ms = self.now_ms
            match step:
                case Wait(ms):
                    for _ in range(ms // FRAME_MS):
                        yield SILENT
                case UntilHeard(for_ms, at_most_ms):
                    while self._heard_ms < for_ms and self.now_ms - begin_ms < at_most_ms:
                        yield SILENT
                case UntilQuiet(for_ms, at_most_ms):
                    while not self._heard_ms and self.now_ms - begin_ms < at_most_ms:
                        yield SILENT
                    while self._quiet_ms < for_ms and self.now_ms - begin_ms < at_most_ms:
                        yield SILENT
                case Sounds(kind, words, ms):
                    ms -= ms % FRAME_MS
                    self.sounds.append((begin_ms, begin_ms + ms, step))
                    for index, word in enumerate(words):
                        begin = begin_ms + ms * index // len(words)
                        self.words.append(Word(word, begin, begin_ms + ms * (index + 1) // len(words), kind))
                    for _ in range(ms // FRAME_MS):
                        yield VOICED
                case Presses(digits, every_ms, held_ms):
                    for digit in digits:
                        self.pressed.append((self.now_ms + FRAME_MS, digit))
                        self._digits.append(Pressed(digit))
                        for at_ms in range(0, every_ms, FRAME_MS):
                            if at_ms == held_ms - held_ms % FRAME_MS:
                                self._digits.append(Released(digit))
                            yield SILENT


class Hearing:
    """``VAD``, as late as a real one. Remembers what it told, and when."""

    def __init__(self, plan: VADPlan, dice: random.Random) -> None:
        self.edges: list[tuple[int, VADEdge]] = []
        self._plan = plan
        self._dice = dice
        self._at_ms = 0
        self._run_ms = 0
        self._is_speech = False

    def push(self, frame: AudioFrame) -> Sequence[VADEdge]:
        self._at_ms += FRAME_MS
        is_heard = is_loud(frame) and not (self._plan.misses and self._dice.random() < self._plan.misses)
        if is_heard is self._is_speech:
            self._run_ms = 0
            return ()
        self._run_ms += FRAME_MS
        if self._run_ms < (self._plan.stop_ms if self._is_speech else self._plan.start_ms):
            return ()
        self._is_speech, begun_ms, self._run_ms = is_heard, self._at_ms - self._run_ms, 0
        edge = SpeechStarted(begun_ms) if is_heard else SpeechStopped(begun_ms)
        self.edges.append((self._at_ms, edge))
        return (edge,)


# ---- the transcriber


@dataclass(slots=True)
class Ears:
    """``STT``."""

    line: Line
    plan: EarPlan
    dice: random.Random
    told: list[tuple[int, Transcript]] = field(default_factory=list)
    flushes: list[tuple[int, int]] = field(default_factory=list)
    streams: list[EarStream] = field(default_factory=list)
    failures: int = 0
    judging: random.Random = field(default_factory=random.Random)

    def judge(self, at_ms: int) -> bool:
        """Whether the caller's turn is over: rightly, mostly."""
        is_wrong = self.judging.random() < (self.plan.tells_turns or 0.0)
        return self.line.has_finished(at_ms) is not is_wrong

    async def open(self, *, language: str, keywords: tuple[str, ...]) -> EarStream:
        await asyncio.sleep(self.plan.opens_ms / 1000)
        if self.failures < self.plan.fails_to_open:
            self.failures += 1
            raise ProviderError("The transcriber is away.")
        stream = EarStream(self)
        self.streams.append(stream)
        return stream


class EarStream:
    """``STTStream``: knows what is said from the caller's script, and tells it in its own time."""

    def __init__(self, ears: Ears) -> None:
        self.is_closed = False
        self._ears = ears
        self._queue: asyncio.Queue[Transcript | None] = asyncio.Queue()
        self._utterance = 0
        self._since_ms: int | None = None
        self._due_s = 0.0
        self._unasked_ms = 0
        self._echoes: list[tuple[int, str]] = []
        """Words of the agent's own that it hears come back, and when."""
        self._last_back: tuple[int, int, str] | None = None
        self._loud_frames = 0

    def start(self, utterance: int, at_ms: int) -> None:
        self._utterance, self._since_ms = utterance, at_ms
        self._unasked_ms = 0

    def push(self, frame: AudioFrame, at_ms: int) -> None:
        plan = self._ears.plan
        if plan.dies_ms is not None and at_ms == plan.dies_ms - plan.dies_ms % FRAME_MS:
            self._queue.put_nowait(None)
        if (back := self._ears.line.came_back.get(at_ms)) is not None and is_loud(frame):
            self._hear_agent(at_ms, back)
        if self._since_ms is None:
            return
        if plan.interim_every_ms and at_ms % plan.interim_every_ms == 0:
            self._tell(at_ms, is_final=False)
        if plan.unasked:
            self._unasked_ms = 0 if is_loud(frame) else self._unasked_ms + FRAME_MS
            if self._unasked_ms == (300 if plan.tells_turns is None else 60):
                self._tell(at_ms, is_final=True)

    def flush(self, at_ms: int) -> None:
        self._ears.flushes.append((self._ears.line.now_ms, at_ms))
        self._tell(at_ms, is_final=True)

    def expect(self, kind: str | None) -> None: ...

    def end(self) -> None:
        self._since_ms = None

    async def transcripts(self) -> AsyncIterator[Transcript]:
        while (transcript := await self._queue.get()) is not None:
            self._ears.told.append((self._ears.line.now_ms, transcript))
            yield transcript

    async def close(self) -> None:
        self.is_closed = True

    def _tell(self, at_ms: int, *, is_final: bool) -> None:
        plan, dice = self._ears.plan, self._ears.dice
        if plan.is_deaf or self._since_ms is None or (plan.loses and dice.random() < plan.loses):
            return
        delay_ms = dice.choice(plan.delays_ms)
        ends_turn = self._ears.judge(at_ms) if is_final and plan.tells_turns is not None else None
        words = self._ears.line.words
        heard = [(each.end_ms, each.text) for each in words if each.end_ms > self._since_ms and each.end_ms <= at_ms]
        heard += [each for each in self._echoes if each[0] > self._since_ms and each[0] <= at_ms]
        said = [word for _, word in sorted(heard)]
        text = " ".join(said) if said or not plan.writes_noise else "[noise]"
        transcript = Transcript(text, is_final, self._utterance, at_ms, 0.9, delay_ms, ends_turn)
        loop = asyncio.get_running_loop()
        for _ in range(2 if plan.doubles and dice.random() < plan.doubles else 1):
            due_s = loop.time() + delay_ms / 1000
            if not plan.is_unordered:
                due_s = self._due_s = max(due_s, self._due_s)
            loop.call_at(due_s, self._queue.put_nowait, transcript)
            delay_ms += 100

    def _hear_agent(self, at_ms: int, back: tuple[int, int, str]) -> None:
        """A word is heard when ``_A_WORD_FRAMES`` of it were loud enough, unless the caller drowns it."""
        if any(begin <= at_ms < end for begin, end, _ in self._ears.line.sounds):
            return
        self._loud_frames = self._loud_frames + 1 if back == self._last_back else 1
        self._last_back = back
        if self._loud_frames == _A_WORD_FRAMES:
            self._echoes.append((at_ms + FRAME_MS, back[2]))


@dataclass(slots=True)
class Judge:
    """``EndOfTurn``: knows from the caller's script whether they have finished, and is wrong now and then."""

    line: Line
    plan: EndOfTurnPlan
    dice: random.Random
    judged: list[tuple[int, float | None]] = field(default_factory=list)
    """When, and how likely it was said to be."""
    heard_ms: list[int] = field(default_factory=list)
    at_work: int = 0

    async def predict(self, pcm: bytes) -> float | None:
        plan, dice = self.plan, self.dice
        is_over = self.line.has_finished(self.line.now_ms) is not (dice.random() < plan.is_wrong)
        probability = dice.uniform(0.9, 1.0) if is_over else dice.uniform(0.0, 0.2)
        fate = dice.random()
        self.heard_ms.append(len(pcm) // 32)
        self.at_work += 1
        try:
            await asyncio.sleep((dice.choice(plan.delays_ms) if fate < 1 - plan.hangs else FOR_EVER_S * 1000) / 1000)
            if fate < plan.fails:
                raise ProviderError("The judge is away.")
            answer = None if dice.random() < plan.says_nothing else probability
            self.judged.append((self.line.now_ms, answer))
            return answer
        finally:
            self.at_work -= 1


# ---- the voice


@dataclass(slots=True)
class Speech:
    """A phrase that was asked for. Its samples are ``NOISE`` from ``begin`` on."""

    serial: int
    text: str
    asked_ms: int
    begin: int
    made: int = 0
    """Samples given out so far."""
    is_open: bool = True
    is_whole: bool = False


class Voice:
    """``TTS``, at the playout's own rate: no resampler touches its samples."""

    rate_hz = PLAYOUT_RATE_HZ
    can_ipa = False

    def __init__(self, line: Line, plan: VoicePlan, dice: random.Random) -> None:
        self.speeches: list[Speech] = []
        self._line = line
        self._plan = plan
        self._dice = dice
        self._next = 0
        self._found: tuple[int, Speech] | None = None
        """Where in ``NOISE`` the last frame's mark was, and whose it is: the next one's is a frame further, as a rule."""

    async def speak(self, text: str, *, speed: float) -> AsyncIterator[bytes]:
        plan, dice = self._plan, self._dice
        length = len(text) * plan.letter_ms * SAMPLES_A_MS
        speech = Speech(len(self.speeches), text, self._line.now_ms, self._next)
        self._next += length
        assert self._next * 2 <= len(NOISE), "the call says more than there is noise for"
        self.speeches.append(speech)
        fate = dice.random()
        try:
            await asyncio.sleep(dice.choice(plan.delays_ms) / 1000)
            if fate < plan.fails:
                raise ProviderError("The voice is away.")
            dies_at = length * 2 // 5 if fate < plan.fails + plan.dies else length
            while speech.made < dies_at:
                if speech.made:
                    await asyncio.sleep(dice.choice(plan.piece_delays_ms) / 1000)
                count = min(dice.choice(plan.pieces_ms) * SAMPLES_A_MS, dies_at - speech.made)
                begin = speech.begin + speech.made
                speech.made += count
                yield NOISE[begin * 2 : (begin + count) * 2]
            if dies_at < length:
                raise ProviderError("The voice went away.")
            if fate > 1 - plan.hangs:
                await asyncio.sleep(FOR_EVER_S)
            speech.is_whole = True
        finally:
            speech.is_open = False

    def word_of(self, pcm: bytes) -> tuple[int, int, str] | None:
        """Which phrase, and which of its words, these 20 ms are of."""
        mark = pcm[960:1024]
        if self._found is not None:
            at, speech = self._found[0] + FRAME_BYTES, self._found[1]
            if NOISE[at : at + len(mark)] == mark and at + len(mark) <= (speech.begin + speech.made) * 2:
                return self._word_at(at, speech)
        for speech in reversed(self.speeches[-6:]):
            found = NOISE.find(mark, speech.begin * 2, (speech.begin + speech.made) * 2)
            if found >= 0:
                return self._word_at(found, speech)
        return None

    def _word_at(self, found: int, speech: Speech) -> tuple[int, int, str]:
        self._found = found, speech
        share = (found // 2 - speech.begin) / (len(speech.text) * self._plan.letter_ms * SAMPLES_A_MS)
        words = speech.text.split()
        count = min(len(words) - 1, len(speech.text[: round(share * len(speech.text))].split(" ")) - 1)
        return speech.serial, count, words[count]


# ---- the mind


@dataclass(slots=True)
class Asked:
    """A reply that the mind was asked for."""

    serial: int
    utterance: Utterance
    at_ms: int
    history: tuple[Said, ...]
    parts: list[ReplyPart]
    closed_ms: int | None = None


class Thinker:
    """``Mind``: says in each phrase which of its replies it is of, so that what is heard can be traced back."""

    def __init__(self, line: Line, plan: MindPlan, dice: random.Random) -> None:
        self.asked: list[Asked] = []
        self.commits: list[tuple[int, int]] = []
        """When, and which revision."""
        self.closed = 0
        self._line = line
        self._plan = plan
        self._dice = dice

    def greet(self) -> list[ReplyPart]:
        return [Say(GREETING)]

    async def reply(self, utterance: Utterance, conversation: Conversation) -> AsyncIterator[ReplyPart]:
        plan, dice = self._plan, self._dice
        serial = len(self.asked)
        asked = Asked(serial, utterance, self._line.now_ms, tuple(conversation.turns), self._parts(serial, utterance))
        self.asked.append(asked)
        fate = dice.random()
        try:
            for part in asked.parts:
                await asyncio.sleep(dice.choice(plan.delays_ms) / 1000)
                yield part
                if fate < plan.fails and dice.random() < 0.5:
                    break
            if fate < plan.fails:
                raise ProviderError("The model is away.")
            if fate > 1 - plan.hangs:
                await asyncio.sleep(FOR_EVER_S)
        finally:
            asked.closed_ms = self._line.now_ms

    def _parts(self, serial: int, utterance: Utterance) -> list[ReplyPart]:
        plan, dice = self._plan, self._dice
        if dice.random() < plan.is_silent:
            return []
        parts: list[ReplyPart] = []
        for part in range(dice.randint(1, plan.max_parts)):
            ending = (
                "is this right?" if dice.random() < plan.asks else dice.choice(("yes.", "that is how it is.", "well."))
            )
            parts.append(Say(f"Reply {serial} part {part} {ending}"))
        if dice.random() < plan.collects:
            parts.insert(dice.randrange(len(parts) + 1), Collected("revision", utterance.revision))
        if dice.random() < plan.ends:
            parts.append(EndCall("caller_goodbye"))
        return parts

    def commit(self, revision: int) -> None:
        self.commits.append((self._line.now_ms, revision))

    def collected(self) -> dict[str, Value]:
        return {}

    async def close(self) -> None:
        self.closed += 1


def world(scenario: Scenario, loop: VirtualLoop) -> tuple[Line, Hearing, Ears, Voice, Thinker, Judge | None]:
    """Each with dice of its own, so that one's whims don't change the others'."""

    def dice(name: str) -> random.Random:
        return random.Random(f"{scenario.seed} {name}")

    line = Line(loop, scenario.steps, scenario.line, dice("line"))
    line.voice = Voice(line, scenario.voice, dice("voice"))
    return (
        line,
        Hearing(scenario.vad, dice("vad")),
        Ears(line, scenario.ear, dice("ear"), judging=dice("ear that tells turns")),
        line.voice,
        Thinker(line, scenario.mind, dice("mind")),
        None if scenario.end_of_turn is None else Judge(line, scenario.end_of_turn, dice("end of turn")),
    )
