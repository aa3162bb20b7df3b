"""The agent's editor: its page, and the parts of it that save themselves."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpResponse, HttpResponseBadRequest
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST
from pydantic import ValidationError

from accounts.auth import require
from accounts.models import Role
from agents.models import Agent
from agents.publish import StaleDraft, save_draft, unpublished_changes
from agents.spec import SECTIONS
from frontend import catalog
from frontend.forms.choices import Choices
from frontend.forms.knobs import knob
from frontend.sections import Section, section, sections, settings_of
from frontend.views.shared import agent_or_404, may, with_toast, wrong_beside
from frontend.views.versions import restored_version
from telephony.trunks import addresses


@require(Role.VIEWER)
@require_GET
def editor(request: Any, pk: UUID) -> HttpResponse:
    agent = agent_or_404(request, pk)
    current = request.GET.get("section", SECTIONS[0])
    context = {
        **_status(request, agent),
        "sections": sections(agent, _choices(request, agent)),
        "current": current if current in SECTIONS else SECTIONS[0],
        "restored": restored_version(request, agent),
        "sip_address": addresses.address_of(agent) if settings.SIP_DIRECT_FROM else "",
    }
    return render(request, "frontend/agents/editor.html", context)


@require(Role.EDITOR)
@require_POST
def save(request: Any, pk: UUID, group: str) -> HttpResponse:
    """Save what is right of one section; say what is wrong with the rest, which stays as it was typed."""
    agent = agent_or_404(request, pk)
    is_forced = "force" in request.POST
    revision = request.POST.get("revision", "")
    if not is_forced and not _is_number(revision):
        return HttpResponseBadRequest(_("Reload the page, then try again."), content_type="text/plain")
    only = request.POST["touched"].split() if "touched" in request.POST else None
    saved = _section(request, agent, group, request.POST, only)
    saved.form.is_valid()
    if saved.form.changes:
        try:
            agent = save_draft(agent, {group: saved.form.changes}, None if is_forced else int(revision))
        except StaleDraft:
            context = {**_status(request, agent), "section": saved, "seen": revision}
            return render(request, "frontend/agents/_conflict.html", context, status=409)
        except ValidationError as error:  # settings that are right one by one and wrong together
            saved.form.add_error(None, "; ".join(str(finding["msg"]) for finding in error.errors()))
    if is_forced:
        return HttpResponse(status=204, headers={"HX-Refresh": "true"})
    wrong_count = len(saved.form.errors) + wrong_beside(request)
    context = {**_status(request, agent), "section": saved, "wrong_count": wrong_count}
    return render(request, "frontend/agents/_saved.html", context, status=422 if saved.form.errors else 200)


@require(Role.EDITOR)
@require_POST
def reset(request: Any, pk: UUID, group: str) -> HttpResponse:
    """One knob back to its default, or by ``to`` to what it was before that.

    The answer is that knob alone: the others may hold what was typed a moment ago.
    """
    agent = agent_or_404(request, pk)
    revision = request.POST.get("revision", "")
    try:
        wanted = knob(settings_of(group), request.POST.get("knob", ""))
    except KeyError:
        raise Http404 from None
    before = section(agent, group, Choices()).form.stored[wanted.name]
    is_undo = "to" in request.POST
    try:
        to = json.loads(request.POST["to"]) if is_undo else wanted.default
        agent = save_draft(agent, {group: {wanted.name: to}}, int(revision) if _is_number(revision) else None)
    except StaleDraft:
        return with_toast(
            HttpResponse(status=204),
            _("Somebody else changed this draft meanwhile. Reload the page to see it, then reset."),
            kind="warning",
        )
    except ValueError:  # a ValidationError is one too
        return HttpResponseBadRequest(_("It can't be put back any more. Reload the page."), content_type="text/plain")
    fresh = _section(request, agent, group)
    context = {
        **_status(request, agent),
        "section": fresh,
        "shown": next(each for each in fresh.form.shown() if each.knob.name == wanted.name),
        "wrong_count": wrong_beside(request),
        "undo": "" if is_undo or before == to else json.dumps({"knob": wanted.name, "to": json.dumps(before)}),
    }
    response = render(request, "frontend/agents/_reset.html", context)
    words = _("“%s” is as it was.") if is_undo else _("“%s” is back to its default.")
    return with_toast(response, words % wanted.title)


def _is_number(text: str) -> bool:
    return text.isdecimal() and len(text) < 10


def _section(request: Any, agent: Agent, group: str, data: Any = None, only: list[str] | None = None) -> Section:
    try:
        return section(agent, group, _choices(request, agent), data, only)
    except KeyError:
        raise Http404 from None


def _choices(request: Any, agent: Agent) -> Choices:
    preview = reverse("frontend:agent-preview", args=[agent.pk]) if may(request, Role.EDITOR) else ""
    return catalog.choices(request.organization, preview)


def _status(request: Any, agent: Agent) -> dict[str, Any]:
    """What the head of the editor says about the draft."""
    try:
        change_count = len(unpublished_changes(agent))
    except ValidationError:
        change_count = 0
    return {
        "agent": agent,
        "change_count": change_count,
        "can_edit": may(request, Role.EDITOR) and agent.archived_at is None,
    }
