"""A telephone's two directions without a network: pacing, lead, marks, clear."""

from __future__ import annotations

import numpy as np
import pytest

from telephony.audio import g711
from telephony.audio.pacing import FRAME_BYTES, PacingQueue
from telephony.audio.playout import PLAYOUT_RATE_HZ, Playout
from telephony.transports.carrier_sound import (
    LEAD_FRAMES,
    LINE_MS,
    MARK_FRAMES,
    SILENT_FRAMES,
    AgentSound,
    CallerSound,
    Clear,
    Mark,
    Order,
    Sound,
)

LOUD, QUIET = b"\x20" * FRAME_BYTES, b"\xff" * FRAME_BYTES


def tone(seconds: float, rate: int = PLAYOUT_RATE_HZ, hz: int = 440) -> bytes:
    t = np.arange(int(rate * seconds)) / rate
    return (np.sin(2 * np.pi * hz * t) * 8_000).astype("<i2").tobytes()


# ---- the caller


def test_words_that_came_late_are_all_heard() -> None:
    queue, heard = PacingQueue(), bytearray()
    sent = [bytes([0x20 + number % 8]) * FRAME_BYTES for number in range(100)]
    for tick in range(160):
        arrived = [tick] if tick < 20 or 45 < tick < 100 else list(range(20, 46)) if tick == 45 else []
        for number in arrived:
            queue.push(sent[number])
        samples = queue.pull()
        if samples is not None:
            heard += g711.encode_ulaw(samples)
    assert bytes(heard) == b"".join(sent) and queue.missing >= 25


def test_the_delay_of_a_stall_is_given_back_in_quiet_moments() -> None:
    queue = PacingQueue()
    for _ in range(40):
        queue.push(LOUD)
    for tick in range(800):
        queue.push(QUIET if tick % 50 < 10 else LOUD)
        assert queue.pull() is not None
    assert queue.delay_ms <= 60 and 30 < queue.skipped < 45


def test_nobody_listens_to_sound_of_long_ago() -> None:
    queue = PacingQueue()
    for _ in range(1_000):
        queue.push(LOUD)
    assert queue.delay_ms == 5_000


