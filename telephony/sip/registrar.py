"""Telephones that register with us (RFC 3261, 10.3): where each is, for as long as it says. One for each trunk that takes them.

Calls go to where the registration came from, whatever address it names: what a telephone says of itself leads nobody elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from telephony.sip.events import PhoneLeft, PhoneRegistered
from telephony.sip.gate import Trunk
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


class Registrar:
    """Who asks has proved who it is by then."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._at: dict[str, _Telephone] = {}
        self._alarms = Alarms(stack.schedule)

    def reached(self, trunk: Trunk) -> Trunk:
        """The trunk as it is called now: where its telephone is, if it has told us."""
        found = self._at.get(trunk.id)
        return replace(trunk, peer=found.peer, contact=found.contact) if found and trunk.is_registrar else trunk

    def receive(self, asked: Asked, trunk: Trunk, now_ms: float) -> None:
        try:
            status, extra = self._carry_out(asked, trunk, now_ms)
        except BadMessage:
            status, extra = 400, []
        asked.respond(status, now_ms, extra=extra)

    def _carry_out(self, asked: Asked, trunk: Trunk, now_ms: float) -> tuple[int, list[tuple[str, str]]]:
        headers = asked.request.headers
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
                self._is_at(trunk, uri, asked.source, min(seconds, MOST_S), now_ms)
            elif found is not None and found.contact == uri:
                self._leaves(trunk.id)
        found = self._at.get(trunk.id)
        if found is None:
            return 200, []
        return 200, [("Contact", f"<{found.contact}>;expires={max(1, round((found.until_ms - now_ms) / 1_000))}")]

    def _is_at(self, trunk: Trunk, contact: str, peer: Peer, seconds: int, now_ms: float) -> None:
        until_ms = now_ms + seconds * 1_000
        self._at[trunk.id] = _Telephone(contact, peer, until_ms)
        self._alarms.set(trunk.id, until_ms, lambda at_ms: self._leaves(trunk.id))
        self._stack.tell(PhoneRegistered(trunk.id, peer, seconds))

    def _leaves(self, trunk_id: str) -> None:
        self._alarms.clear(trunk_id)
        if self._at.pop(trunk_id, None) is not None:
            self._stack.tell(PhoneLeft(trunk_id))


def _seconds(contact: NameAddr, general: str) -> int:
    """The contact's own time, else the one for all of them, else as long as we like."""
    said = contact.params.get("expires") or general
    return number(said, "Expires", most=2**32 - 1) if said else MOST_S
