"""Reading JSON schemas: references followed, ``null`` set aside, types and limits in words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]

FORMATS = {"uuid": "UUID", "date-time": "date and time, ISO 8601", "uri": "address", "date": "date, ISO 8601"}


class Components:
    """The named schemas of a description."""

    def __init__(self, schemas: Mapping[str, Schema]) -> None:
        self.schemas = schemas

    def name_of(self, schema: Schema) -> str:
        """Which named schema this is, or is a list of, or may be; "" where it has no name."""
        for each in (schema, *schema.get("allOf", ()), *schema.get("anyOf", ())):
            if "$ref" in each:
                return str(each["$ref"]).rpartition("/")[2]
        items = schema.get("items")
        return self.name_of(items) if items else next(map(self.name_of, _lists(schema)), "")

    def resolve(self, schema: Schema) -> dict[str, Any]:
        """The schema itself: what it refers to, with its own words over it; ``is_nullable`` where ``null`` may stand."""
        found = dict(schema)
        if "$ref" in found:
            found = {**self.resolve(self.schemas[self.name_of({"$ref": found.pop("$ref")})]), **found}
        if len(found.get("allOf", ())) == 1:
            found = {**self.resolve(found.pop("allOf")[0]), **found}
        options = found.get("anyOf", ())
        real = [option for option in options if option.get("type") != "null"]
        if options and len(real) == 1:
            del found["anyOf"]
            found = {**self.resolve(real[0]), **found, "is_nullable": len(real) < len(options)}
        return found


def _lists(schema: Schema) -> list[Schema]:
    return [option["items"] for option in schema.get("anyOf", ()) if option.get("items")]


def type_words(schema: Schema, components: Components) -> str:
    """In JSON's words, as integrators know them: "array of string", "string (UUID) or null"."""
    words = _type(schema, components)
    return f"{words} or null" if schema.get("is_nullable") else words


def _type(schema: Schema, components: Components) -> str:
    if "anyOf" in schema:
        return " or ".join(type_words(components.resolve(option), components) for option in schema["anyOf"])
    kind = schema.get("type", "anything")
    if kind == "array":
        items = components.resolve(schema.get("items") or {})
        return f"array of {_type(items, components)}" if items else "array"
    if kind == "string" and schema.get("format") in FORMATS:
        return f"string ({FORMATS[schema['format']]})"
    return str(kind)


def limits(schema: Schema, components: Components) -> list[str]:
    """What a value must keep to, each in a few words."""
    found = [*_range(schema, "minimum", "maximum"), *_range(schema, "minLength", "maxLength", " characters")]
    found += _range(schema, "minItems", "maxItems", " entries")
    if "multipleOf" in schema:
        found.append(f"in steps of {_number(schema['multipleOf'])}")
    if schema.get("shape"):
        found.append(str(schema["shape"]).rstrip("."))
    elif "pattern" in schema:
        found.append(f"matches {schema['pattern']}")
    if schema.get("type") == "array":
        items = components.resolve(schema.get("items") or {})
        found += [f"each {words}" for words in limits(items, components)]
    return found


def _range(schema: Schema, low: str, high: str, unit: str = "") -> list[str]:
    lowest, highest = schema.get(low), schema.get(high)
    if lowest is not None and highest is not None:
        return [f"{_number(lowest)} to {_number(highest)}{unit}"]
    if lowest is not None:
        return [f"{_number(lowest)}{unit} or more"]
    return [f"at most {_number(highest)}{unit}"] if highest is not None else []


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def literal(value: Any) -> str:
    """A value as it is written in JSON."""
    return json.dumps(value, ensure_ascii=False)
