"""A Realtime server for tests: a real WebSocket on a real port that speaks OpenAI's GA interface as documented.

Every event that comes and every event that goes passes through the SDK's own types, so that a test can't pass on a shape that OpenAI
doesn't know. It keeps the conversation as the documentation says: items with ids, sound that is committed, answers one at a time,
truncation by milliseconds. What it answers is the test's.
"""

from __future__ import annotations

import asyncio
import base64
import http
import itertools
import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
from openai.types.realtime import RealtimeClientEvent, RealtimeServerEvent
from pydantic import TypeAdapter
from websockets.asyncio.server import Request, Response, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

RATE_HZ = 24_000
_CLIENT: TypeAdapter[Any] = TypeAdapter(RealtimeClientEvent)
_SERVER: TypeAdapter[Any] = TypeAdapter(RealtimeServerEvent)


@dataclass
class Item:
    """Of the server's conversation."""

    id: str
    kind: str
    role: str = ""
    text: str = ""
    pcm: bytes = b""
    call_id: str = ""
    name: str = ""
    truncated_ms: int | None = None


@dataclass
class Talks:
    """An answer: these words are spoken, and then these tools are called."""

    text: str = ""
    calls: Sequence[tuple[str, dict[str, Any]]] = ()
    delay_s: float = 0.0
    """Before the first sound."""
    fails: str = ""
    """Instead: "server_error", "hangs", "drops" (the connection, in the middle)."""


Answering = Callable[[list[Item]], Talks]


