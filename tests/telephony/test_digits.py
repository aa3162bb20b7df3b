"""Digits through a call: those the caller presses, and those the agent does. The lines are real ones to an aiortc client."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest
from aiortc import rtp

from telephony.audio import digits
from telephony.audio.digits import GAP_MS, TONE_MS, DigitTones, checked, tone
from telephony.audio.playout import FRAME_BYTES, SILENCE, Playout
from telephony.transports.inbound import Inbound
from telephony.transports.mouth import Mouth
from telephony.transports.opus import SAMPLES
from telephony.transports.webrtc import Line, WebRTCTransport
from telephony.wire import dtmf
from telephony.wire.dtmf import Pressed, Released, Report, pack, parse
from tests.telephony.lines import Caller, hear, is_tone
from tests.telephony.test_inbound import packets

A_PRESS = TONE_MS // 20
A_GAP = GAP_MS // 20


def words(text: str = "one", ms: int = 100) -> bytes:
    return (np.full(48 * ms, 9_000)).astype("<i2").tobytes()


# ---- the tones


@pytest.mark.parametrize(
    ("digit", "low_hz", "high_hz"), [("1", 697, 1_209), ("5", 770, 1_336), ("#", 941, 1_477), ("D", 941, 1_633)]
)
def test_a_digit_has_its_two_tones(digit: str, low_hz: int, high_hz: int) -> None:
    samples = np.frombuffer(tone(digit), "<i2").astype(float)
    assert len(samples) == 48 * TONE_MS
    spectrum = np.abs(np.fft.rfft(samples, 48_000))
    found = sorted(int(hz) for hz in np.argsort(spectrum)[::-1][:60] if spectrum[hz] > spectrum.max() * 0.5)
    assert any(abs(hz - low_hz) < 6 for hz in found) and any(abs(hz - high_hz) < 6 for hz in found)
    assert all(abs(hz - low_hz) < 20 or abs(hz - high_hz) < 20 for hz in found)
    assert 9_000 < np.abs(samples).max() < 12_000
    assert abs(samples[0]) < 200 and abs(samples[-1]) < 200, "a click"


@pytest.mark.parametrize(
    ("text", "pressed"), [("123#", "123#"), (" 1-800 555 ", "1800555"), ("12,3", "12,3"), ("a*d", "A*D")]
)
def test_digits_may_be_written_as_people_write_numbers(text: str, pressed: str) -> None:
    assert checked(text) == pressed


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "Name the keys"),
        (", ,", "Name the keys"),
        ("12x", "no key “X”"),
        ("+49 30", r"no key “\+”"),
        ("1" * 65, "64 keys at most"),
    ],
)
def test_what_is_no_digit_is_refused_in_words(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        checked(text)


def test_a_comma_waits() -> None:
    tones = DigitTones()
    tones.press("1,2")
    sounding = []
    while tones.is_waiting:
        tones.pull()
        sounding.append(tones.sounding)
    pause = digits.PAUSES_MS[","] // 20
    assert sounding == ["1"] * A_PRESS + [""] * (A_GAP + pause) + ["2"] * A_PRESS + [""] * A_GAP


# ---- among what is said


def pulled(playout: Playout, count: int) -> str:
    """ "w" for words, "." for silence, the digit for its tone."""
    said = ""
    for _ in range(count):
        pcm = playout.pull()
        assert len(pcm) == FRAME_BYTES
        said += playout.digit or ("." if pcm == SILENCE else "w")
    return said


def test_digits_are_pressed_between_what_is_said() -> None:
    playout = Playout()
    playout.begin(1)
    playout.release(1)
    playout.phrase(1, "one")
    playout.push(1, words())
    assert pulled(playout, 2) == "ww"
    playout.digits.press("5")
    playout.begin(2)
    assert pulled(playout, 5) == "www..", "the first is not said to the end yet"
    playout.push(1, words())
    playout.finish(1)
    assert pulled(playout, 8) == "wwwww555"
    playout.push(2, words())
    playout.finish(2)
    playout.release(2)
    assert pulled(playout, 14) == "555....wwwww.."


def test_a_digit_waits_for_a_hushed_sentence_and_not_for_one_that_was_cut() -> None:
    playout = Playout()
    playout.begin(1)
    playout.push(1, words(ms=400))
    playout.release(1)
    assert pulled(playout, 2) == "ww"
    playout.digits.press("1")
    playout.pause()
    assert pulled(playout, 4) == "w...", "the fade, and then quiet"
    playout.cut(1)
    assert pulled(playout, 11) == "111111....."


# ---- the caller's, out of their packets


def test_digits_in_the_place_of_sound_are_no_loss() -> None:
    inbound, told = Inbound(), []
    inbound.on_digit = told.append
    sent = packets()
    for n, payload in enumerate(sent[:200]):
        if 50 <= n < 58:
            report = Report("7", n > 54, min(n - 49, 6) * 960)
            inbound.push_event(1, n, 50 * SAMPLES, pack(report), n * 20.0, 48_000)
        else:
            inbound.push(1, n, n * SAMPLES, payload, n * 20.0)
        inbound.pull(n * 20.0 + 7)
    assert told == [Pressed("7"), Released("7")]
    assert (inbound.concealed, inbound._jitter.counts.lost) == (0, 0)
    assert inbound._jitter.counts.played == pytest.approx(192, abs=4)


def test_a_digit_that_is_lost_from_sight_is_let_go() -> None:
    inbound, told = Inbound(), []
    inbound.on_digit = told.append
    inbound.push_event(1, 1, 0, pack(Report("7", False, 960)), 0.0, 48_000)
    for n in range(20):
        inbound.pull(n * 20.0)
    assert told == [Pressed("7"), Released("7")]


# ---- the agent's, as packets


class DigitWire:
    event_hz: int | None = 48_000

    def __init__(self) -> None:
        self.sent: list[tuple[str, int]] = []

    def push(self, payload: bytes, ticks: int, *, is_first: bool = False) -> None:
        self.sent.append(("sound", ticks // SAMPLES))

    def push_event(self, payload: bytes, ticks: int, *, is_first: bool) -> None:
        (report,) = parse(payload)
        self.sent.append((report.digit + "!" * report.is_end, ticks // SAMPLES))


def test_a_digit_goes_out_instead_of_its_tone() -> None:
    wire, playout = DigitWire(), Playout()
    mouth = Mouth(wire.push, wire)
    mouth.pull, mouth.digit = playout.pull, lambda: playout.digit
    mouth.tick(0)
    playout.digits.press("12")
    for _ in range(20):
        mouth.tick(0)
    digits_sent = [what for what in wire.sent if what[0] != "sound"]
    assert digits_sent == [("1", 1)] * 6 + [("1!", 1)] * 3 + [("2", 11)] * 6 + [("2!", 11)] * 3
    assert [at for what, at in wire.sent if what == "sound"] == [0, *range(7, 11), *range(17, 21)]


def test_where_digits_were_not_agreed_on_their_tone_is_sent() -> None:
    wire, playout = DigitWire(), Playout()
    wire.event_hz = None
    mouth = Mouth(wire.push, wire)
    mouth.pull, mouth.digit = playout.pull, lambda: playout.digit
    playout.digits.press("12")
    for _ in range(20):
        mouth.tick(0)
    assert wire.sent == [("sound", at) for at in range(20)]


# ---- over a line


class Phone:
    """The aiortc client's end of it: a browser sends telephone-events in the place of sound, in the same stream."""

    def __init__(self, caller: Caller, sdp: str) -> None:
        self.dtls: Any = caller.connection.getTransceivers()[0].receiver.transport
        self.types = dtmf.payload_types(sdp)
        self.heard: list[tuple[int, Report, int]] = []
        """(payload type, report, marker) of each telephone-event."""
        self._pending: list[tuple[int, Report]] = []
        self._began = 0
        self._send, self.dtls._send_rtp = self.dtls._send_rtp, self._send_rtp
        router = self.dtls._rtp_router
        self._route, router.route_rtp = router.route_rtp, self._route_rtp

    def press(self, digit: str, payload_type: int, frames: int = 5) -> None:
        news = [Report(digit, False, n * 960) for n in range(1, frames)]
        self._pending += [(payload_type, report) for report in (*news, *[Report(digit, True, frames * 960)] * 3)]

    async def _send_rtp(self, data: bytes) -> None:
        if self._pending and not rtp.is_rtcp(data):
            packet = rtp.RtpPacket.parse(data)
            packet.payload_type, report = self._pending.pop(0)
            if report.duration == 960:
                self._began = packet.timestamp
            packet.timestamp, packet.payload = self._began, pack(report)
            data = packet.serialize()
        await self._send(data)

    def _route_rtp(self, packet: rtp.RtpPacket) -> Any:
        if packet.payload_type in self.types:
            self.heard += [(packet.payload_type, report, packet.marker) for report in parse(packet.payload)]
        return self._route(packet)


