"""Housekeeping."""

from __future__ import annotations

from celery import shared_task

from accounts import idempotency


@shared_task  # type: ignore[untyped-decorator]
def forget() -> int:
    """Idempotency keys older than a day."""
    return idempotency.forget_old()
