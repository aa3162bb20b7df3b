"""While Valkey is away: what has to go on goes on in this process, and nobody waits for a time-out at every step."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

import structlog
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache

log = structlog.get_logger(__name__)

AWAY_SECONDS = 5.0
"""After a failure, how long Valkey is not asked again."""

T = TypeVar("T")


class Outage:
    def __init__(self, what: str) -> None:
        self._what = what
        self._until = 0.0

    def around(self, ask: Callable[[], T], *, otherwise: Callable[[], T]) -> T:
        if time.monotonic() >= self._until:
            try:
                return ask()
            except Exception as error:  # whatever the driver raises
                self._until = time.monotonic() + AWAY_SECONDS
                log.warning("valkey_away", what=self._what, error=str(error))
        return otherwise()


class ForgivingCache(RedisCache):
    """A cache in Valkey, and in this process while Valkey is away. For what may be forgotten, such as allauth's counts of
    wrong passwords: without this nobody could sign in then. Never for what must be seen by all, such as used-up tokens."""

    _valkey = Outage("cache")
    _own = LocMemCache("forgiving", {"OPTIONS": {"MAX_ENTRIES": 10_000}})

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        return self._valkey.around(
            lambda: super(ForgivingCache, self).get(key, default, version),
            otherwise=lambda: self._own.get(key, default, version),
        )

    def set(self, key: Any, value: Any, *args: Any, **options: Any) -> None:
        self._valkey.around(
            lambda: super(ForgivingCache, self).set(key, value, *args, **options),
            otherwise=lambda: self._own.set(key, value, *args, **options),
        )

    def add(self, key: Any, value: Any, *args: Any, **options: Any) -> bool:
        return self._valkey.around(
            lambda: super(ForgivingCache, self).add(key, value, *args, **options),
            otherwise=lambda: self._own.add(key, value, *args, **options),
        )

    def delete(self, key: Any, version: int | None = None) -> bool:
        return self._valkey.around(
            lambda: super(ForgivingCache, self).delete(key, version), otherwise=lambda: self._own.delete(key, version)
        )
