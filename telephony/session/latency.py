"""Where the wait between the caller's last sound and the agent's first went. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from telephony.session.events import Latency


@dataclass(slots=True)
class Marks:
    """When each thing an answer needs was there, on the call's clock. What came before it was needed cost nothing."""

    stopped_ms: int = 0
    """The caller's last sound."""
    pause_over_ms: int = 0
    """From here on silence alone would have ended the turn."""
    transcript_ms: int = 0
    committed_ms: int = 0
    text_ms: int | None = None
    sound_ms: int | None = None


def breakdown(marks: Marks, sent_ms: int, delay_ms: int) -> Latency:
    """The first sound was sent at ``sent_ms`` and takes ``delay_ms`` to the caller's ear. The parts add up to the whole wait."""
    waited_for_words = marks.transcript_ms > marks.pause_over_ms
    silent_ms = marks.pause_over_ms if waited_for_words else marks.committed_ms
    ends = [silent_ms, marks.committed_ms, marks.text_ms or 0, marks.sound_ms or 0, sent_ms]
    parts: list[int] = []
    at_ms = marks.stopped_ms
    for end_ms in ends:
        end_ms = min(max(at_ms, end_ms), max(at_ms, sent_ms))
        parts.append(end_ms - at_ms)
        at_ms = end_ms
    endpointing, stt, model, tts, transport = parts
    return Latency(endpointing, stt, model, tts, transport + max(0, delay_ms))
