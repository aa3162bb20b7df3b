"""The knobs of what is done to the caller's sound before it is listened to: part of ``agents.spec.Listens``."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from agents.settings import Settings, hint


class NoiseSuppression(StrEnum):
    OFF = "off"
    LOW = "low"
    HIGH = "high"


class CallerSound(Settings):
    """How the caller's sound is made clearer. The recording keeps it as it came."""

    noise_suppression: NoiseSuppression = Field(
        NoiseSuppression.OFF,
        title="Noise suppression",
        description="Takes noise away before the transcriber listens. Helps where callers are in loud places all the time; "
        "in quiet ones it costs some words. The recording isn't touched.",
        json_schema_extra=hint(expert=True, labels={"off": "Off", "low": "Low", "high": "High"}),
    )
    level_callers: bool = Field(
        False,
        title="Make quiet callers louder",
        description="On: the transcriber hears a quiet caller as loud as others, by what they have said in the call so far.",
        json_schema_extra=hint(expert=True, term="gain"),
    )
    echo_guard: bool = Field(
        False,
        title="Echo guard",
        description="On: on a speakerphone, the agent's own voice that comes back is not taken for the caller's.",
        json_schema_extra=hint(expert=True),
    )
