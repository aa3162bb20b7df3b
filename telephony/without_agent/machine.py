"""Listening for who has picked up a call of ours, on the worker's own line, before the agent says a word."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from agents.live import LiveAgent
from agents.speech import AudioFrame, ProviderError, STTStream
from agents.standby import ears_of
from telephony.audio.machines import Detector, Greeting
from telephony.without_agent.line import BareLine

logger = logging.getLogger(__name__)

OPEN_SECONDS = 4.0
CLOSE_SECONDS = 2.0


async def who_is_there(line: BareLine, agent: LiveAgent, *, is_late: bool = False) -> Detector:
    """Its ``verdict`` is ``None`` where they hung up first. The agent's transcriber helps where it can; the sound alone will do."""
    detector = Detector(agent.spec.sounds.language, is_late=is_late)
    words = _Words(agent, detector)
    try:
        await line.hear(words.push)
    finally:
        await words.close()
    return detector


async def until_its_turn(line: BareLine, *, has_beeped: bool) -> bool:
    """Until a machine's greeting is over and it records. False: it hung up."""
    greeting = Greeting(beeps=has_beeped)
    return await line.hear(lambda frame: greeting.push(frame.pcm))


class _Words:
    """Frames to the detector, and to a transcriber whose words go there, too."""

    def __init__(self, agent: LiveAgent, detector: Detector) -> None:
        self._agent, self._detector = agent, detector
        self._stream: STTStream | None = None
        self._utterance = 0
        self._is_open = False
        self._reading = asyncio.create_task(self._read())

    def push(self, frame: AudioFrame) -> bool:
        detector, stream = self._detector, self._stream
        at_ms = detector.now_ms
        was_speaking = detector.is_speaking
        is_decided = detector.push(frame.pcm) is not None
        if stream is not None and not is_decided:
            if detector.is_speaking and not was_speaking:
                self._utterance += 1
                self._is_open = True
                stream.start(self._utterance, at_ms)
            if self._is_open:
                stream.push(frame, at_ms)
            if was_speaking and not detector.is_speaking and self._is_open:
                self._is_open = False
                stream.flush(detector.now_ms)
        return is_decided

    async def _read(self) -> None:
        ears = ears_of(self._agent).candidates()
        spec = self._agent.spec
        if not ears:
            return
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                stream = await ears[0].thing.open(language=spec.sounds.language, keywords=spec.listens.keywords)
            self._stream = stream
            async for heard in stream.transcripts():
                self._detector.words(heard.text)
        except (ProviderError, TimeoutError) as error:
            logger.info("Nobody writes down who picks up: %s", error)
        except Exception:
            logger.exception("The transcriber broke while it was listened for a machine")

    async def close(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            with contextlib.suppress(Exception):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await stream.close()
        self._reading.cancel()
        await asyncio.wait({self._reading}, timeout=CLOSE_SECONDS)
