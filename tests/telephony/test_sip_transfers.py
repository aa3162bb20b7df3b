"""Callers over a SIP trunk are sent on by REFER: the other side calls whom the agent names, and tells how it went."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from telephony.models import Call
from telephony.sip import commands, events
from telephony.transfers.second_line import NO_LINE
from tests.telephony.sip_phone import SipPhone
from tests.telephony.test_sip_calls import (
    _sip,
    events_of,
    has_ended,
    knows,
    make_trunk,
    published,
    read,
    serving,
    the_call,
)
from tests.telephony.test_transfers import DESK, WORDS, Minds, billing, minds, reservations

__all__ = ["_sip", "billing", "minds", "published"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.paced]


@asynccontextmanager
async def talking(worker: Any, agent: Any, **trunk: Any) -> AsyncIterator[tuple[SipPhone, Any]]:
    made = await sync_to_async(make_trunk)(agent, **{"host": "127.0.0.1", **trunk})
    async with serving(worker) as running, SipPhone() as phone:
        phone.mouth.is_quiet = True
        await knows(running, made)
        phone.call("+14155550142", running.house.port)
        await phone.hears(1_000)
        yield phone, running


async def asks_for(phone: SipPhone, agent: Any, digit: str, turns: int = 1) -> None:
    """Once so many turns are written down, the last of them the agent's."""
    await said(agent, turns)
    await phone.press(digit)


async def said(agent: Any, turns: int) -> None:
    async with asyncio.timeout(20):
        while await read(agent.organization_id, lambda: Call.objects.get().turns.count()) < turns:
            await asyncio.sleep(0.05)


async def asked(phone: SipPhone, times: int = 1) -> events.TransferAsked:
    def all_asked() -> list[events.TransferAsked]:
        return [event for event in phone.events if isinstance(event, events.TransferAsked)]

    await phone.until(lambda: len(all_asked()) == times)
    return all_asked()[-1]


async def test_the_other_side_calls_the_number_and_when_they_talk_the_agent_hangs_up(
    worker: Any, agent: Any, minds: Minds, billing: Any, published: Any
) -> None:
    async with talking(worker, agent) as (phone, _):
        await asks_for(phone, agent, "2")
        refer = await asked(phone)
        assert (refer.target.user, refer.target.host) == (DESK, "127.0.0.1")
        phone.endpoint.do(commands.ReportTransfer(phone.call_id, 180))
        await asyncio.sleep(0.3)
        assert not phone.over.is_set()
        phone.endpoint.do(commands.ReportTransfer(phone.call_id, 200))
        await asyncio.wait_for(phone.over.wait(), 10)
        call = await the_call(agent, has_ended)
    assert call.end_reason == "transferred" and phone.ended().reason == "remote_hung_up"
    assert ("put_through", {"to": "Desk", "by": DESK}) in await events_of(call)
    assert await reservations(call) == [(DESK, "transfer", True)]


async def test_busy_there_and_the_agent_says_so_and_may_try_again(
    worker: Any, agent: Any, minds: Minds, billing: Any, published: Any
) -> None:
    async with talking(worker, agent) as (phone, _):
        for time, (status, turns) in enumerate([(486, 1), (603, 4)], 1):
            await asks_for(phone, agent, "2", turns)
            await asked(phone, time)
            phone.endpoint.do(commands.ReportTransfer(phone.call_id, status))
            await said(agent, turns + 3)
        phone.hang_up()
        call = await the_call(agent, has_ended)
    turns_said = await read(agent.organization_id, lambda: [turn.text for turn in call.turns.all()])
    assert turns_said[3] == "I'm sorry, the line is busy: Desk. Is there anything I can do for you?"
    assert turns_said[6] == "I'm sorry, I couldn't reach Desk. Is there anything I can do for you?"
    why = [data["why"] for kind, data in await events_of(call) if kind == "not_put_through"]
    assert why == ["The line was busy. (SIP 486)", "Who was called, or the other side, declined. (SIP 603)"]
    assert call.end_reason == "caller_hung_up" and await reservations(call) == [(DESK, "transfer", True)] * 2


async def test_a_side_that_transfers_nobody_leaves_the_caller_with_the_agent_where_we_can_call_nobody_either(
    worker: Any, agent: Any, minds: Minds, billing: Any, published: Any
) -> None:
    trunk = {"host": "", "sources": ("127.0.0.1",), "transfer_hosts": ("pbx.example",)}
    async with talking(worker, agent, **trunk) as (phone, _):
        await asks_for(phone, agent, "3")  # sip:bar@pbx.example, where the telephone itself calls nobody
        await said(agent, 4)
        phone.hang_up()
        call = await the_call(agent, has_ended)
    (why,) = [data["why"] for kind, data in await events_of(call) if kind == "not_put_through"]
    assert why == f"The other side doesn't allow transfers, or not to there. (SIP 403) {NO_LINE}"
    assert [is_free for _, _, is_free in await reservations(call)] == [True]


async def test_nobody_is_sent_where_the_trunk_or_the_limits_do_not_let(
    worker: Any, agent: Any, minds: Minds, billing: Any, published: Any
) -> None:
    async with talking(worker, agent) as (phone, _):
        await asks_for(phone, agent, "3")
        await asks_for(phone, agent, "4", 4)
        await said(agent, 7)
        phone.hang_up()
        call = await the_call(agent, has_ended)
    whys = [data["why"] for kind, data in await events_of(call) if kind == "not_put_through"]
    assert whys[0] == "The call could not be placed: this trunk may not call that host." and "Germany" in whys[1]
    assert not [event for event in phone.events if isinstance(event, events.TransferAsked)]
    assert all(is_released for _, _, is_released in await reservations(call))


async def test_another_agent_goes_on_over_sip_too(
    worker: Any, agent: Any, minds: Minds, billing: Any, published: Any
) -> None:
    async with talking(worker, agent) as (phone, _):
        await asks_for(phone, agent, "1")
        await phone.until(lambda: len(minds.made) == 2)
        await said(agent, 4)
        phone.hang_up()
        call = await the_call(agent, has_ended)
    turns_said = await read(agent.organization_id, lambda: [turn.text for turn in call.turns.all()])
    assert turns_said[2:] == [WORDS, "Billing, hello."]


async def test_a_request_to_transfer_that_comes_in_is_refused_where_nobody_has_allowed_it(
    worker: Any, agent: Any, published: Any
) -> None:
    async with talking(worker, agent) as (phone, _):
        phone.endpoint.do(commands.Transfer(phone.call_id, "+14155550199"))
        await phone.until(lambda: any(isinstance(event, events.TransferDone) for event in phone.events))
        done = next(event for event in phone.events if isinstance(event, events.TransferDone))
        assert done.status == 403 and not phone.over.is_set()
        phone.hang_up()
        await the_call(agent, has_ended)
