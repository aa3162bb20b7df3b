"""The knobs of turn-taking for those who want to turn them: part of ``agents.spec.Listens``."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from agents.settings import Settings, hint

Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60, pattern=r"\w")]


class TurnTaking(Settings):
    """When the agent takes the floor, and when it gives it up."""

    backchannel_words: tuple[Word, ...] = Field(
        (),
        max_length=50,
        title="Words that don't interrupt",
        description="One a line. The agent goes on when the caller says nothing else. Added to the usual ones: mm-hm, okay, yes, right …",
        json_schema_extra=hint(
            widget="lines", expert=True, term="backchannel", placeholder="lovely\nI'm with you", when=("barge_in", True)
        ),
    )
    stop_words: tuple[Word, ...] = Field(
        (),
        max_length=50,
        title="Words that interrupt at once",
        description="One a line. The agent stops as soon as one of them is heard. Added to the usual ones: stop, wait, no, but …",
        json_schema_extra=hint(widget="lines", expert=True, placeholder="operator", when=("barge_in", True)),
    )
    learn_pauses: bool = Field(
        True,
        title="Learn how the caller pauses",
        description="On: who thinks in the middle of sentences is given more time, who speaks in one breath is answered sooner.",
        json_schema_extra=hint(expert=True),
    )
