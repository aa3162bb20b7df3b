"""Whose packets are believed: the telephone's, also behind a NAT, and nobody else's, whenever they come."""

from __future__ import annotations

import random

import pytest

from telephony.wire.latch import Address, Expected, Latch
from telephony.wire.rtp import Packet

PHONE: Address = ("198.51.100.7", 40_000)
OTHER_PORT: Address = ("198.51.100.7", 51_234)
NAT: Address = ("198.51.100.99", 61_000)
STRANGER: Address = ("203.0.113.66", 40_000)
HIDDEN: Address = ("192.168.1.20", 40_000)


def packet(sequence: int, ssrc: int = 1) -> Packet:
    return Packet(0, sequence & 0xFFFF, sequence * 160, ssrc, b"x" * 160)


def stream(latch: Latch, source: Address, count: int, *, at_ms: float = 0, ssrc: int = 1, first: int = 0) -> int:
    """How many packets of a stream at its usual pace are taken."""
    return sum(len(latch.admit(source, packet(first + index, ssrc), at_ms + index * 20)) for index in range(count))


def test_the_address_of_the_description_is_believed_at_once() -> None:
    latch = Latch(Expected(PHONE))
    assert latch.destination == PHONE
    assert stream(latch, PHONE, 1) == 1 and latch.source == PHONE


def test_a_port_that_a_nat_has_changed_is_believed_at_the_second_packet_and_nothing_is_lost() -> None:
    latch = Latch(Expected(PHONE))
    assert latch.admit(OTHER_PORT, packet(1), 0) == [] and latch.source is None
    assert [each.sequence for each, _ in latch.admit(OTHER_PORT, packet(2), 20)] == [1, 2]
    assert latch.destination == OTHER_PORT


def test_where_the_signalling_comes_from_sound_may_come_from() -> None:
    latch = Latch(Expected(HIDDEN, signalling=NAT[0]))
    assert stream(latch, NAT, 10) == 10 and latch.destination == NAT


def test_a_hidden_telephone_elsewhere_takes_a_second_and_loses_little() -> None:
    latch = Latch(Expected(HIDDEN, signalling="203.0.113.1"))
    taken = stream(latch, NAT, 100)
    assert latch.source == NAT and 55 <= taken < 70


def test_no_other_host_is_believed_where_theirs_can_be_seen() -> None:
    latch = Latch(Expected(PHONE, signalling="203.0.113.1"))
    assert stream(latch, STRANGER, 500) == 0
    assert latch.source is None and latch.strangers == 500


def test_a_carrier_that_sends_from_anywhere_can_be_allowed_to() -> None:
    latch = Latch(Expected(PHONE, any_source=True))
    assert stream(latch, STRANGER, 100) > 40 and latch.source == STRANGER


@pytest.mark.parametrize(
    "expected", [Expected(PHONE), Expected(HIDDEN, signalling=PHONE[0]), Expected(PHONE, any_source=True)]
)
def test_who_shouts_first_does_not_win(expected: Expected) -> None:
    latch = Latch(expected)
    assert stream(latch, STRANGER, 40, ssrc=66) == 0
    assert stream(latch, PHONE, 50, at_ms=810) == 50
    assert stream(latch, STRANGER, 500, at_ms=1_900, ssrc=1, first=50) == 0
    assert latch.source == PHONE


def test_a_better_claim_takes_over_early_on() -> None:
    latch = Latch(Expected(PHONE))
    stream(latch, OTHER_PORT, 5, ssrc=66)
    assert latch.source == OTHER_PORT
    assert stream(latch, PHONE, 5, at_ms=500) == 5 and latch.source == PHONE
    latch = Latch(Expected(PHONE))
    stream(latch, OTHER_PORT, 200, ssrc=66)
    assert stream(latch, PHONE, 5, at_ms=4_001) == 0, "and not later"


