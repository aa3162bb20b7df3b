"""What is received of one RTP source, counted as RFC 3550 has it (A.1, A.3, A.8), for the reports to its sender. Time is an argument."""

from __future__ import annotations

from telephony.wire import rtcp

MAX_DROPOUT, MAX_MISORDER = 3_000, 100
"""Packets ahead and behind that still are this stream (A.1). Further off, two in a row say that the sender began anew."""


class Receiving:
    """``push`` each packet's number as it arrives; ``report`` every few seconds."""

    def __init__(self, ssrc: int, rate_hz: int) -> None:
        self.ssrc = ssrc
        self.rate_hz = rate_hz
        self.received = 0
        self._jitter = 0.0
        self._transit: float | None = None
        self._last_report = 0
        self._report_came_ms = 0.0
        self._restart(None)

    def _restart(self, sequence: int | None) -> None:
        self._first = self._highest = sequence
        self._cycles = 0
        self._expected_next: int | None = None
        """The number that would make a jump a new beginning."""
        self._received_since_start = 0 if sequence is None else 1
        self._expected_before = self._received_before = 0
        self._transit = None

    def push(self, sequence: int) -> bool:
        """False: so far from the others that it is none of them, unless the next one follows it."""
        if self._highest is None:
            self._restart(sequence)
            self.received += 1
            return True
        ahead = (sequence - self._highest) & 0xFFFF
        if MAX_DROPOUT <= ahead <= 0x1_0000 - MAX_MISORDER:
            if sequence != self._expected_next:
                self._expected_next = (sequence + 1) & 0xFFFF
                return False
            self._restart(sequence)
        else:
            if ahead < MAX_DROPOUT:
                self._cycles += sequence < self._highest
                self._highest = sequence
            self._received_since_start += 1
        self.received += 1
        return True

    def time(self, timestamp: int, at_ms: float) -> None:
        """When a packet of sound came, for the jitter (A.8)."""
        transit = at_ms * self.rate_hz / 1000 - timestamp
        if self._transit is not None:
            difference = (transit - self._transit + 0x8000_0000) % 0x1_0000_0000 - 0x8000_0000
            self._jitter += (abs(difference) - self._jitter) / 16
        self._transit = transit

    @property
    def jitter_ms(self) -> float:
        return self._jitter * 1000 / self.rate_hz

    @property
    def lost(self) -> int:
        """Since it began (or began anew); duplicates count against it, so it may be negative."""
        return self._expected - self._received_since_start

    @property
    def _expected(self) -> int:
        if self._highest is None or self._first is None:
            return 0
        return (self._cycles << 16) + self._highest - self._first + 1

    def sender_reported(self, report: rtcp.SenderReport, at_ms: float) -> None:
        self._last_report, self._report_came_ms = rtcp.middle(report.ntp), at_ms

    def report(self, at_ms: float) -> rtcp.Reception:
        """Begins the next interval."""
        expected = self._expected - self._expected_before
        lost = expected - (self._received_since_start - self._received_before)
        self._expected_before, self._received_before = self._expected, self._received_since_start
        since = int((at_ms - self._report_came_ms) * 65.536) if self._last_report else 0
        return rtcp.Reception(
            ssrc=self.ssrc,
            lost_fraction=max(0.0, min(1.0, lost / expected)) if expected > 0 else 0.0,
            lost=self.lost,
            highest_sequence=((self._cycles << 16) + (self._highest or 0)) & 0xFFFF_FFFF,
            jitter=int(self._jitter),
            last_report=self._last_report,
            since_report=max(0, since) & 0xFFFF_FFFF,
        )
