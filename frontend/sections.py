"""The rooms of the agent's editor: one for each group of the spec, in the order a person thinks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.utils.translation import gettext_lazy as _
from pydantic import BaseModel

from agents.models import Agent
from agents.spec import SECTIONS, AgentSpec, upgrade
from frontend.forms.choices import Choices
from frontend.forms.settings_form import SettingsForm, settings_form


class Look(NamedTuple):
    icon: str
    intro: Any


# fmt: off
LOOKS: dict[str, Look] = {
    "says": Look(icon="message", intro=_("What the agent is told, and what it says by itself.")),
    "sounds": Look(icon="volume", intro=_("Its voice, its pace, and how names are spoken.")),
    "knows": Look(icon="bulb", intro=_("What it thinks with.")),
    "does": Look(icon="list-check", intro=_("What it finds out for you in a call.")),
    "listens": Look(icon="ear", intro=_("When it takes the floor, and when it gives way.")),
    "limits": Look(icon="clock", intro=_("When it asks again, and when a call ends by itself.")),
    "privacy": Look(icon="lock", intro=_("What is kept of a call, and what callers are told first.")),
}
# fmt: on


@dataclass(frozen=True, slots=True)
class Section:
    name: str
    title: str
    icon: str
    intro: Any
    form: SettingsForm


def settings_of(name: str) -> type[BaseModel]:
    """The settings class of a group. Raises ``KeyError`` where the spec has none of this name."""
    if name not in SECTIONS:
        raise KeyError(name)
    annotation = AgentSpec.model_fields[name].annotation
    assert isinstance(annotation, type) and issubclass(annotation, BaseModel)
    return annotation


def section(
    agent: Agent,
    name: str,
    choices: Choices,
    data: Mapping[str, Any] | None = None,
    only: Sequence[str] | None = None,
) -> Section:
    """One group of the agent's draft as a form, filled with ``data`` where the person sent some."""
    settings = settings_of(name)
    stored = upgrade(agent.draft).get(name) or {}
    form = settings_form(settings)(data, value=stored, group=name, choices=choices, only=only)
    return Section(name, AgentSpec.model_fields[name].title or name, *LOOKS[name], form)


def sections(agent: Agent, choices: Choices) -> list[Section]:
    return [section(agent, name, choices) for name in SECTIONS]
