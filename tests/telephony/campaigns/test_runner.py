"""The runner against PostgreSQL, with a carrier in the test's own hands."""

from __future__ import annotations

import threading

import pytest
from django.db import connections

from accounts import tenancy
from accounts.models import Organization
from telephony.campaigns.dialler import NotPlaced
from telephony.campaigns.models import Campaign, CampaignAttempt, CampaignContact
from telephony.campaigns.runner import advance, campaigns_at_work
from telephony.dialing import do_not_call, gate, policies
from tests.telephony.campaigns.carrier_line import BASE
from tests.telephony.campaigns.people import a_campaign, states
from tests.telephony.campaigns.scripted_line import Clock, Line

pytestmark = pytest.mark.django_db


def test_people_are_called_until_they_are_reached(organization: Organization, line: Line, clock: Clock) -> None:
    campaign = a_campaign(organization, 2, BASE, retry_busy_min=10)
    assert advance(campaign, organization, line, clock) == 1, "ten a minute: one this second"
    clock.later(seconds=1)
    assert advance(campaign, organization, line, clock) == 1
    line.end("busy")
    advance(campaign, organization, line, clock)
    assert states(campaign) == {"retry": 2}
    clock.later(minutes=9)
    assert advance(campaign, organization, line, clock) == 0
    clock.later(minutes=1)
    for _ in range(2):
        advance(campaign, organization, line, clock)
        clock.later(seconds=1)
    line.end("answered")
    advance(campaign, organization, line, clock)
    assert states(campaign) == {"done": 2}
    with tenancy.use(organization):
        campaign.refresh_from_db()
    assert campaign.status == Campaign.Status.FINISHED and len(line.calls) == 4
    assert gate.today(organization, BASE).live == 0


def test_a_request_whose_answer_never_came_is_asked_about_and_not_sent_again(
    organization: Organization, line: Line, clock: Clock
) -> None:
    campaign = a_campaign(organization, 1, BASE)
    line.fails = TimeoutError("the answer never came")
    advance(campaign, organization, line, clock)
    for _ in range(10):
        clock.later(seconds=10)
        advance(campaign, organization, line, clock)
    assert len(line.calls) == 1
    line.end()
    advance(campaign, organization, line, clock)
    assert states(campaign) == {"done": 1}


def test_a_request_that_never_arrived_is_made_again_once_that_is_certain(
    organization: Organization, line: Line, clock: Clock
) -> None:
    campaign = a_campaign(organization, 1, BASE)
    line.is_deaf = True
    advance(campaign, organization, line, clock)
    line.is_deaf = False
    clock.later(seconds=29)
    advance(campaign, organization, line, clock)
    assert line.calls == [] and states(campaign) == {"calling": 1}, "it may still be on its way"
    clock.later(seconds=1)
    advance(campaign, organization, line, clock)
    assert len(line.calls) == 1
    with tenancy.use(organization):
        assert CampaignContact.objects.get().attempts == 1, "what was never placed counts for nothing"


def test_after_a_night_of_standing_still_the_rules_are_asked_again(
    organization: Organization, line: Line, clock: Clock
) -> None:
    """Killed just before the lines closed: nobody is called when it comes back at night."""
    campaign = a_campaign(organization, 1, BASE, calls_from="09:00", calls_until="18:00")
    line.is_deaf = True
    advance(campaign, organization, line, clock)
    line.is_deaf = False
    clock.later(hours=15)  # midnight in New York
    advance(campaign, organization, line, clock)
    assert line.calls == [] and states(campaign) == {"waiting": 1}


def test_what_the_carrier_refuses_is_a_failed_call(organization: Organization, line: Line, clock: Clock) -> None:
    campaign = a_campaign(organization, 1, BASE, retry_failed_min=0)
    line.fails = NotPlaced("The carrier doesn't know this number.")
    advance(campaign, organization, line, clock)
    with tenancy.use(organization):
        contact, attempt = CampaignContact.objects.get(), CampaignAttempt.objects.get()
    assert (contact.state, contact.outcome) == ("gave_up", "failed") and "doesn't know" in attempt.detail


