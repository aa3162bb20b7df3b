"""Digits of a telephone as RTP carries them beside the sound: "telephone-event" (RFC 4733), packed, parsed, sent and received.

A digit is one event. Its packets have the timestamp of its beginning and tell how long it has lasted; the last one, with the E bit,
is sent three times. So an event is known by its timestamp: whichever of its packets comes first is the press, the rest are news
of it or repetitions. Time is an argument, text and bytes in, text and bytes out.

    SDP  a=rtpmap:126 telephone-event/8000 ─▶ payload_types
    RTP  payloads ─▶ Receiver ─▶ Pressed, Released        digits that sound ─▶ Sender ─▶ payloads
"""

from __future__ import annotations

import re
import struct
from collections import deque
from dataclasses import dataclass

DIGITS = "0123456789*#ABCD"
"""In the order of their event codes (RFC 4733, 3.2)."""
LONGEST = 0xFFFF
"""The duration field is full: the event goes on as another segment, with a timestamp of its own (2.5.1.3)."""
END_PACKETS = 3
LET_GO_MS = 200
"""No packet of a digit for so long: its end got lost."""
_LATEST_S = 5
"""Nothing is so late: a timestamp that much older is of a sender that began anew."""
_SEGMENT_SLACK_MS = 60
_REPORT = struct.Struct("!BBH")
_RTPMAP = re.compile(r"a=rtpmap:(\d{1,3}) telephone-event/(8000|16000|24000|32000|48000)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Report:
    """What one packet says of one digit. ``duration``: so far, on the clock of its payload type."""

    digit: str
    is_end: bool
    duration: int
    volume: int = 10
    """0 to 63: dBm0 below nought."""


@dataclass(frozen=True, slots=True)
class Pressed:
    """A digit went down. ``before``: so many digits told before it were pressed after it (its packets came late)."""

    digit: str
    before: int = 0


@dataclass(frozen=True, slots=True)
class Released:
    """It was let go, or its end got lost."""

    digit: str


DigitEvent = Pressed | Released


def pack(report: Report) -> bytes:
    return _REPORT.pack(DIGITS.index(report.digit), report.is_end << 7 | report.volume & 0x3F, report.duration)


def parse(payload: bytes) -> list[Report]:
    """The digits of a payload, more than one where short ones were packed together (2.5.1.5). Other events are left out."""
    if len(payload) % _REPORT.size:
        return []
    return [
        Report(DIGITS[code], bool(flags & 0x80), duration, flags & 0x3F)
        for code, flags, duration in _REPORT.iter_unpack(payload)
        if code < len(DIGITS)
    ]


# ---- SDP


def payload_types(sdp: str) -> dict[int, int]:
    """Payload type → clock rate of each telephone-event that the first audio section names."""
    return {int(number): int(rate) for number, rate in _RTPMAP.findall("\n".join(_audio(sdp.splitlines())))}


def offering(sdp: str, rates_hz: tuple[int, ...] = (48_000, 8_000)) -> str:
    """This offer of audio with telephone-event in it: as Chrome does, or at other rates."""
    lines = sdp.splitlines()
    section = _audio(lines)
    if not section or _RTPMAP.search("\n".join(section)):
        return sdp
    taken = {int(number) for number in section[0].split()[3:] if number.isdigit()}
    free = (number for number in range(101, 128) if number not in taken)
    types = dict(zip(free, rates_hz, strict=False))
    added = [
        line
        for number, rate_hz in types.items()
        for line in (f"a=rtpmap:{number} telephone-event/{rate_hz}", f"a=fmtp:{number} 0-15")
    ]
    at = lines.index(section[0])
    lines[at : at + len(section)] = [" ".join((section[0], *map(str, types))), *section[1:], *added]
    return "\r\n".join(lines) + "\r\n"


def _audio(lines: list[str]) -> list[str]:
    begin = next((at for at, line in enumerate(lines) if line.startswith("m=audio ")), None)
    if begin is None:
        return []
    end = next((at for at in range(begin + 1, len(lines)) if lines[at].startswith("m=")), len(lines))
    return lines[begin:end]


# ---- in


@dataclass(slots=True)
class _Down:
    ticks: int
    digit: str
    duration: int
    seen_ms: float


class Receiver:
    """One stream's digits: ``push`` what arrives, ``tick`` now and then. Another SSRC begins anew."""

    def __init__(self) -> None:
        self._ssrc: int | None = None
        self._down: _Down | None = None
        self._known: deque[int] = deque(maxlen=32)
        """Timestamps of the last events, unwrapped, in their order."""

    def push(
        self, ssrc: int, timestamp: int, payload: bytes, at_ms: float, *, rate_hz: int = 8_000, stream_hz: int = 8_000
    ) -> list[DigitEvent]:
        """``rate_hz`` counts durations, ``stream_hz`` timestamps: browsers send "telephone-event/8000" beside sound of 48,000 Hz."""
        told: list[DigitEvent] = []
        if ssrc != self._ssrc:
            told += self._let_go()
            self._ssrc = ssrc
            self._known.clear()
        ticks = self._unwrapped(timestamp)
        for report in parse(payload):
            told += self._take(ticks, report, at_ms, rate_hz, stream_hz)
            ticks += report.duration * stream_hz // rate_hz
        return told

    @property
    def is_down(self) -> bool:
        """A digit: it is to be let go some time, see ``tick``."""
        return self._down is not None

    def tick(self, at_ms: float) -> list[DigitEvent]:
        """Lets go of a digit of which nothing more was heard."""
        if self._down is None or at_ms - self._down.seen_ms < LET_GO_MS:
            return []
        return self._let_go()

    def _take(self, ticks: int, report: Report, at_ms: float, rate_hz: int, stream_hz: int) -> list[DigitEvent]:
        down = self._down
        if down is not None and down.digit == report.digit and self._goes_on(down, ticks, rate_hz, stream_hz):
            if ticks != down.ticks:
                self._known.append(ticks)
            duration = max(down.duration, report.duration) if ticks == down.ticks else report.duration
            self._down = _Down(ticks, report.digit, duration, at_ms)
            return self._let_go() if report.is_end else []
        if ticks in self._known:
            return []  # the end once more, or a packet that the end has overtaken
        if self._known and ticks < self._known[-1] - _LATEST_S * stream_hz:
            self._known.clear()
        if self._known and ticks < self._known[-1]:
            return self._came_late(ticks, report)
        self._known.append(ticks)
        told: list[DigitEvent] = [*self._let_go(), Pressed(report.digit)]
        self._down = _Down(ticks, report.digit, report.duration, at_ms)
        return told + self._let_go() if report.is_end else told

    def _goes_on(self, down: _Down, ticks: int, rate_hz: int, stream_hz: int) -> bool:
        """News of the digit that is down: of the same event, or of its next segment."""
        if ticks == down.ticks:
            return True
        slack = _SEGMENT_SLACK_MS * rate_hz // 1000
        since = (ticks - down.ticks) * rate_hz // stream_hz
        return down.duration >= LONGEST - slack * 2 and LONGEST - slack <= since <= LONGEST + slack * 2

    def _came_late(self, ticks: int, report: Report) -> list[DigitEvent]:
        """All packets of a digit were late or lost but this one, and another digit was told meanwhile."""
        self._known = deque(sorted((*self._known, ticks)), maxlen=self._known.maxlen)
        return [Pressed(report.digit, before=sum(each > ticks for each in self._known))]

    def _let_go(self) -> list[DigitEvent]:
        down, self._down = self._down, None
        return [] if down is None else [Released(down.digit)]

    def _unwrapped(self, timestamp: int) -> int:
        if not self._known:
            return timestamp
        newest = self._known[-1]
        return newest + ((timestamp - newest + 0x8000_0000) & 0xFFFF_FFFF) - 0x8000_0000


# ---- out


@dataclass(frozen=True, slots=True)
class Packet:
    """``ticks``: the event's place on the stream's clock. ``is_first``: set the marker."""

    payload: bytes
    ticks: int
    is_first: bool


class Sender:
    """``tick`` it every 20 ms with the digit that sounds during them ("" for none); send what comes of it."""

    def __init__(self, rate_hz: int) -> None:
        """``rate_hz``: of the payload type, which counts the durations. The ``ticks`` are the stream's."""
        self._per_tick = rate_hz // 50
        self._digit = ""
        self._ticks = 0
        self._duration = 0
        self._ends_owed = 0

    @property
    def is_busy(self) -> bool:
        """A digit sounds, or its end is not all told."""
        return bool(self._digit)

    def tick(self, digit: str, ticks: int) -> list[Packet]:
        sent: list[Packet] = []
        if self._digit and digit != self._digit and not self._ends_owed:
            self._ends_owed = END_PACKETS
        if digit and (self._ends_owed or not self._digit):
            sent += [self._packet(is_end=True) for _ in range(self._ends_owed)]  # no time is left to spread them
            self._digit, self._ticks, self._duration, self._ends_owed = digit, ticks, 0, 0
        if digit:
            self._duration = min(LONGEST, self._duration + self._per_tick)
            sent.append(self._packet(is_first=self._duration == self._per_tick))
        elif self._ends_owed:
            sent.append(self._packet(is_end=True))
            self._ends_owed -= 1
            if not self._ends_owed:
                self._digit = ""
        return sent

    def _packet(self, *, is_end: bool = False, is_first: bool = False) -> Packet:
        return Packet(pack(Report(self._digit, is_end, self._duration)), self._ticks, is_first)
