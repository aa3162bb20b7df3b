"""Who calls the other side of a warm transfer, in a call worker: its SIP house over a trunk, or Twilio from one of our numbers."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING

from telephony.call_transport import CallTransport, MakeTransport
from telephony.dialing.gate import Permit
from telephony.journal import Database
from telephony.session.transferring import NotReached
from telephony.transfers import at_twilio
from telephony.transfers.second_line import AtTwilio, Second
from telephony.transfers.twilio_line import TwilioLine

if TYPE_CHECKING:
    from telephony.trunks.house import PhoneHouse

NOT_LISTENING = "This call's worker doesn't listen for the sound of telephones: its port can't be had. See its log."


class SecondCalls:
    """``telephony.transfers.second_line.CallsSecond``. ``address``: where this worker, and no other, listens for Twilio's sound."""

    def __init__(self, house: PhoneHouse, database: Database, address: Callable[[], str]) -> None:
        self._house, self._database, self._address = house, database, address
        self._waiting: dict[str, TwilioLine] = {}
        """By the key that their streams and what Twilio tells of them bring."""

    @property
    def serves_sip(self) -> bool:
        return self._house.takes_calls

    async def __call__(self, permit: Permit, second: Second) -> CallTransport:
        if isinstance(second, AtTwilio):
            return await self._at_twilio(permit, second)
        return await self._house.call_second(permit, second)

    async def _at_twilio(self, permit: Permit, second: AtTwilio) -> CallTransport:
        at = self._address()
        if not at:
            raise NotReached("not_reached", NOT_LISTENING)
        key = uuid.uuid4()
        prepared = await self._database.run(at_twilio.prepare, second, key, at)
        line = self._waiting[str(key)] = TwilioLine(
            place=lambda: asyncio.to_thread(at_twilio.place, permit, prepared),
            hang_up=lambda call: asyncio.to_thread(at_twilio.hang_up, prepared, call),
            ring_seconds=second.ring_seconds,
            closed=lambda: self._forget(str(key)),
        )
        return line

    async def bring(self, key: str, call_id: str, make: MakeTransport) -> None:
        """Who picked up is here. Returns when their line is over, at once where nobody waits for it."""
        if (line := self._waiting.get(key)) is not None:
            await line.take(make(lambda report: None), call_id)

    def told(self, key: str, status: str, sip: str) -> None:
        """Twilio says that such a call is over."""
        if (line := self._waiting.get(key)) is not None:
            line.told(status, sip)

    def _forget(self, key: str) -> None:
        self._waiting.pop(key, None)
