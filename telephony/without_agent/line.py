"""A caller's line where no agent talks: something is played, something is heard, and both are kept like an agent's turns.

The caller's frames are the clock, as in a session. Whoever made the line closes it.
"""

from __future__ import annotations

from collections.abc import Callable

from agents.speech import AudioFrame
from telephony.audio.playout import Finished, Playout
from telephony.session.events import TurnEnded
from telephony.session.ports import Listener, Tap
from telephony.session.streams import closing
from telephony.transfers.kept_line import KeptLine
from telephony.wire.dtmf import DigitEvent, Pressed

FRAME_MS = 20


class BareLine:
    """``play`` and ``hear``, one after the other. Both say False where the caller is gone."""

    def __init__(self, line: KeptLine, listener: Listener, tap: Tap | None, at_ms: int = 0, next_turn: int = 0) -> None:
        self.kept = line
        self.now_ms = at_ms
        self.next_turn = next_turn
        self.on_digit: Callable[[str], None] = lambda digit: None
        self._listener, self._tap = listener, tap
        self._playout = Playout(delay_ms=line.outbound_delay_ms, on_pull=None if tap is None else tap.agent)
        self._generation = 0
        line.attach(self._playout)
        line.listen_for_digits(self._pressed)

    def _pressed(self, event: DigitEvent) -> None:
        if isinstance(event, Pressed):
            self.on_digit(event.digit)

    async def hear(self, take: Callable[[AudioFrame], bool]) -> bool:
        """Until ``take`` says that it is enough."""
        async with closing(self.kept.frames()) as frames:
            async for frame in frames:
                if self._tap is not None:
                    self._tap.caller(frame, self.now_ms)
                self.now_ms += FRAME_MS
                if take(frame):
                    return True
        return False

    async def play(self, pcm: bytes, text: str = "") -> bool:
        """To its end. With ``text`` it is a turn of the agent's side."""
        self._generation += 1
        number, playout, began_ms = self._generation, self._playout, self.now_ms
        playout.begin(number)
        playout.phrase(number, text or "…")
        playout.push(number, pcm)
        playout.finish(number)
        playout.release(number)
        was_heard = await self.hear(lambda frame: any(isinstance(each, Finished) for each in playout.events()))
        if text:
            heard = text if was_heard else playout.heard(number).text
            self.turn("agent", heard, began_ms, self.now_ms, intended=text, was_cut=not was_heard)
        return was_heard

    def turn(
        self, role: str, text: str, started_ms: int, ended_ms: int, *, intended: str = "", was_cut: bool = False,
        confidence: float | None = None,
    ) -> None:  # fmt: skip
        """Something was said, by one of the two."""
        self._listener.receive(
            TurnEnded(
                ended_ms, self.next_turn, "agent" if role == "agent" else "caller", text, intended or text, started_ms,
                ended_ms, was_cut, confidence,
            )
        )  # fmt: skip
        self.next_turn += 1
