"""The first page."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from accounts.auth import require
from accounts.models import Role
from frontend.forms.call_filter import zone_of
from frontend.queries import health, home
from frontend.queries.calls import as_rows, calls_of

NEWEST = 6


@require(Role.VIEWER)
@require_GET
def index(request: Any) -> HttpResponse:
    organization = request.organization
    zone = zone_of("", organization)
    checks = health.checks()
    context = {
        "steps": home.steps(organization),
        "today": home.today(organization, zone),
        "newest": list(as_rows(calls_of(organization))[:NEWEST]),
        "faults": home.faults(organization),
        "fault_days": home.FAULT_DAYS,
        "waits": home.recent_waits(organization),
        "state": health.worst(checks),
        "red": [check for check in checks if check.state != "good"],
        "workers": health.alive(),
    }
    return render(request, "frontend/home.html", context)
