"""RTCP (RFC 3550, 6): how the sound arrives at either end, as both tell each other every few seconds. Bytes in, values out.

Reading is lenient: of a compound packet all parts are told up to the first that is broken, and those we don't know are left out.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

SENDER_REPORT, RECEIVER_REPORT, SOURCE_DESCRIPTION, GOODBYE = 200, 201, 202, 203
MAX_PARTS = 32
_CNAME = 1
_PART = struct.Struct("!BBH")
_SENDER = struct.Struct("!LQLLL")
_BLOCK = struct.Struct("!LLLLLL")
_NTP_EPOCH_S = 2_208_988_800


@dataclass(frozen=True, slots=True)
class Reception:
    """What its author received of the source ``ssrc``. ``jitter`` counts on the stream's clock, ``since_report`` 1/65536 s."""

    ssrc: int
    lost_fraction: float
    """Of what was sent since the report before: 0 to 1."""
    lost: int
    highest_sequence: int
    """With the number of its wraps in the upper half."""
    jitter: int
    last_report: int = 0
    """The middle half of the NTP time in the last sender report that came; 0: none did."""
    since_report: int = 0


@dataclass(frozen=True, slots=True)
class SenderReport:
    ssrc: int
    ntp: int
    """64 bits: seconds since 1900, and their fraction."""
    rtp: int
    packets: int
    octets: int
    receptions: tuple[Reception, ...] = ()


@dataclass(frozen=True, slots=True)
class ReceiverReport:
    ssrc: int
    receptions: tuple[Reception, ...] = ()


@dataclass(frozen=True, slots=True)
class SourceDescription:
    ssrc: int
    cname: str


@dataclass(frozen=True, slots=True)
class Goodbye:
    ssrcs: tuple[int, ...]


Report = SenderReport | ReceiverReport
Part = Report | SourceDescription | Goodbye


def ntp_time(unix_s: float) -> int:
    return int((unix_s + _NTP_EPOCH_S) * 2**32) & 0xFFFF_FFFF_FFFF_FFFF


def middle(ntp: int) -> int:
    """What a reception report says of a sender report's time."""
    return ntp >> 16 & 0xFFFF_FFFF


def round_trip_ms(reception: Reception, now_ntp: int) -> float | None:
    """From our last report to this answer of it, without the time it lay there; ``None`` where they had none of ours."""
    if not reception.last_report:
        return None
    gone = (middle(now_ntp) - reception.last_report - reception.since_report) & 0xFFFF_FFFF
    return gone * 1000 / 65536 if gone < 0x8000_0000 else 0.0


# ---- in


def parse(data: bytes) -> list[Part]:
    parts: list[Part] = []
    at = 0
    while at + 4 <= len(data) and len(parts) < MAX_PARTS:
        first, kind, words = _PART.unpack_from(data, at)
        end = at + 4 + 4 * words
        if first >> 6 != 2 or end > len(data):
            break
        padding = data[end - 1] if first & 0x20 and end > at + 4 else 0
        parts += _part(kind, first & 0x1F, data[at + 4 : max(at + 4, end - padding)])
        at = end
    return parts


def _part(kind: int, count: int, body: bytes) -> list[Part]:
    if kind == SENDER_REPORT and len(body) >= _SENDER.size:
        ssrc, ntp, rtp, packets, octets = _SENDER.unpack_from(body)
        return [SenderReport(ssrc, ntp, rtp, packets, octets, _receptions(body[_SENDER.size :], count))]
    if kind == RECEIVER_REPORT and len(body) >= 4:
        return [ReceiverReport(int.from_bytes(body[:4], "big"), _receptions(body[4:], count))]
    if kind == SOURCE_DESCRIPTION:
        return list(_descriptions(body, count))
    if kind == GOODBYE:
        count = min(count, len(body) // 4)
        return [Goodbye(struct.unpack_from(f"!{count}L", body))]
    return []


def _receptions(body: bytes, count: int) -> tuple[Reception, ...]:
    read: list[Reception] = []
    for at in range(0, min(count * _BLOCK.size, len(body) - _BLOCK.size + 1), _BLOCK.size):
        ssrc, loss, highest, jitter, last_report, since = _BLOCK.unpack_from(body, at)
        lost = loss & 0x00FF_FFFF
        lost -= (lost & 0x80_0000) << 1  # signed: duplicates can make it negative
        read.append(Reception(ssrc, (loss >> 24) / 256, lost, highest, jitter, last_report, since))
    return tuple(read)


def _descriptions(body: bytes, count: int) -> list[SourceDescription]:
    read: list[SourceDescription] = []
    at = 0
    while at + 4 <= len(body) and len(read) < count:
        ssrc, cname = int.from_bytes(body[at : at + 4], "big"), ""
        at += 4
        while at < len(body) and body[at]:
            if at + 2 > len(body) or at + 2 + body[at + 1] > len(body):
                return read
            if body[at] == _CNAME:
                cname = body[at + 2 : at + 2 + body[at + 1]].decode("utf-8", "replace")
            at += 2 + body[at + 1]
        at += 4 - at % 4
        read.append(SourceDescription(ssrc, cname))
    return read


# ---- out


def pack(parts: list[Part]) -> bytes:
    """One compound packet. Its first part must be a report and one must describe the source (6.1): the caller sees to that."""
    return b"".join(map(_packed, parts))


def _packed(part: Part) -> bytes:
    match part:
        case SenderReport():
            body = _SENDER.pack(part.ssrc, part.ntp, part.rtp, part.packets & 0xFFFF_FFFF, part.octets & 0xFFFF_FFFF)
            return _whole(SENDER_REPORT, len(part.receptions), body + _blocks(part.receptions))
        case ReceiverReport():
            return _whole(
                RECEIVER_REPORT, len(part.receptions), part.ssrc.to_bytes(4, "big") + _blocks(part.receptions)
            )
        case SourceDescription():
            name = part.cname.encode()[:255]
            item = part.ssrc.to_bytes(4, "big") + bytes((_CNAME, len(name))) + name
            return _whole(SOURCE_DESCRIPTION, 1, item + bytes(4 - len(item) % 4))
        case Goodbye():
            return _whole(GOODBYE, len(part.ssrcs), struct.pack(f"!{len(part.ssrcs)}L", *part.ssrcs))


def _whole(kind: int, count: int, body: bytes) -> bytes:
    return _PART.pack(0x80 | count, kind, len(body) // 4) + body


def _blocks(receptions: tuple[Reception, ...]) -> bytes:
    return b"".join(
        _BLOCK.pack(
            each.ssrc,
            min(255, int(each.lost_fraction * 256)) << 24 | max(-0x80_0000, min(0x7F_FFFF, each.lost)) & 0xFF_FFFF,
            each.highest_sequence,
            each.jitter,
            each.last_report,
            each.since_report,
        )
        for each in receptions
    )
