"""How a campaign's calls ended, as bars of a plot. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from telephony.campaigns.manage import Progress
from telephony.campaigns.rules import OUTCOMES


@dataclass(frozen=True, slots=True)
class Bar:
    """``width`` is of the whole, in percent, for SVG."""

    name: str
    count: int
    width: str
    percent: int


def bars(progress: Progress) -> list[Bar]:
    """Of those who were called, by their last call. Empty where nobody was."""
    whole = sum(progress.outcomes.values())
    if not whole:
        return []
    return [
        Bar(OUTCOMES[key], count, f"{100 * count / whole:.2f}%", round(100 * count / whole))
        for key, count in progress.outcomes.items()
    ]
