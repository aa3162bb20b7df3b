"""Twilio's ConversationRelay: a call as words over a WebSocket. Twilio hears the caller, writes down what they say, and speaks what it
is sent. Pure.

https://www.twilio.com/docs/voice/conversationrelay/websocket-messages. What they may send besides is passed over; what is broken is
:class:`BadMessage`. ``info`` messages come where ``events="speaker-events tokens-played"`` was asked for. Telnyx speaks the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import orjson

from telephony.wire.media_streams import DIGITS, BadMessage

MAX_MESSAGE_BYTES = 65_536
"""Of one message: minutes of speech."""
LONGEST_WORDS = 16_000


@dataclass(frozen=True, slots=True)
class Setup:
    """The first message: whose call it is."""

    session_id: str
    call_sid: str
    account_sid: str
    """Empty where they don't say: older ones don't."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """The caller said this. Not ``is_last``: they are still speaking, and all of it comes again."""

    text: str
    is_last: bool


@dataclass(frozen=True, slots=True)
class DigitPressed:
    digit: str


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The caller spoke into the agent's words; ``heard``: what of the last of them was spoken by then."""

    heard: str


@dataclass(frozen=True, slots=True)
class Speaking:
    who: Literal["agent", "caller"]
    is_on: bool


@dataclass(frozen=True, slots=True)
class Played:
    """These words of ours were heard, in addition to those told before."""

    text: str


@dataclass(frozen=True, slots=True)
class Complaint:
    """Something that we sent was refused, or their side failed."""

    description: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """A kind of message that we have no use for."""

    kind: str


Message = Setup | Prompt | DigitPressed | Interrupted | Speaking | Played | Complaint | Unknown


def parse(text: str | bytes) -> Message:
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
    match body.get("type"):
        case "setup":
            return Setup(_name(body, "sessionId"), _name(body, "callSid"), _words(body, "accountSid")[:80])
        case "prompt":
            return Prompt(_words(body, "voicePrompt"), body.get("last") is not False)
        case "dtmf":
            digit = _words(body, "digit").upper()
            if digit not in DIGITS:
                raise BadMessage("The digit is on no keypad.")
            return DigitPressed(digit)
        case "interrupt":
            return Interrupted(_words(body, "utteranceUntilInterrupt"))
        case "info":
            return _info(body)
        case "error":
            return Complaint(_words(body, "description")[:300])
        case str() as kind:
            return Unknown(kind[:40])
        case _:
            raise BadMessage("The message doesn't say what it is.")


def _info(body: dict[str, object]) -> Message:
    match body.get("name"):
        case "agentSpeaking":
            return Speaking("agent", body.get("value") == "on")
        case "clientSpeaking":
            return Speaking("caller", body.get("value") == "on")
        case "tokensPlayed":
            return Played(_words(body, "value"))
        case name:
            return Unknown(str(name)[:40])


def _words(body: dict[str, object], name: str) -> str:
    value = body.get(name, "")
    if not isinstance(value, str):
        raise BadMessage(f"“{name}” is no text.")
    return value[:LONGEST_WORDS]


def _name(body: dict[str, object], name: str) -> str:
    value = _words(body, name)
    if not 0 < len(value) <= 80:
        raise BadMessage(f"“{name}” is missing or too long.")
    return value


# ---- to Twilio


def text(token: str, *, is_last: bool) -> str:
    """Words to speak, as they come; ``is_last``: the reply is whole."""
    return orjson.dumps({"type": "text", "token": token, "last": is_last}).decode()


def send_digits(digits: str) -> str:
    """``w``: wait for half a second."""
    return orjson.dumps({"type": "sendDigits", "digits": digits}).decode()


def end() -> str:
    """The session is over: Twilio asks the ``action`` of its ``<Connect>`` what comes next."""
    return orjson.dumps({"type": "end"}).decode()
