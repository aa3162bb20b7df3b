"""Telephone calls over Media Streams: processor time a frame, connect → first sound, and how late sound comes to the carrier.

    python bench/twilio.py --calls 10 --seconds 20
    python bench/twilio.py --calls 10 --seconds 20 --peer ws://127.0.0.1:8300/ws --pid 4711    # the same client, another server

Ours runs in a process of its own on one core, the client on another: the call worker's listener, transport, session and voice
activity model, with a transcriber, mind and voice that take no time, as the peer's have. Left out on both sides: the webhook, the
database and the token. *Underrun*: how much later than in one go each piece of sound comes, if the
carrier began to play the first at once.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
from headless import QUIET, WEIGHTS, NullMind, NullSTT, NullTTS, ear, percentile  # sets the paths

from agents.live import LiveAgent
from agents.mind import ReplyPart, Say
from agents.spec import AgentSpec
from telephony.wire import media_streams as wire

FRAME_S = 0.02
SILENCE = base64.b64encode(b"\xff" * 160).decode()


class TalkingMind(NullMind):
    def greet(self) -> list[ReplyPart]:
        return [Say("Sure, I can do that.")]


def the_agent(seconds: float) -> LiveAgent:
    call: Any = type("Silent", (), {"is_measured": False, "on_flush": None})()
    return LiveAgent(
        spec=AgentSpec(limits=QUIET), stt=NullSTT(call), tts=NullTTS(seconds), mind=TalkingMind(), speak_text=str
    )


class Nobody:
    def receive(self, event: object) -> None: ...


async def serve(port: int, seconds: float) -> None:
    from websockets.asyncio.server import serve as listen

    from telephony.session.session import Session
    from telephony.transports.carrier import CarrierTransport, start_of
    from telephony.transports.stream_socket import StreamSocket

    async def leaving() -> None: ...

    async def talk(connection: Any) -> None:
        started = await start_of(connection)
        transport = CarrierTransport(connection, started.stream_sid, leaving)
        await Session(transport=transport, agent=the_agent(seconds), vad=ear(), listener=Nobody()).run()

    async with listen(
        talk,
        "127.0.0.1",
        port,
        compression=None,
        max_size=wire.MAX_MESSAGE_BYTES,
        max_queue=64,
        ping_interval=5,
        create_connection=StreamSocket,
    ):
        await asyncio.get_running_loop().create_future()


class Caller:
    def __init__(self, number: int) -> None:
        self.sid = f"MZ{number}"
        self.first_s: float | None = None
        self.received: list[tuple[float, int]] = []

    async def call(self, url: str, seconds: float, after_s: float) -> None:
        from websockets.asyncio.client import connect

        await asyncio.sleep(after_s)
        began = time.perf_counter()
        async with connect(url, compression=None, max_size=None) as socket:
            await socket.send('{"event":"connected","protocol":"Call","version":"1.0.0"}')
            start = {
                "streamSid": self.sid, "callSid": "CA1", "accountSid": "AC1", "tracks": ["inbound"], "customParameters": {},
                "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            }  # fmt: skip
            await socket.send(
                json.dumps({"event": "start", "sequenceNumber": "1", "streamSid": self.sid, "start": start})
            )
            listening = asyncio.create_task(self._listen(socket, began))
            due = time.perf_counter()
            for number in range(1, int(seconds / FRAME_S)):
                media = {"track": "inbound", "chunk": str(number), "timestamp": str(number * 20), "payload": SILENCE}
                await socket.send(
                    json.dumps(
                        {"event": "media", "sequenceNumber": str(number + 1), "streamSid": self.sid, "media": media}
                    )
                )
                due += FRAME_S
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
            listening.cancel()

    async def _listen(self, socket: Any, began: float) -> None:
        async for text in socket:
            message = json.loads(text)
            now = time.perf_counter()
            if message["event"] == "media":
                self.first_s = self.first_s if self.first_s is not None else now - began
                self.received.append((now, len(message["media"]["payload"]) * 3 // 4))
            elif message["event"] == "mark":
                await socket.send(text)

    def lateness(self) -> list[float]:
        late, sent = [], 0
        for at, size in self.received:
            late.append(max(0.0, at - self.received[0][0] - sent / 8_000))
            sent += size
        return late


async def measure(url: str, pid: int, calls: int, seconds: float) -> dict[str, Any]:
    process = psutil.Process(pid)
    callers = [Caller(number) for number in range(calls)]
    before = sum(process.cpu_times()[:2])
    await asyncio.gather(*(caller.call(url, seconds, number * 0.15) for number, caller in enumerate(callers)))
    spent = sum(process.cpu_times()[:2]) - before
    firsts = [caller.first_s for caller in callers if caller.first_s is not None]
    late = [each for caller in callers for each in caller.lateness()]
    return {
        "calls": calls,
        "answered": len(firsts),
        "cpu_ms_a_frame": round(spent / (calls * seconds / FRAME_S) * 1000, 3),
        "connect_to_first_sound_ms": {"p50": percentile(firsts, 0.5), "p99": percentile(firsts, 0.99)},
        "underrun_ms": {"p50": percentile(late, 0.5), "p99": percentile(late, 0.99), "max": percentile(late, 1.0)},
        "load": os.getloadavg()[0],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--speech", type=float, default=3.0, help="how long the agent talks, in seconds")
    parser.add_argument("--peer", help="the address of another server that speaks Media Streams")
    parser.add_argument("--pid", type=int, help="its process")
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        import uvloop  # as the call worker does

        uvloop.run(serve(given.serve, given.speech))
        return
    if given.peer:
        print(json.dumps(asyncio.run(measure(given.peer, given.pid, given.calls, given.seconds))))
        return
    port = 8391
    words = [sys.executable, __file__, "--serve", str(port), "--speech", str(given.speech)]
    server = subprocess.Popen(words, env={**os.environ, "WEIGHTS_DIR": str(WEIGHTS)}, cwd=Path(__file__).parent.parent)
    try:
        time.sleep(1)
        if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
            os.sched_setaffinity(server.pid, {1})
            os.sched_setaffinity(0, {0})
        url = f"ws://127.0.0.1:{port}/media/twilio/x"
        for _ in range(60):
            try:
                asyncio.run(measure(url, server.pid, 1, 2.0))  # what is done once a process
                break
            except OSError:
                time.sleep(1)
        print(json.dumps(asyncio.run(measure(url, server.pid, given.calls, given.seconds))))
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
