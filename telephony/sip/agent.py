"""The user agent of one endpoint: packets and commands in, packets and events out.

    for data, source in arrived:  outputs = agent.receive(data, source, now_ms)
    for command in asked:         outputs = agent.do(command, now_ms)
    at agent.next_deadline_ms:    outputs = agent.fire(now_ms)

Carry out every :class:`Send` in order. A packet passes, in this order: the gate (by source), the parser, the checks, its transaction
(copies end here), its dialog, and only then, as a call that comes in, the application. Nothing that came in is ever passed on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from telephony.sip import body as bodies
from telephony.sip import session_timer, uri
from telephony.sip.call import Call
from telephony.sip.checks import check_request, check_response
from telephony.sip.commands import Command, Dial, Drain, KeepAlive, Register, Unregister
from telephony.sip.digest import DigestServer, Verdict
from telephony.sip.events import Output
from telephony.sip.gate import IDENTITY, Gate, Origin, Trunk
from telephony.sip.ids import Ids
from telephony.sip.incoming import IncomingCall
from telephony.sip.keepalive import KeepAlive as Keeper
from telephony.sip.message import BadRequest, Headers, Request, Response, parse
from telephony.sip.outgoing import OutgoingCall
from telephony.sip.peer import Endpoint, Peer, reply_to
from telephony.sip.reasons import phrase
from telephony.sip.registrar import Registrar
from telephony.sip.registration import Registration
from telephony.sip.replies import Replies
from telephony.sip.scan import BadMessage
from telephony.sip.stack import ALLOW, EXTENSIONS, METHODS, Asked, Limits, Stack, stamped_line
from telephony.sip.stream import PING, PONG
from telephony.sip.timing import Timing
from telephony.sip.transaction import invite_key, server_key
from telephony.sip.transfer import dialog_of

Fields = list[tuple[str, str]]
_RETRY_AFTER_S = "5"
_KNOWN = frozenset(("REGISTER", "SUBSCRIBE", "PUBLISH", "MESSAGE"))
"""Methods that we know of and have no use for."""


@dataclass(slots=True)
class Counts:
    """Since the start."""

    unreadable: int = 0
    refused: int = 0
    """Requests answered without a transaction: malformed, without credentials, over the limit."""
    calls: int = 0


class Agent:
    """See the head. One per listening process; it is not for several threads."""

    def __init__(
        self,
        endpoint: Endpoint,
        gate: Gate,
        random_bytes: Callable[[int], bytes],
        *,
        limits: Limits | None = None,
        timing: Timing | None = None,
        realm: str = "parley",
        nonces: tuple[bytes, float] | None = None,
    ) -> None:
        """``nonces``: what signs them, and what to add to our clock, the same for all that stand behind one proxy: any of them may get
        the answer to another's challenge. ``None``: our own."""
        self.gate = gate
        self.ids = Ids(random_bytes)
        self.limits = limits or Limits()
        self.counts = Counts()
        self._stack = Stack(endpoint, gate, self.ids, self.limits, timing or Timing())
        key, self._nonce_clock_ms = nonces or (self.ids.secret(), 0.0)
        self._digest = DigestServer(realm, key)
        self._registrar = Registrar(self._stack)
        self._registrations: dict[str, Registration] = {}
        self._keepers: dict[str, Keeper] = {}
        self.is_draining = False

    @property
    def next_deadline_ms(self) -> float | None:
        return self._stack.schedule.next_deadline_ms

    @property
    def calls(self) -> dict[str, Call]:
        """Those that stand, are being set up, or still owe something on the network."""
        return self._stack.calls

    @property
    def transactions(self) -> int:
        return self._stack.transactions

    @property
    def dialogs(self) -> int:
        return len(self._stack.dialogs)

    # ---- time

    def fire(self, now_ms: float) -> list[Output]:
        while (sleeper := self._stack.schedule.due(now_ms)) is not None:
            sleeper.fire(now_ms)
            self._stack.schedule.watch(sleeper)
        return self._stack.take()

    # ---- commands

    def do(self, command: Command, now_ms: float) -> list[Output]:
        """Raises ``ValueError``, in plain words, for a command that can't be carried out. One for a call that is gone is ignored."""
        match command:
            case Dial():
                self._dial(command, now_ms)
            case Register(trunk_id, user, expires_s):
                self._register(trunk_id, user, expires_s, now_ms)
            case Unregister(trunk_id):
                self._unregister(trunk_id, now_ms)
            case KeepAlive(trunk_id, every_ms):
                if keeper := self._keepers.pop(trunk_id, None):
                    keeper.stop()
                if every_ms:
                    keeper = self._keepers[trunk_id] = Keeper(self._stack, self._trunk(trunk_id), every_ms)
                    keeper.start(now_ms)
            case Drain(is_on):
                self.is_draining = is_on
            case _:
                if (call := self.calls.get(command.call)) is not None:
                    call.do(command, now_ms)
        return self._stack.take()

    def _trunk(self, trunk_id: str) -> Trunk:
        trunk = self.gate.trunk(trunk_id)
        if trunk is None:
            raise ValueError("there is no such trunk")
        return self._registrar.reached(trunk)

    def _dial(self, command: Dial, now_ms: float) -> None:
        if command.call in self.calls:
            raise ValueError("there is a call with that id")
        if self.is_draining or len(self.calls) >= self.limits.max_calls:
            raise ValueError("no more calls can be made here now")
        call = OutgoingCall(self._stack, command, self._trunk(command.trunk), self._forget)
        self.calls[call.id] = call
        self.counts.calls += 1
        call.begin(now_ms)

    def _register(self, trunk_id: str, user: str, expires_s: int, now_ms: float) -> None:
        there, trunk = self._registrations.get(trunk_id), self.gate.trunk(trunk_id)
        if there is not None and trunk is not None and there.is_of(trunk, user):
            there.again(self._trunk(trunk_id), expires_s, now_ms)
            return
        self._unregister(trunk_id, now_ms)
        made = Registration(self._stack, self._trunk(trunk_id), user, expires_s)
        self._registrations[trunk_id] = made
        made.start(now_ms)

    def _unregister(self, trunk_id: str, now_ms: float) -> None:
        if registration := self._registrations.pop(trunk_id, None):
            registration.stop(now_ms)

    def _forget(self, call: Call) -> None:
        if self.calls.get(call.id) is call:
            del self.calls[call.id]

    # ---- packets

    def receive(self, data: bytes, source: Peer, now_ms: float) -> list[Output]:
        """One datagram, or one piece that a :class:`telephony.sip.stream.StreamReader` gave."""
        if self.gate.admit(source, now_ms):
            if not data.strip(b"\r\n\0 "):
                if data == PING and source.is_reliable:
                    self._stack.send(PONG, source)
            else:
                self._read(data, source, now_ms)
        return self._stack.take()

    def could_not_send(self, request: Request, now_ms: float) -> list[Output]:
        """It is taken as if the next hop had said 503 (RFC 3261, 8.1.3.1)."""
        self._stack.could_not_send(request, now_ms)
        return self._stack.take()

    def disconnected(self, peer: Peer, sent_ms: float, now_ms: float, *, is_broken: bool) -> list[Output]:
        """A connection is gone, over which something was sent last at ``sent_ms``. What is still asked over it comes to 503; but where it
        was closed in good order a call that rings goes on ringing: the answer may come over another connection (18.2.2)."""
        self._stack.disconnected(peer, sent_ms, now_ms, is_broken=is_broken)
        return self._stack.take()

    def _read(self, data: bytes, source: Peer, now_ms: float) -> None:
        try:
            message = parse(data)
            if isinstance(message, Response):
                check_response(message)
                self._stack.response_arrived(message, now_ms)
                return
        except BadRequest as unfit:
            self._refuse(unfit.request, source, unfit.status, reason=unfit.reason)
            return
        except BadMessage:
            self.counts.unreadable += 1
            return
        try:
            check_request(message)
            key = server_key(message)
        except BadMessage as error:
            self._refuse(message, source, error.status, reason=error.reason)
            return
        self._on_request(message, key, source, now_ms)

    def _refuse(
        self,
        request: Request,
        source: Peer,
        status: int,
        extra: Fields | None = None,
        *,
        reason: str = "",
        tag: str = "",
    ) -> None:
        """Answer and forget. Never an ACK; never a packet that belongs to no trunk."""
        self.counts.refused += 1
        if request.method == "ACK" or self.gate.trunk_at(source.host) is None:
            return
        headers = request.headers
        if not headers.lines("via"):
            return
        try:
            via = headers.via
            line, to = (
                stamped_line(headers, source),
                reply_to(source, sent_by_port=via.port, wants_port="rport" in via.params),
            )
        except BadMessage:
            line, to = "", source
        tag = tag or self.ids.stateless_tag(headers)
        words = phrase(status) if not reason or status != 400 else f"Bad Request - {reason}"
        self._stack.send(Replies(request, line).encode(status, words, tag, extra or ()), to)

    def _on_request(self, request: Request, key: tuple[str, ...], source: Peer, now_ms: float) -> None:
        known = self._stack.find(key)
        if known is not None:
            known.receive(request, now_ms)
            if request.method != "ACK":
                return
        headers = request.headers
        tag = headers.to.tag
        owner = self._stack.dialogs.get((headers.call_id, tag, headers.from_.tag)) if tag else None
        if request.method == "ACK":
            if owner is not None:
                owner.acknowledge(request, now_ms)
        elif request.method == "CANCEL":
            self._on_cancel(request, key, source, now_ms)
        elif owner is not None:
            if self._may_speak(request, source) and self._may_send_us_on(request, owner, source, now_ms):
                asked = self._stack.accept(request, key, source)
                asked.owner = owner
                owner.receive(asked, now_ms)
        else:
            self._on_stranger(request, key, source, now_ms)

    def _may_speak(self, request: Request, source: Peer) -> bool:
        """In a dialog: what it requires must be known, and there must be room."""
        unknown = request.headers.tokens("require") - EXTENSIONS
        if request.method == "REGISTER":
            unknown -= {"path"}
        if unknown:
            self._refuse(request, source, 420, [("Unsupported", ", ".join(sorted(unknown)))])
        elif self.transactions >= self.limits.max_transactions:
            self._refuse(request, source, 503, [("Retry-After", _RETRY_AFTER_S)])
        else:
            return True
        return False

    def _may_send_us_on(self, request: Request, owner: object, source: Peer, now_ms: float) -> bool:
        """What makes us call somebody wants the proof that a call needs, where its trunk asks for one."""
        if request.method != "REFER" or not isinstance(owner, Call) or not owner.trunk.may_refer:
            return True
        return self._is_proven(request, Origin(owner.trunk, source.host, ""), source, now_ms)

    def _on_cancel(self, request: Request, key: tuple[str, ...], source: Peer, now_ms: float) -> None:
        meant = self._stack.find(invite_key(request))
        if meant is None or meant.host != source.host:
            self._refuse(request, source, 481)
            return
        asked = meant.asked  # None: it is too late
        call = asked.owner if asked is not None else None
        tag = call.dialog.local_tag if isinstance(call, Call) and call.dialog is not None else meant.tag
        self._stack.accept(request, key, source).respond(200, now_ms, tag=tag)
        if asked is not None and isinstance(call, Call):
            call.cancel(asked, now_ms)

    # ---- requests outside of any dialog

    def _on_stranger(self, request: Request, key: tuple[str, ...], source: Peer, now_ms: float) -> None:
        headers = request.headers
        target = uri.parse(request.uri)
        if request.method == "OPTIONS" and self.gate.is_of_proxy(request, source):
            self._on_options(request, source)
            return
        is_registering = request.method == "REGISTER"
        origin = self.gate.origin(request, source, headers.to.uri.user if is_registering else target.user)
        if origin is None:
            self._refuse(request, source, 403)
            return
        if request.method not in METHODS and not (is_registering and origin.trunk.is_registrar):
            self._refuse(request, source, 405 if request.method in _KNOWN else 501, [("Allow", ALLOW)])
            return
        if not self._is_proven(request, origin, source, now_ms):
            return
        if headers.to.tag or request.method in ("BYE", "PRACK", "UPDATE", "INFO", "NOTIFY"):
            self._refuse(request, source, 481)
        elif request.method == "REFER":
            self._refuse(request, source, 403)
        elif self._may_speak(request, source):
            if request.method == "OPTIONS":
                self._on_options(request, source)
            elif is_registering:
                self._registrar.receive(self._stack.accept(request, key, source), origin, now_ms)
            else:
                self._on_invite(request, key, origin, source, now_ms)

    def _is_proven(self, request: Request, origin: Origin, source: Peer, now_ms: float) -> bool:
        """Whether the trunk's credentials are with it, if it must have any. Else it is asked for them, without remembering it."""
        login = origin.trunk.expects
        if login is None:
            return True
        try:
            lines = request.headers.lines("authorization")
            verdict = self._digest.check(lines, login, request.method, request.uri, now_ms + self._nonce_clock_ms)
        except BadMessage:
            verdict = Verdict.BAD
        if verdict is Verdict.GOOD:
            return True
        challenges = self._digest.challenges(now_ms + self._nonce_clock_ms, is_stale=verdict is Verdict.STALE)
        self._refuse(request, source, 401, [("WWW-Authenticate", challenge) for challenge in challenges])
        return False

    def _on_options(self, request: Request, source: Peer) -> None:
        """How we are. Answered without remembering it: the answer is the same for each copy."""
        if self.is_draining:
            self._refuse(request, source, 503, [("Retry-After", _RETRY_AFTER_S)])
            return
        extra = [
            ("Allow", ALLOW),
            ("Accept", bodies.SDP),
            ("Supported", ", ".join(sorted(EXTENSIONS))),
            ("Contact", self._stack.endpoint.contact(source)),
        ]
        self._refuse(request, source, 200, extra)
        self.counts.refused -= 1

    def _on_invite(self, request: Request, key: tuple[str, ...], origin: Origin, source: Peer, now_ms: float) -> None:
        headers = request.headers
        accept = {token.partition(";")[0] for token in headers.tokens("accept")}
        offer = bodies.session_of(headers, request.body)
        try:
            replaced, status = self._replaced(request, origin)
        except BadMessage:
            self._refuse(request, source, 400)
            return
        if self._stack.is_merged(request):
            self._refuse(request, source, 482)
        elif len(self.calls) >= self.limits.max_calls or (self.is_draining and replaced is None):
            self._refuse(request, source, 503, [("Retry-After", _RETRY_AFTER_S)])
        elif offer is None:
            self._refuse(request, source, 415, [("Accept", bodies.SDP)])
        elif accept and not accept & {bodies.SDP, "application/*", "*/*", "multipart/mixed"}:
            self._refuse(request, source, 406)
        elif session_timer.is_too_short(request, self.limits.min_session_s):
            self._refuse(request, source, 422, [("Min-SE", str(self.limits.min_session_s))])
        elif status:
            self._refuse(request, source, status)
        else:
            asked = self._stack.accept(request, key, source)
            asked.respond(100, now_ms)
            self._begin(asked, origin, offer, replaced, now_ms)

    def _replaced(self, request: Request, origin: Origin) -> tuple[Call | None, int]:
        """The call that a Replaces means (RFC 3891, 3), and the status if that can't be. Only of the same trunk."""
        lines = request.headers.lines("replaces")
        if not lines:
            return None, 0
        if "," in lines[0] or request.headers.lines("join"):
            raise BadMessage("it can only take the place of one call")
        key, is_early_only = dialog_of(lines[0])
        call = self._stack.dialogs.get(key)
        if not isinstance(call, Call):
            return None, 481
        if call.trunk.id != origin.trunk.id:
            return None, 403
        if call.has_ended:
            return None, 603
        if is_early_only and call.can_take_offers:
            return None, 486
        return (call, 0) if call.can_take_offers else (None, 481)

    def _begin(self, asked: Asked, origin: Origin, offer: bytes, replaced: Call | None, now_ms: float) -> None:
        call = IncomingCall(self._stack, f"in-{self.ids.tag()}", origin, asked, self._forget, replaced)
        asked.owner = call
        self._stack.remember_initial(asked)
        self.calls[call.id] = call
        self.counts.calls += 1
        headers = asked.request.headers
        trunk = self.gate.trunk_at(asked.source.host)
        if (trunk is None or not trunk.is_proxy) and not IDENTITY.isdisjoint(headers.firsts):
            headers = Headers((name, value) for name, value in headers if name.lower() not in IDENTITY)
        call.begin(origin, offer, headers, now_ms)
