"""SIP messages (RFC 3261, 7): bytes → request or response → bytes. Every limit is checked before anything is stored."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from telephony.sip import headers as values
from telephony.sip.headers import CSeq, NameAddr, Via
from telephony.sip.scan import TOKEN, BadMessage, is_token, number, split

MAX_HEAD_BYTES = 16 * 1024
MAX_HEADERS = 96
MAX_BODY_BYTES = 64 * 1024
VERSION = "SIP/2.0"
_plain_request = re.compile(r"([A-Z]++) ([^ ]++) SIP/2\.0").fullmatch
"""As nearly everybody writes the first line."""

_COMPACT = {
    "a": "accept-contact", "b": "referred-by", "c": "content-type", "d": "request-disposition", "e": "content-encoding",
    "f": "from", "i": "call-id", "j": "reject-contact", "k": "supported", "l": "content-length", "m": "contact",
    "n": "identity-info", "o": "event", "r": "refer-to", "s": "subject", "t": "to", "u": "allow-events", "v": "via",
    "x": "session-expires", "y": "identity",
}  # fmt: skip
_SHOWN = {
    name.lower(): name
    for name in (
        "Accept", "Allow", "Allow-Events", "Authorization", "Call-ID", "Contact", "Content-Encoding", "Content-Length",
        "Content-Type", "CSeq", "Event", "Expires", "From", "Max-Forwards", "Min-Expires", "Min-SE", "Proxy-Authenticate",
        "Proxy-Authorization", "Proxy-Require", "RAck", "Record-Route", "Refer-To", "Referred-By", "Replaces", "Require",
        "Retry-After", "Route", "RSeq", "Session-Expires", "Subject", "Subscription-State", "Supported", "To", "Unsupported",
        "User-Agent", "Via", "WWW-Authenticate",
    )
}  # fmt: skip
_KEYS = {name: key for key, name in _SHOWN.items()} | {key: key for key in _SHOWN} | _COMPACT
"""As they are nearly always written."""


class Headers:
    """The header fields of one message, in order. Names without regard to case, compact forms as their long ones.

    ``to``, ``via`` and their like parse when they are asked for, once; they raise :class:`BadMessage`.
    """

    __slots__ = ("_cseq", "_fields", "_firsts", "_from", "_repeated", "_to", "_unread", "_via")

    def __init__(self, fields: Iterable[tuple[str, str]] = ()) -> None:
        self._fields: tuple[tuple[str, str], ...] | None = tuple(fields)
        self._unread: Sequence[str] = ()
        self._firsts: dict[str, str] | None = None
        """The first line of each name. Strings alone: so the collector has next to nothing to look at in a message."""
        self._repeated: dict[str, list[str]] = {}
        """All lines of the names that come more than once."""
        self._via: Via | None = None
        self._from: NameAddr | None = None
        self._to: NameAddr | None = None
        self._cseq: CSeq | None = None

    @classmethod
    def read(cls, lines: Sequence[str], firsts: dict[str, str], repeated: dict[str, list[str]]) -> Headers:
        """As the parser has them: ``lines`` are read again where somebody wants ``fields``, which is seldom."""
        headers = cls()
        headers._fields, headers._unread, headers._firsts, headers._repeated = None, lines, firsts, repeated
        return headers

    @property
    def fields(self) -> tuple[tuple[str, str], ...]:
        """Names and values, in order."""
        if self._fields is None:
            read = (_read(line) for line in self._unread)
            self._fields = tuple((_SHOWN.get(key, name), value) for key, name, value in read if key)
        return self._fields

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and self.fields == other.fields

    def __hash__(self) -> int:
        return hash(self.fields)

    def __repr__(self) -> str:
        return f"Headers({list(self.fields)!r})"

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self.fields)

    def __contains__(self, name: str) -> bool:
        firsts = self._firsts or self.firsts
        return name in firsts or name.lower() in firsts

    @property
    def firsts(self) -> dict[str, str]:
        """The first line of each name, by its long form in lower case."""
        if self._firsts is None:
            self._firsts = {}
            for name, value in self.fields:
                key = name.lower()
                _add(self._firsts, self._repeated, _COMPACT.get(key, key), value)
        return self._firsts

    @property
    def repeated(self) -> dict[str, list[str]]:
        """All lines of the names that come more than once, by name in the same way."""
        _ = self.firsts
        return self._repeated

    def lines(self, name: str) -> list[str]:
        """Every line of that name, uncut."""
        firsts = self._firsts or self.firsts
        if name not in firsts:
            name = name.lower()
            if name not in firsts:
                return []
        return self._repeated.get(name) or [firsts[name]]

    def first(self, name: str) -> str:
        """The first line of that name; "" where there is none."""
        firsts = self._firsts or self.firsts
        return firsts.get(name) or firsts.get(name.lower(), "")

    def values(self, name: str) -> list[str]:
        """The parts between the commas, of all lines of that name."""
        return [part for line in self.lines(name) for part in split(line, ",") if part]

    def addresses(self, name: str) -> list[NameAddr]:
        return values.name_addrs(self.lines(name))

    def tokens(self, name: str) -> frozenset[str]:
        """Of Supported, Require, Allow …: the words, in lower case."""
        lines = self.lines(name)
        if not lines:
            return _NO_WORDS
        return _words(lines[0]) if len(lines) == 1 else _words(" ".join(lines))

    @property
    def via(self) -> Via:
        """The topmost."""
        if self._via is None:
            line = self.first("via")
            self._via = values.via(split(line, ",", angles=False)[0] if "," in line else line)
        return self._via

    @property
    def from_(self) -> NameAddr:
        if self._from is None:
            self._from = values.name_addr(self.first("from"))
        return self._from

    @property
    def to(self) -> NameAddr:
        if self._to is None:
            self._to = values.name_addr(self.first("to"))
        return self._to

    @property
    def cseq(self) -> CSeq:
        if self._cseq is None:
            self._cseq = values.cseq(self.first("cseq"))
        return self._cseq

    @property
    def call_id(self) -> str:
        return self.first("call-id")


class Request(NamedTuple):
    method: str
    """As it came: methods have case (RFC 3261, 7.1)."""
    uri: str
    headers: Headers
    body: bytes = b""

    def encode(self) -> bytes:
        return _encoded(f"{self.method} {self.uri} {VERSION}", self.headers, self.body)

    def with_headers(self, fields: Iterable[tuple[str, str]]) -> Request:
        return self._replace(headers=Headers(fields))


class Response(NamedTuple):
    status: int
    reason: str
    headers: Headers
    body: bytes = b""

    @property
    def is_provisional(self) -> bool:
        return self.status < 200

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300

    def encode(self) -> bytes:
        return _encoded(f"{VERSION} {self.status} {self.reason}", self.headers, self.body)


Message = Request | Response


class BadRequest(BadMessage):
    """A request that can't be read to its end, with what of it could: enough to answer it, perhaps."""

    def __init__(self, reason: str, status: int, request: Request) -> None:
        super().__init__(reason, status)
        self.request = request


