"""A caller and whom their number puts them through to, on two lines of this worker that it joins (``transfers.bridge``).

    rings:  the caller hears what the other side's network lets be heard (early media), or a ringing tone made here
    talks:  each hears the other, and keys are passed on, until one hangs up or the longest time is reached

The caller's frames are the clock. Nothing is recorded.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from agents.speech import AudioFrame
from telephony import ending
from telephony.audio import hold_music, ringing
from telephony.audio.level import rms
from telephony.audio.playout import Playout
from telephony.call_transport import CallTransport, HasEarlySound
from telephony.session.ports import HasKeypad
from telephony.session.streams import closing
from telephony.session.transferring import NotReached
from telephony.transfers.bridge import Mix, Pipe
from telephony.transfers.joined_call import why_never_up
from telephony.wire.dtmf import DigitEvent, Pressed
from telephony.without_agent.line import FRAME_MS, BareLine

CLOSE_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Talked:
    """They have, for so long, until one left (``by``: "caller", "target" or "limit")."""

    seconds: int
    by: str


class InBetween:
    """One. ``number``: the one that the caller called, whose country's ringing they know. ``second`` is closed in any case."""

    def __init__(self, line: BareLine, second: CallTransport, number: str, longest_s: int) -> None:
        self._line, self._second, self._longest_ms = line, second, longest_s * 1000
        self._ringing = hold_music.Player(ringing.loop(number))
        self._for_caller = Mix()
        self._from_caller, self._from_target = Pipe(), Pipe()
        self._playout: Playout | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._listening: asyncio.Task[None] | None = None
        self._since_ms = 0

    async def ring(self) -> None:
        """Until they have picked up. Raises ``NotReached``, after which nothing of it is left."""
        connecting = asyncio.create_task(self._second.connected())
        self._tasks.add(connecting)
        for source in (self._ringing.pull, self._from_target.pull):
            self._for_caller.add(source)
        self._line.hears_instead(self._for_caller.pull)

        def rings(frame: AudioFrame) -> bool:
            if isinstance(self._second, HasEarlySound) and self._second.has_early_sound:
                self._listen()
            return connecting.done()

        try:
            if not await self._line.hear(rings):
                raise NotReached("not_reached", "The caller hung up while it rang.")
            if not connecting.result():
                failed = why_never_up(self._second)
                raise NotReached(failed.why, failed.words)
        except BaseException:
            await self._put_away()
            raise

    async def talk(self) -> Talked:
        """When they have picked up: until it is over."""
        self._ringing.stop()
        self._listen()
        assert self._listening is not None
        self._playout = Playout(delay_ms=self._second.outbound_delay_ms)
        self._playout.instead = self._from_caller.pull
        self._second.attach(self._playout)
        if isinstance(self._second, HasKeypad):
            self._second.listen_for_digits(self._target_presses)
        self._line.on_digit = self._playout.digits.press
        self._since_ms = self._line.now_ms
        listening = self._listening

        def talks(frame: AudioFrame) -> bool:
            self._from_caller.push(frame)
            return listening.done() or self._talked_ms >= self._longest_ms

        try:
            is_there = await self._line.hear(talks)
            by = "caller" if not is_there else "target" if listening.done() else "limit"
            return Talked(round(self._talked_ms / 1000), by)
        finally:
            self._line.on_digit = lambda digit: None
            await self._put_away()

    @property
    def talked_ms(self) -> int:
        """0 before they have picked up."""
        return self._talked_ms if self._playout is not None else 0

    @property
    def _talked_ms(self) -> int:
        return self._line.now_ms - self._since_ms + FRAME_MS

    def _listen(self) -> None:
        if self._listening is None:
            self._listening = asyncio.create_task(self._hear_target())
            self._tasks.add(self._listening)

    async def _hear_target(self) -> None:
        async with closing(self._second.frames()) as frames:
            async for frame in frames:
                if rms(frame.pcm) > ringing.HEARD_RMS:
                    self._ringing.stop()
                self._from_target.push(frame)

    def _target_presses(self, event: DigitEvent) -> None:
        if isinstance(event, Pressed):
            self._line.press(event.digit)

    async def _put_away(self) -> None:
        """The other side's line first: it may ring, and nobody waits for it any more."""
        self._second.hang_up()
        self._line.hears_instead(None)
        closing_line = asyncio.ensure_future(self._second.close())
        await asyncio.wait({closing_line}, timeout=CLOSE_SECONDS)
        with suppress(Exception):
            await ending.end(self._tasks, CLOSE_SECONDS)
