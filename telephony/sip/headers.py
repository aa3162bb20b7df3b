"""The header values that SIP itself is made of: addresses, Via, CSeq (RFC 3261, 20). Text in, values out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from telephony.sip import uri
from telephony.sip.scan import BadMessage, end_of_quote, is_token, number, params, quoted, split, unquoted
from telephony.sip.uri import Uri

_NOT_IN_A_NAME = frozenset('",;:@()[]')
MAX_CSEQ = 2**31 - 1
MAGIC = "z9hG4bK"
"""Branches that begin so are unique (RFC 3261, 8.1.1.7)."""
NO_PARAMS: Mapping[str, str] = MappingProxyType({})


class NameAddr(NamedTuple):
    """From, To, Contact, Route, Refer-To …: ``"Ann" <sip:ann@example.com>;tag=1``."""

    uri: Uri
    display: str = ""
    params: Mapping[str, str] = NO_PARAMS

    @property
    def tag(self) -> str:
        return self.params.get("tag", "")

    def __str__(self) -> str:
        name = f"{quoted(self.display)} " if self.display else ""
        tail = "".join(f";{key}={value}" if value else f";{key}" for key, value in self.params.items())
        return f"{name}<{self.uri}>{tail}"


class Via(NamedTuple):
    transport: str
    """In upper case."""
    host: str
    port: int | None
    params: Mapping[str, str]
    text: str
    """As it came: what goes back must be the same to the letter."""

    @property
    def branch(self) -> str:
        return self.params.get("branch", "")


class CSeq(NamedTuple):
    number: int
    method: str

    def __str__(self) -> str:
        return f"{self.number} {self.method}"


# As nearly everybody writes them, read in one go; all that is only somewhat different takes the long way below, with the same result.
# Nothing in them is tried twice (++), so they are linear.
_HOST_PORT = r"([A-Za-z0-9\-._]++)(?::([0-9]{1,4}|[1-5][0-9]{4}))?"
_plain_address = re.compile(
    r'(?:"([^"\\]*+)" ?|([A-Za-z0-9\-.!%*_+`\'~][A-Za-z0-9\-.!%*_+`\'~ ]*+))?<((sips?):(?:([A-Za-z0-9\-_.!~*\'()+]++)@)?'
    + _HOST_PORT
    + r")>(?:;tag=([A-Za-z0-9\-.!%*_+`'~]++))?"
).fullmatch
_plain_via = re.compile(
    r"SIP/2\.0/([A-Z]++) " + _HOST_PORT + r"(;rport)?;branch=([A-Za-z0-9\-.!%*_+`'~]++)(;rport)?"
).fullmatch
_plain_cseq = re.compile(r"([0-9]{1,9}) ([A-Z]++)").fullmatch


def name_addr(text: str) -> NameAddr:
    """One address with its parameters. Without <>, what follows the URI belongs to the header (RFC 3261, 20.10)."""
    return _kept(text) if len(text) <= uri.KEPT_LENGTH else _name_addr(text)


def _name_addr(text: str) -> NameAddr:
    plain = _plain_address(text)
    if plain is not None:
        quote, words, whole, scheme, user, host, port, tag = plain.groups()
        address = Uri(scheme, user or "", host, int(port) if port else None, text=whole)
        return NameAddr(address, quote or (words.rstrip(" ") if words else ""), {"tag": tag} if tag else NO_PARAMS)
    text = text.strip(" \t")
    display = ""
    if text.startswith('"'):
        end = end_of_quote(text, 0)
        display, text = unquoted(text[:end]), text[end:].lstrip(" \t")
        if not text.startswith("<"):
            raise BadMessage("a name stands without its address")
    bracket = text.find("<")
    if bracket < 0:
        bare, semicolon, tail = text.partition(";")
        bare = bare.rstrip(" \t")
        if "?" in bare or "," in bare:
            raise BadMessage("an address needs its <>")
        return NameAddr(uri.parse(bare), "", params(tail) if semicolon else {})
    if bracket:
        display = text[:bracket].strip(" \t")
        if not _NOT_IN_A_NAME.isdisjoint(display):
            raise BadMessage("a name needs its quotation marks")
    close = text.find(">", bracket)
    if close < 0:
        raise BadMessage("a < is never closed")
    tail = text[close + 1 :].strip(" \t")
    if tail and tail[0] != ";":
        raise BadMessage("something stands behind an address")
    return NameAddr(uri.parse(text[bracket + 1 : close]), display, params(tail[1:]) if tail else {})


_kept = lru_cache(maxsize=uri.KEPT)(_name_addr)


def name_addrs(lines: list[str]) -> list[NameAddr]:
    """All addresses of all lines of a header."""
    return [name_addr(part) for line in lines for part in split(line, ",")]


def via(text: str) -> Via:
    """One Via value. ``SIP / 2.0 / UDP  host : 5060 ; branch=…`` is the same as without its blanks."""
    plain = _plain_via(text)
    if plain is not None:
        transport, host, port, rport, branch, rport_behind = plain.groups()
        found = {"branch": branch}
        if rport or rport_behind:
            found["rport"] = ""
        return Via(transport, host, int(port) if port else None, found, text)
    if text.startswith("SIP/2.0/"):  # as nearly everybody writes it
        transport, _, rest = text[8:].partition(" ")
        sent_by, semicolon, tail = rest.partition(";")
        if is_token(transport) and sent_by and " " not in sent_by and "\t" not in sent_by:
            host, port = uri.host_and_port(sent_by)
            return Via(transport.upper(), host, port, params(tail) if semicolon else {}, text)
    head, semicolon, tail = text.partition(";")
    protocol, slash, rest = head.partition("/")
    version, slash2, rest = rest.partition("/")
    words = rest.split(None, 1)
    if not slash or not slash2 or len(words) != 2 or protocol.strip().upper() != "SIP" or not is_token(words[0]):
        raise BadMessage("a Via is not understood")
    if version.strip() != "2.0":
        raise BadMessage("a Via has another version", 505)
    sent_by = words[1].rstrip()
    if " " in sent_by or "\t" in sent_by:
        sent_by = ":".join(part.strip(" \t") for part in sent_by.rsplit(":", 1))
    host, port = uri.host_and_port(sent_by)
    return Via(words[0].upper(), host, port, params(tail) if semicolon else {}, text)


def cseq(text: str) -> CSeq:
    plain = _plain_cseq(text)
    if plain is not None:
        return CSeq(int(plain[1]), plain[2])
    words = text.split()
    if len(words) != 2 or not is_token(words[1]):
        raise BadMessage("CSeq is not understood")
    return CSeq(number(words[0], "CSeq", most=MAX_CSEQ), words[1])


def stamped(top: Via, host: str, port: int) -> str:
    """The topmost Via with where it really came from (RFC 3261, 18.2.1; RFC 3581, 4); else letter for letter as it was."""
    asks_port = top.params.get("rport") == ""
    if not asks_port and top.host.strip("[]") == host:
        return top.text
    text = top.text
    if asks_port:
        head, *parts = split(text, ";", angles=False)
        text = ";".join([head, *(f"rport={port}" if part.lower() == "rport" else part for part in parts)])
    if "received" in top.params:
        return text
    return f"{text};received={host}"
