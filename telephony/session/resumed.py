"""A call that goes on with another worker, or another agent: what the one before it knew."""

from __future__ import annotations

from dataclasses import dataclass

from agents.conversation import Conversation, Said
from agents.mind import Collected, Mind
from agents.standby import Adopts
from telephony.session.signals import Answered, CameBack, TookOver


@dataclass(frozen=True, slots=True)
class Resumed:
    """``at_ms``: where the call's clock is. ``next_turn``: the first number that no turn has."""

    at_ms: int
    next_turn: int
    turns: tuple[Said, ...] = ()
    known: tuple[Collected, ...] = ()
    others: tuple[str, ...] = ()
    """``agents.conversation.Conversation.others``."""
    is_handed_over: bool = False
    """To another agent: it speaks as at the beginning of a call."""
    back: str = ""
    """What the caller hears first, where it isn't that the line was cut off."""

    def conversation(self, mind: Mind) -> Conversation:
        """What was said so far. The mind, which knows nothing yet, is told what was found out."""
        said = Conversation(list(self.turns), list(self.others))
        if self is not NOTHING_BEFORE and isinstance(mind, Adopts):
            mind.adopt(self.known, said)
        return said

    @property
    def opening(self) -> Answered | CameBack | TookOver:
        """How the session begins."""
        if self.is_handed_over:
            return TookOver(self.at_ms)
        return Answered() if self is NOTHING_BEFORE else CameBack(self.at_ms)

    @property
    def unfinished(self) -> str:
        """What the agent said last, where the caller hasn't answered it: it may not have reached them."""
        if self.back:
            return ""
        last = self.turns[-1] if self.turns else None
        return (last.intended or last.text) if last is not None and last.role == "agent" else ""


NOTHING_BEFORE = Resumed(0, 0)
"""The call begins here."""
