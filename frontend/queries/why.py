"""Why the agent answered so, and what happened besides, in words. Pure.

A kind nobody has put into words yet is shown with its name and its facts, never left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Facts = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Why:
    words: str
    facts: tuple[tuple[str, str], ...] = ()
    """What is left to say: name and value."""


def explain(thought: Facts) -> Why:
    """One of a turn's thoughts: ``{"kind": …, "data": {…}}``."""
    kind = str(thought.get("kind") or "thought")
    data = thought.get("data")
    facts: Facts = (
        data if isinstance(data, Mapping) else {key: value for key, value in thought.items() if key != "kind"}
    )
    say = THOUGHTS.get(kind)
    return say(facts) if say else Why(title(kind), pairs(facts))


def event_words(kind: str, data: Facts) -> str:
    say = EVENTS.get(kind)
    if say:
        return say(data)
    rest = ", ".join(f"{name} {value}" for name, value in pairs(data))
    return f"{title(kind)}: {rest}" if rest else title(kind)


def title(name: str) -> str:
    return name.replace("_", " ").capitalize()


def pairs(facts: Facts, *without: str) -> tuple[tuple[str, str], ...]:
    return tuple(
        (title(str(name)), _read(value))
        for name, value in facts.items()
        if name not in without and value not in (None, "")
    )


def _read(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.2f}"
    return str(value)


def _quoted(value: Any) -> str:
    return f"“{value}”"


THOUGHTS: dict[str, Callable[[Facts], Why]] = {}
EVENTS: dict[str, Callable[[Facts], str]] = {}
