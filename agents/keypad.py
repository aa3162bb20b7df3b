"""The caller's keypad: its knobs, and the digits they pressed as people read them and as a language model does. Pure."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from agents.settings import Settings, hint


class KeypadTiming(Settings):
    """Part of ``agents.spec.Listens``."""

    keypad_timeout_ms: int = Field(
        2_000,
        ge=500,
        le=10_000,
        multiple_of=100,
        title="Wait for the next key",
        description="After the last key, in milliseconds, until what was pressed is the caller's answer. Where one key is a whole "
        "answer, as to yes or no, nothing is waited for.",
        json_schema_extra=hint(widget="slider", expert=True, unit="ms", when=("keypad", True)),
    )
    keypad_end: Literal["#", "*", "none"] = Field(
        "#",
        title="Key that ends an answer",
        description="It is taken at once, without waiting for another key.",
        json_schema_extra=hint(expert=True, labels={"#": "#", "*": "*", "none": "None"}, when=("keypad", True)),
    )


def shown(words: str, digits: str) -> str:
    """A turn of words and then digits, for transcripts: "My number is. Pressed 5 5 5"."""
    if not digits:
        return words
    pressed = f"Pressed {' '.join(digits)}"
    if not words:
        return pressed
    return f"{words} {pressed}" if words[-1] in ".!?…," else f"{words}. {pressed}"


def masked(digits: str) -> str:
    """As many marks: how secret digits are shown and kept."""
    return "•" * len(digits)


def spoken(text: str, digits: str) -> str:
    """The words of such a turn: ``shown`` undone."""
    return text.removesuffix(shown("", digits)).rstrip().removesuffix(".") if digits else text


def bracketed(text: str, digits: str) -> str:
    """The same turn for a language model: "My number is [pressed 5 5 5]"."""
    return f"{spoken(text, digits)} [pressed {' '.join(digits)}]".lstrip() if digits else text
