"""Digits beside the sound (RFC 4733): packed, parsed, sent, and received over lines that lose, repeat and shuffle."""

from __future__ import annotations

import itertools
import random

import pytest

from telephony.wire import dtmf
from telephony.wire.dtmf import DIGITS, LET_GO_MS, LONGEST, Pressed, Receiver, Released, Report, Sender, pack, parse

Sent = tuple[int, bytes]
"""Timestamp, payload."""


def digit(which: str, begin: int, *, ms: int = 100, every_ms: int = 50) -> list[Sent]:
    """The packets of one press at 8,000 Hz, as a phone sends them: news each 50 ms, and its end three times."""
    news = [Report(which, False, at * 8) for at in range(every_ms, ms, every_ms)]
    return [(begin, pack(report)) for report in (*news, *[Report(which, True, ms * 8)] * 3)]


def number(text: str) -> list[list[Sent]]:
    """A digit every 200 ms."""
    return [digit(which, 1_600 * index) for index, which in enumerate(text)]


def chain(presses: list[list[Sent]]) -> list[Sent]:
    return [*itertools.chain.from_iterable(presses)]


def received(packets: list[Sent], *, ssrc: int = 1) -> str:
    """The digits in the order they were pressed."""
    receiver, digits = Receiver(), ""
    for index, (timestamp, payload) in enumerate(packets):
        for event in receiver.push(ssrc, timestamp & 0xFFFF_FFFF, payload, index * 20.0):
            if isinstance(event, Pressed):
                at = len(digits) - event.before
                digits = digits[:at] + event.digit + digits[at:]
    return digits


@pytest.mark.parametrize("which", DIGITS)
def test_a_digit_comes_back_as_it_was_packed(which: str) -> None:
    report = Report(which, True, 1_234, 9)
    assert parse(pack(report)) == [report]


def test_the_bytes_are_those_of_the_standard() -> None:
    # Event 11 (#), end, volume 10, duration 800: RFC 4733, 2.3.
    assert pack(Report("#", True, 800)) == bytes((11, 0x8A, 0x03, 0x20))
    assert pack(Report("1", False, 160)) == bytes((1, 0x0A, 0x00, 0xA0))


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\x01\x0a\x00", id="a byte short"),
        pytest.param(b"\x01\x0a\x00\xa0\x01", id="a byte long"),
        pytest.param(bytes((16, 10, 0, 160)), id="a flash of the hook"),
        pytest.param(bytes((66, 10, 0, 160)), id="a tone of a fax"),
    ],
)
def test_what_is_no_digit_is_nothing(payload: bytes) -> None:
    assert parse(payload) == []
    assert Receiver().push(1, 0, payload, 0.0) == []


def test_a_press_is_told_with_its_first_packet_and_its_end_once() -> None:
    receiver = Receiver()
    told = [receiver.push(1, timestamp, payload, 0.0) for timestamp, payload in digit("5", 160)]
    assert told == [[Pressed("5")], [Released("5")], [], []]


def test_a_number_is_its_digits_in_order() -> None:
    assert received(chain(number("0123456789*#ABCD"))) == "0123456789*#ABCD"


def test_the_same_digit_twice_is_two() -> None:
    assert received(chain(number("5553"))) == "5553"


@pytest.mark.parametrize(
    "lost", [combination for size in range(4) for combination in itertools.combinations(range(4), size)]
)
def test_one_packet_of_four_is_enough(lost: tuple[int, ...]) -> None:
    packets = [[packet for at, packet in enumerate(press) if at not in lost] for press in number("407")]
    assert received(chain(packets)) == "407"


def test_a_digit_whose_end_got_lost_is_let_go() -> None:
    receiver = Receiver()
    receiver.push(1, 0, pack(Report("9", False, 160)), 1_000.0)
    receiver.push(1, 0, pack(Report("9", False, 400)), 1_050.0)
    assert receiver.tick(1_050.0 + LET_GO_MS - 1) == []
    assert receiver.tick(1_050.0 + LET_GO_MS) == [Released("9")]
    assert receiver.tick(9_000.0) == []
    assert receiver.push(1, 0, pack(Report("9", True, 800)), 9_010.0) == []  # and that is not another press


def test_the_next_digit_lets_go_of_the_last() -> None:
    receiver = Receiver()
    receiver.push(1, 0, pack(Report("9", False, 160)), 0.0)
    assert receiver.push(1, 1_600, pack(Report("9", False, 160)), 200.0) == [Released("9"), Pressed("9")]


def test_packets_may_overtake_each_other() -> None:
    presses = number("1234")
    for order in itertools.permutations(range(4)):
        assert received([press[at] for press in presses for at in order]) == "1234"


def test_a_digit_that_comes_after_the_next_one_is_put_before_it() -> None:
    one, two, three = number("123")
    assert received([*two, *one, *three]) == "123"
    assert received([*three, *one, *two]) == "123"


@pytest.mark.parametrize("seed", range(60))
def test_over_any_line_each_digit_of_which_a_packet_arrives_is_one_press(seed: int) -> None:
    """Loss, repetition, and late packets: up to five places."""
    dice = random.Random(seed)
    text = "".join(dice.choice(DIGITS) for _ in range(12))
    arrived: list[tuple[float, Sent]] = []
    survivors = ""
    place = itertools.count()
    for which, press in zip(text, number(text), strict=True):
        kept = [(next(place) + dice.uniform(0, 5), packet) for packet in press if dice.random() < 0.7]
        arrived += kept + [(at + dice.uniform(0, 5), packet) for at, packet in kept if dice.random() < 0.2]
        survivors += which if kept else ""
    assert received([packet for _, packet in sorted(arrived)]) == survivors


