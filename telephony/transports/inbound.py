"""The caller's ear to us: RTP packets in, one 20 ms frame of 16 kHz sound out whenever asked."""

from __future__ import annotations

import time

from telephony.audio.resample import Resampler
from telephony.transports.opus import RTP_RATE_HZ, SAMPLES, Decoder

FRAME_BYTES = 640


class Inbound:
    def __init__(self) -> None:
        self._decoder = Decoder()
        self._resampler = Resampler(RTP_RATE_HZ, 16_000)
        self._pcm = bytearray(128)
        self._packets: dict[int, bytes] = {}
        self._next: int | None = None
        self.received = 0
        self.concealed = 0
        self.last_packet_at: float | None = None

    @property
    def buffer_ms(self) -> int:
        return len(self._packets) * 20

    def push(self, ssrc: int, sequence: int, timestamp: int, payload: bytes) -> None:
        self.received += 1
        self.last_packet_at = time.monotonic()
        if self._next is not None and (sequence - self._next) & 0xFFFF > 0x8000:
            return
        self._packets[sequence] = payload

    def pull(self) -> bytes:
        while len(self._pcm) < FRAME_BYTES:
            pcm = b""
            if self._next is None and len(self._packets) >= 3:
                self._next = min(self._packets)
            if self._next is not None:
                payload = self._packets.pop(self._next, None)
                if payload is not None or self._packets:
                    self._next = (self._next + 1) & 0xFFFF
                if payload is not None:
                    pcm = self._decoder.decode(payload)
            if not pcm:
                self.concealed += 1
                pcm = bytes(SAMPLES * 2)
            self._pcm += self._resampler.push(pcm)
        frame = bytes(self._pcm[:FRAME_BYTES])
        del self._pcm[:FRAME_BYTES]
        return frame
