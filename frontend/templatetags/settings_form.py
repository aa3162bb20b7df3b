"""Template tags of the settings form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django import template

from frontend.forms.choices import Option

register = template.Library()


@register.simple_tag
def is_missing(options: Iterable[Option], value: str) -> bool:
    """Is the value in use missing among the options? Then it is shown beside them, so that saving keeps it."""
    return bool(value) and all(option.value != value for option in options)


@register.simple_tag
def is_missing_in_groups(groups: Iterable[tuple[str, Iterable[Option]]], value: str) -> bool:
    return is_missing([option for _, options in groups for option in options], value)


@register.filter
def of(mapping: Mapping[str, Any], key: str) -> Any:
    """``{{ names|of:key }}``: the value under a key that is itself a variable."""
    return mapping.get(key)
