"""What Twilio sends and is sent: messages of a stream, instructions, signatures. Examples are from Twilio's own pages and library."""

from __future__ import annotations

import contextlib
from typing import Any
from xml.etree import ElementTree

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telephony.wire import media_streams as wire
from telephony.wire import twiml
from telephony.wire.twilio_signature import is_signed, sign

START: dict[str, Any] = {
    "event": "start",
    "sequenceNumber": "1",
    "start": {
        "accountSid": "AC1", "streamSid": "MZ1", "callSid": "CA1", "tracks": ["inbound"],
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        "customParameters": {"FirstName": "Jane"},
    },
    "streamSid": "MZ1",
}  # fmt: skip

L16 = {"encoding": "audio/x-l16", "sampleRate": 8000, "channels": 1}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"event": "connected", "protocol": "Call", "version": "1.0.0"}, wire.Connected("Call")),
        (START, wire.Started("MZ1", "CA1", "AC1", {"FirstName": "Jane"})),
        (
            {
                "event": "media", "sequenceNumber": "3", "streamSid": "MZ1",
                "media": {"track": "inbound", "chunk": "1", "timestamp": "5", "payload": "/v8="},
            },
            wire.Media(1, 5, b"\xfe\xff"),
        ),
        ({"event": "stop", "sequenceNumber": "5", "stop": {"callSid": "CA1"}}, wire.Stopped()),
        ({"event": "dtmf", "dtmf": {"track": "inbound_track", "digit": "1"}}, wire.DigitPressed("1")),
        ({"event": "mark", "mark": {"name": "my label"}}, wire.Marked("my label")),
        ({"event": "weather"}, wire.Unknown("weather")),
    ],
)  # fmt: skip
def test_each_message_of_a_stream_is_understood(body: dict[str, Any], message: wire.Message) -> None:
    assert wire.parse(orjson.dumps(body)) == message


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"", "no JSON"),
        (b"[]", "no JSON object"),
        (b"{}", "what it is"),
        (b'{"event":"media"}', "“media”"),
        (b'{"event":"media","media":{"chunk":1,"timestamp":1,"payload":"!"}}', "base64"),
        (b'{"event":"media","media":{"chunk":"-1","timestamp":1,"payload":""}}', "“chunk”"),
        (b'{"event":"media","media":{"chunk":"\xd9\xa3","timestamp":1,"payload":""}}', "“chunk”"),
        (b'{"event":"media","media":{"chunk":1,"timestamp":true,"payload":""}}', "“timestamp”"),
        (b'{"event":"dtmf","dtmf":{"digit":"E"}}', "keypad"),
        (b'{"event":"mark","mark":{}}', "“name”"),
        (orjson.dumps({**START, "start": {**START["start"], "mediaFormat": L16}}), "μ-law"),
        (b'{"event":"' + b"x" * wire.MAX_MESSAGE_BYTES + b'"}', "too long"),
    ],
)  # fmt: skip
def test_what_is_broken_is_refused_in_words(text: bytes, why: str) -> None:
    with pytest.raises(wire.BadMessage, match=why):
        wire.parse(text)


@given(st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["event", "media", "start", "mark", "dtmf", "name", "digit", "payload", "chunk", "timestamp", "mediaFormat"]), inner
    ), max_leaves=12,
), st.sampled_from(["media", "start", "mark", "dtmf", "stop", "connected", "x"]))  # fmt: skip
def test_whatever_comes_is_a_message_or_a_refusal(inner: Any, event: str) -> None:
    for body in (inner, {"event": event, event: inner}):
        with contextlib.suppress(wire.BadMessage):
            wire.parse(orjson.dumps(body))


def test_what_is_sent_is_as_twilio_documents_it() -> None:
    writer = wire.Writer('MZ"1')
    assert orjson.loads(writer.media(b"\xfe\xff")) == {
        "event": "media",
        "streamSid": 'MZ"1',
        "media": {"payload": "/v8="},
    }
    assert orjson.loads(writer.mark(7)) == {"event": "mark", "streamSid": 'MZ"1', "mark": {"name": "7"}}
    assert orjson.loads(writer.clear) == {"event": "clear", "streamSid": 'MZ"1'}


def test_a_document_joins_the_call_to_a_stream_and_says_who_is_asked_then() -> None:
    text = twiml.document(
        twiml.connect_stream("wss://a.example/media/t", "https://a.example/next?a=1&b=2", {"n": '"<&>'})
    )
    connect = ElementTree.fromstring(text)[0]
    assert (connect.tag, connect.attrib) == ("Connect", {"action": "https://a.example/next?a=1&b=2", "method": "POST"})
    assert connect[0].attrib == {"url": "wss://a.example/media/t"}
    assert connect[0][0].attrib == {"name": "n", "value": '"<&>'}


@given(st.text(max_size=60))
def test_no_text_gets_out_of_its_place(text: str) -> None:
    parts = [
        twiml.say(text, text),
        twiml.dial(text, caller_id=text),
        twiml.refer(text),
        twiml.redirect(text),
        twiml.play_digits(text),
    ]
    whole = ElementTree.fromstring(twiml.document(*parts))
    assert [element.tag for element in whole] == ["Say", "Dial", "Refer", "Redirect", "Play"]


FORM = {
    "CallSid": ["CA1234567890ABCDE"], "Digits": ["1234"], "From": ["+14158675309"], "To": ["+18005551212"], "Caller": ["+14158675309"],
}  # fmt: skip
URL = "https://mycompany.com/myapp.php?foo=1&bar=2"


def test_a_signature_is_the_one_that_twilios_own_library_makes() -> None:
    assert sign("12345", URL, FORM) == "RSOYDt4T1cUTdK1PDd93/VVr8B8="
    assert is_signed("12345", URL, FORM, "RSOYDt4T1cUTdK1PDd93/VVr8B8=")


@pytest.mark.parametrize(
    ("token", "url", "form"),
    [
        ("12346", URL, FORM),
        ("", URL, FORM),
        ("12345", URL.replace("bar=2", "bar=3"), FORM),
        ("12345", "https://mycompany.com/myapp.php?bar=2&foo=1", FORM),
        ("12345", URL.replace("https", "http"), FORM),
        ("12345", URL, {**FORM, "Digits": ["1235"]}),
        ("12345", URL, {**FORM, "More": ["x"]}),
        ("12345", URL, {name: values for name, values in FORM.items() if name != "To"}),
    ],
)
def test_anything_else_is_not_signed(token: str, url: str, form: dict[str, list[str]]) -> None:
    assert not is_signed(token, url, form, "RSOYDt4T1cUTdK1PDd93/VVr8B8=")


def test_the_port_may_be_in_the_signed_address_or_not() -> None:
    with_port = URL.replace("mycompany.com", "mycompany.com:443")
    assert is_signed("12345", with_port, FORM, sign("12345", URL, FORM))
    assert is_signed("12345", URL, FORM, sign("12345", with_port, FORM))


def test_a_json_body_is_signed_by_its_hash_in_the_address() -> None:
    body = b'{"property": "value", "boolean": true}'
    url = URL + "&bodySHA256=0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"
    assert is_signed("12345", url, {}, "a9nBmqA0ju/hNViExpshrM61xv4=", body)
    assert not is_signed("12345", url, {}, "a9nBmqA0ju/hNViExpshrM61xv4=", body + b" ")


def test_values_of_one_name_are_signed_each_once_in_order() -> None:
    assert sign("t", "https://x.example/", {"A": ["2", "1", "2"]}) == sign("t", "https://x.example/A1A2", {})
