"""Now and then: end the calls whose worker died, and those that no worker took; go on with campaigns."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from uuid import UUID

import redis
from celery import shared_task
from django.core.cache import cache
from django.db.models import Q
from django.utils import timezone

from accounts import tenancy
from accounts.models import Organization
from telephony import messages, texts, worker_status
from telephony.campaigns import lists
from telephony.campaigns.dialler import dialler_of
from telephony.campaigns.lists import lists_at_work
from telephony.campaigns.runner import advance, campaigns_at_work
from telephony.dialing import gate
from telephony.finish import end_call
from telephony.models import Call, Campaign

logger = logging.getLogger(__name__)

QUEUED_FOR = timedelta(seconds=60)
REAP_SECONDS = 5
KEEP_TRYING = timedelta(days=3)
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
            Call.objects.filter(status=Call.Status.QUEUED, created_at__lt=now - QUEUED_FOR)
            .filter(Q(lease_until=None) | Q(lease_until__lt=now))
            .values_list("pk", "organization_id")
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


@shared_task(ignore_result=True, expires=20)  # type: ignore[untyped-decorator]
def run_campaigns() -> int:
    """A wake-up: start the campaign calls whose time has come, and look how the others ended. Returns how many were started."""
    return sum(_carefully("run the campaign", pk, partial(_advance, pk, who)) for pk, who in campaigns_at_work())


def _advance(pk: UUID, organization_pk: UUID) -> int:
    organization = Organization.objects.get(pk=organization_pk)
    with tenancy.use(organization):
        campaign = Campaign.objects.get(pk=pk)
    return advance(campaign, organization, dialler_of(campaign))


@shared_task(ignore_result=True, expires=20)  # type: ignore[untyped-decorator]
def read_lists() -> int:
    """Go on with the lists of people that are not read to their end. Returns how many rows became contacts."""
    return sum(_carefully("read the list", pk, partial(lists.read_on, pk, who)) for pk, who in lists_at_work())


@shared_task(ignore_result=True, expires=3600)  # type: ignore[untyped-decorator]
def text_after(call: str, organization: str) -> None:
    """What the agent sends when its call is over."""
    _carefully("send the text after call", call, partial(texts.send_after, call, organization))


@shared_task(ignore_result=True, expires=3600)  # type: ignore[untyped-decorator]
def fetch_message(call: str, organization: str) -> None:
    """A message that a caller left with the carrier. Where it can't be had now, ``fetch_messages`` tries again."""
    _carefully("fetch the message of call", call, partial(messages.fetch, call, organization))


@shared_task(ignore_result=True, expires=60)  # type: ignore[untyped-decorator]
def fetch_messages() -> int:
    """Those that were not fetched when they were told of, of the last three days. Returns how many were now."""
    now = timezone.now()
    with tenancy.system("messages that wait at carriers, whosever they are"):
        waiting = Call.objects.filter(created_at__gt=now - KEEP_TRYING, created_at__lt=now - QUEUED_FOR)
        found = list(waiting.exclude(recording_at_carrier="").values_list("pk", "organization_id"))
    return sum(_carefully("fetch the message of call", pk, partial(messages.fetch, pk, who)) for pk, who in found)


def _carefully(what: str, pk: object, act: Callable[[], int]) -> int:
    """One that fails must not keep the others."""
    try:
        return act()
    except Exception:
        logger.exception("Could not %s %s", what, pk)
        return 0