def test_the_callers_tone_arrives_as_16_khz() -> None:
    caller, pcm = CallerSound(), bytearray()
    coded = g711.encode_ulaw(np.frombuffer(tone(1.0, 8_000), np.int16))
    for begin in range(0, len(coded), FRAME_BYTES):
        caller.push(coded[begin : begin + FRAME_BYTES])
        frame = caller.pull()
        assert len(frame) == 640
        pcm += frame
    spectrum = np.abs(np.fft.rfft(np.frombuffer(bytes(pcm[8_000:]), np.int16).astype(float)))
    assert abs(spectrum.argmax() * 16_000 / (len(pcm[8_000:]) // 2) - 440) < 10


def test_frames_that_are_missing_are_made_up_and_then_silent() -> None:
    caller = CallerSound()
    caller.push(g711.encode_ulaw(np.frombuffer(tone(0.2, 8_000), np.int16)))
    frames = [caller.pull() for _ in range(20)]
    levels = [int(np.abs(np.frombuffer(frame, np.int16).astype(int)).max()) for frame in frames]
    assert min(levels[1:11]) > 4_000 and levels[-1] == 0 and caller.concealed == 10


# ---- the agent


class Line:
    """The carrier's end: plays what it was sent, at its own time."""

    def __init__(
        self,
        network_ms: float = 0.0,
        *,
        there_ms: float | None = None,
        back_ms: float | None = None,
        ping_ms: float | None = None,
    ) -> None:
        """``network_ms``: each way, unless it is said what the way there and the way of a mark back take. ``ping_ms``: what the
        socket says its round trip is, from 5 s on; nothing before."""
        self.playout = Playout()
        self.agent = AgentSound()
        self.agent.playout = self.playout
        self.now_ms = 1_000.0
        self.orders: list[tuple[float, Order]] = []
        self.most_ahead_ms = 0.0
        self.gaps_ms: list[float] = []
        """For how long the carrier had nothing to play, each time that more came then."""
        self._there_ms = network_ms if there_ms is None else there_ms
        self._back_ms = network_ms if back_ms is None else back_ms
        self._ping_ms = ping_ms
        self._until_ms = 0.0
        self._back: list[tuple[float, int]] = []

    def say(self, seconds: float, generation: int = 1) -> None:
        self.playout.begin(generation)
        self.playout.phrase(generation, "one two three four five")
        self.playout.push(generation, tone(seconds))
        self.playout.finish(generation)
        self.playout.release(generation)

    def jam(self, ms: float) -> None:
        """The carrier stands still for so long, and goes on with what came meanwhile."""
        self._until_ms += ms

    def lies_ms(self) -> float:
        """What the carrier has and has not played."""
        return max(0.0, self._until_ms - self.now_ms)

    def tick(self, times: int = 1, every_ms: float = 20.0) -> None:
        for _ in range(times):
            if self._ping_ms is not None and self.now_ms >= 6_000:
                self.agent.round_trip(self._ping_ms)
            for when, number in [each for each in self._back if each[0] <= self.now_ms]:
                self._back.remove((when, number))
                self.agent.marked(number, self.now_ms)
            for order in self.agent.tick(self.now_ms):
                self.orders.append((self.now_ms, order))
                match order:
                    case Sound():
                        arrives_ms = self.now_ms + self._there_ms
                        if 0 < self._until_ms < arrives_ms:
                            self.gaps_ms.append(arrives_ms - self._until_ms)
                        self._until_ms = max(self._until_ms, arrives_ms) + 20
                    case Mark(number):
                        self._back.append((self._until_ms + self._back_ms, number))
                    case Clear():
                        self._until_ms = 0.0
            self.most_ahead_ms = max(self.most_ahead_ms, self.agent.ahead_ms(self.now_ms))
            self.now_ms += every_ms

    def kinds(self) -> list[str]:
        return [type(order).__name__ for _, order in self.orders]


def test_silence_is_not_sent() -> None:
    line = Line()
    line.tick(50)
    assert line.orders == [] and line.playout.pulls == 50


def test_words_begin_a_little_ahead_and_the_lead_is_given_back_when_they_are_over() -> None:
    line = Line()
    line.tick(10)
    line.say(1.0)
    line.tick()
    assert line.kinds().count("Sound") == 1 + LEAD_FRAMES
    line.tick(200)
    assert line.kinds().count("Sound") == 50 + SILENT_FRAMES
    assert line.playout.pulls == 211
    assert line.most_ahead_ms <= 20 * (LEAD_FRAMES + 1)


def test_all_of_it_is_marked() -> None:
    line = Line()
    line.say(1.0)
    line.tick(100)
    kinds = line.kinds()
    assert (kinds.count("Mark") == 6 and kinds[-1] == "Mark") or kinds.count("Sound") == 6 * MARK_FRAMES


def test_what_the_marks_tell_becomes_the_delay() -> None:
    line = Line(network_ms=150.0)
    line.agent.round_trip(300.0)
    line.say(4.0)
    line.tick(150)
    # Sent 60 ms ahead, 150 on the way, 20 of the frame itself, and the line behind the carrier.
    assert 150 + 60 + LINE_MS - 20 <= line.agent.delay_ms <= 150 + 80 + LINE_MS + 20
    assert line.playout.delay_ms == line.agent.delay_ms


WAYS = [
    (20, 20, 40), (100, 100, 200), (150, 150, 300), (100, 150, 150), (100, 250, 200), (150, 250, 150), (50, 300, 100), (20, 300, 40),
    (20, 600, 40), (20, 1_000, 40), (500, 500, 1_000), (500, 500, 2), (1_000, 0, 2),
]  # fmt: skip
"""There, back, and what the ping says; at a worker that a stream was handed on to, it says nothing of the way to the carrier."""


@pytest.mark.parametrize(("there_ms", "back_ms", "ping_ms"), WAYS)
def test_a_long_way_chops_nothing(there_ms: float, back_ms: float, ping_ms: float) -> None:
    line = Line(there_ms=there_ms, back_ms=back_ms, ping_ms=ping_ms)
    line.say(20.0)
    line.tick(990)
    assert line.gaps_ms == [] and line.agent.skipped == 0
    assert line.kinds().count("Sound") == 990 + LEAD_FRAMES
    true_ms = there_ms + 20 * LEAD_FRAMES + LINE_MS
    unexplained_ms = there_ms + back_ms - ping_ms
    assert true_ms - 20 <= line.agent.delay_ms <= true_ms + 40 + max(0.0, unexplained_ms)


def test_before_the_first_ping_a_long_way_is_no_jam() -> None:
    line = Line(there_ms=150, back_ms=150)
    line.say(20.0)
    line.tick(200)
    line.playout.pause()
    line.tick(5)
    assert line.gaps_ms == [] and "Clear" not in line.kinds()


def test_a_ping_that_took_longer_than_a_mark_is_not_believed() -> None:
    line = Line(there_ms=40, back_ms=40)
    line.say(20.0)
    line.tick(100)
    line.agent.round_trip(3_000.0)
    line.tick(100)
    assert line.agent.delay_ms >= 40 + 20 * LEAD_FRAMES + LINE_MS - 20


def test_marks_that_come_at_odd_times_chop_nothing() -> None:
    line = Line(there_ms=100, back_ms=100, ping_ms=200)
    line.say(20.0)
    for number in range(990):
        line._back_ms = 100 + 300 * abs(np.sin(number))
        line.tick()
    assert line.gaps_ms == [] and line.agent.skipped == 0 and line.agent.delay_ms < 100 + 80 + LINE_MS + 150


@pytest.mark.parametrize("network_ms", [20.0, 150.0, 400.0])
def test_a_carrier_that_stood_still_plays_later_and_is_cleared_in_a_pause(network_ms: float) -> None:
    line = Line(network_ms=network_ms)
    line.agent.round_trip(2 * network_ms)
    line.say(20.0)
    line.tick(150)
    before_ms = line.agent.delay_ms
    line.jam(600.0)
    line.tick(150)
    assert 560 <= line.agent.delay_ms - before_ms <= 640
    assert line.gaps_ms == [] and line.agent.skipped == 0 and line.lies_ms() >= 600
    line.playout.pause()
    line.tick()
    assert isinstance(line.orders[-1][1], Clear)
    line.playout.resume()
    line.tick(100)
    line.playout.pause()
    line.tick(5)
    assert line.kinds().count("Clear") == 1, "what was cleared is believed to lie there"


def test_a_jam_is_over_with_the_words() -> None:
    line = Line(network_ms=100.0)
    line.agent.round_trip(200.0)
    line.say(4.0)
    line.tick(50)
    line.jam(600.0)
    line.tick(300)
    line.say(20.0, generation=2)
    line.tick(40)
    line.playout.pause()
    line.tick(5)
    assert "Clear" not in line.kinds()
    line.playout.resume()
    line.tick(200)
    assert line.agent.delay_ms <= 100 + 80 + LINE_MS + 40


def test_what_was_not_played_was_not_heard() -> None:
    line = Line(network_ms=300.0)
    line.agent.round_trip(600.0)
    line.say(5.0)
    line.tick(150)
    heard = line.playout.cut(1)
    line.tick()
    assert isinstance(line.orders[-1][1], Clear)
    assert 2_950 - 500 <= heard.played_ms <= 3_060 - 350


def test_marks_of_what_was_cleared_tell_nothing() -> None:
    line = Line()
    line.say(3.0)
    line.tick(60)
    before = line.agent.delay_ms
    line.playout.cut(1)
    line.tick()
    line.agent.marked(4, line.now_ms + 5_000)
    assert line.agent.delay_ms == before


def test_marks_that_never_come_back_are_waited_for_by_nobody() -> None:
    line = Line()
    line._back = _Nowhere()
    line.say(2.0)
    line.tick(300)
    assert [type(event).__name__ for event in line.playout.events()][-1] == "Finished"
    line.agent.marked(1, line.now_ms)
    assert line.agent.delay_ms <= 300


class _Nowhere(list):  # type: ignore[type-arg]
    def append(self, item: object) -> None: ...


def test_a_pause_throws_nothing_away() -> None:
    line = Line()
    line.say(2.0)
    line.tick(20)
    line.playout.pause()
    line.tick(20)
    assert "Clear" not in line.kinds()
    line.playout.resume()
    line.tick(150)
    assert [type(event).__name__ for event in line.playout.events()][-1] == "Finished"


def test_after_a_stall_as_much_as_may_lie_ahead_is_sent_and_the_rest_leaves_a_gap() -> None:
    line = Line()
    line.say(10.0)
    line.tick(10)
    sent, line.now_ms = line.kinds().count("Sound"), line.now_ms + 1_000
    line.tick(50, every_ms=0.0)
    assert line.kinds().count("Sound") - sent == 10 and line.agent.skipped == 40
    line.tick(50)
    assert line.most_ahead_ms <= 220 and line.agent.skipped <= 42


def test_a_short_stall_loses_nothing() -> None:
    line = Line()
    line.say(4.0)
    line.tick(10)
    line.now_ms += 120
    line.tick(6, every_ms=0.0)
    line.tick(300)
    assert line.agent.skipped == 0 and line.kinds().count("Sound") == 200 + SILENT_FRAMES


@pytest.mark.parametrize("seconds", [0.02, 0.05, 0.5])
def test_short_words_are_sent_whole(seconds: float) -> None:
    line = Line()
    line.say(seconds)
    line.tick(60)
    loud = [order for _, order in line.orders if isinstance(order, Sound) and set(order.coded) - {0xFF, 0x7F}]
    assert len(loud) >= round(seconds / 0.02)
