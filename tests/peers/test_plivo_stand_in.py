"""Is our stand-in like Plivo? Plivo's own client uses it, its own library believes our signature and writes what we write."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

import plivo
import pytest
from plivo import plivoxml
from plivo.rest import client as plivos
from plivo.utils import validate_signature
from plivo.utils.signature_v3 import validate_v3_signature

from telephony.carriers import CarrierError
from telephony.carriers.plivo import Plivo
from telephony.wire import twiml
from telephony.wire.dialects import CannotSay, plivo_xml
from telephony.wire.plivo_signature import is_signed, is_signed_v2, sign, sign_v2
from tests.peers.plivo_stand_in import AUTH_ID, TOKEN, PlivoAccount

URL = "https://parley.example/phone/plivo/1/voice"


@pytest.fixture
def account(settings: Any) -> Iterator[PlivoAccount]:
    found = PlivoAccount(*(f"+1415555{number:04}" for number in range(25)))
    settings.PLIVO_API_URL = found.url
    settings.EGRESS_ALLOW = [found.url.removeprefix("http://")]
    yield found
    found.close()


def test_plivos_client_lists_leads_and_calls(account: PlivoAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in vars(plivos).items():
        if isinstance(value, str) and "api.plivo.com" in value:
            monkeypatch.setattr(plivos, name, value.replace("https://api.plivo.com", account.url))
    theirs = plivo.RestClient(AUTH_ID, TOKEN)
    assert theirs.account.get()["name"] == "Bright Smiles"
    first, second = theirs.numbers.list(limit=20, offset=0), theirs.numbers.list(limit=20, offset=20)
    assert len(first["objects"]) == 20 and len(second["objects"]) == 5
    made = theirs.applications.create("Parley-1", "https://a.example/voice", hangup_url="https://a.example/status")
    theirs.numbers.update("14155550000", app_id=made["app_id"])
    assert account.leads("+14155550000") == ("https://a.example/voice", "https://a.example/status")
    called = theirs.calls.create("14155550000", "14155550177", "https://a.example/answered")
    assert called["message"] == "call fired" and called["request_uuid"]
    assert account.placed[0]["from"] == "14155550000" and account.placed[0]["answer_method"] == "POST"
    theirs.applications.update(made["app_id"], message_url="https://a.example/texts")
    assert account.applications[made["app_id"]]["message_url"] == "https://a.example/texts"
    sent = theirs.messages.create(src="14155550000", dst="14155550177", text="Hi", url="https://a.example/text")
    assert sent["message_uuid"] == [account.texts[0]["sid"]] and account.texts[0]["To"] == "+14155550177"


async def test_our_client_sees_all_its_numbers_and_what_is_wrong(account: PlivoAccount) -> None:
    found = await Plivo(AUTH_ID, TOKEN).numbers()
    assert len(found) == 25 and found[0].number == "+14155550000"
    with pytest.raises(CarrierError, match="doesn't know this auth ID"):
        await Plivo(AUTH_ID, "another").name()
    with pytest.raises(CarrierError, match="Plivo says: not found") as missing:
        await Plivo(AUTH_ID, TOKEN).hang_up("none")
    assert missing.value.status == 404


@pytest.mark.parametrize("url", [URL, f"{URL}?b=2&a=1"])
@pytest.mark.parametrize("form", [{}, {"To": ["14155550142"], "From": ["14155550100"], "Digits": ["1 2&3"]}])
def test_plivos_library_believes_what_we_sign_and_we_believe_it(url: str, form: dict[str, list[str]]) -> None:
    ours = sign(TOKEN, url, form, "nonce")
    flat = {name: values[0] for name, values in form.items()}
    assert validate_v3_signature("POST", url, "nonce", TOKEN, ours, dict(flat))
    assert is_signed(TOKEN, url, form, "nonce", f"another, {ours}")
    assert not validate_v3_signature("POST", url, "another", TOKEN, ours, dict(flat))
    assert not is_signed(TOKEN, url, form, "another", ours) and not is_signed("", url, form, "nonce", ours)
    assert not is_signed(TOKEN, url, {**form, "To": ["1"]}, "nonce", ours)


@pytest.mark.parametrize("url", [URL, f"{URL}?b=2&a=1"])
def test_so_it_is_with_the_second_version_of_the_signature_that_texts_have(url: str) -> None:
    ours = sign_v2(TOKEN, url, "nonce")
    assert validate_signature(url, "nonce", ours, TOKEN) and is_signed_v2(TOKEN, url, "nonce", ours)
    assert not validate_signature(f"{URL}/1", "nonce", ours, TOKEN) and not is_signed_v2(
        TOKEN, f"{URL}/1", "nonce", ours
    )
    assert not any(
        is_signed_v2(*each)
        for each in ((TOKEN, url, "another", ours), ("", url, "nonce", ours), (TOKEN, url, "", ours))
    )


def test_our_xml_is_what_plivos_library_writes() -> None:
    theirs = plivoxml.ResponseElement()
    theirs.add(plivoxml.SpeakElement("We open at <9> & close.", language="en-GB"))
    theirs.add(
        plivoxml.StreamElement(
            "wss://a.example/media/plivo/t",
            bidirectional=True,
            keepCallAlive=True,
            contentType="audio/x-mulaw;rate=8000",
        )
    )
    theirs.add(plivoxml.RedirectElement("https://a.example/next?a=1&b=2", method="POST"))
    dial = plivoxml.DialElement(
        action="https://a.example/forwarded", timeout=25, time_limit=1800, caller_id="+14155550142"
    )
    theirs.add(dial.add(plivoxml.NumberElement("+14155550177")))
    dial = plivoxml.DialElement(action="https://a.example/forwarded", timeout=30)
    theirs.add(dial.add(plivoxml.UserElement("sip:desk@pbx.example")))
    theirs.add(plivoxml.WaitElement(length=2))
    theirs.add(plivoxml.HangupElement(reason="busy"))
    theirs.add(plivoxml.HangupElement())
    ours = plivo_xml(
        twiml.document(
            twiml.say("We open at <9> & close.", "en-GB"),
            twiml.connect_stream("wss://a.example/media/plivo/t", "https://a.example/next?a=1&b=2", {"call": "1"}),
            twiml.dial(
                "+14155550177",
                caller_id="+14155550142",
                action="https://a.example/forwarded",
                seconds=25,
                longest_s=1800,
            ),
            twiml.dial_sip("sip:desk@pbx.example", action="https://a.example/forwarded"),
            twiml.pause(2),
            twiml.reject(busy=True),
            twiml.hang_up(),
        )
    )

    def shape(text: str) -> Any:
        def of(element: ElementTree.Element) -> Any:
            return element.tag, element.attrib, (element.text or "").strip(), [of(each) for each in element]

        return of(ElementTree.fromstring(text))

    said = shape(theirs.to_string())
    for _, attributes, _, _ in said[3]:  # what the library adds is what their pages call the default
        for name in (
            "loop",
            "voice",
            "method",
            "redirect",
            "hangupOnStar",
            "schedule",
            "silence",
            "minSilence",
            "beep",
        ):
            if name != "method" or "timeout" in attributes:
                attributes.pop(name, None)
    assert shape(ours) == said


@pytest.mark.parametrize(
    "verb", [twiml.record(action="https://a.example/", told="https://a.example/", seconds=9), "<Play/>"]
)
def test_what_parley_has_no_words_for_at_plivo_is_never_left_out_in_silence(verb: str) -> None:
    with pytest.raises(CannotSay):
        plivo_xml(twiml.document(verb))
