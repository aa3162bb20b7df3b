"""What thinks in a call: the same few methods for a script, a language model, later a flow.

A mind may be asked for a reply before it is sure that the caller has finished (speculation). So ``reply`` changes nothing that
lasts: what it found out is kept under the utterance's revision until ``commit`` says that this revision was the turn.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from agents.conversation import Conversation, Said
from agents.keypad import masked
from agents.speech import AudioFrame

Value = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Utterance:
    """What the caller said in one turn. ``revision`` grows with every new guess at it and never repeats in a call."""

    text: str
    """Words, and then the digits as people read them: "Pressed 1 2 3 #" (``agents.keypad``)."""
    revision: int
    ended_ms: int = 0
    digits: str = ""
    """Those they pressed on the keypad."""
    is_secret: bool = False
    """The digits are for whoever asked for them alone: ``text`` has them masked."""

    @property
    def is_silence(self) -> bool:
        """Nothing was said or pressed for as long as ``Keys.silence_ms``."""
        return not (self.text or self.digits)

    @property
    def shown_digits(self) -> str:
        """As they are kept."""
        return masked(self.digits) if self.is_secret else self.digits


@dataclass(frozen=True, slots=True)
class Keys:
    """What is to be pressed after a phrase."""

    most: int = 0
    """So many are a whole answer; 0: nobody knows."""
    ends_with: str = ""
    """The key that ends it; "": none does."""
    between_ms: int = 0
    """How long the next key is waited for; 0: as the agent does otherwise."""
    silence_ms: int = 0
    """So long without a key and without a word is an answer, too: an utterance of nothing. 0: it isn't."""
    is_secret: bool = False
    """Nobody sees or keeps them but whoever asked."""


@dataclass(frozen=True, slots=True)
class Say:
    """A phrase to be spoken, in order. Plain text; the reply's phrases joined by a space are what was said."""

    text: str
    digits: int = 0
    """So many pressed on the keypad are a whole answer to it (1 for "yes or no?"); 0: nobody knows."""
    keys: Keys | None = None
    """Where it asks for keys, how they are taken."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """A piece of what a mind says in its own voice (``Hearing``): words, sound, or both. The words of a sound come before it or with
    it; where each begins in it nobody tells."""

    text: str = ""
    pcm: bytes = b""
    """Mono, 16 bits, at ``rate_hz``."""
    rate_hz: int = 24_000


@dataclass(frozen=True, slots=True)
class Collected:
    """A field of ``spec.does.collect`` got this value (``None``: taken back). ``spoken`` is how a person would read it."""

    key: str
    value: Value
    spoken: str = ""
    is_confirmed: bool = False


@dataclass(frozen=True, slots=True)
class EndCall:
    """Hang up once everything said so far has been heard."""

    reason: str
    """One of ``telephony.end_reasons``: "caller_goodbye", "agent_goodbye", …"""


@dataclass(frozen=True, slots=True)
class Transfer:
    """Put the caller through once everything said so far has been heard."""

    target: str
    """The name of one of ``spec.does.transfers``."""


@dataclass(frozen=True, slots=True)
class PressKeys:
    """Press these on the line's keypad once everything said so far has been heard. "," waits two seconds, "w" half a second."""

    digits: str


@dataclass(frozen=True, slots=True)
class Thought:
    """Why it answered so, for the call page: a matched fact with its score, a field that was asked, a model's usage."""

    kind: str
    data: Mapping[str, Value] = field(default_factory=dict)


ReplyPart = Say | Spoken | Collected | EndCall | Transfer | PressKeys | Thought


class Mind(Protocol):
    """One call's mind; made by ``agents.live``, thrown away with the call."""

    def greet(self) -> list[ReplyPart]:
        """The first words when the agent speaks first (without the consent line, which is the session's)."""

    def reply(self, utterance: Utterance, conversation: Conversation) -> AsyncIterator[ReplyPart]:
        """The answer. May be cancelled at any await. Never raises for a vendor's fault before trying what it can;
        then raises ``agents.speech.ProviderError``."""

    def commit(self, revision: int) -> None:
        """That revision was the caller's turn: keep what its reply found out. All other revisions are forgotten."""

    def collected(self) -> dict[str, Value]:
        """The call's structured data so far: one entry a field of ``spec.does.collect``, ``None`` where unknown."""

    async def close(self) -> None: ...


class Hearing(Protocol):
    """The ear of a mind that hears the caller and speaks itself (speech to speech). All return at once, and never raise."""

    def listen(self) -> None:
        """There is a line: from now on it answers with ``Spoken``."""

    def start(self, at_ms: int) -> None:
        """The caller began to speak."""

    def push(self, frame: AudioFrame, at_ms: int) -> None:
        """Every frame, 16 kHz and 20 ms; ``at_ms`` is where it begins."""

    def forget(self) -> None:
        """What the caller said was nothing."""

    def was_heard(self, revision: int, heard_ms: int, said: Said) -> None:
        """Of the ``Spoken`` reply to that revision so much sound reached the caller; ``said``: the turn as the conversation has it."""


@runtime_checkable
class HearsItself(Protocol):
    """A mind that may be one of those."""

    @property
    def hearing(self) -> Hearing | None: ...


@dataclass(frozen=True, slots=True)
class Spent:
    """What a reply cost so far."""

    tokens: int
    is_estimate: bool = False
    """A part of it nobody has told: a model says what an answer cost when it is whole, and a withdrawn one never is."""


@runtime_checkable
class CountsTokens(Protocol):
    """A mind whose replies cost something."""

    def spent(self, revision: int) -> Spent | None:
        """On the reply to that revision, as long as it is not committed. ``None``: nothing, or it isn't known."""
