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


@require(Role.EDITOR)
@require_http_methods(["GET", "POST"])
def publish(request: Any, pk: UUID) -> HttpResponse:
    """The dialog: what changes for callers, what would keep the agent from talking, a note; then it is live."""
    agent = agent_or_404(request, pk)
    if request.method == "POST":
        try:
            version = use_case.publish(agent, request.user, request.POST.get("note", "").strip())
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
    use_case.restore(agent, version.number)
    messages.success(
        request, _("The draft is now what version %d was. Callers meet it once you publish.") % version.number
    )
    return redirect("frontend:agent", pk=agent.pk)


def _versions(agent: Agent) -> Any:
    return AgentVersion.objects.owned_by(agent.organization_id).filter(agent=agent)


def _spec(agent: Agent, which: str) -> AgentSpec:
    if which == "draft":
        return use_case.draft_of(agent)
    if not which.isdecimal() or len(which) > 9:
        raise Http404
    return load(get_object_or_404(_versions(agent), number=int(which)).spec)
