"""What is wrong with a setting, in words that say what to do. pydantic finds it, these sentences tell it."""

from __future__ import annotations

from typing import Any

from pydantic_core import ErrorDetails

from agents.validation import plain
from frontend.forms.knobs import Knob


def explain(error: ErrorDetails, knob: Knob | None) -> str:
    """One finding about one knob. The knob's own limits are named, so that the person needn't guess them."""
    context: dict[str, Any] = error.get("ctx", {})
    unit = f" {knob.unit}" if knob and knob.unit else ""
    match error["type"]:
        case "missing" | "string_too_short" | "too_short":
            return "Fill this in."
        case "string_too_long":
            return f"Use at most {context['max_length']:,} characters; this has {len(str(error['input'])):,}."
        case "too_long":
            return f"Use at most {context['max_length']:,} entries; these are {context.get('actual_length') or len(error['input']):,}."
        case "string_pattern_mismatch":
            if not error["input"]:
                return "Fill this in."
            return (
                str(knob.hints.get("shape", ""))
                if knob and "shape" in knob.hints
                else "This is not written as expected."
            )
        case "greater_than_equal" | "less_than_equal" | "greater_than" | "less_than":
            return f"Use a number {_range(knob)}{unit}."
        case "multiple_of":
            return f"Use a number {_range(knob)} in steps of {context['multiple_of']:g}{unit}."
        case "int_parsing" | "int_type" | "int_from_float" | "int_parsing_size":
            return f"Use a whole number {_range(knob)}{unit}.".replace("  ", " ")
        case "float_parsing" | "float_type" | "finite_number":
            return f"Use a number {_range(knob)}{unit}.".replace("  ", " ")
        case "enum" | "literal_error":
            named = ", ".join(label for _, label in knob.options) if knob else ""
            choices = named or str(context.get("expected", "")).replace("'", "")
            return f"Choose one of these: {choices}."
    return plain(error)


def _range(knob: Knob | None) -> str:
    limits = knob.limits if knob else {}
    low, high = limits.get("minimum"), limits.get("maximum")
    if low is not None and high is not None:
        return f"from {low:,g} to {high:,g}"
    if low is not None:
        return f"of {low:,g} or more"
    return f"of at most {high:,g}" if high is not None else ""
