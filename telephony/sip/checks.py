"""Whether a message that could be read is one we can act on (RFC 3261, 8.1.3 and 8.2; RFC 4475)."""

from __future__ import annotations

from telephony.sip import headers as values
from telephony.sip import session_timer, uri
from telephony.sip.message import Headers, Request, Response
from telephony.sip.scan import BadMessage, is_token, number

_ONCE = {"to": "To", "from": "From", "call-id": "Call-ID", "cseq": "CSeq"}
_AT_MOST_ONCE = frozenset((
    "max-forwards", "content-type", "expires", "rseq", "rack", "event", "refer-to", "replaces", "session-expires", "min-se",
))  # fmt: skip
_WITHOUT_CONTACT = frozenset(("ACK", "BYE", "CANCEL", "PRACK", "INFO"))
"""Where Contact means nothing, and isn't read (RFC 3261, table 2)."""
_NOT_IN_A_WORD = frozenset(" \t,")


def check_request(request: Request) -> None:
    """Raises :class:`BadMessage` with the status that a request like this deserves."""
    headers = request.headers
    _check_core(headers)
    if headers.cseq.method != request.method:
        raise BadMessage("CSeq names another method")
    by_name = headers.by_name
    for name, lines in by_name.items():
        if len(lines) > 1 and name in _AT_MOST_ONCE:
            raise BadMessage(f"there are two {name}")
    if "max-forwards" in by_name:
        number(by_name["max-forwards"][0], "Max-Forwards", most=255)
    if "session-expires" in by_name:
        session_timer.parse(by_name["session-expires"][0])
    if "min-se" in by_name:
        session_timer.min_se(request)
    target = uri.parse(request.uri)
    if target.headers:
        raise BadMessage("a request's own address has headers")
    if not target.is_sip and target.scheme != "tel":
        raise BadMessage("the address's scheme is not known", 416)


def check_response(response: Response) -> None:
    """Raises :class:`BadMessage`: such a response is dropped. One with two Vias was meant for another (RFC 3261, 8.1.3.3)."""
    _check_core(response.headers)
    vias = response.headers.lines("via")
    if len(vias) != 1 or ("," in vias[0] and len(response.headers.values("via")) != 1):
        raise BadMessage("a response has another's Via")


def _check_core(headers: Headers) -> None:
    by_name = headers.by_name
    for key, name in _ONCE.items():
        lines = by_name.get(key)
        if not lines or len(lines) != 1 or not lines[0]:
            raise BadMessage(f"{name} is missing, or there twice")
    if "via" not in by_name:
        raise BadMessage("Via is missing")
    _ = headers.via, headers.cseq, headers.from_
    for key in ("route", "record-route", "contact"):
        lines = by_name.get(key)
        if lines and lines != ["*"] and (key != "contact" or headers.cseq.method not in _WITHOUT_CONTACT):
            values.name_addrs(lines)
    if headers.to.tag and not is_token(headers.to.tag):
        raise BadMessage("a tag is no token")
    if not _NOT_IN_A_WORD.isdisjoint(headers.call_id):
        raise BadMessage("Call-ID is not one word")