async def connected(*rates_hz: int) -> tuple[Caller, WebRTCTransport, str]:
    """With an offer of telephone-events at these rates; and the answer."""
    caller, transport = Caller(), WebRTCTransport(Line())
    answer = await transport.answer(dtmf.offering(await caller.offer(), rates_hz))
    await caller.accept(answer)
    assert await transport.connected(10)
    return caller, transport, answer


@pytest.mark.parametrize(
    "offered", [pytest.param((48_000, 8_000), id="as Chrome offers"), pytest.param((8_000,), id="as Firefox offers")]
)
async def test_what_the_caller_presses_is_told(offered: tuple[int, ...]) -> None:
    caller, transport, answer = await connected(*offered)
    try:
        assert tuple(dtmf.payload_types(answer).values()) == offered
        told: list[dtmf.DigitEvent] = []
        transport.listen_for_digits(told.append)
        transport.attach(Playout())
        phone = Phone(caller, answer)
        await hear(transport, 20)
        before = transport._inbound.concealed
        for digit in "19#":
            phone.press(digit, min(phone.types))
            await hear(transport, 15)
        samples = await hear(transport, 60)
        assert [event.digit for event in told if isinstance(event, Pressed)] == ["1", "9", "#"]
        assert [event.digit for event in told if isinstance(event, Released)] == ["1", "9", "#"]
        assert transport._inbound.concealed == before, "digits taken for lost sound"
        assert is_tone(samples[-8_000:], 440, 16_000)
    finally:
        await caller.close()
        await transport.close()


