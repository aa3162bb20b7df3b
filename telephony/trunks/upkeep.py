"""The trunks of a call worker that has SIP: known to the gate, registered, looked after, and their state written down.

Each trunk has one worker that registers and asks how it is (a lease in Valkey), whichever of them has SIP; calls may come in at all.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache, partial
from ipaddress import ip_network
from typing import Any

import redis
import redis.asyncio

import egress
from telephony.journal import Database
from telephony.models import Trunk
from telephony.sip import commands, events, gate
from telephony.sip.digest import Login
from telephony.sip.events import Event
from telephony.sip.gate import Network
from telephony.sip.peer import Peer, Transport
from telephony.transports import sip_names
from telephony.transports.sip import SipEndpoint
from telephony.trunks import addresses, routes, words
from telephony.trunks.limits import LEASE
from telephony.trunks.routes import TrunkSheet

logger = logging.getLogger(__name__)

POLL_SECONDS = 5.0
RESOLVE_SECONDS = 300.0
RESOLVE_AGAIN_SECONDS = 30.0
"""Where a name could not be looked up."""
KEEPALIVE_MS = 30_000
_NOBODY = (0, 408, 503)
"""What a registration comes to where a server is away."""
NO_ADDRESS = "The trunk has no address to call."
WAITS = "Waits for its calls."
NO_PHONE = "The telephone has not registered here, or not again in time: it is switched off, or has another password or server address."
LEASE_SECONDS = 20
TEST_SECONDS = 6.0
_TRANSPORTS: dict[str, Transport] = {"udp": "udp", "tcp": "tcp", "tls": "tls"}


@dataclass(slots=True)
class _Held:
    """A trunk that the gate knows."""

    sheet: TrunkSheet
    peers: list[Peer] = field(default_factory=list)
    """Of its servers the one that is used first, then those that are tried where it doesn't answer."""
    tried: int = 0
    """As many in a row didn't answer, and another was tried."""
    trouble: str = ""
    resolve_at_s: float = 0.0
    is_ours: bool = False
    """We look after it."""
    is_reachable: bool | None = None
    is_registered: bool | None = None
    told: tuple[str, str] = ("", "")
    """State and words as they were written last."""
    news: asyncio.Event = field(default_factory=asyncio.Event)
    round_trip_ms: int = 0
    failed_status: int = -1
    """Of the last registration; -1: it hasn't failed."""
    phone: Peer | None = None
    """Where its telephone has told us that it is."""
    phone_host: str = ""
    """And its own address, where that is our proxy."""


