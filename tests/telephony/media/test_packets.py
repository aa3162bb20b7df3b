"""RTP and RTCP packets, and what is counted of them, beside aiortc's reading of the same bytes."""

from __future__ import annotations

import itertools
import random
import struct

import pytest
from aiortc import rtp as theirs

from telephony.wire import rtcp, rtp, srtp
from telephony.wire.reception import Receiving
from telephony.wire.sdes import SUITES, Crypto

WHOLE = rtp.pack(rtp.Packet(8, 65_535, 0xFFFF_FFF0, 0xDEAD_BEEF, b"sound", True))


def test_a_packet_is_read_as_it_was_written() -> None:
    read = rtp.parse(WHOLE)
    assert read == rtp.Packet(8, 65_535, 0xFFFF_FFF0, 0xDEAD_BEEF, b"sound", True)
    other = theirs.RtpPacket.parse(WHOLE)
    assert (other.payload_type, other.marker, other.sequence_number, other.ssrc, other.payload) == (
        8,
        1,
        65_535,
        0xDEAD_BEEF,
        b"sound",
    )


@pytest.mark.parametrize(
    ("data", "payload"),
    [
        pytest.param(b"\x80\x00" + bytes(10), b"", id="empty"),
        pytest.param(b"\xa0\x00" + bytes(10) + b"ab\0\0\x03", b"ab", id="padded"),
        pytest.param(b"\x82\x00" + bytes(10) + bytes(8) + b"ab", b"ab", id="of two sources"),
        pytest.param(b"\x90\x00" + bytes(10) + b"\xbe\xde\0\x01" + bytes(4) + b"ab", b"ab", id="with an extension"),
        pytest.param(b"\x80\x00" + bytes(9), None, id="too short"),
        pytest.param(b"", None, id="nothing"),
        pytest.param(b"\x40\x00" + bytes(10), None, id="another version"),
        pytest.param(b"\x8f\x00" + bytes(10), None, id="sources that aren't there"),
        pytest.param(b"\x90\x00" + bytes(12), None, id="half an extension"),
        pytest.param(b"\x90\x00" + bytes(10) + b"\xbe\xde\xff\xff", None, id="an extension that isn't there"),
        pytest.param(b"\xa0\x00" + bytes(10) + b"x\0", None, id="no padding where some is promised"),
        pytest.param(b"\xa0\x00" + bytes(10) + b"x\x09", None, id="more padding than packet"),
    ],
)
def test_odd_packets_are_read_or_nothing(data: bytes, payload: bytes | None) -> None:
    read = rtp.parse(data)
    assert (None if read is None else read.payload) == payload


def test_reports_are_told_from_sound_on_a_shared_port() -> None:
    assert not rtp.is_rtcp(WHOLE) and not rtp.is_rtcp(b"\x80") and not rtp.is_rtcp(b"")
    assert rtp.is_rtcp(rtcp.pack([rtcp.ReceiverReport(1)]))
    for payload_type in (*range(64), *range(96, 128)):
        for is_marked in (False, True):
            assert not rtp.is_rtcp(rtp.pack(rtp.Packet(payload_type, 1, 1, 1, b"", is_marked)))


RECEPTION = rtcp.Reception(5, 0.25, -3, 0x1_0007, 99, 0x1234_5678, 65_536)
COMPOUND: list[rtcp.Part] = [
    rtcp.SenderReport(1, 0x0123_4567_89AB_CDEF, 160, 7, 1_120, (RECEPTION,)),
    rtcp.SourceDescription(1, "agent@example.com"),
    rtcp.Goodbye((1,)),
]


def test_a_report_is_read_as_it_was_written() -> None:
    assert rtcp.parse(rtcp.pack(COMPOUND)) == COMPOUND
    assert rtcp.parse(rtcp.pack([rtcp.ReceiverReport(9, (RECEPTION,) * 3)])) == [
        rtcp.ReceiverReport(9, (RECEPTION,) * 3)
    ]


