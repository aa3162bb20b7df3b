"""What every carrier's stream of a call's sound comes to, however its messages look.

``media_streams`` has Twilio's, whose kinds of messages are all there are.
"""

from __future__ import annotations

from typing import Protocol

from telephony.wire import media_streams
from telephony.wire.media_streams import Message


class Writer(Protocol):
    """What is sent in one stream, as text."""

    @property
    def clear(self) -> str:
        """Forget what was sent and not played yet."""

    def media(self, sound: bytes) -> str:
        """μ-law."""

    def mark(self, number: int) -> str:
        """Comes back as ``Marked(str(number))`` when all before it was played."""


class Wire(Protocol):
    """How the streams of one carrier speak."""

    in_order: bool
    """Sound comes in the order in which it was said. Otherwise ``Media.chunk`` tells."""
    has_stop: bool
    """The end of a stream is told before its socket is closed. Otherwise a socket that is closed properly is all there is."""

    def parse(self, text: str | bytes) -> Message:
        """Raises ``media_streams.BadMessage``."""

    def writer(self, stream_sid: str) -> Writer: ...


class TwilioWire:
    """``media_streams`` as a :class:`Wire`."""

    in_order = True
    has_stop = True

    def parse(self, text: str | bytes) -> Message:
        return media_streams.parse(text)

    def writer(self, stream_sid: str) -> Writer:
        return media_streams.Writer(stream_sid)
