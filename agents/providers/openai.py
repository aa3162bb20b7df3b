"""Any language model behind an OpenAI-compatible address: OpenAI itself, vLLM, Ollama, llama.cpp, a company's gateway.

The protocol is chat completions as a stream: https://platform.openai.com/docs/api-reference/chat-streaming
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents.llm import Finished, LLMEvent, Message, Text, Tool, ToolCall
from agents.mind import Mind
from agents.providers.offers import Offer, Problem, Provider, Surroundings
from agents.spec import AgentSpec
from agents.speech import ProviderError

if TYPE_CHECKING:
    import httpx2
    from openai import AsyncOpenAI
    from openai.types.chat import ChatCompletionChunk

OPENAI_URL = "https://api.openai.com/v1"
CONNECT_S = 3.0
FIRST_TOKEN_S = 5.0
"""A caller waits: after this the question is put once more, and then it is a failure."""
NEXT_TOKEN_S = 8.0
NO_WORDS_S = 20.0
"""A model that thinks before it speaks sends signs of life and no words: so long, and no longer, a caller can be left in silence."""
MAX_RETRY_AFTER_S = 1.5
ATTEMPTS = 2


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a model is and how it is asked."""

    model: str
    base_url: str = ""
    api_key: str = ""
    temperature: float | None = 0.3
    max_tokens: int = 250
    first_token_s: float = FIRST_TOKEN_S
    next_token_s: float = NEXT_TOKEN_S
    no_words_s: float = NO_WORDS_S
    takes_max_completion_tokens: bool = True
    takes_usage: bool = True

    @property
    def where(self) -> str:
        return self.base_url or "api.openai.com"


async def sdk_ready(http_client: Callable[[], httpx2.AsyncClient] | None = None) -> None:
    """The SDK imported and used once, off the loop: that takes up to seconds, in which no call would hear anything."""
    await asyncio.to_thread(_use_once, http_client)


def _use_once(http_client: Callable[[], httpx2.AsyncClient] | None) -> None:
    from openai import AsyncOpenAI
    from openai.types.chat import ChatCompletionChunk

    client = AsyncOpenAI(api_key="none", http_client=http_client() if http_client else None)
    _ = client.chat.completions, ChatCompletionChunk  # each is loaded when it is looked at
    importlib.import_module("agents.reply")


