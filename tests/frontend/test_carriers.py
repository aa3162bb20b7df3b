"""Accounts at carriers that copy Twilio, as people connect them in the dashboard and programs over the API."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client

from accounts import keys, tenancy
from accounts.models import Credential
from telephony.carriers.registry import CARRIERS
from telephony.models import CarrierAccount, PhoneNumber
from tests.telephony.phones import AT, NUMBER

pytestmark = pytest.mark.django_db

Clients = Callable[[Any], Client]
each_carrier = pytest.mark.parametrize("at", sorted(AT))


@pytest.fixture
def stand_in(settings: Any) -> Iterator[Callable[[str], tuple[Any, dict[str, str]]]]:
    made: list[Any] = []

    def make(at: str) -> tuple[Any, dict[str, str]]:
        _, account, given = AT[at](settings)
        settings.EGRESS_ALLOW = [account.url.removeprefix("http://")]
        made.append(account)
        return account, given

    yield make
    for account in made:
        account.close()


@each_carrier
def test_the_form_asks_for_the_carrier_first_and_then_for_what_that_one_has(
    client_of: Clients, alice: Any, organization: Any, at: str
) -> None:
    page = client_of(alice).get(f"/numbers/?carrier={at}").content.decode()
    for carrier in CARRIERS.values():
        assert f'href="?carrier={carrier.key}#new"' in page and carrier.title in page
        for asked in carrier.login:
            is_asked = f'name="{asked.name}"' in page
            assert is_asked is (asked.name in [each.name for each in CARRIERS[at].login]), (carrier.key, asked.name)
    assert f'name="carrier" value="{at}"' in page


@each_carrier
def test_from_an_account_to_a_number_and_back_in_the_dashboard(
    client_of: Clients, alice: Any, organization: Any, stand_in: Any, at: str
) -> None:
    account, given = stand_in(at)
    client, title = client_of(alice), CARRIERS[at].title
    page = client.post("/numbers/connect/", {"carrier": at, **given}, follow=True).content.decode()
    assert "Connected." in page and NUMBER in page and f"at {title}" in page
    with tenancy.use(organization):
        row = CarrierAccount.objects.get()
        secrets = [given[asked.name] for asked in CARRIERS[at].login if asked.is_secret]
        sealed = list(Credential.objects.all())
    assert len(sealed) == len(secrets) and not any(
        secret.encode() in bytes(each.secret) or secret in str(row.details) for secret in secrets for each in sealed
    )
    assert not any(secret in client.get("/numbers/").content.decode() for secret in secrets)
    assert ("Not with numbers at" in page) is (at != "twilio")
    was = account.where_calls_go(NUMBER)
    page = client.post(f"/numbers/accounts/{row.pk}/", {"sid": account.sid_of(NUMBER)}, follow=True).content.decode()
    assert f"{NUMBER} rings here now" in page
    with tenancy.use(organization):
        number = PhoneNumber.objects.get()
    page = client.post(f"/numbers/{number.pk}/remove/", follow=True).content.decode()
    assert "its calls go where they went before" in page and account.where_calls_go(NUMBER) == was
    client.post(f"/numbers/accounts/{row.pk}/disconnect/")
    with tenancy.use(organization):
        assert not Credential.objects.exists() and not CarrierAccount.objects.exists()


@each_carrier
def test_the_api_does_the_same(organization: Any, alice: Any, client: Client, stand_in: Any, at: str) -> None:
    account, given = stand_in(at)
    _, key = keys.issue(organization, "k", ["numbers:read", "numbers:write"], None, alice)

    def ask(method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        headers = {"Authorization": f"Bearer {key}"}
        return getattr(client, method)(f"/api/v1{path}", body, content_type="application/json", headers=headers)

    made = ask("post", "/carrier-accounts", {"carrier": at, **given})
    assert made.status_code == 201, made.content
    told = made.json()
    assert (told["carrier"], told["account_sid"], told["label"]) == (
        at,
        account.sid,
        "Bright Smiles" if at != "x" else "",
    )
    assert bool(told["lacks"]) is (at != "twilio")
    (offered,) = ask("get", f"/carrier-accounts/{told['id']}/numbers").json()
    assert (offered["number"], offered["is_imported"]) == (NUMBER, False)
    number = ask("post", "/numbers", {"account_id": told["id"], "number_sid": offered["sid"]})
    assert number.status_code == 201 and account.leads(NUMBER)[0].endswith(f"/phone/{at}/{told['id']}/voice")
    refused = ask("patch", f"/numbers/{number.json()['id']}", {"answering": {"speech": {"by": "twilio"}}})
    assert (
        refused.status_code == 409 and "Only Twilio" in refused.json()["detail"]
        if at != "twilio"
        else refused.status_code == 200
    )
    assert ask("delete", f"/numbers/{number.json()['id']}").json() == {"was_put_back": True}


@each_carrier
def test_what_is_wrong_with_a_login_is_said_and_nothing_kept(
    client_of: Clients, alice: Any, organization: Any, stand_in: Any, at: str
) -> None:
    account, given = stand_in(at)
    account.token = "another"
    answer = client_of(alice).post("/numbers/connect/", {"carrier": at, **given})
    page = answer.content.decode()
    assert answer.status_code == 422 and "doesn&#x27;t know this" in page
    assert f'name="{CARRIERS[at].login[0].name}"' in page, "the same carrier's form again"
    with tenancy.use(organization):
        assert not CarrierAccount.objects.exists() and not Credential.objects.exists()


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"carrier": "vonage"}, 422, "carrier"),
        ({"carrier": "plivo"}, 409, "Give the auth ID"),
        ({"carrier": "plivo", "auth_id": "MA1", "auth_token": "t", "api_key": "KEY"}, 409, "Plivo has no api_key: give auth_id, auth_token."),
        ({"account_sid": "AC1", "auth_token": "t"}, 409, "An account SID begins with AC"),
        (
            {
                "carrier": "signalwire", "space_url": "10.0.0.7", "project_id": "b08dacad-2f6c-4de1-93d6-cc732e0c69c5",
                "api_token": "t", "signing_key": "k",
            },
            502,
            "SignalWire can't be reached from here: 10.0.0.7 is a private network",
        ),
        (
            {
                "carrier": "signalwire", "space_url": "http://127.0.0.1:6379", "project_id": "b08dacad-2f6c-4de1-93d6-cc732e0c69c5",
                "api_token": "t", "signing_key": "k",
            },
            409,
            "begins with https://",
        ),
    ],
)  # fmt: skip
def test_bad_logins_over_the_api_are_said_in_words(
    organization: Any, alice: Any, client: Client, body: dict[str, str], status: int, words: str
) -> None:
    _, key = keys.issue(organization, "k", ["numbers:write"], None, alice)
    answer = client.post(
        "/api/v1/carrier-accounts", body, content_type="application/json", headers={"Authorization": f"Bearer {key}"}
    )
    assert answer.status_code == status and words in answer.content.decode(), answer.content


def test_an_unknown_carrier_is_twilios_form_and_never_an_error(
    client_of: Clients, alice: Any, organization: Any
) -> None:
    assert 'name="account_sid"' in client_of(alice).get("/numbers/?carrier=<x>").content.decode()
    assert client_of(alice).post("/numbers/connect/", {"carrier": "<x>"}).status_code == 422


@each_carrier
def test_without_a_public_address_nothing_is_imported_and_the_page_names_the_carrier(
    client_of: Clients, alice: Any, organization: Any, stand_in: Any, settings: Any, at: str
) -> None:
    account, given = stand_in(at)
    client, title = client_of(alice), CARRIERS[at].title
    client.post("/numbers/connect/", {"carrier": at, **given})
    with tenancy.use(organization):
        row = CarrierAccount.objects.get()
        settings.TWILIO_API_URL = settings.TELNYX_API_URL = settings.PLIVO_API_URL = "https://far.example"
        CarrierAccount.objects.update(details={**row.details, "address": "https://far.example"})
    assert f"{title} can&#x27;t reach this installation yet" in client.get("/numbers/").content.decode().replace(
        "'", "&#x27;"
    )
    was = account.where_calls_go(NUMBER)
    page = client.post(f"/numbers/accounts/{row.pk}/", {"sid": "PN1"}, follow=True).content.decode()
    assert "https address" in page and account.where_calls_go(NUMBER) == was
