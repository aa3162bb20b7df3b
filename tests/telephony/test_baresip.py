"""Calls with baresip, a telephone that nobody here wrote: every transport, encrypted and not, in every coding, both ways."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from asgiref.sync import sync_to_async

from telephony import press
from telephony.models import Call, SipMessage
from telephony.phone_audio import write_wav
from telephony.sip import events
from telephony.transfers.second_line import OWN_PHONE
from telephony.trunks import manage
from telephony.trunks.fields import TrunkFields
from tests.telephony.certificates import certificate
from tests.telephony.sip_phone import SipPhone
from tests.telephony.test_forwarded_from_here import a_number
from tests.telephony.test_sent_on import goes_on_with
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
    state_of,
    the_call,
)
from tests.telephony.test_sipp import free_port
from tests.telephony.test_transfers import WORDS, Minds, minds
from tests.telephony.test_warm_calls import CALLER_HZ, DESK_HZ, draft, is_tone

__all__ = ["_sip", "minds", "published"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.paced]
PHONE = Path(__file__).resolve().parent.parent / "peers" / "baresip_phone.py"
HUM_HZ = 1_000
"""The stand-in agent's voice."""


async def baresip(*words: str, seconds: float = 45) -> dict[str, Any]:
    """What the telephone tells of its call."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(PHONE), *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        output, errors = await asyncio.wait_for(process.communicate(), seconds)
    except TimeoutError:
        process.kill()
        raise
    lines = output.decode().strip().splitlines()
    assert lines and lines[-1].startswith("{"), errors.decode()[-3000:]
    found: dict[str, Any] = json.loads(lines[-1])
    return found


def hears_the_agent(found: dict[str, Any]) -> bool:
    return found["error"] == "" and found["greeting_hz"] is not None and abs(found["greeting_hz"] - HUM_HZ) < 30


@pytest.mark.parametrize("is_encrypted", [False, True], ids=["plain", "srtp"])
@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
async def test_it_hears_the_agent(
    worker: Any, published: Any, settings: Any, tmp_path: Path, transport: str, is_encrypted: bool
) -> None:
    cert, key = certificate(tmp_path, "127.0.0.1")
    settings.SIP_TLS_CERT, settings.SIP_TLS_KEY = str(cert), str(key)
    async with serving(worker) as running:
        port = running.house.tls_port if transport == "tls" else running.house.port
        words = ["--call", f"sip:front-desk@127.0.0.1:{port};transport={transport}", "--transport", transport]
        words += ["--ca", str(cert)] if transport == "tls" else []
        words += ["--srtp"] if is_encrypted else []
        found = await asyncio.gather(*(baresip(*words, "--codec", codec) for codec in ("pcmu", "g722", "opus")))
        await asyncio.sleep(1)
    assert [hears_the_agent(each) for each in found] == [True] * 3, found
    rows = await read(published.organization_id, lambda: list(Call.objects.values_list("end_reason", flat=True)))
    assert rows == ["caller_hung_up"] * 3
    answers = await read(
        published.organization_id,
        lambda: [row.text for row in SipMessage.objects.filter(direction="out", start_line="SIP/2.0 200 OK", cseq__endswith="INVITE")],
    )  # fmt: skip
    agreed = {next(line for line in text.splitlines() if line.startswith("m=audio")).split()[2] for text in answers}
    assert agreed == ({"RTP/SAVP"} if is_encrypted else {"RTP/AVP"})


async def test_it_is_told_the_keys_that_the_agents_side_presses(worker: Any, published: Any) -> None:
    async with serving(worker) as running:
        phone = asyncio.create_task(
            baresip("--call", f"sip:front-desk@127.0.0.1:{running.house.port}", "--stay-s", "5")
        )
        call = await the_call(published, lambda call: bool(call.status == "in_progress"))
        await asyncio.sleep(2)
        await sync_to_async(press.send_digits)(call, "19#")
        found = await phone
        await the_call(published, has_ended)
    assert found["error"] == "" and found["digits"] == "19#", found


async def test_it_is_asked_to_call_somebody_else_and_does(worker: Any, agent: Any, alice: Any, minds: Minds) -> None:
    """REFER and NOTIFY: the agent puts its caller through, and hangs up when the two talk."""
    async with serving(worker) as running, SipPhone() as bar:
        there = f"sip:bar@127.0.0.1:{bar.port}"
        await sync_to_async(draft)(agent, alice, {"name": "Bar", "to": "sip", "address": there, "words": WORDS})
        trunk = await sync_to_async(make_trunk)(agent, host="127.0.0.1")
        await knows(running, trunk)
        words = [
            "--call",
            f"sip:+14155550142@127.0.0.1:{running.house.port}",
            "--press",
            "1",
            "--transfers",
            "--stay-s",
            "15",
        ]
        phone = asyncio.create_task(baresip(*words))
        await bar.until(bar.answered.is_set, 40)
        call = await the_call(agent, has_ended)
        await phone
        bar.hang_up()
    told = dict(await events_of(call))
    assert call.end_reason == "transferred" and told["put_through"] == {"to": "Bar", "by": there}


async def test_its_keys_are_understood_and_a_hold_goes_by(worker: Any, published: Any) -> None:
    async with serving(worker) as running:
        found = await baresip(
            "--call", f"sip:front-desk@127.0.0.1:{running.house.port}", "--press", "42#", "--hold", "--stay-s", "5",
        )  # fmt: skip
        call = await the_call(published, has_ended)
    assert hears_the_agent(found) and found["was_held"]
    pressed = "".join(data["digits"] for kind, data in await events_of(call) if kind == "digits")
    assert pressed == "42#" and call.end_reason == "caller_hung_up"


async def test_it_signs_in_where_it_must(worker: Any, published: Any, settings: Any) -> None:
    settings.SIP_DIRECT_FROM = []
    fields = {"host": "", "sources": ("127.0.0.0/8",), "asks_password": True, "username": "desk"}
    await sync_to_async(make_trunk)(published, password="open sesame", **fields)
    async with serving(worker) as running:
        await asyncio.sleep(1)
        words = ["--call", f"sip:+14155550142@127.0.0.1:{running.house.port}", "--user", "desk"]
        found = await baresip(*words, "--password", "open sesame")
        refused = await baresip(*words, "--password", "open barley")
    assert hears_the_agent(found), found
    assert refused["error"] != ""


def a_desk(agent: Any) -> Any:
    fields = TrunkFields(label="Desk", host="", sources=("127.0.0.1",), asks_password=True, username="desk")
    return manage.create(agent.organization, None, fields, password="open sesame")


async def registered(trunk: Any, host: str, port: int, folder: Path, *more: str) -> asyncio.Task[dict[str, Any]]:
    """The desk's telephone, once it can be called: it hums ``DESK_HZ``."""
    voice = folder / "desk.wav"
    samples = np.sin(2 * np.pi * DESK_HZ * np.arange(8 * 16_000) / 16_000) * 8_000
    write_wav(voice, samples.astype(np.int16), 16_000)
    await state_of(trunk, "waiting")
    phone = asyncio.create_task(
        baresip(
            *("--register", f"{host}:{port}", "--user", "desk", "--password", "open sesame"),
            *("--say", str(voice), "--stay-s", "2", *more),
        )
    )
    row = await state_of(trunk, "registered", 20)
    assert row.state_words == "The telephone has registered from 127.0.0.1 and can be called."
    return phone


