"""A model that hears and speaks, behind OpenAI's Realtime interface: one a call, with a connection that is replaced where it breaks.

    frames ─▶ Dialogue ─▶ Connection ─▶ server ─▶ Dialogue ─▶ the answer that it belongs to ─▶ stream

Turn-taking is the session's: the server's is switched off.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np
import soxr

from agents.llm import Finished, LLMEvent, Message, Sound, Text, Tool, ToolCall
from agents.providers.openai_realtime import wire
from agents.providers.openai_realtime.connection import Connect, Connection, address
from agents.providers.openai_realtime.dialogue import Dialogue, Role
from agents.speech import AudioFrame, ProviderError

logger = logging.getLogger(__name__)

FIRST_S = 6.0
NEXT_S = 6.0
PRE_ROLL_MS = 300
"""The beginning of a word is heard before it is known to be one."""
RENEW_AFTER_S = 20 * 60.0
"""A session ends after an hour: before that another takes its place, while nobody speaks."""
RENEW_BEFORE_S = 10 * 60.0
LOOK_S = 5.0
MOST_UNREAD_BYTES = 90 * wire.RATE_HZ * 2
"""Nobody is read out to for longer."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    model: str
    base_url: str
    api_key: str = ""
    voice: str = "marin"
    speed: float = 1.0
    max_tokens: int = wire.MOST_TOKENS

    @property
    def where(self) -> str:
        return self.base_url


@dataclass(eq=False, slots=True)
class _Answer:
    """What comes for one question, until somebody reads it."""

    events: asyncio.Queue[LLMEvent | ProviderError] = field(default_factory=asyncio.Queue)
    began_s: float = field(default_factory=time.monotonic)
    first_s: float = 0.0
    unread_bytes: int = 0
    has_called: bool = False

    def put(self, event: LLMEvent | ProviderError) -> None:
        if not self.first_s and not isinstance(event, ProviderError):
            self.first_s = time.monotonic()
        self.events.put_nowait(event)


