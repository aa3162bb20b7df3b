"""Small plots drawn on the server: places in percent, so that a picture of any width needs no script. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from frontend.queries.waits import clock

TIME_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600)
MOST_STEPS = 5


@dataclass(frozen=True, slots=True)
class Dot:
    x: str
    y: str
    words: str


@dataclass(frozen=True, slots=True)
class Segment:
    x1: str
    y1: str
    x2: str
    y2: str


@dataclass(frozen=True, slots=True)
class Series:
    """``css`` colours it; ``line`` joins its dots."""

    name: str
    css: str
    dots: tuple[Dot, ...]
    line: tuple[Segment, ...] = ()


@dataclass(frozen=True, slots=True)
class Plot:
    series: tuple[Series, ...]
    y_labels: tuple[str, ...]
    """From the top down, evenly spaced."""
    x_labels: tuple[str, ...]
    """From left to right, evenly spaced."""
    grid: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Values:
    """One row of numbers to draw: seconds, or ``None`` where there is nothing."""

    name: str
    css: str
    seconds: Sequence[float | None]
    is_line: bool = False


def in_order(rows: Sequence[Values], words: Sequence[str]) -> Plot:
    """One column a thing, however far apart they were: ``words`` says of each what it is."""
    count = len(words)
    places = [100 * (index + 0.5) / count for index in range(count)] if count else []
    return _plot(rows, places, words, ())


def over_time(row: Values, at_s: Sequence[float]) -> Plot:
    """By the time in a call, from its beginning."""
    step = next((step for step in TIME_STEPS_S if max(at_s, default=0) <= MOST_STEPS * step), TIME_STEPS_S[-1])
    steps = max(1, math.ceil(max(at_s, default=0) / step))
    labels = tuple(clock(1000 * step * index) for index in range(steps + 1))
    return _plot([row], [100 * at / (step * steps) for at in at_s], [clock(1000 * at) for at in at_s], labels)


def _plot(rows: Sequence[Values], places: Sequence[float], words: Sequence[str], x_labels: tuple[str, ...]) -> Plot:
    highest = max((value for row in rows for value in row.seconds if value is not None), default=0.0)
    step, steps = _steps(highest)
    top = step * steps
    series = tuple(_series(row, places, words, top) for row in rows)
    y_labels = tuple(f"{step * index:g} s" for index in reversed(range(steps + 1)))
    return Plot(series, y_labels, x_labels, tuple(_percent(100 * index / steps) for index in range(steps + 1)))


def _series(row: Values, places: Sequence[float], words: Sequence[str], top: float) -> Series:
    dots = tuple(
        Dot(_percent(x), _percent(100 - 100 * value / top), f"{said}: {value:.2f} s")
        for x, value, said in zip(places, row.seconds, words, strict=True)
        if value is not None
    )
    line = tuple(Segment(one.x, one.y, other.x, other.y) for one, other in pairwise(dots)) if row.is_line else ()
    return Series(row.name, row.css, dots, line)


def _steps(highest: float) -> tuple[float, int]:
    """A round step, and how many of it hold the highest value: three to six, and at least half a second."""
    highest = max(highest, 0.5)
    rough = highest / MOST_STEPS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    return round(step, 6), max(2, math.ceil(round(highest / step, 6)))


def _percent(value: float) -> str:
    return f"{value:.2f}%"
