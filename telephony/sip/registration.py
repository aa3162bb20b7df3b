"""A registration with a trunk's registrar (RFC 3261, 10): kept up, and tried again ever more rarely where it fails (RFC 5626, 4.5)."""

from __future__ import annotations

from telephony.sip import uri
from telephony.sip.call import safe
from telephony.sip.events import Registered, RegistrationFailed, Unregistered
from telephony.sip.gate import Trunk
from telephony.sip.headers import NameAddr
from telephony.sip.message import Headers, Request, Response
from telephony.sip.peer import Peer
from telephony.sip.scan import BadMessage, number
from telephony.sip.stack import Question, Stack
from telephony.sip.timing import Alarms
from telephony.sip.uri import Uri

FIRST_RETRY_MS = 30_000
LONGEST_RETRY_MS = 1_800_000
_MOST_S = 86_400


class Registration:
    """``start`` it, ``stop`` it. Refreshed well before it runs out; nobody's clock begins at the same moment."""

    def __init__(self, stack: Stack, trunk: Trunk, user: str, expires_s: int) -> None:
        if trunk.peer is None:
            raise ValueError("this trunk has no address to register at")
        if not uri.is_plain_user(user):
            raise ValueError("that is no user to register as")
        self._stack = stack
        self.trunk = trunk
        self._peer: Peer = trunk.peer
        self._user = user
        self._expires_s = max(60, min(expires_s, _MOST_S))
        self._cseq = 0
        self._call_id = stack.ids.call_id()
        self._tag = stack.ids.tag()
        self._digest = stack.digest_for(trunk.login)
        self._failures = 0
        self._question: Question | None = None
        self._is_stopping = False
        self.is_registered = False
        self.alarms = Alarms(stack.schedule)

    def start(self, now_ms: float) -> None:
        self._register(now_ms)

    def is_of(self, trunk: Trunk, user: str) -> bool:
        """Whether that is to be the same binding: at that registrar, whichever of its servers, of that user."""
        return (trunk.host, user) == (self.trunk.host, self._user)

    def again(self, trunk: Trunk, expires_s: int, now_ms: float) -> None:
        """At once, with what ``trunk`` has now. In the same row of requests (10.2: one Call-ID, a CSeq that goes up): what is still
        on its way can't undo it."""
        if trunk.peer is None:
            raise ValueError("this trunk has no address to register at")
        self.trunk, self._peer = trunk, trunk.peer
        self._expires_s = max(60, min(expires_s, _MOST_S))
        self._digest = self._stack.digest_for(trunk.login)
        self._failures = 0
        self.alarms.clear()
        self._register(now_ms)

    def stop(self, now_ms: float) -> None:
        """Take it back, if it stands."""
        self._is_stopping = True
        self.alarms.clear()
        if self.is_registered or self._question is not None:
            self._send(now_ms)
        else:
            self._stack.tell(Unregistered(self.trunk.id))

    def _register(self, now_ms: float) -> None:
        if self._stack.registering >= self._stack.limits.max_registering:
            self.alarms.set("register", now_ms + 500 + 1_000 * self._stack.ids.part(), self._register)
            return
        self._send(now_ms)

    def _send(self, now_ms: float) -> None:
        if self._question is not None:
            self._question.stop()
        self._stack.registering += 1

        def tell(response: Response | None, at_ms: float) -> None:
            self._on_response(question, response, at_ms)

        self._question = question = Question(self._stack, self._make, self._peer, tell, self._digest)
        question.ask(now_ms)

    def _make(self) -> Request:
        self._cseq += 1
        host = f"[{self.trunk.host}]" if ":" in self.trunk.host else safe(self.trunk.host)
        us = Uri("sip", user=self._user, host=host)
        fields = [
            ("Via", self._stack.via(self._peer)),
            ("Max-Forwards", "70"),
            ("From", str(NameAddr(us, "", {"tag": self._tag}))),
            ("To", str(NameAddr(us))),
            ("Call-ID", self._call_id),
            ("CSeq", f"{self._cseq} REGISTER"),
            ("Contact", self._stack.endpoint.contact(self._peer, self._user)),
            ("Expires", "0" if self._is_stopping else str(self._expires_s)),
            ("User-Agent", self._stack.endpoint.name),
        ]
        return Request("REGISTER", f"sip:{host}", Headers(fields))

    def _on_response(self, question: Question, response: Response | None, now_ms: float) -> None:
        if response is not None and response.is_provisional:
            return
        self._stack.registering -= 1
        if question is not self._question:
            return  # another REGISTER has taken its place
        self._question = None
        if self._is_stopping:
            self.is_registered = False
            self._stack.tell(Unregistered(self.trunk.id))
            return
        if response is not None and response.is_success:
            self._on_registered(response, now_ms)
        elif response is not None and response.status == 423 and self._lengthen(response):
            self._register(now_ms)
        else:
            self._on_failure(response, now_ms)

    def _on_registered(self, response: Response, now_ms: float) -> None:
        self._failures = 0
        self.is_registered = True
        granted_s = self._granted_s(response)
        share = (0.5 if granted_s < 120 else 0.75) + 0.1 * self._stack.ids.part()
        self.alarms.set("register", now_ms + max(5_000, granted_s * 1_000 * share), self._register)
        self._stack.tell(Registered(self.trunk.id, granted_s))

    def _granted_s(self, response: Response) -> int:
        """What the registrar granted: at our own Contact, which it may have rewritten to where it sees us, else in Expires, else what
        we asked for."""
        ours = self._stack.endpoint.address(self._peer)
        by_user: list[int] = []
        others: list[int] = []
        try:
            for address in response.headers.addresses("contact"):
                if not address.params.get("expires"):
                    continue
                granted_s = min(number(address.params["expires"], "expires", most=2**32), _MOST_S)
                if address.uri.address == ours.host and (address.uri.port or 5060) == ours.port:
                    return granted_s
                (by_user if address.uri.user == self._user else others).append(granted_s)
            if found := [seconds for seconds in by_user or others if seconds]:
                return min(found)
            if text := response.headers.first("expires"):
                return min(number(text, "Expires", most=2**32), _MOST_S)
        except BadMessage:
            pass
        return self._expires_s

    def _lengthen(self, response: Response) -> bool:
        """A 423 names the shortest time they take."""
        try:
            shortest_s = number(response.headers.first("min-expires"), "Min-Expires", most=_MOST_S)
        except BadMessage:
            return False
        if shortest_s <= self._expires_s:
            return False
        self._expires_s = shortest_s
        return True

    def _on_failure(self, response: Response | None, now_ms: float) -> None:
        self.is_registered = False
        wait_ms = min(FIRST_RETRY_MS * 2.0 ** min(self._failures, 10), LONGEST_RETRY_MS)
        wait_ms *= 0.5 + 0.5 * self._stack.ids.part()
        self._failures += 1
        if response is not None and (text := response.headers.first("retry-after")):
            digits = text.split(";", 1)[0].split("(", 1)[0].strip(" \t")
            if digits.isascii() and digits.isdigit() and len(digits) <= 6:
                wait_ms = max(wait_ms, min(int(digits) * 1_000, LONGEST_RETRY_MS * 2))
        self.alarms.set("register", now_ms + wait_ms, self._register)
        self._stack.tell(RegistrationFailed(self.trunk.id, response.status if response else 0, int(wait_ms)))
