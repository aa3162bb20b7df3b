"""SIP trunks: join a provider or a telephone system, see whether it works, test it, put numbers on it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.auth import require
from accounts.models import Role
from frontend.forms import trunk as trunk_form
from frontend.forms.trunk import TrunkForm
from frontend.queries import trunks as query
from frontend.views.number import names_of, now_of
from frontend.views.phone_numbers import agents_of
from frontend.views.shared import may
from telephony import phone_calls
from telephony.models import PhoneNumber, Trunk
from telephony.phone_numbers import CannotDo
from telephony.trunks import addresses, manage
from telephony.trunks.presets import PRESETS

OWN = "own"


@require(Role.VIEWER)
@require_GET
def trunk_list(request: Any) -> HttpResponse:
    """The part of Numbers that brings itself up to date. What was seen already is not sent again."""
    if not request.htmx:
        return redirect("frontend:numbers")
    rows, stamp = query.rows(request.organization)
    if stamp == request.GET.get("seen", ""):
        return HttpResponse(status=204)
    return render(request, "frontend/numbers/_trunks.html", {"trunks": rows, "trunks_stamp": stamp})


@require(Role.ADMIN)
@require_http_methods(["GET", "POST"])
@sensitive_post_parameters("password")
def create(request: Any) -> HttpResponse:
    """First which; then the few things that it takes to get there."""
    wanted = request.GET.get("preset", "")
    if wanted != OWN and wanted not in PRESETS:
        return render(request, "frontend/numbers/trunk_choice.html", {**query.choice(), **_served()})
    form = trunk_form.of_new(PRESETS.get(wanted), request.POST if request.method == "POST" else None)
    if request.method == "POST" and (fields := form.fields()) is not None:
        try:
            trunk = manage.create(request.organization, request.user, fields, form.password or "")
        except CannotDo as error:
            form.problem = str(error)
        else:
            messages.success(request, _("“%s” is saved.") % trunk.label)
            return redirect(f"{reverse('frontend:trunk', args=[trunk.pk])}?new")
    return _form_page(request, form, None)


@require(Role.ADMIN)
@require_http_methods(["GET", "POST"])
@sensitive_post_parameters("password")
def edit(request: Any, pk: UUID) -> HttpResponse:
    trunk = _trunk(request, pk)
    form = trunk_form.of_trunk(trunk, request.POST if request.method == "POST" else None)
    if request.method == "POST" and (fields := form.fields()) is not None:
        try:
            manage.change(trunk, request.user, fields, form.password)
        except CannotDo as error:
            form.problem = str(error)
        else:
            messages.success(request, _("Saved. Calls that run go on as they are."))
            return redirect(f"{reverse('frontend:trunk', args=[pk])}?new")
    return _form_page(request, form, trunk)


def _form_page(request: Any, form: TrunkForm, trunk: Trunk | None) -> HttpResponse:
    is_sent = request.method == "POST"
    if is_sent and not form.problem:
        form.problem = " ".join(str(error) for error in form.form.non_field_errors()) or _(
            "Nothing was saved yet: something below needs a look."
        )
    context = {
        "form": form,
        "trunk": trunk,
        **_served(),
        "needs_password_again": is_sent and form.was_typed,
    }
    response = render(request, "frontend/numbers/trunk_form.html", context, status=422 if is_sent else 200)
    response["Cache-Control"] = "no-store"
    return response


@require(Role.VIEWER)
@require_GET
def trunk(request: Any, pk: UUID) -> HttpResponse:
    return _page(request, _trunk(request, pk))


@require(Role.VIEWER)
@require_GET
def state(request: Any, pk: UUID) -> HttpResponse:
    """How it stands, for the page that brings itself up to date."""
    found = _trunk(request, pk)
    if not request.htmx:
        return redirect("frontend:trunk", pk)
    if query.stamp_of([found]) == request.GET.get("seen", ""):
        return HttpResponse(status=204)
    return render(request, "frontend/numbers/_trunk_state.html", _state(found))


@require(Role.ADMIN)
@require_POST
def test(request: Any, pk: UUID) -> HttpResponse:
    """Ask it how it is, now. It takes up to ten seconds where nobody answers."""
    found = _trunk(request, pk)
    try:
        tested, trouble = manage.test(found), ""
    except CannotDo as error:
        tested, trouble = None, str(error)
    told = query.tested_words(tested, found) if tested else trouble
    works = tested is not None and not tested.trouble
    if request.htmx:
        context = {"tested": tested, "told": told, "works": works}
        response = render(request, "frontend/numbers/_trunk_tested.html", context)
        response["HX-Trigger"] = "parley:tested"
        return response
    (messages.success if works else messages.error)(request, told)
    return redirect("frontend:trunk", pk)


@require(Role.ADMIN)
@require_POST
def remove(request: Any, pk: UUID) -> HttpResponse:
    found = _trunk(request, pk)
    try:
        manage.remove(found)
    except CannotDo as error:
        messages.error(request, str(error))
        return redirect("frontend:trunk", pk)
    messages.success(request, _("“%s” is removed, and its password with it.") % found.label)
    return redirect("frontend:numbers")


@require(Role.ADMIN)
@require_POST
def add_number(request: Any, pk: UUID) -> HttpResponse:
    found = _trunk(request, pk)
    given = {name: request.POST.get(name, "").strip() for name in ("number", "agent", "label")}
    agent = next((each for each in agents_of(request) if str(each.pk) == given["agent"]), None)
    if given["agent"] and agent is None:
        return _page(request, found, given, _("Choose one of the agents."))
    try:
        number = manage.add_number(found, given["number"], agent, given["label"])
    except CannotDo as error:
        return _page(request, found, given, str(error))
    if agent is None:
        messages.success(request, _("%s is on this trunk. Choose who answers.") % number.number)
    else:
        messages.success(request, _("%(agent)s answers %(number)s.") % {"agent": agent.name, "number": number.number})
    return redirect("frontend:trunk", pk)


def _trunk(request: Any, pk: UUID) -> Trunk:
    rows = Trunk.objects.owned_by(request.organization).select_related("organization")
    found: Trunk = get_object_or_404(rows, pk=pk)
    return found


def _served() -> dict[str, Any]:
    return {
        "is_served": manage.is_served(),
        "is_here_only": addresses.is_here_only(),
        "our_host": addresses.our_host(),
    }


def _state(found: Trunk) -> dict[str, Any]:
    return {"trunk": found, "state": query.state_of(found), "stamp": query.stamp_of([found])}


def _page(request: Any, found: Trunk, given: dict[str, str] | None = None, problem: str = "") -> HttpResponse:
    """``given``: a number that could not be added as it was typed; ``problem`` says why."""
    rows = list(
        PhoneNumber.objects.owned_by(request.organization)
        .filter(trunk=found)
        .select_related("account", "trunk", "organization", "agent__published")
    )
    names = names_of(request.organization)
    context = {
        **_state(found),
        "facts": query.facts(found),
        "preset": PRESETS.get(found.preset),
        "rows": [(each, now_of(each, names)) for each in rows],
        "has_room": phone_calls.has_room(),
        "agents": agents_of(request),
        "given": given or {},
        "problem": problem,
        "is_new": "new" in request.GET and may(request, Role.ADMIN),
        "can_assign": may(request, Role.EDITOR),
        "can_manage": may(request, Role.ADMIN),
        **_served(),
        "call_from": next((each for each in rows if each.agent_id), rows[0] if rows else None),
    }
    return render(request, "frontend/numbers/trunk.html", context, status=422 if problem else 200)
