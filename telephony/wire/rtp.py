"""RTP packets (RFC 3550, 5.1), read and written. Bytes in, values out; what is no packet is ``None`` and never an exception."""

from __future__ import annotations

import struct
from dataclasses import dataclass

HEADER_BYTES = 12
_HEADER = struct.Struct("!BBHLL")
_VERSION_2 = 0x80
_FIRST_RTCP, _LAST_RTCP = 192, 223


@dataclass(slots=True)
class Packet:
    """Header extensions and contributing sources are left out. Not frozen: fifty a second and call are made of them."""

    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes
    is_marked: bool = False


def is_rtcp(data: bytes) -> bool:
    """Which of the two a datagram of a shared port is (RFC 5761, 4)."""
    return len(data) > 1 and _FIRST_RTCP <= data[1] <= _LAST_RTCP


def parse(data: bytes) -> Packet | None:
    if len(data) < HEADER_BYTES or data[0] >> 6 != 2:
        return None
    first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(data)
    begin, end = HEADER_BYTES, len(data)
    if first & 0x3F:
        begin += 4 * (first & 0x0F)
        if first & 0x10:
            if begin + 4 > end:
                return None
            begin += 4 + 4 * int.from_bytes(data[begin + 2 : begin + 4], "big")
        if first & 0x20:
            if not data[-1]:
                return None
            end -= data[-1]
        if begin > end:
            return None
    return Packet(second & 0x7F, sequence, timestamp, ssrc, data[begin:end], second > 0x7F)


def pack(packet: Packet) -> bytes:
    return packed(packet.payload_type, packet.sequence, packet.timestamp, packet.ssrc, packet.payload, packet.is_marked)


def packed(payload_type: int, sequence: int, timestamp: int, ssrc: int, payload: bytes, is_marked: bool) -> bytes:
    """The same of what would be a packet's."""
    return _HEADER.pack(_VERSION_2, is_marked << 7 | payload_type, sequence, timestamp, ssrc) + payload
