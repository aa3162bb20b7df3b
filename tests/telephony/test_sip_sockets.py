"""The SIP user agent on real sockets of this machine: who is answered, by which way, and what becomes of what can't be sent."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
import uvloop

from telephony.sip import commands, events
from telephony.sip.digest import Login
from telephony.sip.gate import Gate, Trunk
from telephony.sip.peer import Peer
from telephony.sip.timing import Timing
from telephony.transports import sip_names, sip_sockets
from telephony.transports.sip import Listening, SipEndpoint
from tests.telephony.certificates import certificate
from tests.telephony.sip_phone import SipPhone

# The hook that is to replace the fixture would have every test of this folder choose a loop.
pytestmark = pytest.mark.filterwarnings("ignore:Overriding the .event_loop_policy.:pytest.PytestDeprecationWarning")


@pytest.fixture(params=["asyncio", "uvloop"])
def event_loop_policy(request: pytest.FixtureRequest) -> asyncio.AbstractEventLoopPolicy:
    """The loop that call workers run on, and the one of systems that it isn't made for: their transports differ."""
    return uvloop.EventLoopPolicy() if request.param == "uvloop" else asyncio.DefaultEventLoopPolicy()


OPTIONS = (
    b"OPTIONS sip:us@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/%s 127.0.0.1:1;branch=z9hG4bK1;rport\r\nFrom: <sip:a@b>;tag=1\r\n"
    b"To: <sip:us@127.0.0.1>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
)


async def asked_over_udp(port: int, *, from_: str = "127.0.0.1", seconds: float = 0.5) -> bytes | None:
    """What OPTIONS from this address are answered with; ``None``: nothing."""
    answers: asyncio.Queue[bytes] = asyncio.Queue()

    class Asker(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, addr: Any) -> None:
            answers.put_nowait(data)

    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Asker, local_addr=(from_, 0))
    try:
        transport.sendto(OPTIONS % b"UDP", ("127.0.0.1", port))
        return await asyncio.wait_for(answers.get(), seconds)
    except TimeoutError:
        return None
    finally:
        transport.close()


class FarOverTcp:
    """A telephone system on one TCP connection from any port: ``async with``, then ``calls`` us and is answered."""

    def __init__(self, port: int, contact: str, via_port: int = 5) -> None:
        self._port, self._contact, self._via_port = port, contact, via_port

    async def __aenter__(self) -> FarOverTcp:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()

    def asks(self, method: str, *, tag: str = "", cseq: int = 1) -> None:
        to = f";tag={tag}" if tag else ""
        self.writer.write(
            f"{method} sip:100@127.0.0.1 SIP/2.0\r\n"
            f"Via: SIP/2.0/TCP 127.0.0.1:{self._via_port};branch=z9hG4bK{method}{cseq}\r\n"
            "Max-Forwards: 70\r\nFrom: <sip:a@127.0.0.1>;tag=far\r\n"
            f"To: <sip:100@127.0.0.1>{to}\r\nCall-ID: c1\r\nCSeq: {cseq} {method}\r\nContact: {self._contact}\r\n"
            "Content-Length: 0\r\n\r\n".encode()
        )

    async def answer(self, status: int) -> bytes:
        async with asyncio.timeout(3):
            while True:
                head = await self.reader.readuntil(b"\r\n\r\n")
                length = int(re.findall(rb"Content-Length: (\d+)", head)[0])
                await self.reader.readexactly(length)
                if head.startswith(b"SIP/2.0 %d" % status):
                    return head

    async def calls(self, us: SipEndpoint, told: list[Any]) -> None:
        self.asks("INVITE")
        await self.answer(100)
        us.do(commands.Answer(told[0].call, b"v=0\r\n"))
        (tag,) = re.findall(r"To: .*;tag=(\S+)", (await self.answer(200)).decode())
        self.asks("ACK", tag=tag)
        async with asyncio.timeout(2):
            while not any(isinstance(each, events.Acknowledged) for each in told):
                await asyncio.sleep(0.01)


