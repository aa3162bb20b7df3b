"""OpenAI's Realtime events (the GA interface), as far as they are spoken here. No I/O.

https://platform.openai.com/docs/api-reference/realtime-client-events, and realtime-server-events. Sound is mono 16-bit PCM at
``RATE_HZ`` both ways. Who speaks and when is decided here and not there: the server's own turn detection is off.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from agents.llm import Tool

RATE_HZ = 24_000
"""The only one of "audio/pcm"."""
LEAST_MS = 100
"""Less sound than this can't be committed."""
MOST_TOKENS = 4_096

ClientEvent = dict[str, Any]


# ---- to the server


def session(
    *, instructions: str, tools: Sequence[Tool], voice: str, speed: float, max_tokens: int, is_aloud: bool
) -> ClientEvent:
    """``session.update``. The voice can't be changed any more once the model has spoken."""
    sound = {"type": "audio/pcm", "rate": RATE_HZ}
    return {
        "type": "session.update",
        "session": {
            "type": "realtime",
            "instructions": instructions,
            "output_modalities": ["audio"] if is_aloud else ["text"],
            "audio": {
                "input": {"format": sound, "turn_detection": None, "transcription": None},
                "output": {"format": sound, "voice": voice, "speed": min(1.5, max(0.25, speed))},
            },
            "tools": [
                {"type": "function", "name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}
                for tool in tools
            ],
            "tool_choice": "auto",
            "max_output_tokens": min(MOST_TOKENS, max_tokens),
        },
    }  # fmt: skip


def append(pcm: bytes) -> ClientEvent:
    return {"type": "input_audio_buffer.append", "audio": base64.b64encode(pcm).decode("ascii")}


def commit() -> ClientEvent:
    return {"type": "input_audio_buffer.commit"}


def clear() -> ClientEvent:
    return {"type": "input_audio_buffer.clear"}


def message(item_id: str, role: str, text: str) -> ClientEvent:
    """Words that were said, by the "user" or the "assistant"."""
    kind = "output_text" if role == "assistant" else "input_text"
    item = {"id": item_id, "type": "message", "role": role, "content": [{"type": kind, "text": text}]}
    return {"type": "conversation.item.create", "item": item}


def tool_output(item_id: str, call_id: str, output: str) -> ClientEvent:
    item = {"id": item_id, "type": "function_call_output", "call_id": call_id, "output": output}
    return {"type": "conversation.item.create", "item": item}


def delete(item_id: str) -> ClientEvent:
    return {"type": "conversation.item.delete", "item_id": item_id}


def truncate(item_id: str, content_index: int, heard_ms: int) -> ClientEvent:
    """The caller heard so much of it: the rest is forgotten, its words as well."""
    return {
        "type": "conversation.item.truncate",
        "item_id": item_id,
        "content_index": content_index,
        "audio_end_ms": heard_ms,
    }


def respond(tag: str) -> ClientEvent:
    """``tag`` comes back with the response, and with an error instead of one."""
    return {"type": "response.create", "event_id": tag, "response": {"metadata": {"tag": tag}}}


def read_out(tag: str, text: str) -> ClientEvent:
    """These words in the model's voice, beside the conversation."""
    response = {
        "conversation": "none",
        "input": [],
        "output_modalities": ["audio"],
        "tools": [],
        "instructions": "You are a voice that reads out. Say exactly the words between the marks, in their language, each of them and no "
        f"other: no greeting, no comment, no marks.\n<<<{text}>>>",
        "metadata": {"tag": tag},
    }
    return {"type": "response.create", "event_id": tag, "response": response}


def aside(tag: str, instructions: str, text: str) -> ClientEvent:
    """A question in words, answered in words, beside the conversation."""
    said = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
    response = {
        "conversation": "none",
        "input": [said],
        "output_modalities": ["text"],
        "tools": [],
        "instructions": instructions,
        "metadata": {"tag": tag},
    }
    return {"type": "response.create", "event_id": tag, "response": response}


def cancel(response_id: str = "") -> ClientEvent:
    """Without an id: whatever answer is under way."""
    return {"type": "response.cancel", **({"response_id": response_id} if response_id else {})}


def dumped(event: ClientEvent) -> str:
    return orjson.dumps(event).decode()


# ---- from the server


@dataclass(frozen=True, slots=True)
class SessionOpened:
    """``expires_at_s``: Unix time at which the server ends the session, 0: it doesn't say."""

    expires_at_s: float


@dataclass(frozen=True, slots=True)
class Committed:
    """The sound sent so far is an item."""

    item_id: str


@dataclass(frozen=True, slots=True)
class ResponseCreated:
    response_id: str
    tag: str


@dataclass(frozen=True, slots=True)
class ItemAdded:
    """Of an answer."""

    response_id: str
    item_id: str
    is_message: bool


@dataclass(frozen=True, slots=True)
class Words:
    """Of the transcript of what is spoken, or of an answer in text."""

    response_id: str
    delta: str
    is_spoken: bool


@dataclass(frozen=True, slots=True)
class Spoken:
    response_id: str
    item_id: str
    content_index: int
    pcm: bytes


@dataclass(frozen=True, slots=True)
class Called:
    """A tool."""

    response_id: str
    item_id: str
    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Usage:
    prompt_tokens: int = 0
    reply_tokens: int = 0
    prompt_audio_tokens: int = 0
    reply_audio_tokens: int = 0
    cached_tokens: int = 0


@dataclass(frozen=True, slots=True)
class ResponseDone:
    """``status``: "completed", "cancelled", "incomplete", "failed"; ``why``: the vendor's code, or words for it."""

    response_id: str
    tag: str
    status: str
    why: str
    usage: Usage


@dataclass(frozen=True, slots=True)
class Refused:
    """``error``. ``about``: the id of the event of ours that it answers, where it names one."""

    about: str
    kind: str
    code: str
    message: str


ServerEvent = SessionOpened | Committed | ResponseCreated | ItemAdded | Words | Spoken | Called | ResponseDone | Refused


def parse(text: str | bytes) -> ServerEvent | None:
    """``None``: an event that says nothing to us. Raises ``ValueError`` for what is no event."""
    event = orjson.loads(text)
    if not isinstance(event, dict) or not isinstance(kind := event.get("type"), str):
        raise ValueError("not an event")
    reader = _READERS.get(kind)
    return None if reader is None else reader(event)


def _audio(event: Mapping[str, Any]) -> Spoken:
    pcm = base64.b64decode(_text(event.get("delta")), validate=True)  # binascii.Error is a ValueError
    return Spoken(_text(event.get("response_id")), _text(event.get("item_id")), _count(event.get("content_index")), pcm)


def _item_added(event: Mapping[str, Any]) -> ItemAdded:
    item = _dict(event.get("item"))
    return ItemAdded(_text(event.get("response_id")), _text(item.get("id")), item.get("type") == "message")


def _item_done(event: Mapping[str, Any]) -> Called | None:
    item = _dict(event.get("item"))
    if item.get("type") != "function_call":
        return None
    return Called(
        _text(event.get("response_id")),
        _text(item.get("id")),
        _text(item.get("call_id")),
        _text(item.get("name")),
        _text(item.get("arguments")),
    )


def _done(event: Mapping[str, Any]) -> ResponseDone:
    response = _dict(event.get("response"))
    details = _dict(response.get("status_details"))
    error = _dict(details.get("error"))
    why = _text(error.get("message")) or _text(error.get("code")) or _text(details.get("reason"))
    return ResponseDone(
        _text(response.get("id")), _tag(response), _text(response.get("status")), why, _usage(_dict(response.get("usage")))
    )  # fmt: skip


def _usage(usage: Mapping[str, Any]) -> Usage:
    given, made = _dict(usage.get("input_token_details")), _dict(usage.get("output_token_details"))
    return Usage(
        _count(usage.get("input_tokens")),
        _count(usage.get("output_tokens")),
        _count(given.get("audio_tokens")),
        _count(made.get("audio_tokens")),
        _count(given.get("cached_tokens")),
    )


def _refused(event: Mapping[str, Any]) -> Refused:
    error = _dict(event.get("error"))
    return Refused(
        _text(error.get("event_id")), _text(error.get("type")), _text(error.get("code")), _text(error.get("message"))
    )


def _opened(event: Mapping[str, Any]) -> SessionOpened:
    expires = _dict(event.get("session")).get("expires_at")
    return SessionOpened(float(expires) if isinstance(expires, int | float) else 0.0)


def _tag(response: Mapping[str, Any]) -> str:
    return _text(_dict(response.get("metadata")).get("tag"))


def _dict(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _words(event: Mapping[str, Any], *, is_spoken: bool) -> Words:
    return Words(_text(event.get("response_id")), _text(event.get("delta")), is_spoken)


_READERS: Mapping[str, Any] = {
    "session.created": _opened,
    "input_audio_buffer.committed": lambda event: Committed(_text(event.get("item_id"))),
    "response.created": lambda event: ResponseCreated(
        _text(_dict(event.get("response")).get("id")), _tag(_dict(event.get("response")))
    ),
    "response.output_item.added": _item_added,
    "response.output_item.done": _item_done,
    "response.output_audio_transcript.delta": lambda event: _words(event, is_spoken=True),
    "response.output_text.delta": lambda event: _words(event, is_spoken=False),
    "response.output_audio.delta": _audio,
    "response.done": _done,
    "error": _refused,
}
