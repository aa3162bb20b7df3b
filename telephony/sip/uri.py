"""SIP and tel URIs (RFC 3261, 19.1; RFC 3966). Any other scheme is kept as text: its owner may be told 416."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from urllib.parse import quote, unquote

from telephony.sip.scan import BadMessage, number

MAX_URI = 4_096
_NAME = string.ascii_letters + string.digits + "-._"
_PLAIN = string.ascii_letters + string.digits + "-_.!~*'()+"
_IPV6 = string.hexdigits + ":."
_SCHEME = string.ascii_letters + string.digits + "+-."
_has_bad = re.compile(r'[ "<>\\^`{|}\t\r\n\x00\x7f]').search
"""Nowhere in a URI (RFC 3261, 25.1), whatever its scheme; the backtick and the braces only in some of its parts."""
_IN_USER = "-_.!~*'()&=+$,;?/%"


@dataclass(slots=True)
class Uri:
    """Not frozen, though nobody changes one: that makes it four times as dear, and each message has some.

    ``user`` and ``password`` are without their escapes; ``params`` have names in lower case, "" for one without value."""

    scheme: str
    user: str = ""
    host: str = ""
    """A name, an IPv4 address, or an IPv6 address in its brackets. For ``tel`` empty: the number is the user."""
    port: int | None = None
    params: Mapping[str, str] = field(default_factory=dict)
    password: str = ""
    headers: str = ""
    """What stands behind the question mark, escaped as it came."""
    opaque: str = ""
    """All behind the colon, of a scheme that is not ours to read."""
    text: str = field(default="", compare=False)
    """As it came, if it came."""

    @property
    def is_sip(self) -> bool:
        return self.scheme in ("sip", "sips")

    @property
    def address(self) -> str:
        """The host without an IPv6 address's brackets."""
        return self.host.strip("[]")

    @property
    def bare(self) -> str:
        """To address a request to: as it came, but without headers (RFC 3261, 19.1.1, table 1)."""
        return str(replace(self, headers="")) if self.headers else self.text or str(self)

    def __str__(self) -> str:
        if self.opaque:
            return f"{self.scheme}:{self.opaque}"
        tail = "".join(f";{name}={value}" if value else f";{name}" for name, value in self.params.items())
        if self.scheme == "tel":
            return f"tel:{self.user}{tail}"
        user = ""
        if self.user:
            user = quote(self.user, safe=_IN_USER.replace("%", ""), errors="surrogateescape")
            if self.password:
                user += ":" + quote(self.password, safe="-_.!~*'()&=+$,", errors="surrogateescape")
            user += "@"
        port = f":{self.port}" if self.port is not None else ""
        return f"{self.scheme}:{user}{self.host}{port}{tail}" + (f"?{self.headers}" if self.headers else "")


def parse(text: str) -> Uri:
    """Raises :class:`BadMessage` for what no URI may be. A call tells the same few again and again: the last are kept."""
    return _kept(text) if len(text) <= KEPT_LENGTH else _parsed(text)


def _parsed(text: str) -> Uri:
    if len(text) > MAX_URI:
        raise BadMessage("a URI is too long", 414)
    scheme, colon, rest = text.partition(":")
    if not colon or not scheme or not scheme[0].isalpha() or scheme.strip(_SCHEME) or not rest:
        raise BadMessage("a URI has no scheme")
    scheme = scheme.lower()
    if scheme in ("sip", "sips"):
        return _sip(scheme, rest, text)
    if _has_bad(rest):
        raise BadMessage("a URI has a character that it may not have")
    if scheme == "tel":
        user, _, tail = rest.partition(";")
        return Uri("tel", user=user, params=_params(tail) if tail else {}, text=text)
    return Uri(scheme, opaque=rest, text=text)


KEPT, KEPT_LENGTH = 1_024, 200
"""How many parsed texts are kept, and how long one may be for it."""
_kept = lru_cache(maxsize=KEPT)(_parsed)


def _sip(scheme: str, rest: str, text: str) -> Uri:
    if _has_bad(rest):
        raise BadMessage("a URI has a character that it may not have")
    user = password = ""
    hostpart = rest
    if "@" in rest:
        userinfo, _, hostpart = rest.partition("@")
        if "@" in hostpart:
            raise BadMessage("a URI has two @")
        user, _, password = userinfo.partition(":")
        if not user:
            raise BadMessage("a URI has an @ and no user")
        if "%" in userinfo:
            user, password = (unquote(part, errors="surrogateescape") for part in (user, password))
    hostpart, _, headers = hostpart.partition("?")
    hostport, semicolon, tail = hostpart.partition(";")
    host, port = host_and_port(hostport)
    return Uri(scheme, user, host, port, _params(tail) if semicolon else {}, password, headers, "", text)


def is_plain_user(text: str) -> bool:
    """Whether it can stand before the @ without escapes."""
    return bool(text) and not text.strip(_PLAIN)


def host_and_port(text: str) -> tuple[str, int | None]:
    """``example.com:5060``, ``192.0.2.1``, ``[2001:db8::1]:5061``. A third colon in a row (RFC 5118, 4.10) is taken for two."""
    if text.startswith("["):
        inside, bracket, tail = text[1:].partition("]")
        if not bracket or not inside or inside.strip(_IPV6) or ":" not in inside:
            raise BadMessage("a host is no IPv6 address")
        host = "[" + inside.replace(":::", "::") + "]"
    else:
        host, colon, tail = text.partition(":")
        if not host or host.strip(_NAME):
            raise BadMessage("a host is neither a name nor an address")
        tail = colon + tail
    if not tail:
        return host, None
    if tail[0] != ":":
        raise BadMessage("something stands behind a host")
    return host, number(tail[1:], "a port", most=65_535)


def _params(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in text.split(";"):
        name, equals, value = part.partition("=")
        if not name or (equals and not value):
            raise BadMessage("a URI's parameter is empty")
        found.setdefault(name.lower(), value)
    return found
