"""A list becomes contacts, and a campaign's life from the first list to the results."""

from __future__ import annotations

import csv
import io
import os
import time

import pytest

from accounts import tenancy
from accounts.models import Organization
from agents.publish import create_agent, publish
from telephony.campaigns import dialler, lists, manage
from telephony.campaigns.dialler import Over
from telephony.campaigns.lists import read_as, read_on, upload
from telephony.campaigns.manage import CannotDo
from telephony.campaigns.models import Campaign, CampaignContact, ContactList
from telephony.campaigns.runner import advance
from telephony.campaigns.sheet import BadSheet, guess
from telephony.dialing import policies
from telephony.tasks import read_lists, run_campaigns
from tests.telephony.campaigns.people import WIDE, states
from tests.telephony.campaigns.scripted_line import Clock, Line

pytestmark = pytest.mark.django_db

LONG = int(os.environ.get("LONG_LIST", "3000"))
"""A list may have 50,000 rows."""
LIST = b"""name,phone
Ada,(212) 736-5000
Grace,212.736.5001
Ada again,+1 212 736 5000
Nobody,n/a
=cmd(),212 736 5002
"""


@pytest.fixture
def campaign(organization: Organization) -> Campaign:
    policies.change(organization, WIDE)
    with tenancy.use(organization):
        agent = create_agent(organization, "Reminders")
        publish(agent, None, "")
    return manage.create(organization, "March reminders", agent)


def read(campaign: Campaign, content: bytes = LIST) -> ContactList:
    contact_list, sheet = upload(campaign, "people.csv", content)
    read_as(contact_list, guess(sheet, "US"))
    read_on(contact_list.pk, campaign.organization_id)
    return contact_list


def test_every_row_is_there_and_says_why_it_is_not_called(campaign: Campaign) -> None:
    read(campaign)
    with tenancy.use(campaign.organization_id):
        people = list(CampaignContact.objects.all())
        assert ContactList.objects.get().content == b"", "what was read is not kept twice"
    assert [(p.row, p.number, p.state) for p in people] == [
        (2, "+12127365000", "waiting"),
        (3, "+12127365001", "waiting"),
        (4, "", "skipped"),
        (5, "", "skipped"),
        (6, "+12127365002", "waiting"),
    ]
    assert "row 2" in people[2].why and "letters" in people[3].why
    assert people[0].variables == {"name": "Ada"} and people[0].zones == "America/New_York"


def test_a_reader_that_was_stopped_goes_on_where_it_was(campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "ROWS_AT_A_TIME", 2)
    contact_list, sheet = upload(campaign, "people.csv", LIST)
    columns = guess(sheet, "US")
    read_as(contact_list, columns)
    with tenancy.use(campaign.organization_id):
        assert lists._read_some(contact_list.pk, sheet, columns, "US") == 2
        contact_list.refresh_from_db()
    assert (contact_list.rows_read, contact_list.rows, contact_list.status) == (2, 5, "reading")
    assert read_lists() == 3 and read_lists() == 0
    assert states(campaign) == {"waiting": 3, "skipped": 2}


def test_a_second_list_adds_to_the_first_and_nobody_is_there_twice(campaign: Campaign) -> None:
    read(campaign)
    read(campaign, b"phone\n+12127365001\n+12127365009\n")
    assert states(campaign) == {"waiting": 4, "skipped": 3}


def test_a_long_list_is_read_whole(campaign: Campaign) -> None:
    content = b"name,phone\n" + b"".join(b"P%d,+1212%07d\n" % (n, 2_000_000 + n) for n in range(LONG))
    began = time.monotonic()
    read(campaign, content)
    print(f"{LONG:,} rows in {time.monotonic() - began:.1f} s")
    assert states(campaign) == {"waiting": LONG}


def test_nothing_starts_before_all_is_there_and_each_refusal_says_what_to_do(campaign: Campaign) -> None:
    def refused(words: str) -> None:
        with pytest.raises(CannotDo, match=words):
            manage.start(campaign)

    refused("nobody to call")
    contact_list, sheet = upload(campaign, "people.csv", LIST)
    refused("still being read")
    read_as(contact_list, guess(sheet, "US"))
    read_lists()
    refused("Choose which of your numbers")
    with tenancy.use(campaign.organization_id):
        campaign.agent.published = None
        campaign.agent.save()
    refused("Publish it first")


def test_a_campaign_from_its_start_to_its_results(campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    line, clock = Line(), Clock()
    monkeypatch.setattr(dialler, "_connected", [lambda organization: line])
    read(campaign)
    manage.change_rules(
        campaign,
        {
            "calls_from": "00:00",
            "calls_until": "24:00",
            "days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
            "calls_per_minute": 600,
        },
    )
    manage.start(campaign)
    with pytest.raises(CannotDo, match="already"):
        manage.start(campaign)
    assert run_campaigns() == 3
    manage.pause(campaign)
    with pytest.raises(CannotDo, match="Only a running"):
        manage.pause(campaign)
    manage.resume(campaign)
    keys = [key for key, _ in line.calls]
    line.over = {keys[0]: Over("answered", 42), keys[1]: Over("busy"), keys[2]: Over("answered", 7)}
    run_campaigns()
    found = manage.progress(campaign)
    assert (found.people, found.done, found.retry, found.skipped, found.percent, found.calls) == (3, 2, 1, 2, 66, 3)
    assert found.outcomes == {
        "answered": 2, "message_left": 0, "voicemail": 0, "no_answer": 0, "busy": 1, "declined": 0, "failed": 0
    }  # fmt: skip
    manage.cancel(campaign)
    advance(campaign, campaign.organization, line, clock)
    assert states(campaign) == {"done": 2, "gave_up": 1, "skipped": 2} and len(line.calls) == 3

    header, *rows = list(csv.reader(io.StringIO(manage.results_csv(campaign))))
    table = [dict(zip(header, row, strict=True)) for row in rows]
    assert [row["name"] for row in table] == ["Ada", "Grace", "Ada again", "Nobody", "'=cmd()"]
    assert (table[0]["outcome"], table[0]["seconds"], table[0]["calls"]) == ("Answered", "42", "1")
    assert table[1]["why"] == "The campaign was cancelled before another try."
    with pytest.raises(BadSheet, match="over"):
        upload(campaign, "more.csv", LIST)
