"""What an agent is told of the person it talks with: ``{{name}}`` in its texts, filled in for each call. Pure.

``{{ name | friend }}`` says what stands there where nothing is known. Without that it is left out, and the gap before it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from agents.spec import AgentSpec

LONGEST = 500
KEY = r"[a-z][a-z0-9_]{0,39}"
_FILLED = ("says", "does", "limits", "privacy")
"""The groups whose texts are said, or are told to the brain."""
_PLACE = re.compile(r"(?P<gap>[ \t]*)\{\{\s*(?P<key>" + KEY + r")\s*(?:\|(?P<otherwise>[^{}]*))?\}\}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


def wanted(spec: AgentSpec) -> tuple[str, ...]:
    """The names its texts ask for, say no other word for and don't find out in the call: each once, in their order."""
    collected = {field.key for field in spec.does.collect}
    found = (place for text in _texts(spec) for place in _PLACE.finditer(text))
    keys = dict.fromkeys(place["key"] for place in found if place["otherwise"] is None)
    return tuple(key for key in keys if key not in collected)


def fill(spec: AgentSpec, values: Mapping[str, Any]) -> AgentSpec:
    """The spec of one call. What was filled in is not read again, whatever it says."""
    if not any(_PLACE.search(text) for text in _texts(spec)):
        return spec
    known = {key: clean(value) for key, value in values.items()}

    def change(text: str) -> str:
        return _filled(text, known)

    return spec.model_copy(update={name: _changed(getattr(spec, name), change) for name in _FILLED})


def say(text: str, values: Mapping[str, Any]) -> str:
    """One text, filled."""
    return _filled(text, {key: clean(value) for key, value in values.items()})


def clean(value: Any) -> str:
    """On one line, and no longer than what anybody says."""
    return _CONTROL.sub(" ", "" if value is None else str(value)).strip()[:LONGEST]


def _filled(text: str, known: Mapping[str, str]) -> str:
    def word_of(place: re.Match[str]) -> str:
        word = known.get(place["key"], "") or (place["otherwise"] or "").strip()
        return f"{place['gap']}{word}" if word else ""

    filled = _PLACE.sub(word_of, text)
    # “{{name}}, hello” without a name is “hello”.
    return filled.lstrip(" ,") if _PLACE.match(text) else filled


def _changed(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, BaseModel):
        names = type(value).model_fields
        return value.model_copy(update={name: _changed(getattr(value, name), change) for name in names})
    if isinstance(value, tuple):
        return tuple(_changed(item, change) for item in value)
    return change(value) if type(value) is str else value


def _texts(spec: AgentSpec) -> Iterator[str]:
    for name in _FILLED:
        yield from _texts_of(getattr(spec, name))


def _texts_of(value: Any) -> Iterator[str]:
    if isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _texts_of(getattr(value, name))
    elif isinstance(value, tuple):
        for item in value:
            yield from _texts_of(item)
    elif type(value) is str:
        yield value
