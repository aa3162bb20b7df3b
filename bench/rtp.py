"""What a telephone call's sound costs: so many calls at once on one core, with real sockets.

    python bench/rtp.py                                    # 200 calls of PCMU, echoed, 10 s
    python bench/rtp.py --bare                             # what a bare echo of datagrams costs at this moment
    python bench/rtp.py --session                          # the same with a whole session each and the neural VAD
    python bench/rtp.py --calls 100 --coding g722 --encrypted
    python bench/rtp.py --pieces                           # each step by itself, for 20 ms

The answering process is pinned to one core and runs uvloop, as a call worker does; the callers, packets made beforehand, are another
process on another core. Printed: the answerer's CPU time per call's 20 ms (both directions), the share of the packets that
were answered, and how late they came: against the time of their own sound, so that two cores that others use too show in it. What is late by
more than ``phone_media.MAX_CATCH_UP_MS`` is never sent, and not among the answered. The callers look once a millisecond. Echoed calls
also tell the time there and back, the buffer against jitter (40 ms at least) among it. The load of the machine is printed beside, and
what other machines on the same hardware took of the core: nobody had that, so it makes frames late like calls do.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import socket
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path[:0] = [str(ROOT), str(ROOT / "platform"), str(HERE)]

import itertools

import numpy as np
import uvloop

from telephony.audio.playout import SILENCE, Playout
from telephony.transports.phone_media import PhoneMedia, Policy
from telephony.transports.rtp_sending import Origin, Sending
from telephony.transports.rtp_session import RtpSession
from telephony.transports.rtp_socket import Ports, Ticker
from telephony.wire import rtp, srtp
from telephony.wire.offer_answer import Negotiation, Terms

CORES = sorted(os.sched_getaffinity(0))
WARM_S = 2.0
LOUD_EVERY = 50
FRAME_S = 0.02


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def stolen_s(core: int) -> float:
    """What other machines on the same hardware have taken of a core of this virtual one, since it was started (Linux)."""
    try:
        line = next(line for line in Path("/proc/stat").read_text().splitlines() if line.startswith(f"cpu{core} "))
    except (OSError, StopIteration):
        return 0.0
    return int(line.split()[8]) / os.sysconf("SC_CLK_TCK")


# ---- the answerer


class Echo(Playout):
    """Says what was heard last."""

    def __init__(self) -> None:
        super().__init__()
        self.frame = b""

    def pull(self) -> bytes:
        return np.repeat(np.frombuffer(self.frame, "<i2"), 3).tobytes() if any(self.frame) else SILENCE


async def echo(media: PhoneMedia) -> None:
    playout = Echo()
    media.attach(playout)
    async for frame in media.frames():
        playout.frame = frame.pcm
    await media.close()


class BareEcho(asyncio.DatagramProtocol):
    """Sends back what comes: what uvloop and the system themselves cost."""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, source: Any) -> None:
        self._transport.sendto(data, source)


async def bare_answer(offer: str) -> str:
    """Of a call that is nothing but that."""
    line, _ = await asyncio.get_running_loop().create_datagram_endpoint(BareEcho, ("127.0.0.1", 0))
    port = line.get_extra_info("sockname")[1]
    return Negotiation(Terms("127.0.0.1", port, port, 1, ("pcmu",), "off"), os.urandom).answer(offer)


async def hold_a_session(media: PhoneMedia) -> None:
    from headless import QUIET, NullMind, NullSTT, NullTTS, ear

    from agents.live import LiveAgent
    from agents.spec import AgentSpec, FirstSpeaker, Says
    from telephony.session.session import Session

    spec = AgentSpec(says=Says(first_speaker=FirstSpeaker.CALLER), limits=QUIET)
    stt: Any = NullSTT(SimpleNamespace(is_measured=False, on_flush=None))  # type: ignore[arg-type]
    agent = LiveAgent(spec=spec, stt=stt, tts=NullTTS(3.0), mind=NullMind(), speak_text=str)
    await Session(transport=media, agent=agent, vad=ear(), listener=SimpleNamespace(receive=lambda event: None)).run()


async def serve(options: argparse.Namespace) -> None:
    """Offers come by lines of JSON, answers go back; then CPU time whenever it is asked for."""
    from telephony.warmup import GC_THRESHOLDS

    loop = asyncio.get_running_loop()
    ticker, ports = Ticker(loop), Ports("127.0.0.1", clock=loop.time)
    policy = Policy(codings=(options.coding,), encryption="required" if options.encrypted else "off")
    calls: set[asyncio.Task[None]] = set()
    lines = asyncio.StreamReader(limit=1 << 20)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        asked = json.loads(line)
        if "offer" in asked and options.bare:
            told: Any = await bare_answer(asked["offer"])
        elif "offer" in asked:
            media = PhoneMedia(ports, ticker, policy)
            told = media.answer(asked["offer"], signalling="127.0.0.1")
            call = loop.create_task(hold_a_session(media) if options.session else echo(media))
            call.add_done_callback(_must_be_well)
            calls.add(call)
            gc.freeze()
            gc.set_threshold(*GC_THRESHOLDS)  # as a call worker does
        else:
            told = time.process_time()
        print(json.dumps(told), flush=True)
    os._exit(0)


def _must_be_well(call: asyncio.Task[None]) -> None:
    if error := call.exception():
        sys.stderr.write(f"A call broke: {error!r}\n")
        os._exit(1)


# ---- the callers


class Caller:
    """Sends what was packed beforehand, from a socket that all callers share."""

    def __init__(self, options: argparse.Namespace, port: int, index: int, frames: int) -> None:
        terms = Terms("127.0.0.1", port, port, index, (options.coding,), "required" if options.encrypted else "off")
        self.negotiation = Negotiation(terms, os.urandom)
        self.to = ("127.0.0.1", 0)
        self.came: list[tuple[float, float]] = []
        """When, and at what time of its sound: packets that are left out make no other one late."""
        self.sent_loud: list[float] = []
        self.there_and_back: list[float] = []
        self._frames, self._index = frames, index
        self._clock_hz = 48_000 if options.coding == "opus" else 8_000

    def prepare(self) -> None:
        agreed = self.negotiation.agreed
        assert agreed is not None
        self.to = agreed.remote
        sending = Sending(Origin(self._index + 1, 0, 0, "caller"))
        sending.agree(agreed)
        protect: Callable[[bytes], bytes] = srtp.Outbound(agreed.keys.ours).rtp if agreed.keys else bytes
        self._decrypt = srtp.Inbound(agreed.keys.theirs).rtp if agreed.keys else None
        loud = (np.sin(np.arange(960) / 9) * 12_000).astype("<i2").tobytes()
        said = [loud if index % LOUD_EVERY == LOUD_EVERY - 1 else SILENCE for index in range(self._frames)]
        self.packets = [protect(each) for pcm in said for each in sending.speak(pcm)]

    def heard(self, data: bytes, now: float) -> None:
        clear = data if self._decrypt is None else self._decrypt(data)
        packet = None if clear is None else rtp.parse(clear)
        if packet is None:
            return
        self.came.append((now, packet.timestamp / self._clock_hz))
        if self.sent_loud and packet.payload.count(packet.payload[:1]) < 100:
            self.there_and_back.append(now - self.sent_loud.pop())

    def lateness_ms(self) -> list[float]:
        """After the moment that the pace of the sound has for each packet; RTP's timestamps may begin anew meanwhile."""
        if not self.came:
            return []
        at, of_sound = np.array(self.came).T
        late = at - np.unwrap(of_sound, period=2**32 / self._clock_hz)
        return [float(each) for each in (late - late.min()) * 1000]


