"""WebSockets through the door: a checked address, no redirect, no proxy from the environment, messages of limited size."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect

from egress.door import LOOKUP_SECONDS, addresses_of
from egress.policy import EgressRefused, Policy
from egress.transport import certificates

CONNECT_SECONDS = 10.0
_PORTS = {"ws": 80, "wss": 443}


async def open_websocket(
    url: str, headers: Mapping[str, str], policy: Policy, max_bytes: int, seconds: float = CONNECT_SECONDS
) -> ClientConnection:
    """Raises :class:`EgressRefused`, ``OSError``, ``TimeoutError`` or an error of ``websockets``: what doesn't answer with a
    WebSocket raises its ``InvalidStatus``, a redirect too."""
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname or parts.username or parts.password:
        raise EgressRefused("Use a plain address such as wss://api.example.com/v1: no user name, no password.")
    port = parts.port or _PORTS[parts.scheme]
    async with asyncio.timeout(seconds):
        line = await _connected(parts.hostname, port, policy)
        try:
            is_secure = parts.scheme == "wss"
            return await connect(
                url,
                sock=line,
                additional_headers=dict(headers),
                compression=None,
                proxy=None,
                max_size=max_bytes,
                open_timeout=None,
                user_agent_header=None,
                ssl=certificates() if is_secure else None,
                server_hostname=parts.hostname if is_secure else None,
            )
        except BaseException:
            line.close()
            raise


async def _connected(host: str, port: int, policy: Policy) -> socket.socket:
    """To the first of its checked addresses that answers."""
    addresses = await addresses_of(host, port, policy, LOOKUP_SECONDS)
    last: OSError | None = None
    for address in addresses:
        line = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
        line.setblocking(False)
        try:
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await asyncio.get_running_loop().sock_connect(line, (address, port))
        except OSError as error:
            line.close()
            last = error
        except BaseException:
            line.close()
            raise
        else:
            return line
    raise last or OSError(f"{host} could not be reached.")