def test_the_clock_may_wrap_in_the_middle_of_a_number() -> None:
    packets = [(0xFFFF_FFFF - 2_400 + timestamp, payload) for press in number("123") for timestamp, payload in press]
    assert received(packets) == "123"


def test_a_digit_held_for_long_is_one_press() -> None:
    """Ten seconds: the field of its duration is full after eight (RFC 4733, 2.5.1.3)."""
    first = [(0, pack(Report("0", False, duration))) for duration in (*range(400, LONGEST, 400), LONGEST)]
    second = [(LONGEST, pack(Report("0", False, duration))) for duration in range(400, 14_400, 400)]
    assert received([*first, *second, (LONGEST, pack(Report("0", True, 14_400)))]) == "0"
    assert received([*first[:-1], *second[1:]]) == "0", "the packet at the seam got lost"
    # At 48,000 Hz as browsers count, the seam comes after 1.4 s, and a frame late.
    receiver, told = Receiver(), []
    for timestamp, durations in ((0, (960, 48_000, LONGEST)), (LONGEST + 545, (415, 40_000))):
        for duration in durations:
            told += receiver.push(
                1, timestamp, pack(Report("7", False, duration)), 0.0, rate_hz=48_000, stream_hz=48_000
            )
    assert told == [Pressed("7")]


def test_the_same_digit_pressed_again_after_eight_seconds_is_another_press() -> None:
    again = [(timestamp + LONGEST, payload) for timestamp, payload in digit("0", 0)]
    assert received([*digit("0", 0), *again]) == "00"


def test_a_sender_that_begins_anew_is_heard() -> None:
    receiver = Receiver()
    for ssrc, timestamp in ((1, 900_000), (1, 5), (2, 5)):
        assert Pressed("3") in receiver.push(ssrc, timestamp, pack(Report("3", False, 160)), 0.0)


def test_digits_packed_together_are_several() -> None:
    payload = pack(Report("4", True, 400)) + pack(Report("2", True, 400)) + pack(Report("2", False, 160))
    receiver = Receiver()
    told = receiver.push(1, 1_000, payload, 0.0)
    assert told == [Pressed("4"), Released("4"), Pressed("2"), Released("2"), Pressed("2")]
    assert receiver.push(1, 1_000, payload, 20.0) == []


# ---- out


def sent(digits: list[str]) -> list[tuple[int, Report, bool, int]]:
    """(tick, report, marker, timestamp) of each packet, for the digits that sound at each tick."""
    sender = Sender(8_000)
    return [
        (at, *parse(packet.payload), packet.is_first, packet.ticks)
        for at, which in enumerate(digits)
        for packet in sender.tick(which, at * 960)
    ]


def test_a_digit_is_sent_as_long_as_it_sounds_and_its_end_three_times() -> None:
    assert sent(["", "5", "5", "5", "", "", "", "", ""]) == [
        (1, Report("5", False, 160), True, 960),
        (2, Report("5", False, 320), False, 960),
        (3, Report("5", False, 480), False, 960),
        (4, Report("5", True, 480), False, 960),
        (5, Report("5", True, 480), False, 960),
        (6, Report("5", True, 480), False, 960),
    ]


@pytest.mark.parametrize("gap", [0, 1, 2, 3, 4])
def test_a_digit_that_follows_soon_takes_no_end_away(gap: int) -> None:
    packets = sent([*"11", *[""] * gap, *"22", *[""] * 5])
    ends = [report.digit for _, report, *_ in packets if report.is_end]
    assert ends == ["1"] * 3 + ["2"] * 3
    assert [timestamp for *_, is_first, timestamp in packets if is_first] == [0, (2 + gap) * 960]


def test_what_is_sent_is_received() -> None:
    ticks = [which for pressed in "18005550199#" for which in [pressed] * 5 + [""] * 4]
    sender, packets = Sender(8_000), []
    for at, which in enumerate(ticks):
        packets += [(packet.ticks // 6, packet.payload) for packet in sender.tick(which, at * 960)]
    assert received(packets) == "18005550199#"


# ---- SDP

OFFER = "\r\n".join((
    "v=0", "o=- 1 2 IN IP4 127.0.0.1", "s=-", "t=0 0",
    "m=audio 9 UDP/TLS/RTP/SAVPF 111 101", "a=rtpmap:111 opus/48000/2", "a=rtpmap:101 CN/8000", "a=mid:0",
    "m=application 9 UDP/DTLS/SCTP webrtc-datachannel", "a=mid:1", "",
))  # fmt: skip


def test_the_payload_types_are_those_of_the_audio_section() -> None:
    chrome = OFFER.replace(
        "a=mid:0", "a=rtpmap:110 telephone-event/48000\r\na=rtpmap:126 telephone-event/8000\r\na=mid:0"
    )
    assert dtmf.payload_types(chrome) == {110: 48_000, 126: 8_000}
    assert dtmf.payload_types(OFFER) == {}
    assert dtmf.payload_types(OFFER + "a=rtpmap:126 telephone-event/8000\r\n") == {}, "of another section"
    assert dtmf.payload_types("") == {}


def test_an_offer_can_be_given_a_keypad() -> None:
    offer = dtmf.offering(OFFER)
    assert dtmf.payload_types(offer) == {102: 48_000, 103: 8_000}
    assert "m=audio 9 UDP/TLS/RTP/SAVPF 111 101 102 103\r\n" in offer
    assert offer.index("a=fmtp:103 0-15") < offer.index("m=application")
    assert dtmf.offering(offer) == offer
    assert dtmf.offering("v=0\r\n") == "v=0\r\n"