async def started(gate: Gate, told: list[Any] | None = None, **listening: Any) -> SipEndpoint:
    endpoint = SipEndpoint(
        Listening(**{"hosts": ("127.0.0.1",), "port": 0, **listening}), gate, (told if told is not None else []).append
    )
    await endpoint.start()
    return endpoint


async def told_of(told: list[Any], kind: type, seconds: float = 3) -> Any:
    async with asyncio.timeout(seconds):
        while (found := next((each for each in told if isinstance(each, kind)), None)) is None:
            await asyncio.sleep(0.01)
    return found


async def test_who_is_on_the_list_is_answered_and_a_stranger_hears_nothing() -> None:
    endpoint = await started(Gate([Trunk("pbx", (ip_network("127.0.0.1/32"),))]))
    try:
        answer = await asked_over_udp(endpoint.ports["udp"])
        assert answer is not None and answer.startswith(b"SIP/2.0 200 OK")
        assert await asked_over_udp(endpoint.ports["udp"], from_="127.0.0.2") is None
        assert endpoint.agent.gate.counts.strangers == 1
    finally:
        await endpoint.close()


async def test_a_strangers_connection_is_closed_before_it_has_said_anything() -> None:
    endpoint = await started(Gate([Trunk("pbx", (ip_network("127.0.0.1/32"),))]))
    try:
        port = endpoint.ports["tcp"]
        reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=("127.0.0.2", 0))
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await asyncio.wait_for(reader.readexactly(1), 2)
        writer.close()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        message = OPTIONS % b"TCP"
        for at in range(0, len(message), 7):  # in whatever pieces
            writer.write(message[at : at + 7])
            await writer.drain()
        assert (await asyncio.wait_for(reader.readline(), 2)).startswith(b"SIP/2.0 200 OK")
        writer.close()
    finally:
        await endpoint.close()


async def test_a_message_that_is_never_finished_costs_its_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sip_sockets, "UNFINISHED_SECONDS", 0.2)
    endpoint = await started(Gate([Trunk("pbx", (ip_network("127.0.0.0/8"),))]))
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", endpoint.ports["tcp"])
        writer.write(b"OPTIONS sip:us@127.0.0.1 SIP/2.0\r\nVia: ")
        assert await asyncio.wait_for(reader.read(), 3) == b""
        writer.close()
    finally:
        await endpoint.close()


@pytest.mark.parametrize("before", [b"\r\n", OPTIONS % b"TCP" + b"\r\n", b"\r"])
async def test_an_empty_line_is_no_message_and_costs_no_connection(
    monkeypatch: pytest.MonkeyPatch, before: bytes
) -> None:
    """Some devices keep a connection open with it, others end a body with one too many."""
    monkeypatch.setattr(sip_sockets, "UNFINISHED_SECONDS", 0.1)
    endpoint = await started(Gate([Trunk("pbx", (ip_network("127.0.0.0/8"),))]))
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", endpoint.ports["tcp"])
        writer.write(before)
        await asyncio.sleep(0.4)
        writer.write(b"" if before.endswith(b"\n") else b"\n")
        writer.write((OPTIONS % b"TCP").replace(b"z9hG4bK1", b"z9hG4bK2"))
        async with asyncio.timeout(2):
            while b"z9hG4bK2" not in await reader.readuntil(b"\r\n\r\n"):
                pass
        writer.close()
    finally:
        await endpoint.close()


