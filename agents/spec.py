"""What an agent is: one frozen value in which every knob is declared once.

The form, the REST schema, the stored draft and the live call all read these classes. A field's ``title`` is its label,
``description`` its help, the limits are its limits, and ``json_schema_extra`` may carry hints for the form:

``widget``       textarea · slider · voice · model · transcriber · credential · fields · pronunciations · lines · language · steps · rules ·
                 transfers · menu ·
                 voices, models, transcribers: several in order · clock · country · days, countries: several · agent · zone ·
                 openings, shares: of a number
``expert``       true: shown under *Expert settings* only
``step``         of a number that isn't whole, where its limits name none
``unit``         "ms", "s", "×": written behind the number
``term``         the field's own word, shown beside the plain one
``placeholder``  an example, shown while empty
``shape``        what to do when it is not written as its pattern wants
``labels``       what each choice is called
``when``, ``unless``  (knob, value, …): only of use while that other knob of the group has, or hasn't, one of these values

No I/O, no clock. A stored spec of an older release passes through ``upgrade`` first.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator

from agents.caller_sound import CallerSound
from agents.keypad import KeypadTiming
from agents.menus import KeypadMenu
from agents.settings import Line, Settings, hint
from agents.transfers import MOST, HoldMusic, TransferTarget
from agents.turn_taking import Sensitivity, TurnTaking

SPEC_VERSION = 1

Choice = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120)]
FieldKey = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]


class FirstSpeaker(StrEnum):
    AGENT = "agent"
    CALLER = "caller"


class Says(Settings):
    """What the agent is told, and what it says by itself."""

    prompt: str = Field(
        "",
        max_length=60_000,
        title="What should the agent do?",
        description="Who it is, what it knows, how it should behave. Plain sentences; one fact a line works best.",
        json_schema_extra=hint(
            widget="textarea",
            term="prompt",
            placeholder="You are the front desk of Bright Smile Dental. We are open Monday to Friday from 8 to 5. …",
        ),
    )
    first_message: str = Field(
        "Hello, how can I help you?",
        max_length=1_000,
        title="First words",
        description="What the caller hears first. {{name}} stands for what a campaign's list, or whoever starts the call, says of the person.",
        json_schema_extra=hint(widget="say", term="first message"),
    )
    first_speaker: FirstSpeaker = Field(
        FirstSpeaker.AGENT,
        title="Who speaks first",
        description="The agent greets at once, or waits until the caller has said something.",
        json_schema_extra=hint(labels={"agent": "The agent", "caller": "The caller"}),
    )
    goodbye: str = Field(
        "Thank you for calling. Goodbye!",
        max_length=500,
        title="Last words",
        description="Said before the agent hangs up.",
        json_schema_extra=hint(widget="say"),
    )
    fillers: tuple[Line, ...] = Field(
        (),
        max_length=10,
        title="When an answer takes long",
        description="One a line, said in turn when an answer isn't there after two seconds. Empty: “One moment.” and its like, in the agent's "
        "language.",
        json_schema_extra=hint(
            widget="lines", expert=True, term="filler", placeholder="Let me see.\nOne moment, I'll look."
        ),
    )
    ending_phrases: tuple[Line, ...] = Field(
        ("goodbye", "bye", "that's all", "that is all", "hang up"),
        max_length=40,
        title="Words that end the call",
        description="When the caller says one of these last and nothing is left to ask, the agent says goodbye and hangs up.",
        json_schema_extra=hint(widget="lines"),
    )


class Pronunciation(Settings):
    word: str = Field(min_length=1, max_length=80, title="Word", description="As it is written.")
    sounds_like: str = Field(
        "", max_length=160, title="Sounds like", description="Spelled the way it should be read: “Nguyen” → “win”."
    )
    ipa: str = Field(
        "",
        max_length=160,
        title="IPA",
        description="Exact sounds in the phonetic alphabet, for those who know it.",
        json_schema_extra=hint(expert=True),
    )

    @model_validator(mode="after")
    def _has_a_sound(self) -> Pronunciation:
        if not (self.sounds_like.strip() or self.ipa.strip()):
            raise ValueError(f"Say how “{self.word}” sounds: fill in “Sounds like” or the IPA.")
        return self


class BackgroundSound(StrEnum):
    NONE = "none"
    LINE = "line"
    """Comfort noise."""
    OFFICE = "office"
    CAFE = "cafe"


class Sounds(Settings):
    """How the agent sounds."""

    language: str = Field(
        "en-US",
        pattern=r"^[a-z]{2,3}(-[A-Z]{2})?$",
        title="Language",
        description="The language the agent speaks and expects to hear.",
        json_schema_extra=hint(widget="language"),
    )
    voice: str = Field(
        "piper/en_US-joe-medium",
        max_length=120,
        title="Voice",
        description="Press play to hear it.",
        json_schema_extra=hint(widget="voice"),
    )
    voice_fallbacks: tuple[Choice, ...] = Field(
        (),
        max_length=3,
        title="If the voice fails, use",
        description="Asked in this order when the voice gives no sound; the call keeps the one that answered.",
        json_schema_extra=hint(widget="voices", expert=True, term="fallback"),
    )
    voice_speed: float = Field(
        1.0,
        ge=0.6,
        le=1.6,
        multiple_of=0.05,
        title="Speed of speech",
        description="1 is the voice's own pace.",
        json_schema_extra=hint(widget="slider", unit="×"),
    )
    pronunciations: tuple[Pronunciation, ...] = Field(
        (),
        max_length=300,
        title="Pronunciations",
        description="Words the voice gets wrong, and how they should sound.",
        json_schema_extra=hint(widget="pronunciations"),
    )
    background_sound: BackgroundSound = Field(
        BackgroundSound.NONE,
        title="Background sound",
        description="Something behind the voice, so that silence doesn't sound like a dead line: the faint hiss of a telephone, or a room.",
        json_schema_extra=hint(labels={"none": "None", "line": "Quiet line", "office": "Office", "cafe": "Café"}),
    )
    background_volume: float = Field(
        0.3,
        ge=0.0,
        le=1.0,
        multiple_of=0.05,
        title="Background volume",
        description="0 is silent, 1 is as loud as the voice. A quiet line stays faint at any volume.",
        json_schema_extra=hint(widget="slider", expert=True, unless=("background_sound", "none")),
    )


class Knows(Settings):
    """What the agent thinks with."""

    model: str = Field(
        "scripted",
        max_length=120,
        title="Brain",
        description="“Scripted” needs no key and no network: it answers from the facts under Says and asks your questions. "
        "A language model converses more freely. A speech-to-speech model hears the tone, too, and speaks in a voice of its own: choose one of "
        "its voices under Sounds.",
        json_schema_extra=hint(widget="model", term="model"),
    )
    base_url: str = Field(
        "",
        max_length=500,
        title="Address of the model",
        pattern=r"^(https?://[^\s@?#\\]+)?$",
        description="Base URL of any OpenAI-compatible server. Leave empty for api.openai.com.",
        json_schema_extra=hint(
            placeholder="https://api.openai.com/v1",
            term="base URL",
            unless=("model", "scripted"),
            shape="Start with http:// or https://. Leave out user name, password and question mark: a key is stored by itself.",
        ),
    )
    model_name: str = Field(
        "",
        max_length=200,
        title="Model name",
        description="As your provider writes it. Of a speech-to-speech model it may stay empty: gpt-realtime-2.1.",
        json_schema_extra=hint(placeholder="gpt-5-mini", unless=("model", "scripted")),
    )
    credential: str = Field(
        "",
        max_length=80,
        title="Key",
        description="Which stored key to use. Keys are kept under Organization → Providers and keys.",
        json_schema_extra=hint(widget="credential", unless=("model", "scripted")),
    )
    temperature: float = Field(
        0.3,
        ge=0.0,
        le=2.0,
        multiple_of=0.1,
        title="Creativity",
        description="0 always picks the likeliest words.",
        json_schema_extra=hint(
            widget="slider", expert=True, term="temperature", unless=("model", "scripted", "openai_realtime")
        ),
    )
    max_reply_tokens: int = Field(
        250,
        ge=20,
        le=4_000,
        title="Longest answer",
        description="In tokens; a token is about three quarters of a word. What a speech-to-speech model speaks counts likewise.",
        json_schema_extra=hint(expert=True, unit="tokens", unless=("model", "scripted")),
    )
    model_fallbacks: tuple[Choice, ...] = Field(
        (),
        max_length=3,
        title="If the model fails, use",
        description="Asked in this order when the brain gives no answer. It knows what was said and found out in the call so far. "
        "“Scripted” needs no network, so it is always there.",
        json_schema_extra=hint(widget="models", term="fallback"),
    )
    fallback_after_s: float = Field(
        4.0,
        ge=1.0,
        le=8.0,
        multiple_of=0.5,
        title="Wait for the model at most",
        description="Then the next one answers. Without a next one the agent waits longer.",
        json_schema_extra=hint(widget="slider", expert=True, unit="s"),
    )


class FieldType(StrEnum):
    PERSON = "person"
    PHONE = "phone"
    EMAIL = "email"
    DATETIME = "datetime"
    NUMBER = "number"
    YES_NO = "yes_no"
    CHOICE = "choice"
    TEXT = "text"


class CollectField(Settings):
    """One thing to find out in the call. It becomes a field of the call's structured data."""

    key: FieldKey = Field(
        title="Name",
        description="What this is called in the call's data: small letters and underscores.",
        json_schema_extra=hint(
            shape="Use small letters, digits and underscores, and start with a letter: phone_number."
        ),
    )
    type: FieldType = Field(
        FieldType.TEXT,
        title="Type",
        description="What kind of answer is expected, so that it is understood and checked.",
        json_schema_extra=hint(
            labels={
                "person": "A person's name",
                "phone": "Phone number",
                "email": "E-mail address",
                "datetime": "Day and time",
                "number": "Number",
                "yes_no": "Yes or no",
                "choice": "One of these",
                "text": "Anything said",
            }
        ),
    )
    question: str = Field(min_length=1, max_length=300, title="Question", description="How the agent asks for it.")
    choices: tuple[Line, ...] = Field(
        (),
        max_length=40,
        title="Choices",
        description="The answers to choose from, one a line.",
        json_schema_extra=hint(widget="lines", when=("type", "choice")),
    )
    is_required: bool = Field(True, title="Must be answered", description="Off: the agent asks once and goes on.")
    read_back: bool = Field(
        True, title="Read back", description="The agent repeats what it understood and asks if that is right."
    )

    @model_validator(mode="after")
    def _a_choice_has_choices(self) -> CollectField:
        if self.type is FieldType.CHOICE and len(self.choices) < 2:
            raise ValueError(f"“{self.key}” is a choice: give at least two answers to choose from.")
        return self


