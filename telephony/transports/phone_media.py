"""A telephone call's sound, as the session's transport has it: sockets, the ticker, and what is agreed on by offer and answer.

Whoever does the signalling (SIP) makes one for each call, carries its descriptions to and fro, and hands it to the session:

    media = PhoneMedia(ports, ticker, policy)
    answer = media.answer(offer, signalling="198.51.100.7")      or  offer = media.offer() … media.accept(answer)
    session = Session(media, …)                                  feed() is the call's clock from then on
    media.hang_up()                                              they said BYE: the frames end
    await media.close()                                          in any case, once
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import struct
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextvars import Context, copy_context
from dataclasses import dataclass
from random import SystemRandom

from agents.speech import AudioFrame
from telephony.audio.playout import SILENCE, Playout
from telephony.transports.inbound import FRAME_MS, RATE_HZ
from telephony.transports.rtp_sending import Origin
from telephony.transports.rtp_session import Counts, Report, RtpSession
from telephony.transports.rtp_socket import Ports, Sockets, Ticker
from telephony.wire import dtmf
from telephony.wire.codings import Coding
from telephony.wire.offer_answer import Address, Agreed, Encryption, Negotiation, Terms
from telephony.wire.sdp import Direction

logger = logging.getLogger(__name__)

MAX_CATCH_UP_MS = 60
"""Late by so much, the agent's frames are sent after all; later, they are left where they are and the RTP clock has a gap."""
MAX_BEHIND = 500
"""Frames that may wait to be taken: ten seconds. Nobody listens any more then."""
TELEPHONE_DELAY_MS = 60
"""What a telephone's own jitter buffer and the networks behind a gateway add, as a guess."""
DOUBT_MS = 200.0
"""Between two looks whether anything comes at all."""
COUNTS_EVERY = 250
"""Frames: five seconds."""
_NUMBERS = struct.Struct("!IIHQ")
"""Of a stream's beginning."""
_dice = SystemRandom()


@dataclass(frozen=True, slots=True)
class Policy:
    """How a trunk's calls sound. ``advertised``: the address that they are to send to, where it isn't the one we listen on
    (behind a NAT, or listening on all)."""

    codings: tuple[Coding, ...] = ("opus", "g722", "pcmu", "pcma")
    encryption: Encryption = "optional"
    advertised: str = ""
    any_source: bool = False
    """Trust whoever keeps sending. For carriers whose sound comes from addresses they name nowhere; see ``wire.latch``."""


