"""What a session tells while it runs. The call worker makes rows and browser messages of it.

``at_ms`` is the call's clock: milliseconds of caller audio since the session began. ``turn`` counts the turns of a call from 0
in the order they began, both sides together; a turn keeps its number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from agents.conversation import Role
from agents.mind import Thought, Value

State = Literal["listening", "thinking", "speaking"]


@dataclass(frozen=True, slots=True)
class Latency:
    """What the caller waited for, in that order: from their last sound to the agent's first at their ear.

    Work done while something else was waited for (speculation) costs nothing and is counted nowhere, so the parts add up.
    """

    endpointing_ms: int = 0
    """For silence, to be sure that the caller had finished."""
    stt_ms: int = 0
    model_ms: int = 0
    tts_ms: int = 0
    transport_ms: int = 0
    """For the next packet, and then the way to the caller's ear."""

    @property
    def total_ms(self) -> int:
        return self.endpointing_ms + self.stt_ms + self.model_ms + self.tts_ms + self.transport_ms

    def as_dict(self) -> dict[str, int]:
        return {
            "endpointing_ms": self.endpointing_ms,
            "stt_ms": self.stt_ms,
            "model_ms": self.model_ms,
            "tts_ms": self.tts_ms,
            "transport_ms": self.transport_ms,
            "total_ms": self.total_ms,
        }


@dataclass(frozen=True, slots=True)
class StateChanged:
    at_ms: int
    state: State


@dataclass(frozen=True, slots=True)
class TranscriptChanged:
    """The text of a turn so far, whole. Not final: it may still change or vanish (``text`` empty: it was nothing)."""

    at_ms: int
    turn: int
    role: Role
    text: str
    is_final: bool
    was_cut: bool = False


@dataclass(frozen=True, slots=True)
class TurnEnded:
    """A turn is complete. Told once for each turn."""

    at_ms: int
    turn: int
    role: Role
    text: str
    """The caller's words, or what of the agent's words was heard."""
    intended: str
    """All the agent set out to say; for the caller the same as ``text``."""
    started_ms: int
    ended_ms: int
    was_cut: bool = False
    confidence: float | None = None
    latency: Latency | None = None
    """On the agent's answers; not on greetings and reminders, which nobody waited for."""
    thoughts: tuple[Thought, ...] = ()
    is_consent: bool = False
    """The agent's line that the caller must hear before anything is recorded."""


@dataclass(frozen=True, slots=True)
class FieldCollected:
    at_ms: int
    key: str
    value: Value
    spoken: str
    is_confirmed: bool


@dataclass(frozen=True, slots=True)
class BargedIn:
    """The caller took the floor: of the agent's turn ``turn`` only ``heard`` reached them."""

    at_ms: int
    turn: int
    heard: str
    after_ms: int
    """From the caller's onset to the agent's silence."""


@dataclass(frozen=True, slots=True)
class Levels:
    """Ten times a second, 0 to 1."""

    at_ms: int
    caller: float
    agent: float


@dataclass(frozen=True, slots=True)
class Happened:
    """Anything else worth a line on the call page: "backchannel", "speculation_dropped", "stage_failed", "filler", …"""

    at_ms: int
    kind: str
    data: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ended:
    """The last event. ``reason`` is a key of ``telephony.end_reasons.REASONS``."""

    at_ms: int
    reason: str


Event = StateChanged | TranscriptChanged | TurnEnded | FieldCollected | BargedIn | Levels | Happened | Ended
