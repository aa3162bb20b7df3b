"""Telephones that register with us (RFC 3261, 10.3): where each is, for as long as it says. One for each trunk that takes them.

Calls go to where the registration came from, whatever address it names: what a telephone says of itself leads nobody elsewhere. Where it
came by our own proxy, they go there, and on by the Path that the proxy has put in (RFC 3327); nobody else's is looked at.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from telephony.sip.events import PhoneLeft, PhoneRegistered
from telephony.sip.gate import Origin, Trunk
from telephony.sip.headers import NameAddr
from telephony.sip.peer import Peer
from telephony.sip.scan import BadMessage, number
from telephony.sip.stack import Asked, Stack
from telephony.sip.timing import Alarms

LEAST_S, MOST_S = 60, 300
"""For how long at a time. Short, so that a worker that was started anew soon knows where they are."""
_LONGEST_URI = 300


@dataclass(frozen=True, slots=True)
class _Telephone:
    contact: str
    """What it wants to be called at: the Request-URI, and no more than that."""
    peer: Peer
    until_ms: float
    path: str = ""


class Registrar:
    """Who asks has proved who it is by then."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._at: dict[str, _Telephone] = {}
        self._alarms = Alarms(stack.schedule)

    def reached(self, trunk: Trunk) -> Trunk:
        """The trunk as it is called now: where its telephone is, if it has told us."""
        found = self._at.get(trunk.id)
        return (
            replace(trunk, peer=found.peer, contact=found.contact, path=found.path)
            if found and trunk.is_registrar
            else trunk
        )

    def receive(self, asked: Asked, origin: Origin, now_ms: float) -> None:
        try:
            status, extra = self._carry_out(asked, origin, now_ms)
        except BadMessage:
            status, extra = 400, []
        asked.respond(status, now_ms, extra=extra)

    def _carry_out(self, asked: Asked, origin: Origin, now_ms: float) -> tuple[int, list[tuple[str, str]]]:
        headers, trunk = asked.request.headers, origin.trunk
        is_proxied = origin.host != asked.source.host
        path = next(iter(headers.values("path")), "") if is_proxied else ""
        if is_proxied and not path:
            return 421, [("Require", "path")]
        if trunk.expects is None or headers.to.uri.user != trunk.expects.username:
            return 404, []  # it has signed in as somebody else
        general = headers.first("expires")
        if [line.strip() for line in headers.lines("contact")] == ["*"]:
            if general.strip() != "0":
                raise BadMessage("all contacts, but not to be forgotten")
            self._leaves(trunk.id)
            return 200, []
        wanted = [(contact, _seconds(contact, general)) for contact in headers.addresses("contact")]
        if any(0 < seconds < LEAST_S for _, seconds in wanted):
            return 423, [("Min-Expires", str(LEAST_S))]
        for contact, seconds in wanted:
            uri = str(contact.uri)
            if not contact.uri.is_sip or contact.uri.headers or len(uri) > _LONGEST_URI:
                raise BadMessage("a contact that can't be called")
            found = self._at.get(trunk.id)
            if seconds:
                until_ms = now_ms + min(seconds, MOST_S) * 1_000
                found = _Telephone(uri, asked.source, until_ms, path)
                self._is_at(trunk, found, origin.host if is_proxied else "", now_ms)
            elif found is not None and found.contact == uri:
                self._leaves(trunk.id)
        found = self._at.get(trunk.id)
        if found is None:
            return 200, []
        told = [("Path", found.path), ("Supported", "path")] if found.path else []
        return 200, [
            *told,
            ("Contact", f"<{found.contact}>;expires={max(1, round((found.until_ms - now_ms) / 1_000))}"),
        ]

    def _is_at(self, trunk: Trunk, found: _Telephone, host: str, now_ms: float) -> None:
        self._at[trunk.id] = found
        self._alarms.set(trunk.id, found.until_ms, lambda at_ms: self._leaves(trunk.id))
        seconds = round((found.until_ms - now_ms) / 1_000)
        self._stack.tell(PhoneRegistered(trunk.id, found.peer, seconds, host))

    def _leaves(self, trunk_id: str) -> None:
        self._alarms.clear(trunk_id)
        if self._at.pop(trunk_id, None) is not None:
            self._stack.tell(PhoneLeft(trunk_id))


def _seconds(contact: NameAddr, general: str) -> int:
    """The contact's own time, else the one for all of them, else as long as we like."""
    said = contact.params.get("expires") or general
    return number(said, "Expires", most=2**32 - 1) if said else MOST_S
