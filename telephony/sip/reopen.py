"""Where a message goes when the connection that it was meant for is gone (RFC 3261, 18.1.1 and 18.2.2): what it says itself.

Whoever called us did so from any port, at which nobody listens once the connection is closed.
"""

from __future__ import annotations

from telephony.sip import uri
from telephony.sip.headers import name_addr
from telephony.sip.message import Response, parse
from telephony.sip.peer import Peer, next_hop
from telephony.sip.scan import BadMessage


def where_to(data: bytes, gone: Peer) -> Peer:
    """For a response the port in its Via, at the address that the request came from. For a request in a dialog its Route, or else its
    address: the other side's Contact. ``gone`` itself for all others, and for what can't be read."""
    try:
        message = parse(data)
        headers = message.headers
        if isinstance(message, Response):
            return gone._replace(port=headers.via.port or (5061 if gone.transport == "tls" else 5060))
        if not headers.to.tag:
            return gone
        told = [name_addr(route).uri for route in headers.values("route")[:1]]
        told.append(uri.parse(message.uri))
    except BadMessage:
        return gone
    for each in told:  # the one that led to the connection; a strict router stands in the address, not in Route
        if each.host and next_hop(each, gone) == gone:
            return next_hop(each, gone, is_open=False)
    return gone
