"""The reorder buffer and the concealment, on networks of every kind; every one seeded."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest

from telephony.audio.conceal import Concealer
from telephony.audio.jitter import JitterBuffer, Lost, Packet

Arrivals = list[tuple[float, int, int]]
"""(arrival in ms, sequence, timestamp) of each packet that arrives."""


def sent(
    count: int,
    *,
    loss: float = 0.0,
    jitter_ms: Callable[[random.Random], float] = lambda dice: 0.0,
    first_sequence: int = 65_000,
    first_timestamp: int = 0xFFFF_0000,
    delay_ms: float = 50.0,
    drift: float = 0.0,
    seed: int = 7,
) -> Arrivals:
    dice = random.Random(seed)
    arrivals = [
        (
            index * 20 * (1 + drift) + delay_ms + jitter_ms(dice),
            (first_sequence + index) & 0xFFFF,
            (first_timestamp + index * 960) & 0xFFFF_FFFF,
        )
        for index in range(count)
        if dice.random() >= loss
    ]
    return sorted(arrivals)


def played(buffer: JitterBuffer, arrivals: Arrivals, *, until_ms: float) -> list[tuple[float, Packet | Lost | None]]:
    """One pop every 20 ms, out of step with the sender."""
    out, at, now = [], 0, 7.0
    while now < until_ms:
        while at < len(arrivals) and arrivals[at][0] <= now:
            arrival, sequence, timestamp = arrivals[at]
            buffer.push(sequence, timestamp, b"x" * 60, arrival)
            at += 1
        out.append((now, buffer.pop(now)))
        now += 20.0
    return out


def packets(out: list[tuple[float, Packet | Lost | None]]) -> list[Packet]:
    return [each for _, each in out if isinstance(each, Packet)]


def delays_ms(out: list[tuple[float, Packet | Lost | None]], first_timestamp: int = 0xFFFF_0000) -> list[float]:
    """From sending to playing."""
    return [
        now - ((each.timestamp - first_timestamp) & 0xFFFF_FFFF) / 48 for now, each in out if isinstance(each, Packet)
    ]


def _with_packets(out: list[tuple[float, Packet | Lost | None]]) -> list[tuple[float, Packet | Lost | None]]:
    return [each for each in out if isinstance(each[1], Packet)]


def test_in_order_and_on_time_everything_is_played_after_the_delay() -> None:
    out = played(JitterBuffer(), sent(2_000), until_ms=41_000)
    assert len(packets(out)) == 2_000
    sequence = [packet.sequence for packet in packets(out)]
    assert sequence == [(65_000 + index) & 0xFFFF for index in range(2_000)]  # across the wrap
    assert max(delays_ms(out)[:50]) <= 50 + 60 + 20
    assert not any(isinstance(each, Lost) for _, each in out)


@pytest.mark.parametrize(("loss", "delivered"), [(0.01, 0.985), (0.05, 0.94), (0.10, 0.89), (0.20, 0.79)])
def test_loss_costs_only_what_was_lost(loss: float, delivered: float) -> None:
    buffer = JitterBuffer()
    out = played(buffer, sent(20_000, loss=loss), until_ms=401_000)
    assert len(packets(out)) / 20_000 >= delivered
    assert buffer.counts.late == 0
    waits = sorted(delay - 50 for delay in delays_ms(out))
    assert waits[len(waits) // 2] <= 80
    assert waits[-1] <= 100
    lost = sum(isinstance(each, Lost) for _, each in out)
    assert lost >= 0.8 * 20_000 * loss, "what is missing is told in its place"


def test_reordered_packets_are_played_in_order() -> None:
    arrivals = sent(2_000)
    arrivals = sorted(
        (at + (35 if index % 10 == 3 else 0), sequence, ts) for index, (at, sequence, ts) in enumerate(arrivals)
    )
    out = played(JitterBuffer(), arrivals, until_ms=41_000)
    assert len(packets(out)) == 2_000
    numbers = [(packet.timestamp - 0xFFFF_0000) & 0xFFFF_FFFF for packet in packets(out)]
    assert numbers == sorted(numbers)


@pytest.mark.parametrize("spread_ms", [10, 30, 60])
def test_the_delay_follows_the_jitter_and_comes_back(spread_ms: int) -> None:
    buffer = JitterBuffer()
    rough = sent(3_000, jitter_ms=lambda dice: dice.uniform(0, spread_ms))
    out = played(buffer, rough, until_ms=60_000)
    assert len(packets(out)) >= 2_990
    assert buffer.delay_ms <= spread_ms + 60
    later = sent(
        3_000, first_sequence=(65_000 + 3_000) & 0xFFFF, first_timestamp=(0xFFFF_0000 + 3_000 * 960) & 0xFFFF_FFFF
    )
    calm = [(at + 60_000, sequence, ts) for at, sequence, ts in later]
    at = 0
    now = 60_007.0
    while now < 121_000:
        while at < len(calm) and calm[at][0] <= now:
            buffer.push(calm[at][1], calm[at][2], b"x" * 60, calm[at][0])
            at += 1
        buffer.pop(now)
        now += 20
    assert buffer.delay_ms <= 45


def test_duplicates_and_latecomers_are_counted_and_dropped() -> None:
    buffer = JitterBuffer()
    for index in range(10):
        buffer.push(index, index * 960, b"x" * 60, index * 20)
        buffer.push(index, index * 960, b"x" * 60, index * 20 + 1)
    out = [buffer.pop(now) for now in range(100, 400, 20)]
    buffer.push(2, 2 * 960, b"x" * 60, 410)
    assert sum(isinstance(each, Packet) for each in out) == 10
    assert buffer.counts.duplicate == 10
    assert buffer.counts.late == 1


def test_silence_that_was_not_sent_stays_as_long_as_it_was() -> None:
    buffer = JitterBuffer()
    arrivals = [(index * 20.0, index, index * 960) for index in range(50)]
    arrivals += [(3_000.0 + index * 20, 50 + index, (150 + index) * 960) for index in range(50)]
    out = played(buffer, arrivals, until_ms=5_000)
    assert len(packets(out)) == 100
    assert not any(isinstance(each, Lost) for _, each in out)
    first = next(now for now, each in out if isinstance(each, Packet) and each.sequence == 50)
    assert 3_040 <= first <= 3_090


def test_another_ssrc_begins_anew() -> None:
    buffer = JitterBuffer()
    for index in range(10):
        buffer.push(index, index * 960, b"a" * 60, index * 20, ssrc=1)
    [buffer.pop(now) for now in range(60, 300, 20)]
    for index in range(10):
        buffer.push(40_000 + index, 5_000_000 + index * 960, b"b" * 60, 300 + index * 20, ssrc=2)
    out = [buffer.pop(now) for now in range(300, 700, 20)]
    assert sum(isinstance(each, Packet) and each.payload[:1] == b"b" for each in out) == 10


def test_a_sender_that_counts_anew_is_followed() -> None:
    buffer = JitterBuffer()
    for index in range(100):
        buffer.push(30_000 + index, index * 960, b"a" * 60, index * 20)
        buffer.pop(index * 20)
    out = []
    for index in range(100):
        buffer.push(29_000 + index, index * 960, b"b" * 60, 2_000 + index * 20)
        out.append(buffer.pop(2_000 + index * 20))
    assert sum(isinstance(each, Packet) and each.payload[:1] == b"b" for each in out) >= 60


def test_an_outage_does_not_leave_a_delay_behind() -> None:
    arrivals = [arrival for arrival in sent(1_000) if not 5_000 <= arrival[0] < 7_000]
    out = played(JitterBuffer(), arrivals, until_ms=21_000)
    assert delays_ms(out)[-1] - 50 <= 80
    assert len(packets(out)) >= 1_000 - 100 - 2


@pytest.mark.parametrize("stall_ms", [500, 1_500, 2_500, 4_000])
def test_what_comes_all_at_once_after_a_stall_does_not_leave_a_delay_behind(stall_ms: int) -> None:
    end_ms = 5_000.0 + stall_ms
    arrivals = [(end_ms if 5_000 <= at < end_ms else at, *rest) for at, *rest in sent(1_000)]
    out = played(JitterBuffer(), arrivals, until_ms=21_000)
    late = [
        delay - 50 for delay, (now, _) in zip(delays_ms(out), _with_packets(out), strict=True) if now > end_ms + 3_000
    ]
    assert max(late) <= 200 + 60 and late[-1] <= 40 + 60  # loud sound is left out where it is 60 ms behind
    assert len(late) >= (20_000 - end_ms - 3_000) / 20 - 25


@pytest.mark.parametrize("drift", [-0.0005, 0.0005])
def test_clocks_that_differ_do_not_add_up_to_a_delay(drift: float) -> None:
    arrivals = sent(15_000, drift=drift)
    buffer = JitterBuffer()
    out = played(buffer, arrivals, until_ms=300_000)
    sent_at = {sequence: at for at, sequence, _ in arrivals}
    waits = [now - sent_at[each.sequence] for now, each in out if isinstance(each, Packet)]
    assert waits[-1] <= 120
    assert len(packets(out)) >= 14_900


def test_a_burst_is_bounded() -> None:
    buffer = JitterBuffer()
    for index in range(5_000 // 20 * 10):
        buffer.push(index, index * 960, b"x" * 60, 0.0)
    assert buffer.buffered_ms <= 2_000


def test_a_vowel_goes_on_for_a_moment_and_then_dies_away() -> None:
    concealer = Concealer(16_000)
    vowel = sum(np.sin(2 * np.pi * 150 * k * np.arange(1_600) / 16_000) / k for k in (1, 2, 3)) * 6_000
    pcm = vowel.astype("<i2").tobytes()
    concealer.push(pcm)
    first = np.frombuffer(concealer.conceal(), dtype="<i2").astype(float)
    expected = sum(np.sin(2 * np.pi * 150 * k * np.arange(1_600, 1_920) / 16_000) / k for k in (1, 2, 3)) * 6_000
    assert np.corrcoef(first, expected)[0, 1] > 0.95
    second, third = concealer.conceal(), concealer.conceal()
    assert np.abs(np.frombuffer(second, dtype="<i2")).mean() < np.abs(first).mean()
    assert np.abs(np.frombuffer(third, dtype="<i2")[-20:]).max() < 600
    assert concealer.conceal() == bytes(640)


def test_coming_back_does_not_click() -> None:
    concealer = Concealer(16_000)
    tone = (np.sin(2 * np.pi * 200 * np.arange(3_200) / 16_000) * 8_000).astype("<i2").tobytes()
    out = concealer.push(tone[:1_280]) + concealer.conceal() + concealer.push(tone[1_280 + 640 : 4_000])
    steps = np.abs(np.diff(np.frombuffer(out, dtype="<i2").astype(int)))
    assert steps.max() < 1_500


def test_silence_is_concealed_by_silence() -> None:
    concealer = Concealer(16_000)
    concealer.push(bytes(640))
    assert concealer.conceal() == bytes(640)
    assert Concealer(16_000).conceal() == bytes(640)
