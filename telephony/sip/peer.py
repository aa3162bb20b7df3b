"""Where messages come from and go to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from typing import Literal, NamedTuple

from telephony.sip.uri import Uri

Transport = Literal["udp", "tcp", "tls"]


class Peer(NamedTuple):
    """``host`` is an address, or a name that the shell resolves. On a stream, all of it together names the connection."""

    transport: Transport
    host: str
    port: int
    name: str = ""
    """Whose certificate a TLS connection that we open must show; "": one for the host itself."""

    @property
    def is_reliable(self) -> bool:
        return self.transport != "udp"


class Address(NamedTuple):
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What we call ourselves, in Via and Contact: the address that others reach us at, for each transport we listen on."""

    advertised: Mapping[Transport, Address]
    name: str = "Parley"
    """Told in User-Agent."""
    towards: Callable[[str], str] = lambda host: ""
    """The address that somebody at ``host`` reaches us at, where it isn't the advertised one: the office's network, or IPv6."""

    def address(self, peer: Peer) -> Address:
        listed = self.advertised.get(peer.transport) or next(iter(self.advertised.values()))
        host = self.towards(peer.host)
        return Address(host, listed.port) if host else listed

    def via(self, peer: Peer, branch: str) -> str:
        return f"SIP/2.0/{peer.transport.upper()} {self.address(peer)};branch={branch};rport"

    def contact(self, peer: Peer, user: str = "") -> str:
        at = f"{user}@" if user else ""
        tail = "" if peer.transport == "udp" else f";transport={peer.transport}"
        return f"<sip:{at}{self.address(peer)}{tail}>"


def next_hop(uri: Uri, like: Peer, *, is_open: bool = True) -> Peer:
    """Where a request to ``uri`` goes. ``like`` is whom the dialog was made with, and the transport if the URI names none.

    An open connection to the same host is used again (RFC 3261, 18.1.1). A private address (or one behind a provider's NAT,
    100.64/10), told by somebody we reach at a public one, is that somebody's own network talking: it goes to where they are. maddr
    is ignored, it only ever led astray.
    ``is_open`` False: that connection is gone, and another one is opened to the port that the URI names.
    """
    wanted = uri.params.get("transport", "").lower()
    transport: Transport = like.transport
    if uri.scheme == "sips" or wanted == "tls":
        transport = "tls"
    elif wanted == "tcp":
        transport = "tcp"
    elif wanted == "udp":
        transport = "udp"
    host = uri.address
    if transport == like.transport:
        is_behind_nat = _is_behind_nat(host, like.host)
        if is_open and (is_behind_nat or (host == like.host and like.is_reliable)):
            return like
        host = like.host if is_behind_nat else host
    name = like.name if transport == like.transport and host == like.host else ""
    return Peer(transport, host, uri.port or (5061 if transport == "tls" else 5060), name)


@lru_cache(maxsize=1_024)
def _is_behind_nat(told: str, real: str) -> bool:
    try:
        return told != real and not ip_address(told).is_global and ip_address(real).is_global
    except ValueError:
        return False  # a name


def reply_to(source: Peer, *, sent_by_port: int | None, wants_port: bool) -> Peer:
    """Where a response goes: always to where the request came from (RFC 3261, 18.2.2; RFC 3581), never where a header says."""
    if source.is_reliable or wants_port:
        return source
    return Peer(source.transport, source.host, sent_by_port or 5060)
