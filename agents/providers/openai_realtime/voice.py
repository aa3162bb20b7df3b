"""The model's own voice for words that are not the model's: greetings, questions, goodbyes. ``agents.speech.TTS``.

A model that converses may say something else than it was given. So what it says is compared with that, as it comes, and a line that
was right is kept for the next call.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Hashable
from contextlib import aclosing
from typing import Protocol

from rapidfuzz import fuzz

from agents.llm import Finished, LLMEvent, Sound, Text
from agents.providers.openai_realtime import wire
from agents.speech import ProviderError

MOST_LINES = 200
LIKE = 70
"""So many of a hundred letters that are said must be those that were given: transcripts differ in a hyphen or a numeral."""
SURE_LETTERS = 12
PIECE_BYTES = wire.RATE_HZ * 2 // 5


class Reads(Protocol):
    def read_out(self, text: str) -> AsyncIterator[LLMEvent]: ...


_lines: OrderedDict[Hashable, bytes] = OrderedDict()
"""Of this process: (whose, which voice, text) → sound."""


class RealtimeVoice:
    rate_hz = wire.RATE_HZ
    can_ipa = False

    def __init__(
        self,
        whose: Hashable,
        model: Callable[[], Reads | None],
        make: Callable[[], Awaitable[tuple[Reads, Callable[[], Awaitable[None]]]]],
    ) -> None:
        """``model``: the one of this call, if there is one; else ``make`` gives one, and what closes it."""
        self._whose = whose
        self._model = model
        self._make = make

    async def speak(self, text: str, *, speed: float) -> AsyncIterator[bytes]:
        """The speed is the model's, for the whole call."""
        key = (self._whose, text)
        if (known := _lines.get(key)) is not None:
            _lines.move_to_end(key)
            for at in range(0, len(known), PIECE_BYTES):
                yield known[at : at + PIECE_BYTES]
            return
        spoken = bytearray()
        async with aclosing(self._read(text)) as pieces:
            async for pcm in pieces:
                spoken += pcm
                yield pcm
        _lines[key] = bytes(spoken)
        while len(_lines) > MOST_LINES:
            _lines.popitem(last=False)

    async def _read(self, text: str) -> AsyncGenerator[bytes]:
        model, close = self._model(), None
        if model is None:
            model, close = await self._make()
        try:
            async with aclosing(_checked(text, model.read_out(text))) as pieces:
                async for pcm in pieces:
                    yield pcm
        finally:
            if close is not None:
                await close()


async def _checked(text: str, events: AsyncIterator[LLMEvent]) -> AsyncGenerator[bytes]:
    """Its sound, as long as its words are the right ones. Sound without words waits for them."""
    said, waiting, is_whole = "", list[bytes](), False
    try:
        async for event in events:
            match event:
                case Text(delta):
                    said += delta
                    if not is_like(said, text, is_whole=False):
                        raise ProviderError("The voice said something else than it was given.")
                case Sound(pcm):
                    waiting.append(pcm)
                case Finished(reason):
                    is_whole = reason == "stop"
                case _:
                    pass
            if len(_letters(said)) >= min(SURE_LETTERS, len(_letters(text))):
                for pcm in waiting:
                    yield pcm
                waiting.clear()
    finally:
        if (close := getattr(events, "aclose", None)) is not None:
            await close()
    if not is_whole or not is_like(said, text, is_whole=True):
        raise ProviderError("The voice did not say all that it was given.")
    for pcm in waiting:
        yield pcm


def is_like(said: str, text: str, *, is_whole: bool) -> bool:
    """Whether ``said`` is ``text``, or the beginning of it."""
    given, got = _letters(text), _letters(said)
    if not is_whole:
        if len(got) < SURE_LETTERS:
            return True
        given = given[: len(got)]
    return fuzz.ratio(given, got) >= LIKE


def _letters(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum())
