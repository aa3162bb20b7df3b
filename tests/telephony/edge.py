"""Kamailio on loopback with the configuration of ``deploy/kamailio`` (Debian: ``kamailio``), and call workers behind it that are only
their SIP port. Callers are 127.0.0.1, the edge 127.0.0.5, workers 127.0.0.11 and on; nothing else is changed."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from telephony.sip import commands, events
from telephony.sip.events import Event
from telephony.sip.gate import Gate, Trunk
from telephony.transports.sip import Listening, SipEndpoint

FILES = Path(__file__).resolve().parent.parent.parent / "deploy" / "kamailio"
EDGE = "127.0.0.5"
CALLERS = "127.0.0.1"
ANSWER = "v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"


def kamailio_program() -> str:
    found = os.environ.get("KAMAILIO") or shutil.which("kamailio", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if not found:
        pytest.skip(
            "Kamailio is not here: apt-get install kamailio kamailio-tls-modules, or KAMAILIO=/path/to/kamailio"
        )
    return found


def free_port(host: str = EDGE) -> int:
    """For UDP and TCP."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
            udp.bind((host, 0))
            port = int(udp.getsockname()[1])
            try:
                tcp.bind((host, port))
            except OSError:
                continue
            return port


def write_configuration(folder: Path, workers: Sequence[tuple[str, int]], port: int, **changes: str) -> Path:
    """Copies of the files that we ship, for this folder. ``changes``: the values of ``local.cfg``; ``address``: ``address.list``;
    ``tls_port``, ``tls_cert``, ``tls_key``: SIP over TLS, too."""
    addresses = changes.pop("address", f"1 {CALLERS} 32 0 caller\n")
    tls = {name: changes.pop(f"tls_{name}", "") for name in ("port", "cert", "key")}
    values = {
        "CONFIG_DIR": str(folder), "PUBLIC_HOST": f"{EDGE}:{port}", "CALLS_PER_SECOND": "1000", "PING_SECONDS": "1",
        "SILENT_MS": "500", **changes,
    }  # fmt: skip
    local = (FILES / "local.cfg").read_text()
    for name, value in values.items():
        local, count = re.subn(
            rf'(#!substdef "!{name}!)[^!]*!', lambda found, value=value: f"{found[1]}{value}!", local
        )  # type: ignore[misc]
        assert count == 1, name
    local = re.sub(r"^(listen=|mhomed).*\n", "", local, flags=re.M)
    local += f"listen=udp:{EDGE}:{port}\nlisten=tcp:{EDGE}:{port}\n"
    names = (FILES / "tls.cfg").read_text()
    if tls["port"]:
        assert "# #!define WITH_TLS\n" in local
        local = local.replace("# #!define WITH_TLS\n", "#!define WITH_TLS\n") + f"listen=tls:{EDGE}:{tls['port']}\n"
        for ours, word in ((tls["cert"], "certificate"), (tls["key"], "private_key")):
            names, count = re.subn(rf"(?m)^{word} = .*$", f"{word} = {ours}", names)
            assert count == 1, word
    (folder / "local.cfg").write_text(local)
    (folder / "kamailio.cfg").write_bytes((FILES / "kamailio.cfg").read_bytes())
    (folder / "tls.cfg").write_text(names)
    (folder / "address.list").write_text(addresses)
    (folder / "dispatcher.list").write_text("".join(f"1 sip:{host}:{port}\n" for host, port in workers))
    return folder / "kamailio.cfg"


@asynccontextmanager
async def kamailio(folder: Path, workers: Sequence[tuple[str, int]], **changes: str) -> AsyncIterator[int]:
    """Its port, once it answers. With the memory that Debian gives it."""
    port, tls_port = free_port(), changes.get("tls_port", "")
    config = write_configuration(folder, workers, port, **changes)
    process = await asyncio.create_subprocess_exec(
        kamailio_program(), "-f", str(config), "-DD", "-E", "-Y", str(folder), "-P", str(folder / "pid"), "-m", "64", "-M", "8",
        cwd=folder, stdout=asyncio.subprocess.DEVNULL, stderr=(folder / "log").open("wb"),
    )  # fmt: skip
    try:
        async with asyncio.timeout(60):
            while not await _answers(port) or (tls_port and not await _answers(int(tls_port), over_tls=True)):
                assert process.returncode is None, (folder / "log").read_text()[-3000:]
                await asyncio.sleep(0.1)
        yield port
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), 15)
            except TimeoutError:
                process.kill()
                await process.wait()


async def _answers(port: int, *, over_tls: bool = False) -> bool:
    """Over TLS it takes some ten seconds: each of its processes reads the list of authorities."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        async with asyncio.timeout(2):
            _, writer = await asyncio.open_connection(EDGE, port, ssl=context if over_tls else None)
    except OSError:
        return False
    writer.close()
    return True


class BareWorker:
    """A call worker's SIP port, and nothing behind it: it answers each call. ``async with BareWorker("127.0.0.11") as worker``."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.received: list[events.CallReceived] = []
        self.ended: list[events.Ended] = []
        self.events: list[Event] = []
        self._is_gone = False

    async def __aenter__(self) -> Self:
        self.gate = Gate(
            [
                Trunk("proxy", (ip_network(f"{EDGE}/32"),), is_proxy=True),
                Trunk("direct", (ip_network(f"{CALLERS}/32"),)),
            ]
        )
        self.endpoint = SipEndpoint(Listening((self.host,), 0), self.gate, self._told)
        await self.endpoint.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.kill()

    @property
    def address(self) -> tuple[str, int]:
        return self.host, self.endpoint.ports["udp"]

    @property
    def live(self) -> set[str]:
        return {each.call for each in self.received} - {each.call for each in self.ended}

    def told(self, kind: type[Event]) -> list[Event]:
        return [each for each in self.events if isinstance(each, kind)]

    def drain(self) -> None:
        self.endpoint.do(commands.Drain())

    async def kill(self) -> None:
        """No word to anybody."""
        if not self._is_gone:
            self._is_gone = True
            await self.endpoint.close()

    def _told(self, event: Event) -> None:
        self.events.append(event)
        match event:
            case events.CallReceived(call):
                self.received.append(event)
                self.endpoint.do(commands.Answer(call, ANSWER.format(host=self.host).encode()))
            case events.Ended():
                self.ended.append(event)
