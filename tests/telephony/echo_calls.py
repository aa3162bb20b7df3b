"""Whole calls over a line with an echo: Piper's voice, the real Silero and Whisper, in virtual time.

The transcriber takes none of the call's time but ``STT_MS``: the clock, which is the caller's audio, stands still while it thinks.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from agents.providers.local.whisper_model import WhisperModel
from agents.spec import AgentSpec
from agents.speech import AudioFrame, Transcript
from telephony.audio import vad
from telephony.session.events import BargedIn, Happened, StateChanged, TurnEnded
from telephony.session.session import Session
from tests.echo_line import EchoLine
from tests.fakes import (
    FRAME_MS,
    Agent,
    FakeMind,
    FakeSTT,
    FakeTransport,
    FakeTTS,
    Listening,
    Speech,
    Spoken,
    Step,
    VirtualTime,
)
from tests.spoken import WEIGHTS, spoken

RATE_HZ = 16_000
STT_MS = 160
PRE_ROLL_MS = 320
INTERIM_MS = 500
ROOM_RMS = 12


@lru_cache(maxsize=1)
def _whisper() -> WhisperModel:
    return WhisperModel(WEIGHTS / "whisper-base")


def says(text: str) -> Speech:
    """As the caller says it: by the same voice as the agent's, a little slower, without the silence around it."""
    return Speech(text, len(_voice(text)) // 16 // FRAME_MS * FRAME_MS)


@lru_cache(maxsize=32)
def _voice(text: str) -> np.ndarray:
    sound = np.frombuffer(spoken(text, 0.9), dtype="<i2").astype(float)
    loud = np.flatnonzero(np.abs(sound) > 500)
    return sound[loud[0] : loud[-1] + 1]


class EchoingTransport(FakeTransport):
    """The caller's own voice, and the agent's that comes back. ``line`` None: a line without an echo."""

    def __init__(
        self, time: VirtualTime, script: Sequence[Step], line: EchoLine | None, *, loudness: float = 1.0
    ) -> None:
        super().__init__(time, script)
        self._line = line
        self._loudness = loudness
        self._dice = np.random.default_rng(4)

    async def frames(self) -> AsyncGenerator[AudioFrame]:
        for step in self._script:
            async with aclosing(self._act(step)) as frames:
                at = 0
                async for _ in frames:
                    sound = self._dice.normal(0, ROOM_RMS, 320)
                    if isinstance(step, Speech):
                        said = _voice(step.text)[at : at + 320] * self._loudness
                        sound[: len(said)] += said
                        at += 320
                    if self._line is not None:
                        sound += self._line.come_back()
                    self.time.advance(FRAME_MS)
                    yield AudioFrame(np.clip(sound, -32_768, 32_767).astype("<i2").tobytes(), RATE_HZ)
                    for _ in range(12):
                        await asyncio.sleep(0)
                    self._pull()
                    if self._line is not None:
                        self._line.play(self.pcm[-1])


class WhisperNow(FakeSTT):
    """``STT``: what Whisper hears in the frames that it is given."""

    async def open(self, *, language: str, keywords: tuple[str, ...]) -> _Stream:
        return _Stream(self.transport.time)


class _Stream:
    def __init__(self, time: VirtualTime) -> None:
        self._time = time
        self._queue: asyncio.Queue[tuple[int, Transcript]] = asyncio.Queue()
        self._sound = bytearray()
        self._until_ms = 0
        self._utterance: int | None = None
        self._begin = 0
        self._interim_ms = 0

    def start(self, utterance: int, at_ms: int) -> None:
        self._utterance = utterance
        self._begin = max(0, at_ms - PRE_ROLL_MS) * 32
        self._interim_ms = self._until_ms + INTERIM_MS

    def push(self, frame: AudioFrame, at_ms: int) -> None:
        self._sound += frame.pcm
        self._until_ms = at_ms + FRAME_MS
        if self._utterance is not None and self._until_ms >= self._interim_ms:
            self._interim_ms += INTERIM_MS
            self._tell(self._until_ms, is_final=False)

    def flush(self, at_ms: int) -> None:
        self._tell(at_ms, is_final=True)

    def expect(self, kind: str | None) -> None: ...

    def end(self) -> None:
        self._utterance = None

    async def close(self) -> None: ...

    async def transcripts(self) -> AsyncIterator[Transcript]:
        while True:
            due_ms, transcript = await self._queue.get()
            await self._time.sleep(due_ms - self._time.now_ms)
            yield transcript

    def _tell(self, at_ms: int, *, is_final: bool) -> None:
        if self._utterance is None:
            return
        model = _whisper()
        heard = model.hear(np.frombuffer(bytes(self._sound[self._begin :]), dtype="<i2"), model.prompt("en", ()))
        text, sure = heard or ("", 0.0)
        self._queue.put_nowait(
            (self._time.now_ms + STT_MS, Transcript(text, is_final, self._utterance, at_ms, sure, STT_MS))
        )


class PiperNow(FakeTTS):
    """``TTS``: the agent's voice."""

    rate_hz = RATE_HZ

    async def speak(self, text: str, *, speed: float) -> AsyncIterator[bytes]:
        await self.time.sleep(self.delay_ms)
        yield spoken(text)


@dataclass
class EchoCall:
    heard: Listening
    line: EchoingTransport
    agent: Agent

    @property
    def turns(self) -> list[tuple[str, str]]:
        return [(turn.role, turn.text) for turn in self.heard.of(TurnEnded)]

    @property
    def interruptions(self) -> list[BargedIn]:
        return self.heard.of(BargedIn)

    @property
    def states(self) -> list[str]:
        return [event.state for event in self.heard.of(StateChanged)]

    def happened(self, kind: str) -> list[Happened]:
        return [event for event in self.heard.of(Happened) if event.kind == kind]

    def silent_after_ms(self, said: int) -> int:
        """From the first sample of the caller's ``said``-th speech until the agent was hushed."""
        begin_ms = self.line.spoken[said].begin_ms
        return min(
            event.at_ms - begin_ms
            for event in self.heard.of(StateChanged)
            if event.state == "listening" and event.at_ms > begin_ms
        )

    @property
    def caller(self) -> list[Spoken]:
        return self.line.spoken


async def call(
    script: Sequence[Step],
    answers: Mapping[str, str] | Any,
    line: EchoLine | None,
    *,
    loudness: float = 1.0,
    greeting: str = "Hello, this is the front desk of Bright Smile, how can I help you?",
    **spec: Any,
) -> EchoCall:
    from agents.mind import Say

    time = VirtualTime()
    transport = EchoingTransport(time, script, line, loudness=loudness)
    agent = Agent(
        AgentSpec.model_validate({"listens": {"echo_guard": True}, **spec}),
        WhisperNow(transport),
        PiperNow(time),
        FakeMind(time, answers, greeting=(Say(greeting),)),
    )
    ear = vad.VAD(vad.load(WEIGHTS / "silero-vad-v6" / "silero_vad_v6.onnx"))
    heard = Listening()
    session = Session(transport=transport, agent=agent, vad=ear, listener=heard)  # type: ignore[arg-type]
    assert await session.run() == "caller_hung_up"
    return EchoCall(heard, transport, agent)
