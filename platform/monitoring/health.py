"""Is this process alive, and may it be given work?

``/healthz`` answers while the process does. ``/readyz`` answers 200 only where PostgreSQL and Valkey do and the process
isn't draining: what a load balancer asks before it sends anyone here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import redis
import structlog
from django.conf import settings
from django.db import connections

log = structlog.get_logger(__name__)

_draining = threading.Event()
_told_when_draining: set[Callable[[], object]] = set()


def drain() -> None:
    """From now on this process is not ready. Requests that it has go on; live feeds are told to look elsewhere."""
    _draining.set()
    for tell in tuple(_told_when_draining):
        tell()


def when_draining(tell: Callable[[], object]) -> Callable[[], None]:
    """Call ``tell`` once this process drains, from whichever code was running then. Returns what takes that back."""
    _told_when_draining.add(tell)
    return lambda: _told_when_draining.discard(tell)


def is_draining() -> bool:
    return _draining.is_set()


def _ask_database() -> None:
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT 1")


def _ask_valkey() -> None:
    with redis.Redis.from_url(settings.VALKEY_URL, socket_connect_timeout=2, socket_timeout=2) as client:
        client.ping()


QUESTIONS: dict[str, Callable[[], None]] = {"database": _ask_database, "valkey": _ask_valkey}


def problems() -> dict[str, str]:
    """What keeps this process from being ready, in words; nothing: it is. Details go to the log, not to whoever asks."""
    found = {"process": "This process is finishing its work and takes no more."} if is_draining() else {}
    for name, ask in QUESTIONS.items():
        try:
            ask()
        except Exception as error:  # whatever a driver raises, the answer is the same: not now
            log.warning("not_ready", part=name, error=str(error))
            found[name] = f"The {name} does not answer."
    return found
