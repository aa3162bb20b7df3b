"""A telephone call's sound in virtual time: every coding, plain and encrypted, over lines of all kinds, with strangers about."""

from __future__ import annotations

import dataclasses
import os
import random

import numpy as np
import pytest

from telephony.audio.playout import SILENCE
from telephony.transports.rtp_session import RtpSession
from telephony.wire import dtmf, rtcp, rtp
from telephony.wire.codings import Coding
from telephony.wire.offer_answer import Agreed, Encryption
from tests.telephony.media.network import Weather
from tests.telephony.media.phones import (
    OURS,
    THEIRS,
    Hum,
    Line,
    agreed_pair,
    loudness,
    origin,
    packet,
    pitch_hz,
    session_pair,
)
from tests.telephony.media.test_packets import mutants
from tests.telephony.test_opus import syllables

CODINGS: tuple[Coding, ...] = ("opus", "g722", "pcmu", "pcma")
STRANGER = ("203.0.113.66", 40_000)


class Syllables(Hum):
    """A voice: what Opus carries copies of."""

    def __init__(self) -> None:
        super().__init__()
        self._pcm, self._next = syllables(1_500), 0

    def next(self) -> bytes:
        self._next += 1
        return self._pcm[(self._next - 1) * 1_920 : self._next * 1_920]


def changed(agreed: Agreed | None, **values: object) -> Agreed:
    assert agreed is not None
    return dataclasses.replace(agreed, **values)


@pytest.mark.parametrize("encryption", ["off", "required"])
@pytest.mark.parametrize("coding", CODINGS)
def test_what_is_said_is_heard(coding: Coding, encryption: Encryption) -> None:
    line = Line(*session_pair(coding, encryption=encryption))
    line.run(2_000, Hum(440))
    heard = line.heard[16_000:]
    assert abs(pitch_hz(heard) - 440) < 2
    assert loudness(heard) == pytest.approx(8_000 / 2**0.5, rel=0.05)
    counts = line.ours.counts
    assert counts.lost == counts.concealed == counts.strangers == 0 and counts.received >= 97
    clear = [rtp.parse(each.data) for each in line.sent if not each.is_report]
    assert len({each.ssrc for each in clear if each}) == 1


def test_every_frame_is_20_ms_from_the_first_on() -> None:
    theirs, ours = session_pair()
    assert len(RtpSession(origin()).pull(0)) == 640
    line = Line(theirs, ours)
    line.run(1_000)
    assert len(line.heard) == 50 * 640


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize(("loss", "least"), [(0.05, 0.94), (0.10, 0.90)])
def test_loss_is_delivered_or_concealed_with_little_delay(coding: Coding, loss: float, least: float) -> None:
    """The hum goes on through single losses; what is missing entirely is silence."""
    line = Line(*session_pair(coding), Weather(loss=loss, jitter_ms=20))
    line.run(20_000, Hum(440))
    frames = [line.heard[at : at + 640] for at in range(0, len(line.heard), 640)][10:]
    audible = sum(loudness(frame) > 1_000 for frame in frames) / len(frames)
    assert audible >= least
    assert max(line.delays_ms) <= 120
    counts = line.ours.counts
    assert counts.lost == pytest.approx(1_000 * loss, rel=0.5) and counts.concealed + counts.recovered > 0


def test_a_storm_of_all_kinds_at_once_is_survived() -> None:
    weather = Weather(delay_ms=80, jitter_ms=40, loss=0.05, duplicated=0.05, reordered=0.05)
    line = Line(*session_pair("pcmu"), weather)
    line.run(20_000, Hum(440))
    frames = [line.heard[at : at + 640] for at in range(0, len(line.heard), 640)][20:]
    assert sum(loudness(frame) > 1_000 for frame in frames) / len(frames) >= 0.94
    assert line.ours.counts.delay_ms <= 120


