"""Both clients against real servers on this machine: what is refused is not even touched."""

from __future__ import annotations

import asyncio
import gzip
import socket
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

import egress
from egress import EgressRefused, Policy
from egress import policy as policy_module

Answer = Callable[[bytes], bytes]


class Canary:
    """A server that counts who knocks."""

    def __init__(self, answer: Answer) -> None:
        self.answer, self.touches, self.requests = answer, 0, list[bytes]()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.touches += 1
        try:
            self.requests.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(self.answer(self.requests[-1]))
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Canary]:
        server = await asyncio.start_server(self._serve, ["127.0.0.1", "::1"], 0)
        self.ports = [s.getsockname()[1] for s in server.sockets]
        # One port for both families, so that a case may name either.
        server.close()
        server = await asyncio.start_server(self._serve, ["127.0.0.1", "::1"], self.ports[0])
        self.port = self.ports[0]
        try:
            yield self
        finally:
            server.close()
            await server.wait_closed()


def ok(_: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"


@pytest.fixture
async def canary() -> AsyncIterator[Canary]:
    async with Canary(ok).listening() as listening:
        yield listening


@pytest.fixture(params=["httpx", "httpx2"])
def make(request: pytest.FixtureRequest) -> Any:
    return egress.client if request.param == "httpx" else egress.client2


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[list[str]]]:
    """Names that stand for what a test says: each look-up takes the next list of answers, the last one stays."""
    table: dict[str, list[list[str]]] = {}
    real = socket.getaddrinfo

    def lookup(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        answers = table.get(host.decode() if isinstance(host, bytes) else host)
        if answers is None:
            return real(host, port, *args, **kwargs)
        now = answers.pop(0) if len(answers) > 1 else answers[0]
        return [
            (
                socket.AF_INET6 if ":" in a else socket.AF_INET,
                socket.SOCK_STREAM,
                6,
                "",
                (a, port, 0, 0) if ":" in a else (a, port),
            )
            for a in now
        ]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    return table


HOSTS = [
    "127.0.0.1", "127.0.0.2", "localhost", "LOCALHOST", "localhost.", "0.0.0.0", "0", "127.1", "127.0.1", "2130706433", "0x7f000001",
    "0x7f.1", "017700000001", "0177.0.0.1", "[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[::127.0.0.1]", "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]", "[::ffff:0:127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", "[fe80::1]", "[fd00::1]",
    "[fec0::1]", "[3fff::1]", "[ff02::1]", "169.254.169.254", "100.100.100.200", "192.0.0.192", "168.63.129.16", "10.0.0.1",
    "172.16.0.1", "192.168.0.1", "user:secret@127.0.0.1", "８.８.８.８@127.0.0.1", "①②⑦.⓪.⓪.①",
]  # fmt: skip


@pytest.mark.parametrize("host", HOSTS)
async def test_no_spelling_of_an_inner_address_is_touched(
    make: Any, canary: Canary, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setattr(policy_module, "PORTS", frozenset({canary.port}))
    async with make() as client:
        with pytest.raises((EgressRefused, *INVALID)):
            await client.get(f"http://{host}:{canary.port}/")
    assert canary.touches == 0


def _timed_out() -> tuple[type[Exception], ...]:
    import httpx
    import httpx2

    return (httpx.ConnectTimeout, httpx2.ConnectTimeout)


def _invalid() -> tuple[type[Exception], ...]:
    import httpx
    import httpx2

    return (httpx.InvalidURL, httpx2.InvalidURL)


TIMED_OUT = _timed_out()
INVALID = _invalid()  # some spellings the client itself refuses to read

NAMES = {
    "a name of this machine": [["127.0.0.1"]],
    "a name of this machine in IPv6": [["::1"]],
    "one good answer and a bad one": [["93.184.216.34", "127.0.0.1"]],
    "a bad answer and a good one": [["127.0.0.1", "93.184.216.34"]],
    "a mapped answer": [["::ffff:127.0.0.1"]],
    "an answer with a zone": [["fe80::1%lo"]],
    "no answer": [[]],
}


@pytest.mark.parametrize("answers", NAMES.values(), ids=NAMES)
async def test_no_name_of_an_inner_address_is_touched(
    make: Any, canary: Canary, names: Any, monkeypatch: pytest.MonkeyPatch, answers: list[list[str]]
) -> None:
    monkeypatch.setattr(policy_module, "PORTS", frozenset({canary.port}))
    names["sneaky.example"] = answers
    async with make() as client:
        with pytest.raises(EgressRefused):
            await client.get(f"http://sneaky.example:{canary.port}/")
    assert canary.touches == 0


async def test_a_name_that_changes_its_mind_is_looked_up_once(make: Any, canary: Canary, names: Any) -> None:
    """Rebinding: the first answer passes, the second would be this machine. Only the first is ever connected to."""
    rules = Policy.of([f"127.0.0.1:{canary.port}"])
    names["rebinding.example"] = [["127.0.0.1"], ["::1"], ["::1"]]
    async with make(rules=rules) as client:
        assert (await client.get(f"http://rebinding.example:{canary.port}/")).text == "hello"
    assert len(names["rebinding.example"]) == 2, "no second answer was ever asked for"
    assert b"Host: rebinding.example" in canary.requests[0].replace(b"host:", b"Host:")


async def test_a_redirect_is_not_followed_and_where_it_is_its_target_is_checked(make: Any, canary: Canary) -> None:
    def redirect(_: bytes) -> bytes:
        return f"HTTP/1.1 302 Found\r\nLocation: http://localhost:{canary.port}/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()

    async with Canary(redirect).listening() as door:
        rules = Policy.of([f"127.0.0.1:{door.port}"])
        async with make(rules=rules) as client:
            assert (await client.get(f"http://127.0.0.1:{door.port}/")).status_code == 302
            with pytest.raises(EgressRefused):
                await client.get(f"http://127.0.0.1:{door.port}/", follow_redirects=True)
    assert canary.touches == 0


async def test_the_environments_proxy_is_not_used(make: Any, canary: Canary, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{canary.port}")
    async with make() as client:
        with pytest.raises(EgressRefused):
            await client.get("http://10.0.0.1/")
    assert canary.touches == 0


@pytest.mark.parametrize("option", ["proxy", "mounts", "transport", "trust_env"])
def test_no_second_door_can_be_asked_for(make: Any, option: str) -> None:
    with pytest.raises(TypeError):
        make(**{option: "http://127.0.0.1:1"})


async def test_a_listed_address_is_reached(make: Any, canary: Canary) -> None:
    async with make(rules=Policy.of([f"localhost:{canary.port}"])) as client:
        assert (await client.get(f"http://localhost:{canary.port}/")).text == "hello"
    assert canary.touches == 1


async def test_the_next_checked_address_is_tried_when_one_does_not_answer(
    make: Any, canary: Canary, names: Any
) -> None:
    names["two.example"] = [["127.0.0.3", "127.0.0.1"]]
    async with make(rules=Policy.of(["127.0.0.0/8"])) as client:
        assert (await client.get(f"http://two.example:{canary.port}/")).text == "hello"


@pytest.mark.parametrize("announced", [True, False])
async def test_an_answer_that_is_too_long_is_cut_off(make: Any, announced: bool) -> None:
    def long(_: bytes) -> bytes:
        length = b"Content-Length: 100000\r\n" if announced else b""
        return b"HTTP/1.1 200 OK\r\n" + length + b"Connection: close\r\n\r\n" + b"x" * 100_000

    async with Canary(long).listening() as server, make(rules=Policy.of(["127.0.0.0/8"]), max_bytes=50_000) as client:
        with pytest.raises(EgressRefused, match="more than 50,000 bytes"):
            await client.get(f"http://127.0.0.1:{server.port}/")


async def test_a_packed_answer_is_refused_so_no_small_one_becomes_a_huge_one(make: Any) -> None:
    packed = gzip.compress(b"0" * 10_000_000)

    def bomb(_: bytes) -> bytes:
        return (
            f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}\r\nConnection: close\r\n\r\n".encode()
            + packed
        )

    async with Canary(bomb).listening() as server, make(rules=Policy.of(["127.0.0.0/8"])) as client:
        with pytest.raises(EgressRefused, match="packed"):
            await client.get(f"http://127.0.0.1:{server.port}/")
    assert b"identity" in server.requests[0]


async def test_a_name_that_is_never_answered_does_not_keep_the_loop(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    from egress import door

    monkeypatch.setattr(door, "LOOKUP_SECONDS", 0.1)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: time.sleep(0.6))
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    async with asyncio.TaskGroup() as tasks, make() as client:
        ticking = tasks.create_task(tick())
        with pytest.raises(EgressRefused, match="could not be looked up"):
            await client.get("http://slow.example/")
        ticking.cancel()
    assert ticks >= 5


async def test_names_that_are_never_answered_do_not_keep_the_threads_that_speech_needs(
    make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name server that never answers costs nothing to run: forty look-ups wait, and the loop's own threads are free."""
    from egress import door

    monkeypatch.setattr(door, "LOOKUP_SECONDS", 0.2)
    answer = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: answer.wait(20) and [])

    async def look_up(client: Any, number: int) -> None:
        with pytest.raises(EgressRefused):
            await client.get(f"http://slow{number}.example/")

    try:
        async with make() as client, asyncio.TaskGroup() as tasks:
            for number in range(40):
                tasks.create_task(look_up(client, number))
            await asyncio.sleep(0.05)
            async with asyncio.timeout(5):
                assert await asyncio.to_thread(int, "1") == 1
    finally:
        answer.set()


async def test_a_name_of_many_silent_addresses_takes_no_longer_than_one(make: Any, names: Any) -> None:
    """Each address waits for its share of the time to connect, however many a name server lists."""
    full = [socket.socket() for _ in range(20)]
    queued: list[socket.socket] = []
    for number, one in enumerate(full):
        one.bind((f"127.0.1.{number + 1}", full[0].getsockname()[1] if number else 0))
        one.listen(0)
        for _ in range(3):  # nobody accepts: what comes after these waits for ever
            queued.append(socket.socket())
            queued[-1].setblocking(False)
            queued[-1].connect_ex(one.getsockname())
    port = full[0].getsockname()[1]
    names["many.example"] = [[f"127.0.1.{number + 1}" for number in range(20)]]
    began = asyncio.get_running_loop().time()
    try:
        async with make(rules=Policy.of(["127.0.0.0/8"]), timeout=1.0) as client:
            with pytest.raises(TIMED_OUT):
                await client.get(f"http://many.example:{port}/")
    finally:
        for one in (*full, *queued):
            one.close()
    assert asyncio.get_running_loop().time() - began < 5
