"""Telephone calls with real sockets on this machine: both ends are ours, what is between them isn't always friendly."""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar

import pytest

from agents.speech import AudioFrame
from telephony.audio.playout import Playout
from telephony.transports.phone_media import PhoneMedia, Policy
from telephony.transports.rtp_socket import NoPortLeft, Ports, Ticker
from telephony.wire import dtmf
from telephony.wire.codings import Coding
from telephony.wire.offer_answer import Encryption
from tests.telephony.media.network import Weather
from tests.telephony.media.phones import Hum, loudness, packet, pitch_hz
from tests.telephony.media.relay import Relay, a_relay

pytestmark = pytest.mark.paced


class Humming(Playout):
    def __init__(self, hz: int) -> None:
        super().__init__()
        self._hum = Hum(hz)

    def pull(self) -> bytes:
        return self._hum.next()


@asynccontextmanager
async def lines(count: int, host: str = "127.0.0.1", **policy: object) -> AsyncIterator[list[PhoneMedia]]:
    loop = asyncio.get_running_loop()
    ticker = Ticker(loop)
    ports = Ports(host, 22_000, 29_999, clock=loop.time)
    made = [PhoneMedia(ports, ticker, Policy(**policy)) for _ in range(count)]  # type: ignore[arg-type]
    try:
        yield made
    finally:
        for each in made:
            await each.close()
        ticker.close()


def connect(caller: PhoneMedia, callee: PhoneMedia, relay: Relay | None = None) -> None:
    offer = caller.offer()
    answer = callee.answer(offer if relay is None else relay.through(offer, 0))
    caller.accept(answer if relay is None else relay.through(answer, 1))


async def hear(media: PhoneMedia, frames: int) -> bytes:
    heard = bytearray()
    async for frame in media.frames():
        heard += frame.pcm
        if len(heard) >= frames * 640:
            break
    return bytes(heard)


async def talk(caller: PhoneMedia, callee: PhoneMedia, frames: int) -> tuple[bytes, bytes]:
    caller.attach(Humming(440))
    callee.attach(Humming(1_000))
    heard = await asyncio.gather(hear(caller, frames), hear(callee, frames))
    return heard[0], heard[1]


@pytest.mark.parametrize("encryption", ["off", "required"])
@pytest.mark.parametrize("coding", ["opus", "g722", "pcmu", "pcma"])
async def test_two_telephones_hear_each_other(coding: Coding, encryption: Encryption) -> None:
    async with lines(2, codings=(coding,), encryption=encryption) as (caller, callee):
        connect(caller, callee)
        at_caller, at_callee = await talk(caller, callee, 60)
        assert abs(pitch_hz(at_caller[-25_600:]) - 1_000) < 3 and abs(pitch_hz(at_callee[-25_600:]) - 440) < 3
        assert (callee.agreed is not None and callee.agreed.keys is not None) == (encryption == "required")


async def test_they_hear_each_other_over_ipv6() -> None:
    try:
        async with lines(2, host="::1") as (caller, callee):
            connect(caller, callee)
            at_caller, _ = await talk(caller, callee, 60)
            assert abs(pitch_hz(at_caller[-25_600:]) - 1_000) < 3
    except NoPortLeft:
        pytest.skip("no IPv6 on this machine")


async def test_a_lossy_line_is_heard_almost_whole() -> None:
    async with lines(2, codings=("pcmu",)) as (caller, callee), a_relay(Weather(30, 20, 0.05, 0.02, 0.02)) as relay:
        connect(caller, callee, relay)
        _, heard = await talk(caller, callee, 250)
        frames = [heard[at : at + 640] for at in range(0, len(heard), 640)][15:]
        assert sum(loudness(each) > 1_000 for each in frames) / len(frames) >= 0.94
        assert callee.counts.delay_ms <= 120 and callee.counts.lost > 0


async def test_frames_come_at_the_pace_of_time_and_no_thread_works_for_them() -> None:
    async with lines(20, codings=("pcmu",)) as calls:
        for caller, callee in zip(calls[::2], calls[1::2], strict=True):
            connect(caller, callee)
        before, began = threading.active_count(), asyncio.get_running_loop().time()
        await asyncio.gather(*(hear(each, 50) for each in calls))
        assert 0.9 < asyncio.get_running_loop().time() - began < 3
        assert threading.active_count() == before