@pytest.mark.parametrize("ptime_ms", [10, 20, 30, 40, 60])
@pytest.mark.parametrize("coding", ["pcmu", "g722"])
def test_packets_of_any_length_are_sent_and_heard(coding: Coding, ptime_ms: int) -> None:
    caller, callee = agreed_pair(coding)
    theirs, ours = RtpSession(origin(1)), RtpSession(origin(2))
    theirs.agree(changed(caller.agreed, ptime_ms=ptime_ms))
    ours.agree(changed(callee.agreed))
    line = Line(theirs, ours)
    first = rtp.parse(theirs.speak(SILENCE)[0]) if ptime_ms <= 20 else None
    assert first is None or len(first.payload) == ptime_ms * 8
    line.run(3_000, Hum(440))
    heard = line.heard[32_000:]
    assert abs(pitch_hz(heard) - 440) < 2 and loudness(heard) > 4_500
    assert line.ours.counts.concealed == 0


def test_our_packets_are_numbered_without_a_gap_and_marked_where_sound_begins() -> None:
    line = Line(*session_pair("pcmu"))
    line.run(200)
    line.ours.pass_by()
    line.run(200)
    sent = [each for datagram in line.sent if not datagram.is_report and (each := rtp.parse(datagram.data))]
    assert [(each.sequence - sent[0].sequence) & 0xFFFF for each in sent] == list(range(20))
    assert [(each.timestamp - sent[0].timestamp) & 0xFFFF_FFFF for each in sent] == [
        *range(0, 1_600, 160),
        *range(1_760, 3_360, 160),
    ]
    assert [at for at, each in enumerate(sent) if each.is_marked] == [0, 10]


# ---- digits


@pytest.mark.parametrize("coding", CODINGS)
def test_digits_go_beside_the_sound_both_ways(coding: Coding) -> None:
    theirs, ours = session_pair(coding)
    told: list[dtmf.DigitEvent] = []
    ours.on_digit = told.append
    line = Line(theirs, ours, Weather(loss=0.05, jitter_ms=20))
    line.run(500, Hum())
    for digit in "1#":
        line.run(120, Hum(), digit)
        line.run(300, Hum())
    line.run(400)
    assert told == [dtmf.Pressed("1"), dtmf.Released("1"), dtmf.Pressed("#"), dtmf.Released("#")]


def press(ours: RtpSession, digit: str, sequence: int, ssrc: int, at_ms: float, count: int = 8) -> int:
    """As a telephone sends it, three times its end. The next packet's number."""
    assert ours.agreed is not None
    number = next(iter(ours.agreed.receive_events))
    for step in range(count):
        payload = dtmf.pack(dtmf.Report(digit, step >= count - 3, 160 * (step + 1)))
        ours.receive(
            rtp.packed(number, sequence + step, sequence * 160, ssrc, payload, False), THEIRS, at_ms + 20 * step
        )
    return sequence + count


def test_digits_are_told_before_any_sound_has_come() -> None:
    _, ours = session_pair("pcmu")
    told: list[dtmf.DigitEvent] = []
    ours.on_digit = told.append
    number = press(ours, "4", 100, 77, 0.0)
    number = press(ours, "2", number, 77, 300.0)
    assert told == [dtmf.Pressed("4"), dtmf.Released("4"), dtmf.Pressed("2"), dtmf.Released("2")]
    ours.receive(packet(number), THEIRS, 600.0)
    ours.pull(620.0)
    assert ours.counts.received == number - 100 + 1


def test_digits_in_a_stream_of_their_own_beside_the_sound_are_told_and_the_sound_goes_on() -> None:
    """As carriers send them that turn INFO or tones into events."""
    _, ours = session_pair("pcmu")
    told: list[dtmf.DigitEvent] = []
    ours.on_digit = told.append
    heard = b""
    for step in range(200):
        ours.receive(packet(step, payload=b"\x10" * 160), THEIRS, step * 20.0)
        if step == 100:
            press(ours, "5", 900, 9, step * 20.0)
        if step == 130:
            press(ours, "6", 908, 9, step * 20.0)
        heard += ours.pull(step * 20.0)
    assert told == [dtmf.Pressed("5"), dtmf.Released("5"), dtmf.Pressed("6"), dtmf.Released("6")]
    assert ours.counts.concealed == 0 and np.abs(np.frombuffer(heard, np.int16)[8_000:]).min() > 1_000


