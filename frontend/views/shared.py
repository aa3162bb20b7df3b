"""What several views need: the agent that is asked for, a notice for the corner, a way on."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404

from accounts.models import Role
from agents.models import Agent
from telephony.models import PhoneNumber


def agent_or_404(request: Any, pk: UUID) -> Agent:
    """The organization's own agent; anybody else's is not there."""
    mine = Agent.objects.owned_by(request.organization).select_related("published")
    agent: Agent = get_object_or_404(mine, pk=pk)
    return agent


def number_words(number: PhoneNumber) -> str:
    """One of our numbers, in a list to choose from. Two trunks may have an extension of the same name."""
    return " · ".join(filter(None, (number.number, number.label, number.trunk.label if number.trunk else "")))


def may(request: Any, role: Role) -> bool:
    return request.membership is not None and Role(request.membership.role).rank >= role.rank


def wrong_beside(request: Any) -> int:
    """How many settings of the editor's page are not saved because they are wrong, beside what was sent. The page counts them."""
    sent = request.POST.get("wrong") or request.GET.get("wrong") or ""
    return int(sent) if sent.isdecimal() and len(sent) < 4 else 0


def go(request: HttpRequest, url: str) -> HttpResponse:
    """To another page, also from a part of one."""
    if request.headers.get("HX-Request"):
        return HttpResponse(status=204, headers={"HX-Redirect": url})
    return HttpResponse(status=302, headers={"Location": url})


def with_toast(response: HttpResponse, text: str, kind: str = "success") -> HttpResponse:
    """Say something in the corner of the page that asked by htmx."""
    response["HX-Trigger"] = json.dumps({"parley:toast": {"text": text, "kind": kind}})
    return response
