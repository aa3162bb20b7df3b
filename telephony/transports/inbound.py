"""The caller's sound: RTP packets in as they come, one 20 ms frame of 16 kHz out whenever asked. And the digits they press."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from telephony.audio.digits import MAX_DIGITS
from telephony.audio.jitter import JitterBuffer, Lost, Packet
from telephony.transports.opus import RTP_RATE_HZ, Decoder
from telephony.wire import dtmf

RATE_HZ = 16_000
FRAME_MS = 20
FRAME_BYTES = RATE_HZ * FRAME_MS // 1000 * 2
_MADE_UP_FRAMES = 5
"""In a row: by then libopus has let it die away. What is made up longer sounds like a robot and is transcribed as words."""
_QUIET = 500
"""Samples below this (-36 dBFS) are a room between words: left out where that brings the caller's sound here sooner."""
_SILENCE = bytes(FRAME_BYTES)


def is_quiet(pcm: bytes) -> bool:
    """Nobody would miss these 20 ms."""
    samples = np.frombuffer(pcm, "<i2")
    return int(samples.max()) < _QUIET and int(samples.min()) > -_QUIET


Popped = Packet | Lost | None


class SoundDecoder(Protocol):
    """Mono PCM at ``RATE_HZ`` out of packets; ``b""`` where there is none."""

    def decode(self, payload: bytes) -> bytes: ...
    def conceal(self) -> bytes:
        """In the place of a packet that never came."""

    def recover(self, following: bytes) -> bytes:
        """The lost packet before this one, where it carries a copy."""


class Inbound:
    """``push`` and ``pull`` take the moment as an argument (milliseconds of one clock); both return at once."""

    def __init__(self, decoder: SoundDecoder | None = None, clock_hz: int = RTP_RATE_HZ) -> None:
        """``decoder``: Opus, if not said otherwise. ``clock_hz``: of RTP."""
        self.on_digit: Callable[[dtmf.DigitEvent], None] = lambda event: None
        """Told each digit when it goes down and when it is let go."""
        self._digits = dtmf.Receiver()
        self._jitter = JitterBuffer(clock_hz)
        self._decoder: SoundDecoder = decoder or Decoder(RATE_HZ)
        self._popped: tuple[Popped] | None = None
        """What ``look_ahead`` took out of the buffer for the next ``pull``."""
        self._pcm = bytearray()
        self._made_up = 0
        self.concealed = 0
        """Frames that were made up because a packet was lost or late; silence that was never sent is not among them."""
        self.recovered = 0
        """Lost frames whose copy came with the packet behind them."""
        self.last_packet_ms: float | None = None

    @property
    def received(self) -> int:
        return self._jitter.counts.received

    @property
    def delay_ms(self) -> int:
        return round(self._jitter.delay_ms)

    def push(self, ssrc: int, sequence: int, timestamp: int, payload: bytes, arrival_ms: float) -> None:
        self.last_packet_ms = arrival_ms
        self._jitter.push(sequence, timestamp, payload, arrival_ms, ssrc=ssrc)

    def pass_over(self, ssrc: int, sequence: int) -> None:
        """A packet of the stream that is no sound."""
        self._jitter.pass_over(sequence, ssrc=ssrc)

    def push_event(
        self, ssrc: int, sequence: int, timestamp: int, payload: bytes, arrival_ms: float, rate_hz: int
    ) -> None:
        self.last_packet_ms = arrival_ms
        self._jitter.pass_over(sequence, ssrc=ssrc)
        self._tell(self._digits.push(ssrc, timestamp, payload, arrival_ms, rate_hz=rate_hz, stream_hz=RTP_RATE_HZ))

    def press(self, digits: str) -> None:
        """Told on another way than RTP. What is no digit is left out."""
        for digit in digits[:MAX_DIGITS]:
            if digit in dtmf.DIGITS:
                self._tell([dtmf.Pressed(digit), dtmf.Released(digit)])

    def _tell(self, events: list[dtmf.DigitEvent]) -> None:
        for event in events:
            self.on_digit(event)

    def pull(self, now_ms: float) -> bytes:
        if self._digits.is_down and (told := self._digits.tick(now_ms)):
            self._tell(told)
        if not self._pcm:
            pcm = self._next(now_ms)
            if len(pcm) == FRAME_BYTES:  # as it nearly always is
                return pcm
            self._pcm += pcm
        while len(self._pcm) < FRAME_BYTES:
            self._pcm += self._next(now_ms)
        frame = bytes(self._pcm[:FRAME_BYTES])
        del self._pcm[:FRAME_BYTES]
        return frame

    def look_ahead(self, now_ms: float, add: Callable[[SoundDecoder, bytes], None]) -> None:
        """A ``pull`` of that moment follows: ``add`` is told which packet is decoded in it."""
        if self._pcm or self._popped is not None:
            return
        popped = self._jitter.pop(now_ms)
        self._popped = (popped,)
        if isinstance(popped, Packet):
            add(self._decoder, popped.payload)

    def _next(self, now_ms: float) -> bytes:
        """What comes next: 20 ms as a rule."""
        if self._popped is None:
            popped = self._jitter.pop(now_ms)
        else:
            (popped,), self._popped = self._popped, None
        match popped:
            case Packet(payload=payload):
                pcm = self._decoder.decode(payload)
                if pcm:
                    self._made_up = 0
                    if self._jitter.is_behind(now_ms) and is_quiet(pcm):
                        self._jitter.skipped()
                        return self._next(now_ms)
                    return pcm
                self.concealed += 1
            case Lost(following):
                if pcm := self._decoder.recover(following):
                    self._made_up = 0
                    self.recovered += 1
                    return pcm
                self.concealed += 1
            case None:  # a pause that the caller's device doesn't send, or everything is late
                pass
        self._made_up += 1
        return (self._decoder.conceal() if self._made_up <= _MADE_UP_FRAMES else b"") or _SILENCE
