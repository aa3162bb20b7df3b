"""What carriers that copy Twilio send and are sent: messages, instructions, the order of sound. Examples are from their own pages."""

from __future__ import annotations

import contextlib
import json
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telephony.carriers.carrier import WrongLogin
from telephony.carriers.registry import CARRIERS
from telephony.transports.in_order import InOrder
from telephony.wire import media_streams as wire
from telephony.wire import telnyx_texts, twiml
from telephony.wire.dialects import CannotSay, connect_then_redirect, texml
from telephony.wire.plivo_streams import PlivoWire
from telephony.wire.streams import TwilioWire, Wire
from telephony.wire.telnyx_streams import TelnyxWire

TELNYX_START: dict[str, Any] = {
    "event": "start", "sequence_number": "1", "stream_id": "32DE0DEA-53CB-4B21-89A4-9E1819C043BC",
    "start": {
        "user_id": "3E6F995F-85F7-4705-9741-53B116D28237", "call_control_id": "v2:T02llQxIyaRkhfRKxgAP8nY511EhFLizdvdUKJiSw8d6A9BborherQ",
        "call_session_id": "ff55a038-6f5d-11ef-9692-02420aeffb1f", "from": "+13122010094", "to": "+13122123456",
        "tags": ["TAG1"], "client_state": "aGF2ZSBhIG5pY2UgZGF5ID1d", "custom_parameters": {"call": "v3:abc"},
        "media_format": {"encoding": "PCMU", "sample_rate": 8000, "channels": 1},
    },
}  # fmt: skip
SIGNALWIRE_START: dict[str, Any] = {
    "timestamp": "2025-09-26T16:25:04.794Z", "direction": "inbound", "eventType": "start",
    "streamSid": "7d56cc11-536d-4a45-b4fb-ed3d55be843b",
    "rawEvent": {
        "event": "start", "sequenceNumber": "1",
        "start": {
            "streamSid": "7d56cc11-536d-4a45-b4fb-ed3d55be843b", "accountSid": "b08dacad-2f6c-4de1-93d6-cc732e0c69c5",
            "callSid": "76ac3c36-56da-4a3e-a0d6-b5f8df6da9ad", "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        },
    },
}  # fmt: skip
PLIVO_START: dict[str, Any] = {
    "sequenceNumber": 0, "event": "start", "extra_headers": "{}",
    "start": {
        "callId": "c1", "streamId": "s1", "accountId": "MA1", "tracks": ["inbound"],
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000},
    },
}  # fmt: skip


@pytest.mark.parametrize(
    ("speaks", "body", "message"),
    [
        (TelnyxWire(), {"event": "connected", "version": "1.0.0"}, wire.Connected("Call")),
        (TelnyxWire(), TELNYX_START, wire.Started("32DE0DEA-53CB-4B21-89A4-9E1819C043BC", "v3:abc", "", {})),
        (
            TelnyxWire(),
            {"event": "media", "media": {"track": "inbound", "chunk": "2", "timestamp": "20", "payload": "/v8="}},
            wire.Media(2, 20, b"\xfe\xff"),
        ),
        (TelnyxWire(), {"event": "dtmf", "stream_id": "s", "dtmf": {"digit": "#"}}, wire.DigitPressed("#")),
        (TelnyxWire(), {"event": "mark", "stream_id": "s", "mark": {"name": "7"}}, wire.Marked("7")),
        (TelnyxWire(), {"event": "stop", "stop": {"user_id": "u"}}, wire.Stopped()),
        (TelnyxWire(), {"event": "error", "payload": {"code": 100003}}, wire.Unknown("error")),
        (
            TwilioWire(),
            SIGNALWIRE_START,
            wire.Started(
                "7d56cc11-536d-4a45-b4fb-ed3d55be843b",
                "76ac3c36-56da-4a3e-a0d6-b5f8df6da9ad",
                "b08dacad-2f6c-4de1-93d6-cc732e0c69c5",
                {},
            ),
        ),
        (
            TwilioWire(),
            {"eventType": "dtmf", "rawEvent": {"event": "dtmf", "dtmf": {"duration": 2700, "digit": "8"}}},
            wire.DigitPressed("8"),
        ),
        (PlivoWire(), PLIVO_START, wire.Started("s1", "c1", "MA1", {})),
        (
            PlivoWire(),
            {
                "sequenceNumber": 1, "streamId": "s1", "event": "media",
                "media": {"track": "inbound", "timestamp": "20", "chunk": 1, "payload": "/v8="},
            },
            wire.Media(1, 20, b"\xfe\xff"),
        ),
        (PlivoWire(), {"event": "dtmf", "dtmf": {"track": "inbound", "digit": "5", "timestamp": "9"}}, wire.DigitPressed("5")),
        (PlivoWire(), {"event": "playedStream", "streamId": "s1", "name": "7"}, wire.Marked("7")),
        (PlivoWire(), {"event": "clearedAudio", "streamId": "s1"}, wire.Unknown("clearedAudio")),
    ],
)  # fmt: skip
def test_each_message_of_a_stream_is_understood(speaks: Wire, body: dict[str, Any], message: wire.Message) -> None:
    assert speaks.parse(json.dumps(body)) == message