@pytest.mark.parametrize(
    ("offered", "rate_hz"),
    [
        pytest.param((48_000, 8_000), 48_000, id="at the clock of the sound where there is a choice"),
        pytest.param((8_000,), 8_000, id="at the telephone's otherwise"),
    ],
)
async def test_what_the_agent_presses_reaches_the_peer(offered: tuple[int, ...], rate_hz: int) -> None:
    caller, transport, answer = await connected(*offered)
    try:
        playout = Playout()
        transport.attach(playout)
        phone = Phone(caller, answer)
        await hear(transport, 5)
        playout.digits.press("40*")
        await hear(transport, 40)
        await asyncio.sleep(0.1)
        assert {phone.types[payload_type] for payload_type, *_ in phone.heard} == {rate_hz}
        assert [report.digit for _, report, marker in phone.heard if marker] == ["4", "0", "*"]
        ends = [report for _, report, _ in phone.heard if report.is_end]
        assert [report.digit for report in ends] == ["4"] * 3 + ["0"] * 3 + ["*"] * 3
        assert {report.duration for report in ends} == {rate_hz * TONE_MS // 1000}
    finally:
        await caller.close()
        await transport.close()


async def test_a_caller_without_a_keypad_hears_the_tones() -> None:
    caller, transport, answer = await connected()
    try:
        assert "telephone-event" not in answer
        playout = Playout()
        transport.attach(playout)
        await hear(transport, 5)
        playout.digits.press("1111")
        await hear(transport, 50)
        heard = np.concatenate([frame.to_ndarray().reshape(-1)[::2] for frame in caller.heard]).astype(float)
        spectrum = np.abs(np.fft.rfft(heard))
        hz = np.fft.rfftfreq(len(heard), 1 / 48_000)
        assert abs(hz[spectrum.argmax()] - 697) < 15 or abs(hz[spectrum.argmax()] - 1_209) < 15
    finally:
        await caller.close()
        await transport.close()
