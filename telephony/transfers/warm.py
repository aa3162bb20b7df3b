"""A warm transfer as a pure machine: what has happened and when comes in, what to do comes out. No sound, no sockets, no clock.

    Began ─▶ DIALLING ─ PickedUp ─▶ TELLING ─ Accepted ─▶ INTRODUCING ─ Introduced ─▶ TALKING ─ TargetLeft ─▶ over
                 │                     │                       │                          └ CallerLeft ─▶ over
                 └ NotReached, late    └ Declined, silent …    └ TargetLeft ─▶ the caller is back with the agent

A caller who hangs up ends it wherever it is. Every phase has a limit; ``Ticked`` is how the machine learns that it is reached.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from telephony.session.transferring import Why

RING_GRACE_MS = 5_000
"""The line itself gives up when it has rung for as long as it may; this is for one that doesn't."""
TELL_MS = 90_000
INTRODUCE_MS = 30_000


@dataclass(frozen=True, slots=True)
class Terms:
    ring_ms: int
    talk_ms: int
    """For which the two may talk."""
    tells: bool = True
    """Something is said to the other side before they are connected, be it only the question."""
    introduces: bool = False
    tell_ms: int = TELL_MS
    introduce_ms: int = INTRODUCE_MS

    @property
    def longest_ms(self) -> int:
        return self.ring_ms + RING_GRACE_MS + self.tell_ms + self.introduce_ms + self.talk_ms


class Phase(StrEnum):
    IDLE = "idle"
    DIALLING = "dialling"
    TELLING = "telling"
    INTRODUCING = "introducing"
    """The two are connected, and the agent says a line to both."""
    TALKING = "talking"
    OVER = "over"


# ---- told


@dataclass(frozen=True, slots=True)
class Began:
    """The caller has heard the words before."""


@dataclass(frozen=True, slots=True)
class Ticked:
    """Time has passed."""


@dataclass(frozen=True, slots=True)
class PickedUp:
    pass


@dataclass(frozen=True, slots=True)
class Failed:
    """The other side was not reached, or could not be spoken to."""

    why: Why
    words: str


@dataclass(frozen=True, slots=True)
class Accepted:
    """They take the call; or nobody asked them, and they have heard what there was to hear."""


@dataclass(frozen=True, slots=True)
class Declined:
    pass


@dataclass(frozen=True, slots=True)
class Unclear:
    """They said this and that, and neither yes nor no."""


@dataclass(frozen=True, slots=True)
class Silent:
    """Nobody answered the question."""


@dataclass(frozen=True, slots=True)
class Introduced:
    """The line to both was heard, or could not be said."""


@dataclass(frozen=True, slots=True)
class TargetLeft:
    """The other side hung up, or its line broke."""


@dataclass(frozen=True, slots=True)
class CallerLeft:
    """The caller hung up, or the call ends for another reason."""


Event = (
    Began | Ticked | PickedUp | Failed | Accepted | Declined | Unclear | Silent | Introduced | TargetLeft | CallerLeft
)

# ---- asked for


@dataclass(frozen=True, slots=True)
class Hold:
    """Music for the caller."""


@dataclass(frozen=True, slots=True)
class Dial:
    """Ring the other side."""


@dataclass(frozen=True, slots=True)
class Tell:
    """Speak to the other side; the caller doesn't hear it."""


@dataclass(frozen=True, slots=True)
class Connect:
    """No music any more: each hears the other. ``introduces``: and the agent's line over it."""

    introduces: bool


@dataclass(frozen=True, slots=True)
class HangUp:
    """The other side's line, whatever it is doing."""


