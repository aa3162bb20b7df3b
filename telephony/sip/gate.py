"""Who may talk to us at all: decided by the source address, before a byte is parsed.

A source that belongs to no trunk gets no answer, whatever it says. A trunk that can't be known by its address has ``expects``: its
requests must then carry digest credentials. Nothing that comes in is ever sent on; where a transfer or a redirection may lead is
the trunk's own list.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import NamedTuple

from telephony.sip.digest import Login
from telephony.sip.message import Request
from telephony.sip.peer import Peer
from telephony.sip.uri import Uri

Network = IPv4Network | IPv6Network
MAX_SOURCES = 10_000
IDENTITY = frozenset(("x-src-ip", "x-src-proto", "x-ruri-user"))
"""What an edge proxy says of whom it speaks for; in lower case."""


@dataclass(frozen=True, slots=True)
class Trunk:
    id: str
    networks: tuple[Network, ...]
    """Where its messages come from. The narrowest network that holds an address wins, and a proxy's before all others."""
    peer: Peer | None = None
    """Where our calls, registrations and keepalives go."""
    domain: str = ""
    """In the addresses we make; "": the peer's host."""
    login: Login | None = None
    """Who we are to them."""
    expects: Login | None = None
    """Who they must prove to be."""
    is_proxy: bool = False
    """Our own edge: believed when it says whom a request is from."""
    is_registrar: bool = False
    """A telephone that must prove who it is: it registers with us, and is called where it is then."""
    contact: str = ""
    """What that telephone is called by, whomever else we mean: see ``telephony.sip.registrar``."""
    path: str = ""
    """By which of our own proxies it is reached (RFC 3327), as a Route header has it."""
    users: frozenset[str] = frozenset()
    """What is dialled to reach us over it, as ``dialled`` spells it: where several trunks have one address, it says which is meant."""
    targets: frozenset[str] = frozenset()
    """Hosts that a REFER or a redirection may lead to, beside the trunk's own. In lower case."""
    may_refer: bool = False
    """They may ask us to call somebody else, and go on there (REFER)."""
    refers_to: frozenset[str] = frozenset()
    """Hosts that only such a request may name, besides: ours, for a telephone that registers here. In lower case."""

    @property
    def host(self) -> str:
        return self.domain or (self.peer.host if self.peer else "")

    def allows(self, target: Uri) -> bool:
        """Whether a transfer or a redirection may lead there. A bare number goes through the trunk itself."""
        if target.scheme == "tel":
            return True
        own = {self.domain.lower(), self.peer.host.lower() if self.peer else ""} - {""}
        return target.is_sip and target.address.lower() in (self.targets | own)

    def lets_refer_to(self, target: Uri) -> bool:
        """Whether they may ask us to call there."""
        is_known = self.allows(target) or (target.is_sip and target.address.lower() in self.refers_to)
        return self.may_refer and is_known and target.params.get("method", "INVITE").upper() == "INVITE"


@dataclass(frozen=True, slots=True)
class Pass:
    """``rate_per_s`` messages of one source in the long run, ``burst`` at once."""

    rate_per_s: float = 2_000.0
    burst: float = 4_000.0


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at_ms: float


@dataclass(slots=True)
class Counts:
    strangers: int = 0
    over_rate: int = 0


class Origin(NamedTuple):
    """Whom a request is from. ``host`` is the real source, also where a proxy stands between; ``called`` the dialled number."""

    trunk: Trunk
    host: str
    called: str


