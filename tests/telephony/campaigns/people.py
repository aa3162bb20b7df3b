"""A campaign with people in it, for tests."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from accounts import tenancy
from accounts.models import Organization
from agents.models import Agent
from agents.publish import create_agent, publish
from telephony.campaigns.models import Campaign, CampaignContact
from telephony.dialing import policies

ALWAYS = {"calls_from": "00:00", "calls_until": "24:00", "days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]}
WIDE = {
    "home_country": "US", "max_concurrent": 1000, "calls_per_second": 100, "calls_per_day": 1_000_000,
    "calls_per_number": 100, "daily_spend": 1_000_000, "calls_from": "00:00", "calls_until": "24:00",
}  # fmt: skip


def a_campaign(organization: Organization, count: int, now: datetime, **rules: Any) -> Campaign:
    """Running, with ``count`` people in New York; the organization's own limits are wide."""
    with tenancy.use(organization):
        policies.change(organization, WIDE)
        agent: Agent = create_agent(organization, "Reminders")
        publish(agent, None, "")
        campaign: Campaign = Campaign.objects.create(
            organization=organization,
            name="March reminders",
            agent=agent,
            status=Campaign.Status.RUNNING,
            rules={**ALWAYS, **rules},
            started_at=now,
        )
        CampaignContact.objects.bulk_create(
            CampaignContact(
                organization=organization,
                campaign=campaign,
                row=number + 2,
                given=f"(212) 736-{number:04}",
                number=f"+1212736{number:04}",
                zones="America/New_York",
                next_at=now,
            )
            for number in range(count)
        )
    return campaign


def states(campaign: Campaign) -> dict[str, int]:
    with tenancy.use(campaign.organization_id):
        found: dict[str, int] = {}
        for state in CampaignContact.objects.filter(campaign=campaign).values_list("state", flat=True):
            found[state] = found.get(state, 0) + 1
    return found
