"""A carrier in the test's own hands, and the clock."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from telephony.campaigns.dialler import Order, Over, Running
from telephony.dialing.gate import Permit
from tests.telephony.campaigns.carrier_line import BASE


class Clock:
    def __init__(self) -> None:
        self.now = BASE

    def __call__(self) -> Any:
        return self.now

    def later(self, **by: float) -> None:
        self.now += timedelta(**by)


class Line:
    """A carrier that does what the test says. ``calls``: what it was asked, in order."""

    settles_after = timedelta(seconds=30)
    longest_minutes = 5
    why_not = ""
    room: int | None = None

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self.variables: list[Any] = []
        self.over: dict[str, Over] = {}
        self.fails: Exception | None = None
        self.is_deaf = False
        """A request fails before it arrives."""

    def enter(self, permit: Permit, order: Order) -> None:
        return None

    def place(self, permit: Permit, order: Order) -> None:
        if self.is_deaf:
            raise TimeoutError("nobody there")
        self.calls.append((permit.key, permit.number))
        self.variables.append(order.variables)
        if self.fails:
            raise self.fails

    def find(self, key: str) -> Running | Over | None:
        if key not in [each for each, _ in self.calls]:
            return None
        return self.over.get(key, Running())

    def end(self, outcome: Any = "answered", seconds: int = 40) -> None:
        """All calls that run."""
        for key, _ in self.calls:
            self.over.setdefault(key, Over(outcome, seconds))
