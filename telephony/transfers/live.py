"""Putting through, in a live call: decides by whom a target is reached on this line, and has it done.

another agent            ``handing_over``: the call's session ends, and the next one begins on the same line
a number, a SIP address  by Twilio (``by_carrier``), by the SIP telephone itself (REFER), from a web page not at all
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from agents.live import LiveAgent
from agents.spec import AgentSpec
from agents.transfers import TransferTarget, Way
from agents.variables import fill
from telephony.call_transport import CallTransport, CanRefer, LedByCarrier
from telephony.dialing import gate
from telephony.journal import Database, Journal
from telephony.models import Call
from telephony.session.transferring import HANDED_OVER, NotReached
from telephony.transfers import by_carrier, by_sip, handing_over
from telephony.transfers.handing_over import Successor

logger = logging.getLogger(__name__)

SETTLE_SECONDS = 5.0
MAKE_SECONDS = 20.0
TELL_SECONDS = 7.0
"""For the carrier to take an order, where nobody waits for it any more: less than a session that ends is waited for."""
WEB = "A call from a web page can't be put through to a telephone, only to another agent."

MakeAgent = Callable[[Call, AgentSpec], Awaitable[LiveAgent]]


@dataclass(frozen=True, slots=True)
class Next:
    """Who goes on, ready to talk."""

    agent: LiveAgent
    successor: Successor


class LiveTransfers:
    """``telephony.session.transferring.PutsThrough`` of one call."""

    def __init__(
        self,
        call: Call,
        spec: AgentSpec,
        line: CallTransport,
        database: Database,
        journal: Journal,
        make: MakeAgent,
        tell: Callable[[str, dict[str, Any]], None],
    ) -> None:
        self.next: Next | None = None
        """Who goes on, from when ``put_through`` has returned ``HANDED_OVER``; taken with ``take_next``."""
        self.spec = spec
        """Of the agent that has the call now."""
        self._call, self._line = call, line
        self._database, self._journal = database, journal
        self._make, self._tell = make, tell

    async def put_through(self, target: str) -> str:
        wanted = next((each for each in self.spec.does.transfers if each.name == target), None)
        if wanted is None:
            raise NotReached("not_reached", "Nobody of this name is among whom the agent may put callers through to.")
        if wanted.to is Way.AGENT:
            return await self._hand_over(wanted)
        if isinstance(self._line, LedByCarrier):
            await self._by_carrier(wanted, self._line)
        elif isinstance(self._line, CanRefer):
            await self._by_sip(wanted, self._line)
        else:
            raise NotReached("not_from_here", WEB)
        return "transferred"

    def take_next(self) -> Next | None:
        found, self.next = self.next, None
        if found is not None:
            self.spec = found.successor.spec
        return found

    async def _hand_over(self, wanted: TransferTarget) -> str:
        found = await self._database.run(handing_over.successor, self._call, wanted.agent, self.spec)
        found = Successor(found.agent, found.name, found.version, fill(found.spec, self._call.variables))
        try:
            async with asyncio.timeout(MAKE_SECONDS):
                agent = await self._make(self._call, found.spec)
        except TimeoutError:
            raise NotReached("not_reached", f"{found.name} was not ready in time.") from None
        with contextlib.suppress(Exception):  # only of use should this worker be lost
            await self._database.run(handing_over.keep, self._call, found.spec)
        self.next = Next(agent, found)
        self._tell(
            "put_through", {"to": wanted.name, "agent": str(found.agent), "by": found.name, "version": found.version}
        )
        return HANDED_OVER

    async def _by_carrier(self, wanted: TransferTarget, line: LedByCarrier) -> None:
        """From here on the carrier says how it went, to our pages."""
        await self._journal.settle(self._call.pk, SETTLE_SECONDS)  # whoever goes on with the call reads them
        line.leave(True)
        telling = asyncio.ensure_future(self._database.run(by_carrier.put_through, self._call, wanted))
        try:
            await asyncio.shield(telling)
        except (
            asyncio.CancelledError
        ):  # they hung up meanwhile: first the row must say again whose the end of the call is
            await asyncio.wait({telling}, timeout=TELL_SECONDS)
            raise
        finally:
            if telling.done() and telling.exception() is not None:
                line.leave(False)

    async def _by_sip(self, wanted: TransferTarget, line: CanRefer) -> None:
        permit = await self._database.run(
            partial(by_sip.permitted, self._call, wanted, key=f"transfer-{uuid.uuid4().hex}")
        )
        try:
            await line.refer(permit)
        except BaseException:
            with contextlib.suppress(Exception):
                await self._database.run(partial(gate.release, permit.organization, permit.key, seconds=0))
            raise
        self._tell("put_through", {"to": wanted.name, "by": permit.number})
