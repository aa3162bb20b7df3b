"""Several call workers behind a Kamailio with the configuration that we ship, over real sockets."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from telephony.models import SipMessage
from telephony.sip import commands, events
from telephony.sip.digest import DigestClient, Login
from telephony.sip.gate import Trunk
from telephony.sip.message import Response, parse
from telephony.sip.peer import Peer
from tests.telephony.certificates import certificate
from tests.telephony.edge import (
    CALLERS,
    EDGE,
    BareWorker,
    free_port,
    kamailio,
    kamailio_program,
    write_configuration,
)
from tests.telephony.sip_phone import Registrar, SipPhone, peak_hz, recent
from tests.telephony.test_baresip import a_desk, registered
from tests.telephony.test_sip_calls import _sip, has_ended, knows, published, read, serving, the_call
from tests.telephony.test_sipp import SCENARIOS, sipp
from tests.telephony.test_transfers import WORDS, Minds, minds
from tests.telephony.test_warm_calls import CALLER_HZ, DESK_HZ, draft, is_tone

pytestmark = pytest.mark.paced

__all__ = ["_sip", "minds", "published"]


async def until(is_so: Any, seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not is_so():
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("with_tls", [False, True])
async def test_kamailio_takes_the_configuration(tmp_path: Path, with_tls: bool) -> None:
    cert, key = certificate(tmp_path, "edge.example")
    tls = {"tls_port": str(free_port()), "tls_cert": str(cert), "tls_key": str(key)} if with_tls else {}
    config = write_configuration(tmp_path, [("127.0.0.11", 5060)], free_port(), **tls)
    process = await asyncio.create_subprocess_exec(
        kamailio_program(), "-c", "-f", str(config),
        cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await process.communicate()
    words = output.decode()
    assert process.returncode == 0 and "config file ok" in words, words
    assert "WARNING" not in words and "ERROR" not in words and "CRITICAL" not in words, words


async def test_one_worker_leaves_under_load_and_no_call_is_lost(tmp_path: Path) -> None:
    async with (
        BareWorker("127.0.0.11") as first,
        BareWorker("127.0.0.12") as second,
        kamailio(tmp_path, [first.address, second.address]) as port,
    ):
        calling = asyncio.create_task(
            sipp(
                f"{EDGE}:{port}", "-sf", str(SCENARIOS / "by_route.xml"), "-s", "agent", "-m", "500", "-r", "100", "-d", "1000",
                folder=tmp_path, seconds=90,
            )
        )  # fmt: skip
        await until(lambda: len(first.received) + len(second.received) >= 150)
        assert abs(len(first.received) - len(second.received)) <= 2, "calls go to both in turn"
        first.drain()
        stood, had = len(first.live), len(first.received)
        status, output = await calling
        await until(lambda: not first.live and not second.live)
    assert status == 0, output[-3000:]
    assert stood >= 20, "some calls stood when it began to leave"
    assert len(first.received) == had, "none came after that"
    assert len(first.received) + len(second.received) == 500
    assert {each.reason for each in first.ended + second.ended} == {"remote_hung_up"}
    assert {(each.trunk, each.source, each.called) for each in first.received} == {("direct", CALLERS, "agent")}


async def test_one_worker_is_killed_and_the_others_calls_go_on(tmp_path: Path) -> None:
    async with (
        BareWorker("127.0.0.11") as first,
        BareWorker("127.0.0.12") as second,
        kamailio(tmp_path, [first.address, second.address]) as port,
    ):
        before = [SipPhone() for _ in range(4)]
        after = [SipPhone() for _ in range(3)]
        for phone in before + after:
            await phone.__aenter__()
        try:
            for phone in before:
                phone.call("agent", port, at=EDGE)
            await asyncio.gather(*(phone.until(phone.answered.is_set) for phone in before))
            assert (len(first.live), len(second.live)) == (2, 2)
            await first.kill()
            for phone in after:
                phone.call("agent", port, at=EDGE)
            await asyncio.gather(*(phone.until(phone.answered.is_set) for phone in after))
            assert (len(second.live), len(second.received)) == (5, 5)
            # From the worker's side, too, the rest of a dialog finds its way.
            phones_of_second = [each.endpoint.agent.calls["call-1"].dialog_id for each in before + after]
            kept = [each for each in second.received if each.headers.call_id in phones_of_second]
            second.endpoint.do(commands.HangUp(kept[0].call))
            told = next(
                each for each in before if each.endpoint.agent.calls["call-1"].dialog_id == kept[0].headers.call_id
            )
            await told.until(told.over.is_set)
            assert told.ended().reason == "remote_hung_up"
            for phone in after:
                phone.hang_up()
            await until(lambda: len(second.live) == 1)
        finally:
            for phone in before + after:
                await phone.__aexit__(None, None, None)
    assert {each.reason for each in second.ended} == {"remote_hung_up", "hung_up"}


async def test_nobody_is_there_and_the_caller_is_told_so_soon(tmp_path: Path) -> None:
    async with BareWorker("127.0.0.11") as only, SipPhone() as phone, kamailio(tmp_path, [only.address]) as port:
        only.drain()
        phone.call("agent", port, at=EDGE)
        await phone.until(phone.over.is_set)
    assert phone.ended().status == 503 and not only.received


def answers(wire: Wire) -> list[Response]:
    """Without 100. A telephone that is registered is asked now and then whether it is there: that is none."""
    heard = [parse(each) for each in wire.heard]
    return [each for each in heard if isinstance(each, Response) and each.status > 100]


class Wire(asyncio.DatagramProtocol):
    """Says what it likes to the edge, from an address of its own."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.heard.append(data)


