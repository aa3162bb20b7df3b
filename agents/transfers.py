"""Whom an agent may put its caller through to: the rows of one knob (``agents.spec.Does.transfers``)."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Literal

from pydantic import Field, model_validator

from agents.settings import Settings, hint

MOST = 20
_E164 = re.compile(r"\+[1-9]\d{6,14}")
_SIP = re.compile(r"sips?:[A-Za-z0-9._~!$&'*+\-%]{1,80}@(?:[A-Za-z0-9.\-]{1,120}|\[[0-9A-Fa-f:]{2,45}\])(?::\d{1,5})?")
_WRITTEN = re.compile(r"[\s()./-]+")
"""What people write between the digits of a number."""


def is_sip(text: str) -> bool:
    """Whether it is a SIP address, as a whole."""
    return _SIP.fullmatch(text) is not None


class Way(StrEnum):
    NUMBER = "number"
    SIP = "sip"
    AGENT = "agent"


class How(StrEnum):
    COLD = "cold"
    """The caller is sent there, and the agent leaves."""
    WARM = "warm"
    """The agent speaks to the other side first, while the caller is on hold."""


class HoldMusic(StrEnum):
    CALM = "calm"
    BRIGHT = "bright"
    QUIET = "quiet"


class TransferTarget(Settings):
    """One person, place or agent that callers can be put through to."""

    name: str = Field(
        min_length=1,
        max_length=60,
        title="Name",
        description="What callers call it, such as Reception or Billing. They are understood when they ask for it.",
        json_schema_extra=hint(placeholder="Reception"),
    )
    when: str = Field(
        "",
        max_length=300,
        title="When",
        description="In a plain sentence: “The caller wants to speak to a person.” Several sentences are several reasons.",
        json_schema_extra=hint(placeholder="The caller wants to speak to a person."),
    )
    to: Way = Field(
        Way.NUMBER,
        title="Where to",
        description="A telephone number, a SIP address, or another agent of yours, which goes on in the same call.",
        json_schema_extra=hint(
            labels={"number": "A telephone number", "sip": "A SIP address", "agent": "Another agent"}
        ),
    )
    address: str = Field(
        "",
        max_length=200,
        title="Number or address",
        description="With the country: +14155550142. Or a SIP address: sip:desk@pbx.example.",
        json_schema_extra=hint(when=("to", "number", "sip"), placeholder="+14155550142"),
    )
    agent: str = Field(
        "",
        max_length=40,
        title="Agent",
        description="It goes on with what is published of it, in its own voice, and knows what was said.",
        json_schema_extra=hint(widget="agent", when=("to", "agent")),
    )
    words: str = Field(
        "One moment, I'll put you through.",
        max_length=300,
        title="Words before",
        description="Said to the end before anything happens. The caller may still say no.",
        json_schema_extra=hint(widget="say"),
    )
    how: How = Field(
        How.COLD,
        title="How",
        description="Cold: the caller is sent there, and the agent leaves. Warm: the caller is on hold while the agent calls the other side "
        "and asks whether they take the call; if not, the agent is back and says so. Warm, and cold from a web page or where the phone company "
        "sends nobody on, Parley calls them itself: over a SIP trunk of yours, or from your number at Twilio. With neither the agent says that "
        "it can't.",
        json_schema_extra=hint(
            labels={"cold": "Cold", "warm": "Warm"}, when=("to", "number", "sip"), term="warm transfer"
        ),
    )
    briefing_words: str = Field(
        "Hello, I have a caller on the line for you.",
        max_length=500,
        title="Words for the other side",
        description="Said when they pick up. {{name}} stands for what was collected under that name, or is known of the caller.",
        json_schema_extra=hint(widget="say", when=("how", "warm")),
    )
    briefing: Literal["words", "summary"] = Field(
        "words",
        title="What they hear",
        description="Only those words, or a short summary of the call after them: what was collected and what the caller asked for. A "
        "language model writes the summary if it does so in time.",
        json_schema_extra=hint(labels={"words": "These words", "summary": "And a summary"}, when=("how", "warm")),
    )
    asks_first: bool = Field(
        True,
        title="They may decline",
        description="On: they are asked to press 1 or say yes, 2 or no. Off: they are connected as soon as they have heard the words.",
        json_schema_extra=hint(when=("how", "warm")),
    )
    introduction: str = Field(
        "",
        max_length=300,
        title="Words to both",
        description="Said to both when they are connected, before the agent leaves. Empty: it leaves without a word.",
        json_schema_extra=hint(widget="say", when=("how", "warm"), placeholder="You are connected now."),
    )
    ring_s: int = Field(
        25,
        ge=5,
        le=60,
        title="Ring for",
        description="Seconds until nobody is there, where Parley calls them itself.",
        json_schema_extra=hint(unit="s", when=("to", "number", "sip")),
    )

    @model_validator(mode="before")
    @classmethod
    def _number_without_spaces(cls, given: object) -> object:
        """“+1 (415) 555-0142” is kept as +14155550142."""
        if isinstance(given, dict) and given.get("to", "number") == "number" and isinstance(given.get("address"), str):
            return {**given, "address": _WRITTEN.sub("", given["address"])}
        return given

    @model_validator(mode="after")
    def _leads_somewhere(self) -> TransferTarget:
        match self.to:
            case Way.NUMBER if not _E164.fullmatch(self.address):
                raise ValueError(f"“{self.name}”: write the number with its country, such as +14155550142.")
            case Way.SIP if not _SIP.fullmatch(self.address):
                raise ValueError(f"“{self.name}”: write the address as sip:desk@pbx.example.")
            case Way.AGENT if not self.agent:
                raise ValueError(f"“{self.name}”: choose the agent that goes on.")
        return self
