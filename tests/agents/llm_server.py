"""A model's server for tests: real HTTP on a real port, speaking OpenAI's chat completions as documented.

It answers each request with the next of its scripted ``Answer``s and keeps what it was asked. Every chunk it sends goes
through the SDK's own type first, so that a test can't pass on a shape that OpenAI doesn't send.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from openai.types.chat import ChatCompletionChunk


@dataclass
class Answer:
    """How one request is answered. ``events``: chunks (dicts), raw lines (str), or pauses in seconds (float)."""

    events: Sequence[dict[str, Any] | str | float] = ()
    status: int = 200
    body: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    hangs_up: bool = False
    """Close the connection after the events, in the middle of the body."""
    delay_s: float = 0.0
    """Before anything is sent."""


def chunk(
    delta: dict[str, Any], finish: str | None = None, usage: dict[str, int] | None = None, *, empty: bool = False
) -> dict[str, Any]:
    made = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1_700_000_000,
        "model": "test-model",
        "choices": [] if empty else [{"index": 0, "delta": delta, "finish_reason": finish}],
        "usage": usage,
    }
    ChatCompletionChunk.model_validate(made, strict=True)
    return made


def says(text: str, *, finish: str = "stop", pieces: int = 4) -> list[dict[str, Any] | str | float]:
    """A whole answer of words, as OpenAI streams it: role, deltas, the reason, the usage, ``[DONE]``."""
    deltas = [chunk({"content": text[start : start + pieces]}) for start in range(0, len(text), pieces)]
    return [chunk({"role": "assistant", "content": ""}), *deltas, *ends(finish)]


def ends(finish: str) -> list[dict[str, Any] | str | float]:
    usage = {"prompt_tokens": 50, "completion_tokens": 7, "total_tokens": 57}
    return [chunk({}, finish), chunk({}, usage=usage, empty=True), "data: [DONE]\n\n"]


def calls(
    name: str, arguments: str, *, call_id: str = "call_abc", index: int = 0
) -> list[dict[str, Any] | str | float]:
    """A tool call: its id and name once, its arguments in bits."""
    head = {"index": index, "id": call_id, "type": "function", "function": {"name": name, "arguments": ""}}
    bits = [arguments[start : start + 5] for start in range(0, len(arguments), 5)]
    return [
        chunk({"role": "assistant", "content": None, "tool_calls": [head]}),
        *(chunk({"tool_calls": [{"index": index, "function": {"arguments": bit}}]}) for bit in bits),
    ]


def refuses(status: int, message: str, code: str | None = None, **headers: str) -> Answer:
    return Answer(
        status=status,
        body={"error": {"message": message, "type": "error", "code": code, "param": None}},
        headers=headers,
    )


class Server:
    def __init__(self, answers: Sequence[Answer]) -> None:
        self.answers = list(answers)
        self.asked: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.gone = asyncio.Event()
        """Set when a client hung up before its answer was whole."""
        self.url = ""
        self._writers: set[asyncio.StreamWriter] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            self.gone.set()
        finally:
            self._writers.discard(writer)
            writer.close()

    def close_all(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        request, *lines = head.strip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        if not request.startswith("POST /v1/chat/completions "):
            await self._send(writer, Answer(status=404, body={"detail": "Not Found"}))
            return True
        self.asked.append(json.loads(body))
        self.headers.append(headers)
        answer = self.answers.pop(0) if self.answers else refuses(500, "the test has no more answers")
        await asyncio.sleep(answer.delay_s)
        return await self._send(writer, answer)

    async def _send(self, writer: asyncio.StreamWriter, answer: Answer) -> bool:
        extra = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in answer.headers.items())
        if answer.status != 200:
            data = json.dumps(answer.body).encode()
            writer.write(
                f"HTTP/1.1 {answer.status} X\r\ncontent-type: application/json\r\n{extra}content-length: {len(data)}\r\n\r\n".encode()
                + data
            )
            await writer.drain()
            return True
        writer.write(
            f"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n{extra}transfer-encoding: chunked\r\n\r\n".encode()
        )
        for event in answer.events:
            if isinstance(event, float):
                await asyncio.sleep(event)
                continue
            data = (event if isinstance(event, str) else f"data: {json.dumps(event)}\n\n").encode()
            writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
            await writer.drain()
        if answer.hangs_up:
            return False
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True


@asynccontextmanager
async def serving(*answers: Answer) -> AsyncIterator[Server]:
    served = Server(answers)
    server = await asyncio.start_server(served.serve, "127.0.0.1", 0)
    served.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield served
    finally:
        server.close()
        served.close_all()