class Tasks(Settings):
    """Part of ``Does``."""

    collect: tuple[CollectField, ...] = Field(
        (),
        max_length=30,
        title="What to collect",
        description="What the agent should find out. Each answer ends up in the call's data.",
        json_schema_extra=hint(widget="fields"),
    )
    when_to_collect: Literal["asked", "always"] = Field(
        "asked",
        title="When to ask",
        description="Once the caller wants to book, to order, to leave a message; or in every call, right after the greeting.",
        json_schema_extra=hint(labels={"asked": "When the caller wants it", "always": "In every call"}),
    )
    collect_intent: str = Field(
        "book an appointment",
        max_length=200,
        title="What the questions are for",
        description="Completes “I'd like to …”. The agent starts asking when the caller says something like it.",
        json_schema_extra=hint(when=("when_to_collect", "asked")),
    )
    done_message: str = Field(
        "Thank you, I have everything I need.",
        max_length=500,
        title="When all is collected",
        description="Said after the last answer.",
        json_schema_extra=hint(widget="say"),
    )
    transfers: tuple[TransferTarget, ...] = Field(
        (),
        max_length=MOST,
        title="Put callers through to",
        description="Whom the caller can ask for in the middle of a call. Nobody there, or busy: the agent says so and goes on. Your limits "
        "(Limits and spend) hold for these calls, too.",
        json_schema_extra=hint(widget="transfers", term="transfer"),
    )
    hold_music: HoldMusic = Field(
        HoldMusic.CALM,
        title="Callers on hold hear",
        description="While the agent speaks to the other side first (warm). The music is made here and belongs to nobody.",
        json_schema_extra=hint(
            labels={"calm": "Calm music", "bright": "Bright music", "quiet": "Silence"}, term="hold music"
        ),
    )

    text_after: str = Field(
        "",
        max_length=640,
        title="Text message after the call",
        description="Sent to the other side's telephone when a telephone call is over. {{name}} stands for what was collected under that "
        "name. Empty: none.",
        json_schema_extra=hint(
            widget="say",
            term="SMS",
            placeholder="Thank you, {{name}}. See you on {{day}}. Reply or call us to change it.",
        ),
    )
    text_when: Literal["collected", "always"] = Field(
        "collected",
        title="When to send it",
        description="Only when all that must be answered was collected, or after every call in which somebody talked.",
        json_schema_extra=hint(
            unless=("text_after", ""), labels={"collected": "When all is collected", "always": "After every call"}
        ),
    )

    @field_validator("collect")
    @classmethod
    def _keys_are_unique(cls, fields: tuple[CollectField, ...]) -> tuple[CollectField, ...]:
        seen: set[str] = set()
        for field in fields:
            if field.key in seen:
                raise ValueError(f"Two fields are called “{field.key}”. Give each a name of its own.")
            seen.add(field.key)
        return fields

    @field_validator("transfers")
    @classmethod
    def _names_are_unique(cls, targets: tuple[TransferTarget, ...]) -> tuple[TransferTarget, ...]:
        seen: set[str] = set()
        for target in targets:
            if target.name.casefold() in seen:
                raise ValueError(f"Two are called “{target.name}”. Give each a name of its own.")
            seen.add(target.name.casefold())
        return targets


