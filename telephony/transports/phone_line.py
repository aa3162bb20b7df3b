"""A SIP call as a live call has it: its sound (``phone_media``) and its signalling (``sip``) together are one transport.

somebody calls:  answer ─▶ our description · connected ─▶ 200, their ACK
we call:         connected ─▶ INVITE, ringing, 200
either:          holds, digits, the end, both ways
moved:           somebody else's call takes the place of this one, under whoever talks on the line (``telephony.trunks.moves``)
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

from agents.speech import AudioFrame
from telephony.audio.playout import Playout
from telephony.call_transport import CannotRefer, OnNews, OnReport
from telephony.dialing.gate import Permit
from telephony.session.streams import closing
from telephony.session.transferring import NotReached
from telephony.sip import commands, events
from telephony.sip.commands import Command
from telephony.sip.events import Event
from telephony.transfers.words import words_of_refer
from telephony.transports.phone_media import PhoneMedia
from telephony.transports.rtp_session import Counts
from telephony.trunks import words
from telephony.wire.dtmf import DigitEvent, Pressed, Released
from telephony.wire.offer import BadOffer
from telephony.wire.sdp import BadDescription

logger = logging.getLogger(__name__)

MakeMedia = Callable[[Callable[[Counts], None]], PhoneMedia]

_ENDS: dict[str, tuple[str, str]] = {
    "session_expired": ("connection_lost", "The other side stopped saying that it is still there."),
    "no_ack": ("never_connected", "The answer never arrived at the other side: it was not confirmed."),
    "failed": ("connection_lost", "The other side doesn't know of the call any more."),
    "no_answer": ("no_answer", ""),
    "cancelled": ("caller_hung_up", "The caller hung up before the agent answered."),
}
"""What the user agent calls an end → what a call calls it, with a sentence."""
_LEFT_FOR_ANOTHER = ("remote_hung_up", "replaced")


class Line:
    """What both directions have in common. The house hands it the events of its call by ``take``."""

    def __init__(self, call: str, do: Callable[[Command], None], make_media: MakeMedia, signalling: str) -> None:
        """Raises ``telephony.transports.rtp_socket.NoPortLeft``. ``signalling``: the host that the SIP messages come from."""
        self.end_detail = ""
        """A sentence on ``end_reason`` that may be shown."""
        self._call, self._do, self._signalling = call, do, signalling
        self._on_report: OnReport = lambda report: None
        self._media = make_media(self._counted)
        self._why: str | None = None
        self._is_over = False
        """For the user agent."""
        self._news = asyncio.Event()
        self._transferred: events.TransferDone | None = None
        """How a transfer of ours came out."""
        self._tell_digit: Callable[[DigitEvent], None] = lambda event: None
        self._tell_news: OnNews = lambda kind, data: None
        self._playout: Playout | None = None
        self.over = asyncio.Event()
        """It has ended, for whoever talks on it."""
        self.status = 0
        """What a call of ours came to, where a status ended it."""
        self.is_moving = False
        """Somebody is on the way to take this call's place: that the other side leaves doesn't end it."""

    def reporting(self, on_report: OnReport) -> Line:
        """As a live call asks for its transport."""
        self._on_report = on_report
        return self

    # ---- the session's side

    @property
    def end_reason(self) -> str | None:
        return self._why or self._media.end_reason

    @property
    def outbound_delay_ms(self) -> int:
        return self._media.outbound_delay_ms

    @property
    def progress(self) -> dict[str, Any]:
        counts = self._media.counts
        return {"received": counts.received, "strangers": counts.strangers, "detail": self.end_detail}

    def listen_for_digits(self, tell: Callable[[DigitEvent], None]) -> None:
        self._tell_digit = tell
        self._media.listen_for_digits(tell)

    def attach(self, playout: Playout) -> None:
        self._playout = playout
        self._media.attach(playout)

    async def frames(self) -> AsyncIterator[AudioFrame]:
        """Of this call, and of the one that has taken its place."""
        while True:
            media = self._media
            async with closing(media.frames()) as frames:
                async for frame in frames:
                    yield frame
            if media is self._media:
                return

    async def feed(self, take: Callable[[AudioFrame], bool]) -> None:
        """``telephony.session.ports.Feeds``, as ``frames``."""
        while True:
            media = self._media
            await media.feed(take)
            if media is self._media:
                return

    async def answer(self, offer: str) -> str:
        return ""

    async def connected(self) -> bool:
        raise NotImplementedError

    def hang_up(self) -> None:
        self._end("caller_hung_up")

    def tell_news(self, tell: OnNews) -> None:
        """``telephony.call_transport.TellsNews``."""
        self._tell_news = tell

    def news(self, kind: str, data: dict[str, Any]) -> None:
        self._tell_news(kind, data)

    async def close(self) -> None:
        if not self._is_over:
            self._do(commands.HangUp(self._call))
        self._end("caller_hung_up")
        await self._media.close()

    async def refer(self, permit: Permit) -> None:
        """Ask the other side to call whom ``permit`` lets, instead of us. Returns when they talk; hangs up nothing."""
        self._transferred = None
        try:
            self._do(commands.Transfer(self._call, permit.number))
        except ValueError as error:
            raise CannotRefer("not_allowed", f"The other side can't be sent there: {error}.") from error
        while self._transferred is None and self.end_reason is None:
            self._news.clear()
            await self._news.wait()
        done = self._transferred
        if done is None:
            raise NotReached("not_reached", "The caller hung up while they were put through.")
        if not 200 <= done.status < 300:
            raise (CannotRefer if done.is_refused else NotReached)(*words_of_refer(done.status))

    def _counted(self, counts: Counts) -> None:
        self._on_report(
            {
                "rtt_ms": counts.rtt_ms,
                "delay_ms": counts.delay_ms,
                "concealed": counts.concealed,
                "lost": counts.lost,
                "jitter_ms": round(counts.jitter_ms, 1),
            }
        )

    def _end(self, reason: str, detail: str = "") -> None:
        if self._why is None and self._media.end_reason is None:
            self._why, self.end_detail = reason, detail
        self._media.hang_up()
        self._news.set()
        self.over.set()

    # ---- the house's side

    def move_to(self, other: Line) -> PhoneMedia:
        """``other``'s call stands: its sound and its signalling are this line's from now on, and ``other`` is of no use any more. What
        this one had is told no more, and its sound is the maker's to close."""
        left = self._media
        self.is_moving = False
        self._transferred = self._transferred or events.TransferDone(self._call, 481)
        self._call, self._signalling, self._media, self._is_over = (
            other._call, other._signalling, other._media, other._is_over
        )  # fmt: skip
        other._on_report = self._on_report
        self._media.listen_for_digits(self._tell_digit)
        if self._playout is not None:
            self._media.attach(self._playout)
        left.hang_up()
        return left

    def stays(self) -> None:
        """Nobody takes this call's place after all."""
        self.is_moving = False
        self._media.is_ringing = False
        if self._is_over:
            self._end("caller_hung_up")

    def take(self, event: Event) -> None:
        match event:
            case events.Acknowledged(_, body):
                if body:
                    self._accept(body)
            case events.OfferReceived(_, body):
                self._offered(body)
            case events.OfferAnswered(_, body):
                self._accept(body)
            case events.OfferRefused():
                self._media.withdraw()
            case events.DigitReceived(_, digit, _):
                self._tell_digit(Pressed(digit))
                self._tell_digit(Released(digit))
            case events.TransferDone():
                self._transferred = event
            case events.Ended(_, reason, status):
                self._is_over, self.status = True, status
                if self.is_moving and reason in _LEFT_FOR_ANOTHER:
                    self._media.is_ringing = True  # it is quiet now, and that means nothing
                else:
                    self._end(*self._ended(reason, status))
            case _:
                pass
        self._news.set()

    def _ended(self, reason: str, status: int) -> tuple[str, str]:
        if reason == "refused":
            return words.of_call(status)
        return _ENDS.get(reason, ("caller_hung_up", ""))

    def _offered(self, body: bytes) -> None:
        """Hold, resume, another address or coding. Without a body they want our offer; their answer comes in the ACK."""
        try:
            answer = self._media.answer(body, signalling=self._signalling) if body else self._media.offer()
        except BadDescription as error:
            logger.info("An offer in a call is refused: %s", error)
            self._do(commands.RefuseOffer(self._call))
            return
        self._do(commands.AnswerOffer(self._call, answer.encode()))

    def _accept(self, body: bytes) -> bool:
        try:
            self._media.accept(body, signalling=self._signalling)
        except BadDescription as error:
            self._end("never_connected", str(error))
            return False
        return True