async def test_who_drains_says_so_and_takes_no_call() -> None:
    endpoint = await started(Gate([Trunk("pbx", (ip_network("127.0.0.0/8"),))]))
    try:
        endpoint.do(commands.Drain())
        answer = await asked_over_udp(endpoint.ports["udp"])
        assert answer is not None and answer.startswith(b"SIP/2.0 503") and b"Retry-After:" in answer
    finally:
        await endpoint.close()


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_two_telephones_talk_to_each_other(transport: str, host: str) -> None:
    async with SipPhone(host) as caller, SipPhone(host) as callee:
        callee.mouth.hz = 700
        caller.call("200", callee.endpoint.ports[transport], transport=transport)  # type: ignore[index]
        await caller.hears(700)
        await callee.hears(440)
        await caller.press("42#")
        await callee.until(lambda: callee.digits == ["4", "2", "#"])
        callee.hang_up()
        await asyncio.wait_for(caller.over.wait(), 5)
        assert caller.ended().reason == "remote_hung_up"
        await caller.until(lambda: not caller.endpoint.agent.calls or transport == "udp")


async def test_over_tls_the_certificate_must_be_the_right_one(tmp_path: Path, settings: Any) -> None:
    cert, key = certificate(tmp_path, "pbx.example.com")
    told: list[Any] = []
    them = await started(
        Gate([Trunk("us", (ip_network("127.0.0.0/8"),))]), tls_port=0, tls_cert=str(cert), tls_key=str(key)
    )
    peer = Peer("tls", "127.0.0.1", them.ports["tls"], "pbx.example.com")
    us = await started(Gate([Trunk("pbx", (ip_network("127.0.0.0/8"),), peer)]), told, tls_ca=str(cert))
    try:
        us.do(commands.KeepAlive("pbx", 60_000))
        await told_of(told, events.TrunkReachable, 5)
    finally:
        await us.close()
    told.clear()
    wrong = peer._replace(name="sip.somebody-else.example")
    us = await started(Gate([Trunk("pbx", (ip_network("127.0.0.0/8"),), wrong)]), told, tls_ca=str(cert))
    try:
        us.do(commands.Dial("1", "pbx", "200", "100", b"v=0\r\n"))
        assert await told_of(told, events.Ended, 8) == events.Ended("1", "refused", 503)
    finally:
        await us.close()
        await them.close()


@pytest.mark.parametrize("first", ["theirs", "ours"])
async def test_trunks_that_know_one_server_by_several_names_have_a_connection_each(tmp_path: Path, first: str) -> None:
    """Else one organization's trunk decides whose certificate another's must be, or uses what that one has found good."""
    cert, key = certificate(tmp_path, "pbx.example.com")
    told: list[Any] = []
    them = await started(
        Gate([Trunk("us", (ip_network("127.0.0.0/8"),))]), tls_port=0, tls_cert=str(cert), tls_key=str(key)
    )
    peer = Peer("tls", "127.0.0.1", them.ports["tls"])
    ours = Trunk("ours", (ip_network("127.0.0.0/8"),), peer._replace(name="pbx.example.com"))
    theirs = Trunk("theirs", (ip_network("127.0.0.0/8"),), peer._replace(name="sip.somebody-else.example"))
    us = await started(Gate([ours, theirs]), told, tls_ca=str(cert))
    try:
        us.do(commands.KeepAlive(first, 60_000))
        await asyncio.sleep(0.3)
        for trunk in ("ours", "theirs"):
            us.do(commands.Dial(trunk, trunk, "200", "100", b"v=0\r\n"))
        assert await told_of(told, events.Ended, 8) == events.Ended("theirs", "refused", 503)
        await asyncio.sleep(0.2)
        assert list(us.agent.calls) == ["ours"] and len(them.agent.calls) == 1
    finally:
        await us.close()
        await them.close()


async def test_where_nobody_listens_the_call_fails_at_once_and_not_after_half_a_minute() -> None:
    told: list[Any] = []
    peer = Peer("tcp", "127.0.0.1", 9)
    us = await started(Gate([Trunk("pbx", (ip_network("127.0.0.0/8"),), peer)]), told)
    try:
        us.do(commands.Dial("1", "pbx", "200", "100", b"v=0\r\n"))
        async with asyncio.timeout(3):
            while not told:
                await asyncio.sleep(0.02)
        assert told == [events.Ended("1", "refused", 503)]
    finally:
        await us.close()


