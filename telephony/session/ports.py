"""What a session is handed: a transport that moves sound, an ear for speech, someone to tell, a tape."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Protocol, runtime_checkable

from agents.speech import AudioFrame
from telephony.audio.playout import Playout
from telephony.audio.vad import VADEdge
from telephony.session.events import Event
from telephony.wire.dtmf import DigitEvent


class Transport(Protocol):
    """One caller's line. Whoever answered the call made it; the session uses and closes it."""

    @property
    def outbound_delay_ms(self) -> int:
        """Best guess, which may change: how long after ``Playout.pull`` the caller hears it (network, jitter buffer, device)."""

    def frames(self) -> AsyncIterator[AudioFrame]:
        """The caller: exactly one 16 kHz, 20 ms frame every 20 ms of wall time, silence or concealment where nothing came,
        several at once after a stall of the loop. It ends when the caller is gone. This is the call's clock."""

    def attach(self, playout: Playout) -> None:
        """From now on ``playout.pull()`` once every 20 ms and send it. Called once, when the session starts."""

    async def close(self) -> None:
        """Leave nothing running. Called once, when the session is over; must end within a few seconds."""


@runtime_checkable
class Feeds(Protocol):
    """A transport that hands its frames over itself: no task is woken for each, which costs more than many a frame."""

    async def feed(self, take: Callable[[AudioFrame], bool]) -> None:
        """``take`` is called with each of ``Transport.frames``, on the loop and in the context of who asked, and must return at once:
        whether it takes another. Returns when it doesn't, or the caller is gone. What ``take`` raises is raised here."""


@runtime_checkable
class HasKeypad(Protocol):
    """A transport whose caller can press digits."""

    def listen_for_digits(self, tell: Callable[[DigitEvent], None]) -> None:
        """Each is told when it goes down and when it is let go, on the loop. Called once, before the session starts."""


class VAD(Protocol):
    """``telephony.audio.vad.VAD`` or a script."""

    def push(self, frame: AudioFrame) -> Sequence[VADEdge]: ...


@runtime_checkable
class HearsLater(Protocol):
    """A VAD whose ``push`` returns at once and finds nothing: it tells each edge when it is known, on the loop."""

    def listen(self, tell: Callable[[VADEdge], None]) -> None: ...

    def settled_ms(self, now_ms: int) -> int:
        """Up to when it is known who spoke: ``now_ms``, unless it has fallen behind. Nobody's silence is counted beyond."""


class Listener(Protocol):
    """Told everything that happens, in order, on the loop: it must return at once and never raise."""

    def receive(self, event: Event) -> None: ...


class Tap(Protocol):
    """The recorder's two wires. Both return at once."""

    def caller(self, frame: AudioFrame, at_ms: int) -> None:
        """16 kHz, 20 ms. ``at_ms`` is where the frame begins on the call's clock."""

    def agent(self, pcm: bytes) -> None:
        """20 ms at ``PLAYOUT_RATE_HZ``, as pulled."""


@runtime_checkable
class Prepares(Protocol):
    """A voice that can speak lines in advance, for when they are needed at once."""

    def prepare(self, texts: Iterable[str], *, speed: float) -> None: ...


@runtime_checkable
class TellsAhead(Protocol):
    """A mind that knows many of its lines before it is asked."""

    def likely_lines(self) -> Sequence[str]:
        """Word for word as it will say them, the likeliest first."""