async def test_after_a_stall_each_frame_comes_late_rather_than_never() -> None:
    import time

    async with lines(2, codings=("pcmu",)) as (caller, callee):
        connect(caller, callee)
        seen: list[float] = []
        async for _ in callee.frames():
            seen.append(asyncio.get_running_loop().time())
            if len(seen) == 10:
                time.sleep(0.3)  # noqa: ASYNC251
            if len(seen) == 30:
                break
        assert 0.5 < seen[-1] - seen[0] < 1.5
        assert sum(after - before < 0.005 for before, after in itertools.pairwise(seen)) >= 10


async def fed(media: PhoneMedia, frames: int, told: list[bytes]) -> None:
    def take(frame: AudioFrame) -> bool:
        told.append(frame.pcm)
        return len(told) < frames

    await media.feed(take)


async def test_whoever_is_fed_hears_what_whoever_asks_for_frames_does() -> None:
    async with lines(2, codings=("pcmu",)) as (caller, callee):
        connect(caller, callee)
        caller.attach(Humming(440))
        heard: list[bytes] = []
        feeding = asyncio.create_task(fed(callee, 100, heard))
        await hear(caller, 110)
        await feeding
        assert len(heard) == 100 and callee.end_reason is None
        assert abs(pitch_hz(b"".join(heard[20:])) - 440) < 2


async def test_who_is_fed_next_misses_nothing_of_the_time_between() -> None:
    async with lines(2, codings=("pcmu",)) as (caller, callee):
        connect(caller, callee)
        hearing = asyncio.create_task(hear(caller, 100))
        first: list[bytes] = []
        began = asyncio.get_running_loop().time()
        await fed(callee, 10, first)
        await asyncio.sleep(0.3)
        after: list[bytes] = []
        await fed(callee, 40, after)
        took = asyncio.get_running_loop().time() - began
        await hearing
        assert len(first) == 10 and len(after) == 40
        assert 0.9 < took < 1.2  # fifty frames of time, though nobody took any for fifteen of them


async def test_who_is_fed_and_left_by_the_caller_is_let_go() -> None:
    async with lines(2, codings=("pcmu",)) as (caller, callee):
        connect(caller, callee)
        heard: list[bytes] = []
        feeding = asyncio.create_task(fed(callee, 1_000, heard))
        await asyncio.sleep(0.2)
        callee.hang_up()
        await asyncio.wait_for(feeding, 1)
        count = len(heard)
        await asyncio.sleep(0.1)
        assert 5 <= count == len(heard)
        await asyncio.wait_for(fed(callee, 10, heard), 1)  # it is over already
        assert count == len(heard)


async def test_what_goes_wrong_with_a_frame_is_told_whoever_is_fed_and_stops_no_other() -> None:
    async with lines(3, codings=("pcmu",)) as (caller, callee, broken):
        connect(caller, callee)

        def take(frame: AudioFrame) -> bool:
            raise ValueError("a fault")

        with pytest.raises(ValueError, match="a fault"):
            await asyncio.wait_for(broken.feed(take), 1)
        at_caller, _ = await talk(caller, callee, 40)
        assert len(at_caller) == 40 * 640


async def test_who_is_fed_is_called_in_their_own_context() -> None:
    async with lines(2, codings=("pcmu",)) as (caller, callee):
        connect(caller, callee)
        organization: ContextVar[str] = ContextVar("organization", default="")
        seen: dict[str, set[str]] = {"one": set(), "other": set()}

        async def listen(media: PhoneMedia, name: str) -> None:
            organization.set(name)

            def take(frame: AudioFrame) -> bool:
                seen[name].add(organization.get())
                return len(seen[name]) < 2 and asyncio.get_running_loop().time() < until

            await media.feed(take)

        until = asyncio.get_running_loop().time() + 0.3
        await asyncio.gather(listen(caller, "one"), listen(callee, "other"))
        assert seen == {"one": {"one"}, "other": {"other"}}


