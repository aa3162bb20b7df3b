"""A call: what both directions have in common once the two sides know each other (RFC 3261, 13–15).

SETTING_UP ─answered▶ ANSWERED ─BYE, either way▶ ENDED            offers, digits, transfers and timers live in ANSWERED
     └─refused · cancelled · nobody there▶ ENDED

``Ended`` is told once, as soon as the call is over for us. What is still owed on the network then (an ACK for a late 2xx, a BYE that
must wait for their ACK) is done after it, and the dialog kept for as long.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum, auto

from telephony.sip import body as bodies
from telephony.sip import info, session_timer
from telephony.sip.commands import (
    Answer,
    AnswerOffer,
    CallCommand,
    HangUp,
    Offer,
    RefuseOffer,
    Reject,
    ReportTransfer,
    Ring,
    SendDigit,
    Transfer,
)
from telephony.sip.dialog import Dialog
from telephony.sip.digest import DigestClient
from telephony.sip.events import Acknowledged, DigitReceived, Ended, InfoReceived
from telephony.sip.gate import Trunk
from telephony.sip.message import Request, Response
from telephony.sip.offers import Offers
from telephony.sip.peer import Peer
from telephony.sip.scan import BadMessage
from telephony.sip.session_timer import Agreed
from telephony.sip.stack import ALLOW, SUPPORTED, Asked, OnResponse, Question, Stack
from telephony.sip.timing import Alarms
from telephony.sip.transfer import Transfers


class State(Enum):
    SETTING_UP = auto()
    ANSWERED = auto()
    ENDED = auto()


Fields = list[tuple[str, str]]


class Call:
    """See the head. Made by :class:`telephony.sip.incoming.IncomingCall` and :class:`telephony.sip.outgoing.OutgoingCall`."""

    def __init__(self, stack: Stack, call_id: str, trunk: Trunk, forget: Callable[[Call], None]) -> None:
        self.id = call_id
        self.trunk = trunk
        self.state = State.SETTING_UP
        self.dialog: Dialog | None = None
        self.stack = stack
        self.alarms = Alarms(stack.schedule)
        self.digest: DigestClient | None = None
        self.their_methods: frozenset[str] = frozenset()
        self.session_s = stack.limits.session_expires_s
        """The session's interval that we ask for, or that holds."""
        self.min_se = 0
        """The shortest that somebody on the way takes; 0: nobody has said."""
        """What they said they allow, in lower case."""
        self._forget = forget
        self.offers = Offers(self)
        self.transfers = Transfers(self)
        self._unacked: dict[int, bytes] = {}
        """2xx of ours that no ACK came for yet, by CSeq."""
        self._late_offer = False
        """Their answer to our offer comes in the ACK."""
        self._must_bye = False

    @property
    def has_ended(self) -> bool:
        return self.state is State.ENDED

    @property
    def dialog_id(self) -> str:
        """Its Call-ID."""
        return self.dialog.call_id if self.dialog is not None else ""

    @property
    def can_take_offers(self) -> bool:
        return self.state is State.ANSWERED

    # ---- what both directions answer in their own way

    def hang_up_early(self, now_ms: float) -> None:
        raise NotImplementedError

    def ring(self, status: int, body: bytes, now_ms: float) -> None:
        """Only a call that came in can ring."""

    def answer(self, body: bytes, now_ms: float) -> None:
        """Likewise."""

    def reject(self, status: int, reason: str, now_ms: float) -> None:
        """Likewise."""

    def cancel(self, asked: Asked, now_ms: float) -> None:
        """Their CANCEL of what they asked (9.2)."""
        self.offers.cancel(asked, now_ms)

    def on_prack(self, asked: Asked, now_ms: float) -> None:
        asked.respond(481, now_ms)

    # ---- commands

    def do(self, command: CallCommand, now_ms: float) -> None:
        """What doesn't fit the state is ignored: the other side may have changed it a moment ago."""
        match command:
            case HangUp():
                self.hang_up(now_ms)
            case Ring(_, status, body):
                self.ring(status, body, now_ms)
            case Answer(_, body):
                self.answer(body, now_ms)
            case Reject(_, status, reason):
                self.reject(status, reason, now_ms)
            case _ if self.state is not State.ANSWERED:
                pass
            case Offer(_, body):
                self.offers.offer(body, now_ms)
            case AnswerOffer(_, body):
                self.offers.answer(body, now_ms)
            case RefuseOffer(_, status):
                self.offers.refuse(status, now_ms)
            case SendDigit(_, digit, duration_ms):
                if digit in info.DIGITS:
                    fields = [("Content-Type", info.RELAY)]
                    self.ask("INFO", fields, info.build(digit, duration_ms), self._on_info_answered, now_ms)
            case Transfer():
                self.transfers.ask(command, now_ms)
            case ReportTransfer(_, status):
                self.transfers.report(status, now_ms)

    def hang_up(self, now_ms: float, reason: str = "hung_up") -> None:
        if self.state is State.SETTING_UP:
            self.hang_up_early(now_ms)
        elif self.state is State.ANSWERED:
            self.finish(reason, now_ms, says_bye=True)

    # ---- the end

    def finish(
        self, reason: str, now_ms: float, *, status: int = 0, says_bye: bool = False, stays: bool = False
    ) -> None:
        """Tell that it is over, and do what is owed: BYE if ``says_bye``, though not before their ACK (15.1.1).

        ``stays``: something else is still under way, and whoever began it will ``leave``.
        """
        if self.state is State.ENDED:
            return
        self.state = State.ENDED
        self.offers.end(now_ms)
        self.transfers.end()
        self.alarms.clear("session", "refresh", "ring", "offer", "glare", "transfer", "referred")
        self.stack.tell(Ended(self.id, reason, status))
        if stays:
            return
        if not says_bye:
            self.leave()
        elif self._unacked:
            self._must_bye = True
        else:
            self._bye(now_ms)

    def leave(self) -> None:
        """Nothing is owed any more."""
        self.alarms.clear()
        if self.dialog is not None:
            self.stack.remove_dialog(self.dialog)
        self._forget(self)

    def _bye(self, now_ms: float) -> None:
        self._must_bye = False
        self.ask("BYE", [], b"", self._on_bye_answered, now_ms)

    def _on_bye_answered(self, response: Response | None, now_ms: float) -> None:
        if response is None or not response.is_provisional:
            self.leave()

    # ---- asking in the dialog

    def ask(self, method: str, fields: Fields, body: bytes, tell: OnResponse, now_ms: float) -> Question:
        """A request in the dialog, with credentials where they are wanted."""
        dialog = self.dialog
        assert dialog is not None
        to = dialog.next_hop()

        def make() -> Request:
            return dialog.request(method, self.stack.via(to), fields, body)

        return self.stack.question(make, to, tell, now_ms, digest=self.digest)

    def contact(self, to: Peer | None = None) -> tuple[str, str]:
        assert self.dialog is not None
        return ("Contact", self.stack.endpoint.contact(to or self.dialog.peer))

    def capabilities(self) -> Fields:
        return [("Allow", ALLOW), ("Supported", SUPPORTED), ("User-Agent", self.stack.endpoint.name)]

    def is_gone(self, response: Response | None) -> bool:
        """Whether this answer in the dialog says that there is no dialog any more (12.2.1.2)."""
        return response is None or response.status in (408, 481)

    def _on_info_answered(self, response: Response | None, now_ms: float) -> None:
        if self.is_gone(response):
            self.finish("failed", now_ms, status=response.status if response else 408, says_bye=True)

    # ---- being asked in the dialog

    def receive(self, asked: Asked, now_ms: float) -> None:
        request = asked.request
        if self.dialog is None or (request.method != "BYE" and self.state is State.ENDED):
            asked.respond(481, now_ms)
            return
        if not self.dialog.is_in_order(request):
            asked.respond(500, now_ms, extra=[("Retry-After", "0")])
            return
        match request.method:
            case "BYE":
                self._on_bye(asked, now_ms)
            case "INVITE" | "UPDATE":
                self.offers.receive(asked, now_ms)
            case "PRACK":
                self.on_prack(asked, now_ms)
            case "INFO":
                self._on_info(asked, now_ms)
            case "REFER":
                self.transfers.receive_refer(asked, now_ms)
            case "NOTIFY":
                self.transfers.receive_notify(asked, now_ms)
            case "OPTIONS":
                asked.respond(200, now_ms, extra=[*self.capabilities(), ("Accept", bodies.SDP)])
            case _:
                asked.respond(405, now_ms, extra=[("Allow", ALLOW)])

    def _on_bye(self, asked: Asked, now_ms: float) -> None:
        asked.respond(200, now_ms)
        if self.state is State.ENDED:
            if not self._must_bye:
                return  # both hung up at once: ours is under way
            self._must_bye = False
            self._unacked.clear()
            self.leave()
            return
        self.on_early_bye(now_ms)
        self._unacked.clear()
        self.finish("remote_hung_up", now_ms)

    def on_early_bye(self, now_ms: float) -> None:
        """They hang up before we answered."""

    def _on_info(self, asked: Asked, now_ms: float) -> None:
        asked.respond(200, now_ms)
        request = asked.request
        kind = request.headers.first("content-type")
        pressed = info.parse(kind, request.body)
        if pressed is not None:
            self.stack.tell(DigitReceived(self.id, *pressed))
        elif request.body:
            self.stack.tell(InfoReceived(self.id, kind, request.body))

    # ---- our 2xx to an INVITE, again and again until their ACK (13.3.1.4)

    def repeat_until_acknowledged(self, asked: Asked, data: bytes, now_ms: float, *, is_late_offer: bool) -> None:
        number = asked.request.headers.cseq.number
        self._unacked[number] = data
        self._late_offer = is_late_offer
        timing = self.stack.timing
        end_ms = now_ms + timing.patience_ms
        name = f"ack {number}"

        def again(at_ms: float, interval_ms: float) -> None:
            if at_ms >= end_ms:
                self._on_no_ack(number, at_ms)
                return
            asked.repeat(data)
            plan(at_ms, min(2 * interval_ms, timing.t2_ms))

        def plan(from_ms: float, interval_ms: float) -> None:
            self.alarms.set(name, min(from_ms + interval_ms, end_ms), lambda at_ms: again(at_ms, interval_ms))

        plan(now_ms, timing.t1_ms)

    def acknowledge(self, ack: Request, now_ms: float) -> None:
        """Their ACK of a 2xx. Copies are ignored."""
        number = ack.headers.cseq.number
        if self._unacked.pop(number, None) is None:
            return
        self.alarms.clear(f"ack {number}")
        if self.state is State.ENDED:
            if self._must_bye and not self._unacked:
                self._bye(now_ms)
            return
        body = bodies.session_of(ack.headers, ack.body) or b""
        self.stack.tell(Acknowledged(self.id, body if self._late_offer else b""))
        self._late_offer = False
        self.offers.next(now_ms)

    @property
    def is_unacknowledged(self) -> bool:
        return bool(self._unacked)

    def _on_no_ack(self, number: int, now_ms: float) -> None:
        self._unacked.pop(number, None)
        if self.state is State.ENDED:
            if self._must_bye:
                self._bye(now_ms)
            return
        self._unacked.clear()
        self.finish("no_ack", now_ms, says_bye=True)

    # ---- the session timer (RFC 4028)

    def keep_session(self, agreed: Agreed | None, now_ms: float) -> None:
        """From now on: refresh in time, or expect theirs."""
        self.alarms.clear("session", "refresh")
        if agreed is None or self.state is not State.ANSWERED:
            return
        self.session_s = agreed.interval_s
        self.is_there(agreed, now_ms)
        if agreed.is_ours:
            self.alarms.set("refresh", now_ms + agreed.refresh_ms, lambda at_ms: self.offers.refresh(agreed, at_ms))

    def is_there(self, agreed: Agreed, now_ms: float) -> None:
        """The other end has shown that it is: the session's time begins anew."""
        self.alarms.set("session", now_ms + agreed.expires_ms, self._on_session_expired)

    def takes_longer(self, refusal: Response) -> bool:
        """A 422 names the shortest session timer they take (RFC 4028, 7.3). Whether to ask again with that."""
        try:
            shortest_s = session_timer.min_se(refusal)
        except BadMessage:
            return False
        if not self.min_se < shortest_s <= session_timer.MOST_S:
            return False
        self.session_s, self.min_se = max(self.session_s, shortest_s), shortest_s
        return True

    def _on_session_expired(self, now_ms: float) -> None:
        self.finish("session_expired", now_ms, says_bye=True)

    def take_capabilities(self, message: Request | Response) -> None:
        self.their_methods = self.their_methods or message.headers.tokens("allow")


def safe(text: str) -> str:
    """Text that goes into a header. Raises ``ValueError``: a line end in it would be a header of its own."""
    if any(char < " " or char == "\x7f" for char in text):
        raise ValueError("a header can't have control characters")
    return text


def safe_fields(fields: Iterable[tuple[str, str]]) -> Fields:
    return [(safe(name), safe(value)) for name, value in fields]
