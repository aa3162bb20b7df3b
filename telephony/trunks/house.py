"""A call worker's telephones: the SIP port, the trunks, and the calls that come and go by them.

One process a machine can have the port; another that starts beside it says so, works on for browsers and Twilio, and takes the port
over when it falls free. Nothing here touches the database on the loop.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import redis.asyncio
from django.utils import timezone

from telephony.call_transport import CallTransport, MakeTransport
from telephony.dialing.gate import Permit, permit_of
from telephony.finish import end_call
from telephony.journal import Database, Journal
from telephony.live_call import Offer
from telephony.models import SipMessage
from telephony.session.transferring import NotReached
from telephony.sip import commands, events
from telephony.sip.commands import Command
from telephony.sip.events import Event
from telephony.sip.gate import Gate, Network, Trunk
from telephony.sip.peer import Peer
from telephony.sip.stack import Limits
from telephony.transfers.second_line import SecondLine
from telephony.transports.phone_line import IncomingLine, MakeMedia, OutgoingLine
from telephony.transports.phone_media import PhoneMedia, Policy
from telephony.transports.rtp_session import Counts
from telephony.transports.rtp_socket import NoPortLeft, Ports, Ticker
from telephony.transports.sip import BadCertificate, Listening, SipEndpoint
from telephony.trunks import routes
from telephony.trunks.call_trace import Noted, Owner, Trace
from telephony.trunks.moves import Live, Moves
from telephony.trunks.routes import TrunkSheet
from telephony.trunks.upkeep import Upkeep
from telephony.without_agent.in_call import Reply

logger = logging.getLogger(__name__)

AGAIN_SECONDS = 5.0
LEAVE_SECONDS = 1.0
SETTLE_SECONDS = 10.0
PRUNE_SECONDS = 300.0
MOST_ANSWERING = 100
"""Calls whose row is being made."""
DIRECT = "direct"
"""The gate's name for those who may call an agent by its address."""
PROXY = "proxy"
"""And for the operator's own proxy, which is believed when it says whom it speaks for."""
NOT_SERVED = (
    "This call's worker serves no SIP telephones just now, so it can't call anybody over a trunk: SIP is off (docs/phones.md), another "
    "worker of the machine has the port, or this one is being stopped."
)
_REFUSALS = {"busy": 486, "bad_offer": 488}

Talk = Callable[[Offer, MakeTransport, Reply], asyncio.Task[None]]


@dataclass(frozen=True, slots=True)
class Settings:
    """What the operator says. ``direct_from``: who may call an agent by its own address, without any trunk. ``proxy_from``: where our
    own SIP proxy is, if there is one; see ``telephony.sip.gate.IDENTITY``."""

    listening: Listening
    rtp_ports: tuple[int, int]
    direct_from: tuple[Network, ...]
    proxy_from: tuple[Network, ...]
    max_calls: int
    nonce_key: bytes = b""
    """Of all workers alike: behind a proxy any of them may get the answer to another's question for the password."""

    @property
    def is_on(self) -> bool:
        return bool(self.listening.hosts)


@dataclass(frozen=True, slots=True)
class Order:
    """A call that we place: its row, over which trunk, and as whom."""

    call: uuid.UUID
    organization: uuid.UUID
    trunk: uuid.UUID
    caller: str
    display: str
    ring_seconds: float
    on_machine: str = "talk"
    """See ``telephony.outbound.OnMachine``."""
    replaces: str = ""
    referred_by: str = ""
    """Of a call that the other side of another has asked for: see ``telephony.sip.commands.Dial``."""


