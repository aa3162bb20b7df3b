"""Whose request is this? A member's, by the session, or an API key's, by the bearer token.

Everything after this middleware runs inside ``tenancy.use(request.organization)``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponseBase

from accounts import keys, tenancy
from accounts.models import Membership, Organization

SESSION_KEY = "organization"
API = "/api/"
REFERENCE = "/api/v1/docs"
"""A page for people among the addresses for programs: anybody may read it, and members see it with their navigation."""


class OrganizationMiddleware:
    """Sets ``request.organization``, ``request.membership`` and ``request.api_key``; each is ``None`` where there is none."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> HttpResponseBase:
        _identify(request)
        if request.organization is None:
            return self.get_response(request)
        with tenancy.use(request.organization):
            response = self.get_response(request)
        # What an organization's pages and answers say stays in no cache, the browser's own included: others use that machine.
        response.headers.setdefault("Cache-Control", "private, no-store")
        return response


def _identify(request: Any) -> None:
    request.organization = request.membership = request.api_key = None
    if request.path.startswith(API) and request.path != REFERENCE:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer" and (key := keys.find(token.strip())):
            request.api_key, request.organization = key, key.organization
        return
    if request.user.is_authenticated and (membership := _membership(request)):
        request.membership, request.organization = membership, membership.organization


def _membership(request: Any) -> Membership | None:
    """In the organization that was switched to, else in the person's first. Asked anew each time: who was removed is out."""
    wanted = request.session.get(SESSION_KEY)
    with tenancy.system("a person's organizations, before one is chosen"):
        memberships = list(
            Membership.objects.filter(user=request.user).select_related("organization", "user").order_by("created_at")
        )
    chosen = [membership for membership in memberships if str(membership.organization_id) == wanted] or memberships
    return chosen[0] if chosen else None


def switch(request: Any, organization: Organization) -> None:
    """Work in this organization from the next request on. Where the person is no member, the switch has no effect."""
    request.session[SESSION_KEY] = str(organization.pk)