def _encoded(start: str, headers: Headers, body: bytes) -> bytes:
    """Content-Length is ours to count: a given one is left out."""
    lines = [start]
    lines += [f"{name}: {value}" for name, value in headers.fields if name != "Content-Length"]
    lines.append(f"Content-Length: {len(body)}\r\n\r\n")
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + body


def parse(data: bytes) -> Message:
    """One datagram, or one framed piece of a stream. What stands behind the body is ignored (RFC 3261, 18.3).

    Raises :class:`BadRequest` for a request that can be told what is wrong with it, else :class:`BadMessage`.
    """
    start = 0
    while data.startswith(b"\r\n", start):
        start += 2
    end = data.find(b"\r\n\r\n", start, start + MAX_HEAD_BYTES + 4)
    if end < 0:
        raise BadMessage("the head has no end, or is too long", 513)
    text = data[start:end].decode("utf-8", "surrogateescape")
    lines = text.split("\r\n")
    if not len(lines) - 1 == text.count("\n") == text.count("\r"):
        raise BadMessage("a line ends with half a line end")
    start_line, *lines = _unfolded(lines) if "\r\n " in text or "\r\n\t" in text else lines
    headers, wrong = _headers(lines)
    try:
        if wrong:
            raise BadMessage(wrong)
        length = _content_length(headers, len(data) - end - 4)
        return _message(start_line, headers, data[end + 4 : end + 4 + length])
    except BadMessage as error:
        words = start_line.split(" ")
        if len(words) > 1 and is_token(words[0]):
            raise BadRequest(error.reason, error.status, Request(words[0], words[1], headers)) from error
        raise


