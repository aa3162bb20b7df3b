"""Whose server an address stands for: its scheme, host and port. No I/O. ``sip://…`` is a SIP provider's, whatever the transport.

Strict on purpose. Two libraries that read ``https://good.example\\@evil.example`` differently are how a key ends up elsewhere,
so an address that leaves anything to interpretation has no origin.
"""

from __future__ import annotations

import re
from ipaddress import IPv6Address

_ADDRESS = re.compile(
    r"(?P<scheme>https?|sip)://(?P<host>[a-z0-9_](?:[a-z0-9._-]{0,251}[a-z0-9_])?\.?|\[[0-9a-f:.]{2,45}\])(?::(?P<port>\d{1,5}))?"
    r"(?:/[\w.~!$&'()*+,;=:@%/-]*)?",
    re.IGNORECASE | re.ASCII,
)
_PORTS = {"http": 80, "https": 443, "sip": 5060}


class NoOrigin(ValueError):
    """The text is no plain address. The message is for the person who gave it."""


def origin(address: str) -> str:
    """``https://API.Example.com/v1`` → ``https://api.example.com:443``. Raises :class:`NoOrigin`."""
    found = _ADDRESS.fullmatch(address)
    if found is None:
        raise NoOrigin(
            "Use a plain address such as https://api.example.com/v1: no user name, no question mark, only Latin letters."
        )
    scheme, host = found["scheme"].lower(), found["host"].lower().rstrip(".")
    port = int(found["port"] or _PORTS[scheme])
    if not 0 < port < 65_536:
        raise NoOrigin(f"There is no port {port}.")
    if host.startswith("["):
        try:
            host = f"[{IPv6Address(host[1:-1])}]"
        except ValueError:
            raise NoOrigin(f"{host} is no IPv6 address.") from None
    return f"{scheme}://{host}:{port}"