def test_silence_does_not_let_a_stranger_in() -> None:
    latch = Latch(Expected(HIDDEN, signalling="203.0.113.1"))
    stream(latch, NAT, 100)
    assert latch.source == NAT
    assert stream(latch, STRANGER, 500, at_ms=60_000) == 0 and latch.source == NAT


def test_a_nat_may_change_its_port_after_a_silence() -> None:
    latch = Latch(Expected(PHONE))
    stream(latch, PHONE, 10)
    assert stream(latch, OTHER_PORT, 10, at_ms=1_000, first=10) == 0, "too early"
    assert stream(latch, OTHER_PORT, 10, at_ms=4_000, first=10) == 10 and latch.destination == OTHER_PORT


def test_a_new_description_moves_the_call() -> None:
    latch = Latch(Expected(PHONE))
    stream(latch, PHONE, 10)
    latch.expect(Expected(STRANGER))
    assert latch.destination == STRANGER
    assert stream(latch, PHONE, 2, at_ms=200, first=10) == 2, "until the new one is there, the old one is heard"
    assert stream(latch, STRANGER, 5, at_ms=240, ssrc=9) == 5 and latch.source == STRANGER
    assert stream(latch, PHONE, 5, at_ms=340, first=12) == 0


def test_the_same_description_again_changes_nothing() -> None:
    latch = Latch(Expected(PHONE))
    stream(latch, OTHER_PORT, 10)
    latch.expect(Expected(PHONE))
    assert latch.destination == OTHER_PORT and stream(latch, STRANGER, 50, at_ms=300) == 0


def test_a_hold_in_the_old_way_forgets_no_address() -> None:
    latch = Latch(Expected(PHONE))
    stream(latch, PHONE, 3)
    latch.expect(Expected(("0.0.0.0", 0)))
    assert latch.destination == PHONE


def test_nothing_is_sent_to_nowhere() -> None:
    assert Latch(Expected(("0.0.0.0", 0))).destination is None


# ---- another stream of the same telephone


def test_another_stream_takes_over_when_the_first_has_stopped_and_loses_nothing() -> None:
    latch = Latch(Expected(PHONE))
    stream(latch, PHONE, 10)
    assert stream(latch, PHONE, 10, at_ms=200, ssrc=2, first=5_000) == 10


def test_another_stream_beside_the_first_is_not_taken() -> None:
    """Someone forges the telephone's address."""
    latch = Latch(Expected(PHONE))
    taken: list[int] = []
    dice = random.Random(3)
    for index in range(500):
        at_ms = index * 20.0
        arrivals = latch.admit(PHONE, packet(index, 1), at_ms)
        for forged in range(3):
            arrivals += latch.admit(PHONE, packet(9_000 + index * 3 + forged, 2), at_ms + dice.random() * 19)
        taken += [each.ssrc for each, _ in arrivals]
    assert taken == [1] * 500


def test_an_encrypted_packet_proves_whose_it_is() -> None:
    latch = Latch(Expected(PHONE))
    assert latch.admit(STRANGER, packet(1), 0, is_authentic=True) and latch.destination == STRANGER


def test_a_flood_from_many_sources_is_held_in_a_small_room() -> None:
    latch = Latch(Expected(HIDDEN, signalling="203.0.113.1"))
    for index in range(5_000):
        latch.admit((f"203.0.113.{2 + index % 200}", 1_024 + index), packet(index), index * 0.1)
    assert latch.source is None and len(latch._candidates) <= 8
    assert stream(latch, ("203.0.113.1", 5_000), 5, at_ms=600) == 5, "who has a claim finds room"


def test_reports_come_from_the_same_host() -> None:
    latch = Latch(Expected(PHONE))
    assert latch.admits_report((PHONE[0], 40_001)) and not latch.admits_report(STRANGER)
    stream(latch, PHONE, 1)
    assert latch.admits_report((PHONE[0], 40_001)) and not latch.admits_report(STRANGER)
