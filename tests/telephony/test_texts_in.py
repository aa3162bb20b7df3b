"""Text messages that come in: signed, kept once, obeyed where they say STOP or START; and the number's webhook, set and put back."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from accounts import tenancy
from telephony import outbound, phone_numbers, texts
from telephony.carriers import CarrierError
from telephony.dialing import do_not_call, gate
from telephony.dialing.models import DoNotCall
from telephony.dialing.policy import Refused
from telephony.models import PhoneNumber, TextMessage
from tests.peers.twilio_stand_in import TOKEN, Account, sign
from tests.telephony.test_texts import NUMBER, TO, api, number, twilio

__all__ = ["api", "number", "twilio"]

pytestmark = pytest.mark.django_db
Writes = Callable[..., int]


@pytest.fixture
def writes(client: Client, number: PhoneNumber, twilio: Account) -> Writes:
    """Somebody writes to our number: Twilio asks what its settings name. Returns the status."""

    def write(body: str, *, sid: str = "", sender: str = TO, token: str = TOKEN, **more: str) -> int:
        url = next(iter(twilio.numbers.values()))["sms_url"]
        form = {
            "AccountSid": twilio.sid, "MessageSid": sid or f"SM{uuid.uuid4().hex}", "From": sender, "To": NUMBER, "Body": body,
            "NumMedia": "0", "SmsStatus": "received", **more,
        }  # fmt: skip
        path = "/" + url.split("/", 3)[3]
        answer = client.post(path, form, headers={"X-Twilio-Signature": sign(token, url, form)})
        if answer.status_code == 200:
            assert answer.content == b'<?xml version="1.0" encoding="UTF-8"?><Response></Response>', (
                "nothing is answered"
            )
        return answer.status_code

    return write


def kept(organization: Any) -> list[TextMessage]:
    with tenancy.use(organization):
        return list(TextMessage.objects.order_by("created_at"))


def listed(organization: Any) -> list[tuple[str, str]]:
    with tenancy.use(organization):
        return list(DoNotCall.objects.order_by("created_at").values_list("number", "source"))


def test_a_text_is_kept_once_however_often_it_is_told_and_stands_beside_ours(
    api: Callable[..., Any], organization: Any, number: PhoneNumber, writes: Writes
) -> None:
    long = "Is Tuesday fine, too? " + "é" * 1_500
    assert [writes(long, sid="SM1", NumMedia="2") for _ in range(2)] == [200, 200]
    texts.send(number, TO, "Yes, at three.")
    writes("Thank you", sid="SM2", sender="+14155550188")
    (first, _, other) = kept(organization)
    assert (first.from_number, first.to_number, first.body, first.media) == (TO, NUMBER, long, 2)
    assert (first.phone_number_id, first.status, first.means) == (number.pk, "received", "")
    everything = api("get", "/texts").json()
    assert [each["direction"] for each in everything["items"]] == ["inbound", "outbound", "inbound"]
    pair = api("get", f"/texts?our_number=%2B{NUMBER[1:]}&their_number=%2B{TO[1:]}&limit=1").json()
    assert [each["body"] for each in pair["items"]] == ["Yes, at three."]
    rest = api("get", f"/texts?their_number=%2B{TO[1:]}&limit=1&cursor={pair['next_cursor']}").json()
    assert [each["id"] for each in rest["items"]] == [str(first.pk)] and rest["next_cursor"] is None
    assert [each["id"] for each in api("get", "/texts?direction=inbound").json()["items"]] == [
        str(other.pk),
        str(first.pk),
    ]
    assert api("get", "/texts?direction=sideways").status_code == 422


def test_what_twilio_did_not_sign_is_refused(organization: Any, writes: Writes) -> None:
    assert writes("Hello", token="another") == 403 and kept(organization) == []


def test_who_writes_stop_is_neither_called_nor_written_to_until_they_write_start(
    organization: Any, number: PhoneNumber, writes: Writes, twilio: Account
) -> None:
    writes("Stop, please!")
    assert listed(organization) == [(TO, "text")]
    with tenancy.use(organization):
        assert "Texted “Stop, please!” to +14155550142" in DoNotCall.objects.get().reason
    answer = gate.check(organization, TO, "campaign")
    assert isinstance(answer, Refused) and "do-not-call list" in answer.words
    with pytest.raises(outbound.MayNotDial, match="do-not-call list"):
        texts.send(number, TO, "Hello")
    writes("Yes")
    assert listed(organization) == [(TO, "text")], "that is an answer to something"
    writes("START")
    assert listed(organization) == []
    assert texts.send(number, TO, "Welcome back.").status == "sent"
    assert [each.means for each in kept(organization) if each.direction == "inbound"] == ["stop", "", "start"]


def test_start_takes_back_no_wish_that_was_not_texted(organization: Any, writes: Writes) -> None:
    do_not_call.add(organization, TO, "asked on the telephone", source=DoNotCall.Source.CALLER)
    writes("STOP")
    writes("START")
    assert listed(organization) == [(TO, "caller")]


@pytest.mark.parametrize("source", ["member", "api", "caller"])
def test_start_takes_back_no_wish_that_came_after_a_stop(organization: Any, writes: Writes, source: str) -> None:
    writes("STOP")
    entry, is_new = do_not_call.add(organization, TO, "Said so on the telephone.", source=source)
    assert not is_new and (entry.source, entry.reason) == (source, "Said so on the telephone.")
    writes("STOP")
    writes("START")
    assert listed(organization) == [(TO, source)]


def test_a_stop_told_again_after_a_start_changes_nothing(organization: Any, writes: Writes) -> None:
    writes("STOP", sid="SM1")
    writes("START", sid="SM2")
    writes("STOP", sid="SM1")
    assert listed(organization) == []


def test_whoever_is_no_telephone_number_can_write_too(organization: Any, writes: Writes) -> None:
    writes("STOP", sender="73822")
    writes("Your code is 4711.", sender="Bank")
    assert [each.from_number for each in kept(organization)] == ["73822", "Bank"] and listed(organization) == []


def test_who_stopped_at_the_carrier_before_is_put_on_the_list_when_it_says_so(
    organization: Any, number: PhoneNumber, twilio: Account
) -> None:
    twilio.stopped.add(TO)
    with pytest.raises(CarrierError, match="unsubscribed"):
        texts.send(number, TO, "Hello")
    assert listed(organization) == [(TO, "text")]


def test_what_comes_in_is_not_counted_as_sent(organization: Any, number: PhoneNumber, writes: Writes) -> None:
    from telephony.dialing import policies

    policies.change(organization, {"texts_per_day": 1})
    writes("One")
    writes("Two")
    assert texts.send(number, TO, "Three").status == "sent"


def fresh(number: PhoneNumber) -> PhoneNumber:
    with tenancy.use(number.organization_id):
        return PhoneNumber.objects.select_related("account__organization").get(pk=number.pk)


def at_twilio(account: Account) -> tuple[str, str, str]:
    row = next(iter(account.numbers.values()))
    return row["voice_url"], row["sms_url"], row["sms_application_sid"]


def test_a_numbers_texts_are_led_here_when_it_is_imported_and_back_when_it_is_removed(
    organization: Any, alice: Any, twilio: Account
) -> None:
    row = next(iter(twilio.numbers.values()))
    row["sms_application_sid"] = "AP1"
    before = at_twilio(twilio)
    account = phone_numbers.connect(organization, alice, twilio.sid, twilio.token)
    for _ in range(2):  # imported again
        number = phone_numbers.import_number(account, next(iter(twilio.numbers)))
    assert at_twilio(twilio)[1:] == (phone_numbers.text_url(account), "")
    assert phone_numbers.remove(fresh(number)) and at_twilio(twilio) == before


def test_what_somebody_has_led_elsewhere_meanwhile_is_left_so_each_by_itself(
    organization: Any, number: PhoneNumber, twilio: Account
) -> None:
    row = next(iter(twilio.numbers.values()))
    row["sms_url"] = "https://elsewhere.example/sms"
    assert phone_numbers.remove(number)
    assert at_twilio(twilio)[:2] == ("https://demo.twilio.com/welcome/voice/", "https://elsewhere.example/sms")


def test_a_number_of_an_earlier_release_gets_its_texts_when_it_is_led_here_again(
    organization: Any, number: PhoneNumber, twilio: Account
) -> None:
    row = next(iter(twilio.numbers.values()))
    row["sms_url"] = "https://before.example/sms"  # it was imported when only calls were led here
    with tenancy.use(organization):
        number.before = {name: value for name, value in number.before.items() if not name.startswith("sms_")}
        number.save()
    again = phone_numbers.import_number(number.account, number.sid)
    assert row["sms_url"] == phone_numbers.text_url(number.account) and phone_numbers.remove(fresh(again))
    assert at_twilio(twilio)[:2] == ("https://demo.twilio.com/welcome/voice/", "https://before.example/sms")