class Does(KeypadMenu, Tasks):
    """What the agent gets done."""


class Listens(TurnTaking, KeypadTiming, CallerSound):
    """How the agent listens and when it takes the floor."""

    transcriber: str = Field(
        "whisper/base",
        max_length=120,
        title="Transcriber",
        description="What turns the caller's speech into words.",
        json_schema_extra=hint(widget="transcriber", term="STT"),
    )
    transcriber_fallbacks: tuple[Choice, ...] = Field(
        (),
        max_length=3,
        title="If the transcriber fails, use",
        description="Asked in this order when the caller's words don't come; the call keeps the one that answered.",
        json_schema_extra=hint(widget="transcribers", expert=True, term="fallback"),
    )
    endpointing_ms: int = Field(
        500,
        ge=100,
        le=3_000,
        multiple_of=50,
        title="Pause before answering",
        description="Silence, in milliseconds, after which the caller's turn is over. Shorter answers sooner, longer lets people think. "
        "A sentence that is clearly complete is answered sooner, one that clearly isn't later.",
        json_schema_extra=hint(widget="slider", unit="ms", term="endpointing"),
    )
    barge_in: bool = Field(
        True,
        title="The caller may interrupt",
        description="On: the agent stops when the caller starts to speak.",
        json_schema_extra=hint(term="barge-in"),
    )
    barge_in_sensitivity: Sensitivity = Field(
        Sensitivity.MEDIUM,
        title="How easily",
        description="How much it takes to stop the agent. Patient: two clear words. Snappy: the first sound of speech. "
        "A cough or a click should do neither.",
        json_schema_extra=hint(
            widget="steps",
            when=("barge_in", True),
            labels={"patient": "Patient", "low": "Calm", "medium": "Balanced", "high": "Quick", "snappy": "Snappy"},
        ),
    )
    keypad: bool = Field(
        True,
        title="The caller may press keys",
        description="On: keys answer a question as words do. 1 is yes and 2 is no; a choice is pressed by its place in the list; "
        "numbers end with # or a short wait. They interrupt the agent as speech does.",
        json_schema_extra=hint(term="DTMF"),
    )
    keywords: tuple[Line, ...] = Field(
        (),
        max_length=100,
        title="Words to expect",
        description="Names and terms of your trade, so that they are recognised. The transcriber on board takes about the first 30.",
        json_schema_extra=hint(widget="lines", expert=True),
    )


