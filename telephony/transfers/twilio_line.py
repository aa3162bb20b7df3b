"""The second line of a warm transfer at Twilio, as a transport: it rings by REST, and its sound comes by a stream of its own.

connected ─▶ Twilio is asked ─┬▶ the stream is here (``take``): it is up
                              └▶ Twilio tells how it ended (``told``), or never does: it never will be
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from agents.speech import AudioFrame
from telephony.audio.playout import Playout
from telephony.call_transport import CallTransport
from telephony.session.ports import HasKeypad
from telephony.session.transferring import NotReached
from telephony.wire.dtmf import DigitEvent

logger = logging.getLogger(__name__)

PLACE_SECONDS = 15.0
"""For Twilio to say what the call is called, where it has to be hung up at once."""
GRACE_SECONDS = 15.0
"""Twilio may let it ring for some seconds longer than it was told, and tells the end a little later."""
NO_SOUND = "It was picked up, but Twilio brought no sound here. Is PHONE_MEDIA_URL right?"
_ENDS: dict[str, tuple[str, str]] = {
    "busy": ("line_busy", ""),
    "no-answer": ("no_answer", ""),
    "canceled": ("no_answer", ""),
    "failed": ("not_reachable", "The number could not be reached."),
    "completed": ("not_reachable", NO_SOUND),
}
"""Twilio's CallStatus of a call that never came up → a key of ``telephony.end_reasons.REASONS``, with a sentence."""


class TwilioLine:
    """``telephony.call_transport.CallTransport``. ``place`` rings and returns Twilio's id of the call, or raises ``NotReached``; ``hang_up``
    ends the call of this id; ``closed`` is told when nobody waits for its sound any more."""

    def __init__(
        self,
        place: Callable[[], Awaitable[str]],
        hang_up: Callable[[str], Awaitable[None]],
        ring_seconds: float,
        closed: Callable[[], None],
    ) -> None:
        self.end_detail = ""
        self._place, self._hang_up, self._closed = place, hang_up, closed
        self._ring_seconds = ring_seconds
        self._placing: asyncio.Future[str] | None = None
        self._transport: CallTransport | None = None
        self._why: str | None = None
        self._is_over_there = False
        """Twilio says so."""
        self._news = asyncio.Event()
        self._done = asyncio.Event()

    # ---- as a transport

    @property
    def end_reason(self) -> str | None:
        return self._why or (self._transport.end_reason if self._transport is not None else None)

    @property
    def progress(self) -> dict[str, Any]:
        return {} if self._transport is None else self._transport.progress

    @property
    def outbound_delay_ms(self) -> int:
        return 0 if self._transport is None else self._transport.outbound_delay_ms

    def listen_for_digits(self, tell: Callable[[DigitEvent], None]) -> None:
        if isinstance(self._transport, HasKeypad):
            self._transport.listen_for_digits(tell)

    def attach(self, playout: Playout) -> None:
        if self._transport is not None:
            self._transport.attach(playout)

    async def frames(self) -> AsyncIterator[AudioFrame]:
        if self._transport is not None:
            async for frame in self._transport.frames():
                yield frame

    async def answer(self, offer: str) -> str:
        return ""

    async def connected(self) -> bool:
        if self.end_reason is not None:
            return False
        self._placing = asyncio.ensure_future(self._place())
        try:
            await asyncio.shield(self._placing)
        except NotReached as error:
            self._is_over_there = True
            self._end("carrier_refused", error.words)
            return False
        try:
            async with asyncio.timeout(self._ring_seconds + GRACE_SECONDS):
                while self._transport is None and self.end_reason is None:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            self._end("no_answer")
        return self.end_reason is None

    def hang_up(self) -> None:
        self._end("caller_hung_up")
        if self._transport is not None:
            self._transport.hang_up()

    async def close(self) -> None:
        """Where it rings still, Twilio is told to stop; also where it has not said yet what the call is called."""
        self.hang_up()
        self._closed()
        if self._transport is not None:
            await self._transport.close()
        elif self._placing is not None and not self._is_over_there:
            await asyncio.wait({self._placing}, timeout=PLACE_SECONDS)
            if self._placing.done() and not self._placing.cancelled() and self._placing.exception() is None:
                await self._hang_up(self._placing.result())
        self._done.set()

    # ---- what Twilio does

    async def take(self, transport: CallTransport, call_id: str) -> None:
        """They have picked up, and this brings their sound. Returns when the line is closed; whoever has the socket closes it then."""
        is_another = self._placed_as not in ("", call_id)
        if is_another or self._transport is not None or self.end_reason is not None:
            logger.warning("A stream that nobody waits for any more is refused")
            await transport.close()
            return
        self._transport = transport
        self._news.set()
        await self._done.wait()

    def told(self, status: str, sip: str = "") -> None:
        """The call is over at Twilio. Once its sound is here, that says the same."""
        self._is_over_there = True
        if self._transport is None:
            reason, words = _ENDS.get(status, _ENDS["failed"])
            if sip == "603":
                reason, words = "declined", ""
            self._end(reason, f"{words} (SIP {sip})" if sip and words else words)

    @property
    def _placed_as(self) -> str:
        """Twilio's id of the call, "" where it has not told it yet."""
        found = ""
        if self._placing is not None and self._placing.done():
            with contextlib.suppress(Exception, asyncio.CancelledError):
                found = self._placing.result()
        return found

    def _end(self, reason: str, detail: str = "") -> None:
        if self.end_reason is None:
            self._why, self.end_detail = reason, detail
        self._news.set()
