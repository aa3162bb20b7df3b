"""A carrier's caller, whom a number puts through to a telephone that registers here: no carrier can call that, so a call worker does."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from telephony.carriers.registry import CARRIERS
from telephony.transfers.second_line import OWN_PHONE
from tests.peers.twilio_stand_in import PhoneCall
from tests.telephony.phones import is_humming, phones, tone
from tests.telephony.test_baresip import a_desk, registered
from tests.telephony.test_number_answers import closed, set_to
from tests.telephony.test_sip_calls import _sip, serving, state_of
from tests.telephony.test_sip_without_agent import cannot
from tests.telephony.test_transfers import reservations
from tests.telephony.test_twilio_calls import ended, listens_at, rows, until
from tests.telephony.test_warm_calls import DESK_HZ, serves_sip

__all__ = ["_sip"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.paced]

CALLER_HZ = 440
FORWARD = {"how": "forward", "forward_to": "sip:desk@127.0.0.1", "ring_s": 20, "message": "Nobody is here."}


def hears(caller: PhoneCall, hz: int) -> bool:
    """In the last quarter of a second."""
    return bool(caller.heard) and is_humming(caller.heard_since(caller.heard[-1][0] - 0.25), hz)


@pytest.mark.parametrize("at", sorted(CARRIERS))
async def test_the_telephone_rings_and_the_two_hear_each_other(
    worker: Any, agent: Any, alice: Any, settings: Any, tmp_path: Path, at: str
) -> None:
    desk = await sync_to_async(a_desk)(agent)
    async with serving(worker) as running, phones(settings, agent, alice, at) as line:
        settings.EGRESS_ALLOW_PRIVATE = True
        listens_at(settings, running)
        phone = await registered(desk, "127.0.0.1", running.house.port, tmp_path)
        await serves_sip()
        await set_to(line, schedule=closed(), after_hours=FORWARD)
        caller = line.ring()
        caller.say(tone(12, CALLER_HZ))
        await until(lambda: hears(caller, DESK_HZ))
        found = await phone  # it hangs up
        await asyncio.wait_for(caller.over.wait(), 20)
        call = await ended(line)
    assert found["error"] == "" and abs(found["greeting_hz"] - CALLER_HZ) < 30, found
    _, told = await rows(call)
    assert call.end_reason == "forwarded" and ("put_through", {"to": FORWARD["forward_to"]}) in told
    assert next(data for kind, data in told if kind == "forwarding")["why"] == OWN_PHONE
    assert [is_free for _, _, is_free in await reservations(call)] == [True] and not caller.dialled


async def test_the_agent_fails_at_once_where_twilio_hears_and_speaks_and_the_telephone_rings_all_the_same(
    worker: Any, agent: Any, alice: Any, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = await sync_to_async(a_desk)(agent)
    async with serving(worker) as running, phones(settings, agent, alice, "twilio") as line:
        settings.EGRESS_ALLOW_PRIVATE = True
        listens_at(settings, running)
        cannot(monkeypatch)
        phone = await registered(desk, "127.0.0.1", running.house.port, tmp_path)
        await serves_sip()
        await set_to(line, on_failure=FORWARD, speech={"by": "twilio"})
        caller = line.ring()
        caller.say(tone(12, CALLER_HZ))
        await until(lambda: hears(caller, DESK_HZ))
        await phone
        call = await ended(line)
    assert call.end_reason == "forwarded", await rows(call)


async def test_where_no_worker_could_ring_it_the_carrier_says_the_message(
    worker: Any, agent: Any, alice: Any, settings: Any
) -> None:
    await sync_to_async(a_desk)(agent)
    async with phones(settings, agent, alice, "twilio") as line:
        settings.EGRESS_ALLOW_PRIVATE = True
        await set_to(line, schedule=closed(), after_hours=FORWARD)
        caller = line.ring()
        await asyncio.wait_for(caller.over.wait(), 20)
        call = await ended(line)
        assert caller.said == ["Nobody is here."] and call.end_reason == "not_forwarded"
        assert "No call worker serves SIP" in str(await rows(call))


async def test_a_telephone_that_is_switched_off(worker: Any, agent: Any, alice: Any, settings: Any) -> None:
    desk = await sync_to_async(a_desk)(agent)
    async with serving(worker) as running, phones(settings, agent, alice, "twilio") as line:
        settings.EGRESS_ALLOW_PRIVATE = True
        listens_at(settings, running)
        await state_of(desk, "waiting")
        await serves_sip()
        await set_to(line, schedule=closed(), after_hours=FORWARD)
        caller = line.ring()
        await asyncio.wait_for(caller.over.wait(), 20)
        call = await ended(line)
    turns, told = await rows(call)
    assert call.end_reason == "not_forwarded" and turns[-1] == ("agent", "Nobody is here.")
    assert "has not registered here" in str(told)


async def test_a_stream_that_comes_to_a_worker_without_telephones_is_handed_on(
    worker: Any, agent: Any, alice: Any, settings: Any, tmp_path: Path
) -> None:
    desk = await sync_to_async(a_desk)(agent)
    settings.SIP_HOST = []
    async with worker() as other:
        settings.SIP_HOST = ["127.0.0.1"]
        async with serving(worker) as running, phones(settings, agent, alice, "telnyx") as line:
            settings.EGRESS_ALLOW_PRIVATE = True
            listens_at(settings, other)
            phone = await registered(desk, "127.0.0.1", running.house.port, tmp_path)
            await serves_sip()
            await set_to(line, schedule=closed(), after_hours=FORWARD)
            caller = line.ring()
            caller.say(tone(12, CALLER_HZ))
            await until(lambda: hears(caller, DESK_HZ))
            assert other._running == {} and other.telephones._open == 1
            found = await phone
            await asyncio.wait_for(caller.over.wait(), 20)
            call = await ended(line)
    assert abs(found["greeting_hz"] - CALLER_HZ) < 30 and call.end_reason == "forwarded"