class Upkeep:
    """``run`` it for as long as the endpoint is open; hand it the endpoint's events with ``take``."""

    def __init__(
        self, endpoint: SipEndpoint, the_gate: gate.Gate, database: Database, valkey: redis.asyncio.Redis, worker: str
    ) -> None:
        self._endpoint, self._gate, self._database = endpoint, the_gate, database
        self._valkey, self._worker = valkey, worker
        self._held: dict[uuid.UUID, _Held] = {}
        self._wake = asyncio.Event()
        self._writing: set[asyncio.Task[None]] = set()

    # ---- what calls ask

    def sheet(self, trunk: uuid.UUID) -> TrunkSheet | None:
        held = self._held.get(trunk)
        return held.sheet if held else None

    def peer(self, trunk: uuid.UUID) -> Peer | None:
        held = self._held.get(trunk)
        return held.peers[0] if held and held.peers else None

    def sound_host(self, trunk: uuid.UUID) -> str:
        """Whom the sound of its calls is exchanged with, as far as is known before they say."""
        held = self._held.get(trunk)
        return held.phone_host if held and held.phone_host else held.peers[0].host if held and held.peers else ""

    def no_way(self, trunk: uuid.UUID) -> tuple[str, str]:
        """Why nobody can be called over it: a key of ``telephony.end_reasons.REASONS``, and a sentence."""
        held = self._held.get(trunk)
        if held is None:
            return "carrier_refused", "This trunk isn't known to the call worker yet. Try again in a moment."
        if held.sheet.is_telephone and not held.trouble:
            return "not_reachable", NO_PHONE
        return "carrier_refused", held.trouble or NO_ADDRESS

    def at(self, host: str) -> list[uuid.UUID]:
        """The trunks that somebody at this address may speak for, the one with the narrowest network first."""
        return [pk for each in self._gate.trunks_at(host) if (pk := _pk(each.id)) in self._held]

    def is_waiting_to_be_reached(self, host: str) -> bool:
        """Whether somebody at this address is asked how it is and has not answered: worth writing down."""
        return any(self._held[pk].is_reachable is not True for pk in self.at(host))

    # ---- its life

    async def run(self) -> None:
        while True:
            try:
                await self._sync(await self._database.run(routes.trunks))
            except asyncio.CancelledError:
                raise
            except Exception as error:  # the database or Valkey is away: all stays as it was
                logger.warning("The trunks could not be looked up: %r", error)
            try:
                async with asyncio.timeout(POLL_SECONDS):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()

    def look_again(self) -> None:
        """Somebody has changed a trunk."""
        self._wake.set()

    async def leave(self, seconds: float) -> None:
        """Take the registrations back."""
        ours = [held for held in self._held.values() if held.is_ours and held.is_registered]
        for held in ours:
            self._endpoint.do(commands.Unregister(str(held.sheet.id)))
        await asyncio.gather(*(self._until(held, partial(_is_not_registered, held), seconds) for held in ours))
        for held in self._held.values():
            if held.is_ours:
                self._state(held, Trunk.State.WAITING, "No call worker that serves SIP runs just now.")
        if self._writing:
            await asyncio.wait(self._writing, timeout=seconds)
        keys = [LEASE + str(held.sheet.id) for held in self._held.values() if held.is_ours]
        if keys:
            try:
                await self._valkey.delete(*keys)
            except redis.RedisError:
                logger.info("The leases of trunks run out by themselves")

    async def _sync(self, sheets: list[TrunkSheet]) -> None:
        now_s = time.monotonic()
        for gone in self._held.keys() - {sheet.id for sheet in sheets}:
            self._drop(self._held.pop(gone))
        stale = [
            sheet
            for sheet in sheets
            if (held := self._held.get(sheet.id)) is None or held.sheet != sheet or held.resolve_at_s <= now_s
        ]
        await asyncio.gather(*(self._take_up(sheet) for sheet in stale))
        await self._share()

    def _drop(self, held: _Held) -> None:
        self._stop(held)
        self._gate.remove(str(held.sheet.id))

    async def _take_up(self, sheet: TrunkSheet) -> None:
        """Look its host up, and let the gate know it. A registration begins anew only where something has changed."""
        peers, trouble = await self._resolved(sheet)
        held = self._held.get(sheet.id)
        if trouble and held is not None and held.sheet == sheet and held.peers:
            logger.info("%s can't be looked up just now, and is believed to be where it was: %s", sheet.where, trouble)
            peers, trouble = held.peers, ""
        if held is not None and held.sheet == sheet and held.peers and held.peers[0] in peers:
            at = peers.index(held.peers[0])  # the one that works is stayed with, whichever DNS names first today
            peers = peers[at:] + peers[:at]
        is_same = held is not None and held.sheet == sheet and (held.phone is not None or held.peers[:1] == peers[:1])
        if held is None or not is_same:
            if held is not None:
                self._stop(held)
            held = self._held[sheet.id] = _Held(sheet)
        held.peers, held.trouble = [held.phone] if held.phone else peers, trouble
        held.resolve_at_s = time.monotonic() + (RESOLVE_AGAIN_SECONDS if trouble else RESOLVE_SECONDS)
        self._gate.add(_for_the_gate(sheet, peers))
        if trouble:
            self._state(held, Trunk.State.FAILED, trouble)
        elif not sheet.host and held.phone is None:
            self._state(held, Trunk.State.WAITING, WAITS)

    async def _resolved(self, sheet: TrunkSheet) -> tuple[list[Peer], str]:
        if sheet.trouble or not sheet.host:
            return [], sheet.trouble
        if sheet.asks_password and not sheet.password:
            return [], "Who calls over this trunk must give a password, and none is stored. Give the trunk one."
        transport = _TRANSPORTS[sheet.transport]
        try:
            return await sip_names.resolve(sheet.proxy or sheet.host, sheet.port, transport), ""
        except egress.EgressRefused as error:
            return [], str(error)

    # ---- whose it is to look after

    async def _share(self) -> None:
        for held in self._held.values():
            is_ours = await self._is_ours(held)
            if is_ours and not held.is_ours:
                held.is_ours = True
                self._begin(held)
            elif held.is_ours and not is_ours:
                self._stop(held)

    async def _is_ours(self, held: _Held) -> bool:
        key = LEASE + str(held.sheet.id)
        try:
            if await self._valkey.set(key, self._worker, ex=LEASE_SECONDS, nx=True):
                return True
            if (await self._valkey.get(key)) == self._worker.encode():
                await self._valkey.expire(key, LEASE_SECONDS)
                return True
            return False
        except redis.RedisError:
            return held.is_ours  # nobody can take it over now either

    def _begin(self, held: _Held) -> None:
        sheet = held.sheet
        if not held.peers:
            return
        self._endpoint.do(commands.KeepAlive(str(sheet.id), KEEPALIVE_MS))
        if sheet.registers:
            self._register(held)

    def _register(self, held: _Held) -> None:
        try:
            self._endpoint.do(commands.Register(str(held.sheet.id), held.sheet.username))
        except ValueError as error:
            self._state(held, Trunk.State.FAILED, f"The trunk can't register: {error}.")

    def _stop(self, held: _Held) -> None:
        if held.is_ours:
            self._endpoint.do(commands.KeepAlive(str(held.sheet.id), 0))
            self._endpoint.do(commands.Unregister(str(held.sheet.id)))
        held.is_ours = False
        held.is_registered = held.is_reachable = None

    # ---- what the user agent tells

    def take(self, event: Event) -> bool:
        """Whether it was about a trunk."""
        match event:
            case (
                events.Registered(trunk=trunk)
                | events.RegistrationFailed(trunk=trunk)
                | events.Unregistered(trunk=trunk)
                | events.TrunkReachable(trunk=trunk)
                | events.TrunkUnreachable(trunk=trunk)
                | events.PhoneRegistered(trunk=trunk)
                | events.PhoneLeft(trunk=trunk)
            ):
                held = self._held.get(_pk(trunk))
                if held is not None:
                    self._note(held, event)
                    held.news.set()
                return True
        return False

    def _note(self, held: _Held, event: Event) -> None:
        sheet = held.sheet
        match event:
            case events.PhoneRegistered(_, peer, _, host):
                if held.phone != peer or held.phone_host != host:
                    held.phone_host = host
                    held.phone, held.peers = peer, [peer]
                    self._endpoint.do(commands.KeepAlive(str(sheet.id), KEEPALIVE_MS))  # the way to it stays open
                self._state(
                    held,
                    Trunk.State.REGISTERED,
                    f"The telephone has registered from {host or peer.host} and can be called.",
                )
            case events.PhoneLeft():
                self._phone_left(held)
            case events.Registered(_, expires_s):
                held.is_registered, held.failed_status, held.tried = True, -1, 0
                until = f"{expires_s // 60} minutes" if expires_s >= 120 else f"{expires_s} seconds"
                self._state(held, Trunk.State.REGISTERED, f"{sheet.where} knows where we are, for {until} at a time.")
            case events.RegistrationFailed(_, status, retry_in_ms):
                held.is_registered, held.failed_status = False, status
                if status in _NOBODY and self._tries_another(held):
                    return
                again = f" Tried again in {max(1, round(retry_in_ms / 1000))} seconds."
                self._state(held, Trunk.State.FAILED, words.of_registration(status, sheet.where) + again)
            case events.Unregistered():
                held.is_registered = None
            case events.TrunkReachable(_, round_trip_ms):
                was_away, held.is_reachable, held.round_trip_ms = held.is_reachable is False, True, round_trip_ms
                held.tried = 0 if not sheet.registers else held.tried
                if was_away and sheet.registers:
                    self._register(held)  # it may have forgotten us
                if not sheet.registers and not sheet.is_telephone:
                    self._state(held, Trunk.State.REACHABLE, f"{sheet.where} answers, within {round_trip_ms} ms.")
            case events.TrunkUnreachable():
                held.is_reachable = False
                if sheet.is_telephone:
                    self._phone_left(held)
                elif self._tries_another(held):
                    pass
                elif not sheet.registers:
                    self._state(held, Trunk.State.FAILED, words.of_registration(0, sheet.where))

    def _tries_another(self, held: _Held) -> bool:
        """Calls go to another of the trunk's servers from now on. False: each was tried since one of them answered, or there is no other."""
        if held.tried >= len(held.peers) - 1:
            held.tried = 0
            return False
        held.tried += 1
        held.peers.append(held.peers.pop(0))
        peer = held.peers[0]
        logger.info("%s doesn't answer, and %s:%d is tried instead", held.sheet.where, peer.host, peer.port)
        held.is_reachable, held.failed_status = None, -1
        self._gate.add(_for_the_gate(held.sheet, held.peers))
        if held.is_ours:
            self._begin(held)
        return True

    def _phone_left(self, held: _Held) -> None:
        """It is called again once it has registered anew."""
        if held.phone is not None:
            held.phone, held.peers = None, []
            self._endpoint.do(commands.KeepAlive(str(held.sheet.id), 0))
            self._state(held, Trunk.State.WAITING, NO_PHONE)

    def _state(self, held: _Held, state: str, text: str) -> None:
        if held.told == (state, text):
            return
        held.told = (state, text)
        sheet = held.sheet
        write = partial(routes.write_state, sheet.id, sheet.organization, state, text)
        task = asyncio.create_task(self._write(held, write))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def _write(self, held: _Held, work: Callable[[], None]) -> None:
        """What could not be written is written with the next registration, though nothing has changed by then."""
        try:
            await self._database.run(work)
        except Exception as error:
            held.told = ("", "")
            logger.warning("The state of a trunk could not be written: %s", error)

    def connection_closed(self, peer: Peer) -> None:
        """Of TCP or TLS. Who knows us by it can't call us any more."""
        for held in self._held.values():
            if held.phone == peer:
                self._phone_left(held)
            elif held.is_ours and held.is_registered and peer in held.peers:
                self._register(held)

    # ---- a test

    async def test(self, trunk: uuid.UUID) -> dict[str, Any]:
        """Ask the trunk how it is, and register, now. What came of it, for people: see ``telephony.trunks.manage.Tested``."""
        await self._sync(await self._database.run(routes.trunks))
        held = self._held.get(trunk)
        if held is None:
            return {"trouble": "There is no such trunk any more."}
        if held.trouble or not held.peers:
            alone = (
                NO_PHONE
                if held.sheet.is_telephone
                else "This trunk has no address of its own: it only waits for calls."
            )
            return {"trouble": held.trouble or alone}
        peer = held.peers[0]
        held.is_reachable, held.is_registered, held.failed_status = None, None, -1
        self._endpoint.do(commands.KeepAlive(str(trunk), KEEPALIVE_MS))
        if held.sheet.registers:
            self._register(held)
        await self._until(held, lambda: held.is_reachable is not None and not self._is_registering(held))
        result: dict[str, Any] = {
            "address": f"{peer.host}:{peer.port}",
            "is_reachable": bool(held.is_reachable),
            "round_trip_ms": held.round_trip_ms if held.is_reachable else None,
            "is_registered": held.is_registered if held.sheet.registers else None,
            "trouble": "",
        }
        if held.sheet.registers and not held.is_registered:
            result["trouble"] = words.of_registration(max(0, held.failed_status), held.sheet.where)
        elif not held.is_reachable and not held.is_registered:
            result["trouble"] = words.of_registration(0, held.sheet.where or f"{peer.host}:{peer.port}")
            self._state(held, Trunk.State.FAILED, result["trouble"])
        return result

    @staticmethod
    def _is_registering(held: _Held) -> bool:
        return held.sheet.registers and held.is_registered is None and held.failed_status < 0

    @staticmethod
    async def _until(held: _Held, is_so: Callable[[], bool], seconds: float = TEST_SECONDS) -> None:
        try:
            async with asyncio.timeout(seconds):
                while not is_so():
                    held.news.clear()
                    await held.news.wait()
        except TimeoutError:
            pass


