"""Trouble with the account or the carrier is nobody's failed try, and uses up no limit."""

from __future__ import annotations

import pytest

from accounts import tenancy
from accounts.models import Organization
from telephony.campaigns import manage
from telephony.campaigns.dialler import AccountTrouble, Order, Over, Running
from telephony.campaigns.models import Campaign, CampaignAttempt, CampaignContact
from telephony.campaigns.runner import advance
from telephony.dialing import gate, policies
from telephony.dialing.gate import Permit
from telephony.dialing.models import DialReservation
from tests.telephony.campaigns.carrier_line import BASE
from tests.telephony.campaigns.people import WIDE, a_campaign, states
from tests.telephony.campaigns.scripted_line import Clock, Line

pytestmark = pytest.mark.django_db


class Account(Line):
    """It can be used, or not; it is asked ``tried`` times."""

    is_good = True
    tried = 0
    is_silent = False
    """What became of a call can't be asked."""

    def place(self, permit: Permit, order: Order) -> None:
        self.tried += 1
        if not self.is_good:
            raise AccountTrouble("The account has no money left.")
        super().place(permit, order)

    def find(self, key: str) -> Running | Over | None:
        if self.is_silent:
            raise ConnectionError("wrong login")
        return super().find(key)


@pytest.fixture
def line() -> Account:
    return Account()


def read(campaign: Campaign) -> Campaign:
    with tenancy.use(campaign.organization_id):
        campaign.refresh_from_db()
    return campaign


def test_an_account_that_cant_be_used_holds_the_campaign_and_is_nobodys_try(
    organization: Organization, line: Account, clock: Clock
) -> None:
    campaign = a_campaign(organization, 8, BASE, calls_per_minute=600, concurrency=8)
    line.is_good = False
    assert advance(campaign, organization, line, clock) == 0
    assert states(campaign) == {"waiting": 8} and read(campaign).held == "The account has no money left."
    with tenancy.use(organization):
        assert set(CampaignContact.objects.values_list("attempts", "outcome")) == {(0, "")}
        assert not CampaignAttempt.objects.exists() and not DialReservation.objects.exists()
    assert gate.today(organization, clock.now).calls == 0


def test_it_is_tried_again_now_and_then_with_one_call_and_then_goes_on_by_itself(
    organization: Organization, line: Account, clock: Clock
) -> None:
    campaign = a_campaign(organization, 8, BASE, calls_per_minute=600, concurrency=8)
    line.is_good = False
    advance(campaign, organization, line, clock)
    was = line.tried
    for _ in range(4):
        clock.later(minutes=1)
        advance(campaign, organization, line, clock)
    assert line.tried == was
    clock.later(minutes=1)
    advance(campaign, organization, line, clock)
    assert line.tried == was + 1 and read(campaign).held == "The account has no money left."
    line.is_good = True
    clock.later(minutes=7)
    assert advance(campaign, organization, line, clock) == 8
    assert read(campaign).held == "" and campaign.held_until is None
    line.end()
    advance(campaign, organization, line, clock)
    assert states(campaign) == {"done": 8} and len({number for _, number in line.calls}) == 8


@pytest.mark.parametrize("again", ["resume", "another number"])
def test_whoever_has_mended_it_need_not_wait(
    organization: Organization, line: Account, clock: Clock, again: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = a_campaign(organization, 2, BASE, calls_per_minute=600)
    line.is_good = False
    advance(campaign, organization, line, clock)
    line.is_good = True
    clock.later(seconds=1)
    monkeypatch.setattr(manage, "dialler_of", lambda _: line)
    if again == "resume":
        manage.pause(campaign)
        manage.resume(campaign)
    else:
        manage.call_from(campaign, None)
    assert read(campaign).held_until is None


def test_one_number_that_the_account_may_not_call_keeps_nobody_else_waiting(
    organization: Organization, line: Account, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A carrier that says of one number what others say of the account."""
    campaign = a_campaign(organization, 3, BASE, calls_per_minute=1)
    with tenancy.use(organization):
        first = CampaignContact.objects.get(row=2)
        CampaignContact.objects.filter(row=2).update(priority=9)
    place = line.place

    def but_one(permit: Permit, order: Order) -> None:
        line.is_good = permit.number != first.number
        place(permit, order)

    monkeypatch.setattr(line, "place", but_one)
    for _ in range(30):
        advance(campaign, organization, line, clock)
        line.end()
        clock.later(minutes=1)
    assert states(campaign) == {"done": 2, "waiting": 1}


def test_what_was_never_placed_uses_up_no_limit(organization: Organization, line: Account, clock: Clock) -> None:
    """An outage at the carrier, for hours."""
    campaign = a_campaign(organization, 1, BASE)
    with tenancy.use(organization):
        policies.change(organization, {"calls_per_day": 2, "calls_per_number": 2})
    line.is_deaf = True
    for _ in range(12):
        advance(campaign, organization, line, clock)
        clock.later(minutes=1)
    line.is_deaf = False
    advance(campaign, organization, line, clock)
    clock.later(minutes=1)
    advance(campaign, organization, line, clock)
    assert len(line.calls) == 1 and gate.today(organization, clock.now).calls == 1


def test_a_call_that_cant_be_asked_about_is_a_failed_try_once_it_can_run_no_more(
    organization: Organization, line: Account, clock: Clock
) -> None:
    campaign = a_campaign(organization, 1, BASE, max_attempts=1)
    advance(campaign, organization, line, clock)
    line.is_silent = True
    clock.later(minutes=line.longest_minutes + 10)
    advance(campaign, organization, line, clock)
    assert states(campaign) == {"calling": 1}
    clock.later(seconds=1)
    advance(campaign, organization, line, clock)
    with tenancy.use(organization):
        contact, attempt = CampaignContact.objects.get(), CampaignAttempt.objects.get()
    assert (contact.state, contact.outcome) == ("gave_up", "failed") and "could not be asked" in attempt.detail
    assert read(campaign).status == "finished" and gate.today(organization, clock.now).live == 0


def test_a_reservation_that_is_taken_back_counts_nowhere(organization: Organization) -> None:
    policies.change(organization, {**WIDE, "calls_per_day": 1, "calls_per_number": 1})
    permit = gate.reserve(organization, "+12127360001", "campaign", now=BASE)
    with pytest.raises(gate.MayNotDial):
        gate.reserve(organization, "+12127360001", "campaign", now=BASE)
    gate.take_back(organization, permit.key)
    assert gate.today(organization, BASE) == gate.Today(0, 0, 0)  # type: ignore[arg-type]
    gate.reserve(organization, "+12127360001", "campaign", now=BASE)