def _headers(lines: Sequence[str]) -> tuple[Headers, str]:
    """And what is wrong with them ("": nothing)."""
    firsts: dict[str, str] = {}
    repeated: dict[str, list[str]] = {}
    if len(lines) > 4 * MAX_HEADERS:
        return Headers(), "there are too many lines"
    wrong = ""
    count = 0
    for at, line in enumerate(lines):
        name, colon, value = line.partition(":")
        key = _KEYS.get(name, "")
        if key and colon:  # as it is nearly always
            value = value.strip(" \t")
        else:
            key, _, value = _read(line)
            if not key:
                wrong = wrong or "a header has no name"
                continue
        count += 1
        if count > MAX_HEADERS:
            return Headers.read(lines[:at], firsts, repeated), "there are too many headers"
        if key in firsts:
            _add(firsts, repeated, key, value)
        else:
            firsts[key] = value
    return Headers.read(lines, firsts, repeated), wrong


def _read(line: str) -> tuple[str, str, str]:
    """Long name in lower case ("" where there is none that could be one), name, and value."""
    name, colon, value = line.partition(":")
    name = name.rstrip(" \t")
    if not colon or not name or name.strip(TOKEN):
        return "", "", ""
    key = name.lower()
    return _COMPACT.get(key, key), name, value.strip(" \t")


def _add(firsts: dict[str, str], repeated: dict[str, list[str]], key: str, value: str) -> None:
    if key not in firsts:
        firsts[key] = value
    elif key in repeated:
        repeated[key].append(value)
    else:
        repeated[key] = [firsts[key], value]


_NO_WORDS: frozenset[str] = frozenset()


@lru_cache(maxsize=256)
def _words(text: str) -> frozenset[str]:
    return frozenset(text.replace(",", " ").lower().split())


def _unfolded(lines: list[str]) -> list[str]:
    """The lines, where one that begins with a blank goes on with the one before (RFC 3261, 7.3.1); the first stays as it is."""
    whole: list[list[str]] = []
    for line in lines[1:]:
        if line[0] not in " \t":
            whole.append([line.rstrip(" \t")])
        elif whole:
            whole[-1].append(line.strip(" \t"))
    return [lines[0], *(" ".join(parts) for parts in whole)]


def _message(line: str, headers: Headers, body: bytes) -> Message:
    plain = _plain_request(line)
    if plain is not None:
        return Request(plain[1], plain[2], headers, body)
    if line[:8].upper() == "SIP/2.0 ":
        status, _, reason = line[8:].partition(" ")
        if len(status) != 3 or not (status.isascii() and status.isdigit()) or not "1" <= status[0] <= "6":
            raise BadMessage("a status has not three digits")
        return Response(int(status), reason, headers, body)
    words = line.rstrip(" ").split(" ")
    version = words[-1].upper()
    if version != VERSION and version.startswith("SIP/"):
        raise BadMessage("only SIP/2.0 is spoken here", 505)
    if len(words) != 3 or version != VERSION or not words[1] or not is_token(words[0]):
        raise BadMessage("the request line is not understood")
    return Request(words[0], words[1], headers, body)


def _content_length(headers: Headers, available: int) -> int:
    if "content-length" not in headers.firsts:
        length = available
    elif "content-length" in headers.repeated:
        raise BadMessage("there are two Content-Length")
    else:
        length = number(headers.firsts["content-length"], "Content-Length", most=2**32)
    if length > MAX_BODY_BYTES:
        raise BadMessage("the body is too long", 513)
    if length > available:
        raise BadMessage("the body is shorter than its Content-Length")
    return length
