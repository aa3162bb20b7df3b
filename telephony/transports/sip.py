"""A SIP user agent on real sockets: ``telephony.sip.agent`` with a clock, a network and a name server.

    datagram or stream ─▶ receive ─▶ agent ─┬▶ messages ─▶ sockets (a name is looked up first, off the loop)
    command ─▶ do ─────────────────▶ agent ─┴▶ events ───▶ ``on_event``, on the loop
    one timer for everything that is due

Where messages may go: back to the very address that one came from, to the servers of trunks (which ``egress`` let pass when they were
looked up), over connections that are open, and else only where ``egress`` lets us. That somebody has listed a network as a trunk's
lets its messages in, and none of ours out. A message that can't be sent at all is answered here as if the next hop had said 503
(RFC 3261, 8.1.3.1), so nobody waits half a minute for nothing.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import ssl
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from ipaddress import ip_address
from typing import Literal

import egress
from egress.addresses import is_private, parse, refusal
from telephony.sip import message as messages
from telephony.sip import reopen
from telephony.sip.agent import Agent
from telephony.sip.commands import Command
from telephony.sip.events import Event, Output, Send, Silent
from telephony.sip.gate import Gate
from telephony.sip.message import Request
from telephony.sip.peer import Address, Endpoint, Peer, Transport
from telephony.sip.scan import BadMessage
from telephony.sip.stack import Limits
from telephony.transports import sip_names
from telephony.transports.sip_sockets import Listen, SipSockets

logger = logging.getLogger(__name__)

MOST_REMEMBERED = 10_000
MOST_LED = 1_000
MOST_LOOKED_UP = 100
"""Messages that wait for a name to be looked up."""
ROUTE_PORT = 9
_ANYWHERE = ("0.0.0.0", "::")  # noqa: S104

OnMessage = Callable[[Literal["in", "out"], bytes, Peer], None]


@dataclass(frozen=True, slots=True)
class Listening:
    """Where the user agent is. ``advertised``: our address as the internet sees it, where a router translates it; "": our own."""

    hosts: tuple[str, ...]
    port: int = 5060
    tls_port: int = 5061
    tls_cert: str = ""
    tls_key: str = ""
    tls_ca: str = ""
    """Certificates to believe besides the usual ones: for telephone systems that made their own."""
    advertised: str = ""

    def server_tls(self) -> ssl.SSLContext | None:
        """Reads files; raises ``OSError`` and ``ssl.SSLError`` where they are no good."""
        if not self.tls_cert:
            return None
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.tls_cert, self.tls_key or None)
        return context

    def client_tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        if self.tls_ca:
            context.load_verify_locations(self.tls_ca)
        return context


class BadCertificate(Exception):
    """A file that TLS needs is no good; the message says which, in plain words."""


class SipEndpoint:
    """``start``, ``do`` and ``close``; see the head. Used on its loop only."""

    def __init__(
        self,
        listening: Listening,
        gate: Gate,
        on_event: Callable[[Event], None],
        on_message: OnMessage = lambda direction, data, peer: None,
        on_closed: Callable[[Peer], None] = lambda peer: None,
        limits: Limits | None = None,
        nonce_key: bytes = b"",
    ) -> None:
        """``nonce_key``: see ``Agent``; empty: our own."""
        self._nonce_key = nonce_key
        self._listening = listening
        self._loop = asyncio.get_running_loop()
        self._gate = gate
        self._on_event, self._on_message, self._on_closed = on_event, on_message, on_closed
        self._limits = limits
        self._timer: asyncio.TimerHandle | None = None
        self._timer_ms = 0.0
        self._seen: OrderedDict[Peer, None] = OrderedDict()
        """Where something has come from that we listened to; of those only that ``egress`` might refuse."""
        self._judged: OrderedDict[tuple[str, int], bool] = OrderedDict()
        self._routes: OrderedDict[str, str] = OrderedDict()
        self._ours: OrderedDict[str, str] = OrderedDict()
        """How hosts reach us."""
        self._led: OrderedDict[Peer, Peer] = OrderedDict()
        """Where messages to a name, or over a connection that is gone, went instead."""
        self._looking_up: set[asyncio.Task[None]] = set()
        self._outputs: list[Output] = []
        self._is_carrying_out = False
        self._is_closed = False
        self._sockets: SipSockets
        self.agent: Agent

    async def start(self) -> None:
        """Raises ``OSError`` where a port can't be had: another process has it, most likely. And :class:`BadCertificate`."""
        listening = self._listening
        try:  # reading certificates takes a tenth of a second
            server_tls = await asyncio.to_thread(listening.server_tls)
            client_tls = await asyncio.to_thread(listening.client_tls)
        except (OSError, ssl.SSLError) as error:
            raise BadCertificate(f"SIP_TLS_CERT, SIP_TLS_KEY or SIP_TLS_CA can't be read: {error}") from error
        self._sockets = SipSockets(
            Listen(listening.hosts, listening.port, listening.tls_port, server_tls),
            self._received,
            self._is_welcome,
            self._lost,
            self._disconnected,
            client_tls,
            self.local_address,
        )
        await self._sockets.start()
        own = self._listening.advertised or self.local_address("192.0.2.1")
        advertised: dict[Transport, Address] = {
            transport: Address(own, port) for transport, port in self._sockets.ports.items()
        }
        endpoint = Endpoint(advertised, towards=self.address_towards)
        nonces = (self._nonce_key, time.time() * 1000 - self._now_ms()) if self._nonce_key else None
        self.agent = Agent(endpoint, self._gate, os.urandom, limits=self._limits, nonces=nonces)

    async def close(self) -> None:
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
        for task in self._looking_up:
            task.cancel()
        await self._sockets.close()

    @property
    def ports(self) -> dict[Transport, int]:
        return dict(self._sockets.ports)

    @property
    def dropped(self) -> int:
        return self._sockets.counts.dropped

    # ---- addresses

    def address_towards(self, host: str) -> str:
        """How somebody at ``host`` reaches us: by our advertised address, unless they are in our own network."""
        found = self._ours.get(host)
        if found is None:
            found = self._ours[host] = self._address_towards(host)
            if len(self._ours) > MOST_REMEMBERED:
                self._ours.popitem(last=False)
        return found

    def _address_towards(self, host: str) -> str:
        listening = self._listening
        try:
            address = parse(host)
        except ValueError:  # a name: the advertised address, or our own
            return listening.advertised
        if listening.advertised and not is_private(address) and not address.is_loopback:
            return listening.advertised
        return self.local_address(host)

    def local_address(self, towards: str) -> str:
        """Of our addresses the one that packets to ``towards`` leave from; the one we listen on, where it is only one."""
        family = [host for host in self._listening.hosts if (":" in host) == (":" in towards)]
        if len(family) == 1 and family[0] not in _ANYWHERE:
            return family[0]
        if towards not in self._routes:
            self._routes[towards] = _route(towards) or next(iter(family or self._listening.hosts))
            if len(self._routes) > MOST_REMEMBERED:
                self._routes.popitem(last=False)
        return self._routes[towards]

    # ---- in

    def do(self, command: Command) -> None:
        """Raises ``ValueError``, in plain words, for a command that can't be carried out."""
        self._carry_out(self.agent.do(command, self._now_ms()))

    def _now_ms(self) -> float:
        return self._loop.time() * 1000

    def _is_welcome(self, host: str) -> bool:
        return self._gate.trunk_at(host) is not None

    def _received(self, data: bytes, source: Peer) -> None:
        if self._is_closed:
            return
        if self._gate.trunk_at(source.host) is not None:
            self._remember(source)
            self._on_message("in", data, source)
        try:
            outputs = self.agent.receive(data, source, self._now_ms())
        except Exception:  # one message's fault is no other's
            logger.exception("A SIP message could not be taken")
            return
        self._carry_out(outputs)

    def _fire(self) -> None:
        self._timer = None
        try:
            outputs = self.agent.fire(self._now_ms())
        except Exception:
            logger.exception("Something that was due could not be done")
            outputs = []
        self._carry_out(outputs)

    # ---- out

    def _carry_out(self, outputs: list[Output]) -> None:
        """In order, also where what an event leads to is more of the same."""
        self._outputs += outputs
        if self._is_carrying_out:
            return
        self._is_carrying_out = True
        try:
            while self._outputs:
                batch, self._outputs = self._outputs, []
                for output in batch:
                    self._carry_out_one(output)
        finally:
            self._is_carrying_out = False
        self._arm()

    def _carry_out_one(self, output: Output) -> None:
        try:
            if isinstance(output, Send):
                self._on_message("out", output.data, output.to)
                self._send(output.data, output.to)
            elif isinstance(output, Silent):
                self._sockets.drop_if_silent(self._led.get(output.to, output.to), output.since_ms / 1000)
            else:
                self._on_event(output)
        except Exception:
            logger.exception("What the user agent wanted could not be done")

    def _arm(self) -> None:
        due_ms = self.agent.next_deadline_ms
        if self._is_closed or due_ms is None:
            return
        if self._timer is not None:
            if self._timer_ms <= due_ms:
                return  # it looks again then
            self._timer.cancel()
        self._timer_ms = due_ms
        self._timer = self._loop.call_at(due_ms / 1000, self._fire)

    def _send(self, data: bytes, to: Peer) -> None:
        if to.is_reliable and not self._sockets.has_stream(to) and _is_address(to.host):
            other = reopen.where_to(data, to)
            if other.transport == "tls" and not other.name:
                other = other._replace(name=self._gate.name_of(other.host, other.port))
            if other != to and self._may_send(other):
                self._lead(to, other)
                to = other
        if self._is_met(to):
            self._sockets.send(data, to)
        elif not _is_address(to.host):
            self._send_to_name(data, to)
        elif self._may_send(to):
            self._sockets.send(data, to)
        else:
            self._lost(data, to)

    def _is_met(self, to: Peer) -> bool:
        """Whose certificate is wanted makes it no other place."""
        return (to._replace(name="") if to.name else to) in self._seen or self._sockets.has_stream(to)

    def _may_send(self, to: Peer) -> bool:
        """``to`` is an address. A customer types a trunk's networks, and a message its Contact: neither opens a way out."""
        if self._is_met(to) or self._gate.is_server(to.host, to.port):
            return True
        key = to.host, to.port
        if key not in self._judged:
            why = egress.refusal_of(to.host, to.port, sip_names.PORTS)
            if why:
                logger.warning("Nothing is sent to %s:%d: %s", to.host, to.port, why)
            self._judged[key] = not why
            if len(self._judged) > MOST_REMEMBERED:
                self._judged.popitem(last=False)
        return self._judged[key]

    def _send_to_name(self, data: bytes, to: Peer) -> None:
        """A Contact or a Route may name a host. Requests of one call may overtake each other here: they are repeated anyway."""
        if len(self._looking_up) >= MOST_LOOKED_UP:
            self._lost(data, to)
            return
        task = asyncio.create_task(self._look_up_and_send(data, to))
        self._looking_up.add(task)
        task.add_done_callback(self._looking_up.discard)

    async def _look_up_and_send(self, data: bytes, to: Peer) -> None:
        try:
            found = await sip_names.resolve(to.host, to.port, to.transport)
        except egress.EgressRefused as error:
            logger.info("Nothing is sent to %s: %s", to.host, error)
            self._lost(data, to)
            return
        if not self._is_closed:
            self._lead(to, found[0])
            self._sockets.send(data, found[0])

    def _lost(self, data: bytes, to: Peer) -> None:
        """Later, so that nothing happens in the middle of something."""
        self._loop.call_soon(partial(self._answer_for, data, to))

    def _answer_for(self, data: bytes, to: Peer) -> None:
        try:
            request = messages.parse(data)
        except BadMessage:
            return
        if isinstance(request, Request) and request.method != "ACK" and not self._is_closed:
            self._carry_out(self.agent.could_not_send(request, self._now_ms()))

    def _disconnected(self, peer: Peer, sent_s: float, is_broken: bool) -> None:
        self._loop.call_soon(self._tell_of_loss, peer, sent_s * 1000, is_broken)

    def _tell_of_loss(self, peer: Peer, sent_ms: float, is_broken: bool) -> None:
        """Who asked first, then who is known by the connection: else a server that hangs up on each REGISTER is asked again at once."""
        if self._is_closed:
            return
        led = [old for old, new in self._led.items() if new == peer]
        for each in (peer, *led):
            self._carry_out(self.agent.disconnected(each, sent_ms, self._now_ms(), is_broken=is_broken))
        for each in led:
            del self._led[each]
        self._on_closed(peer)

    def _lead(self, to: Peer, other: Peer) -> None:
        if to.is_reliable:
            self._led[to] = other
            self._led.move_to_end(to)
            if len(self._led) > MOST_LED:
                self._led.popitem(last=False)

    def _remember(self, source: Peer) -> None:
        """Answers and what follows go back there: over UDP to the port that it came from; a connection is known to be open. And to the
        port of SIP on that machine, where a telephone without ``rport`` (RFC 3261, 18.2.2) and one that has hung its connection up are."""
        if source.transport == "udp":
            self._keep(source)
        self._keep(Peer(source.transport, source.host, sip_names.usual_port(source.transport)))

    def _keep(self, peer: Peer) -> None:
        if peer in self._seen:
            self._seen.move_to_end(peer)
        elif peer.port not in sip_names.PORTS or not _is_public(peer.host):
            self._seen[peer] = None
            if len(self._seen) > MOST_REMEMBERED:
                self._seen.popitem(last=False)


@lru_cache(maxsize=4_096)
def _is_public(host: str) -> bool:
    """Whether ``egress`` has nothing against it in any case: then who floods us from there pushes nobody else out."""
    try:
        return refusal(parse(host)) is None
    except ValueError:
        return False


def _is_address(host: str) -> bool:
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def _route(towards: str) -> str:
    """What the system would send from. No packet leaves for it."""
    try:
        with socket.socket(socket.AF_INET6 if ":" in towards else socket.AF_INET, socket.SOCK_DGRAM) as made:
            made.connect((towards, ROUTE_PORT))
            return str(made.getsockname()[0]).partition("%")[0]
    except OSError:
        return ""
