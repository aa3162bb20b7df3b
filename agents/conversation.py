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
    digits: str = ""
    """Those the caller pressed; they are in ``text`` too."""


@dataclass(slots=True)
class Conversation:
    """The turns of a call in order. An agent's turn is entered when it starts and cut when the caller barges in.

    While a mind makes its reply, the utterance it replies to is not entered yet: it may still turn out not to be the turn.
    """

    turns: list[Said] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    """Who took the other side's place in the middle of it, one after the other: a number or a name, as their network tells it."""

    def caller_said(self, text: str, digits: str = "") -> None:
        self.turns.append(Said("caller", text, digits=digits))

    def agent_said(self, text: str) -> None:
        self.turns.append(Said("agent", text, intended=text))

    def agent_goes_on(self, text: str) -> None:
        """The next phrase of the agent's last turn."""
        index = self._last_agent()
        if index is None:
            self.agent_said(text)
            return
        turn = self.turns[index]
        longer = f"{turn.text} {text}".strip()
        self.turns[index] = replace(turn, text=longer, intended=longer)

    def agent_says(self, text: str) -> None:
        """All of the agent's last turn so far, in other words than before."""
        index = self._last_agent()
        if index is not None:
            self.turns[index] = replace(self.turns[index], text=text, intended=text)

    def cut_agent(self, heard: str, *, intended: str | None = None) -> None:
        """The caller barged in: of the agent's last turn only ``heard`` reached them."""
        index = self._last_agent()
        if index is not None:
            turn = self.turns[index]
            self.turns[index] = replace(turn, text=heard, intended=intended or turn.intended, was_cut=True)

    @property
    def last_agent(self) -> Said | None:
        index = self._last_agent()
        return None if index is None else self.turns[index]

    def _last_agent(self) -> int | None:
        return next((index for index in range(len(self.turns) - 1, -1, -1) if self.turns[index].role == "agent"), None)
