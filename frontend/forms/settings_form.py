"""A Django form from any settings class: the class declares a knob once, and its label, help, limits and errors follow.

A knob that is wrong keeps what was typed and says why; the others are saved all the same (``changes``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from django import forms
from django.template.loader import render_to_string
from django.utils.datastructures import MultiValueDict
from django.utils.safestring import SafeString
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from frontend.forms.choices import Choices
from frontend.forms.knobs import MANY, ORDERED, Knob, knobs
from frontend.forms.words import explain

_NOT_A_KEY = re.compile(r"[^a-z0-9]+")


class KnobWidget(forms.Widget):
    """Draws a knob with ``forms/_<kind>.html`` and reads its answer back as the JSON value pydantic expects.

    An answer that was not sent is ``None``: the knob keeps its value.
    """

    def __init__(self, knob: Knob) -> None:
        super().__init__()
        self.knob = knob
        self.choices = Choices()
        self.extra: dict[str, Any] = {}

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> Any:
        values = data.getlist(name) if isinstance(data, MultiValueDict) else [data[name]] if name in data else []
        if not values:
            return None
        if self.knob.kind in (*MANY, *ORDERED):
            return list(dict.fromkeys(value.strip() for value in values if value.strip()))
        return self._rows(data, name) if self.knob.columns else _read(self.knob, values[-1])

    def _rows(self, data: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
        """The rows in the order in which the browser sent them; one that was left blank is not there."""
        sent = re.compile(rf"{re.escape(name)}-([a-z0-9]+)-([a-z_]+)$")
        ids = dict.fromkeys(found[1] for found in map(sent.match, data) if found)
        rows = []
        for row_id in ids:
            row: dict[str, Any] = {}
            for column in self.knob.columns:
                answer = KnobWidget(column).value_from_datadict(data, None, f"{name}-{row_id}-{column.name}")
                if answer is not None:
                    row[column.name] = as_key(answer) if column.name == "key" else answer
            typed = [column for column in self.knob.columns if column.kind in ("text", "lines", "say", "textarea")]
            if not typed or any(row.get(column.name) not in ("", None, [], column.default) for column in typed):
                rows.append({**row, "": row_id})
        return rows

    def render(self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None) -> SafeString:
        context = {"knob": self.knob, "name": name, "id": (attrs or {}).get("id", f"id_{name}"), "value": value}
        return render_to_string(f"forms/_{self.knob.kind}.html", {**context, "choices": self.choices, **self.extra})


def _read(knob: Knob, typed: str) -> Any:
    typed = typed.replace("\r\n", "\n")
    match knob.kind:
        case "switch":
            return typed == "on"
        case "lines":
            return [line.strip() for line in typed.split("\n") if line.strip()]
        case "slider" | "number":
            return typed.strip()
        case "textarea":
            return typed
    return typed.strip()


def as_key(text: str) -> str:
    """“Phone number” → "phone_number": people name things, the call's data has keys."""
    return _NOT_A_KEY.sub("_", text.strip().lower()).strip("_")[:40]


@dataclass(slots=True)
class Shown:
    """One knob on the page: its control, whether it differs from its default, and what is wrong with it."""

    knob: Knob
    control: forms.BoundField
    path: str
    is_changed: bool
    errors: Sequence[str]
    row_errors: Mapping[str, str] = field(default_factory=dict)

    @property
    def default_words(self) -> str:
        return self.knob.say(self.knob.default)


