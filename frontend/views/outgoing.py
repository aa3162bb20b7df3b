"""Whom the organization's agents may call, how much of it, and whom never again."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST
from pydantic import ValidationError

from accounts.auth import require
from accounts.models import Role
from accounts.paging import BadCursor, page
from agents.validation import plain
from frontend.forms.choices import Choices, Option
from frontend.forms.settings_form import SettingsForm, settings_form
from frontend.views.shared import may
from telephony.dialing import do_not_call, gate, policies
from telephony.dialing.countries import countries, name_of
from telephony.dialing.policy import Allowed, Policy

PAGE_SIZE = 50


def country_choices() -> Choices:
    return Choices(country=tuple(Option(each.code, each.name) for each in countries().values()))


@require(Role.VIEWER)
@require_http_methods(["GET", "POST"])
def limits(request: Any) -> HttpResponse:
    """The policy as a form, what is used of it today, and a place to try a number."""
    if request.method == "POST" and not may(request, Role.ADMIN):
        return render(request, "403.html", {"needed": Role.ADMIN, "role": Role(request.membership.role)}, status=403)
    form: SettingsForm = settings_form(Policy)(
        request.POST if request.method == "POST" else None,
        value=policies.stored(request.organization),
        group="limits",
        choices=country_choices(),
    )
    if request.method == "POST" and form.is_valid():
        try:
            policies.change(request.organization, form.changes)
        except ValidationError as error:  # right one by one and wrong together
            form.add_error(None, plain(error.errors()[0]))
        else:
            messages.success(request, _("Saved. It holds from the next call on."))
            return redirect("frontend:limits")
    policy = policies.policy_of(request.organization)
    tried = request.GET.get("number", "").strip()[:60]
    answer = gate.check(request.organization, tried, "dashboard") if tried else None
    context = {
        "form": form,
        "can_edit": may(request, Role.ADMIN),
        "policy": policy,
        "home": name_of(policy.home_country),
        "today": gate.today(request.organization),
        "tried": tried,
        "answer": answer,
        "is_allowed": isinstance(answer, Allowed),
        "country": name_of(answer.number.country) if isinstance(answer, Allowed) else "",
        "group": "limits",
    }
    return render(request, "frontend/organization/limits.html", context, status=422 if form.errors else 200)


class DoNotCallForm(forms.Form):
    number = forms.CharField(
        label=gettext_lazy("Number"),
        max_length=60,
        widget=forms.TextInput(attrs={"inputmode": "tel", "autocomplete": "off", "placeholder": "+14155550142"}),
    )
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=200,
        required=False,
        help_text=gettext_lazy("For whoever looks later, such as “asked by e-mail on Monday”."),
    )


@require(Role.VIEWER)
@require_http_methods(["GET", "POST"])
def do_not_call_list(request: Any) -> HttpResponse:
    can_edit = may(request, Role.EDITOR)
    if request.method == "POST" and not can_edit:
        return render(request, "403.html", {"needed": Role.EDITOR, "role": Role(request.membership.role)}, status=403)
    form = DoNotCallForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            entry, is_new = do_not_call.add(
                request.organization, form.cleaned_data["number"], form.cleaned_data["reason"], member=request.user
            )
        except do_not_call.NotANumber as error:
            form.add_error("number", str(error))
        else:
            words = _("%s is never called again.") if is_new else _("%s was on the list already.")
            messages.success(request, words % entry.number)
            return redirect("frontend:do-not-call")
    query = request.GET.get("q", "").strip()[:60]
    rows = do_not_call.entries(request.organization)
    if query:
        rows = rows.filter(number__contains="".join(each for each in query if each.isdigit()) or "-")
    try:
        items, following = page(rows, request.GET.get("cursor", ""), PAGE_SIZE)
    except BadCursor:
        return redirect("frontend:do-not-call")
    context = {"form": form, "rows": items, "following": following, "q": query, "can_edit": can_edit}
    return render(request, "frontend/organization/do_not_call.html", context, status=422 if form.errors else 200)


@require(Role.EDITOR)
@require_POST
def remove(request: Any, pk: UUID) -> HttpResponse:
    entry = get_object_or_404(do_not_call.entries(request.organization), pk=pk)
    do_not_call.remove(entry)
    messages.success(request, _("%s may be called again.") % entry.number)
    return redirect("frontend:do-not-call")