def test_aiortc_reads_our_reports_alike() -> None:
    sender, described, bye = theirs.RtcpPacket.parse(rtcp.pack(COMPOUND))
    assert (sender.ssrc, sender.sender_info.packet_count, sender.sender_info.octet_count) == (1, 7, 1_120)
    assert (sender.reports[0].fraction_lost, sender.reports[0].packets_lost, sender.reports[0].lsr) == (
        64,
        -3,
        0x1234_5678,
    )
    assert described.chunks[0].items == [(1, b"agent@example.com")] and bye.sources == [1]


def test_what_is_unknown_or_broken_in_a_report_is_left_out() -> None:
    application = struct.pack("!BBHL4s", 0x80, 204, 2, 1, b"name")
    assert rtcp.parse(application + rtcp.pack(COMPOUND[1:])) == COMPOUND[1:]
    whole = rtcp.pack(COMPOUND)
    assert rtcp.parse(whole[:-1]) == COMPOUND[:2]
    lying = bytearray(rtcp.pack([rtcp.ReceiverReport(9, (RECEPTION,))]))
    lying[0] |= 31  # it says there are 31 and brings one
    assert rtcp.parse(bytes(lying)) == [rtcp.ReceiverReport(9, (RECEPTION,))]
    assert rtcp.parse(b"\x80\xc8\0\0" * 400) == []


@pytest.mark.parametrize("length", range(1, 9))
def test_a_name_of_any_length_is_padded(length: int) -> None:
    parts: list[rtcp.Part] = [rtcp.ReceiverReport(1), rtcp.SourceDescription(1, "n" * length), rtcp.Goodbye((1,))]
    assert rtcp.parse(rtcp.pack(parts)) == parts


