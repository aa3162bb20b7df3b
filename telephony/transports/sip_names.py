"""Where a SIP host is (RFC 3263): its SRV record, then its addresses, looked up off the loop and checked by ``egress``."""

from __future__ import annotations

from ipaddress import ip_address

import egress
from egress import door
from telephony.sip.peer import Peer, Transport

PORTS = range(1_024, 65_536)
"""That SIP may be sent to on the internet. Below listen services that are none of a telephone's."""
MOST_ADDRESSES = 8
_SERVICES: dict[Transport, str] = {"udp": "_sip._udp", "tcp": "_sip._tcp", "tls": "_sips._tcp"}


def usual_port(transport: Transport) -> int:
    return 5061 if transport == "tls" else 5060


async def resolve(host: str, port: int, transport: Transport) -> list[Peer]:
    """Where to send, the first to be tried first; never empty. ``port`` 0: what its SRV record says, else the usual one.

    Raises :class:`egress.EgressRefused`: it has no address, or one that nothing may be sent to.
    """
    host = host.strip("[]")
    if not port and not is_address(host):
        found: list[Peer] = []
        for service in await door.services_of(f"{_SERVICES[transport]}.{host}"):
            found += await _addresses(service.host, service.port, transport, host)
            if len(found) >= MOST_ADDRESSES:
                break
        if found:
            return found[:MOST_ADDRESSES]
    return await _addresses(host, port or usual_port(transport), transport, host)


async def _addresses(host: str, port: int, transport: Transport, name: str) -> list[Peer]:
    """``name``: what was asked for, which a certificate must be for (RFC 5922, 4), whichever host SRV names."""
    name = name if transport == "tls" else ""
    return [Peer(transport, address, port, name) for address in await egress.addresses(host, port, PORTS)]


def is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
