"""A call goes on with somebody else on the other side. Whoever talks in it here notices nothing but another voice.

they ask us to call somebody (REFER):   leave (``transfers.sent_on``) ─▶ INVITE ─▶ 180, 200 ─▶ NOTIFY ─▶ the line moves ─▶ BYE
somebody takes their place (Replaces):  INVITE ─▶ 200 ─▶ the line moves, the replaced call gets BYE

The call's row, its recording and its trace stay the same: ``Line.move_to``.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from telephony.dialing import gate
from telephony.journal import Database
from telephony.session.transferring import NotReached
from telephony.sip import commands, events
from telephony.sip.commands import Command
from telephony.transfers import sent_on
from telephony.transfers.second_line import SecondLine
from telephony.transports.phone_line import IncomingLine, Line, OutgoingLine
from telephony.transports.phone_media import PhoneMedia
from telephony.transports.rtp_socket import NoPortLeft
from telephony.trunks import words
from telephony.trunks.call_trace import Owner
from telephony.wire.offer import BadOffer

logger = logging.getLogger(__name__)

LINGER_SECONDS = 2.0
"""For those who have sent us on, to hang up by themselves."""
CLOSE_SECONDS = 3.0
_REFUSED = {"not_allowed": 403, "busy": 486, "no_answer": 480, "declined": 603}
"""Why we call nobody → the status that they are told."""
_NEVER_UP = {"line_busy": 486, "no_answer": 480, "declined": 603, "busy": 503}


@dataclass(slots=True)
class Live:
    """One SIP dialog, and the line that its events are for."""

    line: TakesEvents
    dialog: str
    """Its Call-ID."""
    owner: Owner


class TakesEvents(Protocol):
    def take(self, event: events.Event) -> None: ...


class Left:
    """Stands where the line of a call was that has moved: nothing changes there any more."""

    def __init__(self, call: str, do: Callable[[Command], None]) -> None:
        self._call, self._do = call, do

    def take(self, event: events.Event) -> None:
        if isinstance(event, events.OfferReceived):
            self._do(commands.RefuseOffer(self._call))


class House(Protocol):
    """What is needed of ``telephony.trunks.house.PhoneHouse``."""

    lives: dict[str, Live]

    def do(self, command: Command) -> None: ...
    def trunk_of(self, call: str) -> str: ...
    def out(
        self, permit: gate.Permit, second: SecondLine, replaces: str, referred_by: str
    ) -> tuple[str, OutgoingLine]: ...
    def incoming(self, event: events.CallReceived, owner: Owner) -> IncomingLine: ...


class Moves:
    def __init__(self, house: House, database: Database) -> None:
        self._house, self._database = house, database
        self._tasks: set[asyncio.Task[None]] = set()

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()

    # ---- they ask us to call somebody

    def asked(self, event: events.TransferAsked) -> None:
        live = self._house.lives.get(event.call)
        is_theirs = live is not None and str(live.owner.trunk) == self._house.trunk_of(event.call)
        if (
            live is None
            or not isinstance(live.line, Line)
            or not is_theirs
            or live.line.is_moving
            or live.line.over.is_set()
        ):
            self._house.do(commands.ReportTransfer(event.call, 603))
            return
        live.line.is_moving = True
        self._spawn(self._send_on(event, live.line, live.owner))

    async def _send_on(self, event: events.TransferAsked, line: Line, owner: Owner) -> None:
        to = sent_on.words_of(event.target)
        line.news("sent_on", {"step": "asked", "to": to, "is_attended": bool(event.replaces)})
        permit: gate.Permit | None = None
        try:
            assert owner.call is not None and owner.trunk is not None, "a call on a trunk"
            onward = await self._database.run(
                partial(sent_on.permitted, owner.call, owner.organization, owner.trunk, event.target)
            )
            permit = onward.permit
            await self._go_on(event, line, onward)
        except Exception as error:
            status, why = _told(error)
            if permit is not None:
                await self._free(permit)
            if not line.over.is_set():
                line.news("sent_on", {"step": "failed", "to": to, "why": why})
            self._house.do(commands.ReportTransfer(event.call, status))
            line.stays()
            return
        line.news("sent_on", {"step": "done", "to": to})

    async def _go_on(self, event: events.TransferAsked, line: Line, onward: sent_on.Onward) -> None:
        """Raises :class:`_NotUp`, ``NotReached`` and ``NoPortLeft``: then all is as it was."""
        sip_call, new = self._house.out(onward.permit, onward.second, event.replaces, event.referred_by)
        new.on_ringing = lambda status: self._house.do(commands.ReportTransfer(event.call, status))
        connecting = asyncio.create_task(new.connected())
        over = asyncio.create_task(line.over.wait())
        try:
            await asyncio.wait({connecting, over}, return_when=asyncio.FIRST_COMPLETED)
            if not connecting.done() or line.over.is_set():
                raise _NotUp(487, "The call ended meanwhile.")
            if not connecting.result():
                raise _NotUp(_status_of(new), _words_of(new))
            self._move(line, new, sip_call)
        except BaseException:
            await _put_away(new, connecting)
            raise
        finally:
            over.cancel()
            if (left := self._house.lives.get(event.call)) is not None and left.line is line and not line.is_moving:
                left.line = Left(event.call, self._house.do)
        self._house.do(commands.ReportTransfer(event.call, 200))
        loop = asyncio.get_running_loop()
        loop.call_later(LINGER_SECONDS, self._house.do, commands.HangUp(event.call))

    async def _free(self, permit: gate.Permit) -> None:
        """A database that is away leaves that to the end of the call."""
        try:
            await self._database.run(partial(gate.release, permit.organization, permit.key, seconds=0))
        except Exception:
            logger.warning("The place of a transfer in the limits is not free yet.", exc_info=True)

    # ---- somebody takes their place

    def takes_over(self, event: events.CallReceived) -> None:
        live = self._house.lives.get(event.replaces)
        if live is None or not isinstance(live.line, Line) or live.line.over.is_set():
            self._house.do(commands.Reject(event.call, 481))
        elif live.line.is_moving:
            self._house.do(commands.Reject(event.call, 491))
        else:
            live.line.is_moving = True
            self._spawn(self._take_over(event, live.line, live.owner))

    async def _take_over(self, event: events.CallReceived, line: Line, owner: Owner) -> None:
        new: IncomingLine | None = None
        try:
            new = self._house.incoming(event, owner)
            await new.answer("")
            if not await new.connected():
                raise _NotUp(480, new.end_detail)
            self._house.lives.pop(event.replaces, None)
            self._move(line, new, event.call)
        except Exception as error:
            status = 488 if isinstance(error, BadOffer) else 503 if isinstance(error, NoPortLeft) else 500
            if not isinstance(error, BadOffer | NoPortLeft | _NotUp):
                logger.exception("A call could not take another's place")
            self._house.do(commands.Reject(event.call, status))
            if new is not None:
                await _put_away(new)
            line.stays()
            return
        line.news("taken_over", {"by": event.caller.uri.user or event.caller.uri.host})

    # ---- both

    def _move(self, line: Line, new: Line, sip_call: str) -> None:
        left = line.move_to(new)
        if (live := self._house.lives.get(sip_call)) is not None:
            live.line = line
        self._spawn(_close(left))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class _NotUp(Exception):
    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status, self.why = status, why


def _told(error: Exception) -> tuple[int, str]:
    """The status that they are told, and why in words."""
    match error:
        case _NotUp():
            return error.status, error.why
        case NotReached():
            return _REFUSED.get(error.why, 480), error.words
        case NoPortLeft():
            return 503, str(error)
    logger.error("Whom the other side of a call wants us to call could not be called", exc_info=error)
    return 500, "Something broke in Parley. The call worker's log says what."


def _status_of(line: OutgoingLine) -> int:
    return line.status if line.status >= 300 else _NEVER_UP.get(line.end_reason or "", 480)


def _words_of(line: OutgoingLine) -> str:
    if line.end_reason == "no_answer":
        return "Nobody picked up."
    return line.end_detail or words.of_call(_status_of(line)).words


async def _close(media: PhoneMedia) -> None:
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await media.close()
    except Exception:
        logger.warning("The sound of a call that has moved did not close well", exc_info=True)


async def _put_away(line: Line, connecting: asyncio.Task[bool] | None = None) -> None:
    if connecting is not None:
        connecting.cancel()
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await line.close()
    except Exception:
        logger.warning("A call that came to nothing did not close well", exc_info=True)
