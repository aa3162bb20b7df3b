"""Text messages by who wrote to whom: of one of our numbers and one of theirs, in both directions."""

from __future__ import annotations

from typing import Any

from django.db.models import Case, F, Q, QuerySet, When, Window
from django.db.models.functions import RowNumber

from telephony.models import TextMessage


def narrowed(rows: QuerySet[Any], *, ours: str = "", theirs: str = "", direction: str = "") -> QuerySet[Any]:
    """Empty: whatever it is."""
    inbound, outbound = (Q(direction=each) for each in (TextMessage.Direction.INBOUND, TextMessage.Direction.OUTBOUND))
    if ours:
        rows = rows.filter(inbound & Q(to_number=ours) | outbound & Q(from_number=ours))
    if theirs:
        rows = rows.filter(inbound & Q(from_number=theirs) | outbound & Q(to_number=theirs))
    return rows.filter(direction=direction) if direction else rows


def newest(organization: Any, find: str = "") -> QuerySet[Any]:
    """Of each conversation the newest text, or with ``find`` the newest that has this in a number or in what it says."""
    rows = TextMessage.objects.owned_by(organization)
    if find:
        digits = "".join(each for each in find if each.isdigit())
        is_there = Q(body__icontains=find)
        if digits:
            is_there |= Q(from_number__contains=digits) | Q(to_number__contains=digits)
        rows = rows.filter(is_there)
    is_inbound = Q(direction=TextMessage.Direction.INBOUND)
    place = Window(
        RowNumber(),
        partition_by=[
            Case(When(is_inbound, then=F("to_number")), default=F("from_number")),
            Case(When(is_inbound, then=F("from_number")), default=F("to_number")),
        ],
        order_by=[F("created_at").desc(), F("pk").desc()],
    )
    one_each = rows.order_by().annotate(place=place).filter(place=1)
    return (
        TextMessage.objects.owned_by(organization).filter(pk__in=one_each.values("pk")).order_by("-created_at", "-id")
    )


def of(text: TextMessage) -> QuerySet[Any]:
    """All of the conversation that this one belongs to."""
    rows = TextMessage.objects.owned_by(text.organization_id)
    return narrowed(rows, ours=text.ours, theirs=text.theirs)