async def test_a_port_that_somebody_has_is_told_and_nothing_is_left_open() -> None:
    first = await started(Gate())
    with pytest.raises(OSError):
        await started(Gate(), port=first.ports["udp"])
    await first.close()
    again = await started(Gate(), port=first.ports["udp"])
    await again.close()


async def test_nothing_is_sent_to_an_address_that_only_a_message_named(settings: Any) -> None:
    """A Contact of a trunk's call may point anywhere: to our own database, for one."""
    settings.EGRESS_ALLOW, settings.EGRESS_ALLOW_PRIVATE = [], False
    endpoint = await started(Gate([Trunk("pbx", (ip_network("127.0.0.1/32"),))]))
    try:
        assert not endpoint._may_send(Peer("tcp", "10.1.2.3", 5432))
        assert not endpoint._may_send(Peer("udp", "169.254.169.254", 5060))
        assert not endpoint._may_send(Peer("udp", "1.1.1.1", 53))
        assert endpoint._may_send(Peer("udp", "1.1.1.1", 5060))
    finally:
        await endpoint.close()


@pytest.mark.parametrize("typed", ["10.0.0.0/8", "127.0.0.0/8", "0.0.0.0/0"])
async def test_a_network_that_somebody_typed_as_a_trunks_opens_no_way_out(settings: Any, typed: str) -> None:
    settings.EGRESS_ALLOW, settings.EGRESS_ALLOW_PRIVATE = [], False
    server = Peer("udp", "10.9.9.9", 5070)
    endpoint = await started(
        Gate([Trunk("pbx", (ip_network("127.0.0.1/32"), ip_network(typed)), server, expects=Login("u", "p"))])
    )
    try:
        for host in ("10.1.2.3", "169.254.169.254", "127.0.0.1", "10.9.9.9"):
            assert not any(endpoint._may_send(Peer("tcp", host, port)) for port in (80, 5060, 5432))
            assert not endpoint._may_send(Peer("udp", host, 5062))
        assert endpoint._may_send(server)  # where the trunk's calls go was checked when its name was looked up
        assert endpoint._may_send(Peer("udp", "1.1.1.1", 5060)) and not endpoint._may_send(Peer("udp", "1.1.1.1", 53))
    finally:
        await endpoint.close()


async def test_who_has_come_to_us_is_answered_where_they_came_from_and_at_no_other_port(settings: Any) -> None:
    settings.EGRESS_ALLOW, settings.EGRESS_ALLOW_PRIVATE = [], False
    endpoint = await started(Gate([Trunk("desk", (ip_network("127.0.0.0/8"),))]))
    try:
        assert await asked_over_udp(endpoint.ports["udp"], from_="127.0.0.3") is not None
        (came_from,) = {peer for peer in endpoint._seen if peer.port != 5060}
        assert came_from.host == "127.0.0.3" and endpoint._may_send(came_from)
        assert endpoint._may_send(
            Peer("udp", "127.0.0.3", 5060)
        )  # old telephones send from one port and listen at another
        assert not endpoint._may_send(Peer("udp", "127.0.0.3", 53))
        assert not endpoint._may_send(Peer("tcp", "127.0.0.3", came_from.port))
        assert not endpoint._may_send(Peer("udp", "127.0.0.4", came_from.port))
        sip = OPTIONS % b"UDP"
        endpoint._received(sip, Peer("tls", "127.0.0.5", 5071, "pbx.example"))
        assert endpoint._may_send(Peer("tls", "127.0.0.5", 5061)) and not endpoint._may_send(
            Peer("tls", "127.0.0.5", 5071)
        )
        assert endpoint._may_send(Peer("tls", "127.0.0.5", 5061, "pbx.example"))
        for port in range(20_000, 20_000 + 50):  # public addresses need no remembering
            endpoint._received(sip, Peer("udp", "1.1.1.1", port))
        assert not any(peer.host == "1.1.1.1" for peer in endpoint._seen)
    finally:
        await endpoint.close()