@lru_cache(maxsize=4_096)
def _pk(trunk_id: str) -> uuid.UUID:
    """By the gate's name for it; of what has no row, such as our own proxy, one that nothing has."""
    try:
        return uuid.UUID(trunk_id)
    except ValueError:
        return uuid.UUID(int=0)


def _is_not_registered(held: _Held) -> bool:
    return not held.is_registered


def _for_the_gate(sheet: TrunkSheet, peers: Iterable[Peer]) -> gate.Trunk:
    found = list(peers)
    networks: tuple[Network, ...] = sheet.sources or tuple(
        ip_network(address) for address in sorted({peer.host for peer in found}) if sip_names.is_address(address)
    )
    login = Login(sheet.auth_user, sheet.password, sheet.realm) if sheet.password else None
    expects = Login(sheet.username, sheet.password) if sheet.asks_password and sheet.password else None
    return gate.Trunk(
        id=str(sheet.id),
        # Whoever must give a password, and there is none: nobody comes in.
        networks=() if sheet.asks_password and expects is None else networks,
        peer=found[0] if found else None,
        domain=sheet.host,
        login=login,
        expects=expects,
        is_registrar=sheet.is_telephone and expects is not None,
        targets=sheet.transfer_hosts,
        may_refer=sheet.may_transfer,
        refers_to=frozenset(each.strip("[]") for each in addresses.our_hosts()) if sheet.is_telephone else frozenset(),
        users=sheet.users,
    )
