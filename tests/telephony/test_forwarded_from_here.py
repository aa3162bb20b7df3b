"""A number puts its SIP callers through, and the trunk doesn't do that: Parley calls the other side and stays in the middle."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
from asgiref.sync import sync_to_async

from accounts import tenancy
from agents.publish import publish
from telephony import reception
from telephony.audio import ringing
from telephony.audio.playout import PLAYOUT_RATE_HZ
from telephony.dialing import policies
from telephony.models import Call, DialReservation, PhoneNumber, SipMessage, Trunk
from telephony.sip import commands, events
from telephony.trunks import manage
from telephony.trunks.fields import TrunkFields
from tests.telephony.sip_phone import SipPhone, peak_hz, recent
from tests.telephony.test_sip_calls import OURS, _sip, events_of, has_ended, knows, read, serving, the_call
from tests.telephony.test_sip_without_agent import closed, turns_of

__all__ = ["_sip"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.paced]

CALLER_HZ, DESK_HZ, AGENT_HZ, EARLY_HZ = 700, 900, 1_000, 1_300
DESK = "+14155550199"
THERE = "sip:desk@pbx.example.com"
"""An address that the caller's telephone refuses to call itself (REFER)."""
SORRY = "Nobody is there."


def a_number(
    agent: Any, alice: Any, port: int, to: str, puts_through: str, host: str = "127.0.0.1", **more: Any
) -> Trunk:
    with tenancy.use(agent.organization_id):
        publish(agent, alice)
        policies.change(agent.organization, {"home_country": "US", "calls_from": "00:00", "calls_until": "24:00"})
    fields = TrunkFields(
        label="Office", host=host, port=port, transfer_hosts=("pbx.example.com",), puts_through=puts_through
    )
    trunk = manage.create(agent.organization, None, fields)
    manage.add_number(trunk, OURS, agent)
    with tenancy.use(agent.organization_id):
        number = PhoneNumber.objects.select_related("organization", "trunk").get(trunk=trunk)
    what = {"how": "forward", "forward_to": to, "message": SORRY, "ring_s": 20, **more}
    reception.change(number, {"schedule": closed(), "after_hours": what})
    return trunk


@asynccontextmanager
async def forwarding(
    worker: Any, agent: Any, alice: Any, to: str = DESK, puts_through: str = "call", desk_says: int | None = 200,
    **more: Any,
) -> AsyncIterator[tuple[SipPhone, SipPhone, Any]]:  # fmt: skip
    """(the caller, the desk, the worker) when the caller has called after hours."""
    async with SipPhone() as desk, SipPhone() as caller:
        trunk = await sync_to_async(a_number)(agent, alice, desk.port, to, puts_through, **more)
        desk.answers_with = desk_says
        async with serving(worker) as running:
            await knows(running, trunk)
            caller.mouth.hz, desk.mouth.hz = CALLER_HZ, DESK_HZ
            caller.call(OURS, running.house.port)
            yield caller, desk, running


async def hears_only(phone: SipPhone, hz: int) -> None:
    def is_so() -> bool:
        found = peak_hz(recent(phone))
        return found is not None and abs(found - hz) < 30

    await phone.until(is_so, 30)


async def places(agent: Any) -> list[tuple[str, bool]]:
    def found() -> list[tuple[str, bool]]:
        return [(row.number, row.released_at is not None) for row in DialReservation.objects.order_by("made_at")]

    return await read(agent.organization_id, found)  # type: ignore[no-any-return]


async def kinds(call: Call) -> dict[str, Any]:
    return dict(await events_of(call))


@pytest.mark.parametrize("who", ["caller", "target"])
async def test_the_two_hear_each_other_until_one_hangs_up_and_both_lines_are_free(
    worker: Any, agent: Any, alice: Any, who: str
) -> None:
    async with forwarding(worker, agent, alice) as (caller, desk, running):
        await desk.until(lambda: desk.answered.is_set())
        await hears_only(caller, DESK_HZ)
        await hears_only(desk, CALLER_HZ)
        caller.mouth.is_quiet = True
        await caller.press("5")
        await desk.until(lambda: "5" in desk.digits)
        assert await places(agent) == [(DESK, False)], "the place is held while they talk"
        await asyncio.sleep(1)  # seconds are counted
        (caller if who == "caller" else desk).hang_up()
        await asyncio.wait_for(caller.over.wait(), 20)
        await asyncio.wait_for(desk.over.wait(), 20)
        call = await the_call(agent, has_ended)
        await caller.until(lambda: running.house.lives == {} and running._running == {})
    assert call.end_reason == "forwarded" and call.instead["reached"] is True
    told = await kinds(call)
    assert (
        told["forwarding"] == {"to": DESK, "why": "The trunk's settings say so."} and told["put_through"]["to"] == DESK
    )
    assert told["forward_over"]["who"] == who and told["forward_over"]["seconds"] >= 1
    assert not any(isinstance(event, events.TransferAsked) for event in caller.events)
    assert await places(agent) == [(DESK, True)] and await turns_of(call) == []
    received = next(event for event in desk.events if isinstance(event, events.CallReceived))
    assert (received.called, received.caller.uri.user) == (DESK, OURS)