async def test_it_rings_where_a_number_puts_its_callers_through_after_hours(
    worker: Any, agent: Any, alice: Any, tmp_path: Path
) -> None:
    async with SipPhone("127.0.0.9") as caller:
        office = await sync_to_async(a_number)(agent, alice, caller.port, "sip:desk@127.0.0.1", "ask", host="127.0.0.9")
        trunk = await sync_to_async(a_desk)(agent)
        async with serving(worker) as running:
            await knows(running, office)
            phone = await registered(trunk, "127.0.0.1", running.house.port, tmp_path)
            caller.mouth.hz = CALLER_HZ
            caller.call(OURS, running.house.port, at="127.0.0.1")
            await caller.until(lambda: is_tone(caller, DESK_HZ), 40)
            found = await phone
            call = await the_call(agent, has_ended)
    assert found["error"] == "" and abs(found["greeting_hz"] - CALLER_HZ) < 30, found
    told = dict(await events_of(call))
    assert call.end_reason == "forwarded" and told["forwarding"]["why"] == OWN_PHONE


async def test_it_registers_here_and_rings_when_an_agent_puts_a_caller_through(
    worker: Any, agent: Any, alice: Any, minds: Minds, tmp_path: Path
) -> None:
    """A desk's telephone without any telephone system: it has an address of its own here, as agents have."""
    await sync_to_async(draft)(
        agent, alice, {"name": "Desk", "to": "sip", "address": "sip:desk@127.0.0.1", "words": WORDS}
    )
    trunk = await sync_to_async(a_desk)(agent)
    async with serving(worker) as running, SipPhone("127.0.0.9") as caller:
        phone = await registered(trunk, "127.0.0.1", running.house.port, tmp_path)
        caller.mouth.hz = CALLER_HZ
        caller.call("front-desk", running.house.port, at="127.0.0.1")
        await caller.hears(HUM_HZ)
        await caller.press("1")
        await caller.until(lambda: is_tone(caller, DESK_HZ), 40)
        found = await phone
        call = await the_call(agent, has_ended)
        await state_of(trunk, "waiting")
    assert found["error"] == "" and abs(found["greeting_hz"] - CALLER_HZ) < 30, found
    assert call.end_reason == "transferred"
    told = dict(await events_of(call))
    assert told["forwarding"]["why"] == OWN_PHONE and told["put_through"]["by"] == "sip:desk@127.0.0.1"


