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
_ADDRESSES = ("route", "record-route", "contact")
_WITHOUT_CONTACT = frozenset(("ACK", "BYE", "CANCEL", "PRACK", "INFO"))
"""Where Contact means nothing, and isn't read (RFC 3261, table 2)."""
_NOT_IN_A_WORD = frozenset(" \t,")


def check_request(request: Request) -> None:
    """Raises :class:`BadMessage` with the status that a request like this deserves."""
    headers = request.headers
    _check_core(headers)
    if headers.cseq.method != request.method:
        raise BadMessage("CSeq names another method")
    for name in headers.repeated:
        if name in _AT_MOST_ONCE:
            raise BadMessage(f"there are two {name}")
    firsts = headers.firsts
    if "replaces" in firsts and request.method != "INVITE":
        raise BadMessage("only a call can take another's place")  # RFC 3891, 3
    if "max-forwards" in firsts:
        number(firsts["max-forwards"], "Max-Forwards", most=255)
    if "session-expires" in firsts:
        session_timer.parse(firsts["session-expires"])
    if "min-se" in firsts:
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
    firsts, repeated = headers.firsts, headers.repeated
    for key, name in _ONCE.items():
        if not firsts.get(key) or key in repeated:
            raise BadMessage(f"{name} is missing, or there twice")
    if "via" not in firsts:
        raise BadMessage("Via is missing")
    _ = headers.via, headers.cseq, headers.from_
    for key in _ADDRESSES:
        if (
            key in firsts
            and (firsts[key] != "*" or key in repeated)
            and (key != "contact" or headers.cseq.method not in _WITHOUT_CONTACT)
        ):
            values.name_addrs(headers.lines(key))
    tag = headers.to.tag
    if tag and not is_token(tag):
        raise BadMessage("a tag is no token")
    if not _NOT_IN_A_WORD.isdisjoint(headers.call_id):
        raise BadMessage("Call-ID is not one word")
