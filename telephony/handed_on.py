"""A stream that came to another call worker than the one that waits for it is handed on, as it is, over a socket between the two.

Several workers share one port, and the kernel or a proxy gives a connection to any of them. For a caller any will do; whom an agent called
for a caller must come to where that caller is, and a caller who is put through to a telephone that registers here to where telephones do.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from urllib.parse import urlsplit

from django.conf import settings
from websockets.asyncio.client import connect
from websockets.asyncio.connection import Connection
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed, WebSocketException

from telephony.wire.media_streams import MAX_MESSAGE_BYTES

logger = logging.getLogger(__name__)

OPEN_SECONDS = 3.0
CLOSE_SECONDS = 2.0
EVERYWHERE = ("", "0.0.0.0", "::", "*")  # noqa: S104 - what is compared with


def own_host() -> str:
    """The address of this machine that other call workers reach: the one it listens on; where that is all of them, the one that its way
    to Valkey begins at, which every worker has. Asks a name server."""
    if settings.PHONE_MEDIA_HOST not in EVERYWHERE:
        return str(settings.PHONE_MEDIA_HOST)
    valkey = urlsplit(settings.VALKEY_URL)
    with contextlib.suppress(OSError):
        found = socket.getaddrinfo(valkey.hostname or "127.0.0.1", valkey.port or 6379, type=socket.SOCK_DGRAM)
        family, kind, protocol, _, address = found[0]
        with socket.socket(family, kind, protocol) as way:
            way.connect(address)
            return str(way.getsockname()[0])
    return "127.0.0.1"


async def hand_on(connection: ServerConnection, at: str, token: str, carrier: str = "twilio") -> None:
    """``carrier``: how it speaks. Each message of one to the other, until either is over. Whoever has ``connection`` closes it."""
    try:
        async with connect(
            f"ws://{at}/media/{carrier}/{token}",
            compression=None,
            proxy=None,
            open_timeout=OPEN_SECONDS,
            close_timeout=CLOSE_SECONDS,
            ping_interval=5,
            ping_timeout=15,
            max_size=MAX_MESSAGE_BYTES,
        ) as other:
            both = {asyncio.create_task(_pump(connection, other)), asyncio.create_task(_pump(other, connection))}
            try:
                await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in both:
                    task.cancel()
                await asyncio.wait(both, timeout=CLOSE_SECONDS)
    except (OSError, TimeoutError, WebSocketException) as error:
        logger.warning("A stream can't be handed on to the call worker at %s: %s", at, error or type(error).__name__)


async def _pump(source: Connection, sink: Connection) -> None:
    with contextlib.suppress(ConnectionClosed):
        while True:
            await sink.send(await source.recv(decode=False), text=True)
