"""The other side of a warm transfer is called at Twilio: a call of its own, whose sound comes to the worker that has the caller.

The worker joins the two itself (``bridge``), so the caller's stream stands as it is: the music, the recording and whatever comes when the
worker is lost are the same as over a trunk. Called from threads.
"""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass

import redis
from asgiref.sync import async_to_sync
from django.conf import settings

from telephony import phone_calls, phone_numbers
from telephony.carriers import CarrierError
from telephony.carriers.twilio import Twilio
from telephony.dialing.gate import Permit
from telephony.session.transferring import NotReached
from telephony.transfers import warm
from telephony.transfers.second_line import AtTwilio
from telephony.wire import twiml

logger = logging.getLogger(__name__)

CONNECT_SECONDS = 30
"""From the end of the ringing until the sound must be here: Twilio may let it ring for some seconds longer than it was told."""
NO_ACCOUNT = "The account at Twilio was removed."
NOT_NOW = "Valkey can't be reached, so nobody can be called. See System health."


@dataclass(frozen=True, slots=True)
class Prepared:
    """All that Twilio is told, and by whom."""

    account: Twilio
    caller: str
    document: str
    status_url: str
    ring_seconds: int


def prepare(second: AtTwilio, key: uuid.UUID, at: str) -> Prepared:
    """Who picks up is brought to the worker that listens ``at`` this address, under this key. Asks the database. Raises ``NotReached``."""
    account = phone_numbers.account_of(second.account)
    if account is None:
        raise NotReached("not_reached", NO_ACCOUNT)
    ring_seconds = round(second.ring_seconds)
    stream = phone_calls.Stream(second.call, second.organization, 0, "", account.sid, second=str(key), at=at)
    try:
        token = phone_calls.new_token(stream, ring_seconds + CONNECT_SECONDS)
        carrier = phone_numbers.carrier(account)
    except redis.RedisError as error:
        raise NotReached("not_reached", NOT_NOW) from error
    except phone_numbers.CannotDo as error:
        raise NotReached("not_reached", str(error)) from error
    document = twiml.document(twiml.connect_stream(f"{settings.PHONE_MEDIA_URL}/twilio/{token}"), twiml.hang_up())
    status_url = phone_numbers.public_url("twilio-second", account.pk, second.call, key)
    return Prepared(carrier, second.caller, document, status_url, ring_seconds)


def place(permit: Permit, prepared: Prepared) -> str:
    """Twilio rings whom ``permit`` lets. Returns its id of the call. Raises ``NotReached``."""
    longest_s = permit.longest_minutes * 60 + (warm.TELL_MS + warm.INTRODUCE_MS) // 1000
    try:
        return async_to_sync(prepared.account.call_with)(
            permit,
            prepared.caller,
            prepared.document,
            prepared.status_url,
            ring_seconds=prepared.ring_seconds,
            longest_s=longest_s,
        )
    except CarrierError as error:
        raise NotReached("not_reached", str(error)) from error


def hang_up(prepared: Prepared, carrier_call_id: str) -> None:
    """Whatever the call does: ring, or talk. Where Twilio can't be told, it ends by its own limits."""
    try:
        async_to_sync(prepared.account.hang_up)(carrier_call_id)
    except CarrierError as error:
        logger.warning("Twilio could not be told to hang up %s: %s", carrier_call_id, error)