@pytest.mark.parametrize("sequences", [(5,), (5, 6), (5, 90, 7, 300)])
def test_a_stray_packet_of_digits_is_nobodys_digit(sequences: tuple[int, ...]) -> None:
    _, ours = session_pair("pcmu")
    told: list[dtmf.DigitEvent] = []
    ours.on_digit = told.append
    assert ours.agreed is not None
    number = next(iter(ours.agreed.receive_events))
    for step in range(10):
        ours.receive(packet(step), THEIRS, step * 20.0)
    for sequence in sequences:
        ours.receive(rtp.packed(number, sequence, 800, 9, dtmf.pack(dtmf.Report("5", True, 800)), False), THEIRS, 200.0)
    assert told == []


def test_a_digit_that_takes_the_place_of_sound_is_no_loss() -> None:
    theirs, ours = session_pair("pcmu")
    line = Line(theirs, ours)
    line.run(1_000, Hum())
    line.run(200, Hum(), "5")
    line.run(1_000, Hum())
    assert line.ours.counts.concealed == 0 and line.ours.counts.lost == 0


def test_comfort_noise_is_no_sound_and_a_sign_of_life() -> None:
    _, ours = session_pair("pcmu")
    for index in range(50):
        ours.receive(packet(index), THEIRS, index * 20)
    for index in range(50, 60):
        ours.receive(packet(index, payload_type=13, payload=b"\x40"), THEIRS, 1_000 + (index - 50) * 2_000)
        assert not ours.is_dead(1_000 + (index - 50) * 2_000 + 1_999)
    assert ours.counts.lost == 0 and ours.counts.concealed == 0


# ---- strangers


def noise(ssrc: int, sequence: int) -> bytes:
    return packet(sequence, ssrc=ssrc, payload=os.urandom(160))


def spray(ours: RtpSession, at_ms: float, dice: random.Random) -> None:
    """What is thrown at a port by someone who has found it: also with the right number of the stream."""
    for source in (STRANGER, ("203.0.113.67", 30_000), (THEIRS[0], 55_555)):
        for ssrc in (dice.getrandbits(32), 77):
            ours.receive(noise(ssrc, dice.getrandbits(16)), source, at_ms)
        ours.receive(rtcp.pack([rtcp.ReceiverReport(77), rtcp.Goodbye((77,))]), source, at_ms)
        ours.receive(os.urandom(dice.randrange(5)), source, at_ms)


@pytest.mark.parametrize("spray_first", [False, True])
@pytest.mark.parametrize("coding", ["pcmu", "opus"])
def test_nothing_of_a_stranger_is_heard_or_answered(coding: Coding, spray_first: bool) -> None:
    dice = random.Random(4)
    alone, attacked = Line(*session_pair(coding)), Line(*session_pair(coding))
    for ms in range(0, 4_000, 20):
        quiet = ms < 400 and spray_first  # the caller is not there yet
        for line in (alone, attacked):
            if line is attacked and (ms >= 400 or spray_first):
                spray(line.ours, line.now_ms, dice)
            if not quiet:
                line.run(20, Hum(440))
            else:
                line.now_ms += 20
                line.heard += line.ours.pull(line.now_ms)
    assert attacked.heard == alone.heard
    assert {each.to for each in attacked.sent} == {THEIRS, (THEIRS[0], THEIRS[1])}
    assert attacked.ours.source == THEIRS and not attacked.ours.said_goodbye
    assert attacked.ours.counts.strangers > 300


