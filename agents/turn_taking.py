"""The knobs of turn-taking for those who want to turn them: part of ``agents.spec.Listens``."""

from __future__ import annotations

from pydantic import Field

from agents.settings import Settings, hint


class TurnTaking(Settings):
    """When the agent takes the floor, and when it gives it up."""

    learn_pauses: bool = Field(
        True,
        title="Learn how the caller pauses",
        description="On: who thinks in the middle of sentences is given more time, who speaks in one breath is answered sooner.",
        json_schema_extra=hint(expert=True),
    )
