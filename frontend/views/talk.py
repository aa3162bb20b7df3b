"""Talking to the draft from the editor."""

from __future__ import annotations

import uuid
from typing import Any

from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_POST
from pydantic import BaseModel, ValidationError

from accounts import ratelimit
from accounts.auth import require
from accounts.models import Role
from agents import keys, spec
from agents.models import Agent
from agents.validation import problems_of
from frontend.queries.calls import field_title
from telephony import tokens

LIMIT = "30/minute"
"""Tokens for one person: more than anybody talks, and no help to who would start calls without end."""


@require_POST
@require(Role.EDITOR)
def talk_token(request: Any, agent_id: uuid.UUID) -> HttpResponse:
    """A token for one call with the draft as it is saved now, and what the call will collect."""
    agent = get_object_or_404(Agent.objects.owned_by(request.organization), pk=agent_id)
    try:
        ratelimit.hit(LIMIT, "talk-token", str(request.user.pk))
    except ratelimit.TooManyRequests as error:
        response = _problem(
            {
                "title": "You started many calls in a short time",
                "status": 429,
                "side": "you",
                "detail": f"Try again in {error.retry_after} seconds.",
            }
        )
        response["Retry-After"] = str(error.retry_after)
        return response
    if agent.archived_at:
        return _problem(
            {
                "title": "This agent is archived",
                "status": 409,
                "side": "agent",
                "detail": "Bring it back to talk to it.",
            }
        )
    try:
        draft = spec.load(agent.draft)
    except ValidationError as error:
        return _refuse(problems_of(error))
    if missing := keys.problems(request.organization, draft):
        return _refuse([{"path": problem.path, "message": problem.message} for problem in missing])
    token = tokens.mint(organization=request.organization, agent=agent, use="draft", member=request.user.pk)
    fields = [{"key": field.key, "label": field_title(field.key)} for field in draft.does.collect]
    response = JsonResponse({"token": token, "fields": fields})
    response["Cache-Control"] = "no-store"
    return response


def _refuse(errors: list[dict[str, str]]) -> HttpResponse:
    """The talk panel says it in the person's words, beside the form that says it at the field."""
    body = {
        "title": "The draft has something to correct before it can talk",
        "status": 422,
        "side": "agent",
        "errors": [{**each, "message": f"{_place(each['path'])}: {each['message']}"} for each in errors],
    }
    return _problem(body)


def _place(path: str) -> str:
    """``listens.endpointing_ms`` → "Listens → Pause before answering": where the editor has it."""
    titles: list[str] = []
    group: type[BaseModel] | None = spec.AgentSpec
    for step in path.split("."):
        field = group.model_fields.get(step) if group else None
        if field is None:
            break
        titles.append(field.title or step)
        kind = field.annotation
        group = kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None
    return " → ".join(titles) or path


def _problem(body: dict[str, Any]) -> HttpResponse:
    return JsonResponse(body, status=body["status"], content_type="application/problem+json")
