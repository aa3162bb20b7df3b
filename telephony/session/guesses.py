"""What the caller says in this turn, kept to be listened to again: does the voice sound finished? One question at a time.

StartUtterance ─▶ start        every frame ─▶ push        GuessTurnEnd ─▶ ask ─▶ EndOfTurn.predict ─▶ TurnEndGuessed
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine

from agents.speech import AudioFrame, EndOfTurn, ProviderError
from telephony.session.signals import GuessTurnEnd, TurnEndGuessed

logger = logging.getLogger(__name__)

FRAME_MS = 20
KEPT_MS = 8_000
PRE_ROLL_MS = 500
"""Before the onset: a beginning sounds like one when there is silence before it."""

Spawn = Callable[[Coroutine[None, None, None]], asyncio.Task[None]]


class Guesser:
    """For one call. Without a model nothing is kept, and nobody is asked."""

    def __init__(self, model: EndOfTurn | None, spawn: Spawn, tell: Callable[[TurnEndGuessed], None]) -> None:
        self.tell_lost: Callable[[str], None] = lambda why: None
        """Called once, if the model breaks: the call goes on without."""
        self._model = model
        self._spawn = spawn
        self._tell = tell
        self._frames: deque[bytes] = deque(maxlen=KEPT_MS // FRAME_MS)
        self._end_ms = self._since_ms = 0
        self._asking: asyncio.Task[None] | None = None

    def push(self, frame: AudioFrame, at_ms: int) -> None:
        """Of the session's length and rate."""
        if self._model is not None:
            self._frames.append(frame.pcm)
            self._end_ms = at_ms + FRAME_MS

    def start(self, at_ms: int) -> None:
        """A new turn of the caller's began at that moment."""
        self._since_ms = at_ms

    def ask(self, question: GuessTurnEnd) -> None:
        """Whatever was asked before isn't waited for any more."""
        if self._model is None:
            return
        if self._asking is not None:
            self._asking.cancel()
        self._asking = self._spawn(self._ask(self._model, question))

    async def _ask(self, model: EndOfTurn, question: GuessTurnEnd) -> None:
        try:
            probability = await model.predict(self._heard())
        except ProviderError as error:
            self._lose(error.message)
            return
        except Exception as error:
            logger.exception("The end-of-turn model broke.")
            self._lose(f"{type(error).__name__}: {error}")
            return
        if probability is not None:
            self._tell(TurnEndGuessed(question.utterance, question.stopped_ms, probability))

    def _lose(self, why: str) -> None:
        self._model = None
        self._frames.clear()
        self.tell_lost(f"From here on nobody listens to whether the caller sounds finished: {why}")

    def _heard(self) -> bytes:
        count = max(0, self._end_ms - self._since_ms + PRE_ROLL_MS) // FRAME_MS
        return b"".join(list(self._frames)[-count:] if count else [])
