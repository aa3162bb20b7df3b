"""Campaigns, limits and the do-not-call list in the dashboard, as people use them."""

from __future__ import annotations

from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts import tenancy
from accounts.models import Organization
from agents.publish import create_agent, publish
from telephony.campaigns import dialler
from telephony.campaigns.dialler import Over
from telephony.campaigns.models import Campaign, CampaignContact, ContactList
from telephony.dialing import policies
from telephony.dialing.models import DoNotCall
from telephony.tasks import read_lists, run_campaigns
from tests.telephony.campaigns.people import ALWAYS, WIDE
from tests.telephony.campaigns.scripted_line import Line

pytestmark = pytest.mark.django_db
Clients = Callable[[Any], Client]

LIST = "Name;Handy;Termin\r\nJürgen;0151 23456789;Dienstag\r\nZoë;110;Mittwoch\r\n".encode("cp1252")


def shown(response: Any) -> str:
    return unescape(response.content.decode())


@pytest.fixture
def browser(client_of: Clients, bob: Any, organization: Organization) -> Client:
    """Bob's, who may edit. The organization is at home in Germany."""
    policies.change(organization, {**WIDE, "home_country": "DE"})
    return client_of(bob)


def test_from_a_spreadsheet_to_a_campaign_that_ran(
    browser: Client, organization: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "An agent comes first" in shown(browser.get("/campaigns/new/"))
    agent = create_agent(organization, "Reminders")
    assert "Let an agent call a list of people" in shown(browser.get("/campaigns/"))
    form = {"name": "March", "agent": str(agent.pk), "file": SimpleUploadedFile("people.csv", LIST)}
    columns = browser.post("/campaigns/new/", form)["Location"]
    page = shown(browser.get(columns))
    assert "Jürgen" in page and "+4915123456789" in page and "emergency service" in page

    two = browser.post(columns, {"use-0": "number", "use-1": "number"})
    assert two.status_code == 422 and "Two columns are the number" in shown(two)
    none = browser.post(columns, {"use-0": "variable", "key-0": "name"})
    assert none.status_code == 422 and "which column has the telephone numbers" in shown(none)
    choice = {"use-0": "variable", "key-0": "Their name", "use-1": "number", "use-2": "none"}
    assert "+4915123456789" in shown(browser.post(columns, {**choice, "preview": "1"}))
    address = browser.post(columns, choice)["Location"]
    assert "0 of 2 rows" in shown(browser.get(address))
    read_lists()
    page = shown(browser.get(address))
    assert "0 of 1 people" in page and "Calls from: –" in page and "is not published yet" in page
    assert "Rows that are not called" in page and "110" in page

    def start() -> str:
        return shown(browser.post(f"{address}start/", follow=True))

    assert "Publish it first" in start()
    publish(agent, None, "")
    assert "Choose which of your numbers" in start()
    line = Line()
    monkeypatch.setattr(dialler, "_connected", [lambda organization: line])
    assert (
        browser.post(f"{address}rules/", {f"rules-{name}": value for name, value in ALWAYS.items()}).status_code == 302
    )
    assert "Started." in start()
    run_campaigns()
    assert line.variables == [{"their_name": "Jürgen"}]
    part = browser.get(f"{address}progress/")
    assert 'hx-trigger="every 2s"' in shown(part) and "being called" in shown(part)
    line.over = {key: Over("busy") for key, _ in line.calls}
    run_campaigns()
    assert "Busy" in shown(browser.get(address)) and "100 %" in shown(browser.get(address))
    assert "Paused" in shown(browser.post(f"{address}pause/", follow=True))
    assert 'hx-trigger="every 2s"' not in shown(browser.get(f"{address}progress/")), "nothing moves any more"
    assert "It goes on" in shown(browser.post(f"{address}resume/", follow=True))
    assert "Cancelled" in shown(browser.post(f"{address}cancel/", follow=True))
    assert "over already" in shown(browser.post(f"{address}cancel/", follow=True))
    answer = browser.get(f"{address}results.csv")
    assert answer["Content-Disposition"] == 'attachment; filename="march.csv"'
    assert "Busy" in answer.content.decode() and "Jürgen" in answer.content.decode()


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "empty"), (b"PK\x03\x04", "not CSV"), (b"just one row\n", "only one row")],
)
def test_a_file_that_is_no_list_makes_no_campaign(
    browser: Client, organization: Organization, content: bytes, words: str
) -> None:
    agent = create_agent(organization, "Reminders")
    form = {"name": "March", "agent": str(agent.pk), "file": SimpleUploadedFile("people.csv", content)}
    answer = browser.post("/campaigns/new/", form)
    assert answer.status_code == 422 and words in shown(answer)
    with tenancy.use(organization):
        assert not Campaign.objects.exists()


