"""Changing a spec and saying what changed, in words a person reads before publishing. No I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel

from agents.spec import AgentSpec


@dataclass(frozen=True, slots=True)
class Change:
    """One knob that differs. ``path`` is "listens.endpointing_ms"; ``title`` "Listens → Pause before answering"."""

    path: str
    title: str
    before: str
    after: str


def merge(stored: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """``stored`` with what ``changes`` names, group by group; lists are replaced whole (JSON merge patch, RFC 7396,
    except that ``null`` sets the knob back to its default by leaving it out)."""
    merged = dict(stored)
    for key, value in changes.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, Mapping):
            below = merged.get(key)
            merged[key] = merge(below if isinstance(below, Mapping) else {}, value)
        else:
            merged[key] = value
    return merged


def diff(old: AgentSpec, new: AgentSpec) -> list[Change]:
    """The knobs in which ``new`` differs from ``old``, in the order of the editor."""
    return list(_changes(old, new, "", ""))


def _changes(old: BaseModel, new: BaseModel, path: str, title: str) -> Iterator[Change]:
    for name, field in type(new).model_fields.items():
        before, after = getattr(old, name), getattr(new, name)
        if before == after:
            continue
        here = f"{path}.{name}" if path else name
        words = f"{title} → {field.title or name}" if title else field.title or name
        if isinstance(after, BaseModel) and isinstance(before, BaseModel):
            yield from _changes(before, after, here, words)
        else:
            hints = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
            yield Change(here, words, _say(before, hints), _say(after, hints))


def _say(value: Any, hints: Mapping[str, Any] = MappingProxyType({})) -> str:
    """A value as the form shows it: choices by what they are called, numbers with their unit."""
    match value:
        case bool():
            return "on" if value else "off"
        case None | "" | ():
            return "nothing"
        case tuple():
            return "\n".join(_say(item) for item in value)
        case BaseModel():
            return "; ".join(_facts(value))
        case int() | float():
            return f"{value:g} {hints.get('unit', '')}".rstrip()
    key = str(value.value if isinstance(value, Enum) else value)
    labels = hints.get("labels")
    if isinstance(value, Enum) or labels:
        return str((labels or {}).get(key) or key.replace("_", " ").capitalize())
    return key


def _facts(row: BaseModel) -> Iterator[str]:
    """What a row of a list says, leaving out what is empty or of no use beside the rest."""
    for name, field in type(row).model_fields.items():
        value = getattr(row, name)
        hints = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        if value in ("", (), None):
            continue
        said = ", ".join(_say(item) for item in value) if isinstance(value, tuple) else _say(value, hints)
        yield f"{field.title or name}: {said}"
