"""A trunk joined in the dashboard while a call worker serves SIP, with somebody's registrar at the other end."""

from __future__ import annotations

from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.test import Client

from accounts import tenancy
from telephony.models import Trunk
from telephony.trunks import upkeep
from tests.telephony.sip_phone import Registrar
from tests.telephony.test_sip_calls import serving

pytestmark = pytest.mark.django_db(transaction=True)
HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def _sip(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.SIP_HOST, settings.SIP_PORT, settings.SIP_TLS_PORT = ["127.0.0.1"], 0, 0
    settings.RTP_PORTS = (45_000, 47_999)
    settings.EGRESS_ALLOW_PRIVATE = True
    monkeypatch.setattr(upkeep, "POLL_SECONDS", 0.2)
    monkeypatch.setattr(upkeep, "TEST_SECONDS", 2.0)


async def test_it_is_tested_at_once_says_what_is_wrong_and_then_that_it_works(
    worker: Any, agent: Any, alice: Any, client_of: Callable[[Any], Client]
) -> None:
    client = await sync_to_async(client_of)(alice)

    def post(address: str, **typed: str) -> Any:
        return client.post(address, typed)

    def ask(address: str) -> str:
        return unescape(client.post(address, headers=HTMX).content.decode())

    def read(address: str) -> str:
        return unescape(client.get(address, headers=HTMX).content.decode())

    def the_trunk() -> Trunk:
        with tenancy.use(agent.organization_id):
            return Trunk.objects.get()

    async with Registrar("200", "open sesame") as pbx, serving(worker) as running:
        await running._beat()
        typed = {
            "trunk-label": "Main line", "trunk-host": "127.0.0.1", "trunk-port": str(pbx.port), "trunk-username": "200",
            "trunk-registers": "on", "password": "wrong",
        }  # fmt: skip
        made = await sync_to_async(post)("/numbers/trunks/new/?preset=asterisk", **typed)
        assert made.status_code == 302, made.content
        at = f"/numbers/trunks/{(await sync_to_async(the_trunk)()).pk}/"
        told = await sync_to_async(ask)(f"{at}test/")
        assert "refused your user name or password" in told and f"127.0.0.1:{pbx.port}" in told
        assert "Doesn't work" in await sync_to_async(read)(f"{at}state/")
        saved = await sync_to_async(post)(f"{at}edit/", **{**typed, "password": "open sesame"})
        assert saved.status_code == 302
        told = await sync_to_async(ask)(f"{at}test/")
        assert told.count("It works: 127.0.0.1 took the registration within") == 1 and "alert-success" in told
        assert "Registered" in await sync_to_async(read)(f"{at}state/")
    trace = await sync_to_async(read)(f"{at}trace/")
    assert "401" in trace and "says where it is, with the password" in trace and "knows now where to call" in trace
    assert "The provider took the registration of trunk “Main line”" in trace and "open sesame" not in trace