def test_who_asks_not_to_be_called_between_two_tries_is_skipped(
    organization: Organization, line: Line, clock: Clock
) -> None:
    campaign = a_campaign(organization, 1, BASE)
    advance(campaign, organization, line, clock)
    line.end("busy")
    with tenancy.use(organization):
        do_not_call.add(organization, line.calls[0][1], source="caller")
    advance(campaign, organization, line, clock)
    clock.later(hours=1)
    advance(campaign, organization, line, clock)
    with tenancy.use(organization):
        contact = CampaignContact.objects.get()
    assert contact.state == "skipped" and "do-not-call" in contact.why and len(line.calls) == 1


def test_a_limit_of_the_organization_holds_the_campaign_and_says_so(
    organization: Organization, line: Line, clock: Clock
) -> None:
    campaign = a_campaign(organization, 3, BASE, calls_per_minute=600)
    with tenancy.use(organization):
        policies.change(organization, {"calls_per_day": 1})
    advance(campaign, organization, line, clock)
    assert len(line.calls) == 1 and states(campaign) == {"calling": 1, "waiting": 2}
    with tenancy.use(organization):
        campaign.refresh_from_db()
        assert "Today's limit of 1" in campaign.held
    clock.later(days=1)
    advance(campaign, organization, line, clock)
    with tenancy.use(organization):
        campaign.refresh_from_db()
    assert len(line.calls) == 2


def test_a_number_that_costs_too_much_is_skipped_and_keeps_nobody_waiting(
    organization: Organization, line: Line, clock: Clock
) -> None:
    campaign = a_campaign(organization, 3, BASE, calls_per_minute=600)
    with tenancy.use(organization):
        policies.change(organization, {"prices": ["+1 0.01", "+12127360000 0.40"], "max_price_per_minute": 0.15})
    assert advance(campaign, organization, line, clock) == 2
    with tenancy.use(organization):
        campaign.refresh_from_db()
        (skipped,) = CampaignContact.objects.filter(state="skipped")
    assert "costs 0.40 a minute" in skipped.why and campaign.held == ""


def test_where_the_days_spend_is_used_up_the_campaign_waits_for_the_next_day(
    organization: Organization, line: Line, clock: Clock
) -> None:
    campaign = a_campaign(organization, 3, BASE, calls_per_minute=600)
    with tenancy.use(organization):
        policies.change(organization, {"prices": ["+1 0.10"], "daily_spend": 0.6})
    advance(campaign, organization, line, clock)
    assert len(line.calls) == 1 and states(campaign) == {"calling": 1, "waiting": 2}
    with tenancy.use(organization):
        campaign.refresh_from_db()
    assert "of today's 0.60 is left" in campaign.held
    line.end()
    clock.later(days=1)
    assert advance(campaign, organization, line, clock) == 1


def test_a_paused_campaign_starts_nothing_and_still_learns_how_its_calls_end(
    organization: Organization, line: Line, clock: Clock
) -> None:
    campaign = a_campaign(organization, 3, BASE)
    advance(campaign, organization, line, clock)
    with tenancy.use(organization):
        Campaign.objects.filter(pk=campaign.pk).update(status="paused")
    clock.later(minutes=1)
    assert (campaign.pk, organization.pk) in campaigns_at_work()
    line.end()
    advance(campaign, organization, line, clock)
    assert states(campaign) == {"done": 1, "waiting": 2} and len(line.calls) == 1
    assert campaigns_at_work() == []


def test_the_carrier_is_told_what_is_known_of_the_person(organization: Organization, line: Line, clock: Clock) -> None:
    campaign = a_campaign(organization, 1, BASE)
    with tenancy.use(organization):
        CampaignContact.objects.update(variables={"name": "Ada"})
    advance(campaign, organization, line, clock)
    assert line.variables == [{"name": "Ada"}]


@pytest.mark.django_db(transaction=True)
def test_four_runners_at_once_call_nobody_twice_and_no_more_than_may_run(
    organization: Organization, line: Line, clock: Clock
) -> None:
    campaign = a_campaign(organization, 30, BASE, concurrency=12, calls_per_minute=3_000)

    def run() -> None:
        try:
            for _ in range(3):
                advance(campaign, organization, line, clock)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(line.calls) == len(set(line.calls)) == 12
    assert states(campaign) == {"calling": 12, "waiting": 18}
