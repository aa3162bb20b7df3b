"""The ear's guard against the agent's own voice: the caller's frames go through it before anybody listens, and so do the VAD's
edges before the turn-taker is told. Pure; a frame is 20 ms.

An edge while the agent may be heard is told if it is a voice; if it was the echo it isn't, nor is the stop that follows. If that can't
be said yet it waits, ``LONGEST_WAIT_MS`` at most. What was taken for the echo and turns out to be more is told then.
"""

from __future__ import annotations

from collections.abc import Callable

from agents.speech import AudioFrame
from telephony.audio.echo import FRAME_MS, Echo, Verdict
from telephony.audio.vad import SpeechStarted, SpeechStopped, VADEdge

LONGEST_WAIT_MS = 120
"""Only on a line of which nothing is known, and only where it may well be an echo."""
_AGAIN_MS = 40
_LOOK_MS = 300
"""Between two looks whether a voice that goes on is one still: in an echo the VAD never hears it end."""
CALM_MS = 1_000
"""The agent has been heard for so long and nothing came back: the line has no echo, as far as can be said."""
VOICED_MS = 160
"""A voice over the echo that goes on for so long after it was taken for one."""


class EchoGuard:
    """``hear`` every frame with what was played, then ``edge`` for each of the VAD's; both return what is to be told."""

    def __init__(self, tell: Callable[[str, dict[str, int]], None] = lambda kind, data: None) -> None:
        self.echo = Echo()
        self._tell = tell
        self._held: SpeechStarted | None = None
        """Begun, and not told: it waits for a verdict, or was the echo."""
        self._is_echo = self._has_echoed = False
        self._now_ms = 0
        self._held_ms = 0
        self._voiced_ms = 0
        self._calm_ms = 0
        self._is_voice = False
        self._was_told = False

    @property
    def delay_ms(self) -> int | None:
        return self.echo.delay_ms

    def hear(self, frame: AudioFrame, played: bytes) -> tuple[AudioFrame, list[VADEdge]]:
        """The frame for VAD and transcriber, and edges that waited for it."""
        self._now_ms += FRAME_MS
        pcm = self.echo.hear(frame.pcm, played)
        if self.echo.is_possible:
            self._note()
            if self._is_voice:
                if self._now_ms % _LOOK_MS == 0:
                    self.echo.look()
            elif self._held is None:
                self._calm_ms += FRAME_MS
        heard = frame if pcm is frame.pcm else AudioFrame(pcm, frame.rate_hz)
        return heard, [] if self._held is None else self._look_again(self._held)

    def edge(self, edge: VADEdge) -> list[VADEdge]:
        if isinstance(edge, SpeechStopped):
            return self._stopped(edge)
        self._held, self._held_ms, self._voiced_ms = edge, self._now_ms, 0
        return self._judged(edge)

    def _judged(self, edge: SpeechStarted) -> list[VADEdge]:
        verdict = self.echo.judge(self._now_ms - edge.at_ms, is_calm=self._calm_ms >= CALM_MS)
        if verdict is Verdict.UNSURE and self._now_ms - self._held_ms < LONGEST_WAIT_MS:
            self._is_echo = False
            return []
        if verdict is Verdict.ECHO:
            self._is_echo = True
            return []
        return self._told(edge)

    def _told(self, edge: SpeechStarted) -> list[VADEdge]:
        self._held, self._is_voice = None, True
        return [edge]

    def _stopped(self, edge: SpeechStopped) -> list[VADEdge]:
        held, self._held, self._is_voice = self._held, None, False
        if held is None:
            return [edge]
        if self._is_echo or self.echo.judge(self._now_ms - held.at_ms) is not Verdict.VOICE:
            return []
        return [held, edge]

    def _look_again(self, held: SpeechStarted) -> list[VADEdge]:
        if not self._is_echo:
            return self._judged(held) if (self._now_ms - self._held_ms) % _AGAIN_MS == 0 else []
        if not self._voiced_ms:
            self._has_echoed = self.echo.has_echoed
        self._voiced_ms = self._voiced_ms + FRAME_MS if self.echo.has_voice() else 0
        if self._voiced_ms < VOICED_MS:
            return []
        self.echo.is_voice()
        # Where nothing was an echo before it, it was taken for one by mistake, and is theirs from the beginning.
        return self._told(SpeechStarted(self._now_ms - VOICED_MS) if self._has_echoed else held)

    def _note(self) -> None:
        if not self._was_told and self.echo.delay_ms is not None:
            self._was_told = True
            self._tell("echo", {"delay_ms": self.echo.delay_ms, "quieter_db": self.echo.quieter_db})