def request(method: str, port: int, mine: tuple[str, int], *lines: str, tag: str = "") -> bytes:
    host, my_port = mine
    to = f"<sip:agent@{EDGE}>" + (f";tag={tag}" if tag else "")
    fields = [
        f"{method} sip:agent@{EDGE}:{port} SIP/2.0", f"Via: SIP/2.0/UDP {host}:{my_port};branch=z9hG4bK{my_port}{method}{len(lines)}",
        "Max-Forwards: 70", f"From: <sip:someone@{host}>;tag=1", f"To: {to}", f"Call-ID: {my_port}{method}{len(lines)}",
        f"CSeq: 1 {method}", f"Contact: <sip:someone@{host}:{my_port}>", *lines,
    ]  # fmt: skip
    return ("\r\n".join([*fields, "Content-Length: 0"]) + "\r\n\r\n").encode()


async def wire(host: str) -> tuple[Wire, asyncio.DatagramTransport, tuple[str, int]]:
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(Wire, local_addr=(host, 0))
    return protocol, transport, transport.get_extra_info("sockname")


async def test_a_stranger_gets_no_answer_and_nobody_else_says_whom_they_speak_for(tmp_path: Path) -> None:
    both = f"1 {CALLERS} 32 0 caller\n2 127.0.0.3 32 0 telephone\n"
    async with BareWorker("127.0.0.11") as worker, kamailio(tmp_path, [worker.address], address=both) as port:
        stranger, their, theirs = await wire("127.0.0.2")
        caller, my, mine = await wire(CALLERS)
        their.sendto(request("INVITE", port, theirs, f"X-Src-IP: {CALLERS}"), (EDGE, port))
        their.sendto(request("OPTIONS", port, theirs), (EDGE, port))
        lies = ("X-Src-IP: 127.0.0.2", "X-RURI-User: boss", "P-Asserted-Identity: <sip:boss@example>")
        my.sendto(request("INVITE", port, mine, *lies), (EDGE, port))
        await until(lambda: worker.received)
        [call] = worker.received
        assert (call.source, call.called) == (CALLERS, "agent")
        assert call.headers.lines("p-asserted-identity") == ["<sip:boss@example>"], "a provider may say so"
        telephone, its, it = await wire("127.0.0.3")
        its.sendto(request("OPTIONS", port, it), (EDGE, port))
        await until(lambda: telephone.heard)
        assert parse(telephone.heard[0]).status == 200  # type: ignore[union-attr]
        # Nobody is led anywhere by the edge: not by a Route, not within a dialog that there isn't.
        my.sendto(request("REGISTER", port, mine), (EDGE, port))
        my.sendto(
            request("BYE", port, mine, f"Route: <sip:{EDGE}:{port};lr>, <sip:127.0.0.2:{theirs[1]};lr>", tag="2"),
            (EDGE, port),
        )

        def statuses() -> set[tuple[str, int]]:
            found = [parse(data) for data in caller.heard]
            return {(each.headers.cseq.method, each.status) for each in found if isinstance(each, Response)}

        await until(lambda: {("REGISTER", 405), ("BYE", 403)} <= statuses())
        assert not stranger.heard
        for transport in (their, my, its):
            transport.close()


