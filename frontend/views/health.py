"""System health: what a call needs, and whether it is there."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from accounts.auth import require
from accounts.models import Role
from frontend.queries import health
from telephony import ice


@require(Role.VIEWER)
@require_GET
def system_health(request: Any) -> HttpResponse:
    """The page; htmx asks for the server's part of it again and again."""
    checks = health.checks()
    context = {"checks": checks, "state": health.worst(checks), "workers": health.alive(), "ice_servers": ice.servers()}
    return render(
        request,
        "frontend/_health.html" if request.htmx and not request.htmx.boosted else "frontend/health.html",
        context,
    )
