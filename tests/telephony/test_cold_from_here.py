"""A cold transfer that nobody else carries out: the trunk refuses, or the caller is on a web page. Then Parley calls the other side itself
and stays in the middle."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest
from asgiref.sync import sync_to_async

from telephony import recordings
from telephony.audio import wav
from telephony.models import Call, Recording, SipMessage
from telephony.sip import commands, events
from tests.telephony.lines import Caller
from tests.telephony.sip_phone import SipPhone, peak_hz, recent
from tests.telephony.test_press import bearer
from tests.telephony.test_sip_calls import _sip, events_of, has_ended, knows, read, serving, the_call
from tests.telephony.test_transfers import DESK, WORDS, Minds, minds, reservations
from tests.telephony.test_warm_calls import (
    AGENT_HZ,
    CALLER_HZ,
    DESK_HZ,
    PATIENCE_S,
    ask,
    draft,
    hears_only,
    said,
    serves_sip,
    talking,
    trunk_to,
    turns_of,
)
from tests.telephony.test_worker import placed

__all__ = ["_sip", "bearer", "minds"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.paced]

COLD = {"name": "Desk", "address": DESK, "words": WORDS}
THERE = {"name": "Desk", "to": "sip", "address": "sip:desk@pbx.example.com", "words": WORDS}
"""Where a caller's telephone refuses to call itself (REFER)."""
EARLY_HZ = 1_300
CALLS = {"puts_through": "call"}


async def places(call: Call) -> list[bool]:
    """Whether each place in the limits is free again."""
    return [is_free for _, _, is_free in await reservations(call)]


async def of(call: Call) -> dict[str, Any]:
    return dict(await events_of(call))


def rings(phone: SipPhone) -> bool:
    """As in America."""
    found = peak_hz(recent(phone, 0.5))
    return found is not None and min(abs(found - 440), abs(found - 480)) < 10


async def test_where_the_trunk_refuses_parley_calls_them_and_the_two_hear_each_other(
    worker: Any, agent: Any, alice: Any, minds: Minds
) -> None:
    async with talking(worker, agent, alice, THERE, trunk={"transfer_hosts": ("pbx.example.com",)}) as (
        caller,
        desk,
        running,
    ):
        await caller.press("1")
        await hears_only(caller, DESK_HZ)
        await hears_only(desk, CALLER_HZ)
        assert await places(await the_call(agent)) == [False], "one place, held while they talk"
        desk.hang_up()
        await asyncio.wait_for(caller.over.wait(), PATIENCE_S)
        call = await the_call(agent, has_ended)
        await caller.until(lambda: running.house.lives == {} and running._running == {})
    refer = await read(
        call.organization_id,
        lambda: [row.start_line for row in SipMessage.objects.filter(call=call, cseq__endswith="REFER")],
    )
    told = await of(call)
    assert "403" in refer[-1] and "(SIP 403)" in told["forwarding"]["why"]
    assert call.end_reason == "transferred" and await turns_of(call) == ["Hello, how can I help you?", WORDS]
    assert told["put_through"]["to"] == "Desk" and await places(call) == [True]


async def test_the_caller_hears_it_ring(worker: Any, agent: Any, alice: Any, minds: Minds) -> None:
    async with talking(worker, agent, alice, COLD, trunk=CALLS) as (caller, desk, _):
        desk.answers_with, caller.mouth.is_quiet = None, True
        await caller.press("1")
        await caller.until(lambda: rings(caller), PATIENCE_S)
        caller.hang_up()
        await asyncio.wait_for(desk.over.wait(), PATIENCE_S)
        call = await the_call(agent, has_ended)
    assert desk.ended().reason == "cancelled" and call.end_reason == "caller_hung_up"
    assert await reservations(call) == [(DESK, "transfer", True)]


async def test_what_they_say_to_each_other_is_not_recorded(worker: Any, agent: Any, alice: Any, minds: Minds) -> None:
    async with talking(worker, agent, alice, COLD, trunk=CALLS) as (caller, desk, _):
        await caller.press("1")
        await hears_only(caller, DESK_HZ)
        await hears_only(desk, CALLER_HZ)
        caller.hang_up()
        await asyncio.wait_for(desk.over.wait(), PATIENCE_S)
        call = await the_call(agent, has_ended)
    assert call.end_reason == "transferred"
    assert (await of(call))["forwarding"]["why"] == "The trunk's settings say that Parley calls them."
    assert not any(isinstance(event, events.TransferAsked) for event in caller.events)
    heard = await in_the_recording(call)
    assert AGENT_HZ in heard and DESK_HZ not in heard, heard


