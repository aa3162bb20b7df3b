"""What a person may pick from: voices, brains, transcribers, languages, stored keys, agents."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Option:
    value: str
    label: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Choices:
    """The options of each widget by its name; a value that is in use and not among them is kept and shown."""

    voice: tuple[tuple[str, tuple[Option, ...]], ...] = ()
    """In groups: a language, its voices."""
    model: tuple[Option, ...] = ()
    transcriber: tuple[Option, ...] = ()
    language: tuple[Option, ...] = ()
    country: tuple[Option, ...] = ()
    credential: tuple[Option, ...] = ()
    agent: tuple[Option, ...] = ()
    zone: tuple[Option, ...] = ()
    version: tuple[Option, ...] = ()
    """Of the agent in question, newest first."""
    preview_url: str = ""
    """Where ▶ gets its sound; empty: no ▶."""

    def options(self, kind: str) -> tuple[Option, ...]:
        """All of "voice", "model" or "transcriber", without groups."""
        match kind:
            case "voice":
                return tuple(option for _, options in self.voice for option in options)
            case "model":
                return self.model
        return self.transcriber
