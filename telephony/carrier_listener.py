"""Where carriers bring the sound of calls: a WebSocket server inside the call worker, past every web server.

Only who has a token that was just made for one call gets in, once. Several workers of a machine listen on the same port: the
kernel gives each connection to one of them, and one that is leaving doesn't listen any more.
"""

from __future__ import annotations

import asyncio
import contextlib
import http
import logging
import socket
from collections.abc import Awaitable, Callable
from functools import partial

import redis
import redis.asyncio
from django.conf import settings
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from telephony import phone_calls
from telephony.call_transport import MakeTransport
from telephony.carriers.registry import CARRIERS
from telephony.handed_on import hand_on, own_host
from telephony.live_call import Offer
from telephony.transports.carrier import CarrierTransport, NoStart, start_of
from telephony.transports.relay import RelayTransport, setup_of
from telephony.transports.stream_socket import StreamSocket
from telephony.wire import media_streams as wire
from telephony.wire.media_streams import Started
from telephony.wire.relay import MAX_MESSAGE_BYTES, Setup

logger = logging.getLogger(__name__)

START_SECONDS = 5
"""For the carrier to say whose sound it brings, once it is connected."""
WORDS = "twilio-words"
SPARE_CONNECTIONS = 8
"""Beyond those of calls: they wait for their start, or are being closed."""

Take = Callable[[Offer, MakeTransport], Awaitable[None]]
"""The worker talks to this caller. Returns when the call is over."""
Bring = Callable[[str, str, MakeTransport], Awaitable[None]]
"""Whom the agent called for a caller is here: under this key, with Twilio's id of the call. Returns when that is over."""


