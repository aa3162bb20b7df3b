"""Plivo's audio streaming: a call's sound as JSON over a WebSocket. Pure.

https://www.plivo.com/docs/voice/xml/audiostream. Its marks are checkpoints: ``playedStream`` comes when all sound before one was
played, and not where it was cleared; nothing waits for one. The end of a stream isn't told: its socket is closed.
"""

from __future__ import annotations

from base64 import b64encode

import orjson

from telephony.wire.media_streams import (
    RATE_HZ,
    BadMessage,
    Marked,
    Message,
    Started,
    inside,
    json_object,
    message_of,
    number_of,
    text_of,
)
from telephony.wire.streams import Writer


class PlivoWire:
    in_order = True
    has_stop = False

    def parse(self, text: str | bytes) -> Message:
        body = json_object(text)
        match body.get("event"):
            case "playedStream":
                return Marked(text_of(body, "name", 200))
            case "start":
                return _started(inside(body, "start"))
        return message_of(body)

    def writer(self, stream_sid: str) -> Writer:
        return _Writer(stream_sid)


def _started(start: dict[str, object]) -> Started:
    shape = inside(start, "mediaFormat")
    if (shape.get("encoding"), number_of(shape, "sampleRate")) != ("audio/x-mulaw", RATE_HZ):
        raise BadMessage("The sound is not μ-law at 8,000 Hz.")
    return Started(
        text_of(start, "streamId", 80), text_of(start, "callId", 80), text_of(start, "accountId", 80), {}
    )  # fmt: skip


class _Writer:
    def __init__(self, stream_sid: str) -> None:
        self._sid = stream_sid
        self.clear = orjson.dumps({"event": "clearAudio", "streamId": stream_sid}).decode()

    def media(self, sound: bytes) -> str:
        payload = b64encode(sound).decode("ascii")
        return f'{{"event":"playAudio","media":{{"contentType":"audio/x-mulaw","sampleRate":{RATE_HZ},"payload":"{payload}"}}}}'

    def mark(self, number: int) -> str:
        return orjson.dumps({"event": "checkpoint", "streamId": self._sid, "name": str(number)}).decode()