class Limits(Settings):
    """When the agent asks again, and when a call ends by itself."""

    max_duration_s: int = Field(
        600,
        ge=30,
        le=7_200,
        title="Longest call",
        description="The agent says its last words and hangs up after this long.",
        json_schema_extra=hint(unit="s"),
    )
    warning_line: str = Field(
        "We have about a minute left.",
        max_length=300,
        title="Before that, it says",
        description="Once, when nobody is speaking. Leave it empty to say nothing.",
        json_schema_extra=hint(widget="say"),
    )
    warning_before_s: int = Field(
        60,
        ge=10,
        le=600,
        title="How long before the end",
        description="Seconds. A call that is shorter than this isn't warned.",
        json_schema_extra=hint(expert=True, unit="s", unless=("warning_line", "")),
    )
    reminder_after_s: int = Field(
        8,
        ge=3,
        le=120,
        title="Ask again after",
        description="Seconds of silence before the agent asks whether the caller is still there.",
        json_schema_extra=hint(unit="s"),
    )
    reminders: tuple[Line, ...] = Field(
        ("Are you still there?", "I'm still here if you need me."),
        max_length=10,
        title="What it asks",
        description="Said in turn, one each time.",
        json_schema_extra=hint(widget="lines"),
    )
    hang_up_after_silence_s: int = Field(
        30,
        ge=5,
        le=600,
        title="Hang up after",
        description="Seconds of silence, reminders included, until the agent hangs up.",
        json_schema_extra=hint(unit="s"),
    )


