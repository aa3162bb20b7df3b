"""A speech-to-speech server drops its connection in the middle of a caller's sentence: what of the sentence does it know in the end?

    python bench/realtime.py [--livekit peers/lk/bin/python] [--pipecat peers/pc/bin/python] [--rounds 3]

The peers want ``livekit-agents livekit-plugins-openai`` and ``pipecat-ai[openai]``, each in an environment of its own; they take turns
with ours. A server on this machine speaks as much of OpenAI's Realtime protocol as it takes to be talked to, aborts the first
connection after three seconds of an eight-second sentence, and counts the sound on each. Printed: how long nobody was connected, and
how much of the sentence the session that would answer has heard.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import importlib.metadata
import json
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parent.parent), str(Path(__file__).resolve().parent.parent / "platform")]

import numpy as np
import websockets
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

DROP_S = 3.0
SENTENCE_S = 8.0
SETTLE_S = 2.0
PEERS = Path(__file__).resolve().parent / "peers"
SESSION = {"id": "sess_1", "type": "realtime", "object": "realtime.session", "model": "bench"}


class Server:
    def __init__(self) -> None:
        self.opened: list[float] = []
        self.heard: list[int] = []
        self.dropped = 0.0

    async def serve(self, connection: ServerConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            await self._serve(connection)

    async def _serve(self, connection: ServerConnection) -> None:
        index = len(self.opened)
        self.opened.append(time.perf_counter())
        self.heard.append(0)
        await connection.send(json.dumps({"type": "session.created", "event_id": "e1", "session": SESSION}))
        drop = None
        async for text in connection:
            event = json.loads(text)
            if event["type"] == "session.update":
                await connection.send(json.dumps({"type": "session.updated", "event_id": "e2", "session": SESSION}))
            elif event["type"] == "input_audio_buffer.append":
                self.heard[index] += len(base64.b64decode(event["audio"])) // 2
                if index == 0 and drop is None:
                    drop = asyncio.get_running_loop().call_later(DROP_S, self._abort, connection)

    def _abort(self, connection: ServerConnection) -> None:
        self.dropped = time.perf_counter()
        connection.transport.abort()


async def ours(url: str) -> None:
    from agents.providers.openai_realtime.model import Endpoint, OpenAIRealtime
    from agents.speech import AudioFrame

    async def through(address: str, headers: Any) -> Any:
        return await connect(address, additional_headers=dict(headers), compression=None)

    model = OpenAIRealtime(Endpoint("bench", url.replace("ws:", "http:")), through)
    model.listen()
    await asyncio.sleep(0.5)
    model.start(0)
    noise = np.random.default_rng(3).normal(0, 3_000, 320).astype("<i2").tobytes()
    began = time.perf_counter()
    for index in range(int(SENTENCE_S * 50)):
        model.push(AudioFrame(noise, 16_000), index * 20)
        await asyncio.sleep(max(0.0, began + (index + 1) / 50 - time.perf_counter()))
    await asyncio.sleep(SETTLE_S)
    await model.close()


async def one(peer: list[str] | None) -> tuple[float | None, float, str]:
    """(seconds without a connection, seconds of the sentence that the last one heard, version)"""
    server = Server()
    async with serve(server.serve, "127.0.0.1", 0, max_size=None) as listening:
        url = f"ws://127.0.0.1:{next(iter(listening.sockets)).getsockname()[1]}/v1"
        if peer is None:
            await ours(url)
            version = f"Parley, websockets {websockets.__version__}"
        else:
            process = await asyncio.create_subprocess_exec(
                *peer,
                url,
                str(SENTENCE_S),
                str(SETTLE_S),
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": ""},
            )
            out, _ = await asyncio.wait_for(process.communicate(), 60)
            version = out.decode().strip().splitlines()[-1] if out.strip() else "?"
    again = server.opened[1] - server.dropped if len(server.opened) > 1 else None
    return again, (server.heard[-1] / 24_000 if again is not None else 0.0), version


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--livekit", help="the Python of livekit's environment")
    parser.add_argument("--pipecat", help="the Python of pipecat's environment")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    peers: dict[str, list[str] | None] = {"parley": None}
    if given.livekit:
        peers["livekit-agents"] = [given.livekit, str(PEERS / "livekit_realtime.py")]
    if given.pipecat:
        peers["pipecat"] = [given.pipecat, str(PEERS / "pipecat_realtime.py")]
    found: dict[str, list[tuple[float | None, float, str]]] = {name: [] for name in peers}
    for _ in range(given.rounds):
        for name, peer in peers.items():
            found[name].append(await one(peer))
    print(
        f"openai {importlib.metadata.version('openai')}, {given.rounds} rounds, medians; a sentence of {SENTENCE_S:g} s"
    )
    for name, rounds in found.items():
        gaps = [gap for gap, _, _ in rounds if gap is not None]
        gap = f"{statistics.median(gaps) * 1000:.0f} ms" if gaps else "never connected again"
        heard = statistics.median(heard for _, heard, _ in rounds)
        print(f"{name:15} {gap:>22}   heard of the sentence: {heard:.1f} s   ({rounds[-1][2]})")


if __name__ == "__main__":
    asyncio.run(main())
