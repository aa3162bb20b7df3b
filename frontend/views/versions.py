"""Publishing, and what was published before: the list, two compared, one restored."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from pydantic import ValidationError

from accounts.auth import require
from accounts.models import Role
from agents import publish as use_case
from agents.models import Agent, AgentVersion
from agents.spec import AgentSpec, load
from frontend import catalog
from frontend.views.shared import agent_or_404, go, may, wrong_beside

RESTORED = "restored"
"""The session's note of the version that was restored last, and of the draft it replaced."""


def restored_version(request: Any, agent: Agent) -> dict[str, Any] | None:
    """That note, as long as it is about this agent and nothing was changed since."""
    note: dict[str, Any] | None = request.session.get(RESTORED)
    is_fresh = note and note["agent"] == str(agent.pk) and note["revision"] == agent.draft_revision
    return note if is_fresh else None


@require(Role.EDITOR)
@require_http_methods(["GET", "POST"])
def publish(request: Any, pk: UUID) -> HttpResponse:
    """The dialog: what changes for callers, what would keep the agent from talking, a note; then it is live."""
    agent = agent_or_404(request, pk)
    if request.method == "POST":
        try:
            version = use_case.publish(agent, request.user, request.POST.get("note", "").strip())
            request.session.pop(RESTORED, None)
        except ValidationError:
            pass  # said below
        else:
            messages.success(request, _("Version %d is live: every new call meets it.") % version.number)
            return go(request, reverse("frontend:agent", args=[agent.pk]))
    try:
        changes, problems = use_case.unpublished_changes(agent), catalog.problems(request.organization, agent)
    except ValidationError as error:
        changes, problems = [], catalog.findings(error)
        return render(
            request,
            "frontend/agents/_publish.html",
            {"agent": agent, "problems": problems, "is_broken": True},
            status=422,
        )
    context = {"agent": agent, "changes": changes, "problems": problems, "wrong_count": wrong_beside(request)}
    return render(request, "frontend/agents/_publish.html", context)


@require(Role.VIEWER)
@require_GET
def versions(request: Any, pk: UUID) -> HttpResponse:
    agent = agent_or_404(request, pk)
    context = {
        "agent": agent,
        "versions": _versions(agent).select_related("published_by"),
        "change_count": len(use_case.unpublished_changes(agent)),
        "can_edit": may(request, Role.EDITOR) and agent.archived_at is None,
    }
    return render(request, "frontend/agents/versions.html", context)


@require(Role.VIEWER)
@require_GET
def compare(request: Any, pk: UUID) -> HttpResponse:
    """``?from=1&to=2``; "draft" stands for the draft."""
    agent = agent_or_404(request, pk)
    old, new = request.GET.get("from", ""), request.GET.get("to", "draft")
    context = {
        "agent": agent,
        "from": old,
        "to": new,
        "changes": use_case.diff(_spec(agent, old), _spec(agent, new)),
        "numbers": [str(number) for number in _versions(agent).values_list("number", flat=True)],
    }
    return render(request, "frontend/agents/compare.html", context)


@require(Role.EDITOR)
@require_POST
def restore(request: Any, pk: UUID, number: int) -> HttpResponse:
    agent = agent_or_404(request, pk)
    version = get_object_or_404(_versions(agent), number=number)
    before = agent.draft
    agent = use_case.restore(agent, version.number)
    if agent.draft != before:
        request.session[RESTORED] = {
            "agent": str(agent.pk),
            "number": version.number,
            "before": before,
            "revision": agent.draft_revision,
        }
    else:
        messages.info(request, _("The draft is what version %d was already.") % version.number)
    return redirect("frontend:agent", pk=agent.pk)


@require(Role.EDITOR)
@require_POST
def undo_restore(request: Any, pk: UUID) -> HttpResponse:
    """The draft as it was before a version was restored, unless it was changed since."""
    agent = agent_or_404(request, pk)
    restored = restored_version(request, agent)
    request.session.pop(RESTORED, None)
    try:
        if restored is None:
            raise use_case.StaleDraft(agent.draft_revision)
        use_case.put_back(agent, restored["before"], restored["revision"])
    except use_case.StaleDraft:
        messages.warning(request, _("The draft was changed since, so it stays as it is."))
    else:
        messages.success(request, _("The draft is as it was before."))
    return redirect("frontend:agent", pk=agent.pk)


def _versions(agent: Agent) -> Any:
    return AgentVersion.objects.owned_by(agent.organization_id).filter(agent=agent)


def _spec(agent: Agent, which: str) -> AgentSpec:
    if which == "draft":
        return use_case.draft_of(agent)
    if not which.isdecimal() or len(which) > 9:
        raise Http404
    return load(get_object_or_404(_versions(agent), number=int(which)).spec)