async def test_digits_are_told() -> None:
    async with lines(2, codings=("pcmu",)) as (caller, callee):
        connect(caller, callee)
        told: list[dtmf.DigitEvent] = []
        callee.listen_for_digits(told.append)
        playout = Playout()
        caller.attach(playout)
        playout.digits.press("7")
        hearing = asyncio.create_task(hear(callee, 60))
        await hear(caller, 28)
        await hearing
        assert told == [dtmf.Pressed("7"), dtmf.Released("7")]


async def test_on_hold_the_agent_waits_and_goes_on_where_it_was() -> None:
    async with lines(2, codings=("pcmu",)) as (caller, callee):
        connect(caller, callee)
        playout = Humming(440)
        pulls: list[int] = []
        playout.pull = lambda: pulls.append(1) or bytes(1_920)  # type: ignore[method-assign]
        callee.attach(playout)
        await hear(callee, 10)
        assert len(pulls) == 9, "the last frame was not gone back from"
        caller.accept(callee.answer(caller.offer("sendonly")))
        assert callee.is_held
        await hear(callee, 10)
        assert len(pulls) == 9
        caller.accept(callee.answer(caller.offer()))
        await hear(callee, 10)
        assert len(pulls) == 18


async def test_the_frames_end_when_they_hang_up() -> None:
    async with lines(2, codings=("pcmu",)) as (caller, callee):
        connect(caller, callee)
        hearing = asyncio.create_task(hear(callee, 10_000))
        await hear(caller, 10)
        callee.hang_up()
        await asyncio.wait_for(hearing, 1)
        assert callee.end_reason == "caller_hung_up"


async def test_the_frames_end_when_nothing_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("telephony.transports.rtp_session.FIRST_PACKET_MS", 400)
    monkeypatch.setattr("telephony.transports.rtp_session.SILENT_MS", 300)
    async with lines(2, codings=("pcmu",)) as (caller, callee):
        connect(caller, callee)
        assert len(await asyncio.wait_for(hear(callee, 10_000), 5)) < 60 * 640
        assert callee.end_reason == "never_connected"
    async with lines(2, codings=("pcmu",)) as (caller, callee):
        connect(caller, callee)
        hearing = asyncio.create_task(hear(callee, 10_000))
        await hear(caller, 25)
        await asyncio.wait_for(hearing, 5)
        assert callee.end_reason == "connection_lost"


# ---- ports


def test_a_port_rests_after_a_call() -> None:
    now = [0.0]
    ports = Ports("127.0.0.1", 31_000, 31_003, clock=lambda: now[0], rest_s=30)
    first, second = ports.open(), ports.open()
    assert {first.port, second.port} == {31_000, 31_002}
    with pytest.raises(NoPortLeft, match="31000 to 31003"):
        ports.open()
    ports.give_back(first)
    now[0] = 29.9
    with pytest.raises(NoPortLeft):
        ports.open()
    now[0] = 30.0
    again = ports.open()
    assert again.port == first.port
    again.close(), second.close()


def test_a_port_that_someone_else_has_is_passed_over() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 31_013))
        ports = Ports("127.0.0.1", 31_010, 31_015, clock=lambda: 0.0)
        opened = [ports.open(), ports.open()]
        assert {each.port for each in opened} == {31_010, 31_014}
        with pytest.raises(NoPortLeft):
            ports.open()
        for each in opened:
            each.close()


def open_files() -> int:
    folder = "/proc/self/fd"
    return len(os.listdir(folder)) if os.path.isdir(folder) else 0


async def test_a_call_leaves_nothing_behind() -> None:
    loop = asyncio.get_running_loop()
    ticker, ports = Ticker(loop), Ports("127.0.0.1", 22_000, 29_999, clock=loop.time)
    before = open_files()
    for _ in range(200):
        media = PhoneMedia(ports, ticker)
        media.offer()
        await media.close()
        await media.close()
    assert open_files() == before
    assert not any(ticker._slots)
    await asyncio.sleep(0.02)
    assert ticker._timer is None
    ticker.close()


async def test_one_call_that_breaks_stops_no_other() -> None:
    async with lines(3, codings=("pcmu",)) as (caller, callee, broken):
        connect(caller, callee)

        def breaks(due_ms: float) -> None:
            raise RuntimeError("a fault")

        broken.tick = breaks  # type: ignore[method-assign]
        at_caller, _ = await talk(caller, callee, 40)
        assert len(at_caller) == 40 * 640


