"""The turns of a call as they are told to the listener: numbered in the order they began, each ended once."""

from __future__ import annotations

from collections.abc import Callable

from agents import keypad
from agents.mind import Thought
from telephony.session.events import Event, Latency, TranscriptChanged, TurnEnded
from telephony.session.signals import Line


class TurnLog:
    def __init__(self, tell: Callable[[Event], None], first: int = 0) -> None:
        """``first``: the number of the first turn."""
        self._tell = tell
        self._turns = first
        self._caller: int | None = None
        self._caller_text = ""
        self._words = ""
        self._digits = ""
        self._caller_began_ms = 0
        self._confidence: float | None = None
        self._agent: int | None = None
        self._agent_text = ""
        self._agent_began_ms = 0

    @property
    def agent_turn(self) -> int | None:
        """The number of the agent's turn that goes on."""
        return self._agent

    @property
    def next_turn(self) -> int:
        """The first number that no turn has."""
        return self._turns

    # ---- the caller

    def caller_began(self, at_ms: int) -> None:
        self._caller, self._caller_text, self._caller_began_ms, self._confidence = None, "", at_ms, None
        self._words = self._digits = ""

    def caller_says(self, at_ms: int, text: str, confidence: float | None = None) -> None:
        """The transcript so far. A turn without words gets no number."""
        if confidence is not None:
            self._confidence = confidence
        self._words = text
        self._tell_so_far(at_ms)

    def caller_presses(self, at_ms: int, digits: str) -> None:
        """All that were pressed in this turn so far."""
        self._digits = digits
        self._tell_so_far(at_ms)

    def _tell_so_far(self, at_ms: int) -> None:
        text = keypad.shown(self._words, self._digits)
        if text == self._caller_text:
            return
        self._caller_text = text
        if self._caller is None:
            self._caller = self._next()
        self._tell(TranscriptChanged(at_ms, self._caller, "caller", text, is_final=False))

    def caller_dropped(self, at_ms: int) -> None:
        if self._caller is not None:
            self._tell(TranscriptChanged(at_ms, self._caller, "caller", "", is_final=True))
        self._caller, self._caller_text = None, ""

    def caller_ended(self, at_ms: int, text: str, ended_ms: int) -> None:
        if self._caller is None:
            self._caller = self._next()
        number, self._caller, self._caller_text = self._caller, None, ""
        began_ms = min(self._caller_began_ms, ended_ms)
        self._tell(TranscriptChanged(at_ms, number, "caller", text, is_final=True))
        self._tell(TurnEnded(at_ms, number, "caller", text, text, began_ms, ended_ms, confidence=self._confidence))

    def close_caller(self, at_ms: int) -> str:
        """The call is over in the middle of their turn. Returns what they had pressed in it, as it may be shown."""
        if self._caller is None or not self._caller_text:
            return ""
        self.caller_ended(at_ms, self._caller_text, at_ms)
        return self._digits

    # ---- the agent

    def agent_began(self, at_ms: int) -> None:
        self._agent, self._agent_text, self._agent_began_ms = self._next(), "", at_ms

    def agent_says(self, at_ms: int, text: str) -> None:
        """Its words up to the phrase being spoken."""
        if self._agent is not None:
            self._agent_text = text
            self._tell(TranscriptChanged(at_ms, self._agent, "agent", text, is_final=False))

    def agent_ended(
        self,
        at_ms: int,
        text: str,
        intended: str,
        *,
        was_cut: bool,
        line: Line | None = None,
        latency: Latency | None = None,
        thoughts: tuple[Thought, ...] = (),
    ) -> None:
        if self._agent is None:
            return
        number, self._agent = self._agent, None
        self._tell(TranscriptChanged(at_ms, number, "agent", text, is_final=True, was_cut=was_cut))
        self._tell(
            TurnEnded(
                at_ms,
                number,
                "agent",
                text,
                intended,
                self._agent_began_ms,
                at_ms,
                was_cut=was_cut,
                latency=latency,
                thoughts=thoughts,
                is_consent=line is Line.CONSENT,
            )
        )

    def _next(self) -> int:
        self._turns += 1
        return self._turns - 1
