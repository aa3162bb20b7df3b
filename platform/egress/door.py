"""The one place that looks a name up: once, off the loop, and only what was checked is connected to."""

from __future__ import annotations

import asyncio
import socket

from egress.policy import EgressRefused, Policy

LOOKUP_SECONDS = 5.0


async def addresses_of(host: str, port: int, policy: Policy) -> list[str]:
    """The checked addresses of a name. Raises :class:`EgressRefused`; a name that can't be looked up is refused, too."""
    try:
        async with asyncio.timeout(LOOKUP_SECONDS):
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except TimeoutError:
        raise EgressRefused(f"{host} could not be looked up within {LOOKUP_SECONDS:.0f} seconds.") from None
    except (OSError, UnicodeError) as error:
        raise EgressRefused(f"There is no host called {host}.") from error
    # In the resolver's order (it knows which family works here), each once.
    return policy.check(host, port, list(dict.fromkeys(str(entry[4][0]) for entry in found)))
