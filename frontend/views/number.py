"""One telephone number: who answers it when, and what happens otherwise."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods
from pydantic import BaseModel, ValidationError

from accounts.auth import require
from accounts.models import Role
from agents.models import Agent, AgentVersion
from agents.validation import plain
from frontend.forms.choices import Choices, Option
from frontend.forms.settings_form import SettingsForm, settings_form
from frontend.queries.answering import Now, now_words
from frontend.views.organization import zones
from frontend.views.shared import may
from telephony import phone_calls, reception
from telephony.answering import GROUPS, Answering, changes_at
from telephony.models import Call, PhoneNumber
from telephony.phone_numbers import CannotDo

HELP = {
    "schedule": _("When the agent answers. All other times are after hours."),
    "after_hours": _("What a caller meets outside of the opening hours."),
    "on_failure": _(
        "It is not published, no call worker has room, or the one that held the call was lost and no other has room."
    ),
    "versions": _("Try a new version of the agent with some of the callers."),
    "speech": _("Who turns the caller's voice into words, and the agent's words into a voice."),
}


def number_or_404(request: Any, pk: UUID) -> PhoneNumber:
    rows = PhoneNumber.objects.owned_by(request.organization).select_related(
        "account", "account__organization", "organization", "trunk", "agent__published"
    )
    found: PhoneNumber = get_object_or_404(rows, pk=pk)
    return found


def names_of(organization: Any) -> dict[str, str]:
    """What its agents are called, by their ids."""
    return {str(pk): name for pk, name in Agent.objects.owned_by(organization).values_list("pk", "name")}


def now_of(number: PhoneNumber, names: dict[str, str], at: datetime | None = None) -> Now:
    """What a caller meets at this moment, as long as a call worker has room."""
    moment = at or timezone.now()
    answer = reception.answer_to(number, "", has_room=True, at=moment)
    until = changes_at(reception.settings_of(number).schedule, number.organization.timezone, moment)
    return now_words(answer, names, until)


@require(Role.VIEWER)
@require_http_methods(["GET", "POST"])
def number(request: Any, pk: UUID) -> HttpResponse:
    found, can_edit = number_or_404(request, pk), may(request, Role.EDITOR)
    if request.method == "POST" and not can_edit:
        return render(request, "403.html", {"needed": Role.EDITOR, "role": Role(request.membership.role)}, status=403)
    forms, problem = _forms(request, found), ""
    if request.method == "POST":
        are_right = [form.is_valid() for form in forms.values()]
        if all(are_right):
            try:
                reception.change(found, {name: form.changes for name, form in forms.items() if form.changes})
            except ValidationError as error:  # right one by one and wrong together
                problem = plain(error.errors()[0])
            except CannotDo as error:
                problem = str(error)
            else:
                messages.success(request, _("Saved. It holds from the next call on."))
                return redirect("frontend:number", pk)
        else:
            problem = _("Nothing was saved yet: something below needs a look.")
    tried, then, mistake = _tried(request, found)
    context = {
        "number": found,
        "groups": [
            {"name": name, "title": Answering.model_fields[name].title, "help": HELP[name], "form": form}
            for name, form in forms.items()
        ],
        "problem": problem,
        "can_edit": can_edit,
        "now": now_of(found, names_of(request.organization)),
        "has_room": phone_calls.has_room(),
        "tried": tried,
        "then": then,
        "mistake": mistake,
        "zone": reception.settings_of(found).schedule.time_zone or found.organization.timezone,
        "last": Call.objects.owned_by(request.organization).filter(phone_number=found).first(),
    }
    return render(request, "frontend/numbers/number.html", context, status=422 if problem else 200)


def _tried(request: Any, found: PhoneNumber) -> tuple[str, Now | None, str]:
    """A moment that somebody wants to know about, on the number's clock: what was typed, what happens then, what is wrong with it."""
    typed = request.GET.get("at", "").strip()[:30]
    if not typed:
        return "", None, ""
    zone = reception.settings_of(found).schedule.time_zone or found.organization.timezone
    try:
        at = datetime.fromisoformat(typed)
    except ValueError:
        return typed, None, _("Write the moment as 2026-12-25 10:30.")
    moment = at if at.tzinfo else at.replace(tzinfo=ZoneInfo(zone))
    return typed, now_of(found, names_of(request.organization), moment), ""


def _forms(request: Any, found: PhoneNumber) -> dict[str, SettingsForm]:
    agents = Agent.objects.owned_by(request.organization).filter(archived_at=None).select_related("published")
    versions = AgentVersion.objects.owned_by(request.organization).filter(agent=found.agent_id)
    choices = Choices(
        agent=tuple(Option(str(each.pk), each.name, "" if each.published else _("not published")) for each in agents),
        zone=tuple(Option(name, label) for name, label in zones()),
        version=tuple(
            Option(str(each.number), f"{each.number}{f' · {each.note}' if each.note else ''}"[:80]) for each in versions
        ),
    )
    stored = reception.settings_of(found)
    return {
        name: settings_form(_class_of(name))(
            request.POST if request.method == "POST" else None,
            value=getattr(stored, name).model_dump(mode="json"),
            group=name,
            choices=choices,
        )
        for name in GROUPS
    }


def _class_of(name: str) -> type[BaseModel]:
    found = Answering.model_fields[name].annotation
    assert isinstance(found, type) and issubclass(found, BaseModel)
    return found
