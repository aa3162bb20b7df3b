"""Keys: those of vendors, which are stored and never shown again, and our own for the API, which are shown once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from accounts import credentials as vault
from accounts import keys
from accounts.auth import require
from accounts.models import ApiKey, Credential, Role
from agents.models import Agent
from egress.origin import NoOrigin, origin

PROVIDERS = [("openai", gettext_lazy("OpenAI, or a server that speaks like it")), ("other", gettext_lazy("Another"))]
EXPIRIES = [
    ("30", gettext_lazy("In 30 days")),
    ("90", gettext_lazy("In 90 days")),
    ("365", gettext_lazy("In a year")),
    ("", gettext_lazy("Never")),
]


class CredentialForm(forms.Form):
    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=80,
        help_text=gettext_lazy("What you choose it by in an agent, such as “Our OpenAI key”."),
    )
    provider = forms.ChoiceField(label=gettext_lazy("Provider"), choices=PROVIDERS)
    address = forms.CharField(
        label=gettext_lazy("Address"),
        max_length=500,
        required=False,
        widget=forms.URLInput(attrs={"placeholder": vault.OWN_ADDRESSES["openai"], "autocomplete": "off"}),
        help_text=gettext_lazy(
            "The only server this key is ever sent to, whatever an agent says. Empty: OpenAI's own."
        ),
    )
    secret = forms.CharField(
        label=gettext_lazy("Key"),
        max_length=4_000,
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text=gettext_lazy("Kept encrypted. Nobody can read it here again, you included."),
    )

    def clean_address(self) -> str:
        address: str = self.cleaned_data["address"].strip()
        if address:
            try:
                origin(address)
            except NoOrigin as error:
                raise forms.ValidationError(str(error)) from error
        return address

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("provider") == "other" and not cleaned.get("address") and "address" not in self.errors:
            self.add_error("address", _("Say which server the key belongs to, such as https://api.example.com/v1."))
        return cleaned


class ApiKeyForm(forms.Form):
    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=120,
        help_text=gettext_lazy("Who or what uses it, such as “Booking system”."),
    )
    scopes = forms.MultipleChoiceField(
        label=gettext_lazy("What it may do"),
        choices=list(keys.SCOPES.items()),
        widget=forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"}),
        error_messages={"required": gettext_lazy("Choose at least one thing the key may do.")},
    )
    expires = forms.ChoiceField(label=gettext_lazy("Expires"), choices=EXPIRIES, required=False, initial="90")


@never_cache
@sensitive_post_parameters("secret")
@require(Role.ADMIN)
@require_http_methods(["GET", "POST"])
def credentials(request: Any) -> HttpResponse:
    form = CredentialForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            stored = vault.store(request.organization, member=request.user, **form.cleaned_data)
        except ValueError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("“%s” is stored. Choose it in an agent under Knows.") % stored.name)
            return redirect("frontend:credentials")
    rows = Credential.objects.owned_by(request.organization).select_related("created_by").order_by("name")
    context = {"rows": [(row, vault.where(row)) for row in rows], "form": form, "used_by": _used_by(request)}
    return render(request, "frontend/organization/credentials.html", context, status=422 if form.errors else 200)


def _used_by(request: Any) -> dict[str, list[str]]:
    """Credential name → names of the agents whose draft or live version uses it."""
    users: dict[str, list[str]] = {}
    for agent in Agent.objects.owned_by(request.organization).filter(archived_at=None).select_related("published"):
        specs = [agent.draft, *([agent.published.spec] if agent.published else [])]
        for name in {spec.get("knows", {}).get("credential") for spec in specs} - {None, ""}:
            users.setdefault(name, []).append(agent.name)
    return users


@require(Role.ADMIN)
@require_POST
def remove_credential(request: Any, pk: UUID) -> HttpResponse:
    credential = get_object_or_404(Credential.objects.owned_by(request.organization), pk=pk)
    vault.remove(credential)
    messages.success(request, _("“%s” is removed.") % credential.name)
    return redirect("frontend:credentials")


@never_cache
@require(Role.ADMIN)
@require_http_methods(["GET", "POST"])
def api_keys(request: Any) -> HttpResponse:
    form = ApiKeyForm(request.POST if request.method == "POST" else None)
    plaintext = ""
    if request.method == "POST" and form.is_valid():
        days = form.cleaned_data["expires"]
        expires_at = timezone.now() + timedelta(days=int(days)) if days else None
        name, scopes = form.cleaned_data["name"], form.cleaned_data["scopes"]
        _key, plaintext = keys.issue(request.organization, name, scopes, expires_at, request.user)
        form = ApiKeyForm()
    rows = ApiKey.objects.owned_by(request.organization).select_related("created_by").order_by("-created_at")
    context = {"rows": rows, "form": form, "plaintext": plaintext, "now": timezone.now(), "scopes": keys.SCOPES}
    return render(request, "frontend/developers/keys.html", context, status=422 if form.errors else 200)


@require(Role.ADMIN)
@require_POST
def revoke_api_key(request: Any, pk: UUID) -> HttpResponse:
    key = get_object_or_404(ApiKey.objects.owned_by(request.organization), pk=pk)
    keys.revoke(key)
    messages.success(request, _("“%s” is revoked: the next request with it is refused.") % key.name)
    return redirect("frontend:api-keys")
