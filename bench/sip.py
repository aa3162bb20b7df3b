"""SIP set-ups over real sockets, with sipp (Debian: ``sip-tester``) as the caller: which rate is carried without a loss, at what cost.

    python bench/sip.py                       500 calls at 50/s over UDP, then faster and faster
    python bench/sip.py --transport tcp --rates 50 --calls 200
    python bench/sip.py --rates 300 --rounds 3 --peer-python peers/sip/bin/python

With a peer both take turns. Its Python is that of an environment with ``aiosipua`` and ``uvloop`` in it, its program is in ``bench/peers/``; it
does the signalling only, and has the calls at the same rate.

A call: INVITE, 100, 180, 200, ACK, BYE, 200, with a pair of RTP ports opened and agreed on for it. Ours is one process, on the first
core this one may use, sipp is on the last. Left out: the database, the session, its sound.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from ipaddress import ip_network
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "platform")]

PEER = ROOT / "bench" / "peers" / "aiosipua_answerer.py"
HOLD_MS = 100


ANSWER = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 20000 RTP/AVP 0\r\n"
    "a=rtpmap:0 PCMU/8000\r\n"
)


async def serve(host: str, port: int, *, is_bare: bool) -> None:
    """Answers every call, until it is killed; on SIGUSR1 no more new ones."""
    from telephony.sip import commands, events
    from telephony.sip.events import Event
    from telephony.sip.gate import Gate, Pass, Trunk
    from telephony.transports.phone_media import PhoneMedia, Policy
    from telephony.transports.rtp_socket import Ports, Ticker
    from telephony.transports.sip import Listening, SipEndpoint
    from telephony.warmup import settle_memory

    loop = asyncio.get_running_loop()
    ports = Ports(host, 20_000, 59_999, clock=loop.time, rest_s=1)
    ticker = Ticker(loop)
    live: dict[str, PhoneMedia] = {}
    closing: set[asyncio.Task[None]] = set()

    def told(event: Event) -> None:
        match event:
            case events.CallReceived(call) if is_bare:
                endpoint.do(commands.Ring(call))
                endpoint.do(commands.Answer(call, ANSWER.encode()))
            case events.CallReceived(call, offer=offer, source=source):
                media = live[call] = PhoneMedia(ports, ticker, Policy(advertised=host))
                endpoint.do(commands.Ring(call))
                endpoint.do(commands.Answer(call, media.answer(offer, signalling=source).encode()))
            case events.Ended(call) if not is_bare:
                task = asyncio.create_task(live.pop(call).close())
                closing.add(task)
                task.add_done_callback(closing.discard)

    gate = Gate([Trunk("sipp", (ip_network("127.0.0.0/8"),))], Pass(100_000, 100_000))
    endpoint = SipEndpoint(Listening((host,), port), gate, told)
    await endpoint.start()
    loop.add_signal_handler(signal.SIGUSR1, endpoint.do, commands.Drain())
    settle_memory()  # as a call worker does
    print("ready", flush=True)
    await asyncio.Event().wait()


def run(rate: int, calls: int, transport: str, port: int, ours: psutil.Process, cores: list[int]) -> bool:
    before, began = ours.cpu_times(), time.monotonic()
    command = [
        "sipp", "-sn", "uac", f"127.0.0.1:{port}", "-i", "127.0.0.1", "-s", "bench", "-r", str(rate), "-m", str(calls),
        "-d", str(HOLD_MS), "-t", "u1" if transport == "udp" else "t1", "-timeout", "90s", "-timeout_error", "-nostdin",
        "-trace_stat", "-fd", "1", "-stf", "/dev/null",
    ]  # fmt: skip
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, preexec_fn=lambda: os.sched_setaffinity(0, {cores[-1]})
    )
    seconds = time.monotonic() - began
    after = ours.cpu_times()
    spent = after.user + after.system - before.user - before.system
    failed = next((line.split()[-1] for line in done.stdout.splitlines() if "Failed call" in line), "?")
    repeated = next((line.split()[-1] for line in done.stdout.splitlines() if "Retrans" in line), "?")
    print(
        f"{transport}  {rate:4} calls/s wanted  {calls:5} calls in {seconds:5.1f} s ({calls / seconds:4.0f}/s)  "
        f"failed {failed}  {spent / calls * 1000:.2f} ms CPU a call  {ours.memory_info().rss / 1e6:.0f} MB",
        flush=True,
    )
    return done.returncode == 0 and repeated is not None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--transport", choices=["udp", "tcp"], default="udp")
    parser.add_argument("--rates", default="50,100,200,300,400,500,600,700", help="calls a second, one after the other")
    parser.add_argument("--calls", type=int, default=500, help="of the first rate; of others ten seconds' worth")
    parser.add_argument("--port", type=int, default=25_060)
    parser.add_argument("--signalling-only", action="store_true", help="no ports, and always the same description")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--peer-python", help="of an environment with aiosipua and uvloop")
    parser.add_argument("--host", default="127.0.0.1", help=argparse.SUPPRESS)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
        import uvloop

        uvloop.run(serve(given.host, given.port, is_bare=given.signalling_only))
        return
    if shutil.which("sipp") is None:
        sys.exit("sipp is needed: apt-get install sip-tester")
    agents = {"parley": [sys.executable, __file__, "--serve", "--port", str(given.port)]}
    if given.signalling_only:
        agents["parley"].append("--signalling-only")
    if given.peer_python:
        agents["aiosipua"] = [given.peer_python, "-O", str(PEER), "127.0.0.1", str(given.port)]
    for _ in range(given.rounds):
        for name, command in agents.items():
            measure(name, command, given)


def measure(name: str, command: list[str], given: argparse.Namespace) -> None:
    cores = sorted(os.sched_getaffinity(0))
    server = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {cores[0]}),
    )
    try:
        assert server.stdout is not None
        if server.stdout.readline().strip() != "ready":
            sys.exit(f"The user agent ({name}) did not start.")
        agent = psutil.Process(server.pid)
        for at, rate in enumerate(int(each) for each in given.rates.split(",")):
            print(f"{name:9}", end="")
            if not run(rate, given.calls if at == 0 else rate * 10, given.transport, given.port, agent, cores):
                break
    finally:
        server.terminate()
        server.wait(5)


if __name__ == "__main__":
    main()
