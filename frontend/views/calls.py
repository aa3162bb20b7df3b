"""The calls: the list, one call, and the parts of them that update themselves."""

from __future__ import annotations

import json
import uuid
from typing import Any

from django.contrib import messages
from django.core.cache import cache
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.auth import require
from accounts.models import Role
from accounts.paging import BadCursor, page
from frontend.forms.call_filter import CallFilterForm
from frontend.queries import call_page as pages
from frontend.queries.answering import handled_words
from frontend.queries.calls import PAGE_SIZE, as_rows, calls_of, collected_fields, ending, is_ringing, narrow
from frontend.queries.peaks import peaks
from frontend.queries.waits import PARTS
from frontend.views.call_trace import has_trace
from frontend.views.shared import go, may
from telephony import outbound, press
from telephony.answering import WHY_WORDS
from telephony.listen import signed_url
from telephony.models import Call, Campaign, Recording, TextMessage
from telephony.recordings import absolute

PEAKS_SECONDS = 3600


@require_GET
@require(Role.VIEWER)
def call_list(request: Any) -> HttpResponse:
    """The list, narrowed by the address. htmx asks for the rows alone: after a filter, for more, to bring them up to date."""
    form = CallFilterForm(request.organization, request.GET)
    wanted = form.wanted()
    cursor = request.GET.get("cursor", "")
    try:
        rows, following = page(as_rows(narrow(calls_of(request.organization), wanted)), cursor, PAGE_SIZE)
    except BadCursor:
        return redirect("frontend:calls")
    context = {
        "form": form,
        "fields": [form[name] for name in ("agent", "status", "side", "since", "until")],
        "calls": rows,
        "more": _more(request, following),
        "is_filtered": wanted.is_active,
        "can_dial": may(request, Role.EDITOR),
        "is_following": bool(cursor),
    }
    if request.htmx and not request.htmx.boosted:
        return render(request, "frontend/calls/_rows.html" if cursor else "frontend/calls/_table.html", context)
    return render(request, "frontend/calls/list.html", context)


def _more(request: HttpRequest, following: str | None) -> str:
    if following is None:
        return ""
    params = request.GET.copy()
    params["cursor"] = following
    return f"{reverse('frontend:calls')}?{params.urlencode()}"


@require_GET
@require(Role.VIEWER)
def call_row(request: Any, call_id: uuid.UUID) -> HttpResponse:
    """One row, for the list that updates itself."""
    return render(
        request,
        "frontend/calls/_row.html",
        {"call": get_object_or_404(as_rows(calls_of(request.organization)), pk=call_id)},
    )


@require_GET
@require(Role.VIEWER)
def call_detail(request: Any, call_id: uuid.UUID) -> HttpResponse:
    """The call's page; htmx asks for its inside while the call runs."""
    call = _call(request, call_id)
    turns = list(call.turns.order_by("index"))
    events = list(call.events.all()[:2_000])
    recording = Recording.objects.owned_by(request.organization).filter(call=call).first()
    context = {
        "call": call,
        "ending": ending(call),
        "is_running": call.status != Call.Status.ENDED,
        "is_ringing": is_ringing(call),
        "told": [(key.replace("_", " ").capitalize(), value) for key, value in call.variables.items() if value],
        "text": TextMessage.objects.owned_by(request.organization).filter(call=call).first(),
        "has_trace": has_trace(call),
        "handled": handled_words(str(call.instead.get("how", ""))),
        "handled_why": WHY_WORDS.get(str(call.instead.get("why", "")), ""),
        "campaign": _campaign_of(request, call),
        "length_ms": pages.running_for_ms(call),
        "turns": pages.turn_views(turns, call.duration_ms if call.status == Call.Status.ENDED else None),
        "parts": PARTS,
        "waits": pages.waits(turns),
        "collected": collected_fields(call, events),
        "events": pages.event_views(events),
        "echo": pages.echo(events),
        "sound": pages.sound(call, recording, events),
        "raw": json.dumps(pages.raw(call, turns, events), indent=2, ensure_ascii=False, default=str),
    }
    inside = request.htmx and not request.htmx.boosted
    return render(request, "frontend/calls/_call.html" if inside else "frontend/calls/call.html", context)


@require_POST
@require(Role.EDITOR)
def call_hang_up(request: Any, call_id: uuid.UUID) -> HttpResponse:
    call = _call(request, call_id)
    if call.status != Call.Status.ENDED:
        outbound.stop(call)
    if request.htmx:
        return HttpResponse(status=204, headers={"HX-Trigger": json.dumps({"parley:changed": {}})})
    return redirect("frontend:call", call.pk)


@require(Role.EDITOR)
@require_http_methods(["GET", "POST"])
def call_digits(request: Any, call_id: uuid.UUID) -> HttpResponse:
    """Press keys on the agent's side of a running call."""
    call = _call(request, call_id)
    digits, problem = request.POST.get("digits", ""), ""
    if request.method == "POST":
        try:
            pressed = press.send_digits(call, digits)
        except (ValueError, press.NotTalking) as error:
            problem = str(error)
        else:
            messages.success(request, _("The agent presses %s.") % " ".join(pressed))
            return go(request, reverse("frontend:call", args=[call.pk]))
    context = {"call": call, "digits": digits, "problem": problem}
    return render(request, "frontend/calls/_digits.html", context, status=422 if problem else 200)


@require_GET
@require(Role.VIEWER)
def call_recording(request: Any, call_id: uuid.UUID) -> HttpResponse:
    """Where the recording can be played for the next minutes."""
    response = JsonResponse({"url": signed_url(_recording(request, call_id))})
    response["Cache-Control"] = "private, no-store"
    return response


@require_GET
@require(Role.VIEWER)
def call_peaks(request: Any, call_id: uuid.UUID) -> HttpResponse:
    """The outline of both sides of the recording."""
    recording = _recording(request, call_id)
    key = f"peaks:{recording.pk}:{recording.size_bytes}"
    found = cache.get(key)
    if found is None:
        try:
            outlines, seconds = peaks(absolute(recording.path))
        except OSError:
            raise Http404("The recording's file is gone") from None
        found = {"peaks": outlines, "duration": seconds}
        cache.set(key, found, PEAKS_SECONDS)
    response = JsonResponse(found)
    response["Cache-Control"] = "private, max-age=3600"
    return response


def _call(request: Any, call_id: uuid.UUID) -> Call:
    return get_object_or_404(calls_of(request.organization), pk=call_id)


def _campaign_of(request: Any, call: Call) -> Campaign | None:
    rows = Campaign.objects.owned_by(request.organization).filter(attempts__call=call)
    found: Campaign | None = rows.first() if call.direction == Call.Direction.OUTBOUND else None
    return found


def _recording(request: Any, call_id: uuid.UUID) -> Recording:
    found: Recording = get_object_or_404(Recording.objects.owned_by(request.organization), call_id=call_id)
    return found
