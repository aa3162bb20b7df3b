"""Trunks as their pages show them: how each stands, in words that everybody knows, and what was said about it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import Count
from django.utils.translation import gettext as _

from agents.models import Agent
from telephony.models import Trunk
from telephony.trunks import addresses
from telephony.trunks.manage import Tested
from telephony.trunks.presets import PRESETS, Preset

MOST_ADDRESSES = 12
"""SIP addresses that Numbers lists; each agent's page has its own."""


@dataclass(frozen=True, slots=True)
class State:
    words: str
    colour: str
    icon: str
    is_failed: bool = False


def state_of(trunk: Trunk) -> State:
    match trunk.state:
        case Trunk.State.REGISTERED:
            return State(_("Registered"), "green", icon="circle-check")
        case Trunk.State.REACHABLE:
            return State(_("Reachable"), "green", icon="circle-check")
        case Trunk.State.FAILED:
            return State(_("Doesn't work"), "red", icon="alert-triangle", is_failed=True)
    return State(_("Not tried yet") if trunk.state_at is None else _("Waits"), "blue", icon="clock")


def rows(organization: Any) -> tuple[list[tuple[Trunk, State]], str]:
    """Every trunk with its state, and a stamp that changes as soon as anything of it does."""
    found = list(
        Trunk.objects.owned_by(organization).annotate(number_count=Count("numbers")).order_by("label", "created_at")
    )
    return [(each, state_of(each)) for each in found], stamp_of(found)


def stamp_of(trunks: Iterable[Trunk]) -> str:
    said = "|".join(
        f"{each.pk} {each.label} {each.host} {each.state} {each.state_words} {getattr(each, 'number_count', '')}"
        for each in trunks
    )
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def choice() -> dict[str, list[Preset]]:
    return {
        "providers": [each for each in PRESETS.values() if each.kind == "provider"],
        "systems": [each for each in PRESETS.values() if each.kind == "pbx"],
    }


def tested_words(tested: Tested, trunk: Trunk) -> str:
    """What came of a test, in a sentence."""
    if tested.trouble:
        return tested.trouble
    took = f" {_('within %d ms') % tested.round_trip_ms}" if tested.round_trip_ms is not None else ""
    if tested.is_registered:
        return _("It works: %(host)s took the registration%(took)s.") % {"host": trunk.host, "took": took}
    return _("It works: %(host)s answers%(took)s.") % {"host": trunk.host, "took": took}


def facts(trunk: Trunk) -> list[tuple[str, str]]:
    """What was said about it, as far as it is anything."""
    preset = PRESETS.get(trunk.preset)
    if trunk.asks_password:
        known = (
            _("Callers sign in with the user name and the password")
            if trunk.host
            else _("The telephone signs in and registers here")
        )
    elif trunk.registers:
        known = _("Parley registers there")
    else:
        known = _("By this server's address")
    found = [
        (_("Provider"), preset.name if preset else ""),
        (_("Host"), f"{trunk.host}{f':{trunk.port}' if trunk.port else ''}"),
        (_("Outbound proxy"), trunk.proxy),
        (_("User name"), trunk.username),
        (_("Signs in as"), trunk.auth_user),
        (_("Rings as"), addresses.address_of_telephone(trunk)),
        (_("Password"), _("stored") if trunk.credential else _("none")),
        (_("How they know you"), known),
        (_("Its addresses"), ", ".join(trunk.sources)),
        (_("Transport"), trunk.get_transport_display()),
        (_("Encrypt sound"), trunk.get_srtp_display()),
        (_("Codecs"), ", ".join(each.upper() for each in trunk.codecs)),
        (_("Calls as"), trunk.caller_id),
        (_("May send on to"), ", ".join(trunk.transfer_hosts)),
        (_("Puts callers through"), trunk.get_puts_through_display()),
        (_("May put its calls through"), _("Yes") if trunk.may_transfer else ""),
    ]
    return [(title, value) for title, value in found if value]


def agent_addresses(organization: Any) -> list[tuple[Agent, str]]:
    """The published agents that telephones can call by an address of their own; none where nobody may."""
    if not settings.SIP_HOST or not settings.SIP_DIRECT_FROM:
        return []
    agents = Agent.objects.owned_by(organization).filter(archived_at=None, published__isnull=False).order_by("name")
    return [(each, addresses.address_of(each)) for each in agents[:MOST_ADDRESSES]]
