"""Telephone numbers: connect an account, import its numbers, say who answers, give them back."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.auth import require
from accounts.models import Role
from agents.models import Agent
from frontend.queries import trunks
from frontend.views.number import names_of, now_of
from frontend.views.shared import may
from telephony import phone_calls
from telephony import phone_numbers as use_case
from telephony.carriers import CarrierError
from telephony.carriers.registry import CARRIERS
from telephony.models import CarrierAccount, PhoneNumber
from telephony.phone_numbers import CannotDo
from telephony.trunks import addresses, manage

REFUSALS = (CannotDo, CarrierError)


class ConnectForm(forms.Form):
    """An account at one carrier: what that one asks for."""

    carrier = forms.CharField(widget=forms.HiddenInput)

    def __init__(self, carrier: str, data: dict[str, str] | None = None) -> None:
        super().__init__(data, initial={"carrier": carrier})
        self.at = CARRIERS[carrier]
        for asked in self.at.login:
            plain = {"autocomplete": "off", "spellcheck": "false", "placeholder": asked.placeholder}
            kept = _(" Kept encrypted; nobody can read it here again.") if asked.is_secret else ""
            self.fields[asked.name] = forms.CharField(
                label=asked.title,
                max_length=200,
                widget=forms.PasswordInput(attrs=plain) if asked.is_secret else forms.TextInput(attrs=plain),
                help_text=f"{asked.help}{kept}",
            )


@require(Role.VIEWER)
@require_GET
def numbers(request: Any) -> HttpResponse:
    return _page(request, ConnectForm(_chosen(request.GET)))


def _chosen(given: Any) -> str:
    """Which carrier somebody wants to connect."""
    wanted = given.get("carrier", "")
    return wanted if wanted in CARRIERS else next(iter(CARRIERS))


@require(Role.ADMIN)
@require_POST
@sensitive_post_parameters()
def connect(request: Any) -> HttpResponse:
    chosen = _chosen(request.POST)
    form = ConnectForm(chosen, {**request.POST.dict(), "carrier": chosen})
    if not form.is_valid():
        return _page(request, form, 422)
    given = {asked.name: form.cleaned_data[asked.name] for asked in form.at.login}
    try:
        account = use_case.connect_to(request.organization, request.user, chosen, given)
    except REFUSALS as error:
        form.add_error(None, str(error))
        return _page(request, form, 422)
    messages.success(request, _("Connected. Choose the numbers that shall ring here."))
    return redirect("frontend:number-account", account.pk)


@require(Role.ADMIN)
@require_http_methods(["GET", "POST"])
def account(request: Any, pk: UUID) -> HttpResponse:
    """The numbers of an account at its carrier. POST: import one."""
    found = _account(request, pk)
    if request.method == "POST":
        try:
            number = use_case.import_number(found, request.POST.get("sid", ""))
        except REFUSALS as error:
            messages.error(request, str(error))
            return redirect("frontend:number-account", pk)
        messages.success(request, _("%s rings here now. Choose who answers.") % number.number)
        return redirect("frontend:numbers")
    problem, offered = "", []
    try:
        offered = use_case.available(found)
    except REFUSALS as error:
        problem = str(error)
    at = use_case.carrier_of(found)
    context = {
        "account": found,
        "offered": offered,
        "problem": problem,
        "company": at.title,
        "lacks": use_case.lacks(found),
        "unreached": "" if use_case.is_public(found) else at.title,
        "site_url": settings.SITE_URL,
    }
    return render(request, "frontend/numbers/account.html", context)


@require(Role.ADMIN)
@require_POST
def disconnect(request: Any, pk: UUID) -> HttpResponse:
    found = _account(request, pk)
    try:
        use_case.disconnect(found)
    except CannotDo as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("The account is forgotten, and its token with it."))
    return redirect("frontend:numbers")


@require(Role.EDITOR)
@require_POST
def assign(request: Any, pk: UUID) -> HttpResponse:
    number, wanted = _number(request, pk), request.POST.get("agent", "")
    agent = None
    if wanted:
        agent = next((each for each in agents_of(request) if str(each.pk) == wanted), None)
        if agent is None:
            messages.error(request, _("Choose one of the agents."))
            return _back(request, number)
    use_case.assign(number, agent)
    if agent is None:
        messages.success(request, _("Calls to %s are refused until you choose an agent.") % number.number)
    else:
        messages.success(request, _("%(agent)s answers %(number)s.") % {"agent": agent.name, "number": number.number})
    return _back(request, number)


@require(Role.ADMIN)
@require_POST
def remove(request: Any, pk: UUID) -> HttpResponse:
    """With ``anyway`` also where the carrier doesn't let us put things back."""
    number = _number(request, pk)
    try:
        was_put_back = use_case.remove(number)
    except REFUSALS as error:
        if not request.POST.get("anyway"):
            messages.error(request, _("%(why)s The number was kept.") % {"why": error})
            return _back(request, number)
        use_case.forget(number)
        was_put_back = False
    if number.trunk_id is not None:
        messages.success(request, _("%s is removed: no agent answers it here any more.") % number.number)
    elif was_put_back:
        messages.success(request, _("%s is removed; its calls go where they went before.") % number.number)
    else:
        assert number.account is not None
        words = {"number": number.number, "carrier": use_case.carrier_of(number.account).title}
        messages.success(
            request, _("%(number)s is removed. Look in %(carrier)s's console where its calls go now.") % words
        )
    return _back(request, number)