def changed(body: dict[str, Any], *path: str, to: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(body))
    inside = found
    for name in path[:-1]:
        inside = inside[name]
    inside[path[-1]] = to
    return found


@pytest.mark.parametrize(
    ("speaks", "body", "why"),
    [
        (TelnyxWire(), {}, "what it is"),
        (TelnyxWire(), {"event": "media"}, "“media”"),
        (TelnyxWire(), {"event": "dtmf", "dtmf": {"digit": "x"}}, "keypad"),
        (TelnyxWire(), changed(TELNYX_START, "start", "media_format", "encoding", to="L16"), "μ-law"),
        (TelnyxWire(), changed(TELNYX_START, "start", "media_format", "sample_rate", to=16_000), "μ-law"),
        (TelnyxWire(), changed(TELNYX_START, "start", "custom_parameters", to=[1]), "JSON object"),
        (TelnyxWire(), changed(TELNYX_START, "stream_id", to=7), "stream_id"),
        (PlivoWire(), {"event": 3}, "what it is"),
        (PlivoWire(), {"event": "playedStream"}, "“name”"),
        (PlivoWire(), changed(PLIVO_START, "start", "mediaFormat", "encoding", to="audio/x-l16"), "μ-law"),
        (PlivoWire(), changed(PLIVO_START, "start", "callId", to=""), "callId"),
        (TwilioWire(), {"rawEvent": 7}, "rawEvent"),
    ],
)
def test_what_is_broken_is_said_to_be(speaks: Wire, body: dict[str, Any], why: str) -> None:
    with pytest.raises(wire.BadMessage, match=why):
        speaks.parse(json.dumps(body))


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=9), lambda inside: (
    st.lists(inside, max_size=3) | st.dictionaries(st.sampled_from([
        "event", "media", "start", "dtmf", "mark", "name", "payload", "digit", "rawEvent", "stream_id", "mediaFormat", "media_format",
        "chunk", "timestamp", "custom_parameters",
    ]), inside | st.sampled_from(["media", "start", "dtmf", "mark", "playedStream", "stop"]), max_size=6)
), max_leaves=12))  # fmt: skip
def test_whatever_comes_is_understood_or_refused(body: Any) -> None:
    for each in CARRIERS.values():
        with contextlib.suppress(wire.BadMessage):
            each.wire.parse(json.dumps(body))


def test_what_is_sent_has_each_ones_own_shape() -> None:
    telnyx, plivo = TelnyxWire().writer("s"), PlivoWire().writer('s"1')
    assert json.loads(telnyx.media(b"\xfe\xff")) == {"event": "media", "media": {"payload": "/v8="}}
    assert json.loads(telnyx.mark(7)) == {"event": "mark", "mark": {"name": "7"}}
    assert json.loads(telnyx.clear) == {"event": "clear"}
    sound = {"contentType": "audio/x-mulaw", "sampleRate": 8000, "payload": "/v8="}
    assert json.loads(plivo.media(b"\xfe\xff")) == {"event": "playAudio", "media": sound}
    assert json.loads(plivo.mark(7)) == {"event": "checkpoint", "streamId": 's"1', "name": "7"}
    assert json.loads(plivo.clear) == {"event": "clearAudio", "streamId": 's"1'}


