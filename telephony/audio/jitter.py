"""RTP packets as the network brings them, in the order and at the pace they were sent. Pure; time is an argument.

A packet is due its own timestamp plus a delay that follows the network: 60 ms at first, between 40 and 200, quickly up when packets
come too late, slowly down when they don't. A missing packet is told as ``Lost`` when its moment is there, and never stops those
behind it. (aiortc's own buffer turns 5 % of loss into 24 % of lost sound and 280 ms of delay; this one delivers what arrived.)

Sequence numbers wrap at 16 bits, timestamps at 32 (RFC 3550, 5.1); a gap in the timestamps without one in the numbers is silence
that wasn't sent (DTX), and stays as long as it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

START_MS, MIN_MS, MAX_MS = 60.0, 40.0, 200.0
MAX_PACKETS = 100
_FRAME_MS = 20
_MARGIN_MS = 15.0
_BASE_WINDOW_MS = 8_000
_STRANGE_JUMP = 3_000
"""Packets: nobody loses a minute and goes on. The sender began anew."""
_LATE_RUN = 25
_TINY_BYTES = 8
"""Opus sends silence in packets of a few bytes: the ones to leave out when we are behind."""


class Packet(NamedTuple):
    sequence: int
    timestamp: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Lost:
    """20 ms (one packet's worth) that won't come: conceal it."""

    following: bytes = b""
    """The packet right behind it, where that is here already: some codecs put a copy of the one before into each."""


@dataclass(slots=True)
class Counts:
    received: int = 0
    played: int = 0
    lost: int = 0
    late: int = 0
    """Came when their moment was over."""
    duplicate: int = 0
    shed: int = 0
    """Left out to catch up."""


class JitterBuffer:
    """``push`` what arrives; ``pop`` whenever there is room for sound. One stream at a time: another SSRC begins anew."""

    def __init__(self, rate_hz: int = 48_000) -> None:
        self.rate_hz = rate_hz
        self.counts = Counts()
        self.delay_ms = START_MS
        self._ssrc: int | None = None
        self._reset()

    def _reset(self) -> None:
        self._waiting: dict[int, tuple[Packet, int]] = {}
        """By their numbers, with their timestamps; both unwrapped."""
        self._last_sequence: int | None = None
        self._last_ticks = 0
        self._next: int | None = None
        self._next_ticks = 0
        self._ticks_a_packet = self.rate_hz * _FRAME_MS // 1000
        self._is_flowing = False
        self._late_run = 0
        self._without_sound: set[int] = set()
        """Numbers that something else than sound had."""
        self._base_ms: float | None = None
        self._window_min_ms: float | None = None
        self._window_end_ms = 0.0
        self._lateness_peak_ms = 0.0
        self._lower_at_ms = 0.0

    @property
    def buffered_ms(self) -> int:
        """Sound that waits here."""
        return len(self._waiting) * self._ticks_a_packet * 1000 // self.rate_hz

    # ---- in

    def push(self, sequence: int, timestamp: int, payload: bytes, arrival_ms: float, *, ssrc: int = 0) -> None:
        self.counts.received += 1
        if ssrc != self._ssrc:
            self._ssrc = ssrc
            self._reset()
        number, ticks = self._unwrapped(sequence, timestamp)
        last = self._last_sequence
        if last is not None and not -_STRANGE_JUMP <= number - last <= _STRANGE_JUMP:
            self._reset()
            last = None
            number, ticks = self._unwrapped(sequence, timestamp)
        if self._next is not None and number < self._next:
            self._too_late(number, ticks, arrival_ms)
            return
        if number in self._waiting:
            self.counts.duplicate += 1
            return
        self._late_run = 0
        if last is not None and number == last + 1:
            step = ticks - self._last_ticks
            if step != self._ticks_a_packet and 0 < step <= self.rate_hz * 120 // 1000:
                self._ticks_a_packet = min(step, self._ticks_a_packet) if self._waiting else step
        if last is None or number > last:
            self._last_sequence, self._last_ticks = number, ticks
        self._waiting[number] = (Packet(sequence, timestamp, payload), ticks)
        self._learn(ticks, arrival_ms)
        while len(self._waiting) > MAX_PACKETS:
            del self._waiting[min(self._waiting)]
            self.counts.shed += 1

    def pass_over(self, sequence: int, *, ssrc: int = 0) -> None:
        """A packet of this number came and is no sound (a key that was pressed): it isn't missing."""
        if ssrc != self._ssrc or self._last_sequence is None:
            return
        number, _ = self._unwrapped(sequence, self._last_ticks)
        if self._next is None or number >= self._next:
            self._without_sound.add(number)
        while len(self._without_sound) > MAX_PACKETS:
            self._without_sound.remove(min(self._without_sound))

    def _unwrapped(self, sequence: int, timestamp: int) -> tuple[int, int]:
        """Numbers that don't wrap, near those before."""
        if self._last_sequence is None:
            return sequence, timestamp
        number = self._last_sequence + ((sequence - self._last_sequence + 0x8000) & 0xFFFF) - 0x8000
        ticks = self._last_ticks + ((timestamp - self._last_ticks + 0x8000_0000) & 0xFFFF_FFFF) - 0x8000_0000
        return number, ticks

    def _too_late(self, number: int, ticks: int, arrival_ms: float) -> None:
        self.counts.late += 1
        self._late_run += 1
        if self._late_run >= _LATE_RUN:  # not late: counting anew
            self._reset()
            return
        if self._next is not None and number > self._next - 10:
            self._learn(ticks, arrival_ms)

    # ---- the network

    def _learn(self, ticks: int, arrival_ms: float) -> None:
        """How late it is against the quickest packets of the last seconds; the delay must cover that."""
        transit_ms = arrival_ms - ticks * 1000 / self.rate_hz
        if self._base_ms is None or self._window_min_ms is None:
            self._base_ms = self._window_min_ms = transit_ms
            self._window_end_ms = arrival_ms + _BASE_WINDOW_MS
            self._lower_at_ms = arrival_ms + 2_000
        self._window_min_ms = min(self._window_min_ms, transit_ms)
        if transit_ms < self._base_ms:
            self._move_base(transit_ms)
        elif arrival_ms >= self._window_end_ms:
            self._move_base(self._window_min_ms)
            self._window_min_ms, self._window_end_ms = transit_ms, arrival_ms + _BASE_WINDOW_MS
        needed_ms = transit_ms - self._base_ms + _MARGIN_MS
        self._lateness_peak_ms = max(self._lateness_peak_ms, needed_ms)
        if needed_ms > self.delay_ms:
            self.delay_ms = min(MAX_MS, needed_ms)
            self._lower_at_ms = arrival_ms + 3_000
        elif arrival_ms >= self._lower_at_ms:
            self.delay_ms = max(MIN_MS, min(MAX_MS, self._lateness_peak_ms), self.delay_ms - 20)
            self._lateness_peak_ms, self._lower_at_ms = 0.0, arrival_ms + 1_000

    def _move_base(self, base_ms: float) -> None:
        """The network got quicker or slower: what is due when doesn't change at once."""
        if self._base_ms is not None:
            self.delay_ms = min(MAX_MS, max(MIN_MS, self.delay_ms + self._base_ms - base_ms))
        self._base_ms = base_ms

    def _due_ms(self, ticks: int) -> float:
        return ticks * 1000 / self.rate_hz + (self._base_ms or 0.0) + self.delay_ms

    # ---- out

    def pop(self, now_ms: float) -> Packet | Lost | None:
        """The next packet if it is due. ``None``: nothing is, the line is silent, or everything is late."""
        waiting = self._waiting
        if not waiting:
            self._is_flowing = False
            return None
        expected = self._next
        first = expected if expected is not None and expected in waiting else min(waiting)
        if self._next is None:
            self._next, self._next_ticks = first, waiting[first][1]
        # In the flow the next packet may come up to a frame early: our 20 ms are not the sender's.
        until_ms = now_ms + (_FRAME_MS if self._is_flowing else 0)
        if first > self._next and (lost := self._at_gap(first, until_ms)) is not None:
            return lost
        due_ms = self._due_ms(waiting[first][1])
        if due_ms > until_ms:
            self._is_flowing = False
            return None
        if now_ms - due_ms >= _FRAME_MS and self._shed(first, now_ms - due_ms):
            first += 1
        packet, ticks = waiting.pop(first)
        self._next, self._next_ticks = first + 1, ticks + self._ticks_a_packet
        self._is_flowing = True
        self.counts.played += 1
        return packet

    def is_behind(self, now_ms: float) -> bool:
        """After a ``pop``: the packet behind the one it gave is due already, so leaving that one out would shorten the delay."""
        following = None if self._next is None else self._waiting.get(self._next)
        return following is not None and self._due_ms(following[1]) <= now_ms

    def skipped(self) -> None:
        """The packet that ``pop`` gave was left out."""
        self.counts.shed += 1

    def _at_gap(self, first: int, until_ms: float) -> Lost | None:
        """Packets are missing before ``first``. Those whose moment is over are forgotten."""
        assert self._next is not None
        while self._next < first:
            if self._next in self._without_sound:
                self._without_sound.remove(self._next)
                self._next += 1
                continue
            due_ms = self._due_ms(self._next_ticks)
            is_over = (
                due_ms + _FRAME_MS * 2 <= until_ms or self._due_ms(self._waiting[first][1]) + _FRAME_MS <= until_ms
            )
            if not is_over and due_ms > until_ms:
                return None  # it may still come
            if not is_over and self._next_ticks >= self._waiting[first][1]:
                self._next = first  # the numbers are missing, the time is not
                return None
            self._next += 1
            self._next_ticks += self._ticks_a_packet
            self.counts.lost += 1
            if not is_over:
                self._is_flowing = True
                following = self._waiting.get(self._next)
                is_next = following is not None and following[1] == self._next_ticks
                return Lost(following[0].payload if following is not None and is_next else b"")
        return None

    def _shed(self, first: int, behind_ms: float) -> bool:
        """Behind the time (the delay was lowered, or their clock is faster): leave out a silent packet, or any if far behind."""
        if first + 1 not in self._waiting:
            return False
        if behind_ms < _FRAME_MS * 3 and len(self._waiting[first][0].payload) > _TINY_BYTES:
            return False
        del self._waiting[first]
        self.counts.shed += 1
        return True
