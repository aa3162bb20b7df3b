"""One connection to a Realtime server: its events in order, ours in order. Sending never waits."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from urllib.parse import quote, urlsplit, urlunsplit

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from agents.providers.openai_realtime import wire
from agents.speech import ProviderError

logger = logging.getLogger(__name__)

Connect = Callable[[str, Mapping[str, str]], Awaitable[ClientConnection]]
"""A WebSocket to this address with these headers, through the door (``egress.websocket``)."""

CONNECT_S = 5.0
MOST_WAITING = 2_000
"""Events of ours that a server hasn't taken: it is gone and doesn't say so."""
PERMANENT = frozenset({401, 403, 404})


def address(base_url: str, model: str) -> str:
    """https://api.openai.com/v1 → wss://api.openai.com/v1/realtime?model=…"""
    parts = urlsplit(base_url)
    scheme = {"https": "wss", "http": "ws"}.get(parts.scheme, parts.scheme)
    return urlunsplit((scheme, parts.netloc, f"{parts.path.rstrip('/')}/realtime", f"model={quote(model)}", ""))


class Connection:
    """Make one, ``open`` it, ``close`` it. Its two tasks are its own."""

    def __init__(
        self, where: str, on_event: Callable[[wire.ServerEvent], None], on_lost: Callable[[str], None]
    ) -> None:
        self.opened_s = 0.0
        self.expires_s = 0.0
        """When the server ends it, on this machine's monotonic clock; 0: it doesn't say."""
        self.is_open = False
        self._where = where
        self._on_event = on_event
        self._on_lost = on_lost
        self._socket: ClientConnection | None = None
        self._outgoing: asyncio.Queue[str] = asyncio.Queue(MOST_WAITING)
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self, connect: Connect, url: str, api_key: str) -> None:
        """Raises ``ProviderError`` in plain words."""
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        try:
            async with asyncio.timeout(CONNECT_S):
                self._socket = await connect(url, headers)
        except InvalidStatus as error:
            raise _refusal(self._where, error.response.status_code, bytes(error.response.body or b"")) from error
        except (OSError, TimeoutError, WebSocketException) as error:
            raise ProviderError(f"The server of the model at {self._where} can't be reached.") from error
        except Exception as error:
            # Told by its name: egress reads settings, and a live call imports nothing of Django's.
            if type(error).__name__ != "EgressRefused":
                raise
            raise ProviderError(f"{self._where} may not be reached from here: {error}", permanent=True) from error
        self.opened_s = time.monotonic()
        self.is_open = True
        self._tasks = [asyncio.create_task(self._read(self._socket)), asyncio.create_task(self._write(self._socket))]

    def send(self, events: Iterable[wire.ClientEvent]) -> None:
        for event in events:
            if not self.is_open:
                return
            try:
                self._outgoing.put_nowait(wire.dumped(event))
            except asyncio.QueueFull:
                self._lose("It takes nothing any more.")

    async def close(self) -> None:
        self.is_open = False
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._socket is not None:
            self._socket.transport.abort()  # nobody waits for a goodbye in the middle of a call

    async def _read(self, socket: ClientConnection) -> None:
        try:
            async for text in socket:
                try:
                    event = wire.parse(text)
                except ValueError:
                    logger.warning("%s sent something that is no event.", self._where)
                    continue
                if isinstance(event, wire.SessionOpened) and event.expires_at_s:
                    self.expires_s = time.monotonic() + event.expires_at_s - time.time()
                if event is not None and self.is_open:
                    self._on_event(event)
        except ConnectionClosed as error:
            logger.info("%s closed: %s", self._where, error)
        self._lose("It broke off.")

    async def _write(self, socket: ClientConnection) -> None:
        try:
            while True:
                await socket.send(await self._outgoing.get())
        except ConnectionClosed:
            self._lose("It broke off.")

    def _lose(self, why: str) -> None:
        if self.is_open:
            self.is_open = False
            self._on_lost(why)


def _refusal(where: str, status: int, body: bytes) -> ProviderError:
    match status:
        case 401:
            words = f"{where} refused the key. Check it under Providers and keys."
        case 403:
            words = f"The key may not use this model at {where}."
        case 404:
            words = f"{where} has no such speech-to-speech model, or is not the base URL of a Realtime server."
        case 429:
            words = f"{where} takes no more calls just now (rate limit)."
        case _ if status >= 500:
            words = f"{where} has trouble of its own (HTTP {status})."
        case _:
            words = f"{where} refused the connection (HTTP {status}): {_said(body)}"
    return ProviderError(words, permanent=status in PERMANENT)


def _said(body: bytes) -> str:
    return " ".join(body[:200].decode("utf-8", "replace").split()) or "it gives no reason"
