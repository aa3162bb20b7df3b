"""What a language model is asked and what it answers, in no vendor's words."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from agents.speech import AudioFrame


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The model wants this done. ``arguments`` is JSON as the model wrote it: check it."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Message:
    role: Literal["system", "user", "assistant", "tool"]
    text: str
    tool_calls: tuple[ToolCall, ...] = ()
    answers: str = ""
    """For the role "tool": the id of the call this is the result of."""


@dataclass(frozen=True, slots=True)
class Tool:
    name: str
    description: str
    parameters: Mapping[str, object] = field(default_factory=dict)
    """A JSON schema."""


@dataclass(frozen=True, slots=True)
class Text:
    """A few more letters of the answer. ``is_spoken``: the model speaks them itself, and their ``Sound`` comes."""

    delta: str
    is_spoken: bool = False


@dataclass(frozen=True, slots=True)
class Sound:
    """A piece of the answer as it is spoken: mono 16-bit PCM. Its words come before it, or with it."""

    pcm: bytes
    rate_hz: int


@dataclass(frozen=True, slots=True)
class Finished:
    """The answer is whole."""

    reason: str
    """"stop", "length", "tool_calls", "content_filter"."""
    prompt_tokens: int
    reply_tokens: int
    first_token_ms: int
    prompt_audio_tokens: int = 0
    """Of ``prompt_tokens``: what was heard costs more than what was read."""
    reply_audio_tokens: int = 0
    cached_tokens: int = 0
    """Of ``prompt_tokens``: known from before, and cheaper."""


LLMEvent = Text | Sound | ToolCall | Finished


class LLM(Protocol):
    """A model to converse with."""

    @property
    def name(self) -> str: ...

    def stream(self, messages: Sequence[Message], tools: Sequence[Tool]) -> AsyncIterator[LLMEvent]:
        """Text as it comes, then tool calls, then ``Finished``. Closing the iterator stops the work.
        Raises ``agents.speech.ProviderError``, having tried again where that could help."""

    async def close(self) -> None: ...


class RealtimeModel(LLM, Protocol):
    """A model that hears and speaks (speech to speech). It keeps the conversation itself; ``stream`` is given ours all the same, and
    ours counts. Of the caller's turn it takes the sound where it has heard it, else the words. All but ``stream`` returns at once."""

    def listen(self) -> None:
        """There is a line: from now on answers are spoken (``Text.is_spoken``, ``Sound``). Without, they are words."""

    def start(self, at_ms: int) -> None:
        """The caller began to speak at this moment."""

    def push(self, frame: AudioFrame, at_ms: int) -> None:
        """Every frame of the call; ``at_ms`` is where it begins."""

    def forget(self) -> None:
        """What the caller said since ``start`` was nothing, or was answered without this model."""

    def commit(self) -> None:
        """What was asked last was the caller's turn."""

    def was_heard(self, heard_ms: int, text: str) -> None:
        """Of the answer to it so much sound reached the caller, and ``text`` is how our conversation has it."""

    def tools_done(self, calls: Sequence[ToolCall], results: Sequence[str]) -> None:
        """What came of them."""

    def aside(self, instructions: str, told: str) -> AsyncIterator[LLMEvent]:
        """An answer in words, beside the conversation. Raises as ``stream`` does."""