def test_the_way_there_and_back_is_timed() -> None:
    sent = rtcp.ntp_time(1_700_000_000.0)
    answered = rtcp.Reception(1, 0, 0, 0, 0, rtcp.middle(sent), since_report=65_536 // 2)
    took = rtcp.round_trip_ms(answered, rtcp.ntp_time(1_700_000_000.62))
    assert took is not None and abs(took - 120) < 1
    assert rtcp.round_trip_ms(rtcp.Reception(1, 0, 0, 0, 0), sent) is None


# ---- what is counted


def receiving(sequences: list[int]) -> Receiving:
    counted = Receiving(1, 8_000)
    for each in sequences:
        counted.push(each & 0xFFFF)
    return counted


@pytest.mark.parametrize(
    ("sequences", "received", "lost", "highest"),
    [
        pytest.param(range(100), 100, 0, 99, id="all"),
        pytest.param([1, 2, 4, 5, 9], 5, 4, 9, id="holes"),
        pytest.param([1, 2, 2, 3], 4, -1, 3, id="one twice"),
        pytest.param([1, 3, 2, 4], 4, 0, 4, id="out of order"),
        pytest.param(range(65_530, 65_546), 16, 0, 65_545, id="round the clock"),
        pytest.param([65_534, 0, 65_535, 1], 4, 0, 65_537, id="round the clock out of order"),
        pytest.param([1, 2, 3, 40_000, 4, 5], 5, 0, 5, id="a stray one"),
        pytest.param([1, 2, 3, 40_000, 40_001, 40_002], 5, 0, 40_002, id="a new beginning"),
    ],
)
def test_packets_are_counted_as_the_rfc_does(sequences: list[int], received: int, lost: int, highest: int) -> None:
    counted = receiving(list(sequences))
    assert (counted.received, counted.lost) == (received, lost)
    assert counted.report(0).highest_sequence == highest


def test_the_fraction_lost_is_that_of_the_last_interval() -> None:
    counted = receiving([*range(50), *range(60, 100)])
    assert counted.report(0).lost_fraction == pytest.approx(0.1)
    for each in range(100, 200):
        counted.push(each)
    report = counted.report(5_000)
    assert (report.lost_fraction, report.lost) == (0, 10)
    assert counted.report(10_000).lost_fraction == 0, "nothing was sent, nothing is lost"


def test_jitter_is_the_mean_change_of_the_time_under_way() -> None:
    dice = random.Random(5)
    counted = Receiving(1, 8_000)
    transit: list[float] = []
    for index in range(300):
        at_ms = index * 20 + dice.random() * 30
        counted.time(index * 160, at_ms)
        transit.append(at_ms * 8 - index * 160)
    jitter = 0.0
    for before, after in itertools.pairwise(transit):
        jitter += (abs(after - before) - jitter) / 16
    assert counted.jitter_ms == pytest.approx(jitter / 8) and 5 < counted.jitter_ms < 15


def test_the_time_since_their_report_is_told() -> None:
    counted = receiving([1, 2])
    counted.sender_reported(rtcp.SenderReport(1, 0xAAAA_1234_5678_BBBB, 0, 0, 0), 1_000)
    report = counted.report(3_500)
    assert (report.last_report, report.since_report) == (0x1234_5678, int(2.5 * 65_536))


# ---- encrypted


@pytest.mark.parametrize("suite", SUITES)
def test_what_is_encrypted_is_decrypted_once_and_only_with_the_key(suite: str) -> None:
    key = bytes(range(SUITES[suite]))
    out, inbound = srtp.Outbound(Crypto(1, suite, key)), srtp.Inbound(Crypto(1, suite, key))
    stranger = srtp.Inbound(Crypto(1, suite, key[::-1]))
    secret = out.rtp(WHOLE)
    assert b"sound" not in secret
    assert stranger.rtp(secret) is None
    assert inbound.rtp(secret) == WHOLE
    assert inbound.rtp(secret) is None, "played to us a second time"
    report = rtcp.pack(COMPOUND)
    assert stranger.rtcp(out.rtcp(report)) is None and inbound.rtcp(out.rtcp(report)) == report


@pytest.mark.parametrize("data", [b"", b"\x80", bytes(11), bytes(1_301), bytes(5_000)])
def test_what_is_no_packet_is_not_decrypted(data: bytes) -> None:
    inbound = srtp.Inbound(Crypto(1, "AES_CM_128_HMAC_SHA1_80", bytes(30)))
    assert inbound.rtp(data) is None and inbound.rtcp(data) is None


# ---- hostile


def mutants(count: int, seed: int = 11) -> list[bytes]:
    """Of packets of both kinds: cut, lengthened, bits turned, bytes put in."""
    dice = random.Random(seed)
    event = rtp.pack(rtp.Packet(101, 4, 640, 9, b"\x05\x8a\x03\x20"))
    models = [
        WHOLE,
        event,
        rtp.pack(rtp.Packet(0, 5, 800, 9, b"\x7e" * 160)),
        rtcp.pack(COMPOUND),
        rtcp.pack(COMPOUND[1:]),
    ]
    made: list[bytes] = []
    for _ in range(count):
        data = bytearray(dice.choice(models))
        for _ in range(dice.randrange(4)):
            kind = dice.randrange(4)
            if kind == 0 and data:
                data[dice.randrange(min(len(data), 16))] = dice.randrange(256)
            elif kind == 1:
                del data[dice.randrange(len(data) + 1) :]
            elif kind == 2:
                data += dice.randbytes(dice.randrange(40))
            else:
                at = dice.randrange(len(data) + 1)
                data[at:at] = dice.randbytes(dice.randrange(5))
        made.append(bytes(data))
    return made


def test_fifty_thousand_mutants_break_nothing() -> None:
    for data in (*mutants(50_000), *(bytes(each) for each in range(5)), *(b"\x80" * each for each in range(5))):
        packet = rtp.parse(data)
        if packet is not None:
            assert len(packet.payload) <= len(data) - 12 and packet.payload_type < 128
        for part in rtcp.parse(data):
            assert len(rtcp.pack([part])) % 4 == 0
