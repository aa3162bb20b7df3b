"""The calls that a program of the API may see, and one of them."""

from __future__ import annotations

import uuid

from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.problems import Problem
from telephony.models import Call


def calls_of(request: HttpRequest) -> QuerySet[Call]:
    rows: QuerySet[Call] = Call.objects.owned_by(request.organization).select_related("agent", "version", "trunk")  # type: ignore[attr-defined]
    return rows


def call_of(request: HttpRequest, call_id: uuid.UUID) -> Call:
    """Raises ``Problem`` (404) where the organization has none of this id."""
    found = calls_of(request).filter(pk=call_id).first()
    if found is None:
        raise Problem(404, "No such call", "There is no call of this id in your organization.")
    return found
