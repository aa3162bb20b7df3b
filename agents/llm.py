"""What a language model is asked and what it answers, in no vendor's words."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol


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
    """A few more letters of the answer."""

    delta: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The answer is whole."""

    reason: str
    """"stop", "length", "tool_calls", "content_filter"."""
    prompt_tokens: int
    reply_tokens: int
    first_token_ms: int


LLMEvent = Text | ToolCall | Finished


class LLM(Protocol):
    """A model to converse with."""

    @property
    def name(self) -> str: ...

    def stream(self, messages: Sequence[Message], tools: Sequence[Tool]) -> AsyncIterator[LLMEvent]:
        """Text as it comes, then tool calls, then ``Finished``. Closing the iterator stops the work.
        Raises ``agents.speech.ProviderError``, having tried again where that could help."""

    async def close(self) -> None: ...
