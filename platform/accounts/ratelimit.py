"""How often one may ask. Moving windows in Valkey, exact under concurrency and shared by all processes.

Where Valkey does not answer, each process counts for itself: people still sign in, and nobody guesses without end.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from limits import RateLimitItem, parse
from limits.storage import RedisStorage
from limits.strategies import MovingWindowRateLimiter
from redis.backoff import NoBackoff
from redis.retry import Retry

from accounts.outage import Outage

PREFIX = "parley-limits"
SIGN_IN_PATHS = (
    "/accounts/login/",
    "/accounts/signup/",
    "/accounts/password/",
    "/accounts/reauthenticate/",
    "/accounts/2fa/",
    "/accounts/3rdparty/",
)
SIGN_IN_LINKS = ("/sign-in/", "/invitations/")


class TooManyRequests(Exception):
    """``retry_after`` is in seconds, at least one."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"Too many requests. Try again in {retry_after} seconds.")
        self.retry_after = retry_after


class OwnCount:
    """The same windows in this process."""

    MANY = 10_000

    def __init__(self) -> None:
        self._hits: dict[str, deque[float]] = {}
        self._lock = threading.Lock()

    def hit(self, limit: RateLimitItem, *who: str) -> float | None:
        now = time.time()
        with self._lock:
            if len(self._hits) > self.MANY:  # each is of a day at most
                self._hits = {key: hits for key, hits in self._hits.items() if hits[-1] > now - 86_400}
            hits = self._hits.setdefault(limit.key_for(*who), deque(maxlen=limit.amount))
            if len(hits) == limit.amount and hits[0] > now - limit.get_expiry():
                return hits[0] + limit.get_expiry()
            hits.append(now)
        return None


class Limiter:
    """Answers ``None``: counted. Otherwise when the window has room again."""

    def __init__(self) -> None:
        # Once more at once, for a connection that has gone stale; then it is an outage.
        options: Any = {"socket_connect_timeout": 1, "socket_timeout": 1, "retry": Retry(NoBackoff(), 1)}
        self._shared = MovingWindowRateLimiter(RedisStorage(settings.VALKEY_URL, key_prefix=PREFIX, **options))
        self._own = OwnCount()
        self._valkey = Outage("rate limits")

    def hit(self, limit: RateLimitItem, *who: str) -> float | None:
        return self._valkey.around(lambda: self._ask(limit, *who), otherwise=lambda: self._own.hit(limit, *who))

    def _ask(self, limit: RateLimitItem, *who: str) -> float | None:
        return None if self._shared.hit(limit, *who) else self._shared.get_window_stats(limit, *who).reset_time


limiter = cache(Limiter)
_making = threading.Lock()


def hit(limit: str, *who: str) -> None:
    """Count one request of ``who`` (what is limited, then whose) against ``"30/minute"``. Raises :class:`TooManyRequests`."""
    with _making:  # one for all threads: it counts itself where Valkey doesn't
        counter = limiter()
    full_until = counter.hit(parse(limit), *who)
    if full_until is not None:
        raise TooManyRequests(max(1, round(full_until - time.time() + 0.5)))


def client_address(request: HttpRequest) -> str:
    """The address a request came from. ``X-Forwarded-For`` is read only from the right, as far as our own proxies wrote it."""
    hops = [hop.strip() for hop in request.headers.get("X-Forwarded-For", "").split(",") if hop.strip()]
    proxies: int = settings.TRUSTED_PROXIES
    if proxies and len(hops) >= proxies:
        return hops[-proxies]
    return str(request.META.get("REMOTE_ADDR") or "unknown")


class SignInLimitMiddleware:
    """Guessing at passwords and codes is limited for each address, whatever name is tried."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if (request.method == "POST" and request.path.startswith(SIGN_IN_PATHS)) or request.path.startswith(
            SIGN_IN_LINKS
        ):
            try:
                hit(settings.SIGN_IN_LIMIT, "sign-in", client_address(request))
            except TooManyRequests as error:
                response = render(request, "429.html", {"retry_after": error.retry_after}, status=429)
                response["Retry-After"] = str(error.retry_after)
                return response
        return self.get_response(request)
