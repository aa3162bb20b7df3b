"""Telephones for the tests of a call's RTP: descriptions, packets, and two ends in virtual time."""

from __future__ import annotations

import math
import os
import random
from typing import NamedTuple

import numpy as np

from telephony.audio.playout import PLAYOUT_RATE_HZ, SILENCE
from telephony.transports.rtp_sending import Origin
from telephony.transports.rtp_session import RtpSession
from telephony.wire import rtp
from telephony.wire.codings import Coding
from telephony.wire.offer_answer import Address, Encryption, Negotiation, Terms
from tests.telephony.media.network import Network, Weather

OURS: Address = ("192.0.2.10", 30_000)
THEIRS: Address = ("198.51.100.7", 40_000)


def terms(address: Address, *codings: Coding, encryption: Encryption = "off", session: int = 4711) -> Terms:
    return Terms(address[0], address[1], address[1] + 1, session, codings or ("pcmu",), encryption)


def origin(seed: int = 1) -> Origin:
    dice = random.Random(seed)
    return Origin(dice.getrandbits(32), dice.getrandbits(16), dice.getrandbits(32), f"end{seed}@example.com")


def agreed_pair(*codings: Coding, encryption: Encryption = "off") -> tuple[Negotiation, Negotiation]:
    """The one that called, and the one that answered."""
    caller = Negotiation(terms(THEIRS, *codings, encryption=encryption), os.urandom)
    callee = Negotiation(terms(OURS, *codings, encryption=encryption), os.urandom)
    caller.accept(callee.answer(caller.offer()))
    return caller, callee


def session_pair(*codings: Coding, encryption: Encryption = "off") -> tuple[RtpSession, RtpSession]:
    """Theirs and ours."""
    caller, callee = agreed_pair(*codings, encryption=encryption)
    theirs, ours = RtpSession(origin(1)), RtpSession(origin(2))
    assert caller.agreed is not None and callee.agreed is not None
    theirs.agree(caller.agreed)
    ours.agree(callee.agreed)
    return theirs, ours


class Hum:
    """20 ms of a tone at playout's rate, again and again."""

    def __init__(self, hz: int = 440, amplitude: int = 8_000) -> None:
        self._hz, self._amplitude, self._at = hz, amplitude, 0

    def next(self) -> bytes:
        count = PLAYOUT_RATE_HZ // 50
        times = (np.arange(count) + self._at) / PLAYOUT_RATE_HZ
        self._at += count
        return (np.sin(2 * math.pi * self._hz * times) * self._amplitude).astype("<i2").tobytes()


def packet(
    sequence: int, *, ssrc: int = 77, payload_type: int = 0, payload: bytes = b"\x7e" * 160, step: int = 160
) -> bytes:
    return rtp.pack(rtp.Packet(payload_type, sequence & 0xFFFF, sequence * step & 0xFFFF_FFFF, ssrc, payload))


class Datagram(NamedTuple):
    data: bytes
    to: Address
    is_report: bool


class Line:
    """Two ends and the network between them, in virtual time: ``run`` it, and read what ours has heard."""

    def __init__(self, theirs: RtpSession, ours: RtpSession, weather: Weather | None = None, seed: int = 7) -> None:
        self.theirs, self.ours = theirs, ours
        self.there, self.back = Network(weather or Weather(), seed), Network(weather or Weather(), seed + 1)
        self.now_ms = 0.0
        self.heard = bytearray()
        self.delays_ms: list[int] = []
        self.sent: list[Datagram] = []
        """What our end sent."""
        self._flying: list[tuple[float, int, Datagram, bool]] = []
        self._count = 0

    def run(self, ms: int, say: Hum | None = None, digit: str = "", *, reply: bool = True) -> None:
        for _ in range(ms // 20):
            pcm = SILENCE if say is None else say.next()
            self._send(self._spoken(self.theirs, pcm, digit), is_ours=False)
            if reply:
                spoken = self._spoken(self.ours, SILENCE)
                self.sent += spoken
                self._send(spoken, is_ours=True)
            self.now_ms += 20
            self._deliver()
            self.heard += self.ours.pull(self.now_ms)
            self.theirs.pull(self.now_ms)
            self.delays_ms.append(self.ours.counts.delay_ms)

    def _spoken(self, end: RtpSession, pcm: bytes, digit: str = "") -> list[Datagram]:
        to = end.listener
        if to is None:
            end.pass_by()
        sound = [] if to is None else [Datagram(each, to, False) for each in end.speak(pcm, digit)]
        return sound + [Datagram(each.data, each.to, True) for each in end.reports(self.now_ms)]

    def _send(self, datagrams: list[Datagram], *, is_ours: bool) -> None:
        network = self.back if is_ours else self.there
        for each in datagrams:
            for arrival in network.arrivals(self.now_ms):
                self._count += 1
                self._flying.append((arrival, self._count, each, is_ours))

    def _deliver(self) -> None:
        due = sorted(each for each in self._flying if each[0] <= self.now_ms)
        self._flying = [each for each in self._flying if each[0] > self.now_ms]
        for arrival, _, each, is_ours in due:
            to, source = (self.theirs, OURS) if is_ours else (self.ours, THEIRS)
            if each.is_report:
                to.receive_report(each.data, source, arrival)
            else:
                to.receive(each.data, source, arrival)


def loudness(pcm: bytes | bytearray) -> float:
    samples = np.frombuffer(bytes(pcm), "<i2").astype(float)
    return float(np.sqrt(np.mean(samples**2))) if len(samples) else 0.0


def pitch_hz(pcm: bytes | bytearray, rate_hz: int = 16_000) -> float:
    samples = np.frombuffer(bytes(pcm), "<i2").astype(float)
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(spectrum.argmax() * rate_hz / len(samples))
