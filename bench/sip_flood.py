"""Live calls while a stranger floods the SIP port, over loopback: ``python bench/sip_flood.py``. Which share of the sound arrives, and what it costs.

    python bench/sip_flood.py                          20 calls, 500 INVITEs a second for 60 s from an address that belongs to no trunk
    python bench/sip_flood.py --calls 5 --rate 2000 --seconds 20

The calls are answered by one process (user agent, sockets, sound; no session, no database) on the first core that this one may use, and
say back what they hear. The callers and the stranger are on the last. First without the flood, for comparison.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import sys
import time
from ipaddress import ip_network
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "platform"), str(Path(__file__).resolve().parent)]
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

import uvloop
from rtp import Echo, echo
from sip_core import SDP, request

from telephony.sip import commands, events
from telephony.sip.events import Event
from telephony.sip.gate import Gate, Trunk
from telephony.sip.peer import Peer
from telephony.transports.phone_media import PhoneMedia, Policy
from telephony.transports.rtp_socket import Ports, Ticker
from telephony.transports.sip import Listening, SipEndpoint
from telephony.warmup import settle_memory

HOST, STRANGER = "127.0.0.1", "127.0.0.66"
WARM_S = 3.0
FRAME_S = 0.02


def media_of(first_port: int) -> tuple[Ports, Ticker, Policy]:
    loop = asyncio.get_running_loop()
    ports = Ports(HOST, first_port, first_port + 4_999, clock=loop.time, rest_s=1)
    return ports, Ticker(loop), Policy(codings=("pcmu",), encryption="off", advertised=HOST)


async def serve(port: int) -> None:
    """Answers every call and echoes it; for each line that comes, tells how many packets it has dropped unread."""
    ports, ticker, policy = media_of(20_000)
    live: dict[str, PhoneMedia] = {}
    talking: set[asyncio.Task[None]] = set()

    def told(event: Event) -> None:
        match event:
            case events.CallReceived(call, offer=offer, source=source):
                media = live[call] = PhoneMedia(ports, ticker, policy)
                endpoint.do(commands.Answer(call, media.answer(offer, signalling=source).encode()))
                task = asyncio.create_task(echo(media))
                talking.add(task)
                task.add_done_callback(talking.discard)
            case events.Ended(call):
                live.pop(call).hang_up()

    gate = Gate([Trunk("callers", (ip_network(f"{HOST}/32"),))])
    endpoint = SipEndpoint(Listening((HOST,), port), gate, told)
    await endpoint.start()
    settle_memory()
    print("ready", flush=True)
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while await lines.readline():
        print(json.dumps(gate.counts.strangers), flush=True)


def flood(port: int, rate: int, seconds: float) -> None:
    """INVITEs that anybody on the list would have answered. Prints how many went out, and how many answers came."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.bind((STRANGER, 0))
        line.setblocking(False)
        began, sent, answers = time.monotonic(), 0, 0
        while (at_s := time.monotonic() - began) < seconds:
            while sent < at_s * rate:
                line.sendto(request("INVITE", sent, body=SDP), (HOST, port))
                sent += 1
            time.sleep(0.005)
        try:
            while line.recv(2_048):
                answers += 1
        except BlockingIOError:
            pass
    print(json.dumps([sent, answers]))


class Callers:
    """So many calls at once, each saying something and counting what comes back."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.media: dict[str, PhoneMedia] = {}
        self.talking: list[asyncio.Task[None]] = []
        self._endpoint: SipEndpoint

    async def start(self, port: int) -> None:
        ports, ticker, policy = media_of(40_000)
        gate = Gate([Trunk("server", (ip_network(f"{HOST}/32"),), Peer("udp", HOST, port))])
        self._endpoint = SipEndpoint(Listening((HOST,), 0), gate, self._told)
        await self._endpoint.start()
        for number in range(self.count):
            call = f"call-{number}"
            media = self.media[call] = PhoneMedia(ports, ticker, policy)
            self._endpoint.do(commands.Dial(call, "server", "bench", "caller", media.offer().encode()))
            await asyncio.sleep(0.02)

    def _told(self, event: Event) -> None:
        if isinstance(event, events.Answered):
            media = self.media[event.call]
            media.accept(event.body, signalling=HOST)
            self.talking.append(asyncio.create_task(self._talk(media)))
        elif isinstance(event, events.Ended):
            sys.exit(f"A call ended: {event.reason} {event.status}")

    async def _talk(self, media: PhoneMedia) -> None:
        playout = Echo()
        playout.frame = b"\x10\x10" * 320
        media.attach(playout)
        async for _ in media.frames():
            pass

    async def measure(self, seconds: float) -> dict[str, float]:
        before, began = {call: media.counts for call, media in self.media.items()}, time.monotonic()
        await asyncio.sleep(seconds)
        expected = (time.monotonic() - began) / FRAME_S
        shares = [
            (media.counts.received - before[call].received) / expected * 100 for call, media in self.media.items()
        ]
        return {"all": round(sum(shares) / len(shares), 2), "worst_call": round(min(shares), 2)}


async def measure(given: argparse.Namespace, server: asyncio.subprocess.Process) -> None:
    assert server.stdin is not None and server.stdout is not None
    ours = psutil.Process(server.pid)
    callers = Callers(given.calls)
    await callers.start(given.port)
    await asyncio.sleep(WARM_S)
    if len(callers.talking) != given.calls:
        sys.exit(f"Only {len(callers.talking)} of {given.calls} calls came up.")
    for seconds, rate in ((min(10.0, given.seconds), 0), (given.seconds, given.rate)):
        memory, spent = ours.memory_info().rss, sum(ours.cpu_times()[:2])
        words = [sys.executable, __file__, "--flood", "--port", str(given.port)]
        flooding = await asyncio.create_subprocess_exec(
            *words, "--rate", str(rate), "--seconds", str(seconds), stdout=asyncio.subprocess.PIPE
        )
        kept = await callers.measure(seconds)
        spent = sum(ours.cpu_times()[:2]) - spent
        output, _ = await flooding.communicate()
        sent, answers = json.loads(output)
        server.stdin.write(b"\n")
        dropped = json.loads(await server.stdout.readline())
        told = {
            "calls": given.calls, "flood_a_second": rate, "sent": sent, "dropped_unread": dropped, "answered": answers,
            "frames_percent": kept, "core_percent": round(spent / seconds * 100, 1),
            "memory_grew_mb": round((ours.memory_info().rss - memory) / 1e6, 1), "load": os.getloadavg()[0],
        }  # fmt: skip
        print(json.dumps(told), flush=True)


async def main(given: argparse.Namespace) -> None:
    cores = sorted(os.sched_getaffinity(0))
    server = await asyncio.create_subprocess_exec(
        sys.executable, __file__, "--serve", "--port", str(given.port),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        preexec_fn=lambda: os.sched_setaffinity(0, {cores[0]}),
    )  # fmt: skip
    os.sched_setaffinity(0, {cores[-1]})
    try:
        assert server.stdout is not None
        if (await server.stdout.readline()).strip() != b"ready":
            sys.exit("The user agent did not start.")
        await measure(given, server)
    finally:
        server.kill()
        await server.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=20)
    parser.add_argument("--rate", type=int, default=500, help="of the stranger's requests a second")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--port", type=int, default=25_070)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--flood", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.flood:
        flood(options.port, options.rate, options.seconds)
    else:
        uvloop.run(serve(options.port) if options.serve else main(options))
