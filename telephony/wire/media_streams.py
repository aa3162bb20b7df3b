"""Twilio's Media Streams: a call's sound as JSON over a WebSocket. Pure.

https://www.twilio.com/docs/voice/media-streams/websocket-messages. Sound is G.711 μ-law, mono, 8,000 Hz, in base64; from Twilio
20 ms a message. What they may send besides (a new kind of message, a new field) is passed over, as their page asks; what is
broken is :class:`BadMessage`. SignalWire speaks the same.
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import orjson

RATE_HZ = 8_000
MAX_MESSAGE_BYTES = 16_384
"""Of one message. Twilio's own are about 400; their ``start`` with all its parameters is some thousand."""
MAX_SOUND_BYTES = 8_000
"""A second of it in one message: nobody sends more."""
DIGITS = frozenset("0123456789*#ABCD")


class BadMessage(Exception):
    """What came is no message of this protocol; the text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Connected:
    """The socket is up. ``protocol``: "Call"."""

    protocol: str


@dataclass(frozen=True, slots=True)
class Started:
    """Whose sound follows. ``parameters``: what our ``<Stream>`` had as ``<Parameter>``."""

    stream_sid: str
    call_sid: str
    account_sid: str
    parameters: Mapping[str, str]


class Media(NamedTuple):
    """Some of the caller's sound. ``chunk`` counts from 1; ``at_ms``: since the stream began. Fifty a second and call are made."""

    chunk: int
    at_ms: int
    sound: bytes


@dataclass(frozen=True, slots=True)
class DigitPressed:
    digit: str


@dataclass(frozen=True, slots=True)
class Marked:
    """All that was sent before the mark of this name has been played, or was cleared."""

    name: str


@dataclass(frozen=True, slots=True)
class Stopped:
    """The stream is over: the caller has hung up, or the call was led elsewhere."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """A kind of message that we have no use for."""

    event: str


Message = Connected | Started | Media | DigitPressed | Marked | Stopped | Unknown


def json_object(text: str | bytes) -> dict[str, object]:
    """Raises :class:`BadMessage`."""
    data = text.encode() if isinstance(text, str) else text
    if len(data) > MAX_MESSAGE_BYTES:
        raise BadMessage(f"A message of {len(data)} bytes is too long.")
    try:
        body = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise BadMessage("The message is no JSON.") from error
    if not isinstance(body, dict):
        raise BadMessage("The message is no JSON object.")
    return body


def parse(text: str | bytes) -> Message:
    """Raises :class:`BadMessage`."""
    body = json_object(text)
    if "event" not in body and "rawEvent" in body:
        body = inside(body, "rawEvent")  # so SignalWire's page shows them, wrapped
    match body.get("event"):
        case "connected":
            return Connected(text_of(body, "protocol", 40))
        case "start":
            return _started(inside(body, "start"))
    return message_of(body)


def message_of(body: dict[str, object]) -> Message:
    """What those who copied it say as Twilio does: all but how a stream begins. Raises :class:`BadMessage`."""
    match body.get("event"):
        case "media":
            return media_of(inside(body, "media"))
        case "mark":
            return Marked(text_of(inside(body, "mark"), "name", 200))
        case "dtmf":
            return DigitPressed(digit_of(inside(body, "dtmf")))
        case "stop":
            return Stopped()
        case str() as event:
            return Unknown(event[:40])
        case _:
            raise BadMessage("The message doesn't say what it is.")


def digit_of(dtmf: dict[str, object]) -> str:
    digit = text_of(dtmf, "digit", 1).upper()
    if digit not in DIGITS:
        raise BadMessage("The digit is on no keypad.")
    return digit


def media_of(media: dict[str, object]) -> Media:
    payload = media.get("payload")
    if not isinstance(payload, str):
        raise BadMessage("The media has no payload.")
    try:
        sound = b64decode(payload, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadMessage("The payload is no base64.") from error
    if len(sound) > MAX_SOUND_BYTES:
        raise BadMessage("The payload is longer than a second.")
    return Media(number_of(media, "chunk"), number_of(media, "timestamp"), sound)


def _started(start: dict[str, object]) -> Started:
    shape = start.get("mediaFormat")
    if not isinstance(shape, dict):
        raise BadMessage("The start doesn't say what the sound is.")
    if (shape.get("encoding"), number_of(shape, "sampleRate"), number_of(shape, "channels")) != (
        "audio/x-mulaw",
        RATE_HZ,
        1,
    ):
        raise BadMessage("The sound is not mono μ-law at 8,000 Hz.")
    given = start.get("customParameters") or {}
    if not isinstance(given, dict):
        raise BadMessage("The parameters are no JSON object.")
    return Started(
        text_of(start, "streamSid", 80),
        text_of(start, "callSid", 80),
        text_of(start, "accountSid", 80),
        {str(name)[:200]: str(value)[:1_000] for name, value in list(given.items())[:50]},
    )


def inside(body: dict[str, object], name: str) -> dict[str, object]:
    inside = body.get(name)
    if not isinstance(inside, dict):
        raise BadMessage(f"The message has no “{name}”.")
    return inside


def text_of(body: dict[str, object], name: str, longest: int) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= longest:
        raise BadMessage(f"“{name}” is missing or no text.")
    return value


def number_of(body: dict[str, object], name: str) -> int:
    """Twilio writes numbers as text as often as not."""
    value = body.get(name)
    if type(value) is str and len(value) <= 15 and value.isascii() and value.isdigit():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 10**15:
        raise BadMessage(f"“{name}” is no number.")
    return value


# ---- to Twilio


class Writer:
    """What is sent in one stream, as text."""

    def __init__(self, stream_sid: str) -> None:
        sid = orjson.dumps(stream_sid).decode()
        self._media = f'{{"event":"media","streamSid":{sid},"media":{{"payload":"', '"}}'
        self._mark = f'{{"event":"mark","streamSid":{sid},"mark":{{"name":"', '"}}'
        self.clear = f'{{"event":"clear","streamSid":{sid}}}'
        """Forget what was sent and not played yet. Marks among it come back at once."""

    def media(self, sound: bytes) -> str:
        """μ-law, any length; 20 ms a time keeps ``clear`` quick."""
        before, after = self._media
        return before + b64encode(sound).decode("ascii") + after

    def mark(self, number: int) -> str:
        """Comes back as ``Marked(str(number))`` when all before it was played."""
        before, after = self._mark
        return f"{before}{number}{after}"
