"""What Prometheus scrapes. Any app declares its own counters with ``prometheus_client``; they show up at ``/metrics``."""

from __future__ import annotations

import time
from collections.abc import Callable

import prometheus_client
from django.http import HttpRequest, HttpResponseBase
from prometheus_client import Counter, Histogram

REQUESTS = Counter("parley_http_requests_total", "Requests answered", ["method", "route", "status"])
DURATION = Histogram(
    "parley_http_request_seconds", "Time to answer a request", ["method", "route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)  # fmt: skip
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def measure(request: HttpRequest, answer: Callable[[HttpRequest], HttpResponseBase]) -> HttpResponseBase:
    """Count the request under its route, never its path: an id in a label would be a series for each row."""
    started = time.perf_counter()
    response = answer(request)
    match = getattr(request, "resolver_match", None)
    route = match.route if match else "(none)"
    method = request.method if request.method in METHODS else "(other)"
    REQUESTS.labels(method, route, str(response.status_code)).inc()
    DURATION.labels(method, route).observe(time.perf_counter() - started)
    return response


def exposition() -> bytes:
    return prometheus_client.generate_latest()
