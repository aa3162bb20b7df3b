"""Telephone calls in tests: an account at the stand-in, its number led to an agent, an exchange that asks this process's pages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlencode

import numpy as np
from asgiref.sync import sync_to_async
from django.test import AsyncClient

from accounts import tenancy
from telephony import phone_numbers
from telephony.audio import g711
from telephony.dialing import policies
from telephony.models import Call, CarrierAccount, PhoneNumber
from tests.peers.plivo_stand_in import PlivoAccount, PlivoExchange
from tests.peers.signalwire_stand_in import Project, SignalWireExchange
from tests.peers.telnyx_stand_in import TelnyxAccount, TelnyxExchange
from tests.peers.twilio_stand_in import Account, Exchange, PhoneCall

NUMBER = "+14155550142"


@dataclass
class Phones:
    account: Account
    exchange: Exchange
    row: CarrierAccount
    number: PhoneNumber

    def ring(self, **more: Any) -> PhoneCall:
        return self.exchange.ring(self.account, NUMBER, **more)

    async def calls(self) -> list[Call]:
        def read() -> list[Call]:
            with tenancy.use(self.row.organization_id):
                return list(Call.objects.order_by("created_at"))

        return await sync_to_async(read)()

    async def call(self) -> Call:
        (found,) = await self.calls()
        return found


@cache
def _client() -> AsyncClient:
    """One: making it looks at every static file."""
    return AsyncClient()


async def ask_our_pages(url: str, form: dict[str, str], headers: dict[str, str]) -> tuple[int, str]:
    from django.conf import settings

    assert url.startswith(settings.SITE_URL), url
    response = await _client().post(
        url.removeprefix(settings.SITE_URL), urlencode(form), "application/x-www-form-urlencoded", headers=headers
    )
    return response.status_code, response.content.decode()


def at_twilio(settings: Any, **line: Any) -> tuple[Exchange, Account, dict[str, str]]:
    """A stand-in, and what a person copies from its pages."""
    exchange = Exchange(ask_our_pages, **line)
    account = Account(NUMBER, exchange=exchange)
    settings.TWILIO_API_URL = account.url
    return exchange, account, {"account_sid": account.sid, "auth_token": account.token}


def at_signalwire(settings: Any, **line: Any) -> tuple[Exchange, Account, dict[str, str]]:
    exchange = SignalWireExchange(ask_our_pages, **line)
    account = Project(NUMBER, exchange=exchange)
    given = {
        "space_url": account.url,
        "project_id": account.sid,
        "api_token": account.token,
        "signing_key": account.key,
    }
    settings.EGRESS_ALLOW = [account.url.removeprefix("http://")]
    return exchange, account, given


def at_telnyx(settings: Any, **line: Any) -> tuple[Exchange, Account, dict[str, str]]:
    exchange = TelnyxExchange(ask_our_pages, **line)
    account = TelnyxAccount(NUMBER, exchange=exchange)
    settings.TELNYX_API_URL = account.url
    return exchange, account, {"api_key": account.token, "public_key": account.public_key}


def at_plivo(settings: Any, **line: Any) -> tuple[Exchange, Account, dict[str, str]]:
    exchange = PlivoExchange(ask_our_pages, **line)
    account = PlivoAccount(NUMBER, exchange=exchange)
    settings.PLIVO_API_URL = account.url
    return exchange, account, {"auth_id": account.sid, "auth_token": account.token}


AT = {"twilio": at_twilio, "signalwire": at_signalwire, "telnyx": at_telnyx, "plivo": at_plivo}


@asynccontextmanager
async def phones(settings: Any, agent: Any, alice: Any, at: str = "twilio", **line: Any) -> AsyncIterator[Phones]:
    """Everything a person does in the dashboard, done: connected, imported, assigned, published."""
    from agents.publish import publish

    exchange, account, given = AT[at](settings, **line)
    settings.EGRESS_ALLOW = [account.url.removeprefix("http://")]

    def set_up() -> tuple[CarrierAccount, PhoneNumber]:
        with tenancy.use(agent.organization_id):
            publish(agent, alice)
            policies.change(agent.organization, {"home_country": "US", "calls_from": "00:00", "calls_until": "24:00"})
            row = phone_numbers.connect_to(agent.organization, alice, at, given)
            return row, phone_numbers.import_number(row, account.sid_of(NUMBER), agent)

    try:
        row, number = await sync_to_async(set_up)()
        yield Phones(account, exchange, row, number)
    finally:
        await exchange.close()
        account.close()


def is_humming(coded: bytes, hz: int = 1_000) -> bool:
    """The stand-in agent's voice."""
    samples = g711.decode_ulaw(coded).astype(float)
    if len(samples) < 800:
        return False
    spectrum = np.abs(np.fft.rfft(samples))
    return abs(int(spectrum.argmax()) * 8_000 / len(samples) - hz) < 30 and float(np.abs(samples).max()) > 3_000


def tone(seconds: float, hz: int = 440) -> bytes:
    t = np.arange(int(8_000 * seconds)) / 8_000
    return g711.encode_ulaw((np.sin(2 * np.pi * hz * t) * 8_000).astype(np.int16))