def _back(request: Any, number: PhoneNumber) -> HttpResponse:
    """To the page that the number was changed on."""
    if request.POST.get("back") == "trunk" and number.trunk_id is not None:
        return redirect("frontend:trunk", number.trunk_id)
    return redirect("frontend:numbers")


def _account(request: Any, pk: UUID) -> CarrierAccount:
    rows = CarrierAccount.objects.owned_by(request.organization).select_related("organization")
    found: CarrierAccount = get_object_or_404(rows, pk=pk)
    return found


def _number(request: Any, pk: UUID) -> PhoneNumber:
    rows = PhoneNumber.objects.owned_by(request.organization).select_related(
        "account", "account__organization", "trunk", "agent"
    )
    found: PhoneNumber = get_object_or_404(rows, pk=pk)
    return found


def agents_of(request: Any) -> list[Agent]:
    """Who may be chosen to answer."""
    return list(Agent.objects.owned_by(request.organization).filter(archived_at=None).order_by("name"))


def _page(request: Any, form: ConnectForm, status: int = 200) -> HttpResponse:
    rows = PhoneNumber.objects.owned_by(request.organization).select_related(
        "account", "trunk", "organization", "agent__published"
    )
    names = names_of(request.organization)
    trunk_rows, stamp = trunks.rows(request.organization)
    accounts = list(CarrierAccount.objects.owned_by(request.organization))
    unreached = [use_case.carrier_of(each).title for each in accounts if not use_case.is_public(each)]
    if not accounts and not use_case.is_public():
        unreached = [form.at.title]
    context = {
        "trunks": trunk_rows,
        "trunks_stamp": stamp,
        "is_served": not trunk_rows or manage.is_served(),
        "is_here_only": addresses.is_here_only(),
        "sip_addresses": trunks.agent_addresses(request.organization),
        "rows": [(each, now_of(each, names)) for each in rows],
        "has_room": phone_calls.has_room(),
        "accounts": accounts,
        "carriers": list(CARRIERS.values()),
        "agents": agents_of(request),
        "form": form,
        "can_assign": may(request, Role.EDITOR),
        "can_manage": may(request, Role.ADMIN),
        "unreached": unreached[0] if unreached else "",
        "site_url": settings.SITE_URL,
    }
    response = render(request, "frontend/numbers/list.html", context, status=status)
    response["Cache-Control"] = "no-store"
    return response
