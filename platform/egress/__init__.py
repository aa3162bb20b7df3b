"""Connections to addresses that people give us: tools, models' servers, webhooks, documents. Nothing else may open them.

``client()`` is an ``httpx.AsyncClient`` (``client2()`` the same of httpx2) that looks a name up once, checks every address
it stands for, connects to a checked one, follows no redirect unless told (and then checks again), heeds no proxy of the
environment and takes answers of limited size. Where it doesn't connect it raises :class:`EgressRefused`.

``websocket()`` is a connection of ``websockets`` by the same rules.

What speaks no HTTP (SIP) asks for the checked ``addresses`` of a name, and connects to those alone.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import TYPE_CHECKING, Any

import httpx
import httpx2
from django.conf import settings

from egress import door
from egress.policy import EgressRefused, Policy
from egress.transport import Transport, Transport2

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

__all__ = ["MAX_BYTES", "EgressRefused", "Policy", "addresses", "client", "client2", "refusal_of", "websocket"]

MAX_BYTES = 20_000_000
_SECONDS = {"timeout": 30.0, "connect": 10.0}


def _of_settings() -> Policy:
    return Policy.of(settings.EGRESS_ALLOW, settings.EGRESS_ALLOW_PRIVATE)


def _checked(options: dict[str, Any]) -> dict[str, Any]:
    """A proxy or a mount would be a second door."""
    if others := options.keys() & {"proxy", "mounts", "app", "verify", "cert"}:
        raise TypeError(f"{', '.join(sorted(others))}: not through this door")
    return options


def client(*, max_bytes: int = MAX_BYTES, rules: Policy | None = None, **options: Any) -> httpx.AsyncClient:
    """``options`` are those of ``httpx.AsyncClient`` but for the transport: base_url, headers, timeout, …"""
    return httpx.AsyncClient(
        **{"timeout": httpx.Timeout(**_SECONDS), **_checked(options)},
        transport=Transport(rules or _of_settings(), max_bytes),
        trust_env=False,
    )


def client2(*, max_bytes: int = MAX_BYTES, rules: Policy | None = None, **options: Any) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(
        **{"timeout": httpx2.Timeout(**_SECONDS), **_checked(options)},
        transport=Transport2(rules or _of_settings(), max_bytes),
        trust_env=False,
    )


async def websocket(
    url: str, headers: Mapping[str, str] | None = None, *, max_bytes: int = MAX_BYTES, rules: Policy | None = None
) -> ClientConnection:
    """An open WebSocket to a ``ws://`` or ``wss://`` address. ``max_bytes``: of one message. Raises :class:`EgressRefused`, an
    ``OSError``, ``TimeoutError``, or an error of ``websockets``."""
    from egress.sockets import open_websocket  # who opens none needs no library for it

    return await open_websocket(url, headers or {}, rules or _of_settings(), max_bytes)


async def addresses(host: str, port: int, ports: Container[int]) -> list[str]:
    """The checked addresses of a name, looked up once and off the loop. ``ports``: those that may be used on the public internet.
    Raises :class:`EgressRefused`."""
    rules = Policy.of(settings.EGRESS_ALLOW, settings.EGRESS_ALLOW_PRIVATE, ports)
    return await door.addresses_of(host, port, rules)


def refusal_of(address: str, port: int, ports: Container[int]) -> str:
    """Why an address, not a name, isn't sent anything; "" where it may be. Looks nothing up."""
    try:
        Policy.of(settings.EGRESS_ALLOW, settings.EGRESS_ALLOW_PRIVATE, ports).check(address, port, [address])
    except (EgressRefused, ValueError) as error:
        return str(error)
    return ""
