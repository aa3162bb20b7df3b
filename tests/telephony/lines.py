"""Two ends of a real WebRTC connection in one process, for the transport's tests."""

from __future__ import annotations

import asyncio
import math
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from fractions import Fraction

import numpy as np
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamTrack
from av import AudioFrame

from telephony.audio.playout import PLAYOUT_RATE_HZ
from telephony.transports import guard
from telephony.transports.webrtc import Line, WebRTCTransport

guard.install(loopback=True)


class Tone(MediaStreamTrack):
    """A caller that hums, 20 ms at a time."""

    kind = "audio"

    def __init__(self, hz: int = 440) -> None:
        super().__init__()
        self._hz, self._n, self._due = hz, 0, 0.0

    async def recv(self) -> AudioFrame:
        now = asyncio.get_running_loop().time()
        self._due = max(self._due, now - 0.1) + 0.02 if self._due else now
        if self._due > now:
            await asyncio.sleep(self._due - now)
        t = (np.arange(960) + self._n) / 48_000
        frame = AudioFrame(format="s16", layout="mono", samples=960)
        frame.planes[0].update((np.sin(2 * math.pi * self._hz * t) * 8_000).astype("<i2").tobytes())
        frame.sample_rate, frame.pts, frame.time_base = 48_000, self._n, Fraction(1, 48_000)
        self._n += 960
        return frame


class HummingPlayout:
    """Stands where a session's playout does."""

    digit = ""

    def __init__(self, hz: int = 1_000) -> None:
        self._hz, self._n = hz, 0

    def pull(self) -> bytes:
        count = PLAYOUT_RATE_HZ // 50
        t = (np.arange(count) + self._n) / PLAYOUT_RATE_HZ
        self._n += count
        return (np.sin(2 * math.pi * self._hz * t) * 8_000).astype("<i2").tobytes()


class Caller:
    """A plain aiortc client: what a browser is to the worker."""

    def __init__(self) -> None:
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.connection.addTrack(Tone())
        self.heard: list[AudioFrame] = []
        self._listening: asyncio.Task[None] | None = None
        self.connection.on("track", self._on_track)

    def _on_track(self, track: MediaStreamTrack) -> None:
        self._listening = asyncio.create_task(self._listen(track))

    async def _listen(self, track: MediaStreamTrack) -> None:
        while True:
            try:
                self.heard.append(await track.recv())
            except Exception:
                return

    async def offer(self) -> str:
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return self.connection.localDescription.sdp

    async def accept(self, sdp: str) -> None:
        await self.connection.setRemoteDescription(RTCSessionDescription(sdp=sdp, type="answer"))

    async def hears_on(self) -> None:
        """The line lives: more comes. Of an agent that is silent, a packet every 400 ms."""
        heard = len(self.heard)
        async with asyncio.timeout(10):
            while len(self.heard) < heard + 5:
                await asyncio.sleep(0.05)

    async def close(self) -> None:
        await self.connection.close()
        if self._listening is not None:
            self._listening.cancel()


@asynccontextmanager
async def a_call(**line: object) -> AsyncIterator[tuple[Caller, WebRTCTransport]]:
    """Connected and humming in both directions."""
    caller, transport = Caller(), WebRTCTransport(Line(**line))
    try:
        await caller.accept(await transport.answer(await caller.offer()))
        assert await transport.connected(10)
        transport.attach(HummingPlayout())
        yield caller, transport
    finally:
        await caller.close()
        await transport.close()


async def hear(transport: WebRTCTransport, frames: int) -> np.ndarray:
    """So many frames of what the caller says."""
    pcm = bytearray()
    async for frame in transport.frames():
        assert len(frame.pcm) == 640
        pcm += frame.pcm
        if len(pcm) >= frames * 640:
            break
    return np.frombuffer(bytes(pcm), "<i2")


def local_addresses(transport: WebRTCTransport) -> list[tuple[str, int]]:
    """Where the worker's end listens."""
    return [(c.host, c.port) for c in transport._ice.local_candidates]


def is_tone(samples: np.ndarray, hz: int, rate: int) -> bool:
    spectrum = np.abs(np.fft.rfft(samples.astype(float)))
    return abs(int(spectrum.argmax()) * rate / len(samples) - hz) < 15 and float(np.abs(samples).max()) > 3_000


def spray(addresses: list[tuple[str, int]], datagrams: list[bytes], times: int = 1) -> None:
    """From a port nobody knows."""
    for address in addresses:
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as stranger:
            for _ in range(times):
                for datagram in datagrams:
                    stranger.sendto(datagram, address)
