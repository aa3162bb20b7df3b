"""How a campaign calls its people: when, how fast, and how often again. Declared once; form, API, storage and runner read it."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field, model_validator

from agents.settings import Settings, hint
from telephony.dialing.hours import CLOCK_PATTERN, CLOCK_SHAPE, DAY_LABELS, Day, Hours, minutes

Outcome = Literal["answered", "message_left", "voicemail", "no_answer", "busy", "declined", "failed"]
OnMachine = Literal["hang_up", "talk", "leave_message"]
OUTCOMES: dict[str, str] = {
    "answered": "Answered",
    "message_left": "Message left",
    "voicemail": "Voicemail",
    "no_answer": "No answer",
    "busy": "Busy",
    "declined": "Declined",
    "failed": "Failed",
}
LONGEST_MESSAGE = 1_000
"""Letters of what is said to an answering machine."""
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
        description="Hang up, leave a message: it is listened first who has picked up, which takes some seconds. "
        "Talk: the agent speaks at once, to people and machines alike.",
        json_schema_extra=hint(
            term="answering-machine detection",
            labels={"hang_up": "Hang up", "leave_message": "Leave a message", "talk": "Talk"},
        ),
    )
    machine_message: str = Field(
        "",
        max_length=LONGEST_MESSAGE,
        title="Message for the machine",
        description="Said after its tone; then it hangs up. {{name}} stands for the person's column of that name.",
        json_schema_extra=hint(widget="say", when=("on_machine", "leave_message")),
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
    retry_declined_min: int = Field(
        0,
        ge=0,
        le=10_080,
        title="Again when declined, after",
        description="Minutes until the next try where somebody saw the call and refused it. 0: no further try.",
        json_schema_extra=hint(unit="min", expert=True),
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

    @model_validator(mode="after")
    def _has_a_message(self) -> Rules:
        if self.on_machine == "leave_message" and not self.machine_message.strip():
            raise ValueError("Write the message that is left on an answering machine.")
        return self

    @property
    def hours(self) -> Hours:
        return Hours.of(self.calls_from, self.calls_until, self.days, self.holidays)

    def wait_minutes(self, outcome: Outcome) -> int:
        """Before the second try. 0: there is none."""
        return {
            "answered": 0,
            "message_left": 0,
            "declined": self.retry_declined_min,
            "busy": self.retry_busy_min,
            "no_answer": self.retry_no_answer_min,
            "voicemail": self.retry_voicemail_min,
            "failed": self.retry_failed_min,
        }[outcome]
