"""Text messages: asked for over the API, sent by an agent whose call is over; at the other end a stand-in for Twilio."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts import keys, tenancy
from agents.publish import create_agent, publish
from telephony import phone_numbers, texts
from telephony.dialing import do_not_call, policies
from telephony.finish import Outcome, end_call
from telephony.models import Call, CallEvent, PhoneNumber, TextMessage
from tests.peers.twilio_stand_in import TOKEN, Account, sign
from tests.telephony.campaigns.people import WIDE

pytestmark = pytest.mark.django_db
NUMBER, TO = "+14155550142", "+14155550177"


@pytest.fixture
def twilio(settings: Any) -> Iterator[Account]:
    found = Account(NUMBER)
    settings.TWILIO_API_URL = found.url
    settings.EGRESS_ALLOW = [found.url.removeprefix("http://")]
    yield found
    found.close()


@pytest.fixture
def number(organization: Any, alice: Any, twilio: Account) -> PhoneNumber:
    policies.change(organization, WIDE)
    account = phone_numbers.connect(organization, alice, twilio.sid, twilio.token)
    return phone_numbers.import_number(account, next(iter(twilio.numbers)))


@pytest.fixture
def api(organization: Any, client: Client) -> Callable[..., Any]:
    _, key = keys.issue(organization, "k", ["calls:read", "calls:write"], None, None)
    headers = {"Authorization": f"Bearer {key}"}

    def ask(method: str, path: str, body: Any = None) -> Any:
        more = {"data": body, "content_type": "application/json"} if body is not None else {}
        return getattr(client, method)(f"/api/v1{path}", headers=headers, **more)

    return ask


def test_a_text_is_sent_and_what_became_of_it_is_told(
    api: Callable[..., Any], client: Client, number: PhoneNumber, twilio: Account
) -> None:
    sent = api("post", "/texts", {"number_id": str(number.pk), "to": "415 555 0177", "body": "See you on Tuesday."})
    assert sent.status_code == 201, sent.content
    text = sent.json()
    assert (text["to_number"], text["from_number"], text["status"]) == (TO, NUMBER, "sent")
    (at_twilio,) = twilio.texts
    assert (at_twilio["To"], at_twilio["From"], at_twilio["Body"]) == (TO, NUMBER, "See you on Tuesday.")

    def tell(status: str, token: str = TOKEN, **more: str) -> int:
        url = at_twilio["StatusCallback"]
        form = {"AccountSid": twilio.sid, "MessageSid": at_twilio["sid"], "MessageStatus": status, **more}
        path = "/" + url.split("/", 3)[3]
        return client.post(path, form, headers={"X-Twilio-Signature": sign(token, url, form)}).status_code

    assert tell("undelivered", "another") == 403
    assert tell("queued") == 204 and api("get", f"/texts/{text['id']}").json()["status"] == "sent"
    assert tell("undelivered", ErrorCode="30003") == 204
    failed = api("get", f"/texts/{text['id']}").json()
    assert failed["status"] == "failed" and "30003" in failed["problem"]
    tell("delivered")
    tell("sent")
    assert api("get", "/texts").json()["items"][0]["status"] == "delivered"


@pytest.mark.parametrize(
    ("to", "body", "limits", "words"),
    [
        ("911", "Hi", {}, "emergency"),
        ("+4915123456789", "Hi", {}, "is in Germany"),
        ("+14155550199", "Hi", {}, "do-not-call list"),
        (TO, "   ", {}, "nothing to send"),
        (TO, "Hi", {"texts_per_day": 0}, "limit of 0 text messages"),
    ],
)
def test_the_limits_hold_for_texts_too(
    api: Callable[..., Any], organization: Any, number: PhoneNumber, twilio: Account, to: str, body: str,
    limits: dict[str, int], words: str,
) -> None:  # fmt: skip
    policies.change(organization, limits)
    do_not_call.add(organization, "+14155550199", "")
    refused = api("post", "/texts", {"number_id": str(number.pk), "to": to, "body": body})
    assert refused.status_code == 409 and words in refused.json()["detail"] and twilio.texts == []


def test_the_days_limit_counts_what_was_sent(
    api: Callable[..., Any], organization: Any, number: PhoneNumber, twilio: Account
) -> None:
    policies.change(organization, {"texts_per_day": 2})
    form = {"number_id": str(number.pk), "to": TO, "body": "Hi"}
    assert [api("post", "/texts", form).status_code for _ in range(3)] == [201, 201, 409]
    assert len(twilio.texts) == 2


def test_what_the_carrier_refuses_is_kept_with_its_words(
    api: Callable[..., Any], number: PhoneNumber, twilio: Account
) -> None:
    twilio.unreachable = {TO}
    refused = api("post", "/texts", {"number_id": str(number.pk), "to": TO, "body": "Hi"})
    assert refused.status_code == 502 and "Invalid" in refused.json()["detail"]
    assert api("get", "/texts").json()["items"][0]["status"] == "failed"


# --- when a call is over

COLLECT = [{"key": "name", "question": "Your name?"}, {"key": "day", "type": "datetime", "question": "Which day?"}]


def a_call(number: PhoneNumber, alice: Any, **more: Any) -> Call:
    organization = number.organization
    with tenancy.use(organization):
        agent = create_agent(organization, "Front desk")
        agent.draft["does"] = {"collect": COLLECT, "text_after": "Thank you, {{name}}. See you on {{day}}.", **more}
        agent.save()
        publish(agent, alice)
        call: Call = Call.objects.create(
            organization=organization, agent=agent, version=agent.published, spec=agent.published.spec, channel="phone",
            from_number=TO, to_number=NUMBER, phone_number=number, carrier_account=number.account, status="in_progress",
            answered_at=timezone.now(),
        )  # fmt: skip
        data = {"key": "day", "value": "2026-03-03T15:00", "spoken": "Tuesday at three", "is_confirmed": True}
        CallEvent.objects.create(organization=organization, call=call, at_ms=1, kind="collected", data=data)
    return call


def ended(call: Call, collected: dict[str, Any]) -> bool:
    end_call(call, call.organization_id, "caller_goodbye", outcome=Outcome(1_000, collected))
    return texts.send_after(call.pk, call.organization_id)


ALL = {"name": "Ada", "day": "2026-03-03T15:00"}


def test_when_all_is_collected_the_caller_gets_a_text_once(number: PhoneNumber, alice: Any, twilio: Account) -> None:
    call = a_call(number, alice)
    assert ended(call, ALL)
    assert not texts.send_after(call.pk, call.organization_id)
    assert [(each["To"], each["Body"]) for each in twilio.texts] == [
        (TO, "Thank you, Ada. See you on Tuesday at three.")
    ]
    with tenancy.use(call.organization_id):
        assert call.events.get(kind="text_sent").data["to"] == TO
        assert TextMessage.objects.get().call_id == call.pk


@pytest.mark.parametrize(
    ("more", "collected", "is_sent"),
    [
        ({}, {"name": "Ada", "day": None}, False),
        ({"text_when": "always"}, {"name": None, "day": None}, True),
        ({"text_after": ""}, ALL, False),
    ],
)
def test_it_is_sent_only_when_it_should_be(
    number: PhoneNumber, alice: Any, twilio: Account, more: Any, collected: Any, is_sent: bool
) -> None:
    assert ended(a_call(number, alice, **more), collected) is is_sent and len(twilio.texts) == is_sent


def test_a_call_that_nobody_answered_sends_nothing(number: PhoneNumber, alice: Any, twilio: Account) -> None:
    call = a_call(number, alice, text_when="always")
    with tenancy.use(call.organization_id):
        Call.objects.update(answered_at=None)
    end_call(call, call.organization_id, "no_answer")
    assert not texts.send_after(call.pk, call.organization_id) and twilio.texts == []


def test_a_text_that_can_not_be_sent_is_told_on_the_calls_page(
    number: PhoneNumber, alice: Any, twilio: Account, client_of: Any
) -> None:
    do_not_call.add(number.organization, TO, "")
    call = a_call(number, alice)
    assert not ended(call, ALL) and twilio.texts == []
    page = client_of(alice).get(f"/calls/{call.pk}/").content.decode()
    assert f"The text to {TO} was not sent" in page and "do-not-call" in page