class OpenAILLM:
    """``agents.llm.LLM``. One a call: it keeps the connection open between turns."""

    def __init__(self, endpoint: Endpoint, http_client: Callable[[], httpx2.AsyncClient] | None = None) -> None:
        self._endpoint = replace(endpoint, takes_max_completion_tokens=not endpoint.base_url)
        self._make_http_client = http_client
        self._client: AsyncOpenAI | None = None

    @property
    def name(self) -> str:
        return self._endpoint.model

    def _connected(self) -> AsyncOpenAI:
        if self._client is None:
            import httpx2  # here, and see sdk_ready: the web process may never need it
            from openai import AsyncOpenAI

            self._client = AsyncOpenAI(
                api_key=self._endpoint.api_key or "none",  # local servers want none, the SDK wants one
                base_url=self._endpoint.base_url or OPENAI_URL,
                http_client=self._make_http_client() if self._make_http_client else None,
                timeout=httpx2.Timeout(self._endpoint.next_token_s + 2, connect=CONNECT_S),
                max_retries=0,
            )
        return self._client

    async def stream(self, messages: Sequence[Message], tools: Sequence[Tool]) -> AsyncIterator[LLMEvent]:
        """Words as they come, then the tools to call, then how it ended. Raises ``ProviderError`` in plain words."""
        attempts_left = ATTEMPTS
        tried = {self._endpoint}
        while True:
            attempts_left -= 1
            has_begun = False
            answer = self._once(messages, tools)
            try:
                async for event in answer:
                    has_begun = True
                    yield event
                return
            except _Unsupported as refusal:
                if refusal.endpoint in tried:  # it complains of the simpler way as well
                    raise refusal.error from refusal.__cause__
                self._endpoint = refusal.endpoint
                tried.add(refusal.endpoint)
                attempts_left += 1
            except _Failed as failure:
                if failure.error.permanent or has_begun or attempts_left <= 0:
                    raise failure.error from failure.__cause__
                await asyncio.sleep(failure.retry_after_s)
            finally:
                await answer.aclose()

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def _once(self, messages: Sequence[Message], tools: Sequence[Tool]) -> AsyncGenerator[LLMEvent]:
        began = time.monotonic()
        calls: dict[int, ToolCall] = {}
        finished = Finished("", 0, 0, 0)
        wait_s = self._endpoint.first_token_s
        chunks = self._chunks(messages, tools)
        try:
            while True:
                try:
                    if not finished.first_token_ms:
                        wait_s = min(wait_s, began + self._endpoint.no_words_s - time.monotonic())
                    chunk = await asyncio.wait_for(anext(chunks), wait_s)
                except StopAsyncIteration:
                    break
                if chunk.usage is not None:
                    used = chunk.usage
                    finished = replace(finished, prompt_tokens=used.prompt_tokens, reply_tokens=used.completion_tokens)
                for choice in (chunk.choices or [])[:1]:
                    delta = choice.delta
                    if (delta.content or delta.tool_calls) and not finished.first_token_ms:
                        finished = replace(finished, first_token_ms=round((time.monotonic() - began) * 1000))
                        wait_s = self._endpoint.next_token_s
                    if delta.content:
                        yield Text(delta.content)
                    for part in delta.tool_calls or ():
                        _add(calls, part.index, part.id, part.function)
                    if choice.finish_reason:
                        finished = replace(finished, reason=choice.finish_reason)
        except TimeoutError as error:
            words = "did not answer" if not finished.first_token_ms else "stopped in the middle of its answer"
            waited_s = time.monotonic() - began if not finished.first_token_ms else wait_s
            raise _Failed(
                ProviderError(f"The model at {self._endpoint.where} {words} in {waited_s:.2g} seconds.")
            ) from error
        finally:
            await chunks.aclose()
        if not finished.reason:
            raise _Failed(ProviderError(f"The model at {self._endpoint.where} broke off in the middle of its answer."))
        for index in sorted(calls):
            yield calls[index]
        yield finished

    async def _chunks(self, messages: Sequence[Message], tools: Sequence[Tool]) -> AsyncGenerator[ChatCompletionChunk]:
        """The SDK's chunks, its errors as ours."""
        import openai
        from openai.types.chat import ChatCompletionChunk

        try:
            stream: Any = await self._connected().chat.completions.create(**self._asked(messages, tools))
            async with stream:
                async for chunk in stream:
                    if not isinstance(chunk, ChatCompletionChunk):
                        raise ValueError("not a chunk of a chat completion")
                    yield chunk
        except openai.APIError as error:
            raise self._failure(error) from error
        except ValueError as error:  # not JSON, or JSON of another shape
            raise _Failed(
                ProviderError(f"{self._endpoint.where} sent something that is not an answer of a model.")
            ) from error
        except Exception as error:
            # Told by its name: egress reads settings, and a live call imports nothing of Django's.
            if (refused := _caused_by(error, "EgressRefused")) is None:
                raise
            raise _Failed(
                ProviderError(f"{self._endpoint.where} may not be reached from here: {refused}", permanent=True)
            ) from error

    def _asked(self, messages: Sequence[Message], tools: Sequence[Tool]) -> dict[str, Any]:
        endpoint = self._endpoint
        asked: dict[str, Any] = {
            "model": endpoint.model,
            "messages": [_message(one) for one in messages],
            "stream": True,
        }
        asked["max_completion_tokens" if endpoint.takes_max_completion_tokens else "max_tokens"] = endpoint.max_tokens
        if endpoint.temperature is not None:
            asked["temperature"] = endpoint.temperature
        if endpoint.takes_usage:
            asked["stream_options"] = {"include_usage": True}
        if tools:
            asked["tools"] = [
                {"type": "function", "function": {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}}
                for tool in tools
            ]  # fmt: skip
        return asked

    def _failure(self, error: Exception) -> Exception:
        """The SDK's error in plain words, and whether trying again could help."""
        import openai

        where, model = self._endpoint.where, self._endpoint.model
        if (refused := _caused_by(error, "EgressRefused")) is not None:
            return _Failed(ProviderError(f"{where} may not be reached from here: {refused}", permanent=True))
        match error:
            case openai.BadRequestError() if (simpler := self._simpler(str(error).lower())) is not None:
                return _Unsupported(simpler, self._refused(error))
            case openai.AuthenticationError():
                return _Failed(
                    ProviderError(f"{where} refused the key. Check it under Providers and keys.", permanent=True)
                )
            case openai.PermissionDeniedError():
                return _Failed(ProviderError(f"The key may not use the model “{model}” at {where}.", permanent=True))
            case openai.NotFoundError():
                return _Failed(
                    ProviderError(
                        f"{where} has no model called “{model}”, or is not the base URL of a model's server.",
                        permanent=True,
                    )
                )
            case openai.RateLimitError() if error.code == "insufficient_quota":
                return _Failed(ProviderError(f"The account at {where} has no credit left.", permanent=True))
            case openai.RateLimitError():
                wait_s = min(_retry_after(error), MAX_RETRY_AFTER_S)
                return _Failed(ProviderError(f"{where} takes no more questions just now (rate limit)."), wait_s)
            case openai.APITimeoutError():
                return _Failed(ProviderError(f"The model at {where} did not answer in time."))
            case openai.APIConnectionError():
                return _Failed(ProviderError(f"The model's server at {where} can't be reached, or hung up."))
            case openai.APIStatusError(status_code=status) if status >= 500:
                return _Failed(ProviderError(f"{where} has trouble of its own (HTTP {status})."))
            case openai.APIStatusError():
                return _Failed(self._refused(error))
            case _:
                return _Failed(ProviderError(f"The model at {where} failed: {self._said(error)}"))

    def _refused(self, error: Any) -> ProviderError:
        where = self._endpoint.where
        return ProviderError(
            f"{where} refused the question (HTTP {error.status_code}): {self._said(error)}", permanent=True
        )

    def _said(self, error: Exception) -> str:
        """The server's words, which end up in the call's row. Some repeat the key they were sent."""
        key = self._endpoint.api_key
        return (str(error).replace(key, "…") if key else str(error))[:200]

    def _simpler(self, complaint: str) -> Endpoint | None:
        """The same without the option this server complains of; ``None`` if it complains of something else."""
        endpoint = self._endpoint
        if "max_completion_tokens" in complaint and endpoint.takes_max_completion_tokens:
            return replace(endpoint, takes_max_completion_tokens=False)
        if "max_tokens" in complaint and not endpoint.takes_max_completion_tokens:
            return replace(endpoint, takes_max_completion_tokens=True)
        if "temperature" in complaint and endpoint.temperature is not None:
            return replace(endpoint, temperature=None)
        if "stream_options" in complaint and endpoint.takes_usage:
            return replace(endpoint, takes_usage=False)
        return None