# ---- strangers


def datagrams() -> list[bytes]:
    dice = random.Random(8)
    made = [bytes(each) for each in range(5)]
    for _ in range(200):
        made.append(packet(dice.getrandbits(16), ssrc=dice.getrandbits(32), payload=os.urandom(160)))
        made.append(bytes((0x80, 200 + dice.randrange(5))) + os.urandom(dice.randrange(60)))
    return made


async def test_what_a_stranger_sprays_is_not_heard_and_not_answered() -> None:
    async with lines(2, codings=("pcmu",)) as (caller, callee):
        connect(caller, callee)
        port = callee._sockets.port if callee._sockets else 0
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.bind(("127.0.0.2", 0))
            stranger.setblocking(False)
            sending = True

            async def spray() -> None:
                made = datagrams()
                while sending:
                    for each in made:
                        stranger.sendto(each, ("127.0.0.1", port))
                    await asyncio.sleep(0.02)

            spraying = asyncio.create_task(spray())
            await asyncio.sleep(0.1)  # the stranger is there before the caller
            _, heard = await talk(caller, callee, 100)
            sending = False
            await spraying
            with pytest.raises(BlockingIOError):
                stranger.recv(2_048)
        assert abs(pitch_hz(heard[-32_000:]) - 440) < 2
        assert {abs(pitch_hz(heard[at : at + 6_400]) - 440) < 10 for at in range(25_600, 64_000, 6_400)} == {True}
        assert callee.counts.strangers > 1_000


SPRAY = """
import os, random, socket, struct, sys, time
host, port, dice = sys.argv[1], int(sys.argv[2]), random.Random(5)
out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
out.bind(("0.0.0.0", 0)); out.setblocking(False)
for index in range(50_000):
    data = os.urandom(index % 5) if index % 7 == 0 else struct.pack("!BBHLL", 0x80, 200 if index % 5 == 0 else 0,
        index & 0xffff, index * 160, dice.choice([1, dice.getrandbits(32)])) + os.urandom(160)
    try: out.sendto(data, (host, port))
    except OSError: pass
    if index % 500 == 0: time.sleep(0.02)
time.sleep(0.2)
try: print("heard", len(out.recv(2048)))
except BlockingIOError: print("heard nothing")
"""


@contextmanager
def another_namespace() -> Iterator[tuple[str, str]]:
    """Its name, and our address as it sees us."""
    if shutil.which("ip") is None or os.geteuid() != 0:
        pytest.skip("making a network namespace needs root and iproute2")
    name, here, there = f"parley{os.getpid()}", f"pa{os.getpid() % 10_000}", f"pb{os.getpid() % 10_000}"
    setup = [
        f"ip netns add {name}",
        f"ip link add {here} type veth peer name {there} netns {name}",
        f"ip addr add 10.213.77.1/30 dev {here}",
        f"ip link set {here} up",
        f"ip netns exec {name} ip addr add 10.213.77.2/30 dev {there}",
        f"ip netns exec {name} ip link set {there} up",
    ]
    try:
        for command in setup:
            if subprocess.run(command.split(), capture_output=True).returncode:
                pytest.skip(f"no network namespaces here: {command}")
        yield name, "10.213.77.1"
    finally:
        subprocess.run(["ip", "link", "del", here], capture_output=True)
        subprocess.run(["ip", "netns", "del", name], capture_output=True)


async def test_fifty_thousand_packets_from_another_namespace_are_not_heard_and_not_answered() -> None:
    with another_namespace() as (name, address):
        async with lines(2, host="0.0.0.0", advertised=address, codings=("pcmu",)) as (caller, callee):
            connect(caller, callee)
            port = callee._sockets.port if callee._sockets else 0
            command = ["ip", "netns", "exec", name, sys.executable, "-c", SPRAY, address, str(port)]
            spraying = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
            await asyncio.sleep(0.3)
            _, heard = await talk(caller, callee, 150)
            output, _ = await spraying.communicate()
            assert output.decode().strip() == "heard nothing"
            for at in range(25_600, len(heard) - 6_400, 6_400):
                assert abs(pitch_hz(heard[at : at + 6_400]) - 440) < 10
            assert callee.counts.strangers > 5_000