async def test_more_new_calls_than_a_provider_may_make_are_refused(tmp_path: Path) -> None:
    async with BareWorker("127.0.0.11") as worker, kamailio(tmp_path, [worker.address], CALLS_PER_SECOND="5") as port:
        caller, my, mine = await wire(CALLERS)
        for number in range(100):
            my.sendto(request("INVITE", port, mine, *[f"X-Number: {number}"] * (number + 1)), (EDGE, port))
            await asyncio.sleep(0.02)
        await until(lambda: any(b" 503 " in data.splitlines()[0] for data in caller.heard))
        refusal = next(parse(data) for data in caller.heard if b" 503 " in data.splitlines()[0])
        assert refusal.headers.first("retry-after") == "2"
        assert worker.received
        my.close()


async def test_a_telephone_that_floods_is_not_heard_for_a_while_and_others_are(tmp_path: Path) -> None:
    """``pike``: over 60 requests in two seconds from one address that anybody may have."""
    public = "2 127.0.0.3 32 0 telephone\n2 127.0.0.4 32 0 telephone\n"
    async with BareWorker("127.0.0.11") as worker, kamailio(tmp_path, [worker.address], address=public) as port:
        flooding, its, it = await wire("127.0.0.3")
        calm, my, mine = await wire("127.0.0.4")
        for number in range(300):
            its.sendto(request("OPTIONS", port, it, *["X-Again: yes"] * (number % 40)), (EDGE, port))
            await asyncio.sleep(0.002)
        await asyncio.sleep(0.5)
        answered = len(flooding.heard)
        assert 20 <= answered < 200, "the first are answered, the rest are not"
        its.sendto(request("OPTIONS", port, it, "X-Again: no"), (EDGE, port))
        my.sendto(request("OPTIONS", port, mine), (EDGE, port))
        await until(lambda: calm.heard)
        assert len(flooding.heard) == answered

        async def is_heard_again() -> None:
            while len(flooding.heard) == answered:
                its.sendto(request("OPTIONS", port, it, "X-Again: later"), (EDGE, port))
                await asyncio.sleep(1)

        await asyncio.wait_for(is_heard_again(), 40)
        its.close()
        my.close()


async def test_a_call_over_tls_reaches_a_worker_and_the_worker_can_end_it(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path, "edge.example")
    tls_port = free_port()
    tls = {"tls_port": str(tls_port), "tls_cert": str(cert), "tls_key": str(key)}
    async with (
        BareWorker("127.0.0.11") as worker,
        SipPhone(tls_ca=str(cert)) as phone,
        SipPhone(tls_ca=str(cert)) as wary,
        kamailio(tmp_path, [worker.address], **tls),
    ):
        phone.call("agent", tls_port, transport="tls", at=EDGE, certificate="edge.example")
        await phone.until(phone.answered.is_set)
        [call] = worker.received
        assert (call.source, call.called) == (CALLERS, "agent")
        worker.endpoint.do(commands.HangUp(call.call))
        await phone.until(phone.over.is_set)
        assert phone.ended().reason == "remote_hung_up", "by the connection that the telephone has opened"
        await until(lambda: not worker.live)
        wary.call("agent", tls_port, transport="tls", at=EDGE, certificate="somebody-else.example")
        await wary.until(wary.over.is_set)
        assert wary.ended().reason == "refused" and len(worker.received) == 1


def nobodys_address() -> str:
    """Of loopback, so that its port 5060 is free."""
    return f"127.{secrets.randbelow(200) + 20}.{secrets.randbelow(250) + 1}.{secrets.randbelow(250) + 1}"


