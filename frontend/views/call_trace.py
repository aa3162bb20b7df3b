"""The trace of SIP messages, of a call and of a trunk's own business: fetched where somebody opens it, or as a page of its own."""

from __future__ import annotations

import uuid
from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from accounts.auth import require
from accounts.models import Role
from frontend.queries import ladder
from frontend.queries.calls import calls_of
from frontend.queries.ladder import Ladder
from telephony.models import Call, Trunk
from telephony.trunks import explain


def has_trace(call: Call) -> bool:
    """Whether it came or went by SIP."""
    return call.channel == Call.Channel.PHONE and call.carrier_account_id is None


@require_GET
@require(Role.VIEWER)
def of_call(request: Any, call_id: uuid.UUID) -> HttpResponse:
    call = get_object_or_404(calls_of(request.organization).select_related("trunk"), pk=call_id)
    found = ladder.of_call(explain.messages_of_call(call), call.trunk.label if call.trunk else "", timezone.now())
    return _page(request, found, call=call, back=call.agent.name, title=_("Call trace"))


@require_GET
@require(Role.VIEWER)
def of_trunk(request: Any, pk: uuid.UUID) -> HttpResponse:
    trunk = get_object_or_404(Trunk.objects.owned_by(request.organization), pk=pk)
    found = ladder.of_trunk(explain.messages_of_trunk(trunk), trunk.label, timezone.now())
    return _page(request, found, trunk=trunk, back=trunk.label, title=_("SIP messages"))


def _page(request: Any, found: Ladder, **context: Any) -> HttpResponse:
    is_part = request.htmx and not request.htmx.boosted
    template = "frontend/calls/_trace.html" if is_part else "frontend/calls/trace.html"
    response = render(request, template, {"ladder": found, **context})
    response["Cache-Control"] = "no-store"
    return response
