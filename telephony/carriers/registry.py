"""The telephone companies that Parley knows."""

from __future__ import annotations

from telephony.carriers.carrier import Carrier
from telephony.carriers.signalwire import SignalWireCarrier
from telephony.carriers.telnyx import TelnyxCarrier
from telephony.carriers.twilio import TwilioCarrier

CARRIERS: dict[str, Carrier] = {each.key: each for each in (TwilioCarrier(), SignalWireCarrier(), TelnyxCarrier())}
"""In the order in which they are offered."""


def carrier(key: str) -> Carrier:
    """Raises ``KeyError``: only a newer Parley knows it."""
    return CARRIERS[key]
