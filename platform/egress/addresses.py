"""Which addresses are the public internet, and why another isn't. No I/O.

The standard library's ``is_global`` is no help: in Python 3.11 it calls NAT64's local prefix, 6to4, multicast and the
Oracle cloud's metadata address global. The table is IANA's special-purpose registries
(https://www.iana.org/assignments/iana-ipv4-special-registry, …-ipv6-special-registry), plus what clouds put elsewhere.
For IPv6 it is the other way round: only 2000::/3 was ever handed out, so all else is refused, and with it each form that
carries an IPv4 address inside.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address

_V4: tuple[tuple[str, str], ...] = (
    ("0.0.0.0/8", "this network"),
    ("10.0.0.0/8", "a private network"),
    ("100.64.0.0/10", "a carrier's own network"),
    ("127.0.0.0/8", "this machine"),
    ("168.63.129.16/32", "a cloud's metadata"),
    ("169.254.0.0/16", "link-local, where clouds keep their metadata"),
    ("172.16.0.0/12", "a private network"),
    ("192.0.0.0/24", "IETF protocol assignments"),
    ("192.0.2.0/24", "documentation"),
    ("192.31.196.0/24", "AS112"),
    ("192.52.193.0/24", "AMT"),
    ("192.88.99.0/24", "6to4 relays"),
    ("192.168.0.0/16", "a private network"),
    ("192.175.48.0/24", "AS112"),
    ("198.18.0.0/15", "benchmarking"),
    ("198.51.100.0/24", "documentation"),
    ("203.0.113.0/24", "documentation"),
    ("224.0.0.0/4", "multicast"),
    ("240.0.0.0/4", "reserved"),
)
_V6_PUBLIC = IPv6Network("2000::/3")
# Inside 2000::/3, and outside of it where there is a better word than "not the public internet".
_V6: tuple[tuple[str, str], ...] = (
    ("::/128", "no address"),
    ("::1/128", "this machine"),
    ("::ffff:0:0/96", "an IPv4 address in IPv6 clothes"),
    ("::ffff:0:0:0/96", "an IPv4 address in IPv6 clothes"),
    ("::/96", "an IPv4 address in IPv6 clothes"),
    ("64:ff9b::/96", "NAT64: an IPv4 address in IPv6 clothes"),
    ("64:ff9b:1::/48", "NAT64: an IPv4 address in IPv6 clothes"),
    ("100::/64", "discard"),
    ("100:0:0:1::/64", "a dummy prefix"),
    ("2001::/23", "IETF protocol assignments, Teredo among them"),
    ("2001:db8::/32", "documentation"),
    ("2002::/16", "6to4: an IPv4 address in IPv6 clothes"),
    ("2620:4f:8000::/48", "AS112"),
    ("3fff::/20", "documentation"),
    ("5f00::/16", "segment routing"),
    ("fc00::/7", "a private network"),
    ("fe80::/10", "link-local"),
    ("fec0::/10", "a private network of old"),
    ("ff00::/8", "multicast"),
)
_DENIED_V4 = tuple((IPv4Network(block), why) for block, why in _V4)
_DENIED_V6 = tuple((IPv6Network(block), why) for block, why in _V6)

# What an operator who says "private addresses are fine" means: never the metadata, multicast or the reserved ones.
_PRIVATE_V4 = tuple(
    IPv4Network(block) for block in ("10.0.0.0/8", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
)
_PRIVATE_V6 = tuple(IPv6Network(block) for block in ("::1/128", "fc00::/7"))
# Metadata services that sit inside private blocks: Alibaba, AWS, Google.
_METADATA: frozenset[Address] = frozenset(
    ip_address(text) for text in ("100.100.100.200", "fd00:ec2::254", "fd20:ce::254", "192.0.0.192", "168.63.129.16")
)


def parse(text: str) -> Address:
    """The address, without the zone that a link-local one may carry (``fe80::1%eth0``). Raises ``ValueError``."""
    return ip_address(text.partition("%")[0])


def refusal(address: Address) -> str | None:
    """What the address is, where it isn't the public internet; ``None`` where it is."""
    if address in _METADATA:
        return "a cloud's metadata"
    if isinstance(address, IPv4Address):
        return next((why for block, why in _DENIED_V4 if address in block), None)
    why = next((why for block, why in _DENIED_V6 if address in block), None)
    if why is None and address not in _V6_PUBLIC:
        return "not the public internet"
    return why


def is_private(address: Address) -> bool:
    """This machine or the network around it, and nothing that hands out a machine's credentials."""
    if address in _METADATA:
        return False
    if isinstance(address, IPv4Address):
        return any(address in block for block in _PRIVATE_V4)
    return any(address in block for block in _PRIVATE_V6)
