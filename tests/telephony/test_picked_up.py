"""Calls of ours that are picked up and over before the agent's first word: they count as picked up, and as long as the line was up."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from accounts import tenancy
from frontend.queries import call_page
from telephony.campaigns import by_phone
from telephony.dialing.models import DialReservation
from telephony.models import Call
from tests.peers.twilio_stand_in import PhoneCall
from tests.telephony.phones import Phones, ask_our_pages, tone
from tests.telephony.sip_phone import SipPhone
from tests.telephony.test_carriers_without_agent import calls, each_carrier, open_line, quiet, site, speech
from tests.telephony.test_sip_calls import has_ended, read, serving, the_call
from tests.telephony.test_sip_without_agent import _sip, a_number, published, ring
from tests.telephony.test_twilio_calls import _fresh, ended, place, until

__all__ = ["_sip", "open_line", "published", "site"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.paced]


async def minutes(call: Call) -> Decimal:
    """That the day's spend counts for it."""

    def find() -> Decimal:
        with tenancy.use(call.organization_id):
            row = DialReservation.objects.get(call=call)
            assert row.price_per_minute > 0 and row.released_at is not None
            return Decimal(row.cost / row.price_per_minute)

    return await sync_to_async(find)()


async def again(call: Call) -> Call:
    return await read(call.organization_id, lambda: Call.objects.get(pk=call.pk))  # type: ignore[no-any-return]


async def tells(line: Phones, caller: PhoneCall, **told: str) -> None:
    """The carrier, of the end of a call that it placed."""
    form = {**line.account.asks(caller), "CallStatus": "completed", **told}
    url = next(asked["StatusCallback"] for _, _, asked in line.account.asked if "StatusCallback" in asked)
    assert (await ask_our_pages(url, form, line.account.headers(url, form)))[0] in (200, 204)


# ---- where the call worker listens


@each_carrier
async def test_who_hangs_up_while_it_is_listened_for_a_machine_has_answered(
    open_line: Any, agent: Any, at: str
) -> None:
    async with open_line(at) as (line, _):
        caller = await calls(line, agent, b"", on_machine="hang_up")
        await until(lambda: caller.streams == 1)
        await asyncio.sleep(1.5)
        caller.hang_up()
        call = await ended(line)
    assert (call.end_reason, caller.heard) == ("caller_hung_up", [])
    assert 1_000 < call.duration_ms < 5_000
    assert by_phone.over(call).outcome == "answered", "nobody calls them again in a moment"
    assert await minutes(call) == 1
    assert "before the agent said a word" in call_page.sound(call, None, []).words


@each_carrier
async def test_a_machine_that_is_hung_up_on_costs_what_its_carrier_charges(open_line: Any, agent: Any, at: str) -> None:
    async with open_line(at) as (line, _):
        caller = await calls(line, agent, speech(1.0) + quiet(0.3) + tone(0.8, 1_000), on_machine="hang_up")
        await asyncio.wait_for(caller.over.wait(), 20)
        call = await ended(line)
    assert call.end_reason == "machine_answered" and 1_000 < call.duration_ms < 10_000
    assert by_phone.over(call).outcome == "voicemail" and await minutes(call) == 1


@each_carrier
async def test_how_long_it_was_listened_is_charged_and_no_part_of_the_sound(
    open_line: Any, agent: Any, at: str
) -> None:
    async with open_line(at) as (line, _):
        caller = await calls(line, agent, b"", on_machine="hang_up")  # silence: nobody knows who is there
        await until(lambda: len(caller.heard) > 30)
        listened_s = caller.heard[0][0] - caller.stream_began_s
        talked_s = caller.heard[-1][0] - caller.heard[0][0]
        caller.hang_up()
        call = await ended(line)
    assert call.answered_at is not None and listened_s > 2
    assert call.instead["up_s"] > listened_s + talked_s - 0.5, "what its carrier charges"
    assert abs(call.duration_ms - talked_s * 1_000) < 1_500, "the clock of its sound and its turns"


async def test_over_a_trunk_they_have_answered_too(worker: Any, published: Any) -> None:
    async with SipPhone() as phone, serving(worker) as running:
        phone.mouth.is_quiet = True
        trunk = await sync_to_async(a_number)(published, phone.port)
        await ring(trunk, published, running, on_machine="hang_up")
        await asyncio.wait_for(phone.answered.wait(), 10)
        await asyncio.sleep(1.5)
        phone.hang_up()
        call = await the_call(published, has_ended)
    assert call.end_reason == "caller_hung_up" and 500 < call.duration_ms < 5_000
    assert by_phone.over(call).outcome == "answered" and await minutes(call) == 1


# ---- where the carrier does


async def test_twilio_tells_afterwards_how_long_a_machine_was_listened_to(open_line: Any, agent: Any) -> None:
    async with open_line("twilio") as (line, _):
        line.exchange.picks_up = "machine_start"
        await place(line, await _fresh(agent), on_machine="hang_up")
        call = await ended(line)
        assert call.end_reason == "machine_answered"
        assert call.duration_ms > 0 and await minutes(call) == 1, "before it is told: a minute has begun"
        (caller,) = line.exchange.calls.values()
        await asyncio.wait_for(caller.over.wait(), 10)
        assert (await again(call)).duration_ms == 9_000 and await minutes(call) == 1
        await tells(line, caller, CallDuration="61")
        await tells(line, caller, CallDuration="61")
    call = await again(call)
    assert (call.end_reason, call.duration_ms) == ("machine_answered", 61_000) and await minutes(call) == 2
    assert by_phone.over(call).outcome == "voicemail"


@pytest.mark.parametrize(("on_machine", "outcome"), [("hang_up", "answered"), ("talk", "failed")])
async def test_who_hangs_up_before_twilio_knows_who_is_there_has_answered(
    open_line: Any, agent: Any, on_machine: Any, outcome: str
) -> None:
    """Where nobody listens, our page would have been asked at once: it could not be, and they heard nothing of us."""
    async with open_line("twilio") as (line, _):
        line.exchange.picks_up = "rings"
        await place(line, await _fresh(agent), on_machine=on_machine)
        await until(lambda: line.exchange.calls)
        (caller,) = line.exchange.calls.values()
        await tells(line, caller, CallDuration="4")
        call = await ended(line)
        await tells(line, caller, CallDuration="4")
        call = await again(call)
    assert call.end_reason == "caller_hung_up" and by_phone.over(call).outcome == outcome
    assert await minutes(call) == 1


async def test_what_twilio_tells_of_a_call_that_was_talked_in_is_what_it_costs(open_line: Any, agent: Any) -> None:
    async with open_line("twilio") as (line, _):
        await place(line, await _fresh(agent))
        await until(lambda: line.exchange.calls)
        (caller,) = line.exchange.calls.values()
        await until(lambda: len(caller.heard) > 30)
        await tells(line, caller, CallDuration="121")
        call = await ended(line)
    assert call.answered_at is not None and call.duration_ms < 20_000, "its clock is the sound's"
    assert await minutes(call) == 3
