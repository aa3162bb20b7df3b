"""What was said in a call, cut at what was heard. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

Role = Literal["caller", "agent"]


@dataclass(frozen=True, slots=True)
class Said:
    """One turn. For the agent ``text`` is what was heard; ``intended`` what it set out to say."""

    role: Role
    text: str
    intended: str = ""
    was_cut: bool = False


@dataclass(slots=True)
class Conversation:
    """The turns of a call in order. An agent's turn is entered when it starts and cut when the caller barges in."""

    turns: list[Said] = field(default_factory=list)

    def caller_said(self, text: str) -> None:
        self.turns.append(Said("caller", text))

    def agent_said(self, text: str) -> None:
        self.turns.append(Said("agent", text, intended=text))

    def cut_agent(self, heard: str) -> None:
        """The caller barged in: of the agent's last turn only ``heard`` reached them."""
        for index in range(len(self.turns) - 1, -1, -1):
            if self.turns[index].role == "agent":
                self.turns[index] = replace(self.turns[index], text=heard, was_cut=True)
                return

    @property
    def last_agent(self) -> Said | None:
        return next((turn for turn in reversed(self.turns) if turn.role == "agent"), None)
