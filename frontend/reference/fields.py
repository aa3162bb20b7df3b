"""The fields of a request or an answer as rows, nested ones under their group's, each with its whole path."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.utils.text import slugify

from frontend.reference.schema import Components, Schema, limits, literal, type_words

MOST_IN_PLACE = 24
"""A named schema with more rows than this is drawn once, among the objects, and linked from where it is used."""


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    type: str
    is_required: bool
    title: str
    help: str
    above: str = ""
    """What is before its name in its path: "draft." or "items[].end."."""
    where: str = ""
    """For parameters: path, query or header."""
    choices: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    default: str = ""
    object: str = ""
    """The named schema that is drawn elsewhere."""

    @property
    def object_id(self) -> str:
        return f"object-{slugify(self.object)}"


class Fields:
    """Draws fields. ``elsewhere`` are the named schemas too large to be drawn at each place they are used."""

    def __init__(self, schemas: dict[str, Schema]) -> None:
        self.components = Components(schemas)
        self.elsewhere: set[str] = set()
        self.elsewhere = {name for name in schemas if self._is_large(name)}
        # What is large only by something that is now drawn elsewhere is not large.
        self.elsewhere = {name for name in self.elsewhere if self._is_large(name)}

    def of(self, schema: Schema) -> list[Field]:
        """The rows of a body: of an object its fields, of a list those of its entries."""
        name = self.components.name_of(schema)
        resolved = self.components.resolve(schema)
        if resolved.get("type") == "array":
            return list(self._inside(self.components.resolve(resolved["items"]), "[].", (name,)))
        return list(self._inside(resolved, "", (name,)))

    def parameter(self, parameter: Schema) -> Field:
        # No address can say null: a parameter that may be null is left out.
        schema = {**self.components.resolve(parameter["schema"]), "is_nullable": False}
        schema["description"] = parameter.get("description", "")
        return self._field(parameter["name"], schema, bool(parameter.get("required")), where=parameter["in"])

    def _is_large(self, name: str) -> bool:
        rows = self._inside(self.components.resolve(self.components.schemas[name]), "", (name,))
        return sum(1 for _ in rows) > MOST_IN_PLACE

    def _inside(self, schema: Schema, above: str, path: tuple[str, ...]) -> Iterator[Field]:
        required = set(schema.get("required", ()))
        for name, raw in schema.get("properties", {}).items():
            inner = self.components.name_of(raw)
            resolved = self.components.resolve(raw)
            is_elsewhere = inner in self.elsewhere or inner in path
            yield self._field(name, raw, name in required, above, object=inner if is_elsewhere else "")
            if is_elsewhere:
                continue
            if resolved.get("type") == "array":
                items = self.components.resolve(resolved.get("items") or {})
                yield from self._inside(items, f"{above}{name}[].", (*path, inner))
            else:
                yield from self._inside(resolved, f"{above}{name}.", (*path, inner))

    def _field(self, name: str, raw: Schema, is_required: bool, above: str = "", **more: Any) -> Field:
        schema = self.components.resolve(raw)
        items = self.components.resolve(schema.get("items") or {})
        title = str(schema.get("title", ""))
        choices = schema.get("enum") or items.get("enum") or ([schema["const"]] if "const" in schema else [])
        return Field(
            name=name,
            above=above,
            type=type_words(schema, self.components),
            is_required=is_required,
            # A title made of the name says nothing that the name doesn't.
            title="" if _is_made_of(title, name, self.components.name_of(raw)) else title,
            help=str(schema.get("description", "")),
            choices=tuple(literal(choice) for choice in choices),
            limits=tuple(limits(schema, self.components)),
            default=literal(schema["default"]) if "default" in schema else "",
            **more,
        )


def _is_made_of(title: str, name: str, schema_name: str) -> bool:
    return title.replace(" ", "_").lower() == name.lower() or title == schema_name
