"""The transcriber of one call: opened again if it breaks, and the next in order if that doesn't help.

What is pushed before it is open waits, as far as it is needed for the utterance that has begun.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress

from agents.speech import STT, AudioFrame, ProviderError, STTStream, Transcript
from agents.standby import Chain, Member, Tell, announce
from telephony.session.clock import CallClock
from telephony.session.reopening import Reopening
from telephony.session.streams import closing

logger = logging.getLogger(__name__)

OPEN_MS = 4_000
ANSWER_MS = 1_500
"""For the words of a pause, where another transcriber stands ready; without one the turn-taker decides how long it waits."""
_NEVER_MS = 10**12
_KEPT_FRAMES = 500


class EarBroken(Exception):
    """It can't be opened (again), and nobody else listens."""


class Ear:
    """``STTStream``, whatever happens to it. Only ``transcripts`` waits."""

    def __init__(self, ears: Chain[STT], clock: CallClock, *, language: str, keywords: tuple[str, ...]) -> None:
        self.failure = ""
        """What went wrong last."""
        self.tell: Tell = lambda kind, data: None
        self._ears = ears
        self._clock = clock
        self._language = language
        self._keywords = keywords
        self._histories = {id(member): Reopening() for member in ears.members}
        self._lost: set[int] = set()
        self._stream: STTStream | None = None
        self._opened_ms: int | None = None
        self._frames: deque[tuple[AudioFrame, int]] = deque(maxlen=_KEPT_FRAMES)
        self._started: tuple[int, int] | None = None
        self._flush_at_ms: int | None = None
        self._expected: str | None = None
        self._waiting = clock.timeout(_NEVER_MS)

    def expect(self, kind: str | None) -> None:
        self._expected = kind
        if self._stream is not None:
            self._stream.expect(kind)

    def start(self, utterance: int, at_ms: int) -> None:
        self._started, self._flush_at_ms = (utterance, at_ms), None
        self._waiting.move(_NEVER_MS)
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
        self._waiting.move(self._due_ms())
        if self._stream is not None:
            self._stream.flush(at_ms)

    def end(self) -> None:
        self._started = self._flush_at_ms = None
        self._waiting.move(_NEVER_MS)
        if self._stream is not None:
            self._stream.end()

    async def transcripts(self) -> AsyncIterator[Transcript]:
        """All there are, across openings and transcribers. Raises ``EarBroken`` when all are lost for good."""
        while (ear := self._choose()) is not None:
            self._opened_ms, is_permanent, was_late = None, False, False
            is_backed = self._is_backed(ear)
            if (
                not self._ears.begin(ear) and is_backed
            ):  # known to be down; where nobody else listens it is tried all the same
                self.failure = self._ears.why_nobody()
            else:
                try:
                    async with closing(self._listen(ear)) as transcripts:
                        async for transcript in transcripts:
                            yield transcript
                    self.failure = "It stopped listening."
                except TimeoutError:
                    was_late = True
                    limit_ms, deed = (OPEN_MS, "open") if self._opened_ms is None else (ANSWER_MS, "answer")
                    self.failure = f"{ear.title or 'It'} didn't {deed} within {limit_ms / 1000:g} s."
                except ProviderError as error:
                    self.failure, is_permanent = error.message, error.permanent
                except Exception as error:
                    logger.exception("The transcriber broke.")
                    self.failure = f"{type(error).__name__}: {error}"
                finally:
                    await self.close()
                    self._ears.dropped(ear)
                if not is_permanent:
                    self._ears.stumbled(ear, self.failure)
            wait_ms = self._histories[id(ear)].failed(self._clock.now_ms, self._opened_ms, is_backed=is_backed)
            if wait_ms is None or is_permanent or (was_late and is_backed):  # the caller has waited already
                self._lost.add(id(ear))
                continue
            again_ms = self._clock.now_ms + wait_ms
            while self._clock.now_ms < again_ms:
                await self._clock.next_tick()
        raise EarBroken(self.failure)

    async def close(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            with suppress(ProviderError):
                await stream.close()

    async def _listen(self, ear: Member[STT]) -> AsyncIterator[Transcript]:
        async with self._clock.timeout(OPEN_MS):
            self._stream = await ear.thing.open(language=self._language, keywords=self._keywords)
        self._opened_ms = self._clock.now_ms
        announce(self._ears, ear, "stt", self.failure, self.tell)
        self._stream.expect(self._expected)
        self._catch_up(self._stream)
        is_first = True
        async with closing(self._stream.transcripts()) as transcripts:
            while True:
                self._waiting = self._clock.timeout(0)
                self._waiting.move(self._due_ms() if self._flush_at_ms is not None else _NEVER_MS)
                try:
                    async with self._waiting:
                        transcript = await anext(transcripts)
                except StopAsyncIteration:
                    return
                if is_first:
                    is_first = False
                    self._ears.answered(ear)
                if transcript.is_final and self._flush_at_ms is not None and transcript.until_ms >= self._flush_at_ms:
                    self._flush_at_ms = None
                yield transcript

    def _due_ms(self) -> int:
        """Until when the words of a pause must have come, or the next is asked."""
        return self._clock.now_ms + ANSWER_MS if len(self._ears.members) - len(self._lost) > 1 else _NEVER_MS

    def _choose(self) -> Member[STT] | None:
        """The first in order that isn't given up: rather one that may be asked, but somebody."""
        left = [member for member in self._ears.members if id(member) not in self._lost]
        asked = [member for member in self._ears.candidates() if id(member) not in self._lost]
        return next(iter(asked or left), None)

    def _is_backed(self, ear: Member[STT]) -> bool:
        return any(id(member) not in self._lost for member in self._ears.members if member is not ear)

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
