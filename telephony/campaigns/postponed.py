"""People who wait for the calling hours, or whom the hours never let be called. Other hours, and they are looked at again at once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime

from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Coalesce

from accounts.models import Organization
from telephony.campaigns.models import Campaign, CampaignContact
from telephony.campaigns.rules import Rules
from telephony.campaigns.schedule import Never, Postpone
from telephony.dialing import policies
from telephony.dialing.hours import Hours

NEVER = "The calling hours are never open everywhere this number may be. Say its time zone in a column."
DUE = Q(state__in=(CampaignContact.State.WAITING, CampaignContact.State.RETRY))


def hours_of(rules: Rules, organization: Organization) -> tuple[Hours, ...]:
    """All of these must be open: the campaign's and the organization's."""
    return rules.hours, policies.policy_of(organization).hours


def make_wait(campaign: Campaign, action: Postpone | Never, now: datetime) -> None:
    """``due_at`` keeps when they were due by their last call."""
    people = CampaignContact.objects.filter(DUE, campaign=campaign, zones=",".join(action.zones))
    due_at = Coalesce("due_at", "next_at")
    match action:
        case Postpone(_, until):
            people.filter(next_at__lte=now).update(due_at=due_at, next_at=until)
        case Never():
            people.update(due_at=due_at, next_at=None, state=CampaignContact.State.SKIPPED, why=NEVER)


def are_new(campaign: Campaign, hours: Sequence[Hours]) -> bool:
    """Others than those by which somebody was postponed last."""
    return campaign.hours_seen != _short(hours)


def look_again(campaign: Campaign, hours: Sequence[Hours], now: datetime) -> None:
    """Where the hours are new: whoever only waited for the old ones is due when their last call says. Under the campaign's lock."""
    if not are_new(campaign, hours):
        return
    people = CampaignContact.objects.filter(campaign=campaign)
    people.filter(DUE).exclude(due_at=None).update(next_at=F("due_at"), due_at=None)
    state = Case(
        When(attempts=0, then=Value(CampaignContact.State.WAITING)), default=Value(CampaignContact.State.RETRY)
    )
    never = people.filter(state=CampaignContact.State.SKIPPED, why=NEVER)
    never.update(state=state, next_at=Coalesce("due_at", Value(now)), due_at=None, why="")
    campaign.hours_seen = _short(hours)
    campaign.save(update_fields=["hours_seen"])


def goes_on(campaign: Campaign, hours: Sequence[Hours]) -> bool:
    """It has finished without people whom the old hours never let be called, and these may."""
    if campaign.status != Campaign.Status.FINISHED or not are_new(campaign, hours):
        return False
    return bool(CampaignContact.objects.filter(campaign=campaign, state="skipped", why=NEVER).exists())


def _short(hours: Sequence[Hours]) -> str:
    told = [(each.start, each.end, sorted(each.days), sorted(map(str, each.holidays))) for each in hours]
    return hashlib.sha256(repr(told).encode()).hexdigest()
