"""The sockets beneath the SIP user agent: UDP, TCP and TLS, IPv4 and IPv6. Bytes out of them and into them; what they mean is
``telephony.sip``'s business.

Who isn't welcome by the address is not even listened to: a connection from there is closed before a byte of it is read, TLS or not.
Nothing here grows without end: what the network doesn't take is dropped, and a connection that only collects is closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv6Network
from typing import cast

from telephony.sip.peer import Peer, Transport
from telephony.sip.stream import BadStream, StreamReader

logger = logging.getLogger(__name__)

CONNECT_SECONDS = 5.0
HANDSHAKE_SECONDS = 5.0
UNFINISHED_SECONDS = 10.0
"""For a message to arrive whole, once it has begun."""
IDLE_SECONDS = 900.0
"""For a connection that brings nothing: telephones keep theirs open, and say so every few minutes."""
UNTAKEN_SECONDS = 20.0
"""For what we have sent over a connection to be taken by the system at its other end, where ours can watch that."""
MOST_CONNECTIONS = 2_000
MOST_OF_A_HOST = 200
MOST_GREETED = 200
"""Connections on their way up, of TCP and of TLS each."""
MOST_GREETED_OF_A_HOST = 20
"""Of TLS: for as long as a handshake takes, others can't have the place."""
ACCEPT_AGAIN_SECONDS = 0.1
MOST_WAITING = 64
"""Messages that wait for a connection to come up."""
MOST_REMEMBERED = 10_000
MOST_UNSENT_BYTES = 512 * 1024
_RECEIVE_BYTES = 4 * 1024 * 1024
"""As large as the system lets a UDP socket's queue be: a burst shouldn't cost repetitions."""
_TRIES = 20
"""For a port that is free for UDP and TCP, where any will do."""


@dataclass(frozen=True, slots=True)
class Listen:
    """Where to listen. ``hosts``: addresses of this machine, of either family; "0.0.0.0" and "::" are all of one. ``port`` 0: any."""

    hosts: tuple[str, ...]
    port: int = 5060
    tls_port: int = 5061
    tls: ssl.SSLContext | None = None
    """With our certificate. ``None``: nobody can call us over TLS, we can call others all the same."""


@dataclass(slots=True)
class Counts:
    dropped: int = 0
    """Messages that the network didn't take."""
    turned_away: int = 0
    """Connections of strangers, or too many."""


@dataclass(slots=True)
class _Waiting:
    """What is to be sent over a connection that isn't up yet."""

    task: asyncio.Task[None] | None = None
    messages: list[bytes] = field(default_factory=list)


