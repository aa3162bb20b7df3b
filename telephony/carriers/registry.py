"""The telephone companies that Parley knows."""

from __future__ import annotations

from telephony.carriers.carrier import Carrier
from telephony.carriers.plivo import PlivoCarrier
from telephony.carriers.signalwire import SignalWireCarrier
from telephony.carriers.telnyx import TelnyxCarrier
from telephony.carriers.twilio import TwilioCarrier

_ALL: tuple[Carrier, ...] = (TwilioCarrier(), SignalWireCarrier(), TelnyxCarrier(), PlivoCarrier())
CARRIERS = {each.key: each for each in _ALL}
"""In the order in which they are offered."""


def carrier(key: str) -> Carrier:
    """Raises ``KeyError``: only a newer Parley knows it."""
    return CARRIERS[key]