async def in_the_recording(call: Call) -> set[int]:
    """Tones of the agent's side, half a second each."""
    path = await read(call.organization_id, lambda: Recording.objects.get(call=call).path)
    sound = recordings.absolute(path).read_bytes()[wav.HEADER_BYTES :]
    right = np.frombuffer(sound, "<i2")[1::2].astype(float)
    pieces = right[: len(right) // 8_000 * 8_000].reshape(-1, 8_000)
    return {round(peak / 20) * 20 for piece in pieces if (peak := peak_hz(piece)) is not None}


async def test_what_the_other_network_lets_be_heard_before_they_pick_up_is_heard_instead(
    worker: Any, agent: Any, alice: Any, minds: Minds
) -> None:
    async with talking(worker, agent, alice, COLD, trunk=CALLS) as (caller, desk, _):
        desk.answers_with, desk.mouth.hz, caller.mouth.is_quiet = 183, EARLY_HZ, True
        await caller.press("1")
        await hears_only(caller, EARLY_HZ)
        desk.picks_up()
        desk.mouth.hz, caller.mouth.is_quiet = DESK_HZ, False
        await hears_only(caller, DESK_HZ)
        await hears_only(desk, CALLER_HZ)
        desk.hang_up()
        call = await the_call(agent, has_ended)
    assert call.end_reason == "transferred"


@pytest.mark.parametrize(
    ("status", "words"),
    [(486, "I'm sorry, the line is busy: Desk."), (603, "I'm sorry, Desk can't take your call right now.")],
)
async def test_nobody_is_reached_and_the_agent_is_back(
    worker: Any, agent: Any, alice: Any, minds: Minds, status: int, words: str
) -> None:
    async with talking(worker, agent, alice, COLD, trunk=CALLS) as (caller, desk, _):
        desk.answers_with = status
        await caller.press("1")
        await said(agent, 4)
        caller.hang_up()
        call = await the_call(agent, has_ended)
    assert (await turns_of(call))[-1].startswith(words) and call.end_reason == "caller_hung_up"
    assert await reservations(call) == [(DESK, "transfer", True)]


async def test_where_the_trunk_takes_the_request_nobody_is_called_twice(
    worker: Any, agent: Any, alice: Any, minds: Minds
) -> None:
    async with talking(worker, agent, alice, COLD) as (caller, desk, _):
        await caller.press("1")
        await caller.until(lambda: any(isinstance(each, events.TransferAsked) for each in caller.events), PATIENCE_S)
        caller.endpoint.do(commands.ReportTransfer(caller.call_id, 486))
        await said(agent, 4)
        caller.hang_up()
        call = await the_call(agent, has_ended)
    assert desk.events == [] and "forwarding" not in await of(call)


async def test_a_caller_from_a_web_page_is_put_through_to_a_number(
    worker: Any, agent: Any, alice: Any, minds: Minds, bearer: str
) -> None:
    caller = Caller()
    async with SipPhone() as desk:
        await sync_to_async(draft)(agent, alice, COLD)
        trunk = await sync_to_async(trunk_to)(agent, desk.port)
        async with serving(worker) as running:
            await knows(running, trunk)
            await serves_sip()
            answer = await placed(agent, caller)
            await said(agent, 1)
            desk.mouth.hz = DESK_HZ
            assert (await ask(await the_call(agent), bearer, {"to": "Desk"}))[0] == 202
            await hears_only(desk, CALLER_HZ)
            desk.hang_up()
            call = await the_call(agent, has_ended)
            await caller.close()
    assert str(call.pk) == answer["call_id"] and call.end_reason == "transferred"
    assert (await of(call))["forwarding"]["why"] == "A web page has no telephone that could call them."
    assert await reservations(call) == [(DESK, "transfer", True)]


async def test_from_a_web_page_without_a_line_to_call_by_a_program_is_told_what_is_missing(
    worker: Any, agent: Any, alice: Any, minds: Minds, bearer: str
) -> None:
    caller = Caller()
    await sync_to_async(draft)(agent, alice, COLD)
    async with worker():
        await placed(agent, caller)
        await said(agent, 1)
        status, words = await ask(await the_call(agent), bearer, {"to": "Desk"})
        await caller.close()
        await the_call(agent, has_ended)
    assert status == 409 and "no telephone" in words and "There is no trunk that has an address to call" in words
