"""What a form needs to know of each knob, read off a settings class: the class stays the only declaration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from types import MappingProxyType
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined, to_jsonable_python

ORDERED = {"models": "model", "voices": "voice", "transcribers": "transcriber"}
"""Kinds that are several choices in order, and what is chosen."""
MANY = ("days", "countries")
"""Kinds that are several answers in no order."""
ROWS = ("pronunciations", "fields", "rules", "openings", "shares", "transfers", "menu")
"""Kinds that are lists of settings, a row each."""
FEW = 4
"""Up to so many choices are shown side by side, more in a list."""


@dataclass(frozen=True, slots=True)
class Knob:
    """One setting, as a person meets it. ``kind`` names the template that draws it and the way its answer is read."""

    name: str
    title: str
    help: str
    kind: str
    default: Any
    is_required: bool
    hints: Mapping[str, Any]
    limits: Mapping[str, Any]
    """The limits' words of JSON Schema: minimum, maximum, multipleOf, maxLength, maxItems, …"""
    options: tuple[tuple[str, str], ...] = ()
    columns: tuple[Knob, ...] = ()
    """The knobs of one row, where the setting is a list of settings."""
    row: type[BaseModel] | None = field(default=None, repr=False)

    @property
    def is_expert(self) -> bool:
        return bool(self.hints.get("expert"))

    @property
    def unit(self) -> str:
        return str(self.hints.get("unit", ""))

    @property
    def term(self) -> str:
        return str(self.hints.get("term", ""))

    @property
    def is_group(self) -> bool:
        """Made of several controls: needs a group's name rather than a label."""
        return self.kind in ("radios", "steps", *ROWS, *MANY, *ORDERED)

    @property
    def depends(self) -> str:
        """The knob that decides whether this one is of use, for the browser: ``when:barge_in=true``, ``when:how=forward|message``."""
        for word in ("when", "unless"):
            if word in self.hints:
                other, *values = self.hints[word]
                told = (str(value).lower() if isinstance(value, bool) else str(value) for value in values)
                return f"{word}:{other}={'|'.join(told)}"
        return ""

    @property
    def words(self) -> str:
        """All a search may find this knob by."""
        parts = [self.title, self.help, self.term, self.name.replace("_", " ")]
        return " ".join(
            [*parts, *(label for _, label in self.options), *(column.title for column in self.columns)]
        ).lower()

    def say(self, value: Any) -> str:
        """A value in words, for "Default: …"."""
        if value in ("", None, [], ()):
            return "empty"
        if isinstance(value, bool):
            return "on" if value else "off"
        if self.columns:
            return f"{len(value)} entries"
        if isinstance(value, list | tuple):
            labels = self.hints.get("labels", {})
            return " · ".join(str(labels.get(item, item)) for item in value)
        if isinstance(value, int | float):
            return f"{value:g} {self.unit}".strip() if self.unit != "×" else f"{value:g} ×"
        return dict(self.options).get(str(value), str(value))


@cache
def knobs(settings: type[BaseModel]) -> tuple[Knob, ...]:
    """Every knob of a settings class, in its order."""
    properties: dict[str, Any] = settings.model_json_schema()["properties"]
    return tuple(_knob(name, info, properties[name]) for name, info in settings.model_fields.items())


def knob(settings: type[BaseModel], name: str) -> Knob:
    """Raises ``KeyError`` where the class has no such knob."""
    return next((each for each in knobs(settings) if each.name == name), None) or _missing(settings, name)


def _missing(settings: type[BaseModel], name: str) -> Knob:
    raise KeyError(f"{settings.__name__} has no knob {name!r}")


def _knob(name: str, info: FieldInfo, schema: Mapping[str, Any]) -> Knob:
    hints: dict[str, Any] = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    default = info.get_default(call_default_factory=True)
    options = _options(info.annotation, hints.get("labels", {}))
    row = _row(info.annotation)
    return Knob(
        name=name,
        title=info.title or name.replace("_", " ").capitalize(),
        help=info.description or "",
        kind=_kind(info.annotation, str(hints.get("widget", "")), options, row),
        default=None if default is PydanticUndefined else to_jsonable_python(default),
        is_required=info.is_required(),
        hints=MappingProxyType(dict(hints)),
        limits=MappingProxyType(dict(schema)),
        options=options,
        columns=knobs(row) if row else (),
        row=row,
    )


def _kind(annotation: Any, widget: str, options: tuple[tuple[str, str], ...], row: type[BaseModel] | None) -> str:
    if widget:
        return widget
    if row:
        return "fields"
    if annotation is bool:
        return "switch"
    if options:
        return "radios" if len(options) <= FEW else "choice"
    if annotation in (int, float):
        return "number"
    return "lines" if get_origin(annotation) is tuple else "text"


def _options(annotation: Any, labels: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    if get_origin(annotation) is Literal:
        values = [str(value) for value in get_args(annotation)]
    elif isinstance(annotation, type) and issubclass(annotation, Enum):
        values = [str(member.value) for member in annotation]
    else:
        return ()
    return tuple((value, labels.get(value, value.replace("_", " ").capitalize())) for value in values)


def _row(annotation: Any) -> type[BaseModel] | None:
    """The settings class of one row, where the annotation is ``tuple[SomeSettings, ...]``."""
    if get_origin(annotation) is tuple:
        item = get_args(annotation)[0]
        if isinstance(item, type) and issubclass(item, BaseModel):
            return item
    return None
