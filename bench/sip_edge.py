"""Calls through Kamailio with the configuration of ``deploy/kamailio`` to two call workers, with sipp as the caller, over loopback.

    python bench/sip_edge.py                  50 calls/s for ten seconds, then faster
    python bench/sip_edge.py --rates 100
    python bench/sip_edge.py --rates 100 --drain       # in the middle of it one of the two takes no more calls

A call as in ``bench/sip.py``, whose user agents are the workers here. Needs Debian's ``kamailio`` and ``sip-tester``.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "platform")]

HOLD_MS = 1_000
WORKERS = (("127.0.0.11", 25_060), ("127.0.0.12", 25_060))
SCENARIO = ROOT / "tests" / "telephony" / "sipp" / "by_route.xml"


def cpu_s(process: psutil.Process) -> float:
    """Of it and its children, so far."""
    times = [each.cpu_times() for each in (process, *process.children(recursive=True))]
    return sum(each.user + each.system for each in times)


async def run(
    rate: int, seconds: int, port: int, edge: psutil.Process, workers: list[psutil.Process], *, drains: bool
) -> bool:
    from tests.telephony.edge import EDGE

    calls = rate * seconds
    before, began = (cpu_s(edge), [cpu_s(each) for each in workers]), time.monotonic()
    sipp = await asyncio.create_subprocess_exec(
        "sipp", f"{EDGE}:{port}", "-sf", str(SCENARIO), "-i", "127.0.0.1", "-s", "bench", "-r", str(rate), "-m", str(calls),
        "-d", str(HOLD_MS), "-timeout", "90s", "-timeout_error", "-nostdin", "-trace_stat", "-fd", "1", "-stf", "/dev/null",
        # Ringing and the answer, sent in one moment here, may overtake each other in two of Kamailio's processes: no fault.
        "-default_behaviors", "all,-abortunexp",
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    leaving = (
        asyncio.get_running_loop().call_later(seconds / 2, workers[0].send_signal, signal.SIGUSR1) if drains else None
    )
    output, _ = await sipp.communicate()
    took_s = time.monotonic() - began
    failed = next((line.split()[-1] for line in output.decode().splitlines() if "Failed call" in line), "?")
    of_workers = [cpu_s(each) - was for each, was in zip(workers, before[1], strict=True)]
    print(
        f"{rate:4} calls/s wanted  {calls:5} calls in {took_s:5.1f} s ({calls / took_s:4.0f}/s)  failed {failed}  "
        f"Kamailio {(cpu_s(edge) - before[0]) / calls * 1000:.2f} ms CPU a call, "
        f"workers {' and '.join(f'{spent:.1f}' for spent in of_workers)} s CPU"
        + ("" if leaving is None else ", the first of them leaving from half-way on"),
        flush=True,
    )
    return sipp.returncode == 0


async def measure(rates: list[int], seconds: int, *, drains: bool) -> None:
    from tests.telephony.edge import kamailio

    serving = [
        await asyncio.create_subprocess_exec(
            sys.executable, str(ROOT / "bench" / "sip.py"), "--serve", "--host", host, "--port", str(port),
            stdout=asyncio.subprocess.PIPE,
        )
        for host, port in WORKERS
    ]  # fmt: skip
    try:
        for each in serving:
            assert each.stdout is not None
            if (await each.stdout.readline()).strip() != b"ready":
                sys.exit("A user agent did not start.")
        workers = [psutil.Process(each.pid) for each in serving]
        with tempfile.TemporaryDirectory() as folder:
            async with kamailio(Path(folder), WORKERS, CALLS_PER_SECOND="100000") as port:
                mine = psutil.Process(os.getpid()).children()
                edge = next(each for each in mine if "kamailio" in each.name())
                for rate in rates:
                    if not await run(rate, seconds, port, edge, workers, drains=drains):
                        break
    finally:
        for each in serving:
            each.terminate()
            await each.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rates", default="50,100,150", help="calls a second, one after the other")
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument(
        "--drain", action="store_true", help="the first worker takes no more calls from half-way on (one rate)"
    )
    given = parser.parse_args()
    rates = [int(each) for each in given.rates.split(",")]
    if given.drain and len(rates) > 1:
        parser.error("--drain takes one rate: whoever has left does not come back.")
    asyncio.run(measure(rates, given.seconds, drains=given.drain))


if __name__ == "__main__":
    main()