async def test_a_worker_calls_and_registers_through_it_and_only_where_it_may(tmp_path: Path) -> None:
    """Behind an outbound proxy a trunk's host is at its usual port."""
    there, registering = nobodys_address(), nobodys_address()
    outside = f"1 {there} 32 0 provider\n3 {there} 32 0 provider\n3 {registering} 32 0 registrar\n"
    provider, registrar = SipPhone(there, listens_on=5060), Registrar("ann", "secret", (registering, 5060))
    async with (
        BareWorker("127.0.0.11") as worker,
        provider,
        registrar,
        kamailio(tmp_path, [worker.address], address=outside) as port,
    ):
        edge, do = Peer("udp", EDGE, port), worker.endpoint.do
        worker.gate.add(Trunk("out", (), edge, domain=there))
        do(commands.Dial("call-2", "out", "100", "+14155550142", OFFER))
        await until(lambda: worker.told(events.Answered))
        do(commands.HangUp("call-2"))
        await provider.until(provider.over.is_set)
        assert provider.ended().reason == "remote_hung_up"
        do(commands.Dial("call-3", "out", "100", "+14155550142", OFFER))
        await until(lambda: len(worker.told(events.Answered)) == 2)
        provider.hang_up()
        await until(lambda: any(each.call == "call-3" for each in worker.ended))
        assert worker.ended[-1].reason == "remote_hung_up"

        worker.gate.add(Trunk("in", (), edge, domain=registering, login=Login("ann", "secret")))
        do(commands.Register("in", "ann", 300))
        await until(lambda: worker.told(events.Registered))
        assert registrar.registered[-1][0] == f"<sip:ann@{EDGE}:{port}>", "calls are to come to the edge"

        worker.gate.add(Trunk("nowhere", (), edge, domain=nobodys_address()))
        do(commands.Dial("call-4", "nowhere", "100", "+14155550142", OFFER))
        await until(lambda: any(each.call == "call-4" for each in worker.ended))
        assert worker.ended[-1].status == 403


OFFER = (
    b"v=0\r\no=- 1 1 IN IP4 127.0.0.11\r\ns=-\r\nc=IN IP4 127.0.0.11\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n"
    b"a=rtpmap:0 PCMU/8000\r\n"
)


@pytest.mark.django_db(transaction=True)
async def test_a_whole_call_with_its_sound_by_way_of_it(
    worker: Any, published: Any, settings: Any, tmp_path: Path
) -> None:
    settings.SIP_HOST, settings.SIP_PROXY_FROM = ["127.0.0.11"], [f"{EDGE}/32"]
    async with (
        serving(worker) as running,
        SipPhone() as phone,
        kamailio(tmp_path, [("127.0.0.11", running.house.port)]) as port,
    ):
        phone.call("front-desk", port, at=EDGE, as_="alice")
        await phone.hears(1_000)
        await phone.until(lambda: peak_hz(recent(phone)) is None)
        phone.hang_up()
        call = await the_call(published, has_ended)
    assert (call.end_reason, call.from_number, call.to_number) == ("caller_hung_up", "alice", "front-desk")


@pytest.mark.django_db(transaction=True)
async def test_behind_it_a_full_worker_leaves_a_call_to_others_and_no_trace_of_it(
    worker: Any, published: Any, settings: Any, tmp_path: Path
) -> None:
    settings.SIP_HOST, settings.SIP_PROXY_FROM = ["127.0.0.11"], [f"{EDGE}/32"]
    async with (
        serving(worker, capacity=1) as running,
        SipPhone() as first,
        SipPhone() as second,
        kamailio(tmp_path, [("127.0.0.11", running.house.port)]) as port,
    ):
        first.call("front-desk", port, at=EDGE)
        await first.hears(1_000, 0.3)
        second.call("front-desk", port, at=EDGE)
        await second.until(second.over.is_set)
        assert second.ended().status == 503
        first.hang_up()
        call = await the_call(published, has_ended)
    assert call.end_reason == "caller_hung_up"


