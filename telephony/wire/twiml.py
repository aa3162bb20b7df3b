"""What Twilio is told to do with a call: TwiML, its XML. Pure.

https://www.twilio.com/docs/voice/twiml. Each function gives one instruction; ``document`` puts them together, in order.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from xml.sax.saxutils import escape, quoteattr

CONTENT_TYPE = "text/xml; charset=utf-8"
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def document(*instructions: str) -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?><Response>{"".join(instructions)}</Response>'


def connect_stream(url: str, action: str = "", parameters: Mapping[str, str] | None = None) -> str:
    """Join the call's sound to this WebSocket. When that is over, ``action`` is asked what comes next; without one the next
    instruction follows. ``url`` may have no query: Twilio drops it."""
    inside = "".join(_empty("Parameter", name=name, value=value) for name, value in (parameters or {}).items())
    asks = {"action": action, "method": "POST"} if action else {}
    return _element("Connect", _element("Stream", inside, url=url), **asks)


def connect_relay(url: str, action: str, **attributes: str) -> str:
    """Have Twilio hear and speak, and send words over this WebSocket (ConversationRelay). ``action`` as above.

    https://www.twilio.com/docs/voice/twiml/connect/conversationrelay has the attributes; empty ones are left out.
    """
    given = {name: value for name, value in attributes.items() if value}
    return _element("Connect", _empty("ConversationRelay", url=url, **given), action=action, method="POST")


def say(text: str, language: str = "") -> str:
    return _element("Say", _text(text), **({"language": language} if language else {}))


def pause(seconds: int) -> str:
    return _empty("Pause", length=str(seconds))


def play_digits(digits: str) -> str:
    return _empty("Play", digits=digits)


def record(*, action: str, told: str, seconds: int, silence_s: int = 5) -> str:
    """A tone, then what the caller says is recorded. ``action`` is asked what comes next, ``told`` hears where the recording is; where
    nothing was said, the next instruction follows."""
    return _empty(
        "Record",
        action=action,
        method="POST",
        maxLength=str(seconds),
        timeout=str(silence_s),
        playBeep="true",
        trim="do-not-trim",
        recordingStatusCallback=told,
        recordingStatusCallbackMethod="POST",
    )


def dial(number: str, *, caller_id: str = "", action: str = "", seconds: int = 30, longest_s: int = 0) -> str:
    """Call ``number`` and join the two. ``action`` is asked what comes next when that is over, or failed."""
    given = {
        "callerId": caller_id, "action": action, "timeout": str(seconds), "answerOnBridge": "true",
        "timeLimit": str(longest_s) if longest_s else "",
    }  # fmt: skip
    return _element(
        "Dial", _element("Number", _text(number)), **{name: value for name, value in given.items() if value}
    )


def dial_sip(uri: str, *, caller_id: str = "", action: str = "", seconds: int = 30, longest_s: int = 0) -> str:
    given = {
        "callerId": caller_id, "action": action, "timeout": str(seconds), "answerOnBridge": "true",
        "timeLimit": str(longest_s) if longest_s else "",
    }  # fmt: skip
    return _element("Dial", _element("Sip", _text(uri)), **{name: value for name, value in given.items() if value})


def refer(uri: str, *, action: str = "") -> str:
    """Send the far end elsewhere and leave: only for calls that came in over SIP."""
    return _element("Refer", _element("Sip", _text(uri)), **({"action": action} if action else {}))


def redirect(url: str) -> str:
    return _element("Redirect", _text(url), method="POST")


def hang_up() -> str:
    return "<Hangup/>"


def reject(*, busy: bool = False) -> str:
    """Refuse a call that was not answered yet: it costs nothing."""
    return _empty("Reject", reason="busy" if busy else "rejected")


def _element(name: str, inside: str, /, **attributes: str) -> str:
    return f"<{name}{_written(attributes)}>{inside}</{name}>" if inside else f"<{name}{_written(attributes)}/>"


def _empty(name: str, /, **attributes: str) -> str:
    return _element(name, "", **attributes)


def _written(attributes: Mapping[str, str]) -> str:
    return "".join(f" {name}={quoteattr(_clean(value))}" for name, value in attributes.items())


def _text(text: str) -> str:
    return escape(_clean(text))


def _clean(text: str) -> str:
    """XML 1.0 has no place for control characters, however they are written."""
    return _NOT_XML.sub("", text)
