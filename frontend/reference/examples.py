"""Example values, out of what a schema says: its examples, else its defaults, else something of the right shape."""

from __future__ import annotations

from typing import Any

from frontend.reference.schema import Components, Schema

SHAPED = {
    "uuid": "5f1a0c9e-3b52-4d8e-9a57-2f6f6f0c1b11",
    "date-time": "2026-03-02T09:30:00Z",
    "date": "2026-03-02",
    "uri": "https://example.com/",
}
DEEPEST = 12


def example(schema: Schema, components: Components, *, is_sent: bool, depth: int = 0) -> Any:
    """A value the schema takes. Of what is sent, only what must be or has an example of its own: the rest has defaults."""
    found = components.resolve(schema)
    for key in ("examples", "enum"):
        if found.get(key) and not (key == "enum" and "default" in found):
            return found[key][0]
    if "const" in found:
        return found["const"]
    if "default" in found and found["default"] is not None:
        return found["default"]
    if depth > DEEPEST:
        return None
    if "anyOf" in found:
        return example(found["anyOf"][0], components, is_sent=is_sent, depth=depth + 1)
    match found.get("type"):
        case "object":
            return _object(found, components, is_sent, depth)
        case "array":
            return [example(found["items"], components, is_sent=is_sent, depth=depth + 1)] if found.get("items") else []
        case "boolean":
            return False
        case "integer" | "number":
            return found.get("minimum", 1)
        case "string":
            return SHAPED.get(found.get("format", ""), "text")
    return None


def _object(found: Schema, components: Components, is_sent: bool, depth: int) -> dict[str, Any]:
    required = set(found.get("required", ()))
    made = {}
    for name, raw in found.get("properties", {}).items():
        if is_sent and name not in required and not components.resolve(raw).get("examples"):
            continue
        made[name] = example(raw, components, is_sent=is_sent, depth=depth + 1)
    return made


def parameter_example(parameter: Schema, components: Components) -> Any:
    """What an example request sends for it; ``None``: it is left out."""
    if parameter["in"] == "header" or not parameter.get("required"):
        return None
    return example(parameter["schema"], components, is_sent=True)