class OpenAIRealtime:
    """``agents.llm.RealtimeModel``."""

    def __init__(self, endpoint: Endpoint, connect: Connect) -> None:
        self._endpoint = endpoint
        self._connect = connect
        self._dialogue = Dialogue()
        self._connection: Connection | None = None
        self._opening: asyncio.Task[Connection] | None = None
        self._renewing: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self._answers: dict[str, _Answer] = {}
        self._lines: dict[str, str] = {}
        """Responses beside the conversation → their tag."""
        self._tags = itertools.count(1)
        self._is_aloud = self._is_closed = False
        self._instructions, self._tools = "", tuple[Tool, ...]()
        self._session: wire.ClientEvent | None = None
        """As this connection knows it."""
        # QQ withholds nothing: what the better ones of soxr keep back would be missing at the end of a turn.
        self._resampler = soxr.ResampleStream(16_000, wire.RATE_HZ, 1, dtype="int16", quality="QQ")
        self._before: deque[tuple[bytes, int]] = deque(maxlen=PRE_ROLL_MS // 20)

    @property
    def name(self) -> str:
        return self._endpoint.model

    # ---- the caller

    def listen(self) -> None:
        self._is_aloud = True
        if not self._is_closed and self._opening is None:
            self._opening = asyncio.create_task(self._open())
            self._renewing = asyncio.create_task(self._keep_fresh())

    def start(self, at_ms: int) -> None:
        self._dialogue.start()
        for pcm, begin_ms in self._before:
            if begin_ms >= at_ms - PRE_ROLL_MS:
                self._dialogue.hear(pcm)
        self._before.clear()
        self._send()

    def push(self, frame: AudioFrame, at_ms: int) -> None:
        pcm = self._resampler.resample_chunk(np.frombuffer(frame.pcm, dtype="<i2")).tobytes()
        if self._dialogue.is_hearing:
            self._dialogue.hear(pcm)
            self._send()
        else:
            self._before.append((pcm, at_ms))

    def forget(self) -> None:
        self._dialogue.forget()
        self._send()

    def commit(self) -> None:
        self._dialogue.settle()
        self._send()

    def was_heard(self, heard_ms: int, text: str) -> None:
        self._dialogue.was_heard(heard_ms, text)
        self._send()

    def tools_done(self, calls: Sequence[ToolCall], results: Sequence[str]) -> None:
        self._dialogue.tools_done([(call.id, result) for call, result in zip(calls, results, strict=True)])
        self._send()

    # ---- answers

    async def stream(self, messages: Sequence[Message], tools: Sequence[Tool]) -> AsyncIterator[LLMEvent]:
        connection = await self._ready()
        self._instructions, self._tools = messages[0].text, tuple(tools)
        tag, answer = self._asking()
        try:
            self._tell_session(connection)
            if messages[-1].role == "tool":
                self._dialogue.go_on(tag)
            else:
                self._dialogue.ask([(_role(one), one.text) for one in messages[1:-1]], messages[-1].text, tag)
            self._send()
            async for event in self._events(answer, FIRST_S):
                yield event
        finally:
            del self._answers[tag]
            self._dialogue.stop(tag)
            self._send()

    def read_out(self, text: str) -> AsyncIterator[LLMEvent]:
        """These words, spoken as answers are, and no part of the conversation."""
        return self._beside(lambda tag: wire.read_out(tag, text))

    def aside(self, instructions: str, told: str) -> AsyncIterator[LLMEvent]:
        return self._beside(lambda tag: wire.aside(tag, instructions, told))

    def is_of(self, voice: str) -> bool:
        return self._endpoint.voice == voice and not self._is_closed

    async def _beside(self, question: Callable[[str], wire.ClientEvent]) -> AsyncIterator[LLMEvent]:
        connection = await self._ready()
        tag, answer = self._asking()
        try:
            self._tell_session(connection)
            connection.send([question(tag)])
            async for event in self._events(answer, FIRST_S):
                yield event
        finally:
            del self._answers[tag]
            for response_id in [each for each, other in self._lines.items() if other == tag]:
                del self._lines[response_id]
                connection.send([wire.cancel(response_id)])

    async def close(self) -> None:
        self._is_closed = True
        tasks = [task for task in (self._opening, self._renewing) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, *self._closing, return_exceptions=True)
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    def _asking(self) -> tuple[str, _Answer]:
        tag = f"answer_{next(self._tags)}"
        answer = self._answers[tag] = _Answer()
        return tag, answer

    async def _events(self, answer: _Answer, wait_s: float) -> AsyncIterator[LLMEvent]:
        while True:
            try:
                async with asyncio.timeout(wait_s):
                    event = await answer.events.get()
            except TimeoutError as error:
                words = "stopped in the middle of its answer" if answer.first_s else "did not answer"
                raise ProviderError(f"The model at {self._endpoint.where} {words} in {wait_s:.2g} seconds.") from error
            if isinstance(event, ProviderError):
                raise event
            if isinstance(event, Sound):
                answer.unread_bytes -= len(event.pcm)
            yield event
            if isinstance(event, Finished):
                return
            wait_s = NEXT_S

    # ---- the connection

    async def _ready(self) -> Connection:
        """An open one. Raises ``ProviderError``."""
        if self._is_closed:
            raise ProviderError("The call is over.", permanent=True)
        if self._connection is not None and self._connection.is_open:
            return self._connection
        if self._opening is None or self._opening.done():
            self._opening = asyncio.create_task(self._open())
        return await asyncio.shield(self._opening)

    async def _open(self) -> Connection:
        """A new one in place of the old: the server knows nothing any more. One that works is kept where somebody uses it by now."""
        opened = Connection(self._endpoint.where, self._on_event, self._on_lost)
        try:
            await opened.open(
                self._connect, address(self._endpoint.base_url, self._endpoint.model), self._endpoint.api_key
            )
        except BaseException:
            await opened.close()
            raise
        old = self._connection
        if old is not None and old.is_open and (self._answers or not self._dialogue.is_idle):
            await opened.close()
            return old
        self._connection = opened
        if old is not None:
            closing = asyncio.create_task(old.close())
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)
        self._session = None
        self._tell_session(opened)
        self._dialogue.reset()
        self._send()
        return opened

    async def _keep_fresh(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            held = self._connection
            if held is None or not held.is_open or not self._dialogue.is_idle or self._answers:
                continue
            now_s = time.monotonic()
            ends_soon = held.expires_s and held.expires_s - now_s < RENEW_BEFORE_S
            if now_s - held.opened_s >= RENEW_AFTER_S or (ends_soon and now_s - held.opened_s > RENEW_BEFORE_S / 2):
                with suppress(ProviderError):  # the old one does for now
                    await self._renew()

    async def _renew(self) -> None:
        if self._opening is None or self._opening.done():
            self._opening = asyncio.create_task(self._open())
            await asyncio.shield(self._opening)

    def _tell_session(self, connection: Connection) -> None:
        endpoint = self._endpoint
        wanted = wire.session(
            instructions=self._instructions,
            tools=self._tools,
            voice=endpoint.voice,
            speed=endpoint.speed,
            max_tokens=endpoint.max_tokens,
            is_aloud=self._is_aloud,
        )
        if wanted != self._session:
            self._session = wanted
            connection.send([wanted])

    def _send(self) -> None:
        events = self._dialogue.take()  # without a connection they are nothing: the next is told all anew
        if self._connection is not None and self._connection.is_open:
            self._connection.send(events)

    def _on_lost(self, why: str) -> None:
        for answer in self._answers.values():
            answer.put(ProviderError(f"The model at {self._endpoint.where} broke off."))
        logger.info("The connection to %s is lost: %s", self._endpoint.where, why)
        # Again at once: the caller may be in the middle of a sentence. Who asks meanwhile waits for it, and hears why not.
        if not self._is_closed and self._is_aloud and (self._opening is None or self._opening.done()):
            self._opening = asyncio.create_task(self._open())
            self._opening.add_done_callback(_looked_at)

    def _on_event(self, event: wire.ServerEvent) -> None:
        tag, beside = self._dialogue.receive(event), self._tag_beside(event)
        tag = tag or beside
        answer = self._answers.get(tag)
        if answer is not None:
            self._answered(answer, tag, event)
        elif isinstance(event, wire.Refused) and not event.code.endswith(("not_active", "_active_response")):
            logger.warning("%s: %s", self._endpoint.where, event.message[:200])
        self._send()

    def _tag_beside(self, event: wire.ServerEvent) -> str:
        match event:
            case wire.ResponseCreated(response_id, tag):
                if tag in self._answers:
                    self._lines[response_id] = tag
                return tag
            case wire.ResponseDone(response_id, tag):
                self._lines.pop(response_id, None)
                return tag
            case wire.Words(response_id) | wire.Spoken(response_id):
                return self._lines.get(response_id, "")
            case _:
                return ""

    def _answered(self, answer: _Answer, tag: str, event: wire.ServerEvent) -> None:
        match event:
            case wire.Words(_, delta, is_spoken):
                answer.put(Text(delta, is_spoken))
            case wire.Spoken(_, _, _, pcm):
                answer.unread_bytes += len(pcm)
                if answer.unread_bytes > MOST_UNREAD_BYTES:
                    self._dialogue.stop(tag)
                else:
                    answer.put(Sound(pcm, wire.RATE_HZ))
            case wire.Called(_, _, call_id, name, arguments):
                answer.has_called = True
                answer.put(ToolCall(call_id, name, arguments))
            case wire.ResponseDone():
                answer.put(self._finished(answer, event))
            case wire.Refused(_, kind, code, message):
                is_permanent = kind == "invalid_request_error" or code in ("insufficient_quota", "model_not_found")
                said = self._said(message or code)
                answer.put(
                    ProviderError(f"{self._endpoint.where} refused the question: {said}", permanent=is_permanent)
                )
            case _:
                pass

    def _finished(self, answer: _Answer, done: wire.ResponseDone) -> Finished | ProviderError:
        used = done.usage
        first_ms = round((answer.first_s - answer.began_s) * 1000) if answer.first_s else 0
        match done.status:
            case "failed":
                return ProviderError(f"The model at {self._endpoint.where} failed: {self._said(done.why)}")
            case "incomplete":
                reason = "content_filter" if done.why == "content_filter" else "length"
            case _:
                reason = "tool_calls" if answer.has_called else "stop"
        return Finished(
            reason, used.prompt_tokens, used.reply_tokens, first_ms,
            used.prompt_audio_tokens, used.reply_audio_tokens, used.cached_tokens,
        )  # fmt: skip

    def _said(self, words: str) -> str:
        """The server's words, which end up in the call's row. Some repeat the key they were sent."""
        key = self._endpoint.api_key
        return (words.replace(key, "…") if key else words)[:200] or "it doesn't say why"


def _role(message: Message) -> Role:
    return "assistant" if message.role == "assistant" else "user"


def _looked_at(task: asyncio.Task[Connection]) -> None:
    """It may fail with nobody waiting for it: who asks next tries again."""
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.info("No new connection: %s", error)
