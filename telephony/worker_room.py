"""Has this worker room for one more call? Decided by what its calls cost, measured, beside the configured maximum. Pure.

Four things are looked at, any one of which fills a worker:

* the configured number of calls;
* the event loop's lag, p99: everything of all calls passes through it;
* how late the sound of its calls is: what was pulled of it against the time that went by;
* processor time, of the loop's thread (one core is all it can have) and of the whole process: as measured over the last seconds,
  plus what one call was seen to cost for each call that has come since and for the one that asks.

A burst of offers is thus answered by arithmetic, not by waiting until it is too late for all.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

WINDOW_S = 5.0
_FORGET = 0.02
"""Of what a call costs, a second: the dearest lately counts, not the average, because calls speak at the same time now and then."""


@dataclass(frozen=True, slots=True)
class Limits:
    capacity: int
    max_lag_ms: float = 100.0
    max_late_ms: float = 60.0
    """Of a second of sound."""
    loop_share: float = 0.8
    """Of one core, for the loop's thread."""
    process_share: float = 0.9
    """Of all cores, for the process."""
    cores: int = 1


@dataclass(frozen=True, slots=True)
class Sample:
    """Taken about once a second. Seconds of any clock that only goes forward; processor times count from anywhere."""

    at_s: float
    calls: int
    loop_cpu_s: float
    process_cpu_s: float
    lag_ms: float
    late_ms: float = 0.0
    """By how much the least late of two or more calls lagged behind in the last second: a fault of one line is no load."""


@dataclass(slots=True)
class _Meter:
    """One kind of processor time: how much of it is in use, and what a call was seen to take."""

    share: float = 0.0
    idle: float = 0.0
    per_call: float = 0.0

    def learn(self, share: float, calls: float, is_long: bool) -> None:
        self.share = share
        if calls == 0:
            self.idle += 0.2 * (share - self.idle)
        elif is_long and calls >= 1:
            cost = max(0.0, share - self.idle) / calls
            self.per_call = max(cost, self.per_call + _FORGET * (cost - self.per_call))

    def with_more(self, calls: float) -> float:
        return self.share + calls * self.per_call


class Room:
    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._samples: deque[Sample] = deque()
        self._calls = 0.0
        """On average, in the window."""
        self._loop = _Meter()
        self._process = _Meter()

    @property
    def calls_cost(self) -> tuple[float, float]:
        """Of one core, by a call: the loop's thread, the whole process. Zeros: not known yet."""
        return self._loop.per_call, self._process.per_call

    def observe(self, sample: Sample) -> None:
        if self._samples and sample.at_s <= self._samples[-1].at_s:
            return
        self._samples.append(sample)
        while len(self._samples) > 2 and sample.at_s - self._samples[1].at_s >= WINDOW_S:
            self._samples.popleft()
        first = self._samples[0]
        span_s = sample.at_s - first.at_s
        if span_s <= 0:
            return
        self._calls = sum(each.calls for each in self._samples) / len(self._samples)
        is_long = span_s >= WINDOW_S / 2
        self._loop.learn((sample.loop_cpu_s - first.loop_cpu_s) / span_s, self._calls, is_long)
        self._process.learn((sample.process_cpu_s - first.process_cpu_s) / span_s, self._calls, is_long)

    def why_full(self, calls: int, lag_ms: float) -> str:
        """In words for the health page; empty: one more may come. ``calls``: those there are this moment."""
        limits = self.limits
        last = self._samples[-1] if self._samples else None
        since = max(0.0, calls - self._calls) if last is not None else 0.0
        loop, process = self._loop.with_more(since + 1), self._process.with_more(since + 1)
        if calls >= limits.capacity:
            return f"it holds {calls} of at most {limits.capacity} calls"
        if lag_ms > limits.max_lag_ms:
            return f"its loop is {lag_ms:.0f} ms behind"
        if last is not None and last.late_ms > limits.max_late_ms:
            return f"the sound of its calls is {last.late_ms:.0f} ms late"
        if calls and loop > limits.loop_share:
            return f"another call would take {loop:.0%} of the core that carries the sound"
        if calls and process > limits.process_share * limits.cores:
            return f"another call would take {process / limits.cores:.0%} of the processors"
        return ""


def late_ms(elapsed_ms: float, pulled_ms: list[int]) -> float:
    """How late the sound is that all calls have in common: ``pulled_ms`` of each that was there all the time."""
    if len(pulled_ms) < 2:
        return 0.0
    return max(0.0, elapsed_ms - max(pulled_ms))
