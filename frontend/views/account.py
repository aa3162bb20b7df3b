"""The person's own account: their name, and the ways to the pages about signing in."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from accounts.models import User


class AccountForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = User
        fields = ["name"]
        labels = {"name": gettext_lazy("Your name")}
        widgets = {"name": forms.TextInput(attrs={"autocomplete": "name"})}


@login_required
@require_http_methods(["GET", "POST"])
def account(request: Any) -> HttpResponse:
    user = User.objects.get(pk=request.user.pk)
    form = AccountForm(request.POST if request.method == "POST" else None, instance=user)
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, _("Saved."))
        return redirect("frontend:account")
    return render(request, "frontend/account.html", {"form": form}, status=422 if form.errors else 200)
