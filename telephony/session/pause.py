"""The silence that ends a turn, and why it is that long. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from agents.mind import Thought

SHORTEST_MS, LONGEST_MS = 300, 2_500
"""Nothing learned or heard leaves these by itself; the builder's own pause may."""


@dataclass(frozen=True, slots=True)
class Pause:
    ms: int
    plain_ms: int
    """For a caller of whom nothing is known."""
    because: str
    """How the sentence ends, "complete", "unsure", "number" or "open"; or "rule"; or "interrupted": the agent backs off. How it was said,
    where that made it another: "finished", "unfinished"; and where the transcriber did: "told", "told_open". Of a keypad:
    "digits", and "no_keys" where none came."""
    pace_percent: int = 100
    voice_percent: int | None = None
    """How finished the voice sounded, where that was known in time."""

    def until(self, ms: int) -> Pause:
        """It lasted so long, for another reason where that is longer."""
        return self if ms <= self.ms else replace(self, ms=ms, because="interrupted")

    def as_thought(self) -> Thought:
        """For the call's page."""
        voice = {} if self.voice_percent is None else {"voice_percent": self.voice_percent}
        return Thought("pause", {"ms": self.ms, "because": self.because, "pace_percent": self.pace_percent, **voice})