@pytest.mark.parametrize("how", ["--transfer", "--consult"])
async def test_it_sends_the_agent_on_to_somebody_else(worker: Any, agent: Any, alice: Any, how: str) -> None:
    """Blind, or once it has spoken to them itself: then our call takes its place there (Replaces)."""
    async with serving(worker) as running, SipPhone() as other:
        await sync_to_async(draft)(agent, alice)
        trunk = await sync_to_async(make_trunk)(agent, host="127.0.0.1", port=other.port, may_transfer=True)
        await knows(running, trunk)
        other.mouth.hz = DESK_HZ
        phone = asyncio.create_task(
            baresip(
                *("--call", f"sip:{OURS}@127.0.0.1:{running.house.port}", how, f"sip:300@127.0.0.1:{other.port}"),
                *("--stay-s", "1"),
            )
        )
        found = await phone
        received = [each for each in other.events if isinstance(each, events.CallReceived)]
        call = await goes_on_with(other, agent)
    assert found.get("transfer") == "done", found
    assert hears_the_agent(found)
    assert ("replaces" in received[-1].headers.firsts, len(received)) == (
        (True, 2) if how == "--consult" else (False, 1)
    )
    told = [data for kind, data in await events_of(call) if kind == "sent_on"]
    assert [data["step"] for data in told] == ["asked", "done"] and told[0]["is_attended"] == (how == "--consult")
    assert call.end_reason == "caller_hung_up"


async def test_a_telephone_that_signs_in_sends_the_agent_on_to_another_one(
    worker: Any, agent: Any, alice: Any, settings: Any, tmp_path: Path
) -> None:
    settings.SIP_DIRECT_FROM = []
    await sync_to_async(draft)(agent, alice)
    desk = await sync_to_async(a_desk)(agent)
    boss = {"host": "", "sources": ("127.0.0.0/8",), "asks_password": True, "username": "boss", "may_transfer": True}
    await sync_to_async(make_trunk)(agent, password="open barley", **boss)
    async with serving(worker) as running:
        ringing = await registered(desk, "127.0.0.1", running.house.port, tmp_path, "--press", "7")
        at = f"127.0.0.1:{running.house.port}"
        found = await baresip(
            *("--call", f"sip:{OURS}@{at}", "--user", "boss", "--password", "open barley"),
            *("--transfer", f"sip:desk@{at}"),
        )
        theirs = await ringing
        call = await the_call(agent, has_ended)
    assert found.get("transfer") == "done", found
    assert theirs["error"] == "", theirs
    told = await events_of(call)
    assert [data["step"] for kind, data in told if kind == "sent_on"] == ["asked", "done"]
    assert [data["digits"] for kind, data in told if kind == "digits"] == ["7"], "the agent hears the other telephone"


async def test_the_agent_calls_it(worker: Any, published: Any) -> None:
    port = free_port()
    phone = asyncio.create_task(baresip("--port", str(port), "--user", "+14155550177", "--stay-s", "2"))
    await asyncio.sleep(2)
    trunk = await sync_to_async(make_trunk)(published, host="127.0.0.1", port=port)
    async with serving(worker) as running:
        await ring(trunk, published, running)
        found = await phone
        call = await the_call(published, has_ended)
    assert hears_the_agent(found), found
    assert (call.end_reason, call.direction) == ("caller_hung_up", "outbound")
