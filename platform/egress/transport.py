"""httpx and httpx2 through the door: checked addresses, no proxy from the environment, answers of limited size.

httpx2 is a fork of httpx whose classes are its own and do the same, so what we add is written once and each library's
classes are handed in.
"""

from __future__ import annotations

import asyncio
import math
import ssl
from collections.abc import AsyncIterator, Iterable
from functools import cache
from typing import Any

import certifi
import httpcore
import httpcore2
import httpx
import httpx2

from egress.door import LOOKUP_SECONDS, addresses_of
from egress.policy import EgressRefused, Policy


class _Backend:
    """What httpcore and httpcore2 connect with. They ask for these methods, not for a class."""

    def __init__(self, core: Any, policy: Policy) -> None:
        self.policy = policy
        self.wire = core.AnyIOBackend()
        self.failures = (core.ConnectError, core.ConnectTimeout)

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature is theirs
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> Any:
        """However many addresses a name has, all of them and the look-up share the one ``timeout``."""
        now = asyncio.get_running_loop().time
        give_up_at = now() + (math.inf if timeout is None else timeout)
        addresses = await addresses_of(host, port, self.policy, LOOKUP_SECONDS if timeout is None else timeout)
        for left in range(len(addresses), 0, -1):
            share = None if timeout is None else max(0.0, give_up_at - now()) / left
            try:
                return await self.wire.connect_tcp(addresses[-left], port, share, local_address, socket_options)
            except self.failures:
                if left == 1:
                    raise
        raise AssertionError("The door gives at least one address.")

    async def connect_unix_socket(self, path: str, *_: Any, **__: Any) -> Any:
        raise EgressRefused("A file of this machine is no address.")

    async def sleep(self, seconds: float) -> None:
        await self.wire.sleep(seconds)


def _transport(http: Any, core: Any) -> Any:
    class Limited(http.AsyncByteStream):  # type: ignore[misc]
        def __init__(self, stream: Any, host: str, limit: int) -> None:
            self.stream, self.host, self.limit = stream, host, limit

        async def __aiter__(self) -> AsyncIterator[bytes]:
            taken = 0
            async for part in self.stream:
                taken += len(part)
                if taken > self.limit:
                    raise _too_long(self.host, self.limit)
                yield part

        async def aclose(self) -> None:
            await self.stream.aclose()

    class Transport(http.AsyncHTTPTransport):  # type: ignore[misc]
        def __init__(self, policy: Policy, max_bytes: int) -> None:
            super().__init__(trust_env=False, verify=certificates())
            self.max_bytes = max_bytes
            self._pool = core.AsyncConnectionPool(
                ssl_context=certificates(),
                max_connections=100,
                max_keepalive_connections=20,
                keepalive_expiry=30,
                network_backend=_Backend(core, policy),
            )

        async def handle_async_request(self, request: Any) -> Any:
            # A small body can unpack to a huge one: nothing packed is asked for, and none is taken.
            request.headers["Accept-Encoding"] = "identity"
            response = await super().handle_async_request(request)
            if refused := _refusal(response.headers, request.url.host, self.max_bytes):
                await response.aclose()
                raise refused
            response.stream = Limited(response.stream, request.url.host, self.max_bytes)
            return response

    return Transport


def _refusal(headers: Any, host: str, limit: int) -> EgressRefused | None:
    packing = headers.get("Content-Encoding", "identity").strip().lower()
    if packing not in ("", "identity"):
        return EgressRefused(f"{host} answered packed ({packing}), which was not asked for.")
    announced = headers.get("Content-Length", "0")
    return _too_long(host, limit) if announced.isdecimal() and int(announced) > limit else None


def _too_long(host: str, limit: int) -> EgressRefused:
    return EgressRefused(f"{host} answered with more than {limit:,} bytes.")


@cache
def certificates() -> ssl.SSLContext:
    """Read once: it takes tens of milliseconds."""
    return ssl.create_default_context(cafile=certifi.where())


Transport = _transport(httpx, httpcore)
Transport2 = _transport(httpx2, httpcore2)
