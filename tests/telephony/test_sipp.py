"""The same calls with sipp, a tester that nobody here wrote (Debian: ``sip-tester``), as caller and as callee."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from telephony import finish
from telephony.models import Call
from telephony.trunks import upkeep
from tests.telephony.test_sip_calls import (
    OURS,
    _sip,
    events_of,
    has_ended,
    knows,
    make_trunk,
    published,
    read,
    ring,
    serving,
    the_call,
)

__all__ = ["_sip", "published"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.paced]
SCENARIOS = Path(__file__).resolve().parent / "sipp"
PCAPS = Path("/usr/share/sip-tester")


def sipp_program() -> str:
    found = os.environ.get("SIPP") or shutil.which("sipp")
    assert found, "sipp is needed: apt-get install sip-tester, or name it with SIPP=/path/to/sipp"
    return found


async def sipp(*words: str, folder: Path, seconds: float = 40) -> tuple[int, str]:
    """Its exit status, 0 where every call went as its scenario says, and what it printed."""
    process = await asyncio.create_subprocess_exec(
        sipp_program(), *words, "-i", "127.0.0.1", "-nostdin", "-timeout", f"{int(seconds)}s", "-timeout_error",
        cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode(errors="replace")


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.bind(("127.0.0.1", 0))
        return int(made.getsockname()[1])


@pytest.mark.parametrize("transport", ["u1", "t1"])
async def test_sipp_calls_an_agent(worker: Any, published: Any, tmp_path: Path, transport: str) -> None:
    async with serving(worker) as running:
        status, output = await sipp(
            f"127.0.0.1:{running.house.port}", "-sn", "uac", "-s", "front-desk", "-t", transport, "-m", "3", "-r", "3", "-d", "1500",
            folder=tmp_path,
        )  # fmt: skip
        await asyncio.sleep(0.5)
    assert status == 0, output[-3000:]
    ends = await read(published.organization_id, lambda: list(Call.objects.values_list("end_reason", flat=True)))
    assert ends == ["caller_hung_up"] * 3


async def test_sipp_plays_speech_and_digits_and_the_agent_hears_which(
    worker: Any, published: Any, tmp_path: Path
) -> None:
    """As root only: sipp sends its packets through a raw socket."""
    (tmp_path / "pcap").symlink_to(PCAPS)
    async with serving(worker) as running:
        status, output = await sipp(
            f"127.0.0.1:{running.house.port}", "-sf", str(SCENARIOS / "digits.xml"), "-s", "front-desk", "-m", "1", folder=tmp_path
        )  # fmt: skip
        call = await the_call(published, has_ended)
    assert status == 0, output[-3000:]
    assert call.duration_ms > 14_000
    digits = [data["digits"] for kind, data in await events_of(call) if kind == "digits"]
    assert "".join(digits) == "24#"


async def test_sipp_is_called_by_an_agent(
    worker: Any, published: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "KEEPALIVE_MS", 0)  # it takes a question how it is for a call
    port = free_port()
    callee = asyncio.create_task(sipp("-sn", "uas", "-p", str(port), "-m", "1", folder=tmp_path))
    await asyncio.sleep(0.5)
    trunk = await sync_to_async(make_trunk)(published, host="127.0.0.1", port=port)
    async with serving(worker) as running:
        await ring(trunk, published, running)
        call = await the_call(published, lambda call: call.answered_at is not None)
        await asyncio.sleep(1)
        await sync_to_async(finish.hang_up)(call)
        call = await the_call(published, has_ended)
        status, output = await callee
    assert status == 0, output[-3000:]
    assert (call.end_reason, call.direction) == ("member_hung_up", "outbound")


async def test_sipp_sends_the_agent_on_to_another_sipp(
    worker: Any, published: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "KEEPALIVE_MS", 0)
    port = free_port()
    callee = asyncio.create_task(sipp("-sn", "uas", "-p", str(port), "-m", "1", folder=tmp_path))
    await asyncio.sleep(0.5)
    trunk = await sync_to_async(make_trunk)(published, host="127.0.0.1", port=port, may_transfer=True)
    async with serving(worker) as running:
        await knows(running, trunk)
        status, output = await sipp(
            f"127.0.0.1:{running.house.port}", "-sf", str(SCENARIOS / "sends_on.xml"), "-s", OURS, "-m", "1",
            folder=tmp_path,
        )  # fmt: skip
        assert status == 0, output[-3000:]
        await asyncio.sleep(1)
        call = await the_call(published, lambda call: bool(call.status == "in_progress"))
        await sync_to_async(finish.hang_up)(call)
        call = await the_call(published, has_ended)
        status, output = await callee
    assert status == 0, output[-3000:]
    assert call.end_reason == "member_hung_up"
