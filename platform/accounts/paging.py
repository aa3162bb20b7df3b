"""Pages by cursor: stable while rows are added, and no page deep enough to be slow."""

from __future__ import annotations

import base64
import binascii
import uuid
from datetime import UTC, datetime
from typing import Annotated, Any

from django.db.models import Q, QuerySet
from ninja import Query
from pydantic import Field

PageSize = Annotated[int, Query(ge=1, le=200, description="Rows a page.")]
Cursor = Annotated[
    str, Query(description="Where to go on: the `next_cursor` of the page before. Left out: from the start.")
]
NextCursor = Annotated[
    str | None,
    Field(description="Pass it as `cursor` for the next page; null: this was the last.", examples=["MjAyNi0wMy0wMlQ"]),
]


class BadCursor(ValueError):
    """A cursor we never gave out."""


def page(rows: QuerySet[Any], cursor: str, limit: int) -> tuple[list[Any], str | None]:
    """Up to ``limit`` rows, newest first, after ``cursor`` ("" = from the start), and the cursor of the next page or ``None``.

    ``rows`` have ``created_at`` and ``id``. Raises :class:`BadCursor`.
    """
    rows = rows.order_by("-created_at", "-id")
    if cursor:
        moment, pk = _decode(cursor)
        rows = rows.filter(Q(created_at__lt=moment) | Q(created_at=moment, id__lt=pk))
    found = list(rows[: limit + 1])
    if len(found) <= limit:
        return found, None
    last = found[limit - 1]
    return found[:limit], base64.urlsafe_b64encode(f"{last.created_at.isoformat()} {last.pk}".encode()).decode().rstrip(
        "="
    )


def _decode(cursor: str) -> tuple[datetime, uuid.UUID]:
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        moment_text, pk = text.split(" ")
        moment = datetime.fromisoformat(moment_text).astimezone(UTC)
        return moment, uuid.UUID(pk)
    except (ValueError, OverflowError, binascii.Error) as error:
        raise BadCursor("This cursor is not one of ours. Start again without it.") from error
