"""OPTIONS to a trunk, again and again: whether anybody is there, and a way through their NAT that stays open."""

from __future__ import annotations

from telephony.sip.events import TrunkReachable, TrunkUnreachable
from telephony.sip.gate import Trunk
from telephony.sip.message import Headers, Request, Response
from telephony.sip.peer import Peer
from telephony.sip.stack import Question, Stack
from telephony.sip.timing import Alarms

LOST = 2
"""As many unanswered in a row, and the trunk counts as unreachable: one can get lost."""


class KeepAlive:
    """Any answer is a sign of life, a refusal too; but 408 and 503 speak for somebody behind them who doesn't answer."""

    def __init__(self, stack: Stack, trunk: Trunk, every_ms: int) -> None:
        if trunk.peer is None:
            raise ValueError("this trunk has no address to ask")
        self._stack = stack
        self.trunk = trunk
        self._peer: Peer = trunk.peer
        self._every_ms = max(1_000, every_ms)
        self._cseq = 0
        self._call_id = stack.ids.call_id()
        self._tag = stack.ids.tag()
        self._digest = stack.digest_for(trunk.login)
        self._asked_at_ms = 0.0
        self._lost = 0
        self.is_reachable: bool | None = None
        self._is_stopped = False
        self.alarms = Alarms(stack.schedule)

    def start(self, now_ms: float) -> None:
        self._ask(now_ms)

    def stop(self) -> None:
        self._is_stopped = True
        self.alarms.clear()

    def _ask(self, now_ms: float) -> None:
        self._asked_at_ms = now_ms
        Question(self._stack, self._make, self._peer, self._on_response, self._digest).ask(now_ms)

    def _make(self) -> Request:
        self._cseq += 1
        host = f"[{self.trunk.host}]" if ":" in self.trunk.host else self.trunk.host
        local = self._stack.endpoint.address(self._peer)
        fields = [
            ("Via", self._stack.via(self._peer)),
            ("Max-Forwards", "70"),
            ("From", f"<sip:{local}>;tag={self._tag}"),
            ("To", f"<sip:{host}>"),
            ("Call-ID", self._call_id),
            ("CSeq", f"{self._cseq} OPTIONS"),
            ("Contact", self._stack.endpoint.contact(self._peer)),
            ("User-Agent", self._stack.endpoint.name),
        ]
        if self.trunk.path:
            fields.append(("Route", self.trunk.path))
        return Request("OPTIONS", self.trunk.contact or f"sip:{host}", Headers(fields))

    def _on_response(self, response: Response | None, now_ms: float) -> None:
        if self._is_stopped or (response is not None and response.is_provisional):
            return
        if response is not None and response.status not in (408, 503):
            self._lost = 0
            if not self.is_reachable:
                self.is_reachable = True
                self._stack.tell(TrunkReachable(self.trunk.id, int(now_ms - self._asked_at_ms)))
        else:
            self._lost += 1
            if self._lost >= LOST and self.is_reachable is not False:
                self.is_reachable = False
                self._stack.tell(TrunkUnreachable(self.trunk.id))
        spread = 0.9 + 0.2 * self._stack.ids.part()
        self.alarms.set("ask", max(now_ms + 1_000, self._asked_at_ms + self._every_ms * spread), self._ask)
