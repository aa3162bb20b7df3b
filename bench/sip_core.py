"""What the SIP core costs, on this machine: ``python bench/sip_core.py``. CPU time of one process, no sockets.

The best of several runs, for a machine that others use as well. No two INVITEs are alike.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from telephony.sip.agent import Agent
from telephony.sip.checks import check_request
from telephony.sip.commands import Answer, Ring
from telephony.sip.events import CallReceived, Send
from telephony.sip.gate import Gate, Trunk
from telephony.sip.message import Request, parse
from telephony.sip.peer import Address, Endpoint, Peer

THEM = "192.0.2.2"
SDP = (
    b"v=0\r\no=user1 53655765 2353687637 IN IP4 192.0.2.2\r\ns=-\r\nc=IN IP4 192.0.2.2\r\nt=0 0\r\n"
    b"m=audio 6000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n"
    b"a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=sendrecv\r\n"
)


def request(method: str, call: int, *, tag: str = "", cseq: int = 1, body: bytes = b"") -> bytes:
    kind = "Content-Type: application/sdp\r\n" if body else ""
    to = f";tag={tag}" if tag else ""
    return (
        f"{method} sip:service@192.0.2.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2:5061;branch=z9hG4bK{call:08x}{method}00\r\n"
        f'From: "Caller {call}" <sip:caller-{call:07}@192.0.2.2:5061>;tag=sipp{call:08x}\r\nTo: <sip:service@192.0.2.1:5060>{to}\r\n'
        f"Call-ID: {call}-4242@192.0.2.2\r\nCSeq: {cseq} {method}\r\nContact: <sip:caller-{call:07}@192.0.2.2:5061>\r\n"
        f"Max-Forwards: 70\r\nSubject: Performance Test\r\n{kind}Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def cost_us(action: Callable[[bytes], object], packets: list[bytes]) -> float:
    """The best of five runs, in microseconds a packet. No two packets are alike, so nothing is known from the one before."""
    best = float("inf")
    for _ in range(5):
        begin = time.process_time()
        for packet in packets:
            action(packet)
        best = min(best, time.process_time() - begin)
    return best / len(packets) * 1e6


def parsing_us() -> tuple[int, float, float]:
    packets = [request("INVITE", number, body=SDP) for number in range(5_000)]

    def with_core_headers(packet: bytes) -> None:
        message = parse(packet)
        assert isinstance(message, Request)
        check_request(message)

    return len(packets[0]), cost_us(parse, packets), cost_us(with_core_headers, packets)


def set_up_us(calls: int = 800) -> float:
    """INVITE, 100, 180, 200, ACK, BYE, 200, as the one who is called; timers run. The far end's writing is in it, some 15 µs."""
    trunk = Trunk("t", (ip_network(f"{THEM}/32"),), Peer("udp", THEM, 5060))
    source = Peer("udp", THEM, 5061)
    agent = Agent(Endpoint({"udp": Address("192.0.2.1", 5060)}), Gate([trunk]), random.Random(1).randbytes)
    now_ms = 0.0
    begin = time.process_time()
    for number in range(calls):
        now_ms += 1_000 / 700
        invite = request("INVITE", number, body=SDP)
        call = next(each.call for each in agent.receive(invite, source, now_ms) if isinstance(each, CallReceived))
        agent.do(Ring(call), now_ms)
        [ok] = agent.do(Answer(call, SDP), now_ms)
        assert isinstance(ok, Send)
        tag = ok.data.split(b"\r\nTo: ")[1].split(b"tag=")[1].split(b"\r\n")[0].decode()
        agent.receive(request("ACK", number, tag=tag), source, now_ms)
        agent.receive(request("BYE", number, tag=tag, cseq=2), source, now_ms)
        agent.fire(now_ms)
    spent = time.process_time() - begin
    assert not agent.calls
    return spent / calls * 1e6


if __name__ == "__main__":
    size, bare, checked = parsing_us()
    print(f"parse an INVITE of {size} bytes: {bare:.0f} µs; with its core headers and checks: {checked:.0f} µs")
    print(f"a whole call, INVITE to BYE: {min(set_up_us() for _ in range(8)):.0f} µs")