def test_a_file_taken_by_mistake_is_removed(browser: Client, organization: Organization) -> None:
    agent = create_agent(organization, "Reminders")
    form = {"name": "March", "agent": str(agent.pk), "file": SimpleUploadedFile("people.csv", LIST)}
    columns = browser.post("/campaigns/new/", form)["Location"]
    assert browser.post(f"{columns}remove/").status_code == 302
    assert browser.get(columns).status_code == 404
    with tenancy.use(organization):
        assert not ContactList.objects.exists() and not CampaignContact.objects.exists()


def test_rules_that_contradict_each_other_are_told(browser: Client, organization: Organization) -> None:
    agent = create_agent(organization, "Reminders")
    form = {"name": "March", "agent": str(agent.pk), "file": SimpleUploadedFile("people.csv", LIST)}
    address = browser.post("/campaigns/new/", form)["Location"].split("lists/")[0]
    answer = browser.post(f"{address}rules/", {"rules-calls_from": "20:00"})
    assert answer.status_code == 422 and "must be before" in shown(answer)
    answer = browser.post(f"{address}rules/", {"rules-holidays": "2026-12-25\nChristmas"})
    assert answer.status_code == 422 and "Line 2" in shown(answer)
    assert (
        browser.post(f"{address}rules/", {"rules-holidays": "2026-12-25", "rules-days": ["", "mon"]}).status_code == 302
    )
    with tenancy.use(organization):
        assert Campaign.objects.get().rules == {"holidays": ["2026-12-25"], "days": ["mon"]}
    answer = browser.post(f"{address}rules/", {"rules-days": [""]})
    assert answer.status_code == 422, "there must be a day"


def test_the_limits_are_a_form_of_the_policy(client_of: Clients, alice: Any, organization: Organization) -> None:
    browser = client_of(alice)
    page = shown(browser.get("/organization/limits/"))
    assert "No country is chosen yet" in page and "Highest price a minute" in page
    sent = {"limits-home_country": "US", "limits-countries": ["", "CA", "JM"], "limits-daily_spend": "7.50"}
    assert browser.post("/organization/limits/", sent).status_code == 302
    policy = policies.policy_of(organization)
    assert (policy.home_country, policy.countries, policy.daily_spend) == ("US", ("CA", "JM"), 7.5)
    page = shown(browser.get("/organization/limits/"))
    assert "Your country: United States" in page and "2 countries chosen" in page and "/ 7.50" in page
    assert browser.post("/organization/limits/", {"limits-countries": [""]}).status_code == 302
    assert policies.policy_of(organization).countries == ()
    wrong = browser.post("/organization/limits/", {"limits-calls_from": "9", "limits-blocked_prefixes": "0900"})
    assert wrong.status_code == 422 and "Write it as 09:00" in shown(wrong) and "Write it as +4487" in shown(wrong)
    wrong = browser.post("/organization/limits/", {"limits-calls_from": "23:00"})
    assert wrong.status_code == 422 and "must be before" in shown(wrong)


def test_a_number_is_tried_without_calling_it(client_of: Clients, alice: Any, organization: Organization) -> None:
    policies.change(organization, WIDE)
    browser = client_of(alice)

    def tried(number: str) -> str:
        return shown(browser.get("/organization/limits/", {"number": number}))

    assert "+14155550142 is in United States. Ten minutes may cost 1.50" in tried("(415) 555-0142")
    assert "is in Jamaica" in tried("+18765550123") and "emergency service" in tried("911")
    with tenancy.use(organization):
        assert "0 / 1000000" in tried("(415) 555-0142")


def test_a_number_goes_on_the_do_not_call_list_and_off_it(browser: Client, organization: Organization) -> None:
    assert "Nobody has asked not to be called" in shown(browser.get("/organization/do-not-call/"))
    wrong = browser.post("/organization/do-not-call/", {"number": "hello"})
    assert wrong.status_code == 422 and "letters" in shown(wrong)
    page = shown(
        browser.post("/organization/do-not-call/", {"number": "0151 23456789", "reason": "asked"}, follow=True)
    )
    assert "+4915123456789 is never called again" in page
    again = browser.post("/organization/do-not-call/", {"number": "+49 151 23456789"}, follow=True)
    assert "was on the list already" in shown(again)
    assert "+4915123456789" in shown(browser.get("/organization/do-not-call/?q=2345"))
    assert "No number fits" in shown(browser.get("/organization/do-not-call/?q=999"))
    with tenancy.use(organization):
        entry = DoNotCall.objects.get()
    assert "may be called again" in shown(browser.post(f"/organization/do-not-call/{entry.pk}/remove/", follow=True))
