"""The organization's policy: read with its country filled in, changed knob by knob."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from accounts import tenancy
from accounts.models import Organization
from telephony.dialing.countries import of_zone
from telephony.dialing.models import DialPolicy
from telephony.dialing.policy import Policy


def stored(organization: Organization) -> dict[str, Any]:
    """What the organization changed."""
    with tenancy.use(organization):
        row = DialPolicy.objects.first()
    return dict(row.knobs) if row else {}


def policy_of(organization: Organization) -> Policy:
    """Where no country was chosen: that of the organization's time zone, or none ("UTC" is no country's)."""
    knobs = stored(organization)
    return Policy.model_validate({**knobs, "home_country": knobs.get("home_country") or of_zone(organization.timezone)})


def change(organization: Organization, changes: dict[str, Any]) -> Policy:
    """Keep these knobs; ``None`` sets one back to its default. Raises ``pydantic.ValidationError`` and keeps none where one
    of them is wrong."""
    with tenancy.use(organization), transaction.atomic():
        DialPolicy.objects.get_or_create(organization=organization)
        row = DialPolicy.objects.select_for_update().get(organization=organization)
        wanted = {name: value for name, value in {**row.knobs, **changes}.items() if value is not None}
        changed = Policy.model_validate(wanted)
        row.knobs = changed.model_dump(mode="json", exclude_defaults=True)
        row.save()
    return policy_of(organization)
