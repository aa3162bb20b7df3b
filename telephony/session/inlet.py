"""The caller's frames and the VAD's edges on their way in: past the echo guard, then cleaned for the transcriber.

frame ─▶ echo guard ─┬─▶ VAD ─▶ edge ─▶ echo guard ─▶ turn-taker
                     └─▶ noise suppression, levelling ─▶ transcriber
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from agents.caller_sound import NoiseSuppression
from agents.spec import Listens
from agents.speech import AudioFrame
from telephony.audio.cleaning import Cleaner
from telephony.audio.playout import SILENCE, Playout
from telephony.audio.vad import SpeechStarted, VADEdge
from telephony.session.echo_guard import EchoGuard

_WEBRTC_LEVEL = {NoiseSuppression.LOW: 0, NoiseSuppression.HIGH: 1}
"""6 and 12 dB. More costs a quiet caller's words, and gains none (``bench/noise.py``)."""


class Inlet:
    """``hear`` every frame, then ``edge`` for each edge of the VAD: what is to be told comes back."""

    def __init__(self, listens: Listens, playout: Playout, tell: Callable[[str, dict[str, int]], None]) -> None:
        self._playout = playout
        self._pulls = playout.pulls
        self._guard = EchoGuard(tell) if listens.echo_guard else None
        suppression = _WEBRTC_LEVEL.get(listens.noise_suppression)
        is_clean = suppression is None and not listens.level_callers
        self._cleaner = None if is_clean else Cleaner(suppression=suppression, levels=listens.level_callers)
        self._is_speech = False
        self.stopped_ms = 0
        """When the caller's last speech ended."""

    @property
    def has_guard(self) -> bool:
        return self._guard is not None

    @property
    def echo_delay_ms(self) -> int | None:
        """Of the line, if it is known to have an echo."""
        return None if self._guard is None else self._guard.delay_ms

    @property
    def echoes(self) -> int:
        """How often the agent spoke and came back, up to now."""
        return 0 if self._guard is None else self._guard.echo.runs

    def hear(self, frame: AudioFrame) -> tuple[AudioFrame, AudioFrame, Sequence[VADEdge]]:
        """A frame for the VAD and one for the transcriber, and edges that had waited for it."""
        edges: Sequence[VADEdge] = ()
        heard = frame
        if self._guard is not None:
            was_pulled = self._playout.pulls != self._pulls
            self._pulls = self._playout.pulls
            heard, edges = self._guard.hear(frame, self._playout.voice if was_pulled else SILENCE)
            if edges:
                self._note(edges)
        clean = heard if self._cleaner is None else self._cleaner.push(heard, is_speech=self._is_speech)
        return heard, clean, edges

    def edge(self, edge: VADEdge) -> list[VADEdge]:
        edges = [edge] if self._guard is None else self._guard.edge(edge)
        self._note(edges)
        return edges

    def _note(self, edges: Sequence[VADEdge]) -> None:
        for edge in edges:
            self._is_speech = isinstance(edge, SpeechStarted)
            if not self._is_speech:
                self.stopped_ms = edge.at_ms