class SipSockets:
    """``start``, then ``send`` at will; ``receive`` is told what comes, on the loop; ``lost`` what could not be sent at all;
    ``closed`` whose connection is gone, and when something was sent over it last (by the loop's clock, in seconds; 0: never)
    and whether it broke off.

    ``welcome`` decides by a source's host. Connections of ours to one server by several names (``Peer.name``) are several: whoever
    expects one certificate neither uses nor breaks what another has found good. ``local_address``: of ours, the one towards a host.
    """

    def __init__(
        self,
        listen: Listen,
        receive: Callable[[bytes, Peer], None],
        welcome: Callable[[str], bool],
        lost: Callable[[bytes, Peer], None],
        closed: Callable[[Peer, float, bool], None],
        client_tls: ssl.SSLContext,
        local_address: Callable[[str], str],
    ) -> None:
        self.counts = Counts()
        self.ports: dict[Transport, int] = {}
        """That we listen on."""
        self._listen, self._receive, self._welcome, self._lost = listen, receive, welcome, lost
        self._closed = closed
        self._client_tls, self._local_address = client_tls, local_address
        self._udp: dict[str, asyncio.DatagramTransport] = {}
        """By the address of ours, of either family."""
        self._has_several = len({":" in host for host in listen.hosts}) < len(listen.hosts)
        self._came_to: OrderedDict[tuple[str, int], asyncio.DatagramTransport] = OrderedDict()
        """By which of several addresses of one family somebody reached us last: they expect what we say from there."""
        self._listeners: list[socket.socket] = []
        self._accepting: list[asyncio.Task[None]] = []
        self._greeting: dict[Transport, dict[asyncio.Task[None], str]] = {"tcp": {}, "tls": {}}
        """Connections on their way up, and from where: TLS takes some words to and fro."""
        self._streams: dict[Peer, _Stream] = {}
        self._waiting: dict[Peer, _Waiting] = {}
        self._sweep: asyncio.TimerHandle | None = None
        self._is_closed = False

    # ---- listening

    async def start(self) -> None:
        """Raises ``OSError`` where a port can't be had; nothing is left open then."""
        for attempt in range(_TRIES):
            try:
                await self._bind()
                break
            except OSError:
                await self._shut()
                if self._listen.port or attempt == _TRIES - 1:
                    raise
        self._sweep_later()

    async def _bind(self) -> None:
        loop = asyncio.get_running_loop()
        port = self._listen.port
        for host in self._listen.hosts:
            made = _bound(host, port, socket.SOCK_DGRAM)
            transport, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(self._datagram), sock=made)
            self._udp[host] = transport
            port = made.getsockname()[1]
        self.ports["udp"] = port
        self._serve(port, None)
        self.ports["tcp"] = port
        if self._listen.tls is not None:
            self.ports["tls"] = self._serve(self._listen.tls_port, self._listen.tls)

    def _serve(self, port: int, tls: ssl.SSLContext | None) -> int:
        for host in self._listen.hosts:
            made = _bound(host, port, socket.SOCK_STREAM)
            self._listeners.append(made)
            made.listen(128)
            self._accepting.append(asyncio.create_task(self._accept(made, tls), name=f"SIP connections to {host}"))
            port = made.getsockname()[1]
        return port

    async def _accept(self, listener: socket.socket, tls: ssl.SSLContext | None) -> None:
        """By hand: so a stranger is known by the address before anything is said, a TLS handshake included."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                made, source = await loop.sock_accept(listener)
            except OSError as error:  # too many files are open, for one
                logger.warning("A SIP connection can't be taken: %s", error)
                await asyncio.sleep(ACCEPT_AGAIN_SECONDS)
                continue
            peer = Peer("tls" if tls else "tcp", source[0], source[1])
            if not self._admits(peer):
                self.counts.turned_away += 1
                made.close()
                continue
            greeting = self._greeting[peer.transport]
            task = asyncio.create_task(self._greet(made, peer, tls))
            greeting[task] = _site(peer.host)
            task.add_done_callback(greeting.pop)

    async def _greet(self, made: socket.socket, peer: Peer, tls: ssl.SSLContext | None) -> None:
        loop = asyncio.get_running_loop()
        patience = HANDSHAKE_SECONDS if tls else None
        try:
            await loop.connect_accepted_socket(
                lambda: _Stream(self, peer), made, ssl=tls, ssl_handshake_timeout=patience
            )
        except (OSError, TimeoutError) as error:
            logger.info("A connection of %s didn't come up: %s", peer.host, error or "no answer")
            made.close()

    async def close(self) -> None:
        self._is_closed = True
        if self._sweep is not None:
            self._sweep.cancel()
        tasks = [
            *self._greeting["tcp"],
            *self._greeting["tls"],
            *(waiting.task for waiting in self._waiting.values() if waiting.task is not None),
        ]
        for task in tasks:
            task.cancel()
        for stream in list(self._streams.values()):
            stream.close()
        await self._shut()
        if tasks:
            await asyncio.wait(tasks, timeout=1)

    async def _shut(self) -> None:
        for transport in self._udp.values():
            transport.close()
        for task in self._accepting:
            task.cancel()
        if self._accepting:
            await asyncio.wait(self._accepting, timeout=1)
        for listener in self._listeners:
            listener.close()
        self._udp.clear()
        self._came_to.clear()
        self._accepting.clear()
        self._listeners.clear()
        await asyncio.sleep(0)  # the loop closes what it has in its next round

    # ---- sending

    def send(self, data: bytes, to: Peer) -> None:
        """``to`` is an address, not a name. Over a stream that is open it goes there; else one is opened."""
        if to.transport == "udp":
            self._send_datagram(data, to)
        elif (stream := self._open_stream(to)) is None:
            self._send_when_connected(data, to)
        elif not stream.send(data):
            self._lose(data, to)

    def has_stream(self, to: Peer) -> bool:
        return self._open_stream(to) is not None

    def drop_if_silent(self, to: Peer, since_s: float) -> None:
        """A firewall that has forgotten a connection tells nobody: what comes next needs a new one."""
        stream = self._streams.get(to)
        if stream is not None and stream.heard_s < since_s:
            logger.info("A connection to %s:%d is dropped: nothing comes over it any more", to.host, to.port)
            stream.drop()

    def _open_stream(self, to: Peer) -> _Stream | None:
        stream = self._streams.get(to)
        if stream is None or stream.is_open:
            return stream
        self.closed(stream, to, is_broken=False)  # it is being closed: nothing more gets out
        return None

    def _send_datagram(self, data: bytes, to: Peer) -> None:
        transport = self._udp_towards(to)
        if transport is None or transport.get_write_buffer_size() > MOST_UNSENT_BYTES:  # type: ignore[attr-defined]
            self.counts.dropped += 1
            return
        try:
            transport.sendto(data, (to.host, to.port))
        except (OSError, ValueError) as error:
            self.counts.dropped += 1
            logger.debug("A datagram to %s could not be sent: %s", to, error)

    def _datagram(self, data: bytes, source: tuple[str, int], transport: asyncio.DatagramTransport) -> None:
        if self._has_several:
            self._came_to[source] = transport
            self._came_to.move_to_end(source)
            if len(self._came_to) > MOST_REMEMBERED:
                self._came_to.popitem(last=False)
        self._receive(data, Peer("udp", *source))

    def _udp_towards(self, to: Peer) -> asyncio.DatagramTransport | None:
        """Of our sockets the one that they came to, else the one on the address that the system would send from."""
        family = [transport for host, transport in self._udp.items() if (":" in host) == (":" in to.host)]
        if len(family) < 2:
            return family[0] if family else None
        return self._came_to.get((to.host, to.port)) or self._udp.get(self._local_address(to.host)) or family[0]

    def _send_when_connected(self, data: bytes, to: Peer) -> None:
        waiting = self._waiting.get(to)
        if waiting is None:
            if len(self._streams) + len(self._waiting) >= MOST_CONNECTIONS or self._is_closed:
                self._lose(data, to)
                return
            waiting = self._waiting[to] = _Waiting()
            waiting.task = asyncio.create_task(self._connect(to, waiting), name=f"SIP connection to {to.host}")
        if len(waiting.messages) >= MOST_WAITING:
            self._lose(data, to)
        else:
            waiting.messages.append(data)

    async def _connect(self, to: Peer, waiting: _Waiting) -> None:
        loop = asyncio.get_running_loop()
        options: dict[str, object] = {}
        if to.transport == "tls":
            options = {
                "ssl": self._client_tls,
                "server_hostname": to.name or to.host,
                "ssl_handshake_timeout": HANDSHAKE_SECONDS,
            }
        stream: _Stream | None = None
        try:
            async with asyncio.timeout(CONNECT_SECONDS + HANDSHAKE_SECONDS):
                _, stream = await loop.create_connection(  # type: ignore[call-overload]
                    lambda: _Stream(self, to), to.host, to.port, **options
                )
        except (OSError, TimeoutError, ssl.SSLError) as error:
            logger.info("No connection to %s:%d over %s: %s", to.host, to.port, to.transport, error or "no answer")
        finally:
            self._waiting.pop(to, None)
        for data in waiting.messages:
            if stream is None or not stream.send(data):
                self._lose(data, to)

    def _lose(self, data: bytes, to: Peer) -> None:
        self.counts.dropped += 1
        if not self._is_closed:
            self._lost(data, to)

    # ---- streams

    def _admits(self, peer: Peer) -> bool:
        """Whether another connection from there is taken."""
        if not self._welcome(peer.host):
            return False
        site, greeting = _site(peer.host), self._greeting[peer.transport]
        greeted = sum(1 for each in greeting.values() if each == site)
        if len(greeting) >= MOST_GREETED or (peer.transport == "tls" and greeted >= MOST_GREETED_OF_A_HOST):
            return False
        everybody = len(self._streams) + sum(len(each) for each in self._greeting.values())
        if everybody < MOST_OF_A_HOST:
            return True
        of_site = greeted + sum(1 for each in self._streams if _site(each.host) == site)
        return everybody < MOST_CONNECTIONS and of_site < MOST_OF_A_HOST

    def opened(self, stream: _Stream, peer: Peer) -> None:
        self._streams[peer] = stream

    def closed(self, stream: _Stream, peer: Peer, *, is_broken: bool) -> None:
        if self._streams.get(peer) is stream:
            del self._streams[peer]
            if not self._is_closed:
                self._closed(peer, stream.sent_s, is_broken)

    def received(self, data: bytes, peer: Peer) -> None:
        self._receive(data, peer)

    def _sweep_later(self) -> None:
        self._sweep = asyncio.get_running_loop().call_later(UNFINISHED_SECONDS / 2, self._sweep_out)

    def _sweep_out(self) -> None:
        now = asyncio.get_running_loop().time()
        for stream in list(self._streams.values()):
            if stream.is_stale(now):
                stream.close()
        self._sweep_later()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, receive: Callable[[bytes, tuple[str, int], asyncio.DatagramTransport], None]) -> None:
        self._receive = receive
        self._transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._receive(data, (addr[0], addr[1]), self._transport)

    def error_received(self, exc: Exception) -> None:
        logger.debug("The SIP socket told of an error: %s", exc)


class _Stream(asyncio.Protocol):
    """One connection: messages in and out."""

    def __init__(self, sockets: SipSockets, peer: Peer) -> None:
        self._sockets = sockets
        self._peer = peer
        self._reader = StreamReader()
        self._transport: asyncio.Transport | None = None
        self._unfinished_since: float | None = None
        self._made_s = 0.0
        self.heard_s = self.sent_s = 0.0
        """When something came and went last; 0: never."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by its class
        self._made_s = asyncio.get_running_loop().time()
        raw = transport.get_extra_info("socket")
        if raw is not None:
            with contextlib.suppress(OSError):
                raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if hasattr(socket, "TCP_USER_TIMEOUT"):
                    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(UNTAKEN_SECONDS * 1000))
        self._sockets.opened(self, self._peer)

    def connection_lost(self, exc: Exception | None) -> None:
        self._sockets.closed(self, self._peer, is_broken=exc is not None)

    def data_received(self, data: bytes) -> None:
        now = asyncio.get_running_loop().time()
        self.heard_s = now
        try:
            messages = self._reader.feed(data)
        except BadStream as error:
            logger.info("A stream of %s is closed: %s", self._peer.host, error)
            self.close()
            return
        if not self._reader.is_unfinished:
            self._unfinished_since = None
        elif messages or self._unfinished_since is None:
            self._unfinished_since = now
        for message in messages:
            self._sockets.received(message, self._peer)

    def eof_received(self) -> None:
        """They say that nothing more comes: closed."""

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def send(self, data: bytes) -> bool:
        """False: it doesn't go out."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return False
        if transport.get_write_buffer_size() > MOST_UNSENT_BYTES:
            self.close()
            return False
        transport.write(data)
        self.sent_s = asyncio.get_running_loop().time()
        return True

    def drop(self) -> None:
        """Without a goodbye, which nobody would answer."""
        if self._transport is not None:
            self._transport.abort()

    def is_stale(self, now_s: float) -> bool:
        if self._unfinished_since is not None and now_s - self._unfinished_since > UNFINISHED_SECONDS:
            return True
        return now_s - max(self._made_s, self.heard_s) > IDLE_SECONDS

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort() if self._transport.get_write_buffer_size() else self._transport.close()


@lru_cache(maxsize=4_096)
def _site(host: str) -> str:
    """What counts as one host: of IPv6 a network of 64 bits, whose addresses are free to whoever has one."""
    if ":" not in host:
        return host
    return str(IPv6Network((host.partition("%")[0], 64), strict=False))


def _bound(host: str, port: int, kind: socket.SocketKind) -> socket.socket:
    is_v6 = ":" in host
    made = socket.socket(socket.AF_INET6 if is_v6 else socket.AF_INET, kind)
    try:
        made.setblocking(False)
        if is_v6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if kind == socket.SOCK_STREAM:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        else:
            with contextlib.suppress(OSError):
                made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BYTES)
        made.bind((host, port))
    except OSError:
        made.close()
        raise
    return made
