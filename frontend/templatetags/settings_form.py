"""Template tags of the settings form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django import template

from frontend.forms.choices import Choices, Option
from frontend.forms.knobs import ORDERED, Knob

register = template.Library()


@register.simple_tag
def is_missing(options: Iterable[Option], value: str) -> bool:
    """Is the value in use missing among the options? Then it is shown beside them, so that saving keeps it."""
    return bool(value) and all(option.value != value for option in options)


@register.simple_tag
def is_missing_in_groups(groups: Iterable[tuple[str, Iterable[Option]]], value: str) -> bool:
    return is_missing([option for _, options in groups for option in options], value)


@dataclass(frozen=True, slots=True)
class Slot:
    """One of several choices in order. ``number`` counts from 1."""

    number: int
    value: str
    options: tuple[Option, ...]
    is_unknown: bool


@register.simple_tag
def slots(knob: Knob, choices: Choices, value: Iterable[str] | None) -> list[Slot]:
    """As many as there are others to choose, and never fewer than are chosen."""
    options, chosen = choices.options(ORDERED[knob.kind]), list(value or ())
    count = max(len(chosen), min(int(knob.limits.get("maxItems", 1)), max(1, len(options) - 1)))
    filled = [*chosen, *[""] * count][:count]
    return [Slot(number, key, options, is_missing(options, key)) for number, key in enumerate(filled, 1)]


@register.filter
def of(mapping: Mapping[str, Any], key: str) -> Any:
    """``{{ names|of:key }}``: the value under a key that is itself a variable."""
    return mapping.get(key)
