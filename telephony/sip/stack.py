"""What calls, registrations and keepalives share: transactions, dialogs, the schedule, and the outbox.

:class:`Question` is a request of ours, asked again with credentials where they are wanted. :class:`Asked` is a request of theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from telephony.sip import headers as values
from telephony.sip.dialog import Dialog, Key
from telephony.sip.digest import DigestClient, Login
from telephony.sip.events import Event, Output, Send, Silent
from telephony.sip.gate import Gate
from telephony.sip.ids import Ids
from telephony.sip.message import Headers, Request, Response, parse
from telephony.sip.peer import Endpoint, Peer, reply_to
from telephony.sip.replies import Replies
from telephony.sip.scan import split
from telephony.sip.timing import Schedule, Timing
from telephony.sip.transaction import (
    ClientTransaction,
    Effect,
    NotAcknowledged,
    ServerTransaction,
    Tell,
    client_key,
)

if TYPE_CHECKING:
    from telephony.sip.call import Call

ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, REFER, NOTIFY"
METHODS = frozenset(ALLOW.split(", "))
SUPPORTED = "100rel, norefersub, replaces, timer"
EXTENSIONS = frozenset(SUPPORTED.split(", "))

OnResponse = Callable[[Response | None, float], None]
"""With the response, or None for nobody answered; and the time."""


@dataclass(frozen=True, slots=True)
class Limits:
    max_calls: int = 1_000
    max_transactions: int = 50_000
    ring_ms: int = 180_000
    """How long a call of ours may ring, and theirs may wait for our answer."""
    offer_ms: int = 20_000
    """How long an offer in a call may wait for our answer."""
    transfer_ms: int = 120_000
    session_expires_s: int = 1_800
    min_session_s: int = 90
    max_redirects: int = 3
    max_forks: int = 10
    max_registering: int = 50
    """REGISTERs under way at once."""


class InDialog(Protocol):
    """Who owns a dialog."""

    def receive(self, asked: Asked, now_ms: float) -> None: ...
    def acknowledge(self, ack: Request, now_ms: float) -> None: ...


class Answering:
    """The server transaction of a request of theirs, which copies may ask for half a minute after its answer. Little is kept that
    long: ``asked`` is let go with the final answer. ``tag``: ours, in the last response that had one."""

    __slots__ = ("_stack", "_to", "_transaction", "asked", "host", "key", "merge_key", "tag", "watched_ms")

    def __init__(self, stack: Stack, asked: Asked, key: tuple[str, ...], to: Peer) -> None:
        request, source = asked.request, asked.source
        self.asked: Asked | None = asked
        self.host = source.host
        self.key = key
        self.merge_key = _same_by_any_path(request) if request.method == "INVITE" else None
        self.tag = ""
        self.watched_ms: float | None = None
        self._stack = stack
        self._to = to
        self._transaction = ServerTransaction(request, stack.timing, is_reliable=source.is_reliable)

    @property
    def deadline_ms(self) -> float | None:
        return self._transaction.deadline_ms

    @property
    def is_answered(self) -> bool:
        return self._transaction.is_answered

    def respond(self, status: int, data: bytes, now_ms: float) -> None:
        effects = self._transaction.respond(status, data, now_ms)
        if self._transaction.is_answered:
            self.asked = None
        self._do(effects)

    def repeat(self, data: bytes) -> None:
        self._stack.send(data, self._to)

    def receive(self, request: Request, now_ms: float) -> None:
        self._do(self._transaction.receive(request, now_ms))

    def fire(self, now_ms: float) -> None:
        self._do(self._transaction.fire(now_ms))

    def _do(self, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, bytes):  # a refusal that nobody acknowledges has still ended the call
                self._stack.send(effect, self._to)
        if self._transaction.is_over:
            self._stack.forget(self)
        else:
            self._stack.schedule.watch(self)


class Asked:
    """A request of theirs, for whoever answers it: at most once for good. ``key``: see ``server_key``."""

    __slots__ = ("_replies", "_stack", "answering", "owner", "request", "source")

    def __init__(self, stack: Stack, request: Request, key: tuple[str, ...], source: Peer) -> None:
        self.request = request
        self.source = source
        self.owner: InDialog | None = None
        via = request.headers.via
        to = reply_to(source, sent_by_port=via.port, wants_port="rport" in via.params)
        self._stack = stack
        self._replies = Replies(request, stamped_line(request.headers, source))
        self.answering = Answering(stack, self, key, to)

    @property
    def is_answered(self) -> bool:
        return self.answering.is_answered

    def respond(
        self,
        status: int,
        now_ms: float,
        *,
        tag: str = "",
        extra: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        reason: str = "",
    ) -> bytes:
        """What goes out. ``tag`` is ours, for the To of a request that has none; without, one is made that is always the same
        for it."""
        if not tag and status != 100 and not self._replies.has_tag:
            tag = self._stack.ids.stateless_tag(self.request.headers)
        data = self._replies.encode(status, reason, tag, extra, body)
        self.answering.tag = tag or self.answering.tag
        self.answering.respond(status, data, now_ms)
        return data

    def repeat(self, data: bytes) -> None:
        """A 2xx to an INVITE again, or a reliable 1xx: outside the transaction's own repeating."""
        self.answering.repeat(data)


