"""A telephone call's RTP: datagrams in and 20 ms of the caller out, 20 ms of the agent in and datagrams out. Pure; time is an argument.

    datagram, source ─▶ SRTP ─▶ latch (whose is it?) ─▶ sequence ─┬▶ reorder buffer, decoder, concealment ─▶ pull
                                                                  └▶ digits
    speak ─▶ encoder | digits ─▶ SRTP ─▶ datagrams              reports (RTCP) every five seconds, both ways

Nothing here raises, whatever a datagram holds. All milliseconds are of one clock.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from telephony.transports import phone_codecs
from telephony.transports.inbound import FRAME_BYTES, Inbound
from telephony.transports.rtp_sending import Origin, Sending
from telephony.wire import dtmf, rtcp, rtp, srtp
from telephony.wire.codings import CLOCK_HZ, Coding
from telephony.wire.latch import Expected, Latch
from telephony.wire.offer_answer import Address, Agreed
from telephony.wire.reception import Receiving

FIRST_PACKET_MS = 30_000
"""Without any packet for so long from the beginning, there is no line."""
SILENT_MS = 15_000
"""Nor after so long without one later on, unless someone has asked for quiet."""
REPORT_MS = 5_000
COMFORT_NOISE = 13
"""Packets that say how loud a pause is (RFC 3389): nothing to be played, but signs of life."""
SILENCE = bytes(FRAME_BYTES)


class Report(NamedTuple):
    """A datagram of RTCP: from the port of reports, unless both share one."""

    data: bytes
    to: Address


@dataclass(frozen=True, slots=True)
class Counts:
    """What the line did so far; ``lost_percent`` and ``rtt_ms`` as the other end last reported them."""

    received: int
    lost: int
    concealed: int
    recovered: int
    strangers: int
    """Packets that weren't the caller's: someone else's sound, or what couldn't be decrypted."""
    jitter_ms: float
    delay_ms: int
    rtt_ms: int
    lost_percent: float


class RtpSession:
    """``agree`` first, and again after each offer and answer; then ``receive``, ``pull`` and ``speak`` as time goes by."""

    def __init__(self, origin: Origin) -> None:
        self.on_digit: Callable[[dtmf.DigitEvent], None] = lambda event: None
        """Told each digit of the caller when it goes down and when it is let go."""
        self.agreed: Agreed | None = None
        self._sends = self._receives = False
        """As it says."""
        self.said_goodbye = False
        """Their last report closed the stream. Some do so and begin another: it ends nothing by itself."""
        self._sending = Sending(origin)
        self._latch: Latch | None = None
        self._inbound: Inbound | None = None
        self._coding: Coding | None = None
        self._receiving: Receiving | None = None
        self._digits = dtmf.Receiver()
        self._srtp_in: srtp.Inbound | None = None
        self._srtp_out: srtp.Outbound | None = None
        self._undecrypted = 0
        self._received_before = self._lost_before = self._concealed_before = self._recovered_before = 0
        """Of streams that are over."""
        self._alive_ms: float | None = None
        self._has_heard = False
        self.report_due_ms = 0.0
        """When ``reports`` has one; before the first question nobody knows."""
        self._reports_from: Address | None = None
        self._packets_reported = 0
        self._has_reported = False
        self._dice = origin.ssrc
        self._rtt_ms = 0.0
        self._lost_percent = 0.0

    def agree(self, agreed: Agreed, *, signalling: str = "", any_source: bool = False) -> None:
        """What holds from now on. ``signalling``: the host the SIP messages come from; see ``latch.Expected``."""
        expected = Expected(agreed.remote, signalling, any_source)
        if self._latch is None:
            self._latch = Latch(expected)
        else:
            self._latch.expect(expected)
        self.agreed, self._sends, self._receives = agreed, agreed.sends, agreed.receives
        self._sending.agree(agreed)
        keys = agreed.keys
        if keys is None:
            self._srtp_in = self._srtp_out = None
            return
        # A session that knows its packets' numbers is kept as long as its key is: a new one would count anew.
        if self._srtp_in is None or not self._srtp_in.crypto.is_same_key(keys.theirs):
            self._srtp_in = srtp.Inbound(keys.theirs)
        if self._srtp_out is None or not self._srtp_out.crypto.is_same_key(keys.ours):
            self._srtp_out = srtp.Outbound(keys.ours)

    # ---- in

    def receive(self, data: bytes, source: Address, now_ms: float) -> None:
        """A datagram of the sound's port, of either kind."""
        agreed, latch = self.agreed, self._latch
        if agreed is None or latch is None:
            return
        if rtp.is_rtcp(data):
            self.receive_report(data, source, now_ms)
            return
        if self._srtp_in is not None:
            clear = self._srtp_in.rtp(data)
            if clear is None:
                self._undecrypted += 1
                return
            data = clear
        packet = rtp.parse(data)
        if packet is None:
            return
        number = packet.payload_type
        if number not in agreed.receive and number not in agreed.receive_events and number != COMFORT_NOISE:
            return
        if latch.knows(source, packet.ssrc, now_ms):
            self._take(agreed, packet, now_ms)
            self._alive_ms = now_ms
            return
        if number in agreed.receive_events and self._inbound is not None and source == latch.source:
            for event in latch.admit_events(source, packet, is_authentic=self._srtp_in is not None):
                self._take_event(agreed, event, now_ms)
            return
        for arrived, at_ms in latch.admit(source, packet, now_ms, is_authentic=self._srtp_in is not None):
            self._take(agreed, arrived, at_ms)
            self._alive_ms, self._has_heard = now_ms, True

    def _take(self, agreed: Agreed, packet: rtp.Packet, at_ms: float) -> None:
        """A packet of the caller's."""
        if not self._receives:
            return
        coding = agreed.receive.get(packet.payload_type)
        receiving = self._receiving
        if receiving is None or receiving.ssrc != packet.ssrc:
            receiving = self._new_stream(packet.ssrc, CLOCK_HZ[coding or agreed.coding])
        if not receiving.push(packet.sequence):
            return
        inbound = self._inbound
        if coding is not None and (inbound is None or coding != self._coding):
            inbound = self._new_coding(coding)
        if coding is not None and inbound is not None:
            receiving.time(packet.timestamp, at_ms)
            inbound.push(packet.ssrc, packet.sequence, packet.timestamp, packet.payload, at_ms)
            return
        if inbound is not None:  # digits may come before any sound does
            inbound.pass_over(packet.ssrc, packet.sequence)
        self._take_event(agreed, packet, at_ms)

    def _take_event(self, agreed: Agreed, packet: rtp.Packet, at_ms: float) -> None:
        rate_hz = agreed.receive_events.get(packet.payload_type)
        if rate_hz is not None and self._receives:
            stream_hz = CLOCK_HZ[self._coding or agreed.coding]
            self._tell(
                self._digits.push(
                    packet.ssrc, packet.timestamp, packet.payload, at_ms, rate_hz=rate_hz, stream_hz=stream_hz
                )
            )

    def _new_stream(self, ssrc: int, clock_hz: int) -> Receiving:
        if self._receiving is not None:
            self._received_before += self._receiving.received
            self._lost_before += max(0, self._receiving.lost)
        self._receiving = Receiving(ssrc, clock_hz)
        return self._receiving

    def _new_coding(self, coding: Coding) -> Inbound:
        if self._inbound is not None:
            self._concealed_before += self._inbound.concealed
            self._recovered_before += self._inbound.recovered
        self._coding = coding
        self._inbound = Inbound(phone_codecs.decoder(coding), CLOCK_HZ[coding])
        return self._inbound

    def _tell(self, events: list[dtmf.DigitEvent]) -> None:
        for event in events:
            self.on_digit(event)

    def look_ahead(self, now_ms: float, together: phone_codecs.Together) -> None:
        """A ``pull`` of that moment follows: its packet may be decoded together with those of other calls."""
        if self._inbound is not None and self._receives:
            self._inbound.look_ahead(now_ms, together.add)

    def pull(self, now_ms: float) -> bytes:
        """The caller's next 20 ms at 16 kHz, concealed or silent where nothing came."""
        if self._digits.is_down and (told := self._digits.tick(now_ms)):
            self._tell(told)
        inbound = self._inbound
        return SILENCE if inbound is None or not self._receives else inbound.pull(now_ms)

    def is_dead(self, now_ms: float) -> bool:
        """Nothing came for too long. Asked often, from the moment on that sound should come; a hold is no death."""
        if self._alive_ms is None or (self.agreed is not None and not self._receives):
            self._alive_ms = now_ms
        return now_ms - self._alive_ms >= (SILENT_MS if self._has_heard else FIRST_PACKET_MS)

    def is_alive(self, now_ms: float) -> None:
        """Known from elsewhere: the time until it is dead begins anew."""
        self._alive_ms = now_ms

    # ---- out

    @property
    def listener(self) -> Address | None:
        """Where the agent's sound goes. ``None``: there is nobody to send to, or they don't want to hear us."""
        latch = self._latch
        return None if latch is None or not self._sends else latch.destination

    @property
    def _destination(self) -> Address | None:
        return None if self._latch is None else self._latch.destination

    def speak(self, pcm: bytes, digit: str = "") -> list[bytes]:
        """The agent's next 20 ms at ``PLAYOUT_RATE_HZ``, for the ``listener``; see ``Sending.speak``. Call it only while there is one."""
        packets, protect = self._sending.speak(pcm, digit), self._srtp_out
        return packets if protect is None else [protect.rtp(each) for each in packets]

    def pass_by(self) -> None:
        """20 ms in which nothing is sent."""
        if self.agreed is not None:
            self._sending.pass_by()

    # ---- reports

    def receive_report(self, data: bytes, source: Address, now_ms: float) -> None:
        """A datagram of RTCP, from either port."""
        latch = self._latch
        if latch is None:
            return
        if self._srtp_in is not None:
            clear = self._srtp_in.rtcp(data)
            if clear is None:
                self._undecrypted += 1
                return
            data = clear
        elif not latch.admits_report(source):
            latch.strangers += 1
            return
        parts = rtcp.parse(data)
        if parts:
            self._reports_from, self._alive_ms = source, now_ms
        for part in parts:
            self._take_report(part, now_ms)

    def _take_report(self, part: rtcp.Part, now_ms: float) -> None:
        match part:
            case rtcp.Goodbye(ssrcs):
                self.said_goodbye = self._receiving is not None and self._receiving.ssrc in ssrcs
                return
            case rtcp.SourceDescription():
                return
            case rtcp.SenderReport():
                if self._receiving is not None and part.ssrc == self._receiving.ssrc:
                    self._receiving.sender_reported(part, now_ms)
        for reception in part.receptions:
            if reception.ssrc == self._sending.origin.ssrc:
                self._lost_percent = reception.lost_fraction * 100
                self._sending.line_loses(self._lost_percent)
                rtt_ms = rtcp.round_trip_ms(reception, self._ntp(now_ms))
                self._rtt_ms = self._rtt_ms if rtt_ms is None else rtt_ms

    def reports(self, now_ms: float) -> list[Report]:
        """What is to be told to their end now: nothing, or one report every five seconds or so."""
        if not self.report_due_ms:
            self.report_due_ms = now_ms + self._interval_ms() / 2
        if now_ms < self.report_due_ms:
            return []
        self.report_due_ms = now_ms + self._interval_ms()
        return self._reported([], now_ms)

    def goodbye(self, now_ms: float) -> list[Report]:
        """The last report. Who has sent neither sound nor report says none (RFC 3550, 6.3.7): a call that nobody answered."""
        if not self._sending.packets and not self._has_reported:
            return []
        return self._reported([rtcp.Goodbye((self._sending.origin.ssrc,))], now_ms)

    def _reported(self, last: list[rtcp.Part], now_ms: float) -> list[Report]:
        to = self._report_destination
        if to is None:
            return []
        self._has_reported = True
        origin, sending = self._sending.origin, self._sending
        receptions = () if self._receiving is None else (self._receiving.report(now_ms),)
        report: rtcp.Part
        if sending.packets != self._packets_reported:
            self._packets_reported = sending.packets
            ntp, timestamp = self._ntp(now_ms), sending.timestamp & 0xFFFF_FFFF
            report = rtcp.SenderReport(origin.ssrc, ntp, timestamp, sending.packets, sending.octets, receptions)
        else:
            report = rtcp.ReceiverReport(origin.ssrc, receptions)
        data = rtcp.pack([report, rtcp.SourceDescription(origin.ssrc, origin.cname), *last])
        return [Report(data if self._srtp_out is None else self._srtp_out.rtcp(data), to)]

    @property
    def _report_destination(self) -> Address | None:
        if self.agreed is None or self._destination is None:
            return None
        if self.agreed.has_rtcp_mux:
            return self._destination
        return self._reports_from or (self.agreed.remote_rtcp if self.agreed.remote_rtcp[1] else None)

    def _interval_ms(self) -> float:
        """Between half and one and a half times what it is on average, lest all calls report at once (RFC 3550, 6.2)."""
        self._dice = (self._dice * 1_103_515_245 + 12_345) & 0x7FFF_FFFF
        return REPORT_MS * (0.5 + self._dice / 0x7FFF_FFFF)

    def _ntp(self, now_ms: float) -> int:
        return rtcp.ntp_time(self._sending.origin.clock_began_s + now_ms / 1000)

    # ---- what is known

    @property
    def source(self) -> Address | None:
        """Where the caller's packets come from; ``None``: none was believed yet."""
        return None if self._latch is None else self._latch.source

    @property
    def rtt_ms(self) -> float:
        """There and back; 0 until their reports tell."""
        return self._rtt_ms

    @property
    def has_heard(self) -> bool:
        """Some of the caller's sound has come."""
        return self._has_heard

    @property
    def counts(self) -> Counts:
        receiving, inbound = self._receiving, self._inbound
        return Counts(
            received=self._received_before + (0 if receiving is None else receiving.received),
            lost=self._lost_before + (0 if receiving is None else max(0, receiving.lost)),
            concealed=self._concealed_before + (0 if inbound is None else inbound.concealed),
            recovered=self._recovered_before + (0 if inbound is None else inbound.recovered),
            strangers=self._undecrypted + (0 if self._latch is None else self._latch.strangers),
            jitter_ms=0.0 if receiving is None else round(receiving.jitter_ms, 1),
            delay_ms=0 if inbound is None else inbound.delay_ms,
            rtt_ms=round(self._rtt_ms),
            lost_percent=round(self._lost_percent, 1),
        )
