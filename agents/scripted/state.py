"""Where a scripted conversation stands. A reply works on a copy, so that a guess at a turn leaves no trace."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from enum import StrEnum

from agents.mind import Collected, ReplyPart, Say, Value


class Phase(StrEnum):
    IDLE = "idle"
    ASKING = "asking"
    CHECKING = "checking"
    """Read back, waiting for "yes"."""
    MENDING = "mending"
    """Something was wrong; waiting to hear what."""
    STOPPING = "stopping"
    """Goodbye before all was collected: asked whether to stop."""
    DROPPING = "dropping"
    """Changed their mind after all was done: asked whether to drop it."""
    CLOSING = "closing"
    """Asked whether there is anything else."""


@dataclass(frozen=True, slots=True)
class Held:
    """A field's value so far."""

    value: Value
    spoken: str
    is_complete: bool = True
    is_confirmed: bool = False


@dataclass(slots=True)
class State:
    phase: Phase = Phase.IDLE
    held: dict[str, Held] = field(default_factory=dict)
    asked: str | None = None
    """The field whose question is open."""
    tries: int = 0
    """How often the open question went unanswered."""
    refusals: int = 0
    skipped: frozenset[str] = frozenset()
    failures: int = 0
    """Turns in a row that led nowhere."""
    has_greeted: bool = False
    is_collecting: bool = False
    is_done: bool = False
    is_cancelled: bool = False
    resume: Phase = Phase.IDLE
    """What ``STOPPING`` goes back to."""
    echoed: tuple[str, ...] = ()
    """Fields whose value the caller has just heard back, so that a bare "no" is about them."""
    answered: tuple[str, ...] = ()
    """Fields the caller's last turn answered, so that "no, six" is about them."""
    last: tuple[str, ...] = ()
    """What was said last, for "repeat that"."""

    def copy(self) -> State:
        return replace(self, held=dict(self.held))

    def known(self) -> dict[str, Value]:
        return {key: held.value for key, held in self.held.items()}


@dataclass(slots=True)
class Answer:
    """A reply in the making: the new state and what is said."""

    state: State
    parts: list[ReplyPart] = field(default_factory=list)
    has_ended: bool = False
    echoed: tuple[str, ...] = ()
    answered: tuple[str, ...] = ()

    def say(self, text: str) -> None:
        """One phrase; an abbreviation's full stop is also the sentence's."""
        text = re.sub(r"\.\.(?=\s|$)", ".", text.strip())
        if text:
            self.parts.append(Say(text))

    def expect_digits(self, count: int) -> None:
        """So many on the keypad are a whole answer to what was said last."""
        last = max((at for at, part in enumerate(self.parts) if isinstance(part, Say)), default=-1)
        if count and last >= 0:
            self.parts[last] = Say(self.said[-1], count)

    def hold(self, key: str, held: Held) -> None:
        self.state.held[key] = held
        if held.is_complete:
            self.parts.append(Collected(key, held.value, held.spoken, held.is_confirmed))

    @property
    def said(self) -> tuple[str, ...]:
        return tuple(p.text for p in self.parts if isinstance(p, Say))
