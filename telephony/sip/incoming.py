"""A call that comes in, until it is answered: ringing, sound before the answer, CANCEL, reliable provisionals (RFC 3262) if asked."""

from __future__ import annotations

from collections.abc import Callable

from telephony.sip import body as bodies
from telephony.sip import session_timer
from telephony.sip.call import Call, Fields, State, safe
from telephony.sip.dialog import Dialog
from telephony.sip.events import CallReceived
from telephony.sip.gate import Origin
from telephony.sip.message import Headers
from telephony.sip.scan import BadMessage, number
from telephony.sip.stack import Asked, Stack


class IncomingCall(Call):
    """Made for an INVITE that passed every check. ``replaced``: the call it takes the place of."""

    def __init__(
        self,
        stack: Stack,
        call_id: str,
        origin: Origin,
        asked: Asked,
        forget: Callable[[Call], None],
        replaced: Call | None,
    ) -> None:
        super().__init__(stack, call_id, origin.trunk, forget)
        self._asked = asked
        self._replaced = replaced
        request = asked.request
        self._tag = stack.ids.tag()
        self.dialog = Dialog.of_incoming(request, self._tag, asked.source)
        self.digest = stack.digest_for(origin.trunk.login if origin.trunk.login and origin.trunk.login.realm else None)
        self.take_capabilities(request)
        self._wants_reliable = "100rel" in request.headers.tokens("require")
        self._rseq = 0
        self._unpracked: bytes = b""
        """The reliable provisional they have not confirmed yet."""
        self._unpracked_with_body = False
        self._queued: list[tuple[int, bytes]] = []
        """What was to be told meanwhile: (status, body); 200 the answer."""

    def begin(self, origin: Origin, offer: bytes, headers: Headers, now_ms: float) -> None:
        self.stack.add_dialog(self.dialog_, self)
        self.alarms.set("ring", now_ms + self.stack.limits.ring_ms, self._on_unanswered)
        self.stack.tell(
            CallReceived(
                call=self.id,
                trunk=self.trunk.id,
                source=origin.host,
                caller=headers.from_,
                called=origin.called,
                offer=offer,
                headers=headers,
                replaces=self._replaced.id if self._replaced else "",
            )
        )

    @property
    def dialog_(self) -> Dialog:
        assert self.dialog is not None
        return self.dialog

    def _on_unanswered(self, now_ms: float) -> None:
        self._refuse(480, "", now_ms, "no_answer")

    # ---- commands

    def ring(self, status: int, body: bytes, now_ms: float) -> None:
        if self.state is not State.SETTING_UP or self._asked.is_answered or not 100 < status < 200:
            return
        if self._unpracked:
            self._queued.append((status, body))
            return
        fields: Fields = [self.contact(), ("Allow", self.capabilities()[0][1])]
        if body:
            fields.append(("Content-Type", bodies.SDP))
        if self._wants_reliable:
            self._rseq = self._rseq + 1 if self._rseq else 1 + int(self.stack.ids.part() * 1_000_000)
            fields += [("Require", "100rel"), ("RSeq", str(self._rseq))]
        sent = self._asked.respond(status, now_ms, tag=self._tag, extra=fields, body=body)
        if self._wants_reliable:
            self._unpracked, self._unpracked_with_body = sent, bool(body)
            self._repeat_later(now_ms, self.stack.timing.t1_ms, now_ms + self.stack.timing.patience_ms)

    def _repeat_later(self, now_ms: float, interval_ms: float, end_ms: float) -> None:
        def again(at_ms: float) -> None:
            if at_ms >= end_ms:  # RFC 3262, 3: then nothing can become of the call
                self._unpracked = b""
                self._refuse(504, "", at_ms, "no_ack")
                return
            self._asked.repeat(self._unpracked)
            self._repeat_later(at_ms, 2 * interval_ms, end_ms)

        self.alarms.set("prack", min(now_ms + interval_ms, end_ms), again)

    def on_prack(self, asked: Asked, now_ms: float) -> None:
        if not self._unpracked or not self._is_confirmed_by(asked):
            asked.respond(481, now_ms)
            return
        asked.respond(200, now_ms)
        self._unpracked = b""
        self.alarms.clear("prack")
        while self._queued and not self._unpracked:
            status, body = self._queued.pop(0)
            if status == 200:
                self.answer(body, now_ms)
            else:
                self.ring(status, body, now_ms)

    def _is_confirmed_by(self, asked: Asked) -> bool:
        words = asked.request.headers.first("rack").split()
        cseq = self._asked.request.headers.cseq
        try:
            return (
                len(words) == 3
                and number(words[0], "RAck", most=2**31) == self._rseq
                and number(words[1], "RAck", most=2**31) == cseq.number
                and words[2] == "INVITE"
            )
        except BadMessage:
            return False

    def answer(self, body: bytes, now_ms: float) -> None:
        if self.state is not State.SETTING_UP or self._asked.is_answered:
            return
        if self._unpracked and self._unpracked_with_body:
            self._queued.append((200, body))  # RFC 3262, 3: not before the description is known to have arrived
            return
        self._queued.clear()
        self.alarms.clear("ring", "prack")  # a PRACK that is still on its way gets its 200
        self.state = State.ANSWERED
        limits = self.stack.limits
        request = self._asked.request
        agreed, extra = session_timer.settled_by_us(request, limits.session_expires_s, limits.min_session_s)
        fields: Fields = [self.contact(), *self.capabilities(), *extra]
        if body:
            fields.append(("Content-Type", bodies.SDP))
        sent = self._asked.respond(200, now_ms, tag=self._tag, extra=fields, body=body)
        self.offers.local_body = body
        self.repeat_until_acknowledged(self._asked, sent, now_ms, is_late_offer=not request.body)
        self.keep_session(agreed, now_ms)
        if self._replaced is not None:
            self._replaced.hang_up(now_ms, "replaced")
            self._replaced = None

    def reject(self, status: int, reason: str, now_ms: float) -> None:
        if 300 <= status < 700:
            self._refuse(status, safe(reason), now_ms, "rejected")

    def hang_up_early(self, now_ms: float) -> None:
        self._refuse(603, "", now_ms, "rejected")

    def _refuse(self, status: int, reason: str, now_ms: float, why: str) -> None:
        if self.state is State.SETTING_UP:
            self._asked.respond(status, now_ms, tag=self._tag, reason=reason)
            self.finish(why, now_ms, status=status)

    # ---- from them

    def cancel(self, asked: Asked, now_ms: float) -> None:
        """Of the INVITE: too late once a final answer was sent."""
        if asked is self._asked:
            self._refuse(487, "", now_ms, "cancelled")
        else:
            super().cancel(asked, now_ms)

    def on_early_bye(self, now_ms: float) -> None:
        if self.state is State.SETTING_UP:
            self._refuse(487, "", now_ms, "remote_hung_up")
