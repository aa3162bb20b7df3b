"""People who are never called again, whichever way: asked at the moment of every call."""

from __future__ import annotations

from typing import Any

from accounts import tenancy
from accounts.models import Organization, User
from telephony.dialing.e164 import Number, Unreadable, read
from telephony.dialing.models import DoNotCall
from telephony.dialing.policies import policy_of


class NotANumber(ValueError):
    """It can't go on the list; the message says why."""


def add(
    organization: Organization,
    number: str,
    reason: str = "",
    *,
    source: str = DoNotCall.Source.MEMBER,
    member: User | None = None,
) -> tuple[DoNotCall, bool]:
    """The entry, and whether it is new. Also what an agent does when somebody says "don't call me again".

    Raises :class:`NotANumber`.
    """
    e164 = normalised(organization, number)
    with tenancy.use(organization):
        entry, is_new = DoNotCall.objects.get_or_create(
            organization=organization,
            number=e164,
            defaults={"reason": reason[:200], "source": source, "added_by": member},
        )
    return entry, is_new


def remove(entry: DoNotCall) -> None:
    with tenancy.use(entry.organization_id):
        DoNotCall.objects.filter(pk=entry.pk).delete()


def normalised(organization: Organization, number: str) -> str:
    """Raises :class:`NotANumber`."""
    found: Number | Unreadable = read(number, policy_of(organization).home_country)
    if isinstance(found, Unreadable):
        raise NotANumber(found.words)
    return found.e164


def entries(organization: Organization) -> Any:
    return DoNotCall.objects.owned_by(organization).select_related("added_by")