Action = Hold | Dial | Tell | Connect | HangUp


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it went. Nobody was reached: ``why`` and ``words`` say so. They have talked: for ``talked_ms``, until one left (``by``:
    "caller", "target", or "limit")."""

    why: Why | None = None
    words: str = ""
    talked_ms: int = 0
    by: str = ""

    @property
    def was_reached(self) -> bool:
        return self.why is None and bool(self.by)


NOBODY = "Nobody picked up."
SILENT = "Somebody picked up and answered nothing: it may be a mailbox."
DECLINED = "They were asked, and declined."
UNCLEAR = "They were asked, and answered neither yes nor no."
LEFT = "They hung up while they were asked."
LEFT_EARLY = "They hung up in the moment they were connected."
CALLER_LEFT = "The caller hung up meanwhile."
CALLER_LEFT_EARLY = "The caller hung up while it rang."


class WarmTransfer:
    """One. ``outcome`` is there from when it is over; then nothing is asked for any more."""

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self.phase = Phase.IDLE
        self.outcome: Outcome | None = None
        self._since_ms = 0
        """When the phase began."""
        self._connected_ms = 0

    @property
    def is_connected(self) -> bool:
        return self.phase in (Phase.INTRODUCING, Phase.TALKING)

    def receive(self, event: Event, at_ms: int) -> list[Action]:
        """What to do now. What comes late, of a phase that is over, is passed over."""
        if self.outcome is not None:
            return []
        if isinstance(event, CallerLeft):
            return self._caller_left(at_ms)
        match self.phase, event:
            case Phase.IDLE, Began():
                self._enter(Phase.DIALLING, at_ms)
                return [Hold(), Dial()]
            case Phase.DIALLING, PickedUp():
                if not self.terms.tells:
                    return self._connect(at_ms)
                self._enter(Phase.TELLING, at_ms)
                return [Tell()]
            case ((Phase.DIALLING | Phase.TELLING), Failed(why, words)):
                return self._back(why, words)
            case Phase.DIALLING, TargetLeft():
                return self._back("no_answer", NOBODY)
            case Phase.TELLING, Accepted():
                return self._connect(at_ms)
            case Phase.TELLING, Declined():
                return self._back("declined", DECLINED)
            case Phase.TELLING, Unclear():
                return self._back("declined", UNCLEAR)
            case Phase.TELLING, Silent():
                return self._back("no_answer", SILENT)
            case Phase.TELLING, TargetLeft():
                return self._back("declined", LEFT)
            case Phase.INTRODUCING, Introduced():
                self._enter(Phase.TALKING, at_ms)
            case Phase.INTRODUCING, TargetLeft():
                return self._back("not_reached", LEFT_EARLY)
            case Phase.TALKING, TargetLeft():
                return self._over("target", at_ms)
            case _, Ticked():
                return self._check_limit(at_ms)
        return []

    def _check_limit(self, at_ms: int) -> list[Action]:
        so_far_ms = at_ms - self._since_ms
        match self.phase:
            case Phase.DIALLING if so_far_ms >= self.terms.ring_ms + RING_GRACE_MS:
                return self._back("no_answer", NOBODY)
            case Phase.TELLING if so_far_ms >= self.terms.tell_ms:
                return self._back("no_answer", SILENT)
            case Phase.INTRODUCING if so_far_ms >= self.terms.introduce_ms:
                self._enter(Phase.TALKING, at_ms)
            case Phase.TALKING if at_ms - self._connected_ms >= self.terms.talk_ms:
                return self._over("limit", at_ms)
        return []

    def _connect(self, at_ms: int) -> list[Action]:
        self._connected_ms = at_ms
        self._enter(Phase.INTRODUCING if self.terms.introduces else Phase.TALKING, at_ms)
        return [Connect(self.terms.introduces)]

    def _caller_left(self, at_ms: int) -> list[Action]:
        if self.is_connected:
            return self._over("caller", at_ms)
        return self._back("not_reached", CALLER_LEFT_EARLY if self.phase is Phase.DIALLING else CALLER_LEFT)

    def _back(self, why: Why, words: str) -> list[Action]:
        self.phase, self.outcome = Phase.OVER, Outcome(why, words)
        return [HangUp()]

    def _over(self, by: str, at_ms: int) -> list[Action]:
        self.phase, self.outcome = Phase.OVER, Outcome(talked_ms=at_ms - self._connected_ms, by=by)
        return [HangUp()]

    def _enter(self, phase: Phase, at_ms: int) -> None:
        self.phase, self._since_ms = phase, at_ms
