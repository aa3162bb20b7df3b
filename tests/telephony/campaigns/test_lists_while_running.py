"""A list that is added while the campaign runs, has nobody left, or is over."""

from __future__ import annotations

import pytest

from accounts import tenancy
from accounts.models import Organization
from telephony.campaigns import manage
from telephony.campaigns.lists import read_as, read_on, upload
from telephony.campaigns.models import Campaign, CampaignContact, ContactList
from telephony.campaigns.runner import advance
from telephony.campaigns.sheet import BadSheet, guess, open_sheet
from tests.telephony.campaigns.carrier_line import BASE
from tests.telephony.campaigns.people import a_campaign, states
from tests.telephony.campaigns.scripted_line import Clock, Line

pytestmark = pytest.mark.django_db

MORE = b"name,phone\nGrace,+12127369001\nAda,+12127369002\n"


@pytest.fixture
def campaign(organization: Organization) -> Campaign:
    """Of one person."""
    return a_campaign(organization, 1, BASE, calls_per_minute=600)


def reach(campaign: Campaign, line: Line, clock: Clock) -> None:
    """Everybody who waits."""
    for _ in range(3):
        advance(campaign, campaign.organization, line, clock)
        line.end()
        clock.later(minutes=1)
    advance(campaign, campaign.organization, line, clock)
    with tenancy.use(campaign.organization_id):
        campaign.refresh_from_db()


def read(campaign: Campaign, contact_list: ContactList, clock: Clock) -> None:
    read_as(contact_list, guess(open_sheet(MORE), "US"))
    read_on(contact_list.pk, campaign.organization_id)
    with tenancy.use(campaign.organization_id):  # the list is added by the wall's clock
        CampaignContact.objects.filter(state="waiting").update(next_at=clock.now)


def test_a_campaign_doesnt_finish_while_a_list_waits_for_its_columns_and_says_so(
    campaign: Campaign, line: Line, clock: Clock
) -> None:
    contact_list, _ = upload(campaign, "more.csv", MORE)
    reach(campaign, line, clock)
    assert campaign.status == Campaign.Status.RUNNING and "waits for its columns" in campaign.held
    read(campaign, contact_list, clock)
    reach(campaign, line, clock)
    assert [number for _, number in line.calls] == ["+12127360000", "+12127369001", "+12127369002"]
    assert campaign.status == Campaign.Status.FINISHED and campaign.held == ""


def test_a_campaign_doesnt_finish_while_a_list_is_read(campaign: Campaign, line: Line, clock: Clock) -> None:
    contact_list, sheet = upload(campaign, "more.csv", MORE)
    read_as(contact_list, guess(sheet, "US"))
    reach(campaign, line, clock)
    assert campaign.status == Campaign.Status.RUNNING


def test_once_the_list_is_removed_it_finishes(campaign: Campaign, line: Line, clock: Clock) -> None:
    contact_list, _ = upload(campaign, "more.csv", MORE)
    reach(campaign, line, clock)
    with tenancy.use(campaign.organization_id):
        contact_list.delete()
    reach(campaign, line, clock)
    assert campaign.status == Campaign.Status.FINISHED


def test_one_that_finished_with_a_list_on_its_way_goes_on(campaign: Campaign, line: Line, clock: Clock) -> None:
    """As earlier releases left them."""
    contact_list, _ = upload(campaign, "more.csv", MORE)
    with tenancy.use(campaign.organization_id):
        CampaignContact.objects.update(state="done", next_at=None)
        Campaign.objects.update(status="finished", ended_at=BASE)
    read(campaign, contact_list, clock)
    with tenancy.use(campaign.organization_id):
        campaign.refresh_from_db()
    assert campaign.status == Campaign.Status.RUNNING and campaign.ended_at is None
    reach(campaign, line, clock)
    assert len(line.calls) == 2 and campaign.status == Campaign.Status.FINISHED


def test_of_a_cancelled_campaign_nobody_waits_whose_list_is_read_later(campaign: Campaign, clock: Clock) -> None:
    contact_list, _ = upload(campaign, "more.csv", MORE)
    manage.cancel(campaign)
    read(campaign, contact_list, clock)
    with tenancy.use(campaign.organization_id):
        people = list(CampaignContact.objects.filter(number__startswith="+12127369"))
    assert [(each.state, each.next_at, each.why) for each in people] == [
        ("skipped", None, "The campaign was cancelled before this call.")
    ] * 2


def test_a_list_is_not_taken_in_the_moment_in_which_the_campaign_finished(campaign: Campaign) -> None:
    """Whoever uploads it has read the campaign before."""
    with tenancy.use(campaign.organization_id):
        Campaign.objects.update(status="finished")
    with pytest.raises(BadSheet, match="over"):
        upload(campaign, "more.csv", MORE)


def test_whoever_was_never_placed_in_a_campaign_that_was_cancelled_doesnt_wait(
    campaign: Campaign, line: Line, clock: Clock
) -> None:
    line.is_deaf = True
    advance(campaign, campaign.organization, line, clock)
    manage.cancel(campaign)
    clock.later(minutes=1)
    advance(campaign, campaign.organization, line, clock)
    assert states(campaign) == {"skipped": 1}


# --- people who were skipped, put right


ZONE = b"name,phone,time zone\nMore of Ada,+12127360000,America/Chicago\nAgain,+12127360000,\n"


def skip(campaign: Campaign, **more: object) -> None:
    with tenancy.use(campaign.organization_id):
        CampaignContact.objects.update(state="skipped", next_at=None, why="It may not be called.", **more)


def read_zones(campaign: Campaign, clock: Clock) -> list[CampaignContact]:
    contact_list, sheet = upload(campaign, "right.csv", ZONE)
    read_as(contact_list, guess(sheet, "US"))
    read_on(contact_list.pk, campaign.organization_id)
    with tenancy.use(campaign.organization_id):
        CampaignContact.objects.filter(state="waiting").update(next_at=clock.now)
        return list(CampaignContact.objects.order_by("created_at", "row"))


def test_whoever_was_skipped_is_called_once_they_are_in_another_list_that_puts_them_right(
    campaign: Campaign, line: Line, clock: Clock
) -> None:
    skip(campaign)
    first, second, third = read_zones(campaign, clock)
    assert (first.state, first.why, first.zones, first.row) == ("waiting", "", "America/Chicago", 2)
    assert first.variables == {"name": "More of Ada"}
    assert (second.state, second.number, second.why) == ("skipped", "", "Taken over into row 2, which is called now.")
    assert third.why == "The same number is in row 2 already, which is called."
    assert manage.progress(campaign).people == 1 and manage.progress(campaign).skipped == 2
    reach(campaign, line, clock)
    assert len(line.calls) == 1 and campaign.status == Campaign.Status.FINISHED


def test_whoever_was_called_is_not_called_again_as_another_list_has_them(
    campaign: Campaign, line: Line, clock: Clock
) -> None:
    skip(campaign, attempts=1)
    first, *others = read_zones(campaign, clock)
    assert first.state == "skipped" and first.why == "It may not be called."
    assert {each.why for each in others} == {"The same number is in row 2 already, which is not called any more."}


def test_in_a_cancelled_campaign_nobody_is_taken_over(campaign: Campaign, clock: Clock) -> None:
    contact_list, sheet = upload(campaign, "right.csv", ZONE)
    manage.cancel(campaign)
    read_as(contact_list, guess(sheet, "US"))
    read_on(contact_list.pk, campaign.organization_id)
    assert states(campaign) == {"skipped": 3}
