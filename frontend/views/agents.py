"""Agents: the list, a new one, rename, archive, delete."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import Count, Max, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from pydantic import ValidationError

from accounts.auth import require
from accounts.models import Role
from agents import publish
from agents.demo_spec import DEMO_SPEC
from agents.models import Agent
from agents.spec import AgentSpec, upgrade
from agents.validation import plain
from frontend.views.shared import agent_or_404, go, may
from telephony.models import Call

PAGE_SIZE = 50
TEMPLATES: dict[str, AgentSpec | None] = {"blank": None, "front-desk": DEMO_SPEC}


@require(Role.VIEWER)
@require_GET
def agents(request: Any) -> HttpResponse:
    wants_archived = "archived" in request.GET
    words = request.GET.get("q", "").strip()
    everyone = Agent.objects.owned_by(request.organization)
    found = everyone.filter(archived_at__isnull=not wants_archived).select_related("published")
    if words:
        found = found.filter(name__icontains=words)
    start = _start(request)
    page = list(found.order_by("name", "id")[start : start + PAGE_SIZE + 1])
    counts = everyone.aggregate(
        live=Count("pk", filter=Q(archived_at=None)), archived=Count("pk", filter=Q(archived_at__isnull=False))
    )
    calls = _calls_of(page[:PAGE_SIZE])
    rows = [{"agent": agent, "is_changed": _is_changed(agent), **calls.get(agent.pk, {})} for agent in page[:PAGE_SIZE]]
    context = {
        "rows": rows,
        "more": _more(request, start + PAGE_SIZE) if len(page) > PAGE_SIZE else "",
        "counts": counts,
        "archived": wants_archived,
        "words": words,
        "can_edit": may(request, Role.EDITOR),
    }
    is_more = start and request.htmx and not request.htmx.boosted
    return render(request, "frontend/agents/_rows.html" if is_more else "frontend/agents/list.html", context)


def _start(request: HttpRequest) -> int:
    sent = request.GET.get("start", "")
    return int(sent) if sent.isdecimal() and len(sent) < 7 else 0


def _more(request: HttpRequest, start: int) -> str:
    params = request.GET.copy()
    params["start"] = str(start)
    return f"{reverse('frontend:agents')}?{params.urlencode()}"


def _calls_of(page: list[Agent]) -> dict[Any, dict[str, Any]]:
    """For each of these agents that has calls, how many and the last: asked of the shown ones only."""
    calls = Call.objects.filter(agent__in=page).order_by().values("agent")
    found = calls.annotate(last_call_at=Max("created_at"), call_count=Count("pk"))
    return {each.pop("agent"): each for each in found}


def _is_changed(agent: Agent) -> bool:
    """Does the draft differ from what callers meet?"""
    return agent.published is not None and upgrade(agent.draft) != upgrade(agent.published.spec)


@require(Role.EDITOR)
@require_http_methods(["GET", "POST"])
def create(request: Any) -> HttpResponse:
    """A dialog that asks for a name and what to start from; then the editor."""
    name = request.POST.get("name", "").strip()
    template = request.POST.get("template", "blank")
    problem = ""
    if request.method == "POST":
        try:
            agent = publish.create_agent(request.organization, name, TEMPLATES.get(template))
        except ValidationError as error:
            problem = plain(error.errors()[0])
        else:
            return go(request, reverse("frontend:agent", args=[agent.pk]))
    context = {"name": name, "template": template, "problem": problem, "demo": DEMO_SPEC}
    return render(request, "frontend/agents/_create.html", context, status=422 if problem else 200)


@require(Role.EDITOR)
@require_http_methods(["GET", "POST"])
def rename(request: Any, pk: UUID) -> HttpResponse:
    agent = agent_or_404(request, pk)
    name, problem = request.POST.get("name", agent.name).strip(), ""
    if request.method == "POST":
        try:
            publish.save_draft(agent, {"name": name})
        except ValidationError as error:
            problem = plain(error.errors()[0])
        else:
            return go(request, reverse("frontend:agent", args=[agent.pk]))
    context = {"agent": agent, "name": name, "problem": problem}
    return render(request, "frontend/agents/_rename.html", context, status=422 if problem else 200)


@require(Role.EDITOR)
@require_POST
def archive(request: HttpRequest, pk: UUID) -> HttpResponse:
    agent = publish.archive(agent_or_404(request, pk))
    messages.success(request, _("“%s” is archived: it takes no new calls. You find it under Archived.") % agent.name)
    return redirect("frontend:agents")


@require(Role.EDITOR)
@require_POST
def unarchive(request: HttpRequest, pk: UUID) -> HttpResponse:
    agent = publish.unarchive(agent_or_404(request, pk))
    messages.success(request, _("“%s” is back.") % agent.name)
    return redirect("frontend:agent", pk=agent.pk)


@require(Role.EDITOR)
@require_http_methods(["GET", "POST"])
def delete(request: Any, pk: UUID) -> HttpResponse:
    """Deleting a published agent asks for its name. One that has calls can only be archived, since its calls need it."""
    agent = agent_or_404(request, pk)
    problem = ""
    if request.method == "POST":
        if agent.published and request.POST.get("name", "").strip() != agent.name:
            problem = _("This is not the agent's name. Type it as it is written above.")
        else:
            try:
                publish.delete_agent(agent)
            except publish.HasCalls:
                problem = _("Somebody has just called this agent, so it can only be archived.")
            else:
                messages.success(request, _("“%s” is deleted.") % agent.name)
                return go(request, reverse("frontend:agents"))
    context = {"agent": agent, "call_count": agent.calls.count(), "problem": problem}
    return render(request, "frontend/agents/_delete.html", context, status=422 if problem else 200)