def test_encrypted_calls_take_nothing_that_is_not_encrypted_with_their_key() -> None:
    theirs, ours = session_pair("pcmu", encryption="required")
    line = Line(theirs, ours)
    line.run(400, Hum())
    for index in range(200):
        ours.receive(packet(index), THEIRS, line.now_ms)
    assert ours.counts.received <= 20 and ours.counts.strangers == 200
    captured = theirs.speak(Hum().next())[0]
    ours.receive(captured, THEIRS, line.now_ms)
    before = ours.counts.received
    ours.receive(captured, STRANGER, line.now_ms)
    assert ours.counts.received == before and ours.source == THEIRS, "what was captured is not played again"


def test_fifty_thousand_mutants_neither_raise_nor_get_in() -> None:
    theirs, ours = session_pair("pcmu")
    line = Line(theirs, ours)
    line.run(400, Hum())
    received = ours.counts.received
    for index, data in enumerate(mutants(50_000)):
        ours.receive(data, THEIRS if index % 2 else STRANGER, line.now_ms)
        if index % 1_000 == 0:
            line.run(20, Hum())
    line.run(2_000, Hum(440))
    assert ours.source == THEIRS and ours.counts.received > received + 100
    assert abs(pitch_hz(line.heard[-32_000:]) - 440) < 2


# ---- changes


def test_the_coding_may_change_during_a_call() -> None:
    caller, callee = agreed_pair("pcmu", "opus")
    theirs, ours = RtpSession(origin(1)), RtpSession(origin(2))
    line = Line(theirs, ours)
    for coding in ("pcmu", "opus", "pcmu"):
        caller.terms = dataclasses.replace(caller.terms, codings=(coding,))
        caller.accept(callee.answer(caller.offer()))
        assert caller.agreed is not None and callee.agreed is not None
        theirs.agree(caller.agreed)
        ours.agree(callee.agreed)
        line.heard.clear()
        line.run(1_500, Hum(440))
        assert abs(pitch_hz(line.heard[16_000:]) - 440) < 2 and loudness(line.heard[16_000:]) > 4_500


def test_a_hold_is_quiet_and_no_death() -> None:
    caller, callee = agreed_pair("pcmu")
    theirs, ours = RtpSession(origin(1)), RtpSession(origin(2))
    line = Line(theirs, ours)

    def agree(direction: str) -> None:
        caller.accept(callee.answer(caller.offer(direction)))  # type: ignore[arg-type]
        assert caller.agreed is not None and callee.agreed is not None
        theirs.agree(caller.agreed)
        ours.agree(callee.agreed)

    agree("sendrecv")
    line.run(500, Hum())
    agree("inactive")
    assert ours.listener is None
    for second in range(60):
        assert not ours.is_dead(line.now_ms + second * 1_000)
    line.now_ms += 60_000
    assert loudness(ours.pull(line.now_ms)) == 0 and not ours.is_dead(line.now_ms)
    agree("sendrecv")
    assert ours.listener is not None and not ours.is_dead(line.now_ms + 14_000)
    line.heard.clear()
    line.run(1_000, Hum(440))
    assert abs(pitch_hz(line.heard[16_000:]) - 440) < 3


def test_another_stream_of_the_same_telephone_is_heard_whole() -> None:
    theirs, ours = session_pair("pcmu")
    Line(theirs, ours).run(500, Hum())
    for index in range(50):
        ours.receive(packet(9_000 + index, ssrc=1234), THEIRS, 500 + index * 20)
    assert ours.counts.received >= 24 + 50 and ours.counts.lost == 0


def test_the_key_stays_through_a_second_offer_and_the_line_goes_on() -> None:
    caller, callee = agreed_pair("pcmu", encryption="required")
    # Their numbers begin anew in the first second: that they have done so is part of the encryption, and must not be forgotten.
    theirs, ours = RtpSession(dataclasses.replace(origin(1), sequence=65_500)), RtpSession(origin(2))
    line = Line(theirs, ours)
    for _ in range(3):
        assert caller.agreed is not None and callee.agreed is not None
        theirs.agree(caller.agreed)
        ours.agree(callee.agreed)
        line.run(1_000, Hum(440))
        caller.accept(callee.answer(caller.offer()))
    assert ours.counts.strangers == 0 and ours.counts.lost == 0 and ours.counts.received > 140


