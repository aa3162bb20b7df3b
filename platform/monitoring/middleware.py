"""The probes answer before anything else is looked at: host name, session, redirect to HTTPS."""

from __future__ import annotations

import hmac
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from prometheus_client import CONTENT_TYPE_LATEST

from monitoring import health, metrics


class ProbesMiddleware:
    """``/healthz``, ``/readyz`` and ``/metrics``: orchestrators ask by IP address, over plain HTTP."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        match request.path:
            case "/healthz":
                return JsonResponse({"status": "alive"})
            case "/readyz":
                problems = health.problems()
                return JsonResponse(
                    {"status": "not ready" if problems else "ready", "problems": problems},
                    status=503 if problems else 200,
                )
            case "/metrics":
                return _metrics(request)
        return metrics.measure(request, self.get_response)


def _metrics(request: HttpRequest) -> HttpResponse:
    """To the scraper that knows the token; without one configured, to this machine only (and not through a proxy)."""
    if settings.METRICS_TOKEN:
        given = request.headers.get("Authorization", "")
        allowed = hmac.compare_digest(given.encode(), f"Bearer {settings.METRICS_TOKEN}".encode())
    else:
        is_local = request.META.get("REMOTE_ADDR") in ("127.0.0.1", "::1")
        allowed = is_local and "X-Forwarded-For" not in request.headers and "Forwarded" not in request.headers
    if not allowed:
        return HttpResponse(
            "Send the METRICS_TOKEN of this platform as bearer token.", status=403, content_type="text/plain"
        )
    return HttpResponse(metrics.exposition(), content_type=CONTENT_TYPE_LATEST)
