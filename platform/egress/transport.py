"""httpx through the door: checked addresses, no proxy from the environment, answers of limited size."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Iterable
from typing import Any

import certifi
import httpcore
import httpx

from egress.door import addresses_of
from egress.policy import EgressRefused, Policy


class _Backend(httpcore.AsyncNetworkBackend):
    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.wire = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature is theirs
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        *first, last = await addresses_of(host, port, self.policy)
        for address in first:
            try:
                return await self.wire.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return await self.wire.connect_tcp(last, port, timeout, local_address, socket_options)

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature is theirs
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        raise EgressRefused("A file of this machine is no address.")

    async def sleep(self, seconds: float) -> None:
        await self.wire.sleep(seconds)


class _Limited(httpx.AsyncByteStream):
    def __init__(self, stream: httpx.AsyncByteStream, host: str, limit: int) -> None:
        self.stream, self.host, self.limit = stream, host, limit

    async def __aiter__(self) -> AsyncIterator[bytes]:
        taken = 0
        async for part in self.stream:
            taken += len(part)
            if taken > self.limit:
                raise EgressRefused(f"{self.host} answered with more than {self.limit:,} bytes.")
            yield part

    async def aclose(self) -> None:
        await self.stream.aclose()


class Transport(httpx.AsyncHTTPTransport):
    def __init__(self, policy: Policy, max_bytes: int) -> None:
        super().__init__(trust_env=False, verify=_certificates())
        self.max_bytes = max_bytes
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=_certificates(),
            max_connections=100,
            max_keepalive_connections=20,
            keepalive_expiry=30,
            network_backend=_Backend(policy),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        # A small body can unpack to a huge one: nothing packed is asked for, and none is taken.
        request.headers["Accept-Encoding"] = "identity"
        response = await super().handle_async_request(request)
        host = request.url.host
        packing = response.headers.get("Content-Encoding", "identity").strip().lower()
        announced = response.headers.get("Content-Length", "0")
        stream = response.stream
        if not isinstance(stream, httpx.AsyncByteStream):
            raise TypeError("The pool answered with a stream of the other kind.")
        if packing not in ("", "identity") or (announced.isdigit() and int(announced) > self.max_bytes):
            await response.aclose()
            raise EgressRefused(
                f"{host} answered packed ({packing}), which was not asked for."
                if packing not in ("", "identity")
                else f"{host} answered with more than {self.max_bytes:,} bytes."
            )
        response.stream = _Limited(stream, host, self.max_bytes)
        return response


_context: ssl.SSLContext | None = None


def _certificates() -> ssl.SSLContext:
    """Read once: it takes tens of milliseconds."""
    global _context
    if _context is None:
        _context = ssl.create_default_context(cafile=certifi.where())
    return _context