class Privacy(Settings):
    """What is kept of a call, and what callers are told first."""

    record: bool = Field(
        True, title="Record calls", description="Keep the sound of each call. The transcript is kept either way."
    )
    consent_line: str = Field(
        "",
        max_length=500,
        title="Consent line",
        description="Said before anything else when calls are recorded. Many places require it.",
        json_schema_extra=hint(widget="say", placeholder="This call is recorded.", when=("record", True)),
    )
    says_it_is_ai: bool = Field(
        False,
        title="Say that it is an AI",
        description="Said before anything else, the consent line too: “You are speaking with an AI assistant.” The law asks for it in the "
        "European Union and many other places.",
    )
    ai_words: str = Field(
        "",
        max_length=500,
        title="In these words",
        description="Empty: a sentence in the agent's language (English, German, Spanish, French, Italian, Dutch, Portuguese). In another "
        "language write it here, or it is said in English.",
        json_schema_extra=hint(
            widget="say", placeholder="You are speaking with an AI assistant.", when=("says_it_is_ai", True)
        ),
    )


class AgentSpec(Settings):
    """Everything a call needs to know of its agent. No secret is in it: it names a credential."""

    spec_version: Literal[1] = Field(1, json_schema_extra=hint(widget="hidden"))
    name: Annotated[str, StringConstraints(strip_whitespace=True)] = Field(
        "New agent",
        min_length=1,
        max_length=120,
        title="Name",
        description="What you call this agent. Callers don't hear it.",
    )
    says: Says = Field(default_factory=Says, title="Says")
    sounds: Sounds = Field(default_factory=Sounds, title="Sounds")
    knows: Knows = Field(default_factory=Knows, title="Knows")
    does: Does = Field(default_factory=Does, title="Does")
    listens: Listens = Field(default_factory=Listens, title="Listens")
    limits: Limits = Field(default_factory=Limits, title="Limits")
    privacy: Privacy = Field(default_factory=Privacy, title="Privacy")


SECTIONS: tuple[str, ...] = ("says", "sounds", "knows", "does", "listens", "limits", "privacy")


def upgrade(stored: dict[str, Any]) -> dict[str, Any]:
    """A stored spec of any older release as one of this release; the input is left alone.

    Each renamed or regrouped knob is one step here, with a stored spec in the tests.
    """
    return {**stored, "spec_version": SPEC_VERSION}


def load(stored: dict[str, Any]) -> AgentSpec:
    """Read a stored spec. Raises ``pydantic.ValidationError`` where it is not one."""
    return AgentSpec.model_validate(upgrade(stored))
