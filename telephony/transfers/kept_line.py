"""A caller's line that outlives the session on it: another agent's session goes on where the first one ended, or somebody else talks
with the caller while it stands by."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from agents.speech import AudioFrame
from telephony.audio.playout import Playout
from telephony.call_transport import CallTransport
from telephony.session.ports import Feeds, HasKeypad
from telephony.session.streams import take_each
from telephony.wire.dtmf import DigitEvent


class KeptLine:
    """``telephony.session.ports.Transport`` over a call's line, for one session after the other: a session that closes it lets go of
    it only. Whoever has the line closes it, after ``release``."""

    def __init__(self, line: CallTransport) -> None:
        self.playout: Playout | None = None
        """What the line sends: that of the session on it, or of whoever attached last."""
        self.hears: Callable[[AudioFrame], None] | None = None
        """Somebody who is told each frame as well, before the session is."""
        self.presses: Callable[[DigitEvent], None] | None = None
        """And each digit."""
        self._line = line
        self._frames: AsyncIterator[AudioFrame] | None = None

    @property
    def outbound_delay_ms(self) -> int:
        return self._line.outbound_delay_ms

    def listen_for_digits(self, tell: Callable[[DigitEvent], None]) -> None:
        def told(event: DigitEvent) -> None:
            if self.presses is not None:
                self.presses(event)
            tell(event)

        if isinstance(self._line, HasKeypad):
            self._line.listen_for_digits(told)

    def attach(self, playout: Playout) -> None:
        self.playout = playout
        self._line.attach(playout)

    async def frames(self) -> AsyncIterator[AudioFrame]:
        """A session that leaves between two frames leaves the line's own iterator whole."""
        if self._frames is None:
            self._frames = self._line.frames()
        try:
            async for frame in self._frames:
                if self.hears is not None:
                    self.hears(frame)
                yield frame
        except asyncio.CancelledError:  # broken off in the middle of a frame: whoever comes next begins anew
            self._frames = None
            raise

    async def feed(self, take: Callable[[AudioFrame], bool]) -> None:
        """``telephony.session.ports.Feeds``, as far as the line is one."""

        def heard(frame: AudioFrame) -> bool:
            if self.hears is not None:
                self.hears(frame)
            return take(frame)

        if isinstance(self._line, Feeds):
            await self._line.feed(heard)
        else:
            await take_each(self.frames(), take)

    async def close(self) -> None: ...

    async def release(self) -> None:
        """No other session comes."""
        close = getattr(self._frames, "aclose", None)
        if close is not None:
            with contextlib.suppress(RuntimeError):  # somebody still reads from it: the end of the line stops them
                await close()
