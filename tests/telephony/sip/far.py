"""A far end that says what it is told to, and an agent of ours whose clock is turned by hand."""

from __future__ import annotations

import random
from collections.abc import Iterable
from ipaddress import ip_network
from typing import Any, TypeVar

from telephony.sip.agent import Agent
from telephony.sip.commands import Answer, Command, Dial
from telephony.sip.events import CallReceived, Ended, Send
from telephony.sip.gate import Gate, Trunk
from telephony.sip.message import Request, Response, parse
from telephony.sip.peer import Address, Endpoint, Peer
from telephony.sip.stack import Limits

US, THEM, STRANGER = "192.0.2.1", "192.0.2.2", "198.51.100.9"
OFFER, ANSWER = b"v=0\r\ns=offer\r\n", b"v=0\r\ns=answer\r\n"
T = TypeVar("T")


def a_trunk(**settings: Any) -> Trunk:
    given = {"id": "trunk", "networks": (ip_network(f"{THEM}/32"),), "peer": Peer("udp", THEM, 5060)}
    return Trunk(**{**given, **settings})


def raw(start: str, fields: Iterable[str], body: bytes = b"") -> bytes:
    head = "\r\n".join([start, *fields, f"Content-Length: {len(body)}", "", ""])
    return head.encode("utf-8", "surrogateescape") + body


class Far:
    """``says`` hands the agent a packet and gives back what it sent; ``waits`` turns the clock. All is kept in ``log``."""

    def __init__(
        self, *trunks: Trunk, limits: Limits | None = None, transport: str = "udp", seed: int = 7, **more: Any
    ) -> None:
        self.random = random.Random(seed)
        gate = Gate(trunks or (a_trunk(),))
        endpoint = Endpoint({"udp": Address(US, 5060), "tcp": Address(US, 5060)})
        self.agent = Agent(endpoint, gate, self.random.randbytes, limits=limits, **more)
        self.source = Peer(transport, THEM, 5060)  # type: ignore[arg-type]
        self.now_ms = 0.0
        self.log: list[tuple[float, Any]] = []
        self.targets: list[Peer] = []

    # ---- what happens

    def _keep(self, outputs: list[Any]) -> list[Any]:
        new: list[Any] = []
        for output in outputs:
            if isinstance(output, Send):
                self.targets.append(output.to)
                new.append(parse(output.data) if output.data.strip() else output.data)
            else:
                new.append(output)
        self.log += [(self.now_ms, each) for each in new]
        return new

    def says(self, data: bytes | Request | Response, source: Peer | None = None) -> list[Any]:
        data = data if isinstance(data, bytes) else data.encode()
        return self._keep(self.agent.receive(data, source or self.source, self.now_ms))

    def do(self, command: Command) -> list[Any]:
        return self._keep(self.agent.do(command, self.now_ms))

    def waits(self, ms: float) -> list[tuple[float, Any]]:
        """What happens in that time, and when (from the beginning of the wait)."""
        start, begin = self.now_ms, len(self.log)
        end = start + ms
        while (at := self.agent.next_deadline_ms) is not None and at <= end:
            self.now_ms = max(self.now_ms, at)
            self._keep(self.agent.fire(self.now_ms))
        self.now_ms = end
        return [(at - start, each) for at, each in self.log[begin:]]

    # ---- what was told and sent

    def told(self, kind: type[T]) -> list[T]:
        return [each for _, each in self.log if isinstance(each, kind)]

    def requests(self, method: str) -> list[Request]:
        return [each for each in self.told(Request) if each.method == method]

    def statuses(self, method: str = "INVITE") -> list[int]:
        return [each.status for each in self.told(Response) if each.headers.cseq.method == method]

    @property
    def ended(self) -> list[str]:
        return [each.reason for each in self.told(Ended)]

    # ---- as the caller

    def request(self, method: str, *, tag: str = "", cseq: int = 1, branch: str = "", **more: Any) -> bytes:
        """A request of a call of theirs; ``fields`` more headers, ``leave`` those to leave out."""
        branch = branch or f"z9hG4bK{method}{cseq}"
        cseq_method = more.get("cseq_method", method)
        fields = {
            "Via": more.get("via", f"SIP/2.0/{self.source.transport.upper()} {THEM}:5060;branch={branch}"),
            "Max-Forwards": "70",
            "From": '"Ann" <sip:ann@example.com>;tag=far',
            "To": "<sip:100@example.net>" + (f";tag={tag}" if tag else ""),
            "Call-ID": more.get("call_id", "call-of-theirs"),
            "CSeq": f"{cseq} {cseq_method}",
            "Contact": f"<sip:ann@{THEM}:5060>",
        }
        body = more.get("body", b"")
        if body:
            fields["Content-Type"] = "application/sdp"
        fields.update(more.get("headers", {}))
        lines = [f"{name}: {value}" for name, value in fields.items() if name not in more.get("leave", ())]
        return raw(f"{method} {more.get('uri', f'sip:100@{US}')} SIP/2.0", [*lines, *more.get("fields", ())], body)

    def invite(self, **more: Any) -> bytes:
        return self.request("INVITE", **{"body": OFFER, **more})

    def calls(self, **more: Any) -> str:
        """An INVITE of theirs; the id of the call it made."""
        self.says(self.invite(**more))
        return self.told(CallReceived)[-1].call

    @property
    def our_tag(self) -> str:
        """In the last response that had one."""
        return next(each.headers.to.tag for each in reversed(self.told(Response)) if each.headers.to.tag)

    def ack(self, cseq: int = 1, **more: Any) -> bytes:
        return self.request("ACK", tag=self.our_tag, cseq=cseq, branch=f"z9hG4bKack{cseq}", **more)

    def is_answered(self, **more: Any) -> str:
        """Their call to us, answered and acknowledged."""
        call = self.calls(**more)
        self.do(Answer(call, ANSWER))
        self.says(self.ack())
        return call

    # ---- as the callee

    def is_called(self, **more: Any) -> Request:
        """Our INVITE to them."""
        given = {"call": "ours", "trunk": "trunk", "to": "200", "caller": "100", "offer": OFFER}
        self.do(Dial(**{**given, **more}))
        return self.requests("INVITE")[-1]

    def response(self, request: Request, status: int, *, tag: str = "far", body: bytes = b"", **more: Any) -> bytes:
        headers = request.headers
        fields = [f"Via: {line}" for line in headers.lines("via")]
        to = headers.first("to")
        fields += [
            f"From: {headers.first('from')}",
            f"To: {to}" + (f";tag={tag}" if tag and ";tag=" not in to else ""),
            f"Call-ID: {headers.call_id}",
            f"CSeq: {headers.first('cseq')}",
        ]
        if 100 < status < 300:
            fields.append(f"Contact: <sip:far-{tag}@{THEM}:5070>")
        if body:
            fields.append("Content-Type: application/sdp")
        return raw(f"SIP/2.0 {status} {more.get('reason', 'Whatever')}", [*fields, *more.get("fields", ())], body)

    def answers(self, **more: Any) -> Request:
        """Our call to them, answered; what we sent to ask."""
        request = self.is_called(**more.pop("dial", {}))
        self.says(self.response(request, 200, body=ANSWER, **more))
        return request
