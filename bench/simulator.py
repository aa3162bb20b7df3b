"""Thousands of simulated calls against the real session core, in virtual time, each checked from the outside.

    python bench/simulator.py --calls 10000          # both cores; add --first 50000 for other calls
    python bench/simulator.py --seed 4711            # that one call again, as a timeline, and what is wrong with it

A call is drawn from its seed: the caller (pauses, hesitations, nods, interruptions, coughs), the line (lost frames, stalls, a
wandering delay, a silent death), and vendors that are slow, fail, hang, or tell things late, twice and out of order. The checks
are in ``tests/simulator/checks.py``. Ends with 1 if any call is wrong.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import gc
import os
import sys
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "platform")]

from tests.simulator.checks import check
from tests.simulator.run import simulate
from tests.simulator.scenario import scenario
from tests.simulator.timeline import timeline
from tests.simulator.world import FRAME_MS

_BATCH = 50
_SHOWN = 20

Batch = tuple[Counter[str], int, float, list[tuple[int, str]]]


def run(seeds: range) -> Batch:
    """Why they ended, frames, CPU seconds, and what is wrong."""
    gc.disable()
    gc.freeze()
    began_s = time.process_time()
    reasons: Counter[str] = Counter()
    frames = 0
    wrong: list[tuple[int, str]] = []
    for seed in seeds:
        record = simulate(scenario(seed))
        reasons[record.reason] += 1
        frames += record.line.frames_given
        wrong += [(seed, problem) for problem in check(record)]
        gc.collect(0)
    gc.collect()
    return reasons, frames, time.process_time() - began_s, wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--calls", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0, help="the first call's seed")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seed", type=int, help="one call, as a timeline")
    options = parser.parse_args()
    if options.seed is not None:
        record = simulate(scenario(options.seed))
        print(timeline(record))
        return int(bool(check(record)))

    began_s = time.monotonic()
    end = options.first + options.calls
    batches = [range(at, min(at + _BATCH, end)) for at in range(options.first, end, _BATCH)]
    reasons: Counter[str] = Counter()
    frames, cpu_s = 0, 0.0
    wrong: list[tuple[int, str]] = []
    with concurrent.futures.ProcessPoolExecutor(options.processes) as pool:
        for found in pool.map(run, batches):
            reasons += found[0]
            frames += found[1]
            cpu_s += found[2]
            wrong += found[3]
    took_s = time.monotonic() - began_s
    hours = frames * FRAME_MS / 3_600_000
    print(
        f"{options.calls} calls, {hours:.1f} hours of conversation, in {took_s:.0f} s with {options.processes} processes: "
        f"{cpu_s:.0f} s of CPU, {cpu_s * 1000 / options.calls:.1f} ms a call, {cpu_s * 1e6 / max(1, frames):.1f} µs a frame"
    )
    print("They ended: " + ", ".join(f"{reason} {count}" for reason, count in reasons.most_common()))
    for name, count in Counter(problem.split(":")[0] for _, problem in wrong).most_common():
        print(f"  {count:5} × {name}")
    for seed, problem in wrong[:_SHOWN]:
        print(f"  --seed {seed}: {problem}")
    print(f"{len({seed for seed, _ in wrong})} calls wrong")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
