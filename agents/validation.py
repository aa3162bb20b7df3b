"""What is wrong with a value, in the words of the person who typed it. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError


def problems_of(error: ValidationError) -> list[dict[str, str]]:
    """A validation error as people read it: ``[{"path": "listens.endpointing_ms", "message": "…"}]``."""
    return [{"path": ".".join(str(step) for step in item["loc"]), "message": plain(item)} for item in error.errors()]


_PLAIN = {
    "missing": "This is needed.",
    "extra_forbidden": "There is no setting of this name.",
    "string_too_short": "This can't be empty.",
    "greater_than_equal": "Must be at least {ge}.",
    "less_than_equal": "Must be at most {le}.",
    "string_too_long": "At most {max_length} characters.",
    "too_long": "At most {max_length} entries.",
    "multiple_of": "Use steps of {multiple_of}.",
    "enum": "Choose one of {expected}.",
    "literal_error": "Choose one of {expected}.",
    "int_parsing": "Use a whole number.",
    "int_type": "Use a whole number.",
    "int_from_float": "Use a whole number.",
    "float_parsing": "Use a number.",
    "float_type": "Use a number.",
    "bool_parsing": "Use true or false.",
    "bool_type": "Use true or false.",
    "string_type": "Use text.",
    "string_unicode": "Use text.",
    "finite_number": "Use a number.",
    "tuple_type": "Use a list.",
    "list_type": "Use a list.",
    "too_short": "At least {min_length} entries.",
    **dict.fromkeys(("model_type", "model_attributes_type", "dict_type"), "Use an object: names with their values."),
    "string_pattern_mismatch": "This doesn't look right: it must match {pattern}.",
}


def plain(item: Mapping[str, Any]) -> str:
    """One pydantic error in plain words."""
    context: Mapping[str, Any] = item.get("ctx") or {}
    if "error" in context:  # raised by our own validators, whose words are plain already
        return str(context["error"])
    template = _PLAIN.get(item["type"])
    if template is None:
        return str(item["msg"])
    return template.format_map({key: str(value) for key, value in context.items()})
