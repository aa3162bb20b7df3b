"""The responses to one request (RFC 3261, 8.2.6.2) as bytes: what is the same in each of them is written once."""

from __future__ import annotations

from collections.abc import Iterable

from telephony.sip.message import VERSION, Headers, Request
from telephony.sip.reasons import phrase
from telephony.sip.scan import BadMessage


class Replies:
    """``via``: the first Via line, its topmost value stamped with where the request came from; "" leaves it as it came."""

    __slots__ = ("_before", "_behind", "_routes", "_stamp", "_to", "has_tag")

    def __init__(self, request: Request, via: str) -> None:
        headers = request.headers
        vias = headers.lines("via")
        if via:
            vias = [via, *vias[1:]]
        self._before = "".join([f"Via: {line}\r\n" for line in vias]) + _written(headers, "From")
        self._to = headers.lines("to")
        self._behind = _written(headers, "Call-ID") + _written(headers, "CSeq")
        self._routes = _written(headers, "Record-Route")
        self._stamp = _written(headers, "Timestamp")
        self.has_tag = _has_tag(headers)
        """In To, of theirs; where there is none, a response other than 100 has one of ours."""

    def encode(
        self, status: int, reason: str, tag: str, extra: Iterable[tuple[str, str]] = (), body: bytes = b""
    ) -> bytes:
        """``tag`` is ours, for the To of a request that has none. ``reason`` "": the usual one."""
        ours = f";tag={tag}" if tag and not self.has_tag else ""
        to = "".join([f"To: {line}{ours}\r\n" for line in self._to])
        more = self._routes if 100 < status < 300 else self._stamp if status == 100 else ""
        for name, value in extra:
            more += f"{name}: {value}\r\n"
        head = (
            f"{VERSION} {status} {reason or phrase(status)}\r\n{self._before}{to}{self._behind}{more}"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        return head.encode("utf-8", "surrogateescape") + body


def _written(headers: Headers, name: str) -> str:
    key = name.lower()
    if key in headers.repeated:
        return "".join([f"{name}: {line}\r\n" for line in headers.lines(key)])
    return f"{name}: {headers.firsts[key]}\r\n" if key in headers.firsts else ""


def _has_tag(headers: Headers) -> bool:
    try:
        return bool(headers.to.tag)
    except BadMessage:  # it can't be read: what came is what goes back
        return True
