"""Where connections may go: the public internet on ports 80 and 443, and what the operator listed. No I/O."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network

from egress.addresses import Address, is_private, parse, refusal

PORTS = frozenset({80, 443})
_HOST = re.compile(r"[\w.-]+|\[[0-9a-fA-F:.]+\]")  # and no address with https:// in front, which would match nothing


class EgressRefused(Exception):
    """A connection that is not made. The message is for the person who gave the address."""


class BadRule(ValueError):
    """An entry of EGRESS_ALLOW that can't be read."""


@dataclass(frozen=True, slots=True)
class Rule:
    """``host:port`` (that name there, whatever its address) or a block of addresses, on one port or all."""

    host: str | None
    block: IPv4Network | IPv6Network | None
    port: int | None

    @classmethod
    def parse(cls, text: str) -> Rule:
        """``llm.internal:11434``, ``10.0.0.5:8080``, ``[fd00::5]:8080``, ``192.168.7.0/24``."""
        text = text.strip()
        try:
            return cls(None, ip_network(text, strict=False), None)
        except ValueError:
            host, _, port = text.rpartition(":")
        if not _HOST.fullmatch(host) or not port.isdecimal() or not 0 < int(port) < 65536:
            raise BadRule(f"EGRESS_ALLOW: {text!r} is neither host:port nor a block such as 192.168.7.0/24.")
        try:
            return cls(None, ip_network(host.strip("[]")), int(port))
        except ValueError:
            return cls(_plain(host), None, int(port))

    def allows(self, host: str, port: int, address: Address) -> bool:
        if self.port not in (None, port):
            return False
        if self.host is not None:
            return self.host == _plain(host)
        return self.block is not None and address in self.block


def _plain(host: str) -> str:
    return host.rstrip(".").lower()


@dataclass(frozen=True, slots=True)
class Policy:
    rules: tuple[Rule, ...] = ()
    allow_private: bool = False
    ports: Container[int] = PORTS
    """That are open to us on the public internet."""

    @classmethod
    def of(cls, allow: Iterable[str], allow_private: bool = False, ports: Container[int] = PORTS) -> Policy:
        return cls(tuple(Rule.parse(text) for text in allow), allow_private, ports)

    def check(self, host: str, port: int, answers: Sequence[str]) -> list[str]:
        """The addresses to connect to, as text, if each that the name stands for may be reached; else :class:`EgressRefused`."""
        if not answers:
            raise EgressRefused(f"{host} has no address.")
        addresses = [parse(answer) for answer in answers]
        for address in addresses:
            if any(rule.allows(host, port, address) for rule in self.rules):
                continue
            if self.allow_private and is_private(address):
                continue
            if port not in self.ports:
                usual = "use 80 or 443" if self.ports is PORTS else "use another"
                raise EgressRefused(
                    f"Port {port} of {host} is not open to us: {usual}, or ask the operator to list {host}:{port} in EGRESS_ALLOW."
                )
            if why := refusal(address):
                raise EgressRefused(
                    f"{host} is {why} ({address}), not a public address. The operator can list {host}:{port} in EGRESS_ALLOW."
                )
        return [str(address) for address in addresses]
