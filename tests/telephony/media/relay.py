"""A bad network with sockets: two ends send to it and it passes on what ``Network`` lets through, when it lets it through."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.telephony.media.network import Network, Weather


class Relay:
    """Each end takes the relay's port for the other's. ``through(sdp, end)``: that end's description as the other is to get it."""

    def __init__(self, weather: Weather, seed: int, host: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._networks = [Network(weather, seed), Network(weather, seed + 1)]
        self._ends: list[tuple[str, int]] = [("", 0), ("", 0)]
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._sockets = [socket.socket(family, socket.SOCK_DGRAM) for _ in range(2)]
        for at, each in enumerate(self._sockets):
            each.setblocking(False)
            each.bind((host, 0))
            self._loop.add_reader(each, self._read, at)

    def through(self, sdp: str, end: int) -> str:
        match = re.search(r"m=audio (\d+)", sdp)
        address = re.search(r"c=IN IP[46] (\S+)", sdp)
        assert match and address
        self._ends[end] = (address.group(1), int(match.group(1)))
        port = self._sockets[1 - end].getsockname()[1]  # where the other end sends to
        return re.sub(r"a=rtcp:\d+", f"a=rtcp:{port}", sdp.replace(match.group(0), f"m=audio {port}"))

    def _read(self, at: int) -> None:
        """Something from the end that sends to socket ``at``."""
        try:
            data = self._sockets[at].recv(2_048)
        except OSError:
            return
        now_ms = self._loop.time() * 1000
        for arrival in self._networks[at].arrivals(now_ms):
            self._loop.call_later((arrival - now_ms) / 1000, self._pass_on, data, at)

    def _pass_on(self, data: bytes, at: int) -> None:
        if self._sockets[1 - at].fileno() >= 0:
            self._sockets[1 - at].sendto(data, self._ends[1 - at])

    def close(self) -> None:
        for each in self._sockets:
            self._loop.remove_reader(each)
            each.close()


@asynccontextmanager
async def a_relay(weather: Weather, seed: int = 7, host: str = "127.0.0.1") -> AsyncIterator[Relay]:
    relay = Relay(weather, seed, host)
    try:
        yield relay
    finally:
        relay.close()
