"""A call that goes on with another worker: what the one before it knew, as far as it was written down."""

from __future__ import annotations

from dataclasses import dataclass

from agents.conversation import Conversation, Said
from agents.mind import Collected, Mind
from agents.standby import Adopts
from telephony.session.signals import Answered, CameBack


@dataclass(frozen=True, slots=True)
class Resumed:
    """``at_ms``: where the call's clock is. ``next_turn``: the first number that no turn has."""

    at_ms: int
    next_turn: int
    turns: tuple[Said, ...] = ()
    known: tuple[Collected, ...] = ()

    def conversation(self, mind: Mind) -> Conversation:
        """What was said so far. The mind, which knows nothing yet, is told what was found out."""
        said = Conversation(list(self.turns))
        if self is not NOTHING_BEFORE and isinstance(mind, Adopts):
            mind.adopt(self.known, said)
        return said

    @property
    def opening(self) -> Answered | CameBack:
        """How the session begins."""
        return Answered() if self is NOTHING_BEFORE else CameBack(self.at_ms)

    @property
    def unfinished(self) -> str:
        """What the agent said last, where the caller hasn't answered it: it may not have reached them."""
        last = self.turns[-1] if self.turns else None
        return (last.intended or last.text) if last is not None and last.role == "agent" else ""


NOTHING_BEFORE = Resumed(0, 0)
"""The call begins here."""