# ---- silence and reports


def test_a_line_that_never_comes_up_is_dead_after_30_seconds() -> None:
    _, ours = session_pair()
    assert not ours.is_dead(1_000) and not ours.is_dead(30_999) and ours.is_dead(31_000)


def test_a_line_that_falls_silent_is_dead_after_15_seconds() -> None:
    theirs, ours = session_pair()
    assert not ours.is_dead(0)
    line = Line(theirs, ours)
    line.run(1_000)
    last = line.now_ms - 40
    assert not ours.is_dead(last + 14_950) and ours.is_dead(last + 15_050)


def test_both_ends_report_every_few_seconds_and_learn_what_the_line_does() -> None:
    line = Line(*session_pair("opus"), Weather(delay_ms=60, loss=0.1), seed=3)
    line.run(30_000, Hum())
    reports = [each for each in line.sent if each.is_report]
    assert 4 <= len(reports) <= 11
    assert all(each.to == THEIRS for each in reports), "the port is shared"
    first = rtcp.parse(reports[0].data)
    assert isinstance(first[0], rtcp.SenderReport) and first[1] == rtcp.SourceDescription(
        first[0].ssrc, "end2@example.com"
    )
    counts = line.ours.counts
    assert 100 <= counts.rtt_ms <= 160
    assert 4 <= counts.lost_percent <= 18


def test_reports_go_to_a_port_of_their_own_where_it_is_not_shared() -> None:
    caller, callee = agreed_pair("pcmu")
    ours = RtpSession(origin())
    ours.agree(changed(callee.agreed, has_rtcp_mux=False))
    ours.speak(SILENCE)
    assert [each.to for each in ours.reports(0) + ours.reports(9_000)] == [(THEIRS[0], THEIRS[1] + 1)]
    [last] = ours.goodbye(10_000)
    assert isinstance(rtcp.parse(last.data)[-1], rtcp.Goodbye)
    assert caller.agreed is not None


def test_copies_are_sent_while_the_line_loses_packets_and_they_are_of_use() -> None:
    line = Line(*session_pair("opus"), Weather(loss=0.15), seed=9)
    line.run(30_000, Syllables())
    assert line.ours.counts.recovered > 20


def test_a_call_in_which_nothing_was_sent_says_no_goodbye() -> None:
    """RFC 3550, 6.3.7."""
    _, callee = agreed_pair("pcmu")
    ours = RtpSession(origin())
    ours.agree(callee.agreed)
    assert ours.goodbye(0) == []
    assert ours.reports(0) + ours.reports(9_000) != []
    assert ours.goodbye(10_000) != []


def test_a_goodbye_in_a_report_ends_nothing() -> None:
    theirs, ours = session_pair()
    line = Line(theirs, ours)
    line.run(500, Hum())
    ours.receive_report(theirs.goodbye(line.now_ms)[0].data, (THEIRS[0], THEIRS[1] + 1), line.now_ms)
    assert ours.said_goodbye
    line.run(500, Hum())
    assert ours.counts.received > 40


def test_nothing_is_said_before_anything_is_agreed_on() -> None:
    ours = RtpSession(origin())
    ours.receive(packet(1), THEIRS, 0)
    ours.receive_report(rtcp.pack([rtcp.ReceiverReport(1)]), THEIRS, 0)
    assert ours.reports(0) == [] and ours.goodbye(0) == [] and ours.listener is None
    ours.pass_by()
    assert ours.source is None and OURS != THEIRS
    assert np.frombuffer(ours.pull(0), "<i2").max() == 0
