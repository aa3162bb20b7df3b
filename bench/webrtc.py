"""What a browser's call costs, and what loss does to it: our transport and session beside a bare aiortc answerer, in one run.

    python bench/webrtc.py                                  # 8 calls of 10 s to each, in turn, three rounds, no loss
    python bench/webrtc.py --calls 4 --loss 0 5 10          # and what arrives at 5 % and 10 % of random loss

Both answer on loopback in a process of their own (pinned to one core, the callers to another), without models: the peer reads
the caller's track and plays a voice; ours runs a whole session whose agent speaks that same voice all the time. The callers
are one process for both: they send packets encoded beforehand (where some get lost with error correction, as browsers do) and take
times as packets arrive. Lost packets are drawn from a seed, in the callers, after encryption, so a seed loses the same packets of
both.

Printed: CPU time of the answerer per frame sent (and one taken in); the wait from the offer to the first packet
with sound; the time between packets; and of the packets sent: how many were played (those included whose copy came with the next),
how much of the time was made up where packets were missing, and how long the played ones lay in the buffer.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import random
import statistics
import sys
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "platform")]

import numpy as np
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamTrack
from aiortc.rtp import is_rtcp
from av.packet import Packet

from agents.conversation import Conversation
from agents.live import LiveAgent
from agents.mind import ReplyPart, Say, Utterance, Value
from agents.spec import AgentSpec
from agents.speech import AudioFrame, Transcript
from bench.peers.raw_webrtc import MAX_LINE, Ear, answer_lines, voice
from telephony.audio import jitter
from telephony.session.session import Session
from telephony.transports import guard
from telephony.transports.opus import RTP_RATE_HZ, SAMPLES, TIME_BASE, Decoder, Encoder
from telephony.transports.webrtc import Line, RtpReceiver, WebRTCTransport

PEERS = ("aiortc", "parley")
LOUD = 200
CONNECT_S = 20.0
APART_S = 0.2
CORES = sorted(os.sched_getaffinity(0))

# ---- our answerer


class DeafStream:
    def __init__(self) -> None:
        self._over = asyncio.Event()

    def start(self, utterance: int, at_ms: int) -> None: ...
    def push(self, frame: AudioFrame, at_ms: int) -> None: ...
    def flush(self, at_ms: int) -> None: ...
    def expect(self, kind: str | None) -> None: ...
    def end(self) -> None: ...

    async def transcripts(self) -> AsyncIterator[Transcript]:
        await self._over.wait()
        for nothing in ():
            yield nothing

    async def close(self) -> None:
        self._over.set()


class DeafSTT:
    async def open(self, *, language: str, keywords: tuple[str, ...]) -> DeafStream:
        return DeafStream()


class EndlessTTS:
    """Speaks as long as it is let, a little faster than real time."""

    rate_hz = 24_000
    can_ipa = False

    def __init__(self, sound: bytes) -> None:
        self._sound = sound

    async def speak(self, text: str, *, speed: float) -> AsyncIterator[bytes]:
        size = self.rate_hz // 5 * 2
        while True:
            for begin in range(0, len(self._sound) - size, size):
                yield self._sound[begin : begin + size]
                await asyncio.sleep(0.18)


class Greeter:
    def greet(self) -> list[ReplyPart]:
        return [Say("There is a lot to tell.")]

    async def reply(self, utterance: Utterance, conversation: Conversation) -> AsyncIterator[ReplyPart]:
        yield Say("There is more.")

    def commit(self, revision: int) -> None: ...

    def collected(self) -> dict[str, Value]:
        return {}

    async def close(self) -> None: ...


class SilentVAD:
    def push(self, frame: AudioFrame) -> list[Any]:
        return []


class Nobody:
    def receive(self, event: object) -> None: ...


class Answerer:
    def __init__(self) -> None:
        self.ears: list[Ear] = []
        self._sound = voice(20.0, EndlessTTS.rate_hz).tobytes()
        self._running: set[asyncio.Task[None]] = set()

    async def answer(self, sdp: str) -> str:
        transport, ear = WebRTCTransport(Line()), Ear()
        self.ears.append(ear)
        listen_in(transport, ear)
        answer = await transport.answer(sdp)
        self._running.add(asyncio.create_task(self._talk(transport)))
        return answer

    async def _talk(self, transport: WebRTCTransport) -> None:
        if await transport.connected():
            agent = LiveAgent(
                AgentSpec(name="Nobody"), DeafSTT(), EndlessTTS(self._sound), Greeter(), lambda text: text
            )
            await Session(transport=transport, agent=agent, vad=SilentVAD(), listener=Nobody()).run()
        await transport.close()


def listen_in(transport: WebRTCTransport, ear: Ear) -> None:
    """Note what goes into the buffer, and when it comes out."""
    inbound = transport._inbound
    push, pop, pull = inbound.push, inbound._jitter.pop, inbound.pull

    def push_and_note(ssrc: int, sequence: int, timestamp: int, payload: bytes, arrival_ms: float) -> None:
        ear.came(sequence, timestamp)
        push(ssrc, sequence, timestamp, payload, arrival_ms)

    def pop_and_note(now_ms: float) -> jitter.Packet | jitter.Lost | None:
        popped = pop(now_ms)
        if isinstance(popped, jitter.Packet):
            ear.played(popped.timestamp)
        return popped

    def pull_and_note(now_ms: float) -> bytes:
        concealed, recovered = inbound.concealed, inbound.recovered
        pcm = pull(now_ms)
        ear.concealed += inbound.concealed - concealed
        ear.recovered += inbound.recovered - recovered
        return pcm

    inbound.push, inbound._jitter.pop, inbound.pull = push_and_note, pop_and_note, pull_and_note  # type: ignore[method-assign]


async def serve() -> None:
    answerer = Answerer()
    gc.collect()
    gc.freeze()  # as the call worker does when it is warm
    await answer_lines(answerer.answer, answerer.ears)


# ---- the callers


class Microphone(MediaStreamTrack):
    kind = "audio"

    def __init__(self, packets: list[bytes]) -> None:
        super().__init__()
        self._packets, self._n, self._begun = packets, 0, 0.0

    async def recv(self) -> Packet[Any]:
        self._begun = self._begun or time.perf_counter()
        wait = self._begun + self._n * 0.02 - time.perf_counter()
        if wait > 0:
            await asyncio.sleep(wait)
        packet = Packet(self._packets[self._n % len(self._packets)])
        packet.pts, packet.time_base = self._n * SAMPLES, TIME_BASE
        self._n += 1
        return packet


class Sink:
    """Times only: when packets came, and when the first with sound did."""

    def __init__(self) -> None:
        self.came: list[float] = []
        self.first_sound: float | None = None
        self._decoder = Decoder()

    def push(self, ssrc: int, sequence: int, timestamp: int, payload: bytes, arrival_ms: float) -> None:
        now = time.perf_counter()
        self.came.append(now)
        if self.first_sound is None:
            pcm = np.frombuffer(self._decoder.decode(payload), "<i2")
            if len(pcm) and int(np.abs(pcm).max()) > LOUD:
                self.first_sound = now


@dataclass(slots=True)
class Peer:
    """An answerer in a process of its own."""

    name: str
    process: asyncio.subprocess.Process
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    async def start(cls, name: str, core: int) -> Peer:
        here = Path(__file__)
        program = [str(here), "--serve"] if name == "parley" else [str(here.parent / "peers" / "raw_webrtc.py")]
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *program,
            stdout=asyncio.subprocess.PIPE,
            preexec_fn=lambda: os.sched_setaffinity(0, {core}),
        )
        assert process.stdout is not None
        async with asyncio.timeout(60):
            port = int(await process.stdout.readline())
        return cls(name, process, *await asyncio.open_connection("127.0.0.1", port, limit=MAX_LINE * 16))

    async def ask(self, **what: str) -> dict[str, Any]:
        self.writer.write(json.dumps(what).encode() + b"\n")
        return dict(json.loads(await self.reader.readline()))

    async def stop(self) -> None:
        self.writer.close()
        self.process.terminate()
        await self.process.wait()


class Caller:
    def __init__(self, packets: list[bytes], loss_percent: float, seed: int) -> None:
        self.sink = Sink()
        self.offered = 0.0
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._connection.addTrack(Microphone(packets))
        self._loss, self._random = loss_percent / 100, random.Random(seed)

    async def call(self, peer: Peer, turn: asyncio.Lock) -> None:
        up = asyncio.Event()
        self._connection.on(
            "connectionstatechange", lambda: up.set() if self._connection.connectionState == "connected" else None
        )
        await self._connection.setLocalDescription(await self._connection.createOffer())
        receiver = self._connection.getTransceivers()[0].receiver
        RtpReceiver.adopt(receiver, self.sink, lambda: None)
        self._lose(receiver.transport.transport)
        self.offered = time.perf_counter()
        async with turn:
            answer = await peer.ask(sdp=self._connection.localDescription.sdp)
        await self._connection.setRemoteDescription(RTCSessionDescription(answer["sdp"], "answer"))
        async with asyncio.timeout(CONNECT_S):
            await up.wait()

    def _lose(self, line: Any) -> None:
        send = line._send

        async def lossy(data: bytes) -> None:
            is_sound = 127 < data[0] < 192 and not is_rtcp(data)
            if not is_sound or self._random.random() >= self._loss:
                await send(data)

        line._send = lossy

    async def close(self) -> None:
        await self._connection.close()


@dataclass(slots=True)
class Found:
    """One round with one peer."""

    cpu_us: float
    threads: int
    tasks: int
    first_ms: list[float] = field(default_factory=list)
    between_ms: list[float] = field(default_factory=list)
    played: float = 0.0
    concealed: float = 0.0
    waited_ms: list[float] = field(default_factory=list)
    versions: Mapping[str, str] = field(default_factory=dict)


async def measure(name: str, options: argparse.Namespace, packets: list[bytes], loss: float, seed: int) -> Found:
    peer = await Peer.start(name, CORES[0])
    callers = [Caller(packets, loss, seed * 1_000 + n) for n in range(options.calls)]
    turn = asyncio.Lock()
    try:
        async with asyncio.TaskGroup() as calling:
            for caller in callers:
                calling.create_task(caller.call(peer, turn))
                await asyncio.sleep(APART_S)
        await asyncio.sleep(2.0)
        await peer.ask(do="mark")
        begun = time.perf_counter()
        await asyncio.sleep(options.seconds)
        told = await peer.ask(do="stats")
        ended = time.perf_counter()
    finally:
        await asyncio.gather(*(caller.close() for caller in callers))
        await peer.stop()
    calls = told["calls"]
    sent = sum(call["sent"] for call in calls)
    between = [
        (later - earlier) * 1000
        for caller in callers
        for earlier, later in zip(caller.sink.came, caller.sink.came[1:], strict=False)
        if begun <= earlier and later <= ended
    ]
    return Found(
        cpu_us=told["cpu_s"] / len(between) * 1e6,  # frames that were late and left out cost nothing and don't count
        threads=told["threads"],
        tasks=told["tasks"],
        first_ms=[(c.sink.first_sound - c.offered) * 1000 for c in callers if c.sink.first_sound is not None],
        between_ms=between,
        played=sum(call["played"] for call in calls) / sent * 100,
        concealed=sum(call["concealed"] for call in calls) / (told["wall_s"] * 50 * options.calls) * 100,
        waited_ms=[waited for call in calls for waited in call["waited_ms"]],
        versions=told["versions"],
    )


def percentile(values: list[float], percent: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))] if ordered else float("nan")


def row(name: str, loss: float, rounds: list[Found]) -> str:
    cpu = statistics.median(found.cpu_us for found in rounds)
    first = [ms for found in rounds for ms in found.first_ms]
    between = [ms for found in rounds for ms in found.between_ms]
    waited = [ms for found in rounds for ms in found.waited_ms]
    played, concealed = (
        statistics.median(getattr(found, what) for found in rounds) for what in ("played", "concealed")
    )
    return (
        f"{name:<8}{loss:>5.0f} %{cpu:>9.0f}{percentile(first, 50):>10.0f}{percentile(first, 99):>6.0f}"
        f"{percentile(between, 50):>9.1f}{percentile(between, 99):>7.1f}{played:>10.1f}{concealed:>10.1f}"
        f"{percentile(waited, 50):>9.0f}{percentile(waited, 99):>6.0f}{rounds[-1].threads:>9}{rounds[-1].tasks:>7}"
    )


async def main(options: argparse.Namespace) -> None:
    os.sched_setaffinity(0, {CORES[-1]})
    guard.install(loopback=True)
    sound = voice(20.0, RTP_RATE_HZ, 190.0).tobytes()

    def encoded(is_lossy: bool) -> list[bytes]:
        encoder = Encoder(RTP_RATE_HZ, is_lossy=is_lossy)
        return [encoder.encode(sound[at : at + SAMPLES * 2]) for at in range(0, len(sound), SAMPLES * 2)]

    clean, protected = encoded(False), encoded(True)
    found: dict[tuple[str, float], list[Found]] = {}
    for turn in range(options.rounds):
        for loss in options.loss:
            for name in options.peer:
                found.setdefault((name, loss), []).append(
                    await measure(name, options, protected if loss else clean, loss, turn)
                )
    versions = next(iter(found.values()))[0].versions
    print(
        f"{options.calls} calls, {options.rounds} rounds of {options.seconds:g} s, Python {sys.version.split()[0]}, ",
        end="",
    )
    print(", ".join(f"{name} {number}" for name, number in versions.items()))
    print("              CPU µs   offer → sound    between       played  made up   in buffer  threads  tasks")
    print("          loss /frame   p50 ms   p99   p50 ms    p99         %         %   p50 ms   p99")
    for (name, loss), rounds in found.items():
        print(row(name, loss, rounds))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--calls", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--loss", type=float, nargs="+", default=[0.0], help="percent")
    parser.add_argument("--peer", choices=PEERS, nargs="+", default=list(PEERS))
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    chosen = arguments()
    asyncio.run(serve() if chosen.serve else main(chosen))
