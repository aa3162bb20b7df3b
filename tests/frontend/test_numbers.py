"""The page of telephone numbers, as the people who use it see it; at the other end a stand-in for Twilio."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client

from accounts import tenancy
from accounts.models import Credential
from agents.publish import create_agent, publish
from telephony.models import CarrierAccount, PhoneNumber
from tests.peers.twilio_stand_in import Account

pytestmark = pytest.mark.django_db

Clients = Callable[[Any], Client]
NUMBER = "+14155550142"


@pytest.fixture
def twilio(settings: Any, organization: Any) -> Iterator[Account]:
    found = Account(NUMBER, "+14155550143")
    found.add("+14155550199", capabilities={"voice": False, "sms": True})
    settings.TWILIO_API_URL = found.url
    settings.EGRESS_ALLOW = [found.url.removeprefix("http://")]
    yield found
    found.close()


def connected(client: Client, twilio: Account) -> CarrierAccount:
    client.post("/numbers/connect/", {"account_sid": twilio.sid, "auth_token": twilio.token})
    with tenancy.system("test"):
        return CarrierAccount.objects.get()


def imported(client: Client, twilio: Account) -> PhoneNumber:
    account = connected(client, twilio)
    client.post(f"/numbers/accounts/{account.pk}/", {"sid": next(iter(twilio.numbers))})
    with tenancy.system("test"):
        return PhoneNumber.objects.get()


def test_from_an_account_to_a_number_that_an_agent_answers_and_back(
    client_of: Clients, alice: Any, organization: Any, twilio: Account
) -> None:
    client = client_of(alice)
    was = {sid: dict(number) for sid, number in twilio.numbers.items()}
    number = imported(client, twilio)
    at_twilio = next(iter(twilio.numbers.values()))
    assert at_twilio["voice_url"].endswith(f"/phone/twilio/{number.account_id}/voice")
    agent = create_agent(organization, "Front desk")
    page = client.get("/numbers/").content.decode()
    assert NUMBER in page and "Calls are refused" in page
    client.post(f"/numbers/{number.pk}/assign/", {"agent": agent.pk})
    assert "Calls are refused: publish the agent" in client.get("/numbers/").content.decode()
    publish(agent, alice)
    assert "Front desk, version 1, answers" in client.get("/numbers/").content.decode()
    page = client.post(f"/numbers/{number.pk}/remove/", follow=True).content.decode()
    assert "its calls go where they went before" in page
    assert twilio.numbers == was


def test_a_token_is_kept_sealed_and_goes_with_its_account(
    client_of: Clients, alice: Any, organization: Any, twilio: Account
) -> None:
    client = client_of(alice)
    account = connected(client, twilio)
    with tenancy.use(organization):
        (credential,) = Credential.objects.all()
    assert twilio.token.encode() not in bytes(credential.secret) and credential.address == twilio.url
    assert twilio.token not in client.get("/numbers/").content.decode()
    client.post(f"/numbers/accounts/{account.pk}/disconnect/")
    with tenancy.use(organization):
        assert not Credential.objects.exists() and not CarrierAccount.objects.exists()


@pytest.mark.parametrize(
    ("sid", "token", "words"),
    [
        ("AC1", "x", "followed by 32 letters and digits"),
        ("AC" + "5" * 32, "wrong", "doesn&#x27;t know this account SID"),
        ("", "", "This field is required"),
    ],
)
def test_what_is_wrong_with_an_account_is_said_and_nothing_kept(
    client_of: Clients, alice: Any, twilio: Account, sid: str, token: str, words: str
) -> None:
    answer = client_of(alice).post("/numbers/connect/", {"account_sid": sid, "auth_token": token})
    assert answer.status_code == 422 and words in answer.content.decode()
    with tenancy.system("test"):
        assert not CarrierAccount.objects.exists() and not Credential.objects.exists()


def test_an_account_with_numbers_is_not_forgotten(client_of: Clients, alice: Any, twilio: Account) -> None:
    client = client_of(alice)
    number = imported(client, twilio)
    page = client.post(f"/numbers/accounts/{number.account_id}/disconnect/", follow=True).content.decode()
    assert "Remove them first" in page


def test_a_number_whose_carrier_refuses_is_kept_until_asked_anyway(
    client_of: Clients, alice: Any, twilio: Account
) -> None:
    client = client_of(alice)
    number = imported(client, twilio)
    twilio.token = "another"
    page = client.post(f"/numbers/{number.pk}/remove/", follow=True).content.decode()
    assert "The number was kept" in page and NUMBER in page
    client.post(f"/numbers/{number.pk}/remove/", {"anyway": "1"})
    with tenancy.system("test"):
        assert not PhoneNumber.objects.exists()


def test_a_number_for_text_messages_is_not_imported(client_of: Clients, alice: Any, twilio: Account) -> None:
    client = client_of(alice)
    account = connected(client, twilio)
    sid = next(sid for sid, each in twilio.numbers.items() if not each["capabilities"]["voice"])
    page = client.post(f"/numbers/accounts/{account.pk}/", {"sid": sid}, follow=True).content.decode()
    assert "text messages only" in page.lower()
    with tenancy.system("test"):
        assert not PhoneNumber.objects.exists()


def test_without_a_public_address_nothing_is_imported_and_the_page_says_why(
    client_of: Clients, alice: Any, twilio: Account, settings: Any
) -> None:
    client = client_of(alice)
    account = connected(client, twilio)
    settings.TWILIO_API_URL = "https://api.twilio.com"
    assert "can&#x27;t reach this installation yet" in client.get("/numbers/").content.decode().replace("'", "&#x27;")
    page = client.post(f"/numbers/accounts/{account.pk}/", {"sid": "PN1"}, follow=True).content.decode()
    assert "https address" in page and not any(path for method, path, _ in twilio.asked if method == "POST")


def test_the_api_does_the_same(organization: Any, alice: Any, twilio: Account, client: Client) -> None:
    from accounts import keys
    from telephony.dialing import policies

    _, key = keys.issue(organization, "k", ["numbers:read", "numbers:write", "calls:write"], None, alice)
    agent = create_agent(organization, "Front desk")
    publish(agent, alice)

    def ask(method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        headers = {"Authorization": f"Bearer {key}"}
        send = getattr(client, method)
        return (
            send(f"/api/v1{path}", body, content_type="application/json", headers=headers)
            if body
            else send(f"/api/v1{path}", headers=headers)
        )

    account = ask("post", "/carrier-accounts", {"account_sid": twilio.sid, "auth_token": twilio.token}).json()
    offered = ask("get", f"/carrier-accounts/{account['id']}/numbers").json()
    assert [each["number"] for each in offered] == [NUMBER, "+14155550143", "+14155550199"]
    number = ask("post", "/numbers", {"account_id": account["id"], "number_sid": offered[0]["sid"]}).json()
    assert ask("patch", f"/numbers/{number['id']}", {"agent_id": str(agent.pk)}).json()["agent_id"] == str(agent.pk)
    placed = {"agent_id": str(agent.pk), "number_id": number["id"], "to": "+14155550177"}
    refused = ask("post", "/calls", placed)
    assert refused.status_code == 409 and "country" in refused.json()["detail"]
    policies.change(organization, {"home_country": "US", "calls_per_second": 10})
    call = ask("post", "/calls", placed)
    assert call.status_code == 201 and (call.json()["direction"], call.json()["to_number"]) == (
        "outbound",
        "+14155550177",
    )
    assert twilio.asked[-1][2]["To"] == "+14155550177" and twilio.asked[-1][2]["From"] == NUMBER
    assert ask("post", "/calls", {**placed, "to": "112"}).status_code == 409
    twilio.token = "another"
    refused = ask("post", "/calls", placed)
    assert refused.status_code == 502 and "auth token" in refused.json()["detail"]
    twilio.token = "the token of the account"
    assert ask("delete", f"/numbers/{number['id']}").json() == {"was_put_back": True}
    assert ask("delete", f"/carrier-accounts/{account['id']}").status_code == 204
