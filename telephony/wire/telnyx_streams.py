"""Telnyx's media streaming: a call's sound as JSON over a WebSocket. Pure.

https://developers.telnyx.com/api-reference/websockets/stream-call-media-over-websocket. As Twilio's, with names of its own; sound may
come out of order, and its number says where it belongs. ``bidirectionalMode="rtp"`` makes it take sound back: μ-law without headers,
20 ms to 30 s a message.
"""

from __future__ import annotations

from base64 import b64encode

import orjson

from telephony.wire.media_streams import (
    RATE_HZ,
    BadMessage,
    Connected,
    Message,
    Started,
    inside,
    json_object,
    message_of,
    number_of,
    text_of,
)
from telephony.wire.streams import Writer


class TelnyxWire:
    in_order = False
    has_stop = True

    def parse(self, text: str | bytes) -> Message:
        body = json_object(text)
        match body.get("event"):
            case "connected":
                return Connected("Call")
            case "start":
                return _started(body)
        return message_of(body)

    def writer(self, stream_sid: str) -> Writer:
        return _Writer()


def _started(body: dict[str, object]) -> Started:
    start = inside(body, "start")
    shape = inside(start, "media_format")
    if (shape.get("encoding"), number_of(shape, "sample_rate"), number_of(shape, "channels")) != ("PCMU", RATE_HZ, 1):
        raise BadMessage("The sound is not mono μ-law at 8,000 Hz.")
    given = start.get("custom_parameters") or {}
    if not isinstance(given, dict):
        raise BadMessage("The parameters are no JSON object.")
    # What TeXML calls CallSid is said here in another spelling, so our document gives it along.
    call = given.get("call") or text_of(start, "call_control_id", 200)
    return Started(text_of(body, "stream_id", 80), str(call)[:200], "", {})


class _Writer:
    """A socket is one stream: no message says which."""

    clear = '{"event":"clear"}'

    def media(self, sound: bytes) -> str:
        return f'{{"event":"media","media":{{"payload":"{b64encode(sound).decode("ascii")}"}}}}'

    def mark(self, number: int) -> str:
        return orjson.dumps({"event": "mark", "mark": {"name": str(number)}}).decode()