@pytest.mark.parametrize(
    ("came", "heard"),
    [
        ([1, 2, 3], [1, 2, 3]),
        ([2, 4, 3, 5], [2, 3, 4, 5]),
        ([1, 3, 4, 2, 5], [1, 2, 3, 4, 5]),
        ([1, 3, 4, 5, 6, 7], [1, 3, 4, 5, 6, 7]),  # 2 never came: after three pieces they go on
        ([1, 3, 4, 5, 6, 2, 7], [1, 3, 4, 5, 6, 7]),  # its time was over
        ([1, 1, 2, 2], [1, 2]),
        ([9, 8, 10], [9, 10]),
    ],
)
def test_sound_is_heard_in_the_order_in_which_it_was_said(came: list[int], heard: list[int]) -> None:
    order = InOrder()
    assert [each[0] for number in came for each in order.push(number, bytes([number]))] == heard


@given(st.lists(st.integers(0, 200), max_size=80))
def test_in_whatever_order_it_comes_nothing_is_said_twice_or_backwards_or_kept(came: list[int]) -> None:
    order = InOrder()
    heard = [each[0] for number in came for each in order.push(number, bytes([number]))]
    assert heard == sorted(set(heard)) and len(order._waiting) <= 3


CONNECT = twiml.connect_stream("wss://a.example/media/t", "https://a.example/next?a=1&b=2", {"call": 'v3:"<&'})


def test_where_connect_asks_nobody_the_next_instruction_does() -> None:
    (connect, redirect) = ElementTree.fromstring(connect_then_redirect(twiml.document(CONNECT)))
    assert connect.attrib == {} and connect[0].attrib == {"url": "wss://a.example/media/t"}
    assert connect[0][0].attrib == {"name": "call", "value": 'v3:"<&'}
    assert (redirect.tag, redirect.text, redirect.attrib) == (
        "Redirect",
        "https://a.example/next?a=1&b=2",
        {"method": "POST"},
    )


def test_telnyx_is_told_of_its_stream_and_its_voice_what_it_needs() -> None:
    connect, _, say, dial = ElementTree.fromstring(
        texml(
            twiml.document(
                CONNECT, twiml.say("Hallo", "de-DE"), twiml.dial("+14155550177", action="https://a.example/")
            )
        )
    )
    assert connect[0].attrib["bidirectionalMode"] == "rtp" and connect[0].attrib["bidirectionalCodec"] == "PCMU"
    assert say.attrib == {"language": "de-DE", "voice": "alice"}
    assert dial.attrib == {"action": "https://a.example/", "timeout": "30"} and dial[0].text == "+14155550177"


@pytest.mark.parametrize("speak", [connect_then_redirect, texml])
def test_what_a_carrier_has_no_words_for_is_refused(speak: Any) -> None:
    with pytest.raises(CannotSay):
        speak(twiml.document(twiml.connect_relay("wss://a.example/", "https://a.example/")))
    with pytest.raises(CannotSay):
        texml(twiml.document(twiml.record(action="https://a.example/", told="https://a.example/", seconds=9)))


TELNYX_TEXT: dict[str, Any] = {
    "data": {
        "event_type": "message.received", "id": "bf6307bd-884d-4c1f-b6ea-c62b8c495d3c", "occurred_at": "2019-01-23T18:10:02.574Z",
        "payload": {
            "cc": [], "completed_at": None, "direction": "inbound", "encoding": "GSM-7", "errors": [],
            "from": {"carrier": "T-MOBILE USA, INC.", "line_type": "Wireless", "phone_number": "+18665550001"},
            "id": "7ee4241c-f127-47e5-9c34-3aac291f8058", "media": [], "parts": 1, "record_type": "message", "text": "Hello, World!",
            "to": [{"carrier": "TELNYX LLC", "line_type": "VoIP", "phone_number": "+18445550001", "status": "delivered"}],
            "type": "SMS", "webhook_url": "https://www.example.com/hooks",
        },
        "record_type": "event",
    }
}  # fmt: skip


def sent_text(status: str, *errors: Any) -> dict[str, Any]:
    to = [{"carrier": "T-MOBILE USA, INC.", "line_type": "Wireless", "phone_number": "+18665550001", "status": status}]
    told = changed(TELNYX_TEXT, "data", "event_type", to="message.finalized")
    return changed(changed(told, "data", "payload", "to", to=to), "data", "payload", "errors", to=list(errors))


