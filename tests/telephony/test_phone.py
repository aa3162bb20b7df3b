"""The terminal's phone against a real web process and a real call worker with real models."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import numpy as np
import pytest
from asgiref.sync import sync_to_async
from django.conf import settings as configured

from accounts import tenancy
from telephony import phone_script, tokens
from telephony.phone import CallFailed, TerminalPhone
from telephony.phone_script import Line
from tests.spoken import caller_lines
from tests.telephony.test_worker_killed import ROOT, a_worker, environment

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.platform, pytest.mark.paced, pytest.mark.models]
__all__ = ["environment"]

VOICE = configured.WEIGHTS_DIR / "piper" / "en_US-joe-medium.onnx"


@asynccontextmanager
async def a_website(environment: dict[str, str], settings: Any) -> AsyncIterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings.SITE_URL = url = f"http://127.0.0.1:{port}"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "daphne", "-b", "127.0.0.1", "-p", str(port), "config.asgi:application", cwd=ROOT,
        env={**environment, "SITE_URL": url}, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with asyncio.timeout(60), httpx.AsyncClient(trust_env=False) as http:
            while True:
                try:
                    await http.get(f"{url}/rtc/ice-servers")
                    break
                except httpx.TransportError:
                    await asyncio.sleep(0.2)
        yield url
    finally:
        process.terminate()
        await process.wait()


async def test_a_spoken_call(agent: Any, environment: dict[str, str], settings: Any, tmp_path: Any) -> None:
    def prompted() -> None:
        with tenancy.use(agent.organization_id):
            agent.draft["says"]["prompt"] = (
                "A cleaning costs 120 dollars and takes 45 minutes.\nWe are open from 8 to 5."
            )
            agent.save()

    await sync_to_async(prompted)()
    said = ("How much is a cleaning?", "Thank you and goodbye.")
    lines, sounds = [Line("say", text) for text in said], caller_lines(*said)
    lines.insert(1, Line.digits("4-2#"))
    sounds.insert(1, np.zeros(0, np.int16))

    async def token() -> str:
        return tokens.mint(organization=agent.organization_id, agent=agent, use="draft")

    async with a_website(environment, settings) as url, a_worker(environment):
        async with TerminalPhone(url, token) as phone:
            await phone_script.play(phone, lines, sounds)
        found = phone_script.result(phone)
    assert found["end"]["reason"] in ("caller_goodbye", "agent_goodbye"), found
    price, keys, _ = found["exchanges"]
    assert "cleaning" in price["heard_as"].lower() and "120" in price["reply"], found
    assert (keys["said"], keys["heard_as"]) == ("Pressed 4 2 #", "Pressed 4 2 #"), found
    assert "keypad" in keys["reply"] and 0 < keys["ear_ms"] < 10_000, found
    assert 0 < price["ear_ms"] < 10_000 and price["latency"]["total_ms"] > 0
    assert found["first_audio_ms"] > 0 and len(phone.ear.recording()) > 48_000


async def test_a_phone_does_not_speak_into_an_answer_its_feed_has_not_told_of() -> None:
    """Sound comes straight, words by way of three processes: on a busy machine the state of a moment ago is still "listening"."""

    async def token() -> str:
        return "x"

    phone = TerminalPhone("http://127.0.0.1:9", token)
    now = asyncio.get_running_loop().time()
    phone.ear.sounds = [(now - 2, now - 1)]  # a phrase, and the voice draws breath
    waiting = asyncio.create_task(phone.settled(5))
    turn = {"type": "transcript", "turn": 0, "role": "agent", "text": "A cleaning", "is_final": False, "was_cut": False}
    for late in ({"type": "state", "state": "speaking"}, turn, {"type": "state", "state": "listening"}):
        await asyncio.sleep(0.1)
        assert not waiting.done()
        phone._told(late)
    await asyncio.sleep(0.1)
    assert not waiting.done()
    phone._told({**turn, "text": "A cleaning costs 120 dollars.", "is_final": True})
    async with asyncio.timeout(1):
        await waiting
    await phone._http.aclose()


async def test_nobody_is_there() -> None:
    async def token() -> str:
        return "x"

    with pytest.raises(CallFailed, match="can't be reached"):
        async with TerminalPhone("http://127.0.0.1:9", token):
            pass


@pytest.mark.parametrize(
    ("text", "words", "after"),
    [("Stop@1.5", "Stop", 1.5), ("Stop", "Stop", 1.0), ("mail me@home@2", "mail me@home", 2.0)],
)
def test_an_interruption_says_when(text: str, words: str, after: float) -> None:
    assert Line.interruption(text) == Line("interrupt", words, after)


@pytest.mark.parametrize("text", ["Stop@soon", "@2", "Stop@-1", "Stop@100"])
def test_an_interruption_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Line.interruption(text)


@pytest.mark.parametrize("text", ["", "12x", "+1"])
def test_what_is_no_key_is_refused_before_the_call(text: str) -> None:
    with pytest.raises(ValueError, match="key"):
        Line.digits(text)
