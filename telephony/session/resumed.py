"""A call that goes on with another worker: what the one before it knew, as far as it was written down."""

from __future__ import annotations

from dataclasses import dataclass

from agents.conversation import Conversation, Said
from agents.mind import Collected, Mind
from agents.standby import Adopts


@dataclass(frozen=True, slots=True)
class Resumed:
    """``at_ms``: where the call's clock is. ``next_turn``: the first number that no turn has."""

    at_ms: int
    next_turn: int
    turns: tuple[Said, ...] = ()
    known: tuple[Collected, ...] = ()

    def conversation(self) -> Conversation:
        return Conversation(list(self.turns))

    def tell(self, mind: Mind, conversation: Conversation) -> None:
        """What was found out so far, to a mind that knows nothing yet."""
        if isinstance(mind, Adopts):
            mind.adopt(self.known, conversation)

    @property
    def unfinished(self) -> str:
        """What the agent said last, where the caller hasn't answered it: it may not have reached them."""
        last = self.turns[-1] if self.turns else None
        return (last.intended or last.text) if last is not None and last.role == "agent" else ""