class IncomingLine(Line):
    """Somebody calls. ``offer`` empty: they want ours in the answer."""

    def __init__(
        self, call: str, do: Callable[[Command], None], make_media: MakeMedia, signalling: str, offer: bytes
    ) -> None:
        super().__init__(call, do, make_media, signalling)
        self._offer = offer
        self._body = b""
        self._is_acknowledged = False

    async def answer(self, offer: str) -> str:
        """Nothing is sent yet: whoever refuses the call now still can say why."""
        try:
            body = self._media.answer(self._offer, signalling=self._signalling) if self._offer else self._media.offer()
        except BadDescription as error:
            raise BadOffer(str(error)) from error
        self._body = body.encode()
        return ""

    async def connected(self) -> bool:
        if self.end_reason is not None:
            return False
        self._do(commands.Answer(self._call, self._body))
        while not self._offer and not self._is_acknowledged and self.end_reason is None:
            self._news.clear()
            await self._news.wait()
        return self.end_reason is None

    def take(self, event: Event) -> None:
        if isinstance(event, events.Acknowledged):
            self._is_acknowledged = True
        super().take(event)


class OutgoingLine(Line):
    """We call. ``dial`` is told our offer, and carries it out."""

    def __init__(
        self,
        call: str,
        do: Callable[[Command], None],
        make_media: MakeMedia,
        signalling: str,
        dial: Callable[[bytes], None],
        ring_seconds: float,
    ) -> None:
        super().__init__(call, do, make_media, signalling)
        self._dial, self._ring_seconds = dial, ring_seconds
        self._is_answered = self._is_early = False
        self.on_ringing: Callable[[int], None] = lambda status: None

    @property
    def has_early_sound(self) -> bool:
        return self._is_early and self._media.counts.received > 0

    async def connected(self) -> bool:
        if self.end_reason is not None:
            return False
        self._media.is_ringing = True
        try:
            self._dial(self._media.offer().encode())
        except ValueError as error:
            self._is_over = True
            self._end("carrier_refused", f"The call could not be placed: {error}.")
            return False
        try:
            async with asyncio.timeout(self._ring_seconds):
                while not self._is_answered and self.end_reason is None:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            self._end("no_answer")
        if self.end_reason is not None and not self._is_over:
            self._do(commands.HangUp(self._call))
        self._media.is_ringing = False
        return self.end_reason is None

    def take(self, event: Event) -> None:
        match event:
            case events.Answered(_, body):
                if not body and self._media.agreed is None:
                    self._end("never_connected", "The call was answered without a word on its sound.")
                elif not body or self._accept(body):
                    self._is_answered = True
            case events.Ringing(_, status):
                self.on_ringing(status)
            case events.EarlyMedia(_, body):
                self._accept_early(body)
                self.on_ringing(183)
        super().take(event)

    def _accept_early(self, body: bytes) -> None:
        try:
            self._media.accept(body, signalling=self._signalling)
            self._is_early = True
        except BadDescription as error:
            logger.info("The sound before the answer is none we can take: %s", error)

    def _ended(self, reason: str, status: int) -> tuple[str, str]:
        if reason == "no_response":
            return (
                "not_reachable",
                "Nobody answers at the provider's address. Check it, and that no firewall is between.",
            )
        return super()._ended(reason, status)
