"""From where a call's sound comes, when anybody can send to its port: symmetric RTP that locks ("latching", RFC 7362). Time is an argument.

A telephone behind a NAT sends from another address than its description says, so we answer to where its packets come from. Whoever
finds the port could send some too, to be heard in the call or to be sent its sound. So a source must have a claim before it is believed,
and the better the claim, the fewer packets it takes:

    the address and port of the description      its first packet
    that host, or the signalling's               two packets in a row
    another, only where theirs is hidden         five in a row and a second in which nobody with a better claim came
    (a private address, seen through a NAT)

What was held until then is not lost. Once locked, all others are strangers, until the description changes or the source has been silent for
three seconds, and then a NAT's new port on the same host is believed, but no new host. Encrypted packets prove whose they are themselves.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from egress.addresses import is_private, parse
from telephony.wire.rtp import Packet

Address = tuple[str, int]
Arrival = tuple[Packet, float]

SILENT_MS = 3_000
BETTER_CLAIM_MS = 3_000
"""So long after locking a source with a better claim may still take over."""
PATIENCE_MS = 1_000
SOURCE_CHANGED_MS = 60
"""The stream before must have been quiet for so long when the same telephone begins another (SSRC)."""
_MAX_CANDIDATES = 8
_MAX_HELD = 15
_EXACT, _LIKELY, _HIDDEN = 3, 2, 1
_NEEDED = {_EXACT: 1, _LIKELY: 2, _HIDDEN: 5}
_NEEDED_OF_NEW_STREAM = 3


@dataclass(frozen=True, slots=True)
class Expected:
    """``remote``: of their description. ``signalling``: the host that the signalling came from, "" if unknown.
    ``any_source``: trust whoever keeps sending (a carrier whose media come from addresses that it names nowhere)."""

    remote: Address
    signalling: str = ""
    any_source: bool = False

    @property
    def is_hidden(self) -> bool:
        """Their description names an address that can't be seen from here."""
        if self.any_source:
            return True
        return self.signalling not in ("", self.remote[0]) and is_private(parse(self.remote[0]))


@dataclass(slots=True)
class _Candidate:
    ssrc: int
    claim: int
    first_ms: float
    last_sequence: int
    in_a_row: int = 0
    last_ms: float = 0.0
    held: list[Arrival] = field(default_factory=list)

    def goes_on_with(self, packet: Packet, at_ms: float) -> None:
        if packet.ssrc != self.ssrc or packet.sequence != (self.last_sequence + 1) & 0xFFFF:
            self.ssrc, self.first_ms, self.in_a_row, self.held = packet.ssrc, at_ms, 0, []
        self.last_sequence, self.last_ms = packet.sequence, at_ms
        self.in_a_row += 1
        self.held.append((packet, at_ms))
        del self.held[:-_MAX_HELD]