async def measure(options: argparse.Namespace) -> dict[str, Any]:
    os.sched_setaffinity(0, {CORES[-1]})
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.bind(("127.0.0.1", 0))
        line.setblocking(False)
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        frames = int((options.seconds + WARM_S) / FRAME_S)
        callers = [Caller(options, line.getsockname()[1], index, frames) for index in range(options.calls)]
        flags = ["--session"] * options.session + ["--bare"] * options.bare + ["--encrypted"] * options.encrypted
        answerer = await asyncio.create_subprocess_exec(
            sys.executable,
            *(str(HERE / "rtp.py"), "--serve", "--coding", options.coding, *flags),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            preexec_fn=lambda: os.sched_setaffinity(0, {CORES[0]}),
        )

        async def ask(**what: object) -> Any:
            assert answerer.stdin is not None and answerer.stdout is not None
            answerer.stdin.write(json.dumps(what).encode() + b"\n")
            return json.loads(await answerer.stdout.readline() or sys.exit("The answerer is gone."))

        try:
            for caller in callers:
                caller.negotiation.accept(await ask(offer=caller.negotiation.offer()))
                caller.prepare()
            return await _talk(options, line, callers, frames, ask)
        finally:
            answerer.kill()
            await answerer.wait()


async def _talk(
    options: argparse.Namespace, line: socket.socket, callers: list[Caller], frames: int, ask: Callable[..., Any]
) -> dict[str, Any]:
    by_port = {caller.to[1]: caller for caller in callers}
    begun = time.perf_counter()
    warm = begun + WARM_S

    def read() -> None:
        try:
            while True:
                data, source = line.recvfrom(2_048)
                now = time.perf_counter()  # of each: what comes while we are kept waiting isn't early
                if not rtp.is_rtcp(data) and now >= warm:
                    by_port[source[1]].heard(data, now)
        except BlockingIOError:
            pass

    # Looked at each millisecond: to wake the callers with every packet would be the answerer's work, and no network asks for it.
    cpu = stolen = 0.0
    sliced = max(1, len(callers) // 20)
    late: list[float] = []
    for frame in range(frames):
        if frame == int(WARM_S / FRAME_S):
            cpu, started, stolen = await ask(do="cpu"), time.perf_counter(), stolen_s(CORES[0])
        for slot in range(20):  # a twentieth of the calls each millisecond
            due = begun + frame * FRAME_S + slot * FRAME_S / 20
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            late.append(time.perf_counter() - due)
            read()
            for caller in callers[slot * sliced : (slot + 1) * sliced if slot < 19 else None]:
                line.sendto(caller.packets[frame], caller.to)
                if frame % LOUD_EVERY == LOUD_EVERY - 1 and time.perf_counter() > warm:
                    caller.sent_loud[:] = [time.perf_counter()]
    spent, lasted = await ask(do="cpu") - cpu, time.perf_counter() - started
    stolen = stolen_s(CORES[0]) - stolen
    while time.perf_counter() < started + lasted + 0.2:  # the last ones
        await asyncio.sleep(0.001)
        read()
    expected = lasted / FRAME_S * len(callers)
    in_time = sum(started <= came < started + lasted for caller in callers for came, _ in caller.came)
    lateness = [each for caller in callers for each in caller.lateness_ms()]
    back = [each * 1000 for caller in callers for each in caller.there_and_back]
    return {
        "calls": len(callers),
        "coding": options.coding + (" encrypted" if options.encrypted else ""),
        "with": "session and VAD" if options.session else "bare echo" if options.bare else "echo",
        "core_percent": round(spent / lasted * 100, 1),
        "stolen_percent": round(stolen / lasted * 100, 1),
        "cpu_us_per_frame": round(spent / lasted * FRAME_S / len(callers) * 1e6, 1),
        "answered_percent": round(in_time / expected * 100, 2),
        "late_ms": {"p50": round(percentile(lateness, 0.5), 1), "p99": round(percentile(lateness, 0.99), 1)},
        "there_and_back_ms": {"p50": round(percentile(back, 0.5), 1), "p99": round(percentile(back, 0.99), 1)},
        "callers_late_ms_p99": round(percentile(late, 0.99) * 1000, 1),
        "load": os.getloadavg()[0],
    }


# ---- piece by piece


def pieces() -> None:
    from telephony.transports import phone_codecs
    from telephony.wire.offer_answer import Coding

    def best_us(work: Callable[[], object]) -> float:
        taken: list[float] = []
        for _ in range(40):
            begun = time.perf_counter()
            for _ in range(50):
                work()
            taken.append((time.perf_counter() - begun) / 50)
        return round(min(taken) * 1e6, 1)

    voice = (np.random.default_rng(3).standard_normal(960) * 3_000).astype("<i2").tobytes()
    codings: tuple[Coding, ...] = ("pcmu", "pcma", "g722", "opus")
    for coding in codings:
        encoder, decoder = phone_codecs.encoder(coding), phone_codecs.decoder(coding)
        payload = encoder.encode(voice)
        encode, decode = best_us(lambda: encoder.encode(voice)), best_us(lambda: decoder.decode(payload))  # noqa: B023
        print(f"{coding}: encode {encode} µs, decode {decode} µs, conceal {best_us(decoder.conceal)} µs")
    for encryption in ("off", "required"):
        caller = Negotiation(Terms("127.0.0.1", 4_000, 4_001, 1, ("pcmu",), encryption), os.urandom)
        callee = Negotiation(Terms("127.0.0.1", 5_000, 5_001, 2, ("pcmu",), encryption), os.urandom)
        caller.accept(callee.answer(caller.offer()))
        theirs, ours = RtpSession(Origin(1, 0, 0, "a")), RtpSession(Origin(2, 0, 0, "b"))
        assert caller.agreed is not None and callee.agreed is not None
        theirs.agree(caller.agreed)
        ours.agree(callee.agreed)
        sent = [theirs.speak(voice)[0].data for _ in range(2_000)]
        receive: list[float] = []
        pull: list[float] = []
        speak: list[float] = []
        for index, data in enumerate(sent):
            now_ms = index * 20.0
            times = [time.perf_counter()]
            ours.receive(data, ("127.0.0.1", 4_000), now_ms)
            times.append(time.perf_counter())
            ours.pull(now_ms)
            times.append(time.perf_counter())
            ours.speak(voice)
            times.append(time.perf_counter())
            for kept, (begun, ended) in zip((receive, pull, speak), itertools.pairwise(times), strict=True):
                kept.append((ended - begun) * 1e6)
        medians = [round(statistics.median(each), 1) for each in (receive, pull, speak)]
        print(
            f"a PCMU session, encryption {encryption}: receive {medians[0]} µs, pull {medians[1]} µs, speak {medians[2]} µs"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--coding", choices=("pcmu", "pcma", "g722", "opus"), default="pcmu")
    parser.add_argument("--encrypted", action="store_true")
    parser.add_argument("--session", action="store_true", help="a whole session with the neural VAD instead of an echo")
    parser.add_argument("--bare", action="store_true", help="a bare echo of datagrams instead, for comparison")
    parser.add_argument("--pieces", action="store_true")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.pieces:
        pieces()
        return
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        if options.serve:
            runner.run(serve(options))
        else:
            print(json.dumps(runner.run(measure(options)), indent=1))


if __name__ == "__main__":
    main()
