"""The organization itself: what it is called, and in which time it lives."""

from __future__ import annotations

import zoneinfo
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from accounts.auth import require
from accounts.models import Organization, Role
from frontend.views.shared import may


def zones() -> list[tuple[str, str]]:
    names = sorted(
        name for name in zoneinfo.available_timezones() if "/" in name and not name.startswith(("Etc/", "SystemV/"))
    )
    return [("UTC", "UTC"), *((name, name.replace("_", " ")) for name in names)]


class OrganizationForm(forms.ModelForm):  # type: ignore[type-arg]
    timezone = forms.ChoiceField(
        label=gettext_lazy("Time zone"),
        choices=zones,
        help_text=gettext_lazy(
            "What “tomorrow at three” means to your callers. Pages show times in each viewer's own zone."
        ),
    )

    class Meta:
        model = Organization
        fields = ["name", "timezone"]
        labels = {"name": gettext_lazy("Name")}


@require(Role.VIEWER)
@require_http_methods(["GET", "POST"])
def settings(request: Any) -> HttpResponse:
    can_edit = may(request, Role.ADMIN)
    organization = Organization.objects.get(pk=request.organization.pk)
    form = OrganizationForm(request.POST if request.method == "POST" and can_edit else None, instance=organization)
    if request.method == "POST" and not can_edit:
        return render(request, "403.html", {"needed": Role.ADMIN, "role": Role(request.membership.role)}, status=403)
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, _("Saved."))
        return redirect("frontend:organization")
    if not can_edit:
        for field in form.fields.values():
            field.disabled = True
    context = {"form": form, "can_edit": can_edit}
    return render(request, "frontend/organization/settings.html", context, status=422 if form.errors else 200)
