"""How a campaign calls its people: when, how fast, and how often again. Declared once; form, API, storage and runner read it."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field, model_validator

from agents.settings import Settings, hint
from telephony.dialing.hours import CLOCK_PATTERN, CLOCK_SHAPE, DAY_LABELS, Day, Hours, minutes

Outcome = Literal["answered", "voicemail", "no_answer", "busy", "failed"]
OnMachine = Literal["hang_up", "talk"]
OUTCOMES: dict[str, str] = {
    "answered": "Answered",
    "voicemail": "Voicemail",
    "no_answer": "No answer",
    "busy": "Busy",
    "failed": "Failed",
}
WEEKDAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri")


class Rules(Settings):
    """The knobs of a campaign."""

    calls_from: str = Field(
        "09:00",
        pattern=CLOCK_PATTERN,
        title="Call from",
        description="On the clock of whoever is called.",
        json_schema_extra=hint(widget="clock", shape=CLOCK_SHAPE),
    )
    calls_until: str = Field(
        "18:00",
        pattern=CLOCK_PATTERN,
        title="Call until",
        description="On the same clock. No call begins later; one that runs goes on to its end.",
        json_schema_extra=hint(widget="clock", shape=CLOCK_SHAPE),
    )
    days: tuple[Day, ...] = Field(
        WEEKDAYS,
        min_length=1,
        max_length=7,
        title="Days",
        description="On which people are called.",
        json_schema_extra=hint(widget="days", labels=DAY_LABELS),
    )
    holidays: tuple[date, ...] = Field(
        (),
        max_length=200,
        title="Holidays",
        description="Days on which nobody is called, one a line.",
        json_schema_extra=hint(widget="lines", placeholder="2026-12-25", shape="Write it as 2026-12-25."),
    )
    calls_per_minute: int = Field(
        10,
        ge=1,
        le=3_000,
        title="New calls a minute",
        description="How fast people are called. Your organization's limits hold besides.",
        json_schema_extra=hint(unit="calls", term="pacing"),
    )
    concurrency: int = Field(
        3,
        ge=1,
        le=500,
        title="Calls at the same time",
        description="How many calls of this campaign may run at once.",
        json_schema_extra=hint(unit="calls", term="concurrency"),
    )
    on_machine: OnMachine = Field(
        "hang_up",
        title="If an answering machine picks up",
        description="Hang up: your telephone company listens first who has picked up, which takes some seconds. "
        "Talk: the agent speaks at once, to people and machines alike.",
        json_schema_extra=hint(term="answering-machine detection", labels={"hang_up": "Hang up", "talk": "Talk"}),
    )
    max_attempts: int = Field(
        3,
        ge=1,
        le=10,
        title="Tries",
        description="How often somebody is called at most, until they answer.",
        json_schema_extra=hint(unit="calls"),
    )
    retry_busy_min: int = Field(
        15,
        ge=0,
        le=10_080,
        title="Again when busy, after",
        description="Minutes until the next try. 0: no further try.",
        json_schema_extra=hint(unit="min"),
    )
    retry_no_answer_min: int = Field(
        120,
        ge=0,
        le=10_080,
        title="Again without an answer, after",
        description="Minutes until the next try. 0: no further try.",
        json_schema_extra=hint(unit="min"),
    )
    retry_voicemail_min: int = Field(
        240,
        ge=0,
        le=10_080,
        title="Again after voicemail, after",
        description="Minutes until the next try. 0: no further try.",
        json_schema_extra=hint(unit="min"),
    )
    retry_failed_min: int = Field(
        60,
        ge=0,
        le=10_080,
        title="Again when the call failed, after",
        description="Minutes until the next try. 0: no further try.",
        json_schema_extra=hint(unit="min", expert=True),
    )
    backoff: float = Field(
        2.0,
        ge=1.0,
        le=5.0,
        multiple_of=0.1,
        title="Each further wait is longer by",
        description="2: the second wait is twice the first, the third four times.",
        json_schema_extra=hint(unit="×", expert=True, term="back-off"),
    )

    @model_validator(mode="after")
    def _opens_before_it_closes(self) -> Rules:
        if minutes(self.calls_from) >= minutes(self.calls_until):
            raise ValueError("“Call from” must be before “Call until”.")
        return self

    @property
    def hours(self) -> Hours:
        return Hours.of(self.calls_from, self.calls_until, self.days, self.holidays)

    def wait_minutes(self, outcome: Outcome) -> int:
        """Before the second try. 0: there is none."""
        return {
            "answered": 0,
            "busy": self.retry_busy_min,
            "no_answer": self.retry_no_answer_min,
            "voicemail": self.retry_voicemail_min,
            "failed": self.retry_failed_min,
        }[outcome]