class PhoneHouse:
    """``run`` it beside the worker's other work; ``drain``, and ``close`` at the end. ``talk`` begins a live call."""

    def __init__(
        self,
        settings: Settings,
        worker: str,
        database: Database,
        journal: Journal,
        valkey: redis.asyncio.Redis,
        talk: Talk,
        has_room: Callable[[], bool],
    ) -> None:
        self._settings, self._worker = settings, worker
        self._database, self._journal, self._valkey = database, journal, valkey
        self._talk, self._has_room = talk, has_room
        self._gate = Gate()
        self._endpoint: SipEndpoint | None = None
        self._upkeep: Upkeep | None = None
        self._upkeeping: asyncio.Task[None] | None = None
        self._ticker: Ticker | None = None
        self._ports: dict[str, Ports] = {}
        self.lives: dict[str, Live] = {}
        """By the user agent's name for the call."""
        self._moves = Moves(self, database)
        self._answering: set[asyncio.Task[None]] = set()
        self._trace = Trace(self._keep)
        self._is_draining = False
        self.has_port = asyncio.Event()

    @property
    def port(self) -> int:
        """Of UDP and TCP; 0: SIP isn't here."""
        return self._endpoint.ports.get("udp", 0) if self._endpoint is not None else 0

    @property
    def tls_port(self) -> int:
        return self._endpoint.ports.get("tls", 0) if self._endpoint is not None else 0

    @property
    def takes_calls(self) -> bool:
        return self._endpoint is not None and not self._is_draining

    # ---- its life

    async def run(self) -> None:
        """Until cancelled. Where the port can't be had, it is tried again."""
        if not self._settings.is_on:
            await asyncio.Event().wait()
        said = ""
        while True:
            try:
                await self._open()
                break
            except OSError as error:
                why = f"port {self._settings.listening.port} can't be had ({error}). Another call worker of this machine has it, most likely"
            except BadCertificate as error:
                why = str(error)
            if said != why:
                said = why
                logger.warning("SIP telephones are not served by this worker: %s. It is tried again.", why)
            await asyncio.sleep(AGAIN_SECONDS)
        prune_s = 0.0
        while True:
            await asyncio.sleep(SETTLE_SECONDS)
            now_s = asyncio.get_running_loop().time()
            self._trace.settle(now_s, self._whose)
            live = {each.owner for each in self.lives.values()}
            self._trace.forget_over(live.__contains__, now_s)
            if now_s > prune_s:
                prune_s = now_s + PRUNE_SECONDS
                try:
                    await self._database.run(routes.prune)
                except Exception as error:
                    logger.warning("Old SIP messages could not be forgotten: %s", error)

    async def _open(self) -> None:
        loop = asyncio.get_running_loop()
        endpoint = SipEndpoint(
            self._settings.listening,
            self._gate,
            self._told,
            self._noted,
            self._closed,
            Limits(max_calls=self._settings.max_calls),
            self._settings.nonce_key,
        )
        await endpoint.start()
        if self._settings.proxy_from:
            self._gate.add(Trunk(PROXY, self._settings.proxy_from, is_proxy=True))
        if self._settings.direct_from:
            self._gate.add(Trunk(DIRECT, self._settings.direct_from))
        self._ticker = Ticker(loop)
        first, last = self._settings.rtp_ports
        for host in self._settings.listening.hosts:
            self._ports[host] = Ports(host, first, last, clock=loop.time)
        self._endpoint = endpoint
        if self._is_draining:
            endpoint.do(commands.Drain())
        self._upkeep = Upkeep(endpoint, self._gate, self._database, self._valkey, self._worker)
        self._upkeeping = asyncio.create_task(self._upkeep.run(), name="trunks")
        self.has_port.set()
        logger.info(
            "SIP telephones ring on port %d%s", self.port, f", over TLS on {self.tls_port}" if self.tls_port else ""
        )

    def drain(self) -> None:
        """No new calls. Those that stand go on, and OPTIONS are answered with 503, so that others are chosen."""
        self._is_draining = True
        if self._endpoint is not None:
            self._endpoint.do(commands.Drain())

    async def close(self) -> None:
        """When the calls are over."""
        if self._upkeeping is not None:
            self._upkeeping.cancel()
        if self._upkeep is not None:
            await self._upkeep.leave(LEAVE_SECONDS)
        for task in self._answering:
            task.cancel()
        self._moves.close()
        if self._endpoint is not None:
            await self._endpoint.close()
        if self._ticker is not None:
            self._ticker.close()

    # ---- what the user agent tells

    def _told(self, event: Event) -> None:
        match event:
            case events.CallReceived() if event.replaces and self._upkeep is not None:
                self._moves.takes_over(event)
                return
            case events.CallReceived():
                self._called(event)
                return
            case events.TransferAsked():
                self._moves.asked(event)
                return
            case events.Registered() | events.RegistrationFailed() | events.Unregistered():
                pass
            case events.TrunkReachable() | events.TrunkUnreachable() | events.PhoneRegistered() | events.PhoneLeft():
                pass
            case _:
                live = self.lives.get(event.call)
                if live is not None:
                    live.line.take(event)
                    if isinstance(event, events.Ended):
                        del self.lives[event.call]
                        self._trace.over(live.dialog, asyncio.get_running_loop().time())
                return
        if self._upkeep is not None:
            self._upkeep.take(event)

    def _closed(self, peer: Peer) -> None:
        if self._upkeep is not None:
            self._upkeep.connection_closed(peer)

    def do(self, command: Command) -> None:
        if self._endpoint is not None:
            self._endpoint.do(command)

    # ---- somebody calls

    def _called(self, event: events.CallReceived) -> None:
        if len(self._answering) >= MOST_ANSWERING or self._upkeep is None:
            self.do(commands.Reject(event.call, 503))
            return
        task = asyncio.create_task(self._answer(event), name=f"SIP call {event.call}")
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    async def _answer(self, event: events.CallReceived) -> None:
        try:
            await self._lead_in(event)
        except Exception:
            logger.exception("A call that came in by SIP could not be taken")
            self.do(commands.Reject(event.call, 500))

    async def _lead_in(self, event: events.CallReceived) -> None:
        assert self._upkeep is not None and self._endpoint is not None
        if self._settings.proxy_from and (not self._has_room() or self._is_draining):
            self.do(commands.Reject(event.call, 503))  # the proxy asks another; the call is that one's
            return
        caller = event.caller.uri.user or event.caller.uri.host
        dialog = event.headers.call_id
        found = await self._database.run(
            routes.come_in,
            self._upkeep.at(event.source),
            event.called,
            event.headers.to.uri.user,
            caller,
            dialog,
            by_address=self._is_direct(event.source),
            has_room=self._has_room(),
        )
        if not isinstance(found, routes.Answerer):
            self.do(commands.Reject(event.call, 404 if found is None else 486))
            return
        owner = Owner(found.organization, found.trunk, found.call)
        self._trace.belongs(dialog, owner)
        end = partial(self._end, found.call, found.organization)
        if event.call not in self._endpoint.agent.calls:  # they hung up meanwhile
            await end("caller_hung_up")
            return
        if self._is_draining or (found.has_agent and not self._has_room()):
            self.do(commands.Reject(event.call, 486))
            await end("busy")
            return
        sheet = self._upkeep.sheet(found.trunk) if found.trunk else None
        try:
            media = self._media(event.source, sheet)
            line = IncomingLine(event.call, self.do, media, event.source, event.offer)
        except NoPortLeft as error:
            self.do(commands.Reject(event.call, 503))
            await end("busy", str(error))
            return
        self.lives[event.call] = Live(line, dialog, owner)
        self.do(commands.Ring(event.call))

        async def reply(body: dict[str, Any]) -> None:
            if body["type"] == "call.refused":
                self.do(commands.Reject(event.call, _REFUSALS.get(str(body["reason"]), 480)))

        self._talk(Offer(found.call, found.organization), line.reporting, reply)

    def incoming(self, event: events.CallReceived, owner: Owner) -> IncomingLine:
        """The line of somebody who takes another's place in a call. Raises ``NoPortLeft``."""
        assert self._upkeep is not None
        sheet = self._upkeep.sheet(owner.trunk) if owner.trunk else None
        line = IncomingLine(event.call, self.do, self._media(event.source, sheet), event.source, event.offer)
        dialog = event.headers.call_id
        self.lives[event.call] = Live(line, dialog, owner)
        self._trace.belongs(dialog, owner)
        return line

    async def _end(self, call: uuid.UUID, organization: uuid.UUID, reason: str, detail: str = "") -> None:
        """Of a call that nobody talks in."""
        await self._database.run(end_call, call, organization, reason, detail)

    def _is_direct(self, host: str) -> bool:
        return any(trunk.id == DIRECT for trunk in self._gate.trunks_at(host))

    def _media(self, host: str, sheet: TrunkSheet | None) -> MakeMedia:
        """``host``: whom the SIP messages are exchanged with."""
        assert self._ticker is not None and self._endpoint is not None
        is_v6 = ":" in host
        listening = [each for each in self._ports if (":" in each) == is_v6] or list(self._ports)
        towards = self._endpoint.address_towards(host)
        ports = self._ports[towards] if towards in self._ports else self._ports[listening[0]]
        policy = Policy(advertised=towards)
        if sheet is not None:
            policy = Policy(sheet.codecs, sheet.encryption, towards)
        ticker = self._ticker

        def make(on_counts: Callable[[Counts], None]) -> PhoneMedia:
            return PhoneMedia(ports, ticker, policy, on_counts)

        return make

    # ---- we call

    async def ring_out(self, order: Order) -> None:
        """Carry out what ``telephony.outbound`` has decided on. Whom to call says the permit alone."""
        permit = await self._database.run(permit_of, order.organization, order.call)
        if permit is None:
            logger.warning("Call %s has no permit and is not placed", order.call)
            return
        await self.dial(permit, order)

    async def dial(self, permit: Permit, order: Order) -> None:
        call, organization, trunk = order.call, order.organization, order.trunk
        end = partial(self._end, call, organization)
        endpoint, upkeep = self._endpoint, self._upkeep
        if endpoint is None or upkeep is None or not self._has_room() or self._is_draining:
            await end("busy")
            return
        if upkeep.sheet(trunk) is None or upkeep.peer(trunk) is None:
            await end(*upkeep.no_way(trunk))
            return
        sip_call = f"out-{call}"
        try:
            line, live = self._outgoing(
                sip_call,
                permit,
                order,
                lambda dialog: self._write_later(partial(routes.placed, call, organization, dialog)),
            )
        except NoPortLeft as error:
            await end("busy", str(error))
            return

        async def reply(body: dict[str, Any]) -> None:
            """Nobody waits for one: the row tells."""

        task = self._talk(Offer(call, organization, on_machine=order.on_machine), line.reporting, reply)
        task.add_done_callback(lambda done: self.lives.pop(sip_call, None) if not live.dialog else None)

    def _outgoing(
        self, sip_call: str, permit: Permit, order: Order, placed: Callable[[str], None]
    ) -> tuple[OutgoingLine, Live]:
        """A line whose ``connected`` sends the INVITE; ``placed`` is told its Call-ID then. Raises ``NoPortLeft``."""
        endpoint, upkeep = self._endpoint, self._upkeep
        assert endpoint is not None and upkeep is not None, "SIP is served here"
        sheet, peer = upkeep.sheet(order.trunk), upkeep.peer(order.trunk)
        assert sheet is not None and peer is not None, "the trunk has an address"
        owner = Owner(order.organization, order.trunk, order.call)

        def invite(offer: bytes) -> None:
            try:
                endpoint.do(
                    commands.Dial(
                        sip_call,
                        str(order.trunk),
                        permit.number,
                        order.caller,
                        offer,
                        display=order.display,
                        replaces=order.replaces,
                        referred_by=order.referred_by,
                    )
                )
            except ValueError:  # nothing was sent, and nothing will be told of it
                self.lives.pop(sip_call, None)
                raise
            made = endpoint.agent.calls.get(sip_call)
            if made is not None:
                live.dialog = made.dialog_id
                self._trace.belongs(made.dialog_id, owner)
                placed(made.dialog_id)

        host = upkeep.sound_host(order.trunk)
        line = OutgoingLine(sip_call, self.do, self._media(host, sheet), host, invite, order.ring_seconds)
        live = self.lives[sip_call] = Live(line, "", owner)
        return line, live

    def out(self, permit: Permit, second: SecondLine, replaces: str, referred_by: str) -> tuple[str, OutgoingLine]:
        """``telephony.trunks.moves``: whom the other side of a call wants us to call. Raises ``NotReached`` and ``NoPortLeft``."""
        upkeep = self._upkeep
        if upkeep is None:
            raise NotReached("not_allowed", NOT_SERVED)
        if upkeep.sheet(second.trunk) is None or upkeep.peer(second.trunk) is None:
            raise NotReached("not_reached", upkeep.no_way(second.trunk)[1])
        order = Order(
            second.call, second.organization, second.trunk, second.caller, "", second.ring_seconds,
            replaces=replaces, referred_by=referred_by,
        )  # fmt: skip
        sip_call = f"onward-{uuid.uuid4().hex}"
        return sip_call, self._outgoing(sip_call, permit, order, lambda dialog: None)[0]

    def trunk_of(self, call: str) -> str:
        """The user agent's name for it."""
        found = self._endpoint.agent.calls.get(call) if self._endpoint is not None else None
        return found.trunk.id if found is not None else ""

    async def call_second(self, permit: Permit, second: SecondLine) -> CallTransport:
        """``telephony.transfers.second_line.CallsSecond``: its messages are the call's, its sound and its end are the caller's."""
        upkeep = self._upkeep
        if upkeep is None or not self.takes_calls:
            raise NotReached("not_allowed", NOT_SERVED)
        if upkeep.sheet(second.trunk) is None or upkeep.peer(second.trunk) is None:
            raise NotReached("not_reached", upkeep.no_way(second.trunk)[1])
        sip_call = f"second-{uuid.uuid4().hex}"
        order = Order(second.call, second.organization, second.trunk, second.caller, "", second.ring_seconds)
        try:
            return self._outgoing(sip_call, permit, order, lambda dialog: None)[0]
        except NoPortLeft as error:
            raise NotReached("not_reached", str(error)) from error

    def _write_later(self, work: Callable[[], None]) -> None:
        async def write() -> None:
            try:
                await self._database.run(work)
            except Exception as error:
                logger.warning("Something about a call could not be written: %s", error)

        task = asyncio.create_task(write())
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    async def test(self, trunk: uuid.UUID) -> dict[str, Any]:
        if self._upkeep is None:
            return {"trouble": "SIP is not served here."}
        return await self._upkeep.test(trunk)

    def look_again(self) -> None:
        if self._upkeep is not None:
            self._upkeep.look_again()

    # ---- the trace

    def _noted(self, direction: Literal["in", "out"], data: bytes, peer: Peer) -> None:
        now_s = asyncio.get_running_loop().time()
        self._trace.note(direction, data, peer, timezone.now(), now_s, self._whose(peer.host))

    def _whose(self, host: str) -> Owner | None:
        """Whose business messages with this address are that belong to no call."""
        upkeep = self._upkeep
        if upkeep is None:
            return None
        for pk in upkeep.at(host):
            if (sheet := upkeep.sheet(pk)) is not None:
                return Owner(sheet.organization, pk)
        return None

    def _keep(self, owner: Owner, noted: Noted) -> None:
        if owner.call is None and noted.cseq.endswith("OPTIONS"):
            host = noted.peer.rpartition(":")[0].strip("[]")
            if self._upkeep is None or not self._upkeep.is_waiting_to_be_reached(host):
                return
        self._journal.add(
            SipMessage(
                organization_id=owner.organization,
                call_id=owner.call,
                trunk_id=owner.trunk,
                number=noted.number,
                at=noted.at,
                direction=noted.direction,
                peer=noted.peer,
                transport=noted.transport,
                start_line=noted.start_line,
                dialog=noted.dialog,
                cseq=noted.cseq,
                text=noted.text,
                is_cut=noted.is_cut,
            )
        )
