"""What was made of an answer, and what is needed to make something of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from agents.collect.clock_words import DAYTIME
from agents.mind import Value
from agents.spec import CollectField


@dataclass(frozen=True, slots=True)
class Understood:
    """A value found in the caller's words."""

    value: Value
    spoken: str
    """How a person would read the value aloud."""
    confidence: float
    """1.0: said outright. Below 0.6: a guess that should be read back."""
    span: tuple[int, int]
    """Where in the text it stood."""
    is_complete: bool = True
    """False: worth keeping, but not an answer yet (the first digits of a number, a time without its day)."""
    spots: tuple[tuple[int, int], ...] = ()
    """The places of its parts where other words stand between: "on Friday for four at seven"."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A field and the circumstances in which its answer is looked for."""

    field: CollectField
    now: datetime
    region: str
    """Where the caller is taken to be, as a two-letter country: "US"."""
    asked: bool
    """The field's question has just been put, so a bare answer is meant for it."""
    previous: Value = None
    """What is known so far: completed by a part, changed by a correction."""
    open_hours: frozenset[int] = DAYTIME
    """Hours in which it is open: "at seven" is in the evening where only the evening is open."""
    has_rival: bool = False
    """Another field counts something, so a bare number is not a time."""
