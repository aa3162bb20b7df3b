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
    policies.change(
        organization, {"home_country": "US", "calls_per_second": 10, "calls_from": "00:00", "calls_until": "24:00"}
    )
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


# --- what a number does beside letting its agent talk


def posted(**changes: Any) -> dict[str, Any]:
    """The number's form as the browser sends it, with these controls changed."""
    form: dict[str, Any] = {
        "schedule-openings": "", "schedule-holidays": "", "schedule-time_zone": "", "versions-shares": "",
        **{f"{group}-{name}": value for group, how in (("after_hours", "message"), ("on_failure", "refuse")) for name, value in {
            "how": how, "agent": "", "forward_to": "", "ring_s": "25", "greeting": "Speak.", "longest_s": "120", "message": "Later.",
        }.items()},
    }  # fmt: skip
    return {**form, **{name.replace("__", "-"): value for name, value in changes.items()}}


HOURS = {
    "schedule-openings-r0-days": ["", "mon", "tue"], "schedule-openings-r0-opens": "09:00", "schedule-openings-r0-closes": "17:00",
}  # fmt: skip


def answered(client: Client, twilio: Account, organization: Any, alice: Any) -> PhoneNumber:
    agent = create_agent(organization, "Front desk")
    publish(agent, alice)
    number = imported(client, twilio)
    client.post(f"/numbers/{number.pk}/assign/", {"agent": agent.pk})
    return number


def test_a_numbers_week_is_set_and_any_moment_can_be_tried(
    client_of: Clients, alice: Any, organization: Any, twilio: Account
) -> None:
    client = client_of(alice)
    number = answered(client, twilio, organization, alice)
    path = f"/numbers/{number.pk}/"
    saved = client.post(path, {**posted(schedule__holidays="2026-12-29", after_hours__how="voicemail"), **HOURS})
    assert saved.status_code == 302, saved.content.decode()
    with tenancy.use(organization):
        number.refresh_from_db()
    assert number.answering["schedule"]["openings"] == [{"days": ["mon", "tue"]}]
    assert number.answering["after_hours"] == {"how": "voicemail", "greeting": "Speak.", "message": "Later."}

    def then(at: str) -> str:
        return client.get(path, {"at": at}).content.decode()

    assert "Front desk, version 1, answers" in then("2026-12-28T10:00")
    assert "Callers can leave a message" in then("2026-12-29T10:00")
    assert "Callers can leave a message" in then("2026-12-28T20:00")
    assert "Write the moment as" in then("tomorrow")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"schedule__holidays": "Christmas"}, "Write a day as"),
        ({"after_hours__how": "forward"}, "which number it is put through to"),
        ({"after_hours__how": "forward", "after_hours__forward_to": "911"}, "Nobody can be put through"),
        ({"on_failure__how": "agent"}, "Choose the agent"),
        ({"on_failure__how": "agent", "on_failure__agent": "9e107d9d-372b-4d1c-8b9b-111111111111"}, "is not there"),
        ({"after_hours__longest_s": "5"}, "10"),
    ],
)
def test_what_is_wrong_with_a_numbers_settings_is_said_and_nothing_is_kept(
    client_of: Clients, alice: Any, organization: Any, twilio: Account, changes: dict[str, str], words: str
) -> None:
    client = client_of(alice)
    number = answered(client, twilio, organization, alice)
    answer = client.post(f"/numbers/{number.pk}/", {**posted(**changes), **HOURS})
    assert answer.status_code == 422 and words in answer.content.decode().replace("&#x27;", "'")
    with tenancy.use(organization):
        number.refresh_from_db()
    assert number.answering == {}


def test_a_split_between_versions_is_chosen_from_those_there_are(
    client_of: Clients, alice: Any, organization: Any, twilio: Account
) -> None:
    client = client_of(alice)
    number = answered(client, twilio, organization, alice)
    with tenancy.use(organization):
        number.refresh_from_db()
        publish(number.agent, alice, "shorter questions")
    assert "2 · shorter questions" in client.get(f"/numbers/{number.pk}/").content.decode()
    shares = {
        "versions-shares-r0-version": "1", "versions-shares-r0-weight": "90", "versions-shares-r1-version": "2",
        "versions-shares-r1-weight": "10",
    }  # fmt: skip
    assert client.post(f"/numbers/{number.pk}/", {**posted(), **shares}).status_code == 302
    with tenancy.use(organization):
        number.refresh_from_db()
    assert number.answering["versions"]["shares"] == [{"version": 1, "weight": 90}, {"version": 2, "weight": 10}]


def test_who_only_looks_changes_nothing_and_a_stranger_sees_nothing(
    client_of: Clients, alice: Any, victor: Any, charlie: Any, organization: Any, twilio: Account
) -> None:
    number = answered(client_of(alice), twilio, organization, alice)
    assert "Editors may change this" in client_of(victor).get(f"/numbers/{number.pk}/").content.decode()
    assert client_of(victor).post(f"/numbers/{number.pk}/", posted()).status_code == 403
    assert client_of(charlie).get(f"/numbers/{number.pk}/").status_code == 404


def test_the_api_sets_the_same_and_says_what_a_call_would_meet(
    client_of: Clients, client: Client, alice: Any, organization: Any, twilio: Account
) -> None:
    from accounts import keys

    number = answered(client_of(alice), twilio, organization, alice)
    _, key = keys.issue(organization, "k", ["numbers:read", "numbers:write"], None, alice)
    headers = {"Authorization": f"Bearer {key}"}
    path = f"/api/v1/numbers/{number.pk}"

    def change(answering: Any) -> Any:
        return client.patch(path, {"answering": answering}, content_type="application/json", headers=headers)

    week = {"openings": [{"days": ["mon"], "opens": "09:00", "closes": "17:00"}], "time_zone": "America/New_York"}
    changed = change({"schedule": week, "after_hours": {"how": "message", "message": "Monday again."}})
    assert changed.json()["answering"]["schedule"]["time_zone"] == "America/New_York", changed.content
    found = client.get(f"{path}/decision?at=2026-03-02T10:00", headers=headers).json()
    assert (found["how"], found["version"], found["changes_at"]) == ("agent", 1, "2026-03-02T22:00:00Z")
    found = client.get(f"{path}/decision?at=2026-03-02T10:00:00Z", headers=headers).json()
    assert (found["how"], found["why"], found["agent_id"]) == ("message", "closed", None)
    assert change({"after_hours": None}).json()["answering"]["after_hours"]["message"].startswith("Nobody can take")
    wrong = change({"schedule": {"time_zone": "Mars/Olympus"}})
    assert wrong.status_code == 422 and "is no time zone" in wrong.json()["detail"]
    assert change({"on_failure": {"how": "forward", "forward_to": "112"}}).status_code == 409
    assert client.get(path, headers=headers).json()["answering"]["schedule"]["openings"][0]["opens"] == "09:00"