class CarrierListener:
    """``start`` it when calls can be taken; ``leave``: no new ones. The calls it gave to ``take`` go on."""

    def __init__(
        self, valkey: redis.asyncio.Redis, take: Take, has_room: Callable[[], bool], most: int, bring: Bring
    ) -> None:
        """``most``: calls. Each may have a second line."""
        self._valkey = valkey
        self._take, self._bring = take, bring
        self._has_room = has_room
        self._most = 2 * most + SPARE_CONNECTIONS
        self._open = 0
        self._server: Server | None = None
        self._own: Server | None = None
        self.address = ""
        """Where this worker and no other listens, host and port; "": nowhere."""

    @property
    def port(self) -> int | None:
        """``None``: it doesn't listen."""
        sockets = list(self._server.sockets) if self._server is not None else []
        return int(sockets[0].getsockname()[1]) if sockets else None

    async def start(self) -> None:
        """Where the port can't be had, telephones can't ring here; everything else goes on."""
        try:
            self._server = await self._listen(settings.PHONE_MEDIA_HOST, settings.PHONE_MEDIA_PORT)
        except OSError as error:
            logger.error(
                "Telephones can't ring here: port %d can't be listened on (%s)", settings.PHONE_MEDIA_PORT, error
            )
            return
        logger.info("Telephones ring on port %s", self.port)
        host = await asyncio.to_thread(own_host)
        try:
            self._own = await self._listen(host, 0)
        except OSError as error:
            logger.error("Nobody can be called at a carrier for a caller: %s can't be listened on (%s)", host, error)
            return
        port = next(iter(self._own.sockets)).getsockname()[1]
        self.address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    async def _listen(self, host: str, port: int) -> Server:
        return await serve(
            self._talk,
            host,
            port,
            process_request=self._check,
            create_connection=StreamSocket,
            origins=None,
            compression=None,
            max_size=MAX_MESSAGE_BYTES,
            max_queue=64,
            open_timeout=START_SECONDS,
            close_timeout=2,
            ping_interval=5,
            ping_timeout=15,
            server_header=None,
            reuse_port=hasattr(socket, "SO_REUSEPORT") and port != 0,
            logger=logging.getLogger("websockets.server.telephones"),
        )

    def leave(self) -> None:
        """Where the calls that are here are brought their second lines is open to the end."""
        if self._server is not None:
            self._server.close(close_connections=False)

    async def close(self) -> None:
        for server in filter(None, (self._server, self._own)):
            server.close()
        for server in filter(None, (self._server, self._own)):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await server.wait_closed()

    # ----

    async def _check(self, connection: ServerConnection, request: Request) -> Response | None:
        """Before the socket is one: who has no token is turned away, and so is a browser."""
        if request.path.rstrip("/").endswith("/healthz"):
            return connection.respond(http.HTTPStatus.OK, "ok\n")
        kind, _, token = request.path.strip("/").rpartition("/")
        kind = kind.rpartition("/")[2]
        if kind not in (*CARRIERS, WORDS) or "Origin" in request.headers:
            return connection.respond(http.HTTPStatus.NOT_FOUND, "There is nothing here.\n")
        if self._open >= self._most:
            return connection.respond(http.HTTPStatus.SERVICE_UNAVAILABLE, "No room for another call.\n")
        try:
            stream = await phone_calls.use_up(self._valkey, token)
        except redis.RedisError:
            logger.warning("A stream's token can't be looked up: Valkey can't be reached")
            return connection.respond(http.HTTPStatus.SERVICE_UNAVAILABLE, "Try again.\n")
        if stream is not None and kind != (WORDS if stream.is_words else stream.carrier):
            stream = None
        if stream is None:
            logger.warning("A stream with no token, an old one or one that was used is refused")
            return connection.respond(http.HTTPStatus.FORBIDDEN, "This token is not valid any more.\n")
        if (
            not stream.is_let_in and not stream.second and not self._has_room()
        ):  # the carrier asks again what to do, and is told of another way
            return connection.respond(http.HTTPStatus.SERVICE_UNAVAILABLE, "No room for another call.\n")
        connection.stream = stream  # type: ignore[attr-defined]
        return None

    async def _talk(self, connection: ServerConnection) -> None:
        assert isinstance(connection, StreamSocket)
        stream: phone_calls.Stream = connection.stream  # type: ignore[attr-defined]
        self._open += 1
        try:
            if stream.second:
                await self._second(connection, stream)
            elif stream.at and stream.at != self.address:
                again = await phone_calls.hand_on(self._valkey, stream)
                await hand_on(connection, stream.at, again, stream.carrier)
            else:
                await self._take(*await self._begin(connection, stream))
        except (NoStart, wire.BadMessage, ConnectionClosed, TimeoutError, redis.RedisError) as error:
            logger.warning("The stream of call %s is no use: %s", stream.call, error or "nothing came")
        finally:
            self._open -= 1

    async def _second(self, connection: StreamSocket, stream: phone_calls.Stream) -> None:
        """Whom the agent called for a caller, who is here or at another worker."""
        if stream.at != self.address:
            await hand_on(connection, stream.at, await phone_calls.hand_on(self._valkey, stream))
            return
        async with asyncio.timeout(START_SECONDS):
            started = await start_of(connection)
        if started.account_sid not in ("", stream.carrier_account_sid):
            raise NoStart("it brings another account's call than its token is for")
        make = partial(CarrierTransport, connection, started.stream_sid, _nothing_follows)
        await self._bring(stream.second, started.call_sid, make)

    async def _begin(self, connection: StreamSocket, stream: phone_calls.Stream) -> tuple[Offer, MakeTransport]:
        """Its first messages, which say whose it is."""
        leaving = partial(phone_calls.decide_next, self._valkey, stream.call)
        offer = Offer(
            stream.call,
            stream.organization,
            stream=stream.number,
            is_words=stream.is_words,
            on_machine=stream.on_machine,
        )
        make: MakeTransport
        started: Started | Setup
        async with asyncio.timeout(START_SECONDS):
            if stream.is_words:
                started = await setup_of(connection)
                make = partial(RelayTransport, connection, leaving)
            else:
                speaks = CARRIERS[stream.carrier].wire
                started = await start_of(connection, speaks)
                make = partial(CarrierTransport, connection, started.stream_sid, leaving, speaks=speaks)
        if started.call_sid != stream.carrier_call_id or started.account_sid not in ("", stream.carrier_account_sid):
            raise NoStart("it brings another call than its token is for")
        return offer, make


async def _nothing_follows() -> None:
    """The carrier knows what comes after such a stream: it hangs up."""
