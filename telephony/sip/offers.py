"""Offers and answers in a call that stands: re-INVITE (RFC 3261, 14) and UPDATE (RFC 3311), one at a time, either way.

| ours is under way | theirs comes | so                                                                        |
|-------------------|--------------|---------------------------------------------------------------------------|
| yes               | offer        | 491: both wait, for times that can't be the same, and try again           |
| theirs unanswered | offer        | 500, Retry-After                                                          |
| no                | offer        | told; the answer is the application's, within ``Limits.offer_ms``         |
| no                | UPDATE without a body | 200: the session is refreshed, nothing else                      |
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from telephony.sip import body as bodies
from telephony.sip import session_timer
from telephony.sip.events import OfferAnswered, OfferReceived, OfferRefused
from telephony.sip.message import Response
from telephony.sip.peer import Peer
from telephony.sip.session_timer import Agreed
from telephony.sip.stack import Asked, Question

if TYPE_CHECKING:
    from telephony.sip.call import Call, Fields

_AGAIN_MS = 10_000
"""When a refresh is tried again that could not be, or was refused for some passing reason."""


class Offers:
    def __init__(self, call: Call) -> None:
        self._call = call
        self.is_caller = False
        """We began the call: after a 491 we wait longer than they do (14.1)."""
        self._ours: Question | None = None
        self._our_body = b""
        self._is_refresh = False
        self._agreed: Agreed | None = None
        self._can_update = True
        """As far as they haven't refused a refresh by UPDATE that they listed."""
        self._theirs: Asked | None = None
        self._waiting: list[bytes] = []
        self.local_body = b""
        """What we last said of ourselves: a refresh by re-INVITE repeats it."""
        self._ack: tuple[int, bytes, Peer] | None = None
        """Of our last re-INVITE that was accepted: its CSeq, and what is sent again for each copy of the 2xx."""

    @property
    def is_ours_open(self) -> bool:
        return self._ours is not None

    # ---- ours

    def offer(self, body: bytes, now_ms: float) -> None:
        self._waiting = [body]  # a newer one takes the place of one that still waits
        self.next(now_ms)

    def next(self, now_ms: float) -> None:
        """Send what waits, if nothing is under way."""
        call = self._call
        is_busy = self._ours is not None or self._theirs is not None or call.is_unacknowledged or "glare" in call.alarms
        if self._waiting and not is_busy:
            self._send(self._waiting.pop(), now_ms, is_refresh=False)

    def _send(self, body: bytes, now_ms: float, *, is_refresh: bool) -> None:
        call = self._call
        self._our_body, self._is_refresh = body, is_refresh
        fields: Fields = [call.contact(), *call.capabilities()]
        if "session" in call.alarms:
            fields.append(("Session-Expires", f"{call.session_s};refresher=uac"))
            if call.min_se:
                fields.append(("Min-SE", str(call.min_se)))
        if body:
            fields.append(("Content-Type", bodies.SDP))
        method = "INVITE" if body else "UPDATE"
        self._ours = call.ask(method, fields, body, self._on_response, now_ms)

    def refresh(self, agreed: Agreed, now_ms: float) -> None:
        """By UPDATE if they know it, else by the same offer again."""
        if self._ours is not None or self._theirs is not None or "glare" in self._call.alarms:
            self._refresh_later(agreed, now_ms)  # what is under way may refresh as well, or fail
            return
        self._agreed = agreed
        can_update = self._can_update and "update" in self._call.their_methods
        self._send(b"" if can_update else self.local_body, now_ms, is_refresh=True)

    def _on_refresh_refused(self, agreed: Agreed, response: Response, *, was_update: bool, now_ms: float) -> None:
        """They are there, but not so: in the other way, or in a while."""
        call = self._call
        if not agreed.is_mutual:
            call.is_there(agreed, now_ms)
        if response.status == 422 and call.takes_longer(response):
            self.refresh(agreed, now_ms)
        elif was_update and self.local_body and (response.status < 500 or response.status == 501):
            self._can_update = False
            self.refresh(agreed, now_ms)
        else:
            self._refresh_later(agreed, now_ms)

    def _refresh_later(self, agreed: Agreed, now_ms: float) -> None:
        self._call.alarms.set("refresh", now_ms + _AGAIN_MS, lambda at_ms: self.refresh(agreed, at_ms))

    def _on_response(self, response: Response | None, now_ms: float) -> None:
        call = self._call
        if response is not None and response.is_provisional:
            return
        is_invite = self._ours is not None and self._ours.request.method == "INVITE"
        is_accepted_invite = response is not None and response.is_success and response.headers.cseq.method == "INVITE"
        if response is not None and is_accepted_invite and not self._acknowledge(response):
            return  # a copy
        if self._ours is None or call.has_ended:
            return
        number = self._ours.request.headers.cseq.number
        if response is not None and response.headers.cseq.number != number:
            return
        self._ours = None
        if call.is_gone(response):
            status = response.status if response else 408
            call.finish("failed", now_ms, status=status, says_bye=True)
            return
        assert response is not None
        if response.is_success:
            self._on_accepted(response, now_ms, has_answer=is_invite)
        elif response.status == 491:
            call.alarms.set("glare", now_ms + self._glare_ms(), self._again)
        elif self._is_refresh and self._agreed is not None:
            self._on_refresh_refused(self._agreed, response, was_update=not is_invite, now_ms=now_ms)
        else:
            call.stack.tell(OfferRefused(call.id, response.status))
        self.next(now_ms)

    def _on_accepted(self, response: Response, now_ms: float, *, has_answer: bool) -> None:
        call = self._call
        assert call.dialog is not None
        call.dialog.refresh(response)
        call.stack.moved(call.dialog)
        call.take_capabilities(response)
        if "session" in call.alarms or "session-expires" in response.headers:
            call.keep_session(session_timer.settled_by_them(response, call.session_s), now_ms)
        if self._our_body:
            self.local_body = self._our_body
        if has_answer and not self._is_refresh:
            answer = bodies.session_of(response.headers, response.body) or b""
            call.stack.tell(OfferAnswered(call.id, answer))

    def _acknowledge(self, response: Response) -> bool:
        """ACK a 2xx to a re-INVITE. Whether it was the first of them."""
        call = self._call
        dialog = call.dialog
        if dialog is None:
            return False
        number = response.headers.cseq.number
        is_first = self._ack is None or self._ack[0] != number
        if self._ack is None or is_first:
            dialog.refresh(response)
            call.stack.moved(dialog)
            to = dialog.next_hop()
            self._ack = (number, dialog.request("ACK", call.stack.via(to), cseq=number).encode(), to)
        call.stack.send(self._ack[1], self._ack[2])
        return is_first

    def _glare_ms(self) -> float:
        part = self._call.stack.ids.part()
        return 2_100 + 1_900 * part if self.is_caller else 2_000 * part

    def _again(self, now_ms: float) -> None:
        if self._is_refresh or not self._waiting:
            self._send(self._our_body, now_ms, is_refresh=self._is_refresh)
        else:
            self.next(now_ms)

    # ---- theirs

    def receive(self, asked: Asked, now_ms: float) -> None:
        call = self._call
        request = asked.request
        limits = call.stack.limits
        if self._theirs is not None or (request.body and not call.can_take_offers):
            seconds = int(call.stack.ids.part() * 10)
            asked.respond(500, now_ms, extra=[("Retry-After", str(seconds))])
            return
        if self._ours is not None and (request.method == "INVITE" or request.body):
            asked.respond(491, now_ms)
            return
        if session_timer.is_too_short(request, limits.min_session_s):
            asked.respond(422, now_ms, extra=[("Min-SE", str(limits.min_session_s))])
            return
        offer = bodies.session_of(request.headers, request.body)
        if offer is None:
            asked.respond(415, now_ms, extra=[("Accept", bodies.SDP)])
            return
        assert call.dialog is not None
        call.dialog.refresh(request)
        call.stack.moved(call.dialog)
        call.take_capabilities(request)
        self._theirs = asked
        if request.method == "UPDATE" and not offer:
            self._accept(b"", now_ms)
            return
        if request.method == "INVITE":
            asked.respond(100, now_ms)
        call.alarms.set("offer", now_ms + limits.offer_ms, lambda at_ms: self.refuse(488, at_ms))
        call.stack.tell(OfferReceived(call.id, offer))

    def answer(self, body: bytes, now_ms: float) -> None:
        if self._theirs is not None:
            self.local_body = body
            self._accept(body, now_ms)
            self.next(now_ms)

    def _accept(self, body: bytes, now_ms: float) -> None:
        call = self._call
        asked = self._theirs
        assert asked is not None
        self._theirs = None
        call.alarms.clear("offer")
        limits = call.stack.limits
        fields: Fields = [call.contact(), *call.capabilities()]
        if "session" in call.alarms or "session-expires" in asked.request.headers:
            agreed, extra = session_timer.settled_by_us(asked.request, limits.session_expires_s, limits.min_session_s)
            fields += extra
            call.keep_session(agreed, now_ms)
        if body:
            fields.append(("Content-Type", bodies.SDP))
        sent = asked.respond(200, now_ms, extra=fields, body=body)
        if asked.request.method == "INVITE":
            call.repeat_until_acknowledged(asked, sent, now_ms, is_late_offer=not asked.request.body)

    def refuse(self, status: int, now_ms: float) -> None:
        asked, self._theirs = self._theirs, None
        self._call.alarms.clear("offer")
        if asked is not None:
            asked.respond(status, now_ms)
            self.next(now_ms)

    def cancel(self, asked: Asked, now_ms: float) -> None:
        """They take their re-INVITE back: the call goes on as it was."""
        if asked is self._theirs:
            self.refuse(487, now_ms)

    def end(self, now_ms: float) -> None:
        """The call is over: what they still wait for is told so (15.1.2)."""
        self._waiting.clear()
        asked, self._theirs = self._theirs, None
        if asked is not None:
            asked.respond(487, now_ms)