class Gate:
    """``admit`` every packet first. ``pin`` the hosts of running dialogs that no network of ours holds: for these dialogs only."""

    def __init__(self, trunks: Iterable[Trunk] = (), limit: Pass | None = None) -> None:
        self.counts = Counts()
        self._limit = limit or Pass()
        self._trunks: dict[str, Trunk] = {}
        self._networks: list[tuple[int, int, dict[int, list[Trunk]]]] = []
        """Whose they are, by their first bits: for each version and length one table, the longest first. However many trunks there
        are, a packet costs as many looks as there are lengths."""
        self._is_sorted = True
        self._servers: dict[tuple[str, int], set[str]] = {}
        """And the names that trunks know them by, where that is TLS."""
        self._known: OrderedDict[str, tuple[Trunk, ...]] = OrderedDict()
        """Hosts that were looked up, and whose they are."""
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self._pins: dict[str, int] = {}
        for trunk in trunks:
            self.add(trunk)

    def add(self, trunk: Trunk) -> None:
        """Or put another in the place of the one with the same id."""
        if self._trunks.get(trunk.id) != trunk:
            self._trunks[trunk.id] = trunk
            self._forget()

    def remove(self, trunk_id: str) -> None:
        if self._trunks.pop(trunk_id, None) is not None:
            self._forget()

    def trunk(self, trunk_id: str) -> Trunk | None:
        return self._trunks.get(trunk_id)

    def _forget(self) -> None:
        self._known.clear()
        self._is_sorted = False

    def _sort(self) -> None:
        """Once for all that was added since somebody last asked."""
        if self._is_sorted:
            return
        tables: dict[tuple[int, int], dict[int, list[Trunk]]] = {}
        for trunk in self._trunks.values():
            for network in trunk.networks:
                table = tables.setdefault((network.version, network.prefixlen), {})
                table.setdefault(_bits(network.network_address, network.prefixlen), []).append(trunk)
        self._networks = [
            (version, length, tables[version, length]) for version, length in sorted(tables, reverse=True)
        ]
        self._is_sorted = True
        self._servers = {}
        for peer in (each.peer for each in self._trunks.values() if each.peer):
            names = self._servers.setdefault((peer.host, peer.port), set())
            names.update([peer.name] if peer.name else [])

    def is_server(self, host: str, port: int) -> bool:
        """Whether a trunk's own calls go to exactly there."""
        self._sort()
        return (host, port) in self._servers

    def name_of(self, host: str, port: int) -> str:
        """Whose certificate a server shows by all trunks that call it; "" where they don't agree."""
        self._sort()
        names = self._servers.get((host, port), set())
        return next(iter(names)) if len(names) == 1 else ""

    def pin(self, host: str) -> None:
        self._pins[host] = self._pins.get(host, 0) + 1

    def unpin(self, host: str) -> None:
        left = self._pins.get(host, 0) - 1
        if left > 0:
            self._pins[host] = left
        else:
            self._pins.pop(host, None)

    def trunk_at(self, host: str) -> Trunk | None:
        found = self.trunks_at(host)
        return found[0] if found else None

    def trunks_at(self, host: str) -> tuple[Trunk, ...]:
        """All that a host may speak for, the one with the narrowest network first."""
        if host in self._known:
            self._known.move_to_end(host)
            return self._known[host]
        found = self._look_up(host)
        self._known[host] = found
        if len(self._known) > MAX_SOURCES:
            self._known.popitem(last=False)
        return found

    def _look_up(self, host: str) -> tuple[Trunk, ...]:
        try:
            address: IPv4Address | IPv6Address = ip_address(host)
        except ValueError:
            return ()
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped  # one socket for both families shows IPv4 so
        self._sort()
        found: list[Trunk] = []
        for version, length, table in self._networks:
            if version == address.version:
                found += table.get(_bits(address, length), ())
        # A trunk that goes out by our proxy has its address, too; what comes from there is the proxy's all the same.
        found.sort(key=lambda trunk: not trunk.is_proxy)
        return tuple({trunk.id: trunk for trunk in found}.values())

    def admit(self, source: Peer, now_ms: float) -> bool:
        """Whether to look at a packet from there at all."""
        if self.trunk_at(source.host) is None and source.host not in self._pins:
            self.counts.strangers += 1
            return False
        if not self._has_token(source.host, now_ms):
            self.counts.over_rate += 1
            return False
        return True

    def _has_token(self, host: str, now_ms: float) -> bool:
        bucket = self._buckets.get(host)
        if bucket is None:
            bucket = self._buckets[host] = _Bucket(self._limit.burst, now_ms)
            if len(self._buckets) > MAX_SOURCES:
                self._buckets.popitem(last=False)
        earned = max(0.0, now_ms - bucket.at_ms) * self._limit.rate_per_s / 1_000
        bucket.tokens = min(self._limit.burst, bucket.tokens + earned)
        bucket.at_ms = max(bucket.at_ms, now_ms)
        if bucket.tokens < 1:
            return False
        bucket.tokens -= 1
        return True

    def origin(self, request: Request, source: Peer, called: str) -> Origin | None:
        """Whose request it is. What a proxy of ours says counts; what anybody else says of themselves does not.

        None: nobody's (a pinned host has no business beside its dialog; a proxy spoke for somebody we don't know).
        """
        caller = request.headers.from_.uri.user
        trunk = self._meant(source.host, called, caller)
        if trunk is None:
            return None
        if not trunk.is_proxy:
            return Origin(trunk, source.host, called)
        said = request.headers.first("x-src-ip")
        called = request.headers.first("x-ruri-user") or called
        behind = self._meant(said, called, caller) if said else None
        if behind is None or behind.is_proxy:
            return None
        return Origin(behind, said, called)

    def is_of_proxy(self, request: Request, source: Peer) -> bool:
        """Whether a proxy of ours asks for itself: how we are, so that calls go to whoever is well."""
        trunk = self.trunk_at(source.host)
        return trunk is not None and trunk.is_proxy and not request.headers.first("x-src-ip")

    def _meant(self, host: str, called: str, caller: str) -> Trunk | None:
        """Of those at that address the one that has what was dialled; where that one wants a proof of who calls, or none has it, the
        one that can prove to be who it says it is; else the one with the narrowest network."""
        found = self.trunks_at(host)
        if len(found) > 1 and not found[0].is_proxy:
            user = dialled(called)
            meant = next((trunk for trunk in found if user in trunk.users), None)
            if meant is None or meant.expects is not None:
                signs_in = (trunk for trunk in found if trunk.expects is not None and trunk.expects.username == caller)
                meant = next(signs_in, meant)
            return meant or found[0]
        return found[0] if found else None


def _bits(address: IPv4Address | IPv6Address, length: int) -> int:
    """The first ones."""
    return int(address) >> (address.max_prefixlen - length)


def dialled(called: str) -> str:
    """A number or a name, spelled one way: no "+" or "00" before a number, small letters."""
    plain = called.strip().lower()
    digits = plain.removeprefix("+").replace("-", "").replace(".", "")
    if digits.isascii() and digits.isdigit():
        return digits.removeprefix("00")
    return plain