async def test_where_the_trunk_refuses_to_put_through_parley_calls_them_itself(
    worker: Any, agent: Any, alice: Any
) -> None:
    async with forwarding(worker, agent, alice, THERE, "ask") as (caller, desk, _):
        await hears_only(caller, DESK_HZ)
        desk.hang_up()
        call = await the_call(agent, has_ended)
    refer = await read(
        call.organization_id,
        lambda: [row.start_line for row in SipMessage.objects.filter(call=call, cseq__endswith="REFER")],
    )
    assert len(refer) == 2 and "403" in refer[1], "it was asked first"
    assert (await kinds(call))["forwarding"][
        "why"
    ] == "The other side doesn't allow transfers, or not to there. (SIP 403)"
    assert call.end_reason == "forwarded"


async def test_where_the_trunk_takes_the_request_and_the_line_is_busy_nobody_is_called_twice(
    worker: Any, agent: Any, alice: Any
) -> None:
    async with forwarding(worker, agent, alice, DESK, "ask") as (caller, desk, _):
        caller.mouth.is_quiet = True
        await caller.until(lambda: any(isinstance(each, events.TransferAsked) for each in caller.events))
        caller.endpoint.do(commands.ReportTransfer(caller.call_id, 486))
        await caller.hears(AGENT_HZ, 0.3)
        await asyncio.wait_for(caller.over.wait(), 20)
        call = await the_call(agent, has_ended)
    assert call.end_reason == "not_forwarded" and desk.events == [] and "forwarding" not in await kinds(call)


async def test_the_caller_hears_ringing_while_it_rings(worker: Any, agent: Any, alice: Any) -> None:
    async with forwarding(worker, agent, alice, desk_says=None) as (caller, desk, _):
        caller.mouth.is_quiet = True

        def is_ringing() -> bool:
            heard = recent(caller)
            found = peak_hz(heard)
            return found is not None and min(abs(found - 440), abs(found - 480)) < 10

        await caller.until(is_ringing)
        caller.hang_up()
        await asyncio.wait_for(desk.over.wait(), 20)
        call = await the_call(agent, has_ended)
    assert desk.ended().reason == "cancelled" and call.end_reason == "not_forwarded"
    assert (await kinds(call))["not_put_through"]["why"] == "The caller hung up while it rang."
    assert await places(agent) == [(DESK, True)]


async def test_what_the_other_network_lets_be_heard_before_they_pick_up_is_heard_instead(
    worker: Any, agent: Any, alice: Any
) -> None:
    async with forwarding(worker, agent, alice, desk_says=183) as (caller, desk, _):
        caller.mouth.is_quiet, desk.mouth.hz = True, EARLY_HZ
        await hears_only(caller, EARLY_HZ)
        desk.picks_up()
        desk.mouth.hz = DESK_HZ
        caller.mouth.is_quiet = False
        await hears_only(caller, DESK_HZ)
        await hears_only(desk, CALLER_HZ)
        desk.hang_up()
        call = await the_call(agent, has_ended)
    assert call.end_reason == "forwarded"


@pytest.mark.parametrize(
    ("status", "why"),
    [(486, "The line was busy."), (603, "Who was called declined."), (404, "")],
)
async def test_nobody_is_reached_and_the_caller_hears_the_message(
    worker: Any, agent: Any, alice: Any, status: int, why: str
) -> None:
    async with forwarding(worker, agent, alice, desk_says=status) as (caller, _, running):
        await caller.hears(AGENT_HZ, 0.3)
        await asyncio.wait_for(caller.over.wait(), 20)
        call = await the_call(agent, has_ended)
        assert running.house.lives == {}
    told = await kinds(call)
    assert (
        call.end_reason == "not_forwarded" and why in told["not_put_through"]["why"] and told["not_put_through"]["why"]
    )
    assert await turns_of(call) == [("agent", SORRY)] and await places(agent) == [(DESK, True)]


async def test_nobody_picks_up_in_time(worker: Any, agent: Any, alice: Any) -> None:
    async with forwarding(worker, agent, alice, desk_says=None, ring_s=5) as (caller, desk, _):
        await asyncio.wait_for(desk.over.wait(), 20)
        await asyncio.wait_for(caller.over.wait(), 20)
        call = await the_call(agent, has_ended)
    assert (await kinds(call))["not_put_through"]["why"] == "Nobody picked up."
    assert await turns_of(call) == [("agent", SORRY)]


async def test_whom_the_limits_forbid_is_neither_asked_for_nor_called(worker: Any, agent: Any, alice: Any) -> None:
    async with forwarding(worker, agent, alice, "+41446681800", "call") as (caller, desk, _):
        await asyncio.wait_for(caller.over.wait(), 20)
        call = await the_call(agent, has_ended)
    assert call.end_reason == "not_forwarded" and desk.events == [] and await places(agent) == []


def test_ringing_sounds_as_the_called_numbers_country_has_it() -> None:
    for number, tones, seconds in (("+14155550142", {440, 480}, 6), ("+4930123456", {425}, 5), ("200", {425}, 5)):
        sound = ringing.loop(number).astype(float)
        assert len(sound) == seconds * PLAYOUT_RATE_HZ
        spectrum = np.abs(np.fft.rfft(sound[:PLAYOUT_RATE_HZ]))
        assert {int(hz) for hz in np.argsort(spectrum)[-len(tones) :]} == tones, number