class Exchange:
    """One client transaction under way."""

    def __init__(self, stack: Stack, request: Request, to: Peer, tell: OnResponse) -> None:
        self.request = request
        self.to = to
        self.transaction = ClientTransaction(request, stack.timing, is_reliable=to.is_reliable)
        self.key = client_key(request.headers)
        self.started_ms = 0.0
        self.watched_ms: float | None = None
        self._stack = stack
        self._tell = tell

    @property
    def deadline_ms(self) -> float | None:
        return self.transaction.deadline_ms

    def start(self, now_ms: float) -> None:
        self.started_ms = now_ms
        self._do(self.transaction.start(now_ms), now_ms)

    def fail(self, now_ms: float) -> None:
        """As if the next hop had said 503 (RFC 3261, 8.1.3.1)."""
        refused = parse(Replies(self.request, "").encode(503, "", "unreachable"))
        assert isinstance(refused, Response)
        self._do(self.transaction.fail(refused), now_ms)

    def receive(self, response: Response, now_ms: float) -> None:
        self._do(self.transaction.receive(response, now_ms), now_ms)

    def fire(self, now_ms: float) -> None:
        effects = self.transaction.fire(now_ms)
        if self.to.is_reliable and Tell(None) in effects:
            self._stack.is_silent(self.to, self.started_ms)
        self._do(effects, now_ms)

    def give_up_at(self, at_ms: float) -> None:
        self.transaction.give_up_at(at_ms)
        self._stack.schedule.watch(self)

    def _do(self, effects: list[Effect], now_ms: float) -> None:
        if self.transaction.is_over:
            self._stack.forget_exchange(self)
        else:
            self._stack.schedule.watch(self)
        for effect in effects:
            match effect:
                case bytes():
                    self._stack.send(effect, self.to)
                case Tell(response):
                    self._tell(response, now_ms)
                case NotAcknowledged():
                    pass


class Question:
    """A request of ours. ``make`` builds it, anew for each try: with a branch and a CSeq of its own.

    A 401 or 407 is answered here, once, and once more if only the nonce was too old; any other response is told.
    """

    def __init__(
        self, stack: Stack, make: Callable[[], Request], to: Peer, tell: OnResponse, digest: DigestClient | None
    ) -> None:
        self._stack = stack
        self._make = make
        self.to = to
        self._tell = tell
        self._digest = digest
        self._tries = 0
        self.exchange: Exchange | None = None
        """The try under way."""

    @property
    def request(self) -> Request:
        assert self.exchange is not None
        return self.exchange.request

    def stop(self) -> None:
        """Not to be asked again, whoever wants credentials."""
        self._digest = None

    def ask(self, now_ms: float) -> None:
        self._tries += 1
        request = self._make()
        if self._digest is not None and (credentials := self._digest.authorization(request.method, request.uri)):
            request = request.with_headers([*request.headers.fields, *credentials])
        self.exchange = self._stack.exchange(request, self.to, self._on_response, now_ms)

    def _on_response(self, response: Response | None, now_ms: float) -> None:
        if response is not None and response.status in (401, 407) and self._may_try_again(response):
            self.ask(now_ms)
            return
        self._tell(response, now_ms)

    def _may_try_again(self, response: Response) -> bool:
        if self._digest is None:
            return False
        is_proxy = response.status == 407
        challenges = response.headers.lines("proxy-authenticate" if is_proxy else "www-authenticate")
        if not self._digest.learn(challenges, is_proxy=is_proxy):
            return False
        return self._tries == 1 or (
            self._tries <= 3 and (self._digest.is_stale or is_proxy != self._was_proxy(response))
        )

    def _was_proxy(self, response: Response) -> bool:
        """Whether the try that was refused had credentials for a proxy: a server behind it may want its own."""
        assert self.exchange is not None
        return "Proxy-Authorization" in self.exchange.request.headers


