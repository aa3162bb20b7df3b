"""The agent's half of a telephone call's RTP: 20 ms of sound in, packets out. Pure.

Silence is sent as well: a NAT forgets a telephone that nothing is sent to, and many gateways take a pause for the end of the call.
"""

from __future__ import annotations

from dataclasses import dataclass

from telephony.transports import phone_codecs
from telephony.transports.inbound import FRAME_MS
from telephony.transports.opus import FRAME_MS as OPUS_FRAME_MS
from telephony.wire import dtmf, rtp
from telephony.wire.codings import CLOCK_HZ, Coding
from telephony.wire.offer_answer import PTIME_MS, Agreed

LOSSY_PERCENT, CLEAN_PERCENT = 3.0, 1.0
"""Lost on the way to them: from the first on Opus carries copies, below the second no more."""
assert OPUS_FRAME_MS == FRAME_MS == PTIME_MS


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a stream's numbers begin: at random (RFC 3550, 5.1), so that nobody guesses them. ``cname``: who it is in reports."""

    ssrc: int
    sequence: int
    timestamp: int
    cname: str
    clock_began_s: float = 0.0
    """Unix time when the clock of all the milliseconds was at 0."""


class Sending:
    """``speak`` every 20 ms; ``pass_by`` where that frame isn't to be sent."""

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self._ssrc = origin.ssrc
        self.packets = 0
        self.octets = 0
        self.timestamp = origin.timestamp
        self._sequence = origin.sequence
        self._coding: Coding | None = None
        self._step = 0
        """Of RTP's clock in 20 ms."""
        self._payload_type = 0
        self._events: int | None = None
        self._digits: dtmf.Sender | None = None
        self._takes_fec = False
        self._was_quiet = True
        """Nothing was sent just before: the next packet is marked (RFC 3551, 4.1)."""
        self._packet_bytes = 0
        """As many make a packet, where that is another number than one frame has; else 0."""
        self._waiting = b""
        self._waiting_since = 0

    def agree(self, agreed: Agreed) -> None:
        """From the next frame on. The stream goes on, in another coding if need be."""
        if agreed.coding != self._coding:
            self._encoder = phone_codecs.encoder(agreed.coding)
            self._was_quiet = True
        self._coding, self._payload_type, self._takes_fec = agreed.coding, agreed.payload_type, agreed.takes_fec
        self._step = CLOCK_HZ[agreed.coding] * FRAME_MS // 1000
        events = None if agreed.events is None else agreed.events[0]
        if events != self._events:
            self._events = events
            self._digits = dtmf.Sender(agreed.events[1]) if agreed.events is not None else None
        is_whole = agreed.ptime_ms == FRAME_MS or agreed.coding == "opus"
        self._packet_bytes = 0 if is_whole else agreed.ptime_ms * 8  # G.711 and G.722: 64 kbit/s
        self._waiting = b""

    def line_loses(self, percent: float) -> None:
        """What their end reported lately."""
        if percent >= LOSSY_PERCENT:
            self._encoder.is_lossy = self._takes_fec
        elif percent < CLEAN_PERCENT:
            self._encoder.is_lossy = False

    def speak(self, pcm: bytes, digit: str = "") -> list[bytes]:
        """The packets of 20 ms at ``PLAYOUT_RATE_HZ``. ``digit``: what sounds in them ("" for none), which goes out beside the
        sound where they take it, and instead of it."""
        events, digits, timestamp = self._events, self._digits, self.timestamp
        self.timestamp = timestamp + self._step
        sent: list[bytes] = []
        if events is not None and digits is not None and (digit or digits.is_busy):
            packets = digits.tick(digit, timestamp)
            sent = [self._packed(events, each.payload, each.ticks, each.is_first) for each in packets]
            if digit:
                self._waiting, self._was_quiet = b"", True
                return sent
        payload = self._encoder.encode(pcm)
        if self._packet_bytes:
            return sent + self._pieces(payload, timestamp)
        sent.append(self._packed(self._payload_type, payload, timestamp, self._was_quiet))
        self._was_quiet = False
        return sent

    def pass_by(self) -> None:
        """20 ms that aren't sent: on hold, or over before we came to it."""
        self.timestamp += self._step
        self._waiting, self._was_quiet = b"", True

    def _pieces(self, payload: bytes, timestamp: int) -> list[bytes]:
        """Packets of their length, as far as there is sound for them."""
        size = self._packet_bytes
        if not self._waiting:
            self._waiting_since = timestamp
        self._waiting += payload
        sent: list[bytes] = []
        while len(self._waiting) >= size:
            sent.append(self._marked(self._waiting[:size], self._waiting_since))
            self._waiting = self._waiting[size:]
            self._waiting_since += size
        return sent

    def _marked(self, payload: bytes, timestamp: int) -> bytes:
        is_first, self._was_quiet = self._was_quiet, False
        return self._packed(self._payload_type, payload, timestamp, is_first)

    def _packed(self, payload_type: int, payload: bytes, timestamp: int, is_marked: bool) -> bytes:
        sequence, self._sequence = self._sequence, (self._sequence + 1) & 0xFFFF
        self.packets += 1
        self.octets += len(payload)
        return rtp.packed(payload_type, sequence, timestamp & 0xFFFF_FFFF, self._ssrc, payload, is_marked)
