"""An agent without models, for tests of everything around it: it hums its words at 1 kHz and hears nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import numpy as np

from agents.conversation import Conversation
from agents.live import LiveAgent
from agents.menu_mind import WithMenu
from agents.mind import Mind, ReplyPart, Say, Utterance, Value
from agents.spec import AgentSpec
from agents.speech import STT, AudioFrame, Transcript
from agents.standby import Chain, Voice


class HummingTTS:
    rate_hz = 24_000
    can_ipa = False

    async def speak(self, text: str, *, speed: float) -> AsyncIterator[bytes]:
        t = np.arange(int(self.rate_hz * 0.05 * len(text))) / self.rate_hz
        yield (np.sin(2 * np.pi * 1_000 * t) * 8_000).astype("<i2").tobytes()


class DeafStream:
    def __init__(self) -> None:
        self._queue: asyncio.Queue[Transcript | None] = asyncio.Queue()

    def start(self, utterance: int, at_ms: int) -> None: ...
    def push(self, frame: AudioFrame, at_ms: int) -> None: ...
    def flush(self, at_ms: int) -> None: ...
    def expect(self, kind: str | None) -> None: ...
    def end(self) -> None: ...

    async def transcripts(self) -> AsyncIterator[Transcript]:
        while (transcript := await self._queue.get()) is not None:
            yield transcript

    async def close(self) -> None:
        self._queue.put_nowait(None)


class DeafSTT:
    async def open(self, *, language: str, keywords: tuple[str, ...]) -> DeafStream:
        return DeafStream()


class SimpleMind:
    def __init__(self, spec: AgentSpec) -> None:
        self._spec = spec

    def greet(self) -> list[ReplyPart]:
        return [Say(self._spec.says.first_message)]

    async def reply(self, utterance: Utterance, conversation: Conversation) -> AsyncIterator[ReplyPart]:
        yield Say(f"You said {utterance.text}.")

    def commit(self, revision: int) -> None: ...

    def collected(self) -> dict[str, Value]:
        return {}

    async def close(self) -> None: ...


async def make(spec: AgentSpec, secrets: Mapping[str, str]) -> LiveAgent:
    """In the place of ``agents.live.make``."""
    mind: Mind = SimpleMind(spec)
    if spec.does.has_menu:
        mind = WithMenu(mind, spec)
    return LiveAgent(spec, DeafSTT(), HummingTTS(), mind, lambda text: text)


async def voices(spec: AgentSpec, secrets: Mapping[str, str]) -> Chain[Voice]:
    """In the place of ``agents.live.voices``."""
    return Chain.of_one(Voice(HummingTTS(), lambda text: text))


class CountingStream(DeafStream):
    """Understands “Passage 1.”, “Passage 2.” …, one for each time somebody has spoken."""

    def __init__(self) -> None:
        super().__init__()
        self._utterance = 0

    def start(self, utterance: int, at_ms: int) -> None:
        self._utterance = utterance

    def flush(self, at_ms: int) -> None:
        self._queue.put_nowait(Transcript(f"Passage {self._utterance + 1}.", True, self._utterance, at_ms))


class CountingSTT:
    async def open(self, *, language: str, keywords: tuple[str, ...]) -> CountingStream:
        return CountingStream()


async def ears(spec: AgentSpec, secrets: Mapping[str, str]) -> Chain[STT]:
    """In the place of ``agents.live.ears``."""
    return Chain.of_one(CountingSTT())


class SilentVAD:
    def __init__(self, start_ms: int = 0) -> None: ...

    def push(self, frame: AudioFrame) -> list[Any]:
        return []
