"""Is a vendor worth asking just now? One breaker for each address of a vendor, shared by all calls of a process.

    closed ──3 failures within 30 s──▶ open ──10 s──▶ half-open ──an answer──▶ closed
                                         ▲                │
                                         └──── failure ───┘  (then twice as long, 2 minutes at most)

While it is open nobody waits for the vendor: the next in order is asked at once, or the caller is told at once. Half-open, one
question goes through and decides. A vendor that says no for good (a refused key) is up: that is no failure here.

Pure: seconds are an argument, of any clock that only goes forward.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Literal

State = Literal["closed", "open", "half-open"]

_MOST_VENDORS = 500


@dataclass(frozen=True, slots=True)
class Patience:
    failures: int = 3
    within_s: float = 30.0
    rest_s: float = 10.0
    longest_rest_s: float = 120.0
    probe_s: float = 15.0
    """A question whose end nobody told of (its call is gone) holds the place for so long."""


class Breaker:
    """``ask`` before each question; then one of ``answered``, ``failed`` and ``dropped``."""

    def __init__(self, patience: Patience | None = None) -> None:
        self.why = ""
        """What went wrong last."""
        self._patience = patience or Patience()
        self._failed_at: deque[float] = deque(maxlen=self._patience.failures)
        self._rest_s = self._patience.rest_s
        self._rests_until_s: float | None = None
        self._probe_s: float | None = None

    @classmethod
    def that_never_opens(cls) -> Breaker:
        """For what stands alone and is no vendor: a script, a fake."""
        return cls(Patience(failures=1, within_s=-1.0))

    def state(self, now_s: float) -> State:
        if self._rests_until_s is None:
            return "closed"
        return "open" if now_s < self._rests_until_s else "half-open"

    def allows(self, now_s: float) -> bool:
        """Whether ``ask`` would say yes. Changes nothing."""
        match self.state(now_s):
            case "closed":
                return True
            case "open":
                return False
        return self._probe_s is None or now_s - self._probe_s >= self._patience.probe_s

    def ask(self, now_s: float) -> bool:
        """May the vendor be asked? Half-open, the first to hear yes asks for everyone."""
        if not self.allows(now_s):
            return False
        if self._rests_until_s is not None:
            self._probe_s = now_s
        return True

    def answered(self, now_s: float) -> None:
        """It is up, whatever was believed of it."""
        self._failed_at.clear()
        self._rests_until_s = self._probe_s = None
        self._rest_s = self._patience.rest_s

    def failed(self, now_s: float, why: str) -> None:
        """It did not answer, or broke off."""
        self.why = why
        match self.state(now_s):
            case "closed":
                self._failed_at.append(now_s)
                oldest = self._failed_at[0]
                if len(self._failed_at) == self._patience.failures and now_s - oldest <= self._patience.within_s:
                    self._rests_until_s = now_s + self._rest_s
            case "half-open" if self._probe_s is not None:
                self._rest_s = min(2 * self._rest_s, self._patience.longest_rest_s)
                self._rests_until_s, self._probe_s = now_s + self._rest_s, None
            case _:  # asked before it opened: known already
                pass

    def dropped(self) -> None:
        """Nobody waited for the answer (the caller went on): nothing is known, and the next may ask."""
        self._probe_s = None

    def rests_for_s(self, now_s: float) -> float:
        """Until it may be asked again; 0 where it may."""
        return max(0.0, (self._rests_until_s or now_s) - now_s)

    @property
    def is_spotless(self) -> bool:
        return self._rests_until_s is None and not self._failed_at


@dataclass(frozen=True, slots=True)
class Vendor:
    """Who is asked for what, and where. ``where`` names the address, the model and whose account: it is for telling them apart,
    and for nobody's eyes: organizations share a process."""

    kind: str
    name: str
    where: str = ""


@dataclass(frozen=True, slots=True)
class Trouble:
    """A vendor that is left alone just now."""

    kind: str
    name: str
    state: State
    places: int
    """At so many of its addresses."""


class Breakers:
    """All of a process, by vendor."""

    def __init__(self) -> None:
        self._known: dict[Vendor, Breaker] = {}

    def of(self, vendor: Vendor) -> Breaker:
        if vendor not in self._known:
            if len(self._known) >= _MOST_VENDORS:
                self._known = {known: each for known, each in self._known.items() if not each.is_spotless}
            self._known[vendor] = Breaker()
        return self._known[vendor]

    def troubles(self, now_s: float) -> list[Trouble]:
        """Those that aren't closed, for the health page and the metrics."""
        found: dict[tuple[str, str], list[State]] = {}
        for vendor, breaker in self._known.items():
            if (state := breaker.state(now_s)) != "closed":
                found.setdefault((vendor.kind, vendor.name), []).append(state)
        return [
            Trouble(kind, name, "open" if "open" in states else "half-open", len(states))
            for (kind, name), states in sorted(found.items())
        ]

    def forget(self) -> None:
        self._known.clear()


BREAKERS = Breakers()
