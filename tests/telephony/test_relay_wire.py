"""What ConversationRelay sends and is sent. Examples are from Twilio's own pages."""

from __future__ import annotations

import contextlib
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telephony.wire import relay
from telephony.wire.media_streams import BadMessage


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            {"type": "setup", "sessionId": "VX1", "accountSid": "AC1", "callSid": "CA1", "direction": "inbound"},
            relay.Setup("VX1", "CA1", "AC1"),
        ),
        ({"type": "setup", "sessionId": "VX1", "callSid": "CA1"}, relay.Setup("VX1", "CA1", "")),
        (
            {"type": "prompt", "voicePrompt": "Hi! Can you tell me about life?", "lang": "en-US", "last": True},
            relay.Prompt("Hi! Can you tell me about life?", is_last=True),
        ),
        ({"type": "prompt", "voicePrompt": "Hi!", "last": False}, relay.Prompt("Hi!", is_last=False)),
        ({"type": "dtmf", "digit": "1"}, relay.DigitPressed("1")),
        (
            {"type": "interrupt", "utteranceUntilInterrupt": "Life is a", "durationUntilInterruptMs": "460"},
            relay.Interrupted("Life is a"),
        ),
        ({"type": "info", "name": "agentSpeaking", "value": "on"}, relay.Speaking("agent", is_on=True)),
        ({"type": "info", "name": "clientSpeaking", "value": "off"}, relay.Speaking("caller", is_on=False)),
        ({"type": "info", "name": "tokensPlayed", "value": "Hello"}, relay.Played("Hello")),
        ({"type": "info", "name": "weather"}, relay.Unknown("weather")),
        ({"type": "error", "description": "Invalid message received"}, relay.Complaint("Invalid message received")),
        ({"type": "news"}, relay.Unknown("news")),
    ],
)
def test_each_message_is_understood(body: dict[str, Any], message: relay.Message) -> None:
    assert relay.parse(orjson.dumps(body)) == message


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"", "no JSON"),
        (b"[]", "no JSON object"),
        (b"{}", "what it is"),
        (b'{"type":"setup","callSid":"CA1"}', "“sessionId”"),
        (b'{"type":"prompt","voicePrompt":7}', "“voicePrompt”"),
        (b'{"type":"dtmf","digit":"x"}', "keypad"),
        (b'{"type":"' + b"x" * relay.MAX_MESSAGE_BYTES + b'"}', "too long"),
    ],
)
def test_what_is_broken_is_refused_in_words(text: bytes, why: str) -> None:
    with pytest.raises(BadMessage, match=why):
        relay.parse(text)


_NAMES = ["type", "name", "value", "voicePrompt", "digit", "callSid", "sessionId", "last"]
_KINDS = ["setup", "prompt", "dtmf", "interrupt", "info", "error", "x"]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_NAMES), inner),
        max_leaves=10,
    ),
    st.sampled_from(_KINDS),
)
def test_whatever_comes_is_a_message_or_a_refusal(inner: Any, kind: str) -> None:
    more = inner if isinstance(inner, dict) else {}
    for body in (inner, {**more, "type": kind}):
        with contextlib.suppress(BadMessage):
            relay.parse(orjson.dumps(body))


def test_what_is_sent_is_as_twilio_documents_it() -> None:
    assert orjson.loads(relay.text('Say "hi" ', is_last=False)) == {"type": "text", "token": 'Say "hi" ', "last": False}
    assert orjson.loads(relay.send_digits("1w2")) == {"type": "sendDigits", "digits": "1w2"}
    assert orjson.loads(relay.end()) == {"type": "end"}
