"""Packets between the socket and the call, past aiortc's queues, against a real aiortc client on this machine."""

from __future__ import annotations

import asyncio
import struct
import threading

import pytest
from aiortc import rtp

from telephony.transports.rtp import parsed
from tests.telephony.lines import a_call, hear


def packet(**fields: object) -> rtp.RtpPacket:
    made = rtp.RtpPacket(payload_type=111, sequence_number=7, timestamp=960, ssrc=5, payload=b"sound")
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def with_extension() -> bytes:
    names, values = rtp.HeaderExtensionsMap(), rtp.HeaderExtensions()
    parameters = type(
        "P", (), {"headerExtensions": [type("E", (), {"uri": "urn:ietf:params:rtp-hdrext:sdes:mid", "id": 1})]}
    )
    names.configure(parameters)  # type: ignore[arg-type]
    values.mid = "audio0"
    return packet(extensions=values).serialize(names)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(packet().serialize(), id="plain"),
        pytest.param(packet(marker=1).serialize(), id="marked"),
        pytest.param(packet(csrc=[1, 2, 3]).serialize(), id="of several sources"),
        pytest.param(packet(padding_size=9).serialize(), id="padded"),
        pytest.param(with_extension(), id="with a header extension"),
    ],
)
def test_a_packet_is_read_as_aiortc_reads_it(data: bytes) -> None:
    theirs, ours = rtp.RtpPacket.parse(data), parsed(data)
    assert ours is not None
    for name in ("payload_type", "sequence_number", "timestamp", "ssrc", "payload"):
        assert getattr(ours, name) == getattr(theirs, name)
    assert ours.payload == b"sound"


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\x80" + bytes(10), id="short"),
        pytest.param(b"\x40" + bytes(11), id="another version"),
        pytest.param(b"\x8f" + bytes(11), id="sources that aren't there"),
        pytest.param(b"\x90" + bytes(13), id="half an extension"),
        pytest.param(b"\x90" + bytes(11) + struct.pack("!HH", 0xBEDE, 9), id="an extension that isn't there"),
        pytest.param(b"\xa0" + bytes(11) + b"x\x00", id="no padding where some is promised"),
        pytest.param(b"\xa0" + bytes(11) + b"x\x09", id="more padding than packet"),
    ],
)
def test_what_is_no_packet_is_nothing(data: bytes) -> None:
    assert parsed(data) is None


async def test_sound_passes_by_the_queue_and_reports_do_not() -> None:
    async with a_call() as (_, transport):
        ice = transport._ice
        queued: list[bytes] = []
        take = ice.data_received
        ice.data_received = lambda data, component: queued.append(data) or take(data, component)
        async with asyncio.timeout(20):
            while transport._inbound.received <= 80:
                await hear(transport, 20)
        assert 1 <= len(queued) <= 10 and all(rtp.is_rtcp(data) for data in queued)


async def test_no_thread_works_for_a_call() -> None:
    before = {thread.ident for thread in threading.enumerate()}
    async with a_call() as (_, transport):
        await hear(transport, 20)
        mine = {thread.name for thread in threading.enumerate() if thread.ident not in before}
        # The caller's end of these tests is a plain aiortc client, which has one decoder and an executor.
        assert sum(name.endswith("-decoder") for name in mine) == 1


async def test_a_forged_packet_changes_nothing() -> None:
    async with a_call() as (_, transport):
        await hear(transport, 20)
        received = transport._inbound.received
        (payload_type,) = transport._audio.receiver._opus
        for _ in range(50):
            transport._ice.on_sound(packet(payload_type=payload_type, payload=bytes(40)).serialize())
        assert transport._inbound.received == received
        await hear(transport, 20)
        assert transport._inbound.received > received


async def test_reports_tell_the_caller_what_was_sent() -> None:
    async with a_call() as (caller, transport):
        await hear(transport, 150)
        told = await caller.connection.getReceivers()[0].getStats()
        remote = next(stat for stat in told.values() if stat.type == "remote-outbound-rtp")
        assert remote.packetsSent > 20 and remote.bytesSent > remote.packetsSent * 20
        ours = await transport._audio.sender.getStats()
        assert any(stat.type == "remote-inbound-rtp" and stat.packetsLost == 0 for stat in ours.values())


async def test_what_is_sent_when_the_line_is_down_is_lost() -> None:
    async with a_call() as (_, transport):
        await hear(transport, 5)
    transport._mouth._send(b"\x78", 0)
    await asyncio.sleep(0)


async def test_the_answer_asks_for_no_more_than_is_listened_to() -> None:
    async with a_call() as (_, transport):
        assert "maxplaybackrate=16000" in transport._connection.localDescription.sdp
        assert "useinbandfec=1" in transport._connection.localDescription.sdp
