"""The API reference: what integrators read, drawn from the same schema that programs get."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import limits
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from django.views.decorators.http import require_safe

from accounts.idempotency import KEPT_FOR, LONGEST
from accounts.keys import SCOPES
from accounts.models import Role
from frontend.reference.page import Reference
from frontend.reference.page import reference as drawn
from frontend.views.shared import may

PERIODS = {1: _lazy("a second"), 60: _lazy("a minute"), 3600: _lazy("an hour"), 86_400: _lazy("a day")}

Description = Callable[[], Mapping[str, Any]]


@require_safe
def reference(request: HttpRequest, description: Description) -> HttpResponse:
    """For everybody, signed in or not, as the schema itself is. ``description`` is handed in by who has the API."""
    found = _reference(description, settings.SITE_URL)
    query = request.GET.get("q", "").strip()[:100]
    limit = limits.parse(settings.API_LIMIT)
    context = {
        "reference": found,
        "query": query,
        "shown": found.matching(query),
        "scopes": SCOPES,
        "base": f"{settings.SITE_URL}/api/v1",
        "schema_url": reverse("api-1:openapi-json"),
        "may_make_keys": may(request, Role.ADMIN),
        "limit": limit.amount,
        "limit_period": PERIODS.get(limit.get_expiry()) or _("in %s seconds") % limit.get_expiry(),
        "largest": filesizeformat(settings.DATA_UPLOAD_MAX_MEMORY_SIZE),
        "retry_hours": int(KEPT_FOR.total_seconds()) // 3600,
        "retry_longest": LONGEST,
    }
    return render(request, "frontend/developers/reference.html", context)


@lru_cache(maxsize=4)
def _reference(description: Description, site: str) -> Reference:
    """Drawn once a process: the schema changes only with the code."""
    return drawn(description(), site)
