"""Sound and words as the house knows them, and what a speech vendor must offer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol


class AudioFrame(NamedTuple):
    """Mono 16-bit little-endian PCM. Inside a session: 16,000 Hz, 20 ms (640 bytes). A tuple: quicker to make than any other."""

    pcm: bytes
    rate_hz: int

    @property
    def duration_ms(self) -> float:
        return len(self.pcm) * 500 / self.rate_hz


@dataclass(frozen=True, slots=True)
class Transcript:
    """What the caller said, as far as it is known. Times are the call's clock."""

    text: str
    is_final: bool
    """False: an interim guess at speech that goes on."""
    utterance: int
    """Counts the caller's utterances: the number given to ``STTStream.start``."""
    until_ms: int
    """All sound before this moment is in ``text``."""
    confidence: float | None = None
    took_ms: int = 0
    """How long the vendor worked on it."""
    ends_turn: bool | None = None
    """Of a final, where the vendor judges turns by itself: the caller's turn is over, or isn't. ``None``: it doesn't say."""


class STTStream(Protocol):
    """One call's ear. All methods but ``transcripts`` return at once and never block the event loop.

    The session drives it with its own VAD: ``start`` at a speech onset, ``push`` every frame (also between utterances: an
    implementation keeps what pre-roll it wants), ``flush`` at a pause. After a ``flush`` a transcript with ``is_final`` and
    ``until_ms`` of that pause comes; the caller may go on all the same, then the next ``flush`` brings the whole utterance again.
    A vendor that ends turns by itself may send finals unasked, and say with ``Transcript.ends_turn`` what it thinks.
    """

    def start(self, utterance: int, at_ms: int) -> None: ...
    def push(self, frame: AudioFrame, at_ms: int) -> None: ...
    def flush(self, at_ms: int) -> None: ...
    def expect(self, kind: str | None) -> None:
        """What the agent has just asked for: "phone", "email", "number", or ``None`` for anything. A hint, free to be ignored;
        it holds for the utterances to come."""

    def end(self) -> None:
        """The utterance is over and answered: forget its sound."""

    def transcripts(self) -> AsyncIterator[Transcript]: ...
    async def close(self) -> None: ...


class STT(Protocol):
    async def open(self, *, language: str, keywords: tuple[str, ...]) -> STTStream: ...


class EndOfTurn(Protocol):
    """An ear for how something is said: whether the voice sounds finished. One for all calls."""

    async def predict(self, pcm: bytes) -> float | None:
        """How likely it is (0–1) that somebody has finished who said this in their turn so far: 16 kHz, mono, 16 bits; only the
        last eight seconds count. ``None``: it can't say in time. Never blocks the event loop; may be cancelled at any await."""


class TTS(Protocol):
    """A voice. ``speak`` yields mono PCM as soon as it exists; closing the iterator stops the work."""

    rate_hz: int

    def speak(self, text: str, *, speed: float) -> AsyncIterator[bytes]:
        """PCM of ``rate_hz``, in pieces of any length. ``text`` has been through ``agents.pronunciation`` and may carry
        ``[[ipa]]`` where the voice said ``can_ipa``."""

    @property
    def can_ipa(self) -> bool: ...


class ProviderError(Exception):
    """A vendor failed. ``permanent``: trying again won't help (a refused key, an unknown model)."""

    def __init__(self, message: str, *, permanent: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.permanent = permanent
