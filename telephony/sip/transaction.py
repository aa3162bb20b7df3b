"""The four transaction machines of RFC 3261, 17, with the Accepted state of RFC 6026. One exchange each: a request and its answer.

CLIENT  INVITE      CALLING ─1xx▶ PROCEEDING ─2xx▶ ACCEPTED (each 2xx is told: each wants its ACK) ─M▶ over
                       └─────────────┴─300–699▶ COMPLETED (ACKed here, told once) ─D▶ over
        others      CALLING ─1xx▶ PROCEEDING ─final▶ COMPLETED ─K▶ over
SERVER  INVITE      PROCEEDING ─2xx▶ ACCEPTED (copies absorbed) ─L▶ over
                       └─300–699▶ COMPLETED (repeated until ACK) ─ACK▶ CONFIRMED ─I▶ over
        others      PROCEEDING ─final▶ COMPLETED (repeated when asked again) ─J▶ over

Timer B counts only until something is heard: a phone may ring for as long as it likes. Told what happens, with the time; asking for
what to do. On a reliable transport nothing is repeated, and nothing waits for late copies.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import NamedTuple

from telephony.sip.message import Headers, Request, Response
from telephony.sip.timing import Timing


class State(Enum):
    CALLING = auto()
    """Also "Trying": sent, nothing heard."""
    PROCEEDING = auto()
    COMPLETED = auto()
    CONFIRMED = auto()
    ACCEPTED = auto()
    OVER = auto()


class Tell(NamedTuple):
    """A response for whoever asked; None: nobody answered in time."""

    response: Response | None


@dataclass(frozen=True, slots=True)
class NotAcknowledged:
    """Our refusal of an INVITE was never acknowledged."""


Effect = bytes | Tell | NotAcknowledged
"""Bytes are to be sent."""


def ack_for(request: Request, response: Response) -> Request:
    """The ACK of a refusal: of the INVITE's own transaction, so its branch and its route (RFC 3261, 17.1.1.3)."""
    fields: list[tuple[str, str]] = []
    for name, value in request.headers:
        match name:
            case "Via" | "From" | "Call-ID" | "Max-Forwards" | "Route" | "Authorization" | "Proxy-Authorization":
                fields.append((name, value))
            case "To":
                fields.append((name, response.headers.first("to")))
            case "CSeq":
                fields.append((name, f"{request.headers.cseq.number} ACK"))
    return Request("ACK", request.uri, Headers(fields))


class ClientTransaction:
    """We ask. ``start`` once, ``receive`` each response, ``fire`` when ``deadline_ms`` is there."""

    def __init__(self, request: Request, timing: Timing, *, is_reliable: bool) -> None:
        self.request = request
        self.state = State.CALLING
        self.deadline_ms: float | None = None
        self._timing = timing
        self._is_reliable = is_reliable
        self._is_invite = request.method == "INVITE"
        self._data = request.encode()
        self._repeat_ms: float | None = None
        self._interval_ms = timing.t1_ms
        self._end_ms: float | None = None
        self._ack: bytes = b""

    @property
    def is_over(self) -> bool:
        return self.state is State.OVER

    @property
    def rings(self) -> bool:
        """An INVITE that somebody has heard of, and nobody has answered for good."""
        return self._is_invite and self.state is State.PROCEEDING

    def start(self, now_ms: float) -> list[Effect]:
        self._end_ms = now_ms + self._timing.patience_ms  # timers B and F
        if not self._is_reliable:
            self._repeat_ms = now_ms + self._interval_ms  # timers A and E
        self._plan()
        return [self._data]

    def receive(self, response: Response, now_ms: float) -> list[Effect]:
        if self.state in (State.CALLING, State.PROCEEDING):
            if response.is_provisional:
                return self._on_provisional(response)
            return self._on_final(response, now_ms)
        if self.state is State.ACCEPTED and response.is_success:
            return [Tell(response)]
        if self.state is State.COMPLETED and self._ack and not response.is_provisional and not response.is_success:
            return [self._ack]
        return []

    def _on_provisional(self, response: Response) -> list[Effect]:
        self.state = State.PROCEEDING
        if self._is_invite:
            self._repeat_ms = self._end_ms = None
        else:
            self._interval_ms = self._timing.t2_ms
        self._plan()
        return [Tell(response)]

    def _on_final(self, response: Response, now_ms: float) -> list[Effect]:
        self._repeat_ms = None
        effects: list[Effect] = [Tell(response)]
        if not self._is_invite:
            self.state = State.COMPLETED
            self._end_ms = now_ms + (0 if self._is_reliable else self._timing.t4_ms)  # timer K
        elif response.is_success:
            self.state = State.ACCEPTED
            self._end_ms = now_ms + self._timing.patience_ms  # timer M
        else:
            self.state = State.COMPLETED
            self._ack = ack_for(self.request, response).encode()
            self._end_ms = now_ms + (0 if self._is_reliable else self._timing.patience_ms)  # timer D
            effects.insert(0, self._ack)
        self._plan()
        return effects

    def fail(self, response: Response) -> list[Effect]:
        """It can't be sent, or the connection that it went over is lost (17.1.4): ``response`` is of our own making, and gets no ACK."""
        if self.state not in (State.CALLING, State.PROCEEDING):
            return []
        self.state = State.OVER
        self._end_ms = self._repeat_ms = None
        self._plan()
        return [Tell(response)]

    def give_up_at(self, at_ms: float) -> None:
        """After a CANCEL no answer is waited for longer than that (RFC 3261, 9.1)."""
        if self.state in (State.CALLING, State.PROCEEDING) and (self._end_ms is None or at_ms < self._end_ms):
            self._end_ms = at_ms
            self._plan()

    def fire(self, now_ms: float) -> list[Effect]:
        effects: list[Effect] = []
        if self._end_ms is not None and now_ms >= self._end_ms:
            if self.state in (State.CALLING, State.PROCEEDING):
                effects.append(Tell(None))
            self.state = State.OVER
            self._end_ms = self._repeat_ms = None
        elif self._repeat_ms is not None and now_ms >= self._repeat_ms:
            effects.append(self._data)
            self._interval_ms *= 2
            if not self._is_invite:
                self._interval_ms = min(self._interval_ms, self._timing.t2_ms)
            self._repeat_ms = now_ms + self._interval_ms
        self._plan()
        return effects

    def _plan(self) -> None:
        self.deadline_ms = _earlier(self._repeat_ms, self._end_ms)


