"""Campaigns: their list, a new one with its people, and one as it goes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from pydantic import ValidationError

from accounts.auth import require
from accounts.models import Role
from accounts.paging import BadCursor, page
from agents.models import Agent
from agents.validation import plain
from frontend.forms.settings_form import SettingsForm, settings_form
from frontend.queries.campaigns import bars
from frontend.views.shared import may, number_words
from telephony.campaigns import lists, manage
from telephony.campaigns.dialler import dialler_of
from telephony.campaigns.models import Campaign, CampaignAttempt, CampaignContact, ContactList
from telephony.campaigns.rules import Rules
from telephony.campaigns.sheet import MOST_BYTES, BadSheet, Columns, Sheet, as_key, contacts, guess, open_sheet
from telephony.dialing.policies import policy_of
from telephony.models import PhoneNumber

PAGE_SIZE = 25
SHOWN_ROWS = 5
SHOWN_PROBLEMS = 100


class NewCampaign(forms.Form):
    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=120,
        help_text=gettext_lazy("What your team knows it by, such as “Reminders for March”."),
    )
    agent = forms.ModelChoiceField(label=gettext_lazy("Agent"), queryset=Agent._base_manager.none(), empty_label=None)
    number = forms.ModelChoiceField(
        label=gettext_lazy("Calls from"),
        queryset=PhoneNumber._base_manager.none(),
        required=False,
        empty_label=gettext_lazy("Choose later"),
        help_text=gettext_lazy("The number that people see."),
    )
    file = forms.FileField(
        label=gettext_lazy("People"),
        help_text=gettext_lazy(
            "A CSV file with a first row that names the columns, and a row for each person; up to 50,000. In a spreadsheet: Save as, CSV."
        ),
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.txt,.tsv,text/csv,text/plain"}),
    )

    def __init__(self, organization: Any, *args: Any) -> None:
        super().__init__(*args)
        agents = Agent.objects.owned_by(organization).filter(archived_at=None).order_by("name")
        self.fields["agent"].queryset = agents  # type: ignore[attr-defined]
        numbers = self.fields["number"]
        numbers.queryset = PhoneNumber.objects.owned_by(organization).select_related("trunk")  # type: ignore[attr-defined]
        numbers.label_from_instance = number_words  # type: ignore[attr-defined]
        numbers.initial = numbers.queryset.first()  # type: ignore[attr-defined]


def _campaign(request: Any, pk: UUID) -> Campaign:
    found: Campaign = get_object_or_404(manage.campaigns_of(request.organization), pk=pk)
    return found


@require(Role.VIEWER)
@require_GET
def campaign_list(request: Any) -> HttpResponse:
    try:
        items, following = page(manage.campaigns_of(request.organization), request.GET.get("cursor", ""), PAGE_SIZE)
    except BadCursor:
        return redirect("frontend:campaigns")
    context = {
        "rows": [(each, manage.progress(each)) for each in items],
        "following": following,
        "can_edit": may(request, Role.EDITOR),
        "has_numbers": PhoneNumber.objects.owned_by(request.organization).exists(),
    }
    return render(request, "frontend/campaigns/list.html", context)


@require(Role.EDITOR)
@require_http_methods(["GET", "POST"])
def create(request: Any) -> HttpResponse:
    posted = (request.POST, request.FILES) if request.method == "POST" else ()
    form = NewCampaign(request.organization, *posted)
    if request.method == "POST" and form.is_valid():
        content = form.cleaned_data["file"].read(MOST_BYTES + 1)
        try:
            open_sheet(content)  # before there is a campaign without people
        except BadSheet as error:
            form.add_error("file", str(error))
        else:
            given = form.cleaned_data
            made = manage.create(
                request.organization, given["name"], given["agent"], request.user, ours=given["number"]
            )
            contact_list, _sheet = lists.upload(made, given["file"].name, content)
            return redirect("frontend:campaign-columns", made.pk, contact_list.pk)
    context = {"form": form, "has_agents": form.fields["agent"].queryset.exists()}  # type: ignore[attr-defined]
    return render(request, "frontend/campaigns/new.html", context, status=422 if form.errors else 200)


@require(Role.EDITOR)
@require_POST
def add_list(request: Any, pk: UUID) -> HttpResponse:
    campaign = _campaign(request, pk)
    file = request.FILES.get("file")
    try:
        if file is None:
            raise BadSheet(_("Choose a file first."))
        contact_list, _sheet = lists.upload(campaign, file.name, file.read(MOST_BYTES + 1))
    except BadSheet as error:
        messages.error(request, str(error))
        return redirect("frontend:campaign", pk)
    return redirect("frontend:campaign-columns", pk, contact_list.pk)


# --- which column is what


def _list(request: Any, pk: UUID, list_id: UUID) -> tuple[Campaign, ContactList]:
    campaign = _campaign(request, pk)
    waiting = ContactList.objects.owned_by(request.organization).filter(status=ContactList.Status.MAPPING)
    return campaign, get_object_or_404(waiting, pk=list_id, campaign=campaign)


@require(Role.EDITOR)
@require_http_methods(["GET", "POST"])
def columns(request: Any, pk: UUID, list_id: UUID) -> HttpResponse:
    """The first rows, and above each column what it is; a person looks over what was guessed."""
    campaign, contact_list = _list(request, pk, list_id)
    try:
        sheet = open_sheet(bytes(contact_list.content))
    except BadSheet as error:  # an earlier release took it
        contact_list.delete()
        messages.error(request, str(error))
        return redirect("frontend:campaign", pk)
    home = policy_of(request.organization).home_country
    chosen, problem = guess(sheet, home), ""
    if request.method == "POST":
        try:
            chosen = _chosen(request.POST, sheet)
        except ValueError as error:
            problem = str(error)
        else:
            if "preview" not in request.POST:
                lists.read_as(contact_list, chosen)
                return redirect("frontend:campaign", pk)
    context = {
        "campaign": campaign,
        "list": contact_list,
        "columns": [
            {
                "place": place,
                "name": name,
                "use": _use(chosen, place),
                "key": chosen.variables.get(place) or as_key(name),
            }
            for place, name in enumerate(sheet.header)
        ],
        "rows": [row + ("",) * (len(sheet.header) - len(row)) for row in sheet.rows[:SHOWN_ROWS]],
        "people": list(contacts(sheet, chosen, home, 0, SHOWN_ROWS)),
        "count": len(sheet.rows),
        "sheet": sheet,
        "problem": problem,
        "has_home": bool(home),
    }
    return render(request, "frontend/campaigns/columns.html", context, status=422 if problem else 200)


def _use(chosen: Columns, place: int) -> str:
    for use in ("number", "zone", "priority"):
        if getattr(chosen, use) == place:
            return use
    return "variable" if place in chosen.variables else "none"


def _chosen(posted: Any, sheet: Sheet) -> Columns:
    """Raises ``ValueError`` in plain words."""
    uses = {place: posted.get(f"use-{place}", "none") for place in range(len(sheet.header))}
    found: dict[str, int] = {}
    for use, words in (("number", _("the number")), ("zone", _("the time zone")), ("priority", _("the priority"))):
        places = [place for place, given in uses.items() if given == use]
        if len(places) > 1:
            raise ValueError(_("Two columns are %s. Choose one of them.") % words)
        if places:
            found[use] = places[0]
    if "number" not in found:
        raise ValueError(_("Say which column has the telephone numbers."))
    variables = {
        place: as_key(posted.get(f"key-{place}", "")) or f"column_{place + 1}"
        for place, use in uses.items()
        if use == "variable"
    }
    chosen = Columns.model_validate({**found, "variables": variables})
    chosen.check(len(sheet.header))
    return chosen


@require(Role.EDITOR)
@require_POST
def remove_list(request: Any, pk: UUID, list_id: UUID) -> HttpResponse:
    """A file whose columns nobody has said yet; nothing of it was read."""
    _campaign_of_it, contact_list = _list(request, pk, list_id)
    contact_list.delete()
    return redirect("frontend:campaign", pk)


# --- one campaign


def _context(request: Any, campaign: Campaign) -> dict[str, Any]:
    progress = manage.progress(campaign)
    reading = list(
        ContactList.objects.filter(campaign=campaign).exclude(status=ContactList.Status.DONE).defer("content")
    )
    return {
        "campaign": campaign,
        "progress": progress,
        "bars": bars(progress),
        "lists": reading,
        "is_moving": campaign.status == Campaign.Status.RUNNING
        or progress.calling > 0
        or any(each.status == ContactList.Status.READING for each in reading),
        "can_edit": may(request, Role.EDITOR),
        "is_published": campaign.agent.published_id is not None,
    }


@require(Role.VIEWER)
@require_GET
def campaign(request: Any, pk: UUID) -> HttpResponse:
    found = _campaign(request, pk)
    return _page(request, found, _rules_form(found))


def _page(request: Any, found: Campaign, form: SettingsForm) -> HttpResponse:
    is_over = found.status in (Campaign.Status.FINISHED, Campaign.Status.CANCELLED)
    context = {
        **_context(request, found),
        "numbers": [
            (each, number_words(each))
            for each in PhoneNumber.objects.owned_by(request.organization).select_related("trunk")
        ],
        "why_not": "" if is_over or found.agent.published_id is None else dialler_of(found).why_not,
        "lacks": [] if is_over else manage.lacks(found),
        "form": form,
        "group": "rules",
        "problems": manage.problems(found)[:SHOWN_PROBLEMS],
        "most": SHOWN_PROBLEMS,
        "people": _people(found),
    }
    return render(request, "frontend/campaigns/campaign.html", context, status=422 if form.errors else 200)


def _people(found: Campaign) -> list[tuple[CampaignContact, Any]]:
    """Some who were called, and the last call of each."""
    people = list(CampaignContact.objects.filter(campaign=found).exclude(attempts=0).order_by("-next_at", "row")[:10])
    tries = CampaignAttempt.objects.filter(contact__in=people).exclude(call=None).order_by("placed_at")
    last = dict(tries.values_list("contact_id", "call_id"))
    return [(person, last.get(person.pk)) for person in people]


def _rules_form(found: Campaign, data: Any = None) -> SettingsForm:
    form: SettingsForm = settings_form(Rules)(data, value=found.rules, group="rules")
    return form


@require(Role.VIEWER)
@require_GET
def progress(request: Any, pk: UUID) -> HttpResponse:
    """The part of the page that updates itself."""
    return render(request, "frontend/campaigns/_progress.html", _context(request, _campaign(request, pk)))


@require(Role.EDITOR)
@require_POST
def rules(request: Any, pk: UUID) -> HttpResponse:
    found = _campaign(request, pk)
    form = _rules_form(found, request.POST)
    if form.is_valid():
        try:
            manage.change_rules(found, form.changes)
        except ValidationError as error:  # right one by one and wrong together
            form.add_error(None, plain(error.errors()[0]))
        else:
            messages.success(request, _("Saved. It holds from the next call on."))
            return redirect("frontend:campaign", pk)
    return _page(request, found, form)


@require(Role.EDITOR)
@require_POST
def call_from(request: Any, pk: UUID) -> HttpResponse:
    """Which of our numbers it calls from."""
    found, wanted = _campaign(request, pk), request.POST.get("number", "")
    numbers = {str(each.pk): each for each in PhoneNumber.objects.owned_by(request.organization)}
    if wanted and wanted not in numbers:
        messages.error(request, _("Choose one of your numbers."))
        return redirect("frontend:campaign", pk)
    manage.call_from(found, numbers.get(wanted))
    messages.success(request, _("Saved. It holds from the next call on."))
    return redirect("frontend:campaign", pk)


_ACTS: dict[str, tuple[Callable[[Campaign], None], Any]] = {
    "start": (manage.start, gettext_lazy("Started.")),
    "pause": (manage.pause, gettext_lazy("Paused. Calls that run go on to their end.")),
    "resume": (manage.resume, gettext_lazy("It goes on.")),
    "cancel": (manage.cancel, gettext_lazy("Cancelled. Calls that run go on to their end.")),
}


@require(Role.EDITOR)
@require_POST
def act(request: Any, pk: UUID, act: str) -> HttpResponse:
    if act not in _ACTS:
        raise Http404
    found = _campaign(request, pk)
    do, words = _ACTS[act]
    try:
        do(found)
    except manage.CannotDo as error:
        messages.error(request, str(error))
    else:
        messages.success(request, words)
    return redirect("frontend:campaign", pk)


@require(Role.VIEWER)
@require_GET
def results(request: Any, pk: UUID) -> HttpResponse:
    found = _campaign(request, pk)
    response = HttpResponse("\ufeff" + manage.results_csv(found), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{as_key(found.name) or "campaign"}.csv"'
    return response
