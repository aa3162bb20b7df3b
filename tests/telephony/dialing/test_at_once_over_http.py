"""Fifty programs ask for a call in the same moment, over HTTP: two web processes, a call worker of its own, the real PostgreSQL and Valkey,
and a telephone that rings."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from asgiref.sync import sync_to_async
from django.db import connections

from accounts import keys, tenancy
from telephony import worker_status
from telephony.dialing import policies
from telephony.dialing.models import DialReservation
from telephony.models import Call, Trunk
from telephony.sip import commands, events
from telephony.trunks import manage
from telephony.trunks.fields import TrunkFields
from tests.telephony.sip_phone import SipPhone

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.paced]

ROOT = Path(__file__).resolve().parent.parent.parent.parent
ASKED, LIMIT = 50, 5
START_SECONDS = 90


def environment() -> dict[str, str]:
    """This run's databases, and a worker that serves SIP on this machine."""

    def ours(url: str) -> str:
        return urlsplit(url)._replace(path=f"/{connections['default'].settings_dict['NAME']}").geturl()

    return {
        **os.environ,
        "DATABASE_URL": ours(os.environ["DATABASE_URL"]),
        "DATABASE_OWNER_URL": ours(os.environ.get("DATABASE_OWNER_URL") or os.environ["DATABASE_URL"]),
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "platform")]), "PARLEY_EMBEDDED": "true",
        "SIP_HOST": "127.0.0.1", "SIP_PORT": str(free_port()), "SIP_TLS_PORT": str(free_port()), "RTP_PORTS": "48000-49999",
        "DATABASE_POOL_SIZE": str(ASKED),  # so many ask at once, and each has a connection for as long as it waits for its turn
        "PHONE_MEDIA_PORT": str(free_port()), "EGRESS_ALLOW_PRIVATE": "true",
    }  # fmt: skip


def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def process(log: Path, *words: str, env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as out:
        started = subprocess.Popen([sys.executable, *words], cwd=ROOT, env=env, stdout=out, stderr=subprocess.STDOUT)
        try:
            yield started
        finally:
            started.terminate()
            try:
                started.wait(30)
            except subprocess.TimeoutExpired:
                started.kill()


@asynccontextmanager
async def platform(folder: Path) -> AsyncIterator[list[str]]:
    """The addresses of two web processes, when both answer and a call worker takes calls over SIP."""
    env = environment()
    ports = [free_port(), free_port()]
    with ExitStack() as stack:
        logs = [folder / f"web-{port}.log" for port in ports]
        for port, log in zip(ports, logs, strict=True):
            at = {**env, "SITE_URL": f"http://127.0.0.1:{port}"}
            words = ("-m", "daphne", "-b", "127.0.0.1", "-p", str(port), "config.asgi:application")
            stack.enter_context(process(log, *words, env=at))
        log = folder / "worker.log"
        stack.enter_context(process(log, "manage.py", "callworker", "--capacity", str(ASKED), env=env))
        addresses = [f"http://127.0.0.1:{port}" for port in ports]
        async with httpx.AsyncClient(trust_env=False) as client:
            give_up = time.monotonic() + START_SECONDS
            while not (await is_up(client, addresses) and await sync_to_async(serves_sip)()):
                assert time.monotonic() < give_up, "\n".join(each.read_text()[-2000:] for each in (*logs, log))
                await asyncio.sleep(0.5)
        yield addresses


async def is_up(client: httpx.AsyncClient, addresses: list[str]) -> bool:
    try:
        return all([(await client.get(f"{each}/healthz", timeout=5)).is_success for each in addresses])
    except httpx.HTTPError:
        return False


def serves_sip() -> bool:
    return any(each.sip_port and each.has_room for each in worker_status.workers())


def set_up(agent: Any, alice: Any, port: int) -> tuple[Trunk, str]:
    from agents.publish import publish

    with tenancy.use(agent.organization_id):
        publish(agent, alice)
        policies.change(
            agent.organization,
            {
                "home_country": "US", "calls_from": "00:00", "calls_until": "24:00", "max_concurrent": LIMIT,
                "calls_per_second": 100, "calls_per_day": 1_000, "daily_spend": 1_000,
            },
        )  # fmt: skip
    fields = TrunkFields(label="Office", host="127.0.0.1", port=port, caller_id="+14155550142")
    trunk = manage.create(agent.organization, None, fields, "")
    _, secret = keys.issue(agent.organization, "Program", ["calls:read", "calls:write"], None, None)
    return trunk, secret


async def test_of_fifty_that_ask_at_once_exactly_five_calls_are_made(
    agent: Any, alice: Any, settings: Any, tmp_path: Path
) -> None:
    settings.EGRESS_ALLOW_PRIVATE = True
    async with SipPhone() as phone:
        phone.answers_with = None  # it rings
        trunk, secret = await sync_to_async(set_up)(agent, alice, phone.port)
        async with platform(tmp_path) as addresses, httpx.AsyncClient(trust_env=False, timeout=60) as client:
            begin = asyncio.Barrier(ASKED)

            async def ask(number: int) -> httpx.Response:
                body = {"agent_id": str(agent.pk), "trunk_id": str(trunk.pk), "to": f"+1415555{1000 + number}"}
                await begin.wait()
                url = f"{addresses[number % len(addresses)]}/api/v1/calls"
                async with asyncio.timeout(60):
                    while True:
                        answer = await client.post(url, json=body, headers={"Authorization": f"Bearer {secret}"})
                        # On a slow machine: no connection to the database was free in time, or the worker is short of breath.
                        if answer.status_code != 503 and "has no room" not in answer.text:
                            return answer
                        await asyncio.sleep(0.5)

            answers = await asyncio.gather(*map(ask, range(ASKED)))
            made = [each.json() for each in answers if each.status_code == 201]
            refused = [(each.status_code, each.json()["detail"]) for each in answers if each.status_code != 201]
            assert len(made) == LIMIT, [each.text for each in answers]
            words = "5 outgoing calls are running, and your limit is 5."
            assert refused == [(409, words)] * (ASKED - LIMIT)

            def invited() -> set[str]:
                return {each.called for each in phone.events if isinstance(each, events.CallReceived)}

            await phone.until(lambda: len(invited()) == LIMIT, 30)
            assert invited() == {each["to_number"] for each in made}
            assert await sync_to_async(standing)(agent) == (LIMIT, LIMIT)
            for each in [each for each in phone.events if isinstance(each, events.CallReceived)]:
                phone.endpoint.do(commands.Reject(each.call, 486))
            async with asyncio.timeout(30):
                while await sync_to_async(standing)(agent) != (LIMIT, 0):
                    await asyncio.sleep(0.2)
            assert (await ask_again(client, addresses[0], agent, trunk, secret)).status_code == 201
            await phone.until(lambda: len(invited()) == LIMIT + 1, 30)


async def ask_again(client: httpx.AsyncClient, address: str, agent: Any, trunk: Trunk, secret: str) -> httpx.Response:
    body = {"agent_id": str(agent.pk), "trunk_id": str(trunk.pk), "to": "+14155559999"}
    return await client.post(f"{address}/api/v1/calls", json=body, headers={"Authorization": f"Bearer {secret}"})


def standing(agent: Any) -> tuple[int, int]:
    """Rows of calls, and places in the limits that are taken."""
    with tenancy.use(agent.organization_id):
        return Call.objects.count(), DialReservation.objects.filter(released_at=None).count()