class ServerTransaction:
    """We are asked. ``receive`` each copy and the ACK; ``respond`` at most one final, ever; ``fire`` when it is time."""

    __slots__ = (
        "_data", "_end_ms", "_interval_ms", "_is_reliable", "_repeat_ms", "_timing", "deadline_ms", "is_invite", "state",
    )  # fmt: skip

    def __init__(self, request: Request, timing: Timing, *, is_reliable: bool) -> None:
        self.state = State.PROCEEDING
        self.deadline_ms: float | None = None
        self._timing = timing
        self._is_reliable = is_reliable
        self.is_invite = request.method == "INVITE"
        self._data = b""
        """The last response, as it is repeated."""
        self._repeat_ms: float | None = None
        self._interval_ms = timing.t1_ms
        self._end_ms: float | None = None

    @property
    def is_over(self) -> bool:
        return self.state is State.OVER

    @property
    def is_answered(self) -> bool:
        """A final response was sent: there will be no other."""
        return self.state is not State.PROCEEDING

    def receive(self, request: Request, now_ms: float) -> list[Effect]:
        """A copy of the request, or the ACK of our refusal."""
        if request.method == "ACK":
            if self.state is State.COMPLETED and self.is_invite:
                self.state = State.CONFIRMED
                self._repeat_ms = None
                self._end_ms = now_ms + (0 if self._is_reliable else self._timing.t4_ms)  # timer I
                self._plan()
            return []
        if self._data and self.state in (State.PROCEEDING, State.COMPLETED):
            return [self._data]
        return []

    def respond(self, status: int, data: bytes, now_ms: float) -> list[Effect]:
        """``data``: the whole response."""
        if self.state is not State.PROCEEDING:
            return []
        if status < 200:
            self._data = data
            return [data]
        patience_ms = self._timing.patience_ms
        if self.is_invite and status < 300:
            self.state = State.ACCEPTED
            self._data = b""  # the call repeats its 2xx itself, until its own ACK (RFC 3261, 13.3.1.4)
            self._end_ms = now_ms + patience_ms  # timer L
        elif self.is_invite:
            self.state = State.COMPLETED
            self._data = data
            self._end_ms = now_ms + patience_ms  # timer H
            if not self._is_reliable:
                self._repeat_ms = now_ms + self._interval_ms  # timer G
        else:
            self.state = State.COMPLETED
            self._data = data
            self._end_ms = now_ms + (0 if self._is_reliable else patience_ms)  # timer J
        self._plan()
        return [data]

    def fire(self, now_ms: float) -> list[Effect]:
        effects: list[Effect] = []
        if self._end_ms is not None and now_ms >= self._end_ms:
            if self.state is State.COMPLETED and self.is_invite:
                effects.append(NotAcknowledged())
            self.state = State.OVER
            self._end_ms = self._repeat_ms = None
        elif self._repeat_ms is not None and now_ms >= self._repeat_ms:
            effects.append(self._data)
            self._interval_ms = min(2 * self._interval_ms, self._timing.t2_ms)
            self._repeat_ms = now_ms + self._interval_ms
        self._plan()
        return effects

    def _plan(self) -> None:
        self.deadline_ms = _earlier(self._repeat_ms, self._end_ms)


def _earlier(one_ms: float | None, other_ms: float | None) -> float | None:
    if one_ms is None or other_ms is None:
        return other_ms if one_ms is None else one_ms
    return min(one_ms, other_ms)


def server_key(request: Request) -> tuple[str, ...]:
    """What copies of a request have in common (RFC 3261, 17.2.3). ACK belongs to its INVITE; a CANCEL is one of its own.

    Without a branch that is said to be unique, the request is known by what RFC 2543 gave it.
    """
    headers = request.headers
    via = headers.via
    method = "INVITE" if request.method == "ACK" else request.method
    branch = via.branch
    if branch.startswith("z9hG4bK") and len(branch) > 7:
        return (branch, via.host.lower(), str(via.port or ""), method)
    return ("", request.uri, headers.from_.tag, headers.call_id, str(headers.cseq.number), via.text, method)


def invite_key(cancel: Request) -> tuple[str, ...]:
    """The key of the INVITE that a CANCEL means."""
    return (*server_key(cancel)[:-1], "INVITE")


def client_key(headers: Headers) -> tuple[str, str]:
    """Of a response as of its request: the branch, and the method in CSeq (RFC 3261, 17.1.3)."""
    return headers.via.branch, headers.cseq.method