async def test_a_calls_contact_leads_none_of_our_messages_to_a_service_of_this_network(settings: Any) -> None:
    settings.EGRESS_ALLOW, settings.EGRESS_ALLOW_PRIVATE = [], False
    came: list[bytes] = []

    async def service(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(await reader.read(400))
        writer.close()

    victim = await asyncio.start_server(service, "127.0.0.9", 0)
    contact = f"<sip:flushall@127.0.0.9:{victim.sockets[0].getsockname()[1]};transport=tcp>"
    told: list[Any] = []
    us = await started(Gate([Trunk("pbx", (ip_network("127.0.0.1/32"), ip_network("127.0.0.9/32")))]), told)
    try:
        async with FarOverTcp(us.ports["tcp"], contact) as far:
            await far.calls(us, told)
            us.do(commands.HangUp(told[0].call))
            await asyncio.sleep(0.3)
        assert came == []
    finally:
        await us.close()
        victim.close()


class Listener:
    """Keeps what comes at a TCP port: ``async with``."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self._host = host
        self.came: asyncio.Queue[bytes] = asyncio.Queue()

    async def __aenter__(self) -> Listener:
        self._server = await asyncio.start_server(self._keep, self._host, 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _keep(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                self.came.put_nowait(head)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def next(self) -> bytes:
        return await asyncio.wait_for(self.came.get(), 3)


async def until_closed(us: SipEndpoint) -> None:
    async with asyncio.timeout(2):
        while us._sockets._streams:
            await asyncio.sleep(0.01)


@asynccontextmanager
async def with_pbx() -> AsyncIterator[tuple[SipEndpoint, Listener, list[Any]]]:
    """Us, with a trunk over TCP to a telephone system, which listens; and what we are told."""
    told: list[Any] = []
    async with Listener() as pbx:
        peer = Peer("tcp", "127.0.0.1", pbx.port)
        us = await started(Gate([Trunk("pbx", (ip_network("127.0.0.0/8"),), peer)]), told)
        try:
            yield us, pbx, told
        finally:
            await us.close()


async def test_who_has_hung_its_connection_up_gets_our_bye_at_its_contact() -> None:
    """Telephone systems call from any port, and close a connection that is idle."""
    async with with_pbx() as (us, pbx, told):
        async with FarOverTcp(us.ports["tcp"], f"<sip:a@127.0.0.1:{pbx.port};transport=tcp>") as far:
            await far.calls(us, told)
        await until_closed(us)
        us.do(commands.HangUp(told[0].call))
        assert (await pbx.next()).startswith(b"BYE sip:a@127.0.0.1:%d" % pbx.port)


async def test_for_as_long_as_the_connection_is_open_the_bye_goes_over_it() -> None:
    async with with_pbx() as (us, pbx, told):
        async with FarOverTcp(us.ports["tcp"], f"<sip:a@127.0.0.1:{pbx.port};transport=tcp>") as far:
            await far.calls(us, told)
            us.do(commands.HangUp(told[0].call))
            assert (await asyncio.wait_for(far.reader.readline(), 3)).startswith(b"BYE ")
        assert pbx.came.empty()


async def test_an_answer_whose_connection_is_gone_goes_to_the_port_in_its_via() -> None:
    async with with_pbx() as (us, pbx, told):
        async with FarOverTcp(us.ports["tcp"], "<sip:a@127.0.0.1>", pbx.port) as far:
            far.asks("INVITE")
            await far.answer(100)
        await until_closed(us)
        us.do(commands.Reject(told[0].call, 486))
        assert (await pbx.next()).startswith(b"SIP/2.0 486")


@pytest.mark.parametrize("answers", [b"", b"100 Trying", b"180 Ringing"])
async def test_a_call_whose_connection_breaks_off_ends_at_once(answers: bytes) -> None:
    """The server was restarted: nobody answers what it was asked before."""
    asked: list[bytes] = []

    async def crashes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not asked or not answers:
            asked.append(await reader.readuntil(b"\r\n\r\n"))
            if not answers:
                break
            kept = b"\r\n".join(re.findall(rb"(?m)^(?:Via|From|To|Call-ID|CSeq): [^\r]*", asked[0]))
            writer.write(b"SIP/2.0 %s\r\n%s\r\nContent-Length: 0\r\n\r\n" % (answers, kept))
            await writer.drain()
            await asyncio.sleep(0.1)
        linger = struct.pack("ii", 1, 0)  # a reset, and no farewell
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.transport.abort()

    server = await asyncio.start_server(crashes, "127.0.0.1", 0)
    peer = Peer("tcp", "127.0.0.1", server.sockets[0].getsockname()[1])
    told: list[Any] = []
    us = await started(Gate([Trunk("pbx", (ip_network("127.0.0.0/8"),), peer)]), told)
    try:
        us.do(commands.Dial("1", "pbx", "200", "100", b"v=0\r\n"))
        assert await told_of(told, events.Ended) == events.Ended("1", "refused", 503)
        await asyncio.sleep(0.1)
        assert len(asked) == 1, "nothing is sent for an answer of our own making"
    finally:
        await us.close()
        server.close()


async def test_a_connection_that_nothing_comes_over_any_more_is_not_used_again() -> None:
    """A firewall has forgotten it, and says so to nobody."""
    heard: list[int] = []

    async def swallows(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(0)
        mine = len(heard) - 1
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                heard[mine] += 1
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(swallows, "127.0.0.1", 0)
    peer = Peer("tcp", "127.0.0.1", server.sockets[0].getsockname()[1])
    told: list[Any] = []
    us = await started(Gate([Trunk("pbx", (ip_network("127.0.0.0/8"),), peer)]), told)
    us.agent._stack.timing = Timing(t1_ms=5)  # 64 times that is how long an answer is waited for
    try:
        us.do(commands.Dial("1", "pbx", "200", "100", b""))
        await told_of(told, events.Ended)
        us.do(commands.Dial("2", "pbx", "200", "100", b""))
        async with asyncio.timeout(3):
            while heard != [1, 1]:
                await asyncio.sleep(0.01)
    finally:
        await us.close()
        server.close()


async def test_what_is_sent_while_a_connection_closes_goes_over_a_new_one() -> None:
    async with with_pbx() as (us, pbx, _):
        peer = Peer("tcp", "127.0.0.1", pbx.port)
        us._sockets.send(b"first\r\n\r\n", peer)
        assert await pbx.next() == b"first\r\n\r\n"
        us._sockets._streams[peer].close()
        us._sockets.send(b"second\r\n\r\n", peer)
        assert await pbx.next() == b"second\r\n\r\n"


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="this system can't watch it")
async def test_the_system_gives_a_connection_up_that_takes_nothing() -> None:
    async with with_pbx() as (us, pbx, _):
        peer = Peer("tcp", "127.0.0.1", pbx.port)
        us._sockets.send(b"first\r\n\r\n", peer)
        await pbx.next()
        transport = us._sockets._streams[peer]._transport
        assert transport is not None
        raw = transport.get_extra_info("socket")
        assert raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 20_000


async def test_a_name_that_is_looked_up_for_tls_is_what_the_certificate_must_be_for(settings: Any) -> None:
    settings.EGRESS_ALLOW, settings.EGRESS_ALLOW_PRIVATE = [], True
    assert {peer.name for peer in await sip_names.resolve("localhost", 5061, "tls")} == {"localhost"}
    assert {peer.name for peer in await sip_names.resolve("localhost", 5060, "tcp")} == {""}


async def test_who_holds_tls_handshakes_open_keeps_nobody_else_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sip_sockets, "MOST_GREETED", 50)
    cert, key = certificate(tmp_path, "us.example")
    endpoint = await started(
        Gate([Trunk("pbx", (ip_network("127.0.0.0/8"),))]), tls_port=0, tls_cert=str(cert), tls_key=str(key)
    )
    held: list[asyncio.StreamWriter] = []

    async def holds(host: str, count: int) -> None:
        for _ in range(count):
            _, writer = await asyncio.open_connection("127.0.0.1", endpoint.ports["tls"], local_addr=(host, 0))
            held.append(writer)

    async def asks(port: int, **tls: Any) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, **tls)
        held.append(writer)
        writer.write(b"\r\n\r\n")
        return await asyncio.wait_for(reader.read(10), 3)

    context = ssl.create_default_context(cafile=str(cert))
    try:
        await holds("127.0.0.2", 60)
        await asyncio.sleep(0.2)
        greeting = endpoint._sockets._greeting["tls"]
        assert len(greeting) == sip_sockets.MOST_GREETED_OF_A_HOST
        assert await asks(endpoint.ports["tls"], ssl=context, server_hostname="us.example") == b"\r\n"
        await holds("127.0.0.3", 20)
        await holds("127.0.0.4", 20)
        await asyncio.sleep(0.2)
        assert len(greeting) == sip_sockets.MOST_GREETED
        assert await asks(endpoint.ports["tcp"]) == b"\r\n"
    finally:
        for writer in held:
            writer.close()
        await endpoint.close()


def test_addresses_of_one_ipv6_network_count_as_one_host() -> None:
    assert (
        sip_sockets._site("2001:db8::1") == sip_sockets._site("2001:db8::2:3") != sip_sockets._site("2001:db8:0:1::1")
    )
    assert sip_sockets._site("192.0.2.1") != sip_sockets._site("192.0.2.2")
    assert sip_sockets._site("fe80::1%eth0")


@pytest.mark.parametrize("hosts", [("127.0.0.1", "127.0.0.3"), ("127.0.0.3", "127.0.0.1"), ("::1", "127.0.0.3")])
async def test_of_several_addresses_of_ours_the_one_answers_that_was_asked(hosts: tuple[str, ...]) -> None:
    endpoint = await started(Gate([Trunk("pbx", (ip_network("127.0.0.0/8"), ip_network("::1/128")))]), hosts=hosts)
    came: asyncio.Queue[str] = asyncio.Queue()

    class Asker(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, addr: Any) -> None:
            came.put_nowait(addr[0])

    try:
        for host in hosts:
            us = "::1" if ":" in host else "127.0.0.1"
            transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Asker, local_addr=(us, 0))
            transport.sendto(OPTIONS % b"UDP", (host, endpoint.ports["udp"]))
            assert await asyncio.wait_for(came.get(), 2) == host
            transport.close()
    finally:
        await endpoint.close()


async def test_of_several_addresses_of_ours_a_first_word_leaves_from_the_one_towards_them() -> None:
    endpoint = await started(Gate([]), hosts=("127.0.0.3", "127.0.0.1"))
    came: asyncio.Queue[str] = asyncio.Queue()

    class Listens(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, addr: Any) -> None:
            came.put_nowait(addr[0])

    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Listens, local_addr=("127.0.0.1", 0))
    try:
        peer = Peer("udp", *transport.get_extra_info("sockname"))
        endpoint._sockets.send(b"hello", peer)
        assert await asyncio.wait_for(came.get(), 2) == endpoint.local_address("127.0.0.1") == "127.0.0.1"
    finally:
        transport.close()
        await endpoint.close()


def test_the_certificate_of_the_tests_is_one(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path, "pbx.example.com")
    ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(cert, key)
