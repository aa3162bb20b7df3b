"""A dialog (RFC 3261, 12): what two sides must agree on to go on talking. It numbers, addresses and routes the requests in it."""

from __future__ import annotations

from collections.abc import Iterable

from telephony.sip import headers as values
from telephony.sip import uri
from telephony.sip.message import Headers, Request, Response
from telephony.sip.peer import Peer, next_hop
from telephony.sip.uri import Uri

Key = tuple[str, str, str]
"""Call-ID, our tag, their tag."""


class Dialog:
    """``local`` and ``remote`` are whole header values with their tags (theirs to the letter as it came), and the tags."""

    def __init__(
        self,
        *,
        call_id: str,
        local: tuple[str, str],
        remote: tuple[str, str],
        target: str,
        routes: list[str],
        peer: Peer,
        local_cseq: int,
    ) -> None:
        self.call_id = call_id
        self.local, self.local_tag = local
        self.remote, self.remote_tag = remote
        self.target = target
        """Their Contact: where requests are addressed to."""
        self.routes = routes
        self.peer = peer
        """Whom it was made with."""
        self.local_cseq = local_cseq
        self.remote_cseq: int | None = None

    @classmethod
    def of_incoming(cls, request: Request, tag: str, peer: Peer) -> Dialog:
        """As the one who was asked (12.1.1): the route as it was recorded."""
        headers = request.headers
        dialog = cls(
            call_id=headers.call_id,
            local=(f"{headers.first('to')};tag={tag}", tag),
            remote=(headers.first("from"), headers.from_.tag),
            target=_contact_of(headers) or headers.from_.uri.bare,
            routes=headers.values("record-route"),
            peer=peer,
            local_cseq=0,
        )
        dialog.remote_cseq = headers.cseq.number
        return dialog

    @classmethod
    def of_outgoing(cls, request: Request, response: Response, peer: Peer) -> Dialog:
        """As the one who asked (12.1.2): the recorded route backwards."""
        return cls(
            call_id=request.headers.call_id,
            local=(request.headers.first("from"), request.headers.from_.tag),
            remote=(response.headers.first("to"), response.headers.to.tag),
            target=_contact_of(response.headers) or request.uri,
            routes=response.headers.values("record-route")[::-1],
            peer=peer,
            local_cseq=request.headers.cseq.number,
        )

    @property
    def key(self) -> Key:
        return (self.call_id, self.local_tag, self.remote_tag)

    def is_in_order(self, request: Request) -> bool:
        """Whether their request's number is higher than those before (12.2.2). Takes it up if so."""
        number = request.headers.cseq.number
        if self.remote_cseq is not None and number <= self.remote_cseq:
            return False
        self.remote_cseq = number
        return True

    def refresh(self, message: Request | Response) -> None:
        """A re-INVITE, an UPDATE or a 2xx to one may say that the other side has moved (12.2)."""
        self.target = _contact_of(message.headers) or self.target

    def next_hop(self) -> Peer:
        first = values.name_addr(self.routes[0]).uri if self.routes else uri.parse(self.target)
        return next_hop(first, self.peer) if first.host else self.peer

    def request(
        self,
        method: str,
        via: str,
        extra: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        *,
        cseq: int | None = None,
    ) -> Request:
        """The next request in this dialog; with ``cseq`` one that repeats a number: ACK."""
        if cseq is None:
            self.local_cseq += 1
            cseq = self.local_cseq
        target, routes = self._routed()
        fields = [("Via", via), ("Max-Forwards", "70")]
        fields += [("Route", route) for route in routes]
        fields += [
            ("From", self.local),
            ("To", self.remote),
            ("Call-ID", self.call_id),
            ("CSeq", f"{cseq} {method}"),
        ]
        fields += extra
        return Request(method, target, Headers(fields), body)

    def _routed(self) -> tuple[str, list[str]]:
        """Request address and Route. A first hop without ``lr`` is a strict router, and wants itself as the address (12.2.1.1)."""
        if self.routes:
            first = values.name_addr(self.routes[0]).uri
            if "lr" not in first.params:
                return str(first), [*self.routes[1:], f"<{self.target}>"]
        return self.target, self.routes


def _contact_of(headers: Headers) -> str:
    """The address in Contact; "" without one that can be used."""
    lines = headers.lines("contact")
    if not lines or lines[0] == "*":
        return ""
    found: Uri = headers.addresses("contact")[0].uri
    return found.bare if found.is_sip else ""
