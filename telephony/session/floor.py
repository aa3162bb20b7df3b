"""What the two are doing: the states of ``turns.TurnTaker``.

The caller                                             The agent
──────────                                             ─────────
QUIET ──speech──▶ SPEAKING ◀──speech── PAUSED          SILENT ──answer or line asked for──▶ PREPARING
                     └────────stop───────▶ │             ▲                                     │ first sound sent
  ▲ nothing but noise, or a nod ◀──────────┤             └──all heard · cut · failed── SPEAKING ◀┘
  └── the answer begins ── ANSWERED ◀──────┘             PREPARING and SPEAKING may be *hushed*: paused while it is
                           silence ≥ pause                decided whose floor it is

| the caller                          | the agent            | so                                                        |
|-------------------------------------|----------------------|-----------------------------------------------------------|
| pauses 160 ms                       | silent               | flush the transcript; speculate on its text; ask how it   |
|                                     |                      | sounded                                                   |
| pauses long enough for the text     | silent               | ``EndTurn``: let the answer out                           |
| goes on before the answer begins,   | preparing the answer | ``Reopen``: hold it back; same utterance, next revision   |
| or within ``open_start_ms`` of that |                      |                                                           |
| makes a sound                       | speaking             | pause at once (hushed), then decide:                      |
|   "stop", "wait", "no"              | hushed               | yield                                                     |
|   words, for ``yield_ms``           | hushed               | yield                                                     |
|   "mm-hm", a cough, nothing         | hushed               | resume at the same sample; "yes" to a question is kept    |
|   keeps on, no words known          | hushed               | yield after ``yield_ms`` + 400, at the latest ``max_pause_ms`` |
| is silent, all heard                | silent               | remind, again, say goodbye, hang up; warn of the call's limit |
| anything                            | consent, last words  | goes on (protected); the caller's words are answered later |
| presses a digit                     | speaking             | yield at once; more digits may come, then ``EndTurn``     |
| presses nothing that was asked for  | silent               | ``EndTurn`` with nothing in it                            |
| anything                            | puts them through    | nothing, until that failed: then it says so               |
"""

from __future__ import annotations

from enum import Enum, auto

from telephony.session.signals import Line


class Caller(Enum):
    QUIET = auto()
    SPEAKING = auto()
    PAUSED = auto()
    ANSWERED = auto()
    """Their turn is over, and nothing of the answer was heard yet, or hardly anything: they may still go on."""


class Agent(Enum):
    SILENT = auto()
    PREPARING = auto()
    SPEAKING = auto()


ASIDES = (Line.REMINDER, Line.WARNING)
"""Said to nobody's question, into the silence: they don't count as company, and what was asked before them stays asked."""