@pytest.mark.django_db(transaction=True)
async def test_a_telephone_registers_by_way_of_it_and_every_worker_can_ring_it(
    worker: Any, agent: Any, alice: Any, minds: Minds, settings: Any, tmp_path: Path
) -> None:
    """Whoever asked for its password, and wherever it was answered: each worker has it, and calls it back through the edge."""
    await sync_to_async(draft)(
        agent, alice, {"name": "Desk", "to": "sip", "address": "sip:desk@localhost", "words": WORDS}
    )
    desk = await sync_to_async(a_desk)(agent)
    settings.SIP_PROXY_FROM, settings.SIP_HOST = [f"{EDGE}/32"], ["127.0.0.11"]
    async with serving(worker) as first:
        settings.SIP_HOST = ["127.0.0.12"]
        async with serving(worker) as second, SipPhone("127.0.0.9") as caller:
            workers = [("127.0.0.11", first.house.port), ("127.0.0.12", second.house.port)]
            async with kamailio(tmp_path, workers, address="2 127.0.0.1 32 0 phones\n", SILENT_MS="2000") as port:
                await knows(first, desk)
                await knows(second, desk)
                phone = await registered(desk, EDGE, port, tmp_path)
                await until(lambda: all(each.house._upkeep.peer(desk.pk) is not None for each in (first, second)))
                assert second.house._upkeep.sound_host(desk.pk) == "127.0.0.1"
                caller.mouth.hz = CALLER_HZ
                caller.call("front-desk", second.house.port, at="127.0.0.12")
                await caller.hears(1_000)
                await caller.press("1")
                await caller.until(lambda: is_tone(caller, DESK_HZ), 40)
                found = await phone
                call = await the_call(agent, has_ended)
    assert found["error"] == "" and abs(found["greeting_hz"] - CALLER_HZ) < 30, found
    assert call.end_reason == "transferred"
    rows = await read(call.organization_id, lambda: list(SipMessage.objects.filter(call=call, direction="out")))
    invite = next(row.text for row in rows if row.start_line.startswith("INVITE"))
    assert f"Route: <sip:{EDGE}" in invite and "received=" in invite


def is_reached_at(known: Callable[[], Any], host: str) -> bool:
    return bool(known().peer.host == host)


@pytest.mark.django_db(transaction=True)
async def test_a_path_that_a_telephone_makes_up_leads_nowhere(
    worker: Any, agent: Any, alice: Any, settings: Any, tmp_path: Path
) -> None:
    """It is taken out by the edge; and a worker that is asked without the edge looks at none."""
    desk = await sync_to_async(a_desk)(agent)
    settings.SIP_PROXY_FROM, settings.SIP_HOST = [f"{EDGE}/32"], ["127.0.0.11"]
    loop = asyncio.get_running_loop()
    async with (
        serving(worker) as running,
        kamailio(tmp_path, [("127.0.0.11", running.house.port)], address="2 127.0.0.1 32 0 phones\n") as port,
    ):
        await knows(running, desk)
        for target in ((EDGE, port), ("127.0.0.11", running.house.port)):
            transport, wire = await loop.create_datagram_endpoint(Wire, local_addr=("127.0.0.1", 0))
            mine = transport.get_extra_info("sockname")
            client = DigestClient(Login("desk", "open sesame"), lambda: "nonce")
            proof: list[str] = []
            for _ in range(2):
                wire.heard.clear()
                data = request(
                    "REGISTER", port, mine, "Path: <sip:127.0.0.66:5999;lr;received=sip:127.0.0.66:5999>", "Expires: 120", *proof
                )  # fmt: skip
                transport.sendto(
                    data.replace(b"sip:agent@", b"sip:desk@").replace(b"sip:someone@", b"sip:desk@"), target
                )
                await until(partial(answers, wire))
                answer = answers(wire)[0]
                if answer.status == 401:
                    assert client.learn(answer.headers.lines("www-authenticate"), is_proxy=False)
                    [(name, value)] = client.authorization("REGISTER", f"sip:desk@{EDGE}:{port}")
                    proof = [f"{name}: {value}"]
            assert answer.status == 200, answer
            assert "127.0.0.66" not in " ".join(answer.headers.lines("path"))
            known = partial(running.house._endpoint.agent._trunk, str(desk.pk))
            await until(partial(is_reached_at, known, EDGE if target[0] == EDGE else "127.0.0.1"))
            assert "127.0.0.66" not in known().path
            transport.close()
