"""The knobs of turn-taking for those who want to turn them: part of ``agents.spec.Listens``."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator

from agents import patterns
from agents.settings import Settings, hint

Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60, pattern=r"\w")]


class Sensitivity(StrEnum):
    """From the slowest to the quickest to give up the floor."""

    PATIENT = "patient"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    SNAPPY = "snappy"


class SpellingPatience(StrEnum):
    OFF = "off"
    AUTO = "auto"
    LONG = "long"


class AcousticEndOfTurn(StrEnum):
    OFF = "off"
    CAREFUL = "careful"
    """Where the words are complete, the voice makes no pause longer."""
    FULL = "full"


class EndpointingRule(Settings):
    """Another pause for certain words; the first rule that fits counts, and nothing else."""

    side: Literal["agent", "caller", "both"] = Field(
        "agent",
        title="When",
        description="Whose words are searched. Both: the agent has asked this, and the caller says that.",
        json_schema_extra=hint(labels={"agent": "Agent asks", "caller": "Caller says", "both": "Both"}),
    )
    pattern: str = Field(
        min_length=1,
        max_length=patterns.MAX_CHARACTERS,
        title="Words",
        description="A regular expression, found anywhere in what was said; upper and lower case are the same.",
        json_schema_extra=hint(term="regex", placeholder="policy number|account"),
    )
    caller_pattern: str = Field(
        "",
        max_length=patterns.MAX_CHARACTERS,
        title="And the caller's words",
        description="A regular expression, too; the rule counts where both are found.",
        json_schema_extra=hint(when=("side", "both"), placeholder="^[a-z]( [a-z])*$"),
    )
    timeout_ms: int = Field(
        1_500,
        ge=0,
        le=10_000,
        multiple_of=50,
        title="Pause",
        description="Silence, in milliseconds, after which the caller's turn is over.",
        json_schema_extra=hint(unit="ms"),
    )

    @field_validator("pattern", "caller_pattern")
    @classmethod
    def _can_be_searched(cls, pattern: str) -> str:
        patterns.Pattern(pattern)
        return pattern

    @model_validator(mode="after")
    def _both_are_told(self) -> EndpointingRule:
        if self.side == "both" and not self.caller_pattern:
            raise ValueError("A rule for both sides needs the caller's words, too.")
        return self


class TurnTaking(Settings):
    """When the agent takes the floor, and when it gives it up."""

    backchannel_words: tuple[Word, ...] = Field(
        (),
        max_length=50,
        title="Words that don't interrupt",
        description="One a line. The agent goes on when the caller says nothing else. Added to the usual ones: mm-hm, okay, yes, right …",
        json_schema_extra=hint(
            widget="lines", expert=True, term="backchannel", placeholder="lovely\nfair enough", when=("barge_in", True)
        ),
    )
    stop_words: tuple[Word, ...] = Field(
        (),
        max_length=50,
        title="Words that interrupt at once",
        description="One a line. The agent stops as soon as one of them is heard. Added to the usual ones: stop, wait, no, but …",
        json_schema_extra=hint(widget="lines", expert=True, placeholder="operator", when=("barge_in", True)),
    )
    interrupt_words: int = Field(
        0,
        ge=0,
        le=10,
        title="Words needed to interrupt",
        description="Fewer than these don't stop the agent, “stop” and “wait” aside. 0: as “How easily” says.",
        json_schema_extra=hint(expert=True, unit="words", when=("barge_in", True)),
    )
    interrupt_after_ms: int = Field(
        0,
        ge=0,
        le=2_000,
        multiple_of=50,
        title="Speech needed to interrupt",
        description="How long the caller must speak to stop the agent, in milliseconds. 0: as “How easily” says.",
        json_schema_extra=hint(widget="slider", expert=True, unit="ms", when=("barge_in", True)),
    )
    backoff_ms: int = Field(
        0,
        ge=0,
        le=5_000,
        multiple_of=50,
        title="Wait after an interruption",
        description="Once interrupted, the agent says nothing for so long, in milliseconds, even if the caller says little.",
        json_schema_extra=hint(widget="slider", expert=True, unit="ms", term="backoff", when=("barge_in", True)),
    )
    spelling_patience: SpellingPatience = Field(
        SpellingPatience.AUTO,
        title="Patience with spelling",
        description="When the agent has asked for a phone number, an e-mail address or a number, which people say in pieces. "
        "Normal: twice the pause until it is whole. Long: three seconds.",
        json_schema_extra=hint(expert=True, labels={"off": "None", "auto": "Normal", "long": "Long"}),
    )
    complete_pause_ms: int = Field(
        0,
        ge=0,
        le=3_000,
        multiple_of=50,
        title="Pause after a whole sentence",
        description="In milliseconds. 0: six tenths of “Pause before answering”.",
        json_schema_extra=hint(widget="slider", expert=True, unit="ms", term="on punctuation"),
    )
    open_pause_ms: int = Field(
        0,
        ge=0,
        le=5_000,
        multiple_of=50,
        title="Pause in mid-sentence",
        description="After “and”, “my number is”, a comma, half a phone number. In milliseconds. 0: twice “Pause before answering”.",
        json_schema_extra=hint(widget="slider", expert=True, unit="ms"),
    )
    number_pause_ms: int = Field(
        0,
        ge=0,
        le=5_000,
        multiple_of=50,
        title="Pause after a number",
        description="After three digits or more, to which more may come. In milliseconds. 0: as “Pause before answering”.",
        json_schema_extra=hint(widget="slider", expert=True, unit="ms", term="on number"),
    )
    endpointing_rules: tuple[EndpointingRule, ...] = Field(
        (),
        max_length=12,
        title="Pauses of their own",
        description="Another pause after certain words. The first rule that fits counts.",
        json_schema_extra=hint(widget="rules", expert=True, term="endpointing rules"),
    )
    learn_pauses: bool = Field(
        True,
        title="Learn how the caller pauses",
        description="On: who thinks in the middle of sentences is given more time, who speaks in one breath is answered sooner.",
        json_schema_extra=hint(expert=True),
    )
    acoustic_end_of_turn: AcousticEndOfTurn = Field(
        AcousticEndOfTurn.OFF,
        title="Listen to how it is said",
        description="A voice that sounds finished is answered sooner, one that doesn't later. Carefully: a sentence whose words are "
        "complete is never waited for longer. Fully: it is, by half. Needs the model Smart Turn, and a tenth of a second of work in "
        "each pause; without it words and pauses decide.",
        json_schema_extra=hint(
            expert=True, term="acoustic end of turn", labels={"off": "No", "careful": "Carefully", "full": "Fully"}
        ),
    )