def test_telnyx_tells_of_texts_in_json_and_is_understood() -> None:
    sid = "7ee4241c-f127-47e5-9c34-3aac291f8058"
    came = {"MessageSid": sid, "From": "+18665550001", "To": "+18445550001", "Body": "Hello, World!", "NumMedia": "0"}
    assert telnyx_texts.form(json.dumps(TELNYX_TEXT).encode()) == came
    picture = changed(
        changed(TELNYX_TEXT, "data", "payload", "media", to=[{"url": "x"}]), "data", "payload", "text", to=None
    )
    assert telnyx_texts.form(json.dumps(picture).encode()) == {**came, "Body": "", "NumMedia": "1"}


@pytest.mark.parametrize(
    ("body", "status", "code", "words"),
    [
        (sent_text("queued"), "", "", ""),
        (sent_text("sent"), "sent", "", ""),
        (sent_text("delivered"), "delivered", "", ""),
        (sent_text("delivery_unconfirmed"), "sent", "", ""),
        (sent_text("sending_failed", {"code": 40305, "title": "Invalid"}), "failed", "40305", "Invalid"),
        (
            sent_text("delivery_failed", {"code": "40008", "title": "No", "detail": "Why"}),
            "undelivered",
            "40008",
            "Why",
        ),
        (sent_text("expired"), "undelivered", "", ""),
    ],
)
def test_what_became_of_a_text_at_telnyx_names_nobody_who_wrote(
    body: dict[str, Any], status: str, code: str, words: str
) -> None:
    told = telnyx_texts.form(json.dumps(body).encode())
    about = {"MessageStatus": status, "ErrorCode": code, "ErrorMessage": words}
    assert told == {"MessageSid": "7ee4241c-f127-47e5-9c34-3aac291f8058", **about}


PART = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=9), lambda inside: st.lists(
    inside, max_size=2) | st.dictionaries(st.sampled_from(["phone_number", "status", "code", "detail", "url"]), inside, max_size=3
), max_leaves=6)  # fmt: skip


@given(
    st.sampled_from(["message.received", "message.finalized", "message.", "call.hangup", None, 7, []]),
    PART | st.dictionaries(st.sampled_from(["id", "from", "to", "text", "media", "errors"]), PART, max_size=6),
)
def test_whatever_telnyx_tells_is_words_or_nothing(kind: Any, payload: Any) -> None:
    found = telnyx_texts.form(json.dumps({"data": {"event_type": kind, "payload": payload}}).encode())
    assert all(isinstance(each, str) for each in found.values())


PROJECT = "b08dacad-2f6c-4de1-93d6-cc732e0c69c5"
PUBLIC = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="


@pytest.mark.parametrize(
    ("carrier", "given", "words"),
    [
        ("signalwire", {"space_url": "a.signalwire.com"}, "Give the project ID"),
        ("signalwire", {"space_url": "a.signalwire.com", "project_id": "x", "api_token": "t", "signing_key": "k"}, "four dashes"),
        ("signalwire", {"space_url": "http://a.signalwire.com", "project_id": PROJECT, "api_token": "t", "signing_key": "k"}, "https://"),
        ("signalwire", {"space_url": "https://a@b", "project_id": PROJECT, "api_token": "t", "signing_key": "k"}, "no address of a space"),
        ("telnyx", {"api_key": "KEY1", "public_key": "short"}, "no public key"),
        ("telnyx", {"public_key": PUBLIC}, "Give the API key"),
        ("plivo", {"auth_id": "XX1", "auth_token": "t"}, "begins with MA"),
        ("plivo", {"auth_id": "MA" + "5" * 18, "auth_token": "t" * 201}, "auth token"),
    ],
)  # fmt: skip
def test_what_can_be_no_account_is_said_to_be_none(carrier: str, given: dict[str, str], words: str) -> None:
    with pytest.raises(WrongLogin, match=words):
        CARRIERS[carrier].read(given)


@pytest.mark.parametrize("space", ["a.signalwire.com", "https://A.signalwire.com/", "https://a.signalwire.com:443"])
def test_a_space_is_where_its_token_goes_however_it_was_written(space: str) -> None:
    given = {"space_url": space, "project_id": PROJECT.upper(), "api_token": "t", "signing_key": "k"}
    login = CARRIERS["signalwire"].read(given)
    assert (login.sid, login.address, login.signing) == (PROJECT, "https://a.signalwire.com", "k")
