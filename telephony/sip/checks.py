"""Whether a message that could be read is one we can act on (RFC 3261, 8.1.3 and 8.2; RFC 4475)."""

from __future__ import annotations

from telephony.sip import headers as values
from telephony.sip import session_timer, uri
from telephony.sip.message import Headers, Request, Response
from telephony.sip.scan import BadMessage, is_token, number

_ONCE = ("To", "From", "Call-ID", "CSeq")
_AT_MOST_ONCE = (
    "Max-Forwards",
    "Content-Type",
    "Expires",
    "RSeq",
    "RAck",
    "Event",
    "Refer-To",
    "Replaces",
    "Session-Expires",
)


def check_request(request: Request) -> None:
    """Raises :class:`BadMessage` with the status that a request like this deserves."""
    headers = request.headers
    _check_core(headers)
    if headers.cseq.method != request.method:
        raise BadMessage("CSeq names another method")
    for name in _AT_MOST_ONCE:
        if len(headers.lines(name)) > 1:
            raise BadMessage(f"there are two {name}")
    if "Max-Forwards" in headers:
        number(headers.first("max-forwards"), "Max-Forwards", most=255)
    if "Session-Expires" in headers:
        session_timer.parse(headers.first("session-expires"))
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
    for name in _ONCE:
        lines = headers.lines(name)
        if len(lines) != 1 or not lines[0]:
            raise BadMessage(f"{name} is missing, or there twice")
    if not headers.lines("via"):
        raise BadMessage("Via is missing")
    _ = headers.via, headers.cseq, headers.from_
    values.name_addrs(headers.lines("route") + headers.lines("record-route"))
    contacts = headers.lines("contact")
    if contacts and contacts != ["*"]:
        values.name_addrs(contacts)
    if headers.to.tag and not is_token(headers.to.tag):
        raise BadMessage("a tag is no token")
    if any(char in " \t," for char in headers.call_id):
        raise BadMessage("Call-ID is not one word")
