"""What the shell of every page needs: navigation, organizations, who is signed in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext_lazy as _

from accounts import tenancy
from accounts.models import Membership, Role


@dataclass(frozen=True, slots=True)
class Entry:
    """A page of the navigation: ``area`` is the start of the addresses that belong to it."""

    title: Any
    route: str
    icon: str
    area: str
    role: Role = Role.VIEWER


# fmt: off
NAVIGATION: tuple[tuple[Any, tuple[Entry, ...]], ...] = (
    ("", (
        Entry(_("Home"), "frontend:home", icon="home", area=""),
        Entry(_("Agents"), "frontend:agents", icon="robot", area="/agents/"),
        Entry(_("Calls"), "frontend:calls", icon="phone", area="/calls/"),
        Entry(_("Texts"), "frontend:texts", icon="message", area="/texts/"),
        Entry(_("Numbers"), "frontend:numbers", icon="device-landline-phone", area="/numbers/"),
        Entry(_("Campaigns"), "frontend:campaigns", icon="speakerphone", area="/campaigns/"),
    )),
    (_("Developers"), (
        Entry(_("API keys"), "frontend:api-keys", icon="key", area="/developers/keys/", role=Role.ADMIN),
        Entry(_("API reference"), "api-reference", icon="book", area="/api/"),
    )),
    (_("Organization"), (
        Entry(_("Members"), "frontend:members", icon="users", area="/organization/members/"),
        Entry(_("Providers and keys"), "frontend:credentials", icon="lock", area="/organization/credentials/", role=Role.ADMIN),
        Entry(_("Limits and spend"), "frontend:limits", icon="gauge", area="/organization/limits/"),
        Entry(_("Do-not-call list"), "frontend:do-not-call", icon="phone-off", area="/organization/do-not-call/"),
        Entry(_("Settings"), "frontend:organization", icon="settings", area="/organization/settings/"),
        Entry(_("System health"), "frontend:health", icon="activity-heartbeat", area="/health/"),
    )),
)
# fmt: on


def _navigation(request: HttpRequest) -> Iterator[dict[str, Any]]:
    membership: Membership | None = getattr(request, "membership", None)
    if membership is None:
        return
    rank = Role(membership.role).rank
    for title, entries in NAVIGATION:
        shown = []
        for entry in entries:
            if rank < entry.role.rank:
                continue
            try:
                url = reverse(entry.route)
            except NoReverseMatch:
                continue
            here = request.path.startswith(entry.area) if entry.area else request.path == url
            shown.append({"title": entry.title, "url": url, "icon": entry.icon, "is_current": here})
        if shown:
            yield {"title": title, "entries": shown}


def _organizations(request: HttpRequest) -> list[Any]:
    """Every organization the person belongs to, for the switcher."""
    if not request.user.is_authenticated:
        return []
    with tenancy.system("the organizations a person may switch to"):
        memberships = Membership.objects.filter(user=request.user).select_related("organization")
        return [membership.organization for membership in memberships.order_by("organization__name")]


def site(request: HttpRequest) -> dict[str, Any]:
    return {
        "navigation": SimpleLazyObject(lambda: list(_navigation(request))),
        "organization": getattr(request, "organization", None),
        "organizations": SimpleLazyObject(lambda: _organizations(request)),
        "membership": getattr(request, "membership", None),
        "version": settings.VERSION,
        "mail_is_delivered": settings.MAIL_IS_DELIVERED,
    }
