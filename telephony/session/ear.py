"""The transcriber of one call, opened again if it breaks.

What is pushed before it is open waits, as far as it is needed for the utterance that has begun.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress

from agents.speech import STT, AudioFrame, ProviderError, STTStream, Transcript
from telephony.session.streams import closing

logger = logging.getLogger(__name__)

_OPENINGS = 3
"""How often it is opened in a call before it counts as lost."""
_KEPT_FRAMES = 500


class EarBroken(Exception):
    """It can't be opened (again)."""


class Ear:
    """``STTStream``, whatever happens to it. Only ``transcripts`` waits."""

    def __init__(self, stt: STT, *, language: str, keywords: tuple[str, ...]) -> None:
        self.openings = 0
        self.failure = ""
        """What went wrong last."""
        self._stt = stt
        self._language = language
        self._keywords = keywords
        self._stream: STTStream | None = None
        self._frames: deque[tuple[AudioFrame, int]] = deque(maxlen=_KEPT_FRAMES)
        self._started: tuple[int, int] | None = None
        self._flush_at_ms: int | None = None
        self._expected: str | None = None

    def expect(self, kind: str | None) -> None:
        self._expected = kind
        if self._stream is not None:
            self._stream.expect(kind)

    def start(self, utterance: int, at_ms: int) -> None:
        self._started, self._flush_at_ms = (utterance, at_ms), None
        while self._frames and self._frames[0][1] < at_ms - 500:
            self._frames.popleft()
        if self._stream is not None:
            self._stream.start(utterance, at_ms)

    def push(self, frame: AudioFrame, at_ms: int) -> None:
        self._frames.append((frame, at_ms))
        if self._started is None and len(self._frames) > 25:
            self._frames.popleft()  # only the run-up of an utterance that may begin
        if self._stream is not None:
            self._stream.push(frame, at_ms)

    def flush(self, at_ms: int) -> None:
        self._flush_at_ms = at_ms
        if self._stream is not None:
            self._stream.flush(at_ms)

    def end(self) -> None:
        self._started = self._flush_at_ms = None
        if self._stream is not None:
            self._stream.end()

    async def transcripts(self) -> AsyncIterator[Transcript]:
        """All there are, across openings. Raises ``EarBroken`` when it is lost for good."""
        while True:
            self.openings += 1
            try:
                self._stream = await self._stt.open(language=self._language, keywords=self._keywords)
                self._stream.expect(self._expected)
                self._catch_up(self._stream)
                async with closing(self._stream.transcripts()) as transcripts:
                    async for transcript in transcripts:
                        yield transcript
                self.failure = "It stopped listening."
            except ProviderError as error:
                self.failure = error.message
                if error.permanent:
                    self.openings = _OPENINGS
            except Exception as error:
                logger.exception("The transcriber broke.")
                self.failure = f"{type(error).__name__}: {error}"
            await self.close()
            if self.openings >= _OPENINGS:
                raise EarBroken(self.failure)

    async def close(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            with suppress(ProviderError):
                await stream.close()

    def _catch_up(self, stream: STTStream) -> None:
        if self._started is None:
            return
        utterance, at_ms = self._started
        begun = False
        for frame, frame_ms in self._frames:
            if not begun and frame_ms >= at_ms:
                stream.start(utterance, at_ms)
                begun = True
            stream.push(frame, frame_ms)
        if not begun:
            stream.start(utterance, at_ms)
        if self._flush_at_ms is not None:
            stream.flush(self._flush_at_ms)
