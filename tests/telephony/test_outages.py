"""PostgreSQL and Valkey go away under a live call: the call goes on, and nothing that was said is lost."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
import redis
from asgiref.sync import sync_to_async

from accounts import tenancy
from telephony import tokens, worker_status
from telephony.models import Call, Recording
from telephony.phone import TerminalPhone
from tests.spoken import caller_lines
from tests.telephony.test_phone import a_website
from tests.telephony.test_worker import until
from tests.telephony.test_worker_killed import a_worker, environment

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.platform, pytest.mark.paced, pytest.mark.models]
__all__ = ["environment"]


class Door:
    """A TCP door in front of a server: ``open``, ``stalled`` (nothing passes, nobody is told) or ``shut`` (all are thrown out)."""

    def __init__(self, url: str) -> None:
        self._parts = urlsplit(url)
        self._may_pass = asyncio.Event()
        self._may_pass.set()
        self._is_shut = False
        self._passing: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Door:
        self._server = await asyncio.start_server(self._let_in, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self.shut()

    @property
    def url(self) -> str:
        assert self._server is not None
        port = self._server.sockets[0].getsockname()[1]
        who = self._parts.netloc.rpartition("@")[0]
        return urlunsplit(self._parts._replace(netloc=f"{who}{'@' if who else ''}127.0.0.1:{port}"))

    def open(self) -> None:
        self._is_shut = False
        self._may_pass.set()

    def stall(self) -> None:
        self._may_pass.clear()

    def shut(self) -> None:
        self._is_shut = True
        self._may_pass.set()
        for writer in list(self._passing):
            writer.transport.abort()

    async def _let_in(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_shut:
            writer.transport.abort()
            return
        inside = await asyncio.open_connection(self._parts.hostname, self._parts.port)
        self._passing |= {writer, inside[1]}
        await asyncio.gather(self._carry(reader, inside[1]), self._carry(inside[0], writer))

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                await self._may_pass.wait()
                writer.write(data)
                await writer.drain()
        writer.close()
        self._passing.discard(writer)


async def _silent(phone: TerminalPhone) -> None:
    """The agent has said what it had to say: by ear, because the feed may be away."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(30):
        while loop.time() - (phone.ear.is_silent_since or loop.time()) < 1.2:
            await asyncio.sleep(0.05)


async def test_the_call_lives_and_its_transcript_is_whole(
    agent: Any, environment: dict[str, str], settings: Any
) -> None:
    def prompted() -> None:
        with tenancy.use(agent.organization_id):
            agent.draft["says"]["prompt"] = "A cleaning costs 120 dollars.\nWe are open from 8 to 5.\nParking is free."
            agent.save()

    await sync_to_async(prompted)()
    said = [
        "How much does a cleaning cost?",
        "What time do you open?",
        "Where can I park my car?",
        "Thank you and goodbye.",
    ]
    price, hours, parking, goodbye = caller_lines(*said)

    async def token() -> str:
        return tokens.mint(organization=agent.organization_id, agent=agent, use="draft")

    async with Door(environment["DATABASE_URL"]) as database, Door(environment["VALKEY_URL"]) as valkey:
        behind = {**environment, "DATABASE_URL": database.url, "VALKEY_URL": valkey.url}
        async with a_website(environment, settings) as url, a_worker(behind) as process:
            async with TerminalPhone(url, token) as phone:
                await phone.greeting()

                database.stall()  # as a machine that is paused: every query waits
                await phone.say(price)
                await _silent(phone)
                await asyncio.sleep(1)
                database.shut()  # as a server that is restarted: connections break, and none is made
                await phone.say(hours)
                await _silent(phone)
                database.open()

                valkey.shut()
                redis.Redis.from_url(environment["VALKEY_URL"]).flushdb()  # what a restarted one has lost
                await phone.say(parking)
                await _silent(phone)
                valkey.open()

                await asyncio.sleep(1.5)
                await phone.say(goodbye)
                call = await until(agent, phone.call_id, "ended", 30)
            assert process.returncode is None
            async with asyncio.timeout(15):
                while not await sync_to_async(worker_status.workers)():
                    await asyncio.sleep(0.2)

    def kept(call: Call) -> tuple[list[tuple[int, str, str]], Recording]:
        with tenancy.use(agent.organization_id):
            turns = [(turn.index, turn.role, turn.text) for turn in call.turns.all()]
            return turns, Recording.objects.get(call=call)

    turns, recording = await sync_to_async(kept)(call)
    assert call.end_reason == "caller_goodbye", turns
    assert [index for index, _, _ in turns] == list(range(len(turns)))
    told = " | ".join(text for _, _, text in turns).lower()
    for words in (
        "how can i help you",
        "cost",
        "120 dollars",
        "what time",
        "from 8 to 5",
        "parking is free",
        "goodbye",
    ):
        assert words in told, turns
    assert recording.is_complete and abs(recording.duration_ms - call.duration_ms) < 200
