"""The one place that looks a name up: once, off the loop, and only what was checked is connected to."""

from __future__ import annotations

import asyncio
import random
import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import dns.exception
import dns.resolver

from egress.policy import EgressRefused, Policy

LOOKUP_SECONDS = 5.0
# A name server that never answers keeps a thread long after we stopped waiting. The loop's own threads are for speech.
_lookups = ThreadPoolExecutor(16, thread_name_prefix="egress-lookup")


async def addresses_of(host: str, port: int, policy: Policy, seconds: float = LOOKUP_SECONDS) -> list[str]:
    """The checked addresses of a name. Raises :class:`EgressRefused`; a name that can't be looked up is refused, too."""
    seconds = min(seconds, LOOKUP_SECONDS)
    ask = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    try:
        async with asyncio.timeout(seconds):
            found = await asyncio.get_running_loop().run_in_executor(_lookups, ask)
    except TimeoutError:
        raise EgressRefused(f"{host} could not be looked up within {seconds:.3g} seconds.") from None
    except (OSError, UnicodeError) as error:
        raise EgressRefused(f"There is no host called {host}.") from error
    # In the resolver's order (it knows which family works here), each once.
    return policy.check(host, port, list(dict.fromkeys(str(entry[4][0]) for entry in found)))


@dataclass(frozen=True, slots=True)
class Service:
    """Where a domain's SRV record says that a service of it is. ``host`` is a name that is yet to be looked up."""

    host: str
    port: int


async def services_of(name: str, seconds: float = LOOKUP_SECONDS) -> list[Service]:
    """The SRV records of a name such as ``_sip._udp.example.com``, in the order to try them (RFC 2782). Empty: it has none, or
    nobody answered in time."""
    try:
        async with asyncio.timeout(seconds):
            return await asyncio.get_running_loop().run_in_executor(_lookups, _services, name, seconds)
    except TimeoutError:
        return []


def _services(name: str, seconds: float) -> list[Service]:
    try:
        found = dns.resolver.resolve(name, "SRV", lifetime=seconds, search=False)
    except (dns.exception.DNSException, OSError, UnicodeError):
        return []
    records = [
        (each.priority, random.random() ** (1 / max(each.weight, 0.1)), str(each.target).rstrip("."), each.port)  # noqa: S311
        for each in found
    ]
    # Among those of one priority a greater weight comes first more often. The target "." says that there is no such service.
    records.sort(key=lambda each: (each[0], -each[1]))
    return [Service(host, port) for _, _, host, port in records if host and 0 < port < 65_536]
