"""Is our stand-in like Twilio? Twilio's own client uses it, and Twilio's own library writes what we write."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client
from twilio.twiml.voice_response import Connect, Dial, VoiceResponse

from telephony.carriers import CarrierError
from telephony.carriers.twilio import Twilio
from telephony.dialing import gate, policies
from telephony.wire import twiml
from tests.peers.twilio_stand_in import SID, TOKEN, Account


class Here(TwilioHttpClient):
    """Twilio's client, with our address in the place of theirs."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url

    def request(self, method: str, url: str, *args: Any, **more: Any) -> Any:
        return super().request(method, url.replace("https://api.twilio.com", self._url), *args, **more)


@pytest.fixture
def account(settings: Any) -> Iterator[Account]:
    found = Account("+14155550142", "+14155550143", "+14155550144")
    settings.TWILIO_API_URL = found.url
    settings.EGRESS_ALLOW = [found.url.removeprefix("http://")]
    yield found
    found.close()


def test_twilios_client_lists_changes_and_calls(account: Account) -> None:
    client = Client(SID, TOKEN, http_client=Here(account.url))
    assert client.api.accounts(SID).fetch().status == "active"
    found = client.incoming_phone_numbers.list()
    assert [each.phone_number for each in found] == ["+14155550142", "+14155550143", "+14155550144"]
    changed = client.incoming_phone_numbers(found[0].sid).update(voice_url="https://a.example/voice")
    assert changed.voice_url == "https://a.example/voice"
    assert client.calls.create(to="+14155550177", from_="+14155550142", url="https://a.example/").sid.startswith("CA")
    with pytest.raises(TwilioRestException) as refused:
        client.calls.create(to="+14155550177", from_="+14155559999", url="https://a.example/")
    assert refused.value.code == 21210
    with pytest.raises(TwilioRestException) as stranger:
        Client(SID, "wrong", http_client=Here(account.url)).api.accounts(SID).fetch()
    assert stranger.value.status == 401


async def test_our_client_sees_what_twilios_does(account: Account) -> None:
    theirs = await asyncio.to_thread(Client(SID, TOKEN, http_client=Here(account.url)).incoming_phone_numbers.list)
    ours = await Twilio(SID, TOKEN).numbers()
    assert [(each.sid, each.number, each.leads_to) for each in ours] == [
        (each.sid, each.phone_number, each.voice_url) for each in theirs
    ]


@pytest.mark.django_db
def test_a_second_call_is_asked_for_in_twilios_own_words(account: Account, organization: Any) -> None:
    policies.change(organization, {"home_country": "US", "calls_from": "00:00", "calls_until": "24:00"})
    permit = gate.reserve(organization, "+14155550177", "transfer")
    document = twiml.document(twiml.connect_stream("wss://a.example/media/twilio/t"), twiml.hang_up())
    theirs = VoiceResponse()
    theirs.append(Connect())
    theirs.verbs[0].stream(url="wss://a.example/media/twilio/t")
    theirs.hangup()
    assert _canonical(document) == _canonical(str(theirs))
    async_to_sync(Twilio(SID, TOKEN).call_with)(
        permit, "+14155550142", document, "https://a.example/over", ring_seconds=25, longest_s=1_920
    )
    Client(SID, TOKEN, http_client=Here(account.url)).calls.create(
        to="+14155550177", from_="+14155550142", twiml=document, status_callback="https://a.example/over",
        status_callback_method="POST", status_callback_event=["completed"], timeout=25, time_limit=1_920,
    )  # fmt: skip
    ours, twilios = [form for method, path, form in account.asked if method == "POST" and path.endswith("Calls.json")]
    assert ours == twilios


