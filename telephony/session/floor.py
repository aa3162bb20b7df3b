"""What the two are doing: the states of ``turns.TurnTaker``."""

from __future__ import annotations

from enum import Enum, auto

from telephony.session.signals import Line


class Caller(Enum):
    QUIET = auto()
    SPEAKING = auto()
    PAUSED = auto()
    ANSWERED = auto()
    """Their turn is over, and nothing of the answer was heard yet: they may still go on."""


class Agent(Enum):
    SILENT = auto()
    PREPARING = auto()
    SPEAKING = auto()


ASIDES = (Line.REMINDER, Line.WARNING)
"""Said to nobody's question, into the silence: they don't count as company, and what was asked before them stays asked."""
