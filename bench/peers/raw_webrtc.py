"""The floor to compare with: an answerer of bare aiortc that reads the caller's track and plays a voice, and nothing else.

    python bench/peers/raw_webrtc.py

Started by ``bench/webrtc.py``. It prints the port it listens on, and then speaks one line of JSON for one line of JSON:
``{"sdp": offer}`` → ``{"sdp": answer}``, ``{"do": "mark"}`` (what is counted begins here), ``{"do": "stats"}`` → see :class:`Ear`
and :func:`answer_lines`. Needs ``aiortc`` and ``numpy``.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from fractions import Fraction
from importlib.metadata import version
from typing import Any

import aioice.ice
import numpy as np
import numpy.typing as npt
from aiortc import RTCConfiguration, RTCPeerConnection, RTCRtpReceiver, RTCSessionDescription
from aiortc.mediastreams import MediaStreamTrack
from av import AudioFrame

RATE_HZ = 48_000
FRAME_SAMPLES = RATE_HZ // 50
MAX_LINE = 1 << 20


def voice(seconds: float, rate_hz: int, pitch_hz: float = 140.0) -> npt.NDArray[np.int16]:
    """Something that costs a codec as much as speech does: a buzz with formants, five syllables a second, some breath."""
    t = np.arange(int(seconds * rate_hz)) / rate_hz
    wobble = pitch_hz * (t + 0.02 * np.sin(2 * np.pi * 1.3 * t))
    sound = np.zeros(len(t))
    for harmonic in range(1, int(7_000 / pitch_hz)):
        hz = harmonic * pitch_hz
        gain = sum(
            np.exp(-(((hz - formant) / width) ** 2)) for formant, width in ((500, 250), (1_500, 350), (2_600, 500))
        )
        sound += (gain + 0.01) * np.sin(2 * np.pi * harmonic * wobble)
    syllables = np.clip(np.sin(2 * np.pi * 2.5 * t) ** 2 - 0.1, 0.0, 1.0)
    breath = np.random.default_rng(1).standard_normal(len(t)) * 0.05
    sound = (sound + breath) * syllables
    return np.asarray(sound / np.abs(sound).max() * 9_000, dtype=np.int16)


@dataclass(slots=True)
class Ear:
    """One caller's packets: which numbers came, which were played, how long they lay in the buffer."""

    arrived: dict[int, float] = field(default_factory=dict)
    """Timestamp → when, of those not played yet."""
    numbers: list[int] = field(default_factory=list)
    waited_ms: list[float] = field(default_factory=list)
    concealed: int = 0
    recovered: int = 0
    """Lost, but their copies came with the packets behind them."""
    is_marked: bool = False

    def came(self, number: int, timestamp: int) -> None:
        self.arrived[timestamp] = time.perf_counter()
        if self.is_marked:
            self.numbers.append(number)

    def played(self, timestamp: int) -> None:
        came = self.arrived.pop(timestamp, None)
        if came is not None and self.is_marked:
            self.waited_ms.append((time.perf_counter() - came) * 1000)

    def mark(self) -> None:
        self.is_marked, self.concealed, self.recovered = True, 0, 0
        self.numbers.clear()
        self.waited_ms.clear()

    def stats(self) -> dict[str, Any]:
        """``sent``: from the numbers' span."""
        numbers = self.numbers or [0]
        return {
            "sent": max(numbers) - min(numbers) + 1,
            "arrived": len(set(numbers)),
            "played": len(self.waited_ms) + self.recovered,
            "concealed": self.concealed,
            "waited_ms": [round(waited, 1) for waited in self.waited_ms],
        }


Answer = Callable[[str], Awaitable[str]]


async def answer_lines(answer: Answer, ears: list[Ear]) -> None:
    """Listen on a free port, print it, and serve until the client has gone."""
    over = asyncio.Event()
    since = {"cpu": time.process_time(), "wall": time.perf_counter()}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            asked = json.loads(line)
            told: dict[str, Any] = {}
            if "sdp" in asked:
                told = {"sdp": await answer(asked["sdp"])}
            elif asked["do"] == "mark":
                for ear in ears:
                    ear.mark()
                since.update(cpu=time.process_time(), wall=time.perf_counter())
            else:
                told = {
                    "cpu_s": time.process_time() - since["cpu"],
                    "wall_s": time.perf_counter() - since["wall"],
                    "threads": threading.active_count(),
                    "tasks": len(asyncio.all_tasks()),
                    "calls": [ear.stats() for ear in ears],
                    "versions": {name: version(name) for name in ("aiortc", "aioice", "av")},
                }
            writer.write(json.dumps(told).encode() + b"\n")
            await writer.drain()
        over.set()

    async with await asyncio.start_server(serve, "127.0.0.1", 0, limit=MAX_LINE) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await over.wait()


def reach_loopback() -> None:
    """aioice leaves 127.0.0.1 out; where both ends are one machine it is the address that is always there."""
    ask = aioice.ice.get_host_addresses
    aioice.ice.get_host_addresses = lambda **which: [*ask(**which), "127.0.0.1"]


class Voice(MediaStreamTrack):
    kind = "audio"

    def __init__(self, sound: npt.NDArray[np.int16]) -> None:
        super().__init__()
        self._sound, self._sent, self._begun = sound, 0, 0.0

    async def recv(self) -> AudioFrame:
        self._begun = self._begun or time.perf_counter()
        wait = self._begun + self._sent / RATE_HZ - time.perf_counter()
        if wait > 0:
            await asyncio.sleep(wait)
        begin = self._sent % (len(self._sound) - FRAME_SAMPLES)
        frame = AudioFrame.from_ndarray(self._sound[None, begin : begin + FRAME_SAMPLES], layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE_HZ, self._sent, Fraction(1, RATE_HZ)
        self._sent += FRAME_SAMPLES
        return frame


def listen_in(receiver: RTCRtpReceiver, ear: Ear) -> None:
    """Note each packet as aiortc is handed it."""
    handle = receiver._handle_rtp_packet

    async def handle_and_note(packet: Any, arrival_time_ms: int) -> None:
        ear.came(packet.sequence_number, packet.timestamp)
        await handle(packet, arrival_time_ms=arrival_time_ms)

    receiver._handle_rtp_packet = handle_and_note


class Answerer:
    def __init__(self) -> None:
        self.ears: list[Ear] = []
        self._sound = voice(20.0, RATE_HZ)
        self._calls: list[RTCPeerConnection] = []
        self._reading: set[asyncio.Task[None]] = set()

    async def answer(self, sdp: str) -> str:
        connection, ear = RTCPeerConnection(RTCConfiguration(iceServers=[])), Ear()
        self._calls.append(connection)
        self.ears.append(ear)

        def on_track(track: MediaStreamTrack) -> None:
            reading = asyncio.create_task(self._read(track, ear))
            self._reading.add(reading)

        connection.on("track", on_track)
        await connection.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
        listen_in(connection.getTransceivers()[0].receiver, ear)
        connection.addTrack(Voice(self._sound))
        await connection.setLocalDescription(await connection.createAnswer())
        return str(connection.localDescription.sdp)

    async def _read(self, track: MediaStreamTrack, ear: Ear) -> None:
        first: int | None = None
        while True:
            frame = await track.recv()
            if first is None:  # aiortc counts from the first packet
                first = min(ear.arrived)
            ear.played((first + (frame.pts or 0)) & 0xFFFFFFFF)


async def main() -> None:
    reach_loopback()
    answerer = Answerer()
    await answer_lines(answerer.answer, answerer.ears)


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    asyncio.run(main())
