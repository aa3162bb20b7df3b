"""Calling hours that change reach whoever waits for them, and nobody else."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts import tenancy
from accounts.models import Organization
from telephony.campaigns import manage
from telephony.campaigns.models import Campaign, CampaignContact
from telephony.campaigns.runner import advance
from telephony.dialing import policies
from tests.telephony.campaigns.carrier_line import BASE
from tests.telephony.campaigns.people import a_campaign, states
from tests.telephony.campaigns.scripted_line import Clock, Line

pytestmark = pytest.mark.django_db
EVERYWHERE = "America/New_York,Asia/Kolkata"
"""Nine in the morning in the one is evening in the other."""


def contact(campaign: Campaign) -> CampaignContact:
    with tenancy.use(campaign.organization_id):
        found: CampaignContact = CampaignContact.objects.get()
    return found


def widen(campaign: Campaign, whose: str) -> None:
    if whose == "campaign":
        manage.change_rules(campaign, {"calls_from": "08:00"})
    else:
        policies.change(campaign.organization, {"calls_from": "08:00"})


@pytest.mark.parametrize("whose", ["campaign", "organization"])
def test_whoever_waits_for_the_lines_to_open_is_called_as_soon_as_they_are(
    organization: Organization, line: Line, clock: Clock, whose: str
) -> None:
    campaign = a_campaign(organization, 1, BASE)
    if whose == "campaign":
        manage.change_rules(campaign, {"calls_from": "12:00"})
    else:
        policies.change(organization, {"calls_from": "12:00"})
    assert advance(campaign, organization, line, clock) == 0
    assert contact(campaign).next_at == BASE + timedelta(hours=3)
    widen(campaign, whose)
    clock.later(seconds=2)
    assert advance(campaign, organization, line, clock) == 1


def test_a_further_try_isnt_sooner_than_it_was_to_be(organization: Organization, line: Line, clock: Clock) -> None:
    campaign = a_campaign(organization, 2, BASE, retry_busy_min=240, calls_per_minute=600)
    advance(campaign, organization, line, clock)
    line.end("busy")
    clock.later(seconds=1)
    advance(campaign, organization, line, clock)  # due at 13:00, four hours later
    manage.change_rules(campaign, {"calls_from": "12:00"})
    advance(campaign, organization, line, clock)
    widen(campaign, "campaign")
    clock.later(hours=1)
    assert advance(campaign, organization, line, clock) == 0
    clock.later(hours=3)
    assert advance(campaign, organization, line, clock) == 2


def test_a_further_try_that_was_postponed_is_due_when_it_was_to_be(
    organization: Organization, line: Line, clock: Clock
) -> None:
    campaign = a_campaign(organization, 1, BASE, retry_busy_min=60)
    advance(campaign, organization, line, clock)
    line.end("busy")
    advance(campaign, organization, line, clock)
    manage.change_rules(campaign, {"calls_from": "15:00"})
    clock.later(hours=1)
    advance(campaign, organization, line, clock)
    assert contact(campaign).next_at == BASE + timedelta(hours=6)
    widen(campaign, "campaign")
    assert advance(campaign, organization, line, clock) == 1
    assert contact(campaign).due_at is None


@pytest.mark.parametrize("whose", ["campaign", "organization"])
def test_whoever_was_never_to_be_called_by_the_old_hours_waits_again(
    organization: Organization, line: Line, clock: Clock, whose: str
) -> None:
    narrow, wide = {"calls_from": "09:00", "calls_until": "18:00"}, {"calls_until": "24:00"}
    campaign = a_campaign(organization, 2, BASE)
    if whose == "campaign":
        manage.change_rules(campaign, narrow)
    else:
        policies.change(organization, narrow)
    with tenancy.use(organization):
        CampaignContact.objects.filter(row=2).update(zones=EVERYWHERE)
        CampaignContact.objects.filter(row=3).update(next_at=BASE + timedelta(days=1))
    advance(campaign, organization, line, clock)
    assert states(campaign) == {"skipped": 1, "waiting": 1}
    if whose == "campaign":
        manage.change_rules(campaign, wide)
    else:
        policies.change(organization, wide)
    clock.later(seconds=2)
    assert advance(campaign, organization, line, clock) == 1
    assert states(campaign) == {"calling": 1, "waiting": 1}


def test_new_hours_let_a_campaign_go_on_that_finished_without_them(
    organization: Organization, line: Line, clock: Clock
) -> None:
    campaign = a_campaign(organization, 1, BASE, calls_from="09:00", calls_until="18:00")
    with tenancy.use(organization):
        CampaignContact.objects.update(zones=EVERYWHERE)
    advance(campaign, organization, line, clock)
    with tenancy.use(organization):
        campaign.refresh_from_db()
    assert campaign.status == Campaign.Status.FINISHED and campaign.ended_at
    manage.change_rules(campaign, {"concurrency": 2})
    assert campaign.status == Campaign.Status.FINISHED
    manage.change_rules(campaign, {"calls_until": "24:00"})
    assert campaign.status == Campaign.Status.RUNNING and campaign.ended_at is None
    assert advance(campaign, organization, line, clock) == 1


def test_whoever_was_skipped_for_something_else_stays_so(organization: Organization, line: Line, clock: Clock) -> None:
    campaign = a_campaign(organization, 1, BASE)
    with tenancy.use(organization):
        CampaignContact.objects.update(state="skipped", why="It is on your do-not-call list.", next_at=None)
    widen(campaign, "campaign")
    advance(campaign, organization, line, clock)
    assert states(campaign) == {"skipped": 1}
