"""The pages of text messages: who wrote to whom, a conversation, and an answer."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts import tenancy
from telephony import texts, texts_in
from telephony.dialing import do_not_call
from telephony.models import PhoneNumber, TextMessage
from tests.peers.twilio_stand_in import Account
from tests.telephony.test_texts import NUMBER, TO, number, twilio

__all__ = ["number", "twilio"]

pytestmark = pytest.mark.django_db
Clients = Callable[[Any], Client]


def comes_in(number: PhoneNumber, body: str, sender: str = TO) -> TextMessage:
    form = {"MessageSid": f"SM{uuid.uuid4().hex}", "From": sender, "To": NUMBER, "Body": body}
    assert number.account is not None
    text = texts_in.receive(number.account, form)
    assert text is not None
    return text


def test_a_conversation_is_one_row_and_its_page_shows_both_sides_in_order(
    client_of: Clients, alice: Any, number: PhoneNumber
) -> None:
    comes_in(number, "Is Tuesday <fine>?")
    texts.send(number, TO, "Yes, at three.")
    comes_in(number, "Who is this?", "+14155550188")
    client = client_of(alice)
    page = client.get(reverse("frontend:texts")).content.decode()
    assert page.count('data-label="With"') == 2 and "Yes, at three." in page and "Is Tuesday" not in page
    found = client.get(reverse("frontend:texts"), {"q": "tuesday"}).content.decode()
    assert found.count('data-label="With"') == 1 and "Is Tuesday &lt;fine&gt;?" in found
    with tenancy.use(number.organization_id):
        newest = TextMessage.objects.get(body="Yes, at three.")
    page = client.get(reverse("frontend:text", args=[newest.pk])).content.decode()
    assert page.index("Is Tuesday &lt;fine&gt;?") < page.index("Yes, at three.") and "Who is this?" not in page
    part = client.get(reverse("frontend:text", args=[newest.pk]), headers={"HX-Request": "true"}).content.decode()
    assert part.lstrip().startswith('<div id="texts"') and "Yes, at three." in part


def test_an_editor_answers_and_what_is_refused_is_said_beside_the_words(
    client_of: Clients, bob: Any, number: PhoneNumber, twilio: Account
) -> None:
    text, client = comes_in(number, "Hello?"), client_of(bob)
    url = reverse("frontend:text", args=[text.pk])
    assert client.post(url, {"body": "Good morning."}).status_code == 302
    assert [(each["To"], each["From"], each["Body"]) for each in twilio.texts] == [(TO, NUMBER, "Good morning.")]
    comes_in(number, "stop")
    page = client.get(url).content.decode()
    assert "it is neither called nor sent texts" in page and "START from there takes it off" in page
    refused = client.post(url, {"body": "But why?"})
    assert (
        refused.status_code == 422
        and "do-not-call list" in refused.content.decode()
        and "But why?" in refused.content.decode()
    )
    assert len(twilio.texts) == 1


def test_a_text_to_somebody_new_begins_a_conversation(
    client_of: Clients, bob: Any, number: PhoneNumber, twilio: Account
) -> None:
    client = client_of(bob)
    form = {"number": str(number.pk), "to": "415 555 0188", "body": "See you soon."}
    answer = client.post(reverse("frontend:texts"), form)
    assert answer.status_code == 302 and twilio.texts[0]["To"] == "+14155550188"
    assert "See you soon." in client.get(answer["Location"]).content.decode()
    refused = client.post(reverse("frontend:texts"), {**form, "to": "911"})
    assert refused.status_code == 422 and "emergency" in refused.content.decode()


def test_a_removed_numbers_conversation_can_be_read_and_not_answered(
    client_of: Clients, alice: Any, number: PhoneNumber
) -> None:
    text = comes_in(number, "Hello?")
    from telephony import phone_numbers

    phone_numbers.forget(number)
    url, client = reverse("frontend:text", args=[text.pk]), client_of(alice)
    assert "Hello?" in client.get(url).content.decode() and "<textarea" not in client.get(url).content.decode()
    assert client.post(url, {"body": "Hi"}).status_code == 422


def test_who_is_on_the_list_for_another_reason_is_shown_so(client_of: Clients, alice: Any, number: PhoneNumber) -> None:
    text = comes_in(number, "START")
    do_not_call.add(number.organization, TO, "by e-mail", member=alice)
    page = client_of(alice).get(reverse("frontend:text", args=[text.pk])).content.decode()
    assert "a text START doesn&#x27;t" in page or "a text START doesn't" in page