class Stack:
    """See the head. ``take`` what there is to send and to tell, after each thing that happened."""

    def __init__(self, endpoint: Endpoint, gate: Gate, ids: Ids, limits: Limits, timing: Timing) -> None:
        self.endpoint = endpoint
        self.gate = gate
        self.ids = ids
        self.limits = limits
        self.timing = timing
        self.schedule = Schedule()
        self.calls: dict[str, Call] = {}
        self.dialogs: dict[Key, InDialog] = {}
        self._pinned: dict[Key, str] = {}
        self._answering: dict[tuple[str, ...], Answering] = {}
        self._initial: set[tuple[str, str, str]] = set()
        self._exchanges: dict[tuple[str, str], Exchange] = {}
        self._over: dict[Peer, set[Exchange]] = {}
        """Those over connections."""
        self.registering = 0
        self._out: list[Output] = []

    def take(self) -> list[Output]:
        out, self._out = self._out, []
        return out

    def send(self, data: bytes, to: Peer) -> None:
        self._out.append(Send(data, to))

    def is_silent(self, to: Peer, since_ms: float) -> None:
        self._out.append(Silent(to, since_ms))

    def tell(self, event: Event) -> None:
        self._out.append(event)

    @property
    def transactions(self) -> int:
        return len(self._answering) + len(self._exchanges)

    # ---- ours

    def question(
        self,
        make: Callable[[], Request],
        to: Peer,
        tell: OnResponse,
        now_ms: float,
        *,
        digest: DigestClient | None = None,
    ) -> Question:
        question = Question(self, make, to, tell, digest)
        question.ask(now_ms)
        return question

    def exchange(self, request: Request, to: Peer, tell: OnResponse, now_ms: float) -> Exchange:
        exchange = Exchange(self, request, to, tell)
        self._exchanges[exchange.key] = exchange
        if to.is_reliable:
            self._over.setdefault(to, set()).add(exchange)
        exchange.start(now_ms)
        return exchange

    def response_arrived(self, response: Response, now_ms: float) -> None:
        """One that nobody waits for is dropped."""
        exchange = self._exchanges.get(client_key(response.headers))
        if exchange is not None:
            exchange.receive(response, now_ms)

    def could_not_send(self, request: Request, now_ms: float) -> None:
        exchange = self._exchanges.get(client_key(request.headers))
        if exchange is not None:
            exchange.fail(now_ms)

    def disconnected(self, peer: Peer, sent_ms: float, now_ms: float, *, is_broken: bool) -> None:
        """What was asked over that connection, by ``sent_ms``, is answered by nobody."""
        for exchange in list(self._over.get(peer, ())):
            if exchange.started_ms <= sent_ms and (is_broken or not exchange.transaction.rings):
                exchange.fail(now_ms)

    def forget_exchange(self, exchange: Exchange) -> None:
        self._exchanges.pop(exchange.key, None)
        if (others := self._over.get(exchange.to)) is not None:
            others.discard(exchange)
            if not others:
                del self._over[exchange.to]

    def digest_for(self, login: Login | None) -> DigestClient | None:
        return DigestClient(login, self.ids.cnonce) if login else None

    def via(self, to: Peer) -> str:
        return self.endpoint.via(to, self.ids.branch())

    # ---- theirs

    def find(self, key: tuple[str, ...]) -> Answering | None:
        """Of what they asked, under way or answered a moment ago."""
        return self._answering.get(key)

    def accept(self, request: Request, key: tuple[str, ...], source: Peer) -> Asked:
        asked = Asked(self, request, key, source)
        self._answering[key] = asked.answering
        return asked

    def forget(self, answering: Answering) -> None:
        if self._answering.get(answering.key) is answering:
            del self._answering[answering.key]
        if answering.merge_key is not None:
            self._initial.discard(answering.merge_key)

    def is_merged(self, request: Request) -> bool:
        """Whether an INVITE under way has come again by another path (RFC 3261, 8.2.2.2): there was a fork, and it ends here."""
        return _same_by_any_path(request) in self._initial

    def remember_initial(self, asked: Asked) -> None:
        assert asked.answering.merge_key is not None
        self._initial.add(asked.answering.merge_key)

    # ---- dialogs

    def add_dialog(self, dialog: Dialog, owner: InDialog) -> None:
        """From now on its requests are its owner's, also from a host that only this dialog has named."""
        if dialog.key not in self.dialogs:
            host = self._host_of(dialog)
            self._pinned[dialog.key] = host
            self.gate.pin(host)
        self.dialogs[dialog.key] = owner
        self.moved(dialog)

    def moved(self, dialog: Dialog) -> None:
        """Where it goes has been told anew (12.2.1.2): so has where its requests come from."""
        host, before = self._host_of(dialog), self._pinned.get(dialog.key)
        if before is not None and host != before:
            self._pinned[dialog.key] = host
            self.gate.pin(host)
            self.gate.unpin(before)

    def remove_dialog(self, dialog: Dialog) -> None:
        if self.dialogs.pop(dialog.key, None) is not None:
            self.gate.unpin(self._pinned.pop(dialog.key))

    @staticmethod
    def _host_of(dialog: Dialog) -> str:
        return dialog.next_hop().host


def _same_by_any_path(request: Request) -> tuple[str, str, str]:
    headers = request.headers
    return (headers.call_id, headers.from_.tag, headers.first("cseq"))


def stamped_line(headers: Headers, source: Peer) -> str:
    """The first Via line, its first value stamped with where it came from."""
    line, top = headers.first("via"), headers.via
    stamped = values.stamped(top, source.host, source.port)
    if top.text == line:
        return stamped
    return ", ".join([stamped, *split(line, ",", angles=False)[1:]])
