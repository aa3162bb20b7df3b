"""What was said in a sound that is there already, as the agent's transcriber hears it: sentence by sentence, with its place."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from agents import live
from agents.spec import AgentSpec
from agents.speech import STT, AudioFrame, ProviderError, STTStream

FRAME_BYTES = 640
RATE_HZ = 16_000
FRAME_MS = 20
PAUSE_FRAMES = 35
"""So long a pause parts what was said."""
EDGE_FRAMES = 10
"""Kept around it: words begin and end quietly."""
LONGEST_FRAMES = 1_000
QUIETEST = 90.0
"""RMS of 16-bit samples below which a frame holds no speech, however quiet the rest is."""
WORK_SECONDS = 60.0
"""Beside as long as the sound lasts: a slow machine needs as much."""
AT_A_TIME = 50
"""Frames, then others get a turn."""


@dataclass(frozen=True, slots=True)
class Passage:
    text: str
    start_ms: int
    end_ms: int
    confidence: float | None = None


async def transcribe(spec: AgentSpec, secrets: Mapping[str, str], pcm: bytes) -> list[Passage]:
    """``pcm``: mono, 16 bits, 16,000 Hz. Empty where nobody spoke. Raises ``ProviderError`` where none of the agent's transcribers can."""
    parts = spoken(pcm)
    if not parts:
        return []
    ears = await live.ears(spec, secrets)
    failure = ProviderError(ears.why_nobody(), permanent=True)
    for member in ears.candidates():
        try:
            async with asyncio.timeout(WORK_SECONDS + len(pcm) / (2 * RATE_HZ)):
                return await _hear(member.thing, spec, pcm, parts)
        except ProviderError as error:
            failure = error
        except TimeoutError:
            failure = ProviderError("The transcriber took too long.")
    raise failure


def spoken(pcm: bytes) -> list[tuple[int, int]]:
    """Where somebody speaks, in frames, parted at pauses and after 20 s at the latest."""
    count = len(pcm) // FRAME_BYTES
    if not count:
        return []
    frames = np.frombuffer(pcm[: count * FRAME_BYTES], dtype="<i2").astype(np.float32).reshape(count, -1)
    level = np.sqrt(np.square(frames).mean(axis=1))
    loud = np.flatnonzero(level > max(QUIETEST, float(np.percentile(level, 95)) * 0.08))
    parts: list[tuple[int, int]] = []
    for at in loud.tolist():
        start, end = max(0, at - EDGE_FRAMES), min(count, at + 1 + EDGE_FRAMES)
        if parts and start - parts[-1][1] < PAUSE_FRAMES and end - parts[-1][0] <= LONGEST_FRAMES:
            parts[-1] = (parts[-1][0], end)
        else:
            parts.append((max(start, parts[-1][1]) if parts else start, end))
    return parts


async def _hear(stt: STT, spec: AgentSpec, pcm: bytes, parts: list[tuple[int, int]]) -> list[Passage]:
    stream = await stt.open(language=spec.sounds.language, keywords=spec.listens.keywords)
    try:
        found = [await _hear_one(stream, pcm, number, *part) for number, part in enumerate(parts)]
    finally:
        await stream.close()
    return [passage for passage in found if passage.text]


async def _hear_one(stream: STTStream, pcm: bytes, number: int, start: int, end: int) -> Passage:
    start_ms, end_ms = start * FRAME_MS, end * FRAME_MS
    stream.start(number, start_ms)
    for at in range(start, end):
        stream.push(AudioFrame(pcm[at * FRAME_BYTES : (at + 1) * FRAME_BYTES], RATE_HZ), at * FRAME_MS)
        if at % AT_A_TIME == 0:
            await asyncio.sleep(0)
    stream.flush(end_ms)
    async for heard in stream.transcripts():
        if heard.is_final and heard.utterance == number and heard.until_ms >= end_ms:
            stream.end()
            return Passage(heard.text.strip(), start_ms, end_ms, heard.confidence)
    raise ProviderError("The transcriber ended before it had heard everything.")