class _Failed(Exception):
    def __init__(self, error: ProviderError, retry_after_s: float = 0.0) -> None:
        super().__init__(error.message)
        self.error = error
        self.retry_after_s = retry_after_s


class _Unsupported(Exception):
    """Ask again, in this simpler way."""

    def __init__(self, endpoint: Endpoint, error: ProviderError) -> None:
        super().__init__("an option this server doesn't know")
        self.endpoint = endpoint
        self.error = error
        """To raise where that way was tried already."""


def _caused_by(error: BaseException | None, name: str) -> str | None:
    while error is not None:
        if type(error).__name__ == name:
            return str(error)
        error = error.__cause__ or error.__context__
    return None


def _retry_after(error: Any) -> float:
    try:
        return max(0.0, float(error.response.headers.get("retry-after", "0.5")))
    except ValueError:  # a date
        return MAX_RETRY_AFTER_S


def _add(calls: dict[int, ToolCall], index: int, call_id: str | None, function: Any) -> None:
    """A tool call comes in parts: id and name once, the arguments bit by bit."""
    known = calls.get(index) or ToolCall(call_id or f"call_{index}", "", "")
    name = (function.name or "") if function else ""
    arguments = (function.arguments or "") if function else ""
    calls[index] = ToolCall(call_id or known.id, known.name or name, known.arguments + arguments)


def _message(message: Message) -> dict[str, Any]:
    said: dict[str, Any] = {"role": message.role, "content": message.text}
    if message.tool_calls:
        said["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.tool_calls
        ]
        said["content"] = message.text or None
    if message.answers:
        said["tool_call_id"] = message.answers
    return said


def _offers(weights: Path) -> tuple[Offer, ...]:
    return (
        Offer(
            "openai", "Language model", "model", "Any OpenAI-compatible model: by its address, its name and a key. Converses freely.",
            price="As your provider charges; a local server is free", needs_credential=True,
        ),
    )  # fmt: skip


def _problems(spec: AgentSpec) -> list[Problem]:
    found: list[Problem] = []
    if spec.knows.model != "openai":
        return [
            Problem(
                "knows.model_fallbacks",
                "A language model is set up where it is the brain. Choose it there, and “Scripted” as what is used if it fails.",
            )
        ]
    if not spec.knows.model_name.strip():
        found.append(Problem("knows.model_name", "Say which model: its name as your provider writes it."))
    if not spec.knows.base_url and not spec.knows.credential:
        found.append(Problem("knows.credential", "Choose a key, or give the address of a server that needs none."))
    return found


async def _make(spec: AgentSpec, around: Surroundings) -> Mind:
    from agents.reply import LLMMind

    key = around.secrets.get(spec.knows.credential, "") if spec.knows.credential else ""
    if spec.knows.credential and not key:
        raise ProviderError(f"The key “{spec.knows.credential}” is not among the stored keys.", permanent=True)
    await sdk_ready(around.http_client)
    endpoint = Endpoint(
        spec.knows.model_name.strip(),
        spec.knows.base_url.strip(),
        key,
        spec.knows.temperature,
        spec.knows.max_reply_tokens,
    )
    return LLMMind(spec, OpenAILLM(endpoint, around.http_client), now=around.now)


def _where(spec: AgentSpec, around: Surroundings) -> str:
    knows = spec.knows
    account = hashlib.sha256(around.secrets.get(knows.credential, "").encode()).hexdigest()[:12]
    return f"{knows.base_url.strip() or OPENAI_URL} {knows.model_name.strip()} {account}"


def _keys(spec: AgentSpec) -> dict[str, str]:
    return {spec.knows.credential: spec.knows.base_url.strip() or OPENAI_URL} if spec.knows.credential else {}


PROVIDER = Provider(
    "openai",
    _offers,
    make_mind=_make,
    problems=lambda spec: _problems(spec) if "openai" in (spec.knows.model, *spec.knows.model_fallbacks) else [],
    keys=_keys,
    where=_where,
    called=lambda spec, offer: f"The model at {spec.knows.base_url.strip() or 'api.openai.com'}",
)
