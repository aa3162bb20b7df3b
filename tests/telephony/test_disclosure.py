"""A caller hears first that an AI is speaking, recorded or not."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from accounts import tenancy
from telephony.models import Turn
from tests.telephony.sip_phone import SipPhone
from tests.telephony.test_sip_calls import _sip, events_of, has_ended, read, serving, the_call

__all__ = ["_sip"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.paced]


def draft(agent: Any, alice: Any, privacy: dict[str, Any]) -> None:
    from agents.publish import publish, save_draft

    with tenancy.use(agent.organization_id):
        save_draft(agent, {"privacy": {"says_it_is_ai": True, **privacy}, "says": {"first_message": "Hello!"}})
        agent.refresh_from_db()
        publish(agent, alice)


@pytest.mark.parametrize(
    ("privacy", "said"),
    [
        ({"record": False}, ["You are speaking with an AI assistant.", "Hello!"]),
        (
            {"consent_line": "This call is recorded."},
            ["You are speaking with an AI assistant. This call is recorded.", "Hello!"],
        ),
    ],
)
async def test_it_is_said_before_anything_else(
    worker: Any, agent: Any, alice: Any, privacy: dict[str, Any], said: list[str]
) -> None:
    await sync_to_async(draft)(agent, alice, privacy)
    async with serving(worker) as running, SipPhone() as phone:
        phone.mouth.is_quiet = True
        phone.call("front-desk", running.house.port)

        async def turns() -> list[str]:
            return await read(agent.organization_id, lambda: list(Turn.objects.values_list("text", flat=True)))  # type: ignore[no-any-return]

        await phone.hears(1_000)
        async with asyncio.timeout(20):
            while len(await turns()) < len(said):
                await asyncio.sleep(0.1)
        phone.hang_up()
        call = await the_call(agent, has_ended)
    assert (await turns())[: len(said)] == said
    began = [kind for kind, _ in await events_of(call) if kind == "recording_started"]
    assert bool(began) is ("consent_line" in privacy)