class Latch:
    """``admit`` each packet; ``source`` is where to answer."""

    def __init__(self, expected: Expected) -> None:
        self.expected = expected
        self.source: Address | None = None
        """Locked; ``None``: nobody yet."""
        self.destination: Address | None = expected.remote if expected.remote[1] else None
        """Where our packets go; ``None``: nowhere yet."""
        self.strangers = 0
        """Packets that weren't the caller's."""
        self._ssrc: int | None = None
        self._claim = 0
        self._locked_ms = 0.0
        self._heard_ms = 0.0
        self._is_moving = False
        self._candidates: dict[Address, _Candidate] = {}
        self._next_stream: _Candidate | None = None
        self._events: _Candidate | None = None
        """Digits of the same telephone in a stream of their own beside its sound: a carrier puts them in."""

    def expect(self, expected: Expected) -> None:
        """A new description. Where it names the same address, the lock stays."""
        if expected.remote != self.expected.remote and expected.remote[1]:
            self._is_moving = self.source is not None and self.source != expected.remote
            self._candidates.clear()
        elif not expected.remote[1]:  # on hold in the old way: no address is none to go to
            expected = Expected(self.expected.remote, expected.signalling, expected.any_source)
        self.expected = expected
        if self.source is None or self._is_moving:
            self.destination = expected.remote if expected.remote[1] else self.source
        else:
            self.destination = self.source

    def admits_report(self, source: Address) -> bool:
        """RTCP may have a port of its own, but no host of its own."""
        return source[0] == (self.expected.remote[0] if self.source is None else self.source[0])

    def knows(self, source: Address, ssrc: int, at_ms: float) -> bool:
        """A packet of the stream that we have, from where it comes: to be taken as it is, fifty times a second."""
        if ssrc != self._ssrc or source != self.source:
            return False
        self._heard_ms, self._next_stream = at_ms, None
        return True

    def admit(self, source: Address, packet: Packet, at_ms: float, *, is_authentic: bool = False) -> list[Arrival]:
        """The packets to take now: this one, those held before it, or none."""
        if is_authentic:
            if source != self.source or packet.ssrc != self._ssrc:
                self._lock(source, packet.ssrc, _EXACT, at_ms)
            self._heard_ms = at_ms
            return [(packet, at_ms)]
        if source == self.source:
            return self._same_source(source, packet, at_ms)
        return self._other_source(source, packet, at_ms)

    def admit_events(self, source: Address, packet: Packet, *, is_authentic: bool = False) -> list[Packet]:
        """The same for a packet of digits whose stream is not the sound's. It comes from where the sound does, and as three in a row:
        nobody does that blindly. It never takes the sound's place."""
        if source != self.source:
            return []
        if is_authentic:
            return [packet]
        row = self._events
        if row is None:
            self._events = row = _Candidate(packet.ssrc, _EXACT, 0.0, (packet.sequence - 1) & 0xFFFF)
        row.goes_on_with(packet, 0.0)
        if row.in_a_row < _NEEDED_OF_NEW_STREAM:
            return []
        held, row.held = row.held, []
        return [each for each, _ in held]

    # ---- the telephone we know

    def _same_source(self, source: Address, packet: Packet, at_ms: float) -> list[Arrival]:
        if self.knows(source, packet.ssrc, at_ms):
            return [(packet, at_ms)]
        following = self._next_stream
        if following is None:
            self._next_stream = following = _Candidate(packet.ssrc, _EXACT, at_ms, (packet.sequence - 1) & 0xFFFF)
        following.goes_on_with(packet, at_ms)
        if following.in_a_row < _NEEDED_OF_NEW_STREAM or at_ms - self._heard_ms < SOURCE_CHANGED_MS:
            return []
        self._ssrc, self._heard_ms, self._next_stream = packet.ssrc, at_ms, None
        return following.held

    # ---- others

    def _other_source(self, source: Address, packet: Packet, at_ms: float) -> list[Arrival]:
        claim = self._claim_of(source, at_ms)
        if not claim:
            self.strangers += 1
            return []
        candidate = self._candidates.get(source)
        if candidate is None:
            if not self._has_room(claim, at_ms):
                self.strangers += 1
                return []
            candidate = _Candidate(packet.ssrc, claim, at_ms, (packet.sequence - 1) & 0xFFFF)
            self._candidates[source] = candidate
        candidate.claim = claim
        candidate.goes_on_with(packet, at_ms)
        if candidate.in_a_row < _NEEDED[claim] or self._is_outbid(candidate, at_ms):
            return []
        self._lock(source, packet.ssrc, claim, at_ms)
        return candidate.held

    def _has_room(self, claim: int, at_ms: float) -> bool:
        """For another candidate: those that have stopped make room, and those with a lesser claim."""
        if len(self._candidates) < _MAX_CANDIDATES:
            return True
        self._candidates = {
            source: each for source, each in self._candidates.items() if at_ms - each.last_ms < PATIENCE_MS
        }
        worst = min(self._candidates, key=lambda source: self._candidates[source].claim, default=None)
        if len(self._candidates) < _MAX_CANDIDATES or worst is None:
            return True
        if self._candidates[worst].claim >= claim:
            return False
        del self._candidates[worst]
        return True

    def _claim_of(self, source: Address, at_ms: float) -> int:
        """0: none."""
        expected = self.expected
        if source == expected.remote:
            claim = _EXACT
        elif source[0] in (expected.remote[0], expected.signalling, self.source and self.source[0]):
            claim = _LIKELY
        elif (self.source is None or self._is_moving) and expected.is_hidden:
            claim = _HIDDEN
        else:
            return 0
        if self.source is None or self._is_moving or at_ms - self._heard_ms >= SILENT_MS:
            return claim
        return claim if claim > self._claim and at_ms - self._locked_ms <= BETTER_CLAIM_MS else 0

    def _is_outbid(self, candidate: _Candidate, at_ms: float) -> bool:
        if candidate.claim != _HIDDEN:
            return False
        is_patient = at_ms - candidate.first_ms >= PATIENCE_MS
        return not is_patient or any(each.claim > candidate.claim for each in self._candidates.values())

    def _lock(self, source: Address, ssrc: int, claim: int, at_ms: float) -> None:
        if source != self.source:
            self._locked_ms = at_ms
        self.source = self.destination = source
        self._ssrc, self._claim, self._heard_ms = ssrc, claim, at_ms
        self._is_moving = False
        self._candidates.clear()
        self._next_stream = None
