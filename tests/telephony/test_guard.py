"""Strangers' datagrams at a call's ports: during set-up and while it is live. Real UDP, on both event loops."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Coroutine
from typing import Any

import pytest
import uvloop

from telephony.transports.webrtc import Line, WebRTCTransport
from telephony.wire import offer
from tests.telephony.lines import Caller, a_call, hear, is_tone, local_addresses, spray

ALERT = bytes.fromhex("15feff0000000000000000000202" + "28")
CLOSE_NOTIFY = bytes.fromhex("15fefd00000000000000000002" + "0100")
CLIENT_HELLO = bytes.fromhex(
    "16feff000000000000000000360100002a000000000000002afefd" + "00" * 32 + "0000" + "0002" + "0000" + "0100"
)
RTP = b"\x80\x6f" + b"\x00" * 40
SPRAYS = {
    "empty": [b""],
    "alert": [ALERT],
    "close_notify": [CLOSE_NOTIFY],
    "client hello": [CLIENT_HELLO],
    "rtp": [RTP],
    "bad stun": [
        b"\x00\x01\x00\x08\x21\x12\xa4\x42" + b"\x00" * 12 + b"\xff" * 8,
        b"\x00\x01\x00\x00\x21\x12\xa4\x42" + b"\x01" * 12,
    ],
    "noise": [random.Random(7).randbytes(n) for n in range(1, 60)],
}
LOOPS = [pytest.param(asyncio.new_event_loop, id="asyncio"), pytest.param(uvloop.new_event_loop, id="uvloop")]


def run(work: Coroutine[Any, Any, None], loop: Any) -> None:
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(work)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("name", SPRAYS)
def test_a_call_connects_under_a_spray(name: str, loop: Any) -> None:
    async def story() -> None:
        caller, transport = Caller(), WebRTCTransport(Line())
        try:
            answer = await transport.answer(await caller.offer())
            stop = asyncio.Event()

            async def keep_spraying() -> None:
                while not stop.is_set():
                    spray(local_addresses(transport), SPRAYS[name])
                    await asyncio.sleep(0.002)

            spraying = asyncio.create_task(keep_spraying())
            await caller.accept(answer)
            assert await transport.connected(8)
            samples = await hear(transport, 60)
            assert is_tone(samples[-8_000:], 440, 16_000)
            stop.set()
            await spraying
        finally:
            await caller.close()
            await transport.close()

    run(story(), loop)


@pytest.mark.parametrize("loop", LOOPS)
def test_a_live_call_survives_a_thousand_of_each(loop: Any) -> None:
    async def story() -> None:
        async with a_call() as (_, transport):
            await hear(transport, 10)
            for datagrams in SPRAYS.values():
                spray(local_addresses(transport), datagrams, times=1_000 // len(datagrams))
                await asyncio.sleep(0.01)
            samples = await hear(transport, 100)
            assert transport.end_reason is None
            assert is_tone(samples[-8_000:], 440, 16_000)

    run(story(), loop)


def _offer(candidates: list[str]) -> str:
    lines = [
        "v=0",
        "o=- 1 1 IN IP4 0.0.0.0",
        "s=-",
        "t=0 0",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111",
        "a=fingerprint:sha-256 AA",
    ]
    return "\r\n".join([*lines, *(f"a=candidate:{c}" for c in candidates)]) + "\r\n"


def test_a_thousand_candidates_are_refused_at_once() -> None:
    text = _offer([f"1 1 udp 1 192.0.2.{n % 250} {n + 1000} typ host" for n in range(1_000)])
    start = time.perf_counter()
    with pytest.raises(offer.BadOffer, match="more than 20"):
        offer.checked(text, allow_private=True)
    assert time.perf_counter() - start < 0.02


def test_an_offer_beyond_64_kib_is_refused() -> None:
    with pytest.raises(offer.BadOffer, match="64 KiB"):
        offer.checked(_offer([]) + "a=x\r\n" * 20_000, allow_private=True)


@pytest.mark.parametrize(
    ("address", "where_private_is_allowed", "in_hosted_mode"),
    [
        ("203.0.114.9", True, True),
        ("2607:f8b0::1", True, True),
        ("192.168.1.5", True, False),
        ("10.0.0.1", True, False),
        ("127.0.0.1", True, False),
        ("::1", True, False),
        ("fd00::2", True, False),
        ("fe80::1", True, False),
        ("169.254.169.254", True, False),
        ("100.64.0.1", True, False),
        ("64:ff9b::a00:1", False, False),
        ("2002:a00:1::", False, False),
        ("::ffff:10.0.0.1", False, False),
        ("224.0.0.1", False, False),
        ("0.0.0.0", False, False),
        ("3f2a.local", False, False),
        ("example.com", False, False),
    ],
)
def test_which_addresses_we_send_to(address: str, where_private_is_allowed: bool, in_hosted_mode: bool) -> None:
    line = f"candidate:1 1 udp 2122260223 {address} 50000 typ host"
    assert offer.is_allowed(line, allow_private=True) is where_private_is_allowed
    assert offer.is_allowed(line, allow_private=False) is in_hosted_mode
    kept = offer.checked(_offer([line.removeprefix("candidate:")]), allow_private=False)
    assert (f" {address} " in kept) is in_hosted_mode


@pytest.mark.parametrize(
    "line", ["candidate:1 1 tcp 1 192.0.2.1 9 typ host", "candidate:1 1 udp 1 192.0.2.1 0 typ host", "candidate:", "x"]
)
def test_other_candidates_are_left_out(line: str) -> None:
    assert not offer.is_allowed(line, allow_private=True)


def test_video_is_refused() -> None:
    with pytest.raises(offer.BadOffer, match="Only audio"):
        offer.checked(_offer([]) + "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n", allow_private=True)


@pytest.mark.parametrize("separator", ["\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028"])
def test_no_address_hides_behind_an_odd_line_break(separator: str) -> None:
    """The parser behind us takes each of these for the end of a line."""
    hidden = f"a=x{separator}a=candidate:1 1 udp 1 169.254.169.254 80 typ host\r\n"
    kept = offer.checked(_offer([]) + hidden, allow_private=False)
    assert "169.254.169.254" not in kept
    assert [line for line in kept.splitlines() if line.startswith("a=candidate")] == []


@pytest.mark.parametrize("port", ["²", "٣", "1e3", "+80", "9" * 5_000, "00080"])
def test_a_port_is_written_in_plain_digits(port: str) -> None:
    assert not offer.is_allowed(f"candidate:1 1 udp 1 9.9.9.9 {port} typ host", allow_private=True)


@pytest.mark.parametrize(
    "address", ["64:ff9b:1::a00:1", "::127.0.0.1", "2002:7f00:1::", "3fff::1", "192.0.0.192", "fec0::1", "9.9.9.9%eth0"]
)
def test_what_the_standard_library_takes_for_public_is_not(address: str) -> None:
    assert not offer.is_allowed(f"candidate:1 1 udp 1 {address} 5000 typ host", allow_private=False)
