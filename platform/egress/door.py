"""The one place that looks a name up: once, off the loop, and only what was checked is connected to."""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from functools import partial

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
