"""What callers waited: parts of a wait, the middle and the slow end of many. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class PartName:
    key: str
    name: str
    term: str


PARTS: tuple[PartName, ...] = (
    PartName("endpointing", "Pause", "endpointing"),
    PartName("stt", "Transcriber", "STT"),
    PartName("model", "Brain", "model"),
    PartName("tts", "Voice", "TTS"),
    PartName("transport", "Line", "transport"),
)
"""In the order they are waited for. ``islands/call/call-messages.ts`` has the same list."""

WIDTH = 100.0


@dataclass(frozen=True, slots=True)
class Bar:
    """One part of a wait: ``x`` and ``width`` are its place on a line of 100."""

    key: str
    name: str
    term: str
    ms: int
    x: str
    width: str


@dataclass(frozen=True, slots=True)
class Waterfall:
    total_ms: int
    bars: tuple[Bar, ...]

    @property
    def words(self) -> str:
        return wait_words(self.total_ms)


def waterfall(latency: Mapping[str, Any], scale_ms: int | None = None) -> Waterfall | None:
    """The bars of one wait, on a line as long as ``scale_ms`` (the wait itself by default). ``None``: nobody waited."""
    parts = [(part, ms) for part in PARTS if (ms := _ms(latency.get(f"{part.key}_ms"))) is not None]
    total = _ms(latency.get("total_ms"))
    if total is None:
        if not parts:
            return None
        total = sum(ms for _, ms in parts)
    scale = max(1, scale_ms or total, total)
    bars: list[Bar] = []
    before = 0
    for part, ms in parts:
        x, width = WIDTH * before / scale, WIDTH * ms / scale
        bars.append(Bar(part.key, part.name, part.term, ms, f"{x:.2f}", f"{width:.2f}"))
        before += ms
    return Waterfall(total, tuple(bars))


def percentile(values: Sequence[float], share: float) -> float | None:
    """The nearest-rank percentile: one of the values, never between two."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def wait_words(ms: float | None) -> str:
    """``640`` → "0.6 s", ``40`` → "40 ms"."""
    if ms is None:
        return ""
    return f"{ms:.0f} ms" if ms < 100 else f"{ms / 1000:.1f} s"


def clock(ms: float | None) -> str:
    """``134_000`` → "2:14"."""
    seconds = max(0, int(ms or 0) // 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def lasting(ms: float | None) -> str:
    """How long many things took together: ``364_266_000`` → "101 h 11 min"."""
    seconds = max(0, int(ms or 0) // 1000)
    hours, minutes = divmod(seconds // 60, 60)
    if hours:
        return f"{hours:,} h {minutes} min"
    return f"{minutes} min" if minutes else f"{seconds} s"


def totals(latencies: Iterable[Mapping[str, Any]]) -> list[int]:
    return [ms for latency in latencies if (ms := _ms(latency.get("total_ms"))) is not None]


def _ms(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return max(0, round(value))
