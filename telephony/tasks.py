"""Now and then: end the calls whose worker died, and those that no worker took."""

from __future__ import annotations

import logging
from datetime import timedelta

import redis
from celery import shared_task
from django.core.cache import cache
from django.utils import timezone

from accounts import tenancy
from telephony import worker_status
from telephony.dialing import gate
from telephony.finish import end_call
from telephony.models import Call

logger = logging.getLogger(__name__)

QUEUED_FOR = timedelta(seconds=60)
REAP_SECONDS = 5
REAPED_AT = "telephony:reaped-at"
"""Where in the cache the last run's time is kept: it tells that beat and a Celery worker are alive."""


@shared_task(ignore_result=True, expires=REAP_SECONDS * 2)  # type: ignore[untyped-decorator]
def reap() -> int:
    """End calls whose lease ran out ("worker_lost") or that waited a minute ("no_worker"). Returns how many.

    A worker that couldn't reach the database for a while is alive all the same, and says in Valkey which calls it holds:
    those are left to it.
    """
    now = timezone.now()
    cache.set(REAPED_AT, now, timeout=3600)
    with tenancy.system("calls of dead workers, whosever they are"):
        lost = list(
            Call.objects.filter(status=Call.Status.IN_PROGRESS, lease_until__lt=now).values_list(
                "pk", "organization_id"
            )
        )
        waiting = list(
            Call.objects.filter(status=Call.Status.QUEUED, created_at__lt=now - QUEUED_FOR).values_list(
                "pk", "organization_id"
            )
        )
    alive = _held() if lost else set()
    over = [(pk, organization, "worker_lost") for pk, organization in lost if str(pk) not in alive]
    over += [(pk, organization, "no_worker") for pk, organization in waiting]
    ended = 0
    for pk, organization, reason in over:
        try:
            ended += end_call(pk, organization, reason)
        except Exception:  # one that can't be ended must not keep the others
            logger.exception("Call %s could not be ended", pk)
    if forgotten := gate.release_forgotten(now):
        logger.warning("Gave back the places of %d outgoing calls whose end was lost", forgotten)
    if ended:
        logger.warning("Ended %d calls without a worker", ended)
    return ended


def _held() -> set[str]:
    try:
        return {call for status in worker_status.workers() for call in status.call_ids}
    except redis.RedisError:
        return set()
