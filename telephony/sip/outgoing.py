"""A call that we make, until it is answered (RFC 3261, 13.2): ringing at one or several places, CANCEL and its races, redirection.

One INVITE may be answered by several: a proxy forks it. The first to answer has the call. Whoever answers later is acknowledged and
hung up at once, or they would listen to silence for ever.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from telephony.sip import body as bodies
from telephony.sip import session_timer, uri
from telephony.sip.call import Call, Fields, State, safe, safe_fields
from telephony.sip.commands import Dial
from telephony.sip.dialog import Dialog
from telephony.sip.events import Answered, EarlyMedia, Ringing
from telephony.sip.gate import Trunk
from telephony.sip.headers import NameAddr
from telephony.sip.message import Headers, Request, Response
from telephony.sip.peer import Peer
from telephony.sip.scan import BadMessage, number
from telephony.sip.stack import Question, Stack
from telephony.sip.transfer import target_of
from telephony.sip.uri import Uri


@dataclass(slots=True)
class _Fork:
    """One place that rings."""

    dialog: Dialog
    rseq: int = 0


class OutgoingCall(Call):
    """Raises ``ValueError`` where the command can't be carried out: nothing was sent then."""

    def __init__(self, stack: Stack, command: Dial, trunk: Trunk, forget: Callable[[Call], None]) -> None:
        super().__init__(stack, command.call, trunk, forget)
        if trunk.peer is None:
            raise ValueError("this trunk has no address to call")
        self._command = command
        self._peer: Peer = trunk.peer
        self._target = trunk.contact or str(target_of(trunk, command.to))
        caller = Uri("sip", user=safe(command.caller), host=_bracketed(trunk.host))
        self._tag = stack.ids.tag()
        self._from = str(NameAddr(caller, safe(command.display), {"tag": self._tag}))
        self._to = f"<{self._target}>"
        self._call_id = stack.ids.call_id()
        self._extra = safe_fields(command.headers)
        self._user = command.caller
        safe(command.replaces + command.referred_by)
        self._cseq = 0
        self._redirects = 0
        self.digest = stack.digest_for(trunk.login)
        self.offers.is_caller = True
        self.offers.local_body = command.offer
        self._question: Question | None = None
        self._forks: dict[str, _Fork] = {}
        self._acks: dict[str, tuple[bytes, Peer]] = {}
        """Per To tag: what every copy of that 2xx is answered with."""
        self._was_heard = False
        self._is_cancelled = False
        self._why = ""

    @property
    def dialog_id(self) -> str:
        return self._call_id

    def begin(self, now_ms: float) -> None:
        self.alarms.set("ring", now_ms + self.stack.limits.ring_ms, lambda at_ms: self._cancel("no_answer", at_ms))
        self._invite(now_ms)

    def _invite(self, now_ms: float) -> None:
        self._was_heard = False
        self._question = Question(self.stack, self._make, self._peer, self._on_response, self.digest)
        self._question.ask(now_ms)

    def _make(self) -> Request:
        self._cseq += 1
        command = self._command
        fields: Fields = [
            ("Via", self.stack.via(self._peer)),
            ("Max-Forwards", "70"),
            ("From", self._from),
            ("To", self._to),
            ("Call-ID", self._call_id),
            ("CSeq", f"{self._cseq} INVITE"),
            ("Contact", self.stack.endpoint.contact(self._peer, _user_part(self._user))),
            *self.capabilities(),
            ("Session-Expires", str(self.session_s)),
        ]
        if self.trunk.path:
            fields.append(("Route", self.trunk.path))
        if self.min_se:
            fields.append(("Min-SE", str(self.min_se)))
        if command.replaces:
            fields += [("Replaces", command.replaces), ("Require", "replaces")]
        if command.referred_by:
            fields.append(("Referred-By", command.referred_by))
        fields += self._extra
        if command.offer:
            fields.append(("Content-Type", bodies.SDP))
        return Request("INVITE", self._target, Headers(fields), command.offer)

    # ---- their answers

    def _on_response(self, response: Response | None, now_ms: float) -> None:
        if response is None:
            self._over("no_response", 408, now_ms)
        elif response.is_provisional:
            self._on_provisional(response, now_ms)
        elif response.is_success:
            self._on_success(response, now_ms)
        elif self.has_ended:
            self._over("", 0, now_ms)
        elif (300 <= response.status < 400 and self._redirect(response, now_ms)) or (
            response.status == 422 and self._lengthen(response, now_ms)
        ):
            pass
        else:
            self._over("refused", response.status, now_ms)

    def _over(self, reason: str, status: int, now_ms: float) -> None:
        """The INVITE has come to nothing."""
        self._forget_forks()
        if self.has_ended:
            self.leave()
        else:
            self.finish(reason, now_ms, status=status)

    def _on_provisional(self, response: Response, now_ms: float) -> None:
        self._was_heard = True
        if self.has_ended:
            if not self._is_cancelled:
                self._send_cancel(now_ms)  # it had to wait for this (9.1)
            return
        if response.status == 100:
            return
        fork = self._fork(response)
        is_reliable = fork is not None and "100rel" in response.headers.tokens("require")
        if fork is not None and is_reliable and not self._prack(fork, response, now_ms):
            return  # a copy, or one out of order
        session = bodies.session_of(response.headers, response.body)
        self.stack.tell(EarlyMedia(self.id, session) if session else Ringing(self.id, response.status))

    def _fork(self, response: Response) -> _Fork | None:
        tag = response.headers.to.tag
        if tag and tag not in self._forks and len(self._forks) < self.stack.limits.max_forks:
            dialog = self._dialog_of(response)
            self._forks[tag] = _Fork(dialog)
            self.stack.add_dialog(dialog, self)
            if self.dialog is None:
                self.dialog = dialog
        return self._forks.get(tag)

    def _dialog_of(self, response: Response) -> Dialog:
        assert self._question is not None
        return Dialog.of_outgoing(self._question.request, response, self._peer)

    def _prack(self, fork: _Fork, response: Response, now_ms: float) -> bool:
        """Confirm a reliable provisional (RFC 3262, 4). Whether it was the next in order."""
        try:
            rseq = number(response.headers.first("rseq"), "RSeq", most=2**32)
        except BadMessage:
            return False
        if fork.rseq and rseq != fork.rseq + 1:
            return False
        fork.rseq = rseq
        cseq = response.headers.cseq
        dialog, to = fork.dialog, fork.dialog.next_hop()

        def make() -> Request:
            return dialog.request("PRACK", self.stack.via(to), [("RAck", f"{rseq} {cseq.number} INVITE")])

        self.stack.question(make, to, lambda answer, at_ms: None, now_ms, digest=self.digest)
        return True

    def _on_success(self, response: Response, now_ms: float) -> None:
        tag = response.headers.to.tag
        if tag in self._acks:
            self.stack.send(*self._acks[tag])
            return
        fork = self._forks.get(tag)
        dialog = fork.dialog if fork else self._dialog_of(response)
        if len(self._acks) > self.stack.limits.max_forks:
            return
        if fork is not None:  # the 2xx says for good where they are, and by which way (13.2.2.4)
            dialog.refresh(response)
            dialog.routes = response.headers.values("record-route")[::-1]
            self.stack.moved(dialog)
        to = dialog.next_hop()
        assert self._question is not None
        ack = dialog.request("ACK", self.stack.via(to), self._credentials(), cseq=response.headers.cseq.number)
        self._acks[tag] = (ack.encode(), to)
        self.stack.send(*self._acks[tag])
        if self.state is State.SETTING_UP:
            self._on_answered(dialog, response, now_ms)
        else:
            self._hang_up_stray(dialog, now_ms)

    def _credentials(self) -> Fields:
        """An ACK carries the INVITE's (22.1): nobody could challenge it."""
        assert self._question is not None
        return [
            (name, value)
            for name, value in self._question.request.headers
            if name in ("Authorization", "Proxy-Authorization")
        ]

    def _on_answered(self, dialog: Dialog, response: Response, now_ms: float) -> None:
        self._forget_forks(but=dialog)
        self.dialog = dialog
        self.stack.add_dialog(dialog, self)
        self.alarms.clear("ring")
        self.state = State.ANSWERED
        self.take_capabilities(response)
        self.keep_session(session_timer.settled_by_them(response, self.session_s), now_ms)
        self.stack.tell(Answered(self.id, bodies.session_of(response.headers, response.body) or b""))

    def _hang_up_stray(self, dialog: Dialog, now_ms: float) -> None:
        """Another fork answered as well, or our CANCEL came too late. Acknowledged it is; now BYE."""
        to = dialog.next_hop()
        self.stack.add_dialog(dialog, self)

        def make() -> Request:
            return dialog.request("BYE", self.stack.via(to))

        def tell(answer: Response | None, at_ms: float) -> None:
            if answer is None or not answer.is_provisional:
                self.stack.remove_dialog(dialog)
                if self.has_ended:
                    self._forget_forks()
                    self.leave()

        self.stack.question(make, to, tell, now_ms, digest=self.digest)

    def _forget_forks(self, but: Dialog | None = None) -> None:
        for fork in self._forks.values():
            if fork.dialog is not but:
                self.stack.remove_dialog(fork.dialog)
        self._forks.clear()

    def _redirect(self, response: Response, now_ms: float) -> bool:
        """Try where a 3xx points to, if the trunk may call there at all; over the trunk itself, as before (8.1.3.4)."""
        self._redirects += 1
        if self._redirects > self.stack.limits.max_redirects:
            return False
        try:
            addresses = response.headers.addresses("contact")
        except BadMessage:
            return False
        for address in addresses:
            if address.uri.is_sip and self.trunk.allows(address.uri) and address.uri.bare != self._target:
                self._target = address.uri.bare
                self._forget_forks()
                self.dialog = None
                self._invite(now_ms)
                return True
        return False

    def _lengthen(self, response: Response, now_ms: float) -> bool:
        if not self.takes_longer(response):
            return False
        self._invite(now_ms)
        return True

    # ---- hanging up before the answer

    def hang_up_early(self, now_ms: float) -> None:
        self._cancel("hung_up", now_ms)

    def _cancel(self, reason: str, now_ms: float) -> None:
        """Over for us at once. CANCEL goes out as soon as they were heard; a 2xx that crosses it gets ACK and BYE."""
        if self.state is not State.SETTING_UP:
            return
        self.finish(reason, now_ms, stays=True)
        if self._question is not None:
            self._question.stop()
        if self._was_heard:
            self._send_cancel(now_ms)

    def _send_cancel(self, now_ms: float) -> None:
        self._is_cancelled = True
        assert self._question is not None and self._question.exchange is not None
        invite = self._question.request
        fields: Fields = []
        for name, value in invite.headers:
            if name in ("Via", "From", "To", "Call-ID", "Max-Forwards", "Route"):
                fields.append((name, value))
            elif name == "CSeq":
                fields.append((name, f"{invite.headers.cseq.number} CANCEL"))
        cancel = Request("CANCEL", invite.uri, Headers(fields))
        self.stack.exchange(cancel, self._peer, lambda answer, at_ms: None, now_ms)
        self._question.exchange.give_up_at(now_ms + self.stack.timing.patience_ms)

    def on_early_bye(self, now_ms: float) -> None:
        """Strange, but allowed on a dialog that only rings (15.1.2)."""
        if self.state is State.SETTING_UP and self._was_heard:
            self._send_cancel(now_ms)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def _user_part(user: str) -> str:
    """A Contact's user, if it can stand there as it is."""
    return user if user and uri.is_plain_user(user) else ""
