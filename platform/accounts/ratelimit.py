"""How often one may ask. Moving windows in Valkey, exact under concurrency and shared by all processes.

Where Valkey does not answer, the request is let through: a limit is a brake, not a door.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from typing import Any

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from limits import parse
from limits.storage import RedisStorage
from limits.strategies import MovingWindowRateLimiter

log = structlog.get_logger(__name__)

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


@cache
def limiter() -> MovingWindowRateLimiter:
    options: Any = {"socket_connect_timeout": 1, "socket_timeout": 1}
    return MovingWindowRateLimiter(RedisStorage(settings.VALKEY_URL, key_prefix=PREFIX, **options))


def hit(limit: str, *who: str) -> None:
    """Count one request of ``who`` (what is limited, then whose) against ``"30/minute"``. Raises :class:`TooManyRequests`."""
    item = parse(limit)
    try:
        window = limiter()
        if window.hit(item, *who):
            return
        reset_at = window.get_window_stats(item, *who).reset_time
    except Exception as error:  # whatever the storage raises
        log.warning("rate_limit_not_counted", limit=who[0], error=str(error))
        return
    raise TooManyRequests(max(1, round(reset_at - time.time() + 0.5)))


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
