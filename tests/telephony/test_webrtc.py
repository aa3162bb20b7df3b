"""The worker's end of a browser's call, against a real aiortc client on this machine."""

from __future__ import annotations

import asyncio
import random
import time

import numpy as np
import pytest

from telephony.transports.webrtc import Line, WebRTCTransport
from telephony.wire.offer import BadOffer
from tests.telephony.lines import Caller, a_call, hear, is_tone

pytestmark = pytest.mark.paced


async def test_both_hear_each_other() -> None:
    async with a_call() as (caller, transport):
        samples = await hear(transport, 150)
        assert is_tone(samples[-16_000:], 440, 16_000)
        await asyncio.sleep(0.5)
        heard = np.concatenate([frame.to_ndarray().reshape(-1)[::2] for frame in caller.heard[-40:]])
        assert is_tone(heard, 1_000, 48_000)


async def test_a_frame_comes_every_20_ms_also_when_nothing_is_heard() -> None:
    async with a_call() as (caller, transport):
        caller.connection.getSenders()[0].replaceTrack(None)
        start = time.monotonic()
        await hear(transport, 100)
        assert 1.9 < time.monotonic() - start < 2.3


async def test_after_a_stall_of_the_loop_the_frames_catch_up() -> None:
    async with a_call() as (_, transport):
        start, count = time.monotonic(), 0
        async for _frame in transport.frames():
            count += 1
            if count == 10:
                time.sleep(0.3)  # noqa: ASYNC251
            if count == 60:
                break
        assert time.monotonic() - start < 1.35


async def test_the_caller_closing_ends_the_frames_as_hung_up() -> None:
    async with a_call() as (caller, transport):
        await hear(transport, 10)
        await caller.connection.close()
        async with asyncio.timeout(3):
            async for _ in transport.frames():
                pass
        assert transport.end_reason == "caller_hung_up"


async def test_hang_up_by_signalling_ends_the_frames() -> None:
    async with a_call() as (_, transport):
        transport.hang_up()
        async with asyncio.timeout(1):
            async for _ in transport.frames():
                pass
        assert transport.end_reason == "caller_hung_up"


async def test_a_caller_that_never_connects_is_told_so() -> None:
    caller, transport = Caller(), WebRTCTransport(Line())
    try:
        await transport.answer(await caller.offer())
        assert not await transport.connected(0.5)
        assert transport.end_reason == "never_connected"
    finally:
        await caller.close()
        await transport.close()


async def test_a_silent_line_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("telephony.transports.webrtc.LOST_SECONDS", 1)
    async with a_call() as (caller, transport):
        for protocol in caller.connection.getTransceivers()[0].receiver.transport.transport._connection._protocols:
            protocol.transport.abort()
        async with asyncio.timeout(5):
            async for _ in transport.frames():
                pass
        assert transport.end_reason == "connection_lost"


async def test_candidates_may_trickle() -> None:
    caller, transport = Caller(), WebRTCTransport(Line())
    try:
        offer = await caller.offer()
        lines = offer.split("\r\n")
        candidates = [line for line in lines if line.startswith("a=candidate:")]
        bare = "\r\n".join(line for line in lines if not line.startswith(("a=candidate:", "a=end-of-candidates")))
        answer = await transport.answer(bare)
        for candidate in candidates:
            await transport.add_candidate(candidate.removeprefix("a="), "0", 0)
        await transport.add_candidate("", None, None)
        await caller.accept(answer)
        assert await transport.connected(10)
    finally:
        await caller.close()
        await transport.close()


@pytest.mark.parametrize(
    "text", ["", "v=0\r\n", "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=fingerprint:x\r\n", "junk" * 100]
)
async def test_an_offer_that_is_none_is_refused_in_words(text: str) -> None:
    transport = WebRTCTransport(Line())
    with pytest.raises(BadOffer, match="offer"):
        await transport.answer(text)
    await transport.close()


async def test_nothing_is_left_running() -> None:
    before = len(asyncio.all_tasks())
    async with a_call() as (_, transport):
        await hear(transport, 5)
    await asyncio.sleep(0.3)
    assert len(asyncio.all_tasks()) <= before


@pytest.mark.parametrize("loss", [0.05, 0.2])
async def test_what_arrives_over_a_lossy_line_is_heard(loss: float) -> None:
    rng = random.Random(5)
    async with a_call() as (caller, transport):
        line = caller.connection.getTransceivers()[0].receiver.transport.transport
        send = line._send

        async def lossy(data: bytes) -> None:
            if not 127 < data[0] < 192 or rng.random() >= loss:
                await send(data)

        line._send = lossy
        await hear(transport, 50)
        ear = transport._inbound
        received, played, filled = ear.received, ear._jitter.counts.played, ear.concealed + ear.recovered
        samples = await hear(transport, 300)
        assert ear._jitter.counts.played - played >= 0.9 * (ear.received - received)  # aiortc's own: 76 % and 30 %
        assert ear.concealed + ear.recovered - filled >= loss * 300 * 0.5
        assert is_tone(samples, 440, 16_000)


async def test_a_new_stream_of_the_same_caller_is_heard() -> None:
    async with a_call() as (caller, transport):
        await hear(transport, 20)
        caller.connection.getSenders()[0]._ssrc += 1
        samples = await hear(transport, 80)
        assert is_tone(samples[-16_000:], 440, 16_000)