class SettingsForm(forms.Form):
    """``value`` is the group as it is stored, a JSON object; ``group`` its name, the prefix of every control.

    After ``is_valid()``: ``changes`` has the knobs that differ from what is stored and are right, as JSON values, also where
    others are wrong. ``only`` limits it to the knobs that the person touched.
    """

    settings: type[BaseModel]
    changes: dict[str, Any]

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        value: Mapping[str, Any],
        group: str,
        choices: Choices | None = None,
        only: Sequence[str] | None = None,
    ) -> None:
        super().__init__(data, prefix=group, initial=_complete(self.settings, value))
        self.group, self.stored, self.only, self.changes = group, _complete(self.settings, value), only, {}
        self.row_errors: dict[str, dict[str, str]] = {}
        for each in self.fields.values():
            each.widget.choices = choices or Choices()

    def add_prefix(self, field_name: str) -> str:
        return f"{self.prefix}-{field_name}"

    def clean(self) -> dict[str, Any]:
        answers = {name: self.cleaned_data[name] for name in self.fields if self.cleaned_data.get(name) is not None}
        if self.only is not None:
            answers = {name: answer for name, answer in answers.items() if name in self.only}
        row_ids = {name: [row.pop("", "") for row in answer] for name, answer in answers.items() if _is_rows(answer)}
        right = dict(answers)
        for is_first in (True, False):  # once to find what is wrong, once more to read the rest
            try:
                settings = self.settings.model_validate({**self.stored, **right})
            except ValidationError as error:
                for finding in error.errors(include_url=False) if is_first else ():
                    name = self._tell(finding, row_ids)
                    right = {} if name is None else {key: right[key] for key in right if key != name}
            else:
                after = settings.model_dump(mode="json")
                self.changes = {name: after[name] for name in right if after[name] != self.stored.get(name)}
                break
        return self.cleaned_data

    def _tell(self, finding: ErrorDetails, row_ids: Mapping[str, Sequence[str]]) -> str | None:
        """Put a finding where the person will look for it; the name of the knob it is about."""
        name, *below = finding["loc"] or ("",)
        if name not in self.fields:
            self.add_error(None, explain(finding, None))
            return None
        knob = self.fields[name].widget.knob
        match below:
            case [int(index), *rest] if name in row_ids:
                column = next((each for each in knob.columns if rest and each.name == rest[0]), None)
                row_id, words = row_ids[name][index], explain(finding, column)
                marked = column or _in_question(knob, self.cleaned_data[name][index])
                where = f"{self.group}-{name}-{row_id}-{marked.name}"
                self.row_errors.setdefault(name, {})[where] = words
                self.add_error(name, f"Row {index + 1}{f', {column.title}' if column else ''}: {words}")
            case [int(index), *_]:
                self.add_error(name, f"Line {index + 1}: {explain(finding, knob)}")
            case _:
                self.add_error(name, explain(finding, knob))
        return str(name)

    def shown(self) -> Iterator[Shown]:
        """Every knob, once, in the order of the settings class."""
        for name, each in self.fields.items():
            knob = each.widget.knob
            if knob.kind == "hidden":
                continue
            errors = [str(error) for error in self.errors.get(name, ())] if self.is_bound else []
            current = self.changes.get(name, self.stored.get(name))
            row_errors = self.row_errors.get(name, {})
            each.widget.extra = {
                "errors": errors,
                "row_errors": row_errors,
                "group": self.group,
                "rows": self._table(name, knob),
            }
            yield Shown(knob, self[name], f"{self.group}-{name}", current != knob.default, errors, row_errors)

    @property
    def plain(self) -> list[Shown]:
        return [each for each in self.shown() if not each.knob.is_expert]

    @property
    def expert(self) -> list[Shown]:
        return [each for each in self.shown() if each.knob.is_expert]

    @property
    def changed_count(self) -> int:
        return sum(each.is_changed for each in self.shown())

    @property
    def changed_expert_count(self) -> int:
        return sum(each.is_changed for each in self.expert)

    def _table(self, name: str, knob: Knob) -> list[Row]:
        if not knob.columns:
            return []
        value = self[name].value() or []
        return [
            Row.of(knob, self.add_prefix(name), row.get("", f"r{index}"), row) for index, row in enumerate(value)
        ] + [Row.of(knob, self.add_prefix(name), "new", {}, is_blank=True)]


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a list of settings. The blank one is the pattern from which the browser makes new ones."""

    id: str
    is_blank: bool
    cells: Mapping[str, Cell]

    @classmethod
    def of(cls, knob: Knob, name: str, row_id: str, value: Mapping[str, Any], is_blank: bool = False) -> Row:
        cells = {
            column.name: Cell(column, f"{name}-{row_id}-{column.name}", value.get(column.name, column.default))
            for column in knob.columns
        }
        return cls(row_id, is_blank, cells)


@dataclass(frozen=True, slots=True)
class Cell:
    knob: Knob
    name: str
    value: Any

    @property
    def id(self) -> str:
        return f"id_{self.name}"


@cache
def settings_form(settings: type[BaseModel]) -> type[SettingsForm]:
    """The form class of a settings class."""
    controls = {
        knob.name: forms.Field(required=False, label=knob.title, help_text=knob.help, widget=KnobWidget(knob))
        for knob in knobs(settings)
    }
    return type(f"{settings.__name__}Form", (SettingsForm,), {"settings": settings, **controls})


def _in_question(knob: Knob, row: Mapping[str, Any]) -> Knob:
    """The column to mend where a row is wrong as a whole: the one that is of use only as the row is, else the first."""
    for column in knob.columns:
        other, *values = column.hints.get("when", ("", ""))
        if other and row.get(other) in values:
            return column
    return knob.columns[0]


def _is_rows(answer: Any) -> bool:
    return isinstance(answer, list) and any(isinstance(row, dict) for row in answer)


def _complete(settings: type[BaseModel], stored: Mapping[str, Any]) -> dict[str, Any]:
    """What is stored, with the default of each knob it doesn't name."""
    return {knob.name: stored.get(knob.name, knob.default) for knob in knobs(settings)}
