"""People who are never called again, whichever way: asked at the moment of every call."""

from __future__ import annotations

from typing import Any

from django.db import transaction

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
    """The entry, and whether it is new. Also what an agent does when somebody says "don't call me again". Where a text brought the
    number here before, the entry is this wish's from now on: another text (START) no longer takes it off.

    Raises :class:`NotANumber`.
    """
    e164 = normalised(organization, number)
    with tenancy.use(organization), transaction.atomic():
        entry, is_new = DoNotCall.objects.select_for_update().get_or_create(  # locked: a START may come just now
            organization=organization,
            number=e164,
            defaults={"reason": reason[:200], "source": source, "added_by": member},
        )
        if entry.source == DoNotCall.Source.TEXT != source:
            entry.source, entry.reason, entry.added_by = source, reason[:200] or entry.reason, member
            entry.save(update_fields=["source", "reason", "added_by"])
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