class PhoneMedia:
    """``end_reason`` says why the frames ended: "caller_hung_up", "connection_lost" or "never_connected".

    Raises :class:`telephony.transports.rtp_socket.NoPortLeft` when it is made.
    """

    def __init__(
        self,
        ports: Ports,
        ticker: Ticker,
        policy: Policy | None = None,
        on_counts: Callable[[Counts], None] | None = None,
    ) -> None:
        policy = policy or Policy()
        self.end_reason: str | None = None
        self.is_ringing = False
        """Nobody has picked up: that nothing comes means nothing."""
        self._policy, self._ports, self._ticker, self._on_counts = policy, ports, ticker, on_counts
        self._sockets: Sockets | None = ports.open()
        terms = Terms(
            address=policy.advertised or ports.host,
            port=self._sockets.port,
            rtcp_port=self._sockets.port + 1,
            session=_dice.getrandbits(62),
            codings=policy.codings,
            encryption=policy.encryption,
        )
        self._negotiation = Negotiation(terms, os.urandom)
        self._rtp = RtpSession(_fresh_origin(ticker.now_ms))
        self._signalling = ""
        self._playout: Playout | None = None
        self._due: deque[float] = deque(maxlen=MAX_BEHIND)
        """Ticks whose frame wasn't taken yet."""
        self._waiter: asyncio.Future[None] | None = None
        self._take: Callable[[AudioFrame], bool] | None = None
        """Whoever is fed."""
        self._context: Context | None = None
        """Theirs."""
        self._taken = 0
        self._doubted_ms = 0.0
        """When to look again whether the line is dead."""
        self._taken_from_ms: float | None = None
        """Since when someone takes the frames."""
        ticker.listen(self, self._sockets)

    # ---- what is agreed on

    @property
    def agreed(self) -> Agreed | None:
        return self._negotiation.agreed

    @property
    def is_held(self) -> bool:
        """They, or we, have asked for quiet: the agent's sound waits, and the frames are what they send, or silent."""
        return self.agreed is not None and not self.agreed.sends

    def answer(self, offer: str | bytes, direction: Direction = "sendrecv", *, signalling: str = "") -> str:
        """See ``Negotiation.answer``; sound may flow from now on. ``signalling``: the host that the SIP message came from."""
        text = self._negotiation.answer(offer, direction)
        self._agree(signalling)
        return text

    def offer(self, direction: Direction = "sendrecv") -> str:
        return self._negotiation.offer(direction)

    def accept(self, answer: str | bytes, *, signalling: str = "") -> Agreed:
        """See ``Negotiation.accept``; sound may flow from now on."""
        agreed = self._negotiation.accept(answer)
        self._agree(signalling)
        return agreed

    def withdraw(self) -> None:
        self._negotiation.withdraw()

    def _agree(self, signalling: str) -> None:
        self._signalling = signalling or self._signalling
        agreed = self._negotiation.agreed
        if agreed is not None:
            self._rtp.agree(agreed, signalling=self._signalling, any_source=self._policy.any_source)

    # ---- the session's side

    @property
    def outbound_delay_ms(self) -> int:
        return FRAME_MS + TELEPHONE_DELAY_MS + round(self._rtp.rtt_ms) // 2

    @property
    def counts(self) -> Counts:
        return self._rtp.counts

    def listen_for_digits(self, tell: Callable[[dtmf.DigitEvent], None]) -> None:
        """What the caller presses is told from now on, on the loop."""
        self._rtp.on_digit = tell

    def attach(self, playout: Playout) -> None:
        """What is sent from now on, as long as ``frames`` are taken and nobody holds the call: ``playout.pull()``, every 20 ms."""
        self._playout = playout

    async def frames(self) -> AsyncIterator[AudioFrame]:
        """The caller's sound: one frame per 20 ms of time, concealed or silent where nothing came. The agent's goes out at the
        same tick, after what the session made of the frame."""
        self._due.clear()
        self._taken_from_ms = self._ticker.now_ms
        while self.end_reason is None:
            if not self._due:
                self._waiter = asyncio.get_running_loop().create_future()
                await self._waiter
                continue
            due_ms = self._due.popleft()
            yield AudioFrame(self._rtp.pull(due_ms), RATE_HZ)
            self._speak(due_ms)

    async def feed(self, take: Callable[[AudioFrame], bool]) -> None:
        """``telephony.session.ports.Feeds``: the same by the ticker itself. What was due since somebody took frames comes first."""
        if self._taken_from_ms is None:
            self._taken_from_ms = self._ticker.now_ms
        self._context, self._waiter = copy_context(), asyncio.get_running_loop().create_future()
        try:
            while self._due and self.end_reason is None:
                due_ms = self._due.popleft()
                takes_more = take(AudioFrame(self._rtp.pull(due_ms), RATE_HZ))
                self._speak(due_ms)
                if not takes_more:
                    return
            if self.end_reason is None:
                self._take = take
                await self._waiter
        finally:
            self._take = None

    def _speak(self, due_ms: float) -> None:
        rtp, now_ms = self._rtp, self._ticker.now_ms
        to = rtp.listener
        if to is None or now_ms - due_ms > MAX_CATCH_UP_MS:
            rtp.pass_by()
        elif (sockets := self._sockets) is not None:
            playout = self._playout
            packets = rtp.speak(SILENCE) if playout is None else rtp.speak(playout.pull(), playout.digit)
            for packet in packets:
                self._send(sockets.rtp, packet, to)
        if now_ms >= rtp.report_due_ms:
            self._send_reports(rtp.reports(now_ms))
        self._taken += 1
        if self._taken % COUNTS_EVERY == 0 and self._on_counts is not None:
            self._on_counts(rtp.counts)

    def _send(self, way: socket.socket, data: bytes, to: Address) -> None:
        try:
            way.sendto(data, to)
        except OSError as error:  # the network is away, or its queue full: lost like any other packet
            logger.debug("A packet could not be sent: %s", error)

    def _send_reports(self, reports: list[Report]) -> None:
        sockets, agreed = self._sockets, self.agreed
        if sockets is None or agreed is None:
            return
        for each in reports:
            self._send(sockets.rtp if agreed.has_rtcp_mux else sockets.rtcp, each.data, each.to)

    # ---- the ticker's side

    def received(self, data: bytes, source: Address, now_ms: float, *, is_report: bool) -> None:
        if is_report:
            self._rtp.receive_report(data, source, now_ms)
        else:
            self._rtp.receive(data, source, now_ms)

    def prepare(self, due_ms: float) -> bool:
        if self._taken_from_ms is None or due_ms < self._taken_from_ms or self.end_reason is not None:
            return False
        if self.is_ringing:
            self._rtp.is_alive(due_ms)
        elif due_ms >= self._doubted_ms and self._is_dead(due_ms):
            self._end("connection_lost" if self._rtp.has_heard else "never_connected")
            return False
        if not self._due:  # as it nearly always is; behind others it is decoded when it is taken
            self._rtp.look_ahead(due_ms, self._ticker.together)
        return True

    def _is_dead(self, now_ms: float) -> bool:
        self._doubted_ms = now_ms + DOUBT_MS
        return self._rtp.is_dead(now_ms)

    def tick(self, due_ms: float) -> None:
        take, context = self._take, self._context
        if take is None or context is None:
            self._due.append(due_ms)
            self._wake()
            return
        try:
            takes_more = context.run(take, AudioFrame(self._rtp.pull(due_ms), RATE_HZ))
            self._speak(due_ms)
            if takes_more:
                return
            self._wake()
        except Exception as error:  # for whoever is fed
            if self._waiter is not None and not self._waiter.done():
                self._waiter.set_exception(error)
        self._take = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # ---- the end

    def hang_up(self) -> None:
        """They ended the call (through the signalling)."""
        self._end("caller_hung_up")

    async def close(self) -> None:
        self._end("caller_hung_up")
        sockets = self._sockets
        if sockets is None:
            return
        self._send_reports(self._rtp.goodbye(self._ticker.now_ms))
        self._sockets = None
        self._ticker.forget(self, sockets)
        self._ports.give_back(sockets)

    def _end(self, reason: str) -> None:
        if self.end_reason is None:
            self.end_reason = reason
        self._wake()


def _fresh_origin(now_ms: float) -> Origin:
    ssrc, timestamp, sequence, name = _NUMBERS.unpack(os.urandom(_NUMBERS.size))
    return Origin(
        ssrc=ssrc,
        sequence=sequence >> 1,
        timestamp=timestamp,
        cname=f"{name:016x}@parley",
        clock_began_s=time.time() - now_ms / 1000,
    )