def tone(text: str) -> bytes:
    """200 ms a word, and a pause of as much after each sentence."""
    word = (np.sin(np.arange(RATE_HZ // 5) / 9 + 1.5) * 9_000).astype("<i2").tobytes()
    return b"".join(word + (bytes(len(word)) if each[-1] in ".?!" else b"") for each in text.split())


class RealtimeStandIn:
    def __init__(self, answer: Answering, voice: Callable[[str], bytes] = tone) -> None:
        self.answer = answer
        self.voice = voice
        self.url = ""
        self.connections: list[_Session] = []
        self.refusals: list[int] = []
        """HTTP statuses for the next connections."""
        self.piece_ms = 100
        self.pace = 0.1
        """Seconds a second of its sound takes to be sent."""
        self.lasts_s = 3_600.0

    @property
    def now(self) -> _Session:
        return self.connections[-1]

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[RealtimeStandIn]:
        async with serve(self._serve, "127.0.0.1", 0, process_request=self._admit, max_size=None) as server:
            self.url = f"http://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/v1"
            yield self

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        if self.refusals:
            return connection.respond(http.HTTPStatus(self.refusals.pop(0)), "no\n")
        if urlsplit(request.path).path != "/v1/realtime":
            return connection.respond(http.HTTPStatus.NOT_FOUND, "Not Found\n")
        return None

    async def _serve(self, connection: ServerConnection) -> None:
        session = _Session(self, connection)
        self.connections.append(session)
        try:
            await session.run()
        except ConnectionClosed:
            pass
        finally:
            session.is_over.set()


@dataclass
class _Session:
    server: RealtimeStandIn
    connection: ServerConnection
    items: list[Item] = field(default_factory=list)
    received: list[dict[str, Any]] = field(default_factory=list)
    """Client events, without sound."""
    errors: list[str] = field(default_factory=list)
    config: dict[str, Any] = field(default_factory=dict)
    buffer: bytearray = field(default_factory=bytearray)
    is_over: asyncio.Event = field(default_factory=asyncio.Event)
    active: str = ""
    has_spoken: bool = False
    _ids: Any = field(default_factory=lambda: itertools.count(1))
    _tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    @property
    def headers(self) -> Any:
        assert self.connection.request is not None
        return self.connection.request.headers

    @property
    def model(self) -> str:
        assert self.connection.request is not None
        return parse_qs(urlsplit(self.connection.request.path).query)["model"][0]

    @property
    def faults(self) -> list[str]:
        """Errors but for those of a cancel that came too late, which nobody can know beforehand."""
        return [code for code in self.errors if code != "response_cancel_not_active"]

    def kinds(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.received if event["type"] == kind]

    async def run(self) -> None:
        expires = int(time.time() + self.server.lasts_s)
        await self.send("session.created", session={"type": "realtime", "id": "sess_1", "expires_at": expires})
        try:
            async for text in self.connection:
                event = json.loads(text)
                _CLIENT.validate_python(event, strict=True)
                if event["type"] != "input_audio_buffer.append":
                    self.received.append(event)
                await getattr(self, "_" + event["type"].replace(".", "_"))(event)
        finally:
            for task in self._tasks.values():
                task.cancel()

    async def send(self, kind: str, **data: Any) -> None:
        event = {"type": kind, "event_id": f"event_{next(self._ids)}", **data}
        _SERVER.validate_python(event)
        with suppress(ConnectionClosed):
            await self.connection.send(json.dumps(event))

    async def refuse(self, event: dict[str, Any], code: str, message: str) -> None:
        self.errors.append(code)
        error = {"type": "invalid_request_error", "code": code, "message": message, "event_id": event.get("event_id")}
        await self.send("error", error=error)

    # ---- what a client sends

    async def _session_update(self, event: dict[str, Any]) -> None:
        voice = event["session"]["audio"]["output"]["voice"]
        if self.has_spoken and voice != self.config["audio"]["output"]["voice"]:
            return await self.refuse(event, "cannot_update_voice", "Cannot update a conversation's voice.")
        self.config = event["session"]
        await self.send("session.updated", session={**self.config, "id": "sess_1"})
        return None

    async def _input_audio_buffer_append(self, event: dict[str, Any]) -> None:
        self.buffer += base64.b64decode(event["audio"], validate=True)

    async def _input_audio_buffer_clear(self, event: dict[str, Any]) -> None:
        self.buffer.clear()
        await self.send("input_audio_buffer.cleared")

    async def _input_audio_buffer_commit(self, event: dict[str, Any]) -> None:
        if len(self.buffer) < RATE_HZ * 2 // 10:
            return await self.refuse(event, "input_audio_buffer_commit_empty", "buffer too small, expected 100ms")
        item = Item(f"item_{next(self._ids)}", "message", "user", pcm=bytes(self.buffer))
        self.buffer.clear()
        before = self.items[-1].id if self.items else None
        self.items.append(item)
        await self.send("input_audio_buffer.committed", item_id=item.id, previous_item_id=before)
        await self._added(item)
        return None

    async def _conversation_item_create(self, event: dict[str, Any]) -> None:
        given = event["item"]
        if any(item.id == given["id"] for item in self.items):
            return await self.refuse(event, "item_create_duplicate_item_id", "there is one already")
        after = event.get("previous_item_id")
        at = len(self.items)
        if after == "root":
            at = 0
        elif after is not None:
            place = next((i for i, item in enumerate(self.items) if item.id == after), None)
            if place is None:
                return await self.refuse(event, "item_create_invalid_previous_item_id", f"no item {after}")
            at = place + 1
        if given["type"] == "function_call_output":
            item = Item(given["id"], given["type"], text=given["output"], call_id=given["call_id"])
        else:
            item = Item(given["id"], given["type"], given["role"], given["content"][0]["text"])
        self.items.insert(at, item)
        await self._added(item)
        return None

    async def _conversation_item_delete(self, event: dict[str, Any]) -> None:
        item = self._find(event["item_id"])
        if item is None:
            return await self.refuse(event, "item_delete_invalid_item_id", "no such item")
        self.items.remove(item)
        await self.send("conversation.item.deleted", item_id=item.id)
        return None

    async def _conversation_item_truncate(self, event: dict[str, Any]) -> None:
        item, end_ms = self._find(event["item_id"]), event["audio_end_ms"]
        if item is None:
            return await self.refuse(event, "item_truncate_invalid_item_id", "no such item")
        if end_ms > len(item.pcm) * 1000 // (RATE_HZ * 2):
            return await self.refuse(event, "invalid_value", "Audio content is shorter than that")
        item.truncated_ms, item.text = end_ms, ""
        await self.send("conversation.item.truncated", item_id=item.id, content_index=0, audio_end_ms=end_ms)
        return None

    async def _response_create(self, event: dict[str, Any]) -> None:
        asked = event.get("response") or {}
        is_beside = asked.get("conversation") == "none"
        if self.active and not is_beside:
            code = "conversation_already_has_active_response"
            return await self.refuse(event, code, f"{self.active} is under way")
        response_id = f"resp_{next(self._ids)}"
        if not is_beside:
            self.active = response_id
        self._tasks[response_id] = asyncio.create_task(self._respond(response_id, asked, is_beside=is_beside))
        return None

    async def _response_cancel(self, event: dict[str, Any]) -> None:
        response_id = event.get("response_id") or self.active
        task = self._tasks.get(response_id)
        if not response_id or task is None or task.done():
            return await self.refuse(event, "response_cancel_not_active", "nothing to cancel")
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return None

    # ---- what it answers

    async def _respond(self, response_id: str, asked: dict[str, Any], *, is_beside: bool) -> None:
        about = {"id": response_id, "object": "realtime.response", "metadata": asked.get("metadata"), "output": []}
        status, details, sent = "completed", None, [0, 0]
        await self.send("response.created", response={**about, "status": "in_progress"})
        try:
            talks = Talks(self._read_out(asked)) if is_beside else self.server.answer(list(self.items))
            modality = (asked.get("output_modalities") or self.config.get("output_modalities") or ["audio"])[0]
            await asyncio.sleep(talks.delay_s)
            if talks.fails == "hangs":
                await asyncio.sleep(3_600)
            if talks.fails == "server_error":
                status = "failed"
                details = {"type": "failed", "error": {"type": "server_error", "code": "server_error"}}
            elif talks.text:
                await self._speak(response_id, talks, sent, modality, is_beside=is_beside)
            for name, arguments in talks.calls if status == "completed" else ():
                await self._call(response_id, name, arguments)
        except asyncio.CancelledError:
            status, details = "cancelled", {"type": "cancelled", "reason": "client_cancelled"}
        if self.active == response_id:
            self.active = ""
        usage = {
            "total_tokens": 150 + sum(sent), "input_tokens": 150, "output_tokens": sum(sent),
            "input_token_details": {"text_tokens": 100, "audio_tokens": 50, "cached_tokens": 20},
            "output_token_details": {"text_tokens": sent[0], "audio_tokens": sent[1]},
        }  # fmt: skip
        done = {**about, "status": status, "status_details": details, "usage": usage}
        await self.send("response.done", response=done)

    def _read_out(self, asked: dict[str, Any]) -> str:
        if asked.get("input"):
            return "They want an appointment."
        return str(asked["instructions"]).split("<<<")[1].split(">>>")[0]

    async def _speak(self, response_id: str, talks: Talks, sent: list[int], modality: str, *, is_beside: bool) -> None:
        item = Item(f"item_{next(self._ids)}", "message", "assistant")
        if not is_beside:
            self.items.append(item)
        of = {"response_id": response_id, "item_id": item.id, "output_index": 0, "content_index": 0}
        shape = {"id": item.id, "object": "realtime.item", "type": "message", "role": "assistant"}
        added = {**shape, "status": "in_progress", "content": []}
        await self.send("response.output_item.added", response_id=response_id, output_index=0, item=added)
        part = {"type": "audio", "transcript": ""} if modality == "audio" else {"type": "text", "text": ""}
        await self.send("response.content_part.added", **of, part=part)
        words = [f"{word} " for word in talks.text.split()]
        words[-1] = words[-1].rstrip()
        if modality == "text":
            for word in words:
                item.text += word
                sent[0] += 1
                await self.send("response.output_text.delta", **of, delta=word)
            await self.send("response.output_text.done", **of, text=talks.text)
            return
        self.has_spoken = True
        pcm = self.server.voice(talks.text)
        size = RATE_HZ * 2 * self.server.piece_ms // 1000
        pieces = [pcm[at : at + size] for at in range(0, len(pcm), size)]
        for index, piece in enumerate(pieces):
            # The words run ahead of the sound, as they do there.
            while words and len(words) > len(talks.text.split()) * (1 - 2.0 * (index + 1) / len(pieces)):
                item.text += words[0]
                sent[0] += 1
                await self.send("response.output_audio_transcript.delta", **of, delta=words.pop(0))
            item.pcm += piece
            sent[1] += 2
            await self.send("response.output_audio.delta", **of, delta=base64.b64encode(piece).decode())
            await asyncio.sleep(self.server.pace * self.server.piece_ms / 1000)
            if talks.fails == "drops" and index * 2 >= len(pieces):
                self.connection.transport.abort()
        await self.send("response.output_audio.done", **of)
        await self.send("response.output_audio_transcript.done", **of, transcript=talks.text)
        done = {**shape, "status": "completed", "content": [{"type": "output_audio", "transcript": talks.text}]}
        await self.send("response.output_item.done", response_id=response_id, output_index=0, item=done)

    async def _call(self, response_id: str, name: str, arguments: dict[str, Any]) -> None:
        item = Item(f"item_{next(self._ids)}", "function_call", call_id=f"call_{next(self._ids)}", name=name)
        item.text = json.dumps(arguments)
        self.items.append(item)
        of = {"response_id": response_id, "item_id": item.id, "output_index": 0}
        shape = {"id": item.id, "type": "function_call", "name": name, "call_id": item.call_id}
        added = {**shape, "status": "in_progress", "arguments": ""}
        await self.send("response.output_item.added", response_id=response_id, output_index=0, item=added)
        for at in range(0, len(item.text), 6):
            bit = item.text[at : at + 6]
            await self.send("response.function_call_arguments.delta", **of, call_id=item.call_id, delta=bit)
        await self.send(
            "response.function_call_arguments.done", **of, call_id=item.call_id, name=name, arguments=item.text
        )
        done = {**shape, "status": "completed", "arguments": item.text}
        await self.send("response.output_item.done", response_id=response_id, output_index=0, item=done)

    async def _added(self, item: Item) -> None:
        if item.kind == "function_call_output":
            shape: dict[str, Any] = {"id": item.id, "type": item.kind, "call_id": item.call_id, "output": item.text}
        else:
            kind = "output_text" if item.role == "assistant" else "input_text"
            content = [{"type": "input_audio"}] if item.pcm else [{"type": kind, "text": item.text}]
            shape = {"id": item.id, "type": "message", "role": item.role, "status": "completed", "content": content}
        await self.send("conversation.item.added", item=shape, previous_item_id=None)
        await self.send("conversation.item.done", item=shape, previous_item_id=None)

    def _find(self, item_id: str) -> Item | None:
        return next((item for item in self.items if item.id == item_id), None)