async def test_texts_are_led_in_twilios_own_words(account: Account) -> None:
    sid = next(iter(account.numbers))
    await Twilio(SID, TOKEN).lead(sid, "https://a.example/voice", "https://a.example/status", "https://a.example/texts")
    client = Client(SID, TOKEN, http_client=Here(account.url))
    await asyncio.to_thread(
        client.incoming_phone_numbers(sid).update,
        voice_url="https://a.example/voice", voice_method="POST", voice_application_sid="", trunk_sid="",
        status_callback="https://a.example/status", status_callback_method="POST",
        sms_url="https://a.example/texts", sms_method="POST", sms_application_sid="",
    )  # fmt: skip
    ours, twilios = [form for method, path, form in account.asked if method == "POST"]
    assert ours == twilios and ours["SmsUrl"] == "https://a.example/texts"


async def test_a_number_is_led_here_and_back(account: Account) -> None:
    ours = Twilio(SID, TOKEN)
    (sid, *_) = account.numbers
    account.numbers[sid]["trunk_sid"] = "TK1"
    was = dict(account.numbers[sid])
    before = await ours.lead(sid, "https://a.example/voice", "https://a.example/status")
    assert account.numbers[sid]["voice_url"] == "https://a.example/voice" and account.numbers[sid]["trunk_sid"] == ""
    assert await ours.put_back(sid, before, "https://a.example/voice")
    assert account.numbers[sid] == was


async def test_what_somebody_else_changed_meanwhile_is_left_alone(account: Account) -> None:
    ours = Twilio(SID, TOKEN)
    (sid, *_) = account.numbers
    before = await ours.lead(sid, "https://a.example/voice", "https://a.example/status")
    account.numbers[sid]["voice_url"] = "https://b.example/"
    assert not await ours.put_back(sid, before, "https://a.example/voice")
    assert account.numbers[sid]["voice_url"] == "https://b.example/"


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        ({"token": "another"}, "doesn't know this account SID"),
        ({"status": "suspended"}, "suspended"),
    ],
)
async def test_what_is_wrong_with_an_account_is_said(account: Account, spoil: dict[str, str], words: str) -> None:
    for name, value in spoil.items():
        setattr(account, name, value)
    with pytest.raises(CarrierError, match=words):
        await Twilio(SID, TOKEN).name()


async def test_a_carrier_that_is_away_is_said_to_be(settings: Any, account: Account) -> None:
    account.close()
    with pytest.raises(CarrierError, match="can't be reached"):
        await Twilio(SID, TOKEN).name()


def test_our_twiml_is_what_twilios_library_writes() -> None:
    theirs = VoiceResponse()
    connect = Connect(action="https://a.example/next?a=1&b=2", method="POST")
    connect.stream(url="wss://a.example/media/twilio/t").parameter(name="who", value='"<&')
    theirs.append(connect)
    relayed = Connect(action="https://a.example/next", method="POST")
    relayed.conversation_relay(
        url="wss://a.example/t", language="en-US", interruptible="any", dtmf_detection="true", partial_prompts="true",
        report_input_during_agent_speech="any", interrupt_sensitivity="high", hints="a, b", voice="v",
        events="speaker-events tokens-played",
    )  # fmt: skip
    theirs.append(relayed)
    dial = Dial(caller_id="+14155550142", timeout="30", answer_on_bridge=True)
    dial.number("+14155550177")
    theirs.append(dial)
    theirs.say("a < b & c", language="de-DE")
    theirs.hangup()
    theirs.reject(reason="busy")
    ours = twiml.document(
        twiml.connect_stream("wss://a.example/media/twilio/t", "https://a.example/next?a=1&b=2", {"who": '"<&'}),
        twiml.connect_relay(
            "wss://a.example/t",
            "https://a.example/next",
            language="en-US",
            interruptible="any",
            dtmfDetection="true",
            partialPrompts="true",
            reportInputDuringAgentSpeech="any",
            interruptSensitivity="high",
            hints="a, b",
            voice="v",
            events="speaker-events tokens-played",
            speechModel="",
        ),
        twiml.dial("+14155550177", caller_id="+14155550142"),
        twiml.say("a < b & c", "de-DE"),
        twiml.hang_up(),
        twiml.reject(busy=True),
    )
    assert _canonical(ours) == _canonical(theirs.to_xml())


def _canonical(text: str) -> str:
    from xml.etree.ElementTree import canonicalize

    return canonicalize(text)
