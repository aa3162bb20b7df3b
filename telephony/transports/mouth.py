"""What the caller hears: 20 ms of the agent's sound at a time, encoded and sent. Pure but for its ``send``; time is an argument.

Silence isn't sent. After 200 ms of it a packet says so ("not transmitted"), and one every 400 ms keeps saying it, as browsers do
(libwebrtc's Opus DTX): the caller's end fills the time with quiet, and nothing is encoded, encrypted or put on the network.

A digit that the agent presses goes out as telephone-event where that was agreed on, in the place of its sound.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from telephony.audio.playout import PLAYOUT_RATE_HZ, SILENCE
from telephony.transports.opus import FRAME_MS, SAMPLES, Encoder, untransmitted
from telephony.wire import dtmf

MAX_CATCH_UP_FRAMES = 2
SILENT_FRAMES = 10
"""So many are sent, for the end of the sound to be over in the caller's decoder, before the rest isn't."""
REMINDER_FRAMES = 20
LOSSY_PERCENT, CLEAN_PERCENT = 3.0, 1.0
"""Lost on the way to the caller: from the first on error correction is sent along, below the second no more."""


class Send(Protocol):
    """``transports.rtp.RtpSender.push``."""

    def __call__(self, payload: bytes, ticks: int, *, is_first: bool = False) -> None: ...


class SendsEvents(Protocol):
    """``transports.rtp.RtpSender``, for what isn't sound."""

    event_hz: int | None

    def push_event(self, payload: bytes, ticks: int, *, is_first: bool) -> None: ...


class Mouth:
    """``tick`` it once every 20 ms of the call. Late by a frame or two: it catches up; later: it leaves a gap in the RTP
    clock, so that the caller's buffer doesn't grow for the rest of the call."""

    def __init__(self, send: Send, events: SendsEvents | None = None) -> None:
        self.pull: Callable[[], bytes] = lambda: SILENCE
        self.digit: Callable[[], str] = lambda: ""
        """The digit that sounds in what was pulled last; "" for none."""
        self.skipped = 0
        self._send = send
        self._events = events
        self._event_sender: dtmf.Sender | None = None
        self._encoder = Encoder(PLAYOUT_RATE_HZ)
        self._ticks = -1
        self._silent = 0
        self._last = b""

    def line_loses(self, percent: float) -> None:
        """What the caller's end reported lately."""
        if percent >= LOSSY_PERCENT:
            self._encoder.is_lossy = True
        elif percent < CLEAN_PERCENT:
            self._encoder.is_lossy = False

    def tick(self, late_ms: float) -> None:
        self._ticks += 1
        if late_ms > MAX_CATCH_UP_FRAMES * FRAME_MS:
            self.skipped += 1
            return
        pcm = self.pull()
        if self._pressed():
            return
        was_silent = self._silent > SILENT_FRAMES or not self._last
        self._silent = self._silent + 1 if pcm == SILENCE else 0
        if self._silent > SILENT_FRAMES:
            if (self._silent - SILENT_FRAMES - 1) % REMINDER_FRAMES == 0:
                self._send(untransmitted(self._last), self._ticks * SAMPLES)
            return
        self._last = self._encoder.encode(pcm)
        self._send(self._last, self._ticks * SAMPLES, is_first=was_silent)

    def _pressed(self) -> bool:
        """Whether a digit was sent instead of the sound."""
        if self._events is None or self._events.event_hz is None:
            return False
        self._event_sender = self._event_sender or dtmf.Sender(self._events.event_hz)
        digit = self.digit()
        for packet in self._event_sender.tick(digit, self._ticks * SAMPLES):
            self._events.push_event(packet.payload, packet.ticks, is_first=packet.is_first)
        return bool(digit)
