"""The other side of a call asks us to call somebody else (REFER), or somebody takes its place (INVITE with Replaces): the agent goes on
with whoever is there then, in the same call."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from asgiref.sync import sync_to_async

from accounts import tenancy
from agents.publish import save_draft
from telephony import finish
from telephony.dialing import policies
from telephony.models import Call, SipMessage
from telephony.recordings import absolute
from telephony.sip import commands, events
from telephony.trunks import explain, manage
from telephony.trunks.fields import TrunkFields
from tests.telephony.sip_phone import SipPhone, peak_hz, recent
from tests.telephony.test_cold_from_here import CALLS, COLD
from tests.telephony.test_sip_calls import OURS, _sip, events_of, has_ended, knows, read, serving, the_call, trace_of
from tests.telephony.test_transfers import DESK, Minds, minds, reservations
from tests.telephony.test_warm_calls import (
    AGENT_HZ,
    CALLER_HZ,
    DESK_HZ,
    PATIENCE_S,
    draft,
    hears_only,
    is_tone,
    said,
    talking,
)

__all__ = ["_sip", "minds"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.paced]

THEY_MAY = {"may_transfer": True}


def progress(phone: SipPhone) -> list[int]:
    return [each.status for each in phone.events if isinstance(each, events.TransferProgress)]


async def outcome(phone: SipPhone) -> events.TransferDone:
    """What came of the transfer it asked for."""

    def done() -> list[events.TransferDone]:
        return [each for each in phone.events if isinstance(each, events.TransferDone)]

    await phone.until(lambda: bool(done()), PATIENCE_S)
    return done()[-1]


async def steps(call: Call) -> list[tuple[str, str]]:
    return [(data["step"], data.get("why", "")) for kind, data in await events_of(call) if kind == "sent_on"]


async def goes_on_with(phone: SipPhone, agent: Any) -> Call:
    """The agent hears its keys and answers, in the one call there is."""
    phone.mouth.is_quiet = True
    await phone.until(lambda: peak_hz(recent(phone)) is None, PATIENCE_S)
    await phone.press("7")
    await phone.until(lambda: is_tone(phone, AGENT_HZ), PATIENCE_S)
    phone.hang_up()
    return await the_call(agent, has_ended)


async def digits(call: Call) -> str:
    return "".join(data["digits"] for kind, data in await events_of(call) if kind == "digits")


def others_in(running: Any) -> list[str]:
    """Whom the agent of the one call there is takes for being on the line now, after whoever began it."""
    (live,) = [each.call for each in running._running.values()]
    others: list[str] = live._session.conversation.others
    return others


async def test_the_agent_goes_on_with_whom_they_name(worker: Any, agent: Any, alice: Any) -> None:
    async with talking(worker, agent, alice, trunk=THEY_MAY) as (caller, desk, running):
        caller.endpoint.do(commands.Transfer(caller.call_id, DESK))
        done = await outcome(caller)
        assert (done.status, progress(caller)) == (200, [202, 100, 180])
        received = next(each for each in desk.events if isinstance(each, events.CallReceived))
        assert (received.called, received.caller.uri.user) == (DESK, OURS)
        assert await reservations(await the_call(agent)) == [(DESK, "refer", False)]
        await asyncio.wait_for(caller.over.wait(), 10)
        assert others_in(running) == [DESK]
        call = await goes_on_with(desk, agent)
        await desk.until(lambda: running.house.lives == {} and running._running == {})
    assert caller.ended().reason == "remote_hung_up", "who has sent us on and stays is hung up on"
    assert (call.end_reason, await digits(call)) == ("caller_hung_up", "7")
    assert await steps(call) == [("asked", ""), ("done", "")]
    assert await reservations(call) == [(DESK, "refer", True)]
    trace = await trace_of(call)
    assert ("in", "REFER") in trace and ("out", "SIP/2.0 202 Accepted") in trace and ("out", "NOTIFY") in trace
    rows = await read(call.organization_id, lambda: list(SipMessage.objects.filter(call=call)))
    (sentence,) = explain.of_call(rows, "Office", rows[-1].at)
    assert sentence.words == (
        "The call was picked up. Later it went on with somebody else at the other side. The other side hung up."
    )


async def test_who_hangs_up_as_soon_as_it_has_asked_is_waited_for_no_more(worker: Any, agent: Any, alice: Any) -> None:
    async with talking(worker, agent, alice, trunk=THEY_MAY) as (caller, desk, _):
        desk.answers_with = 183
        caller.endpoint.do(commands.Transfer(caller.call_id, f"sip:{DESK}@127.0.0.1"))
        await caller.until(lambda: 183 in progress(caller))
        caller.hang_up()
        await asyncio.sleep(1)
        assert (await the_call(agent)).status == "in_progress"
        desk.picks_up()
        call = await goes_on_with(desk, agent)
    assert await steps(call) == [("asked", ""), ("done", "")] and await digits(call) == "7"


async def test_who_hangs_up_and_sends_us_to_nobody_has_ended_the_call(worker: Any, agent: Any, alice: Any) -> None:
    async with talking(worker, agent, alice, trunk=THEY_MAY) as (caller, desk, _):
        desk.answers_with = None
        caller.endpoint.do(commands.Transfer(caller.call_id, DESK))
        await caller.until(lambda: 180 in progress(caller))
        caller.hang_up()
        await asyncio.sleep(0.5)
        desk.endpoint.do(commands.Reject(desk.call_id, 486))
        call = await the_call(agent, has_ended)
    assert call.end_reason == "caller_hung_up" and await reservations(call) == [(DESK, "refer", True)]


BOSS, BOSS_HZ = "+14155550177", 880


async def test_whom_a_caller_was_put_through_to_has_parley_call_somebody_else(
    worker: Any, agent: Any, alice: Any, minds: Minds
) -> None:
    """The second of two calls, with Parley in the middle: the caller goes on with whom the desk names."""
    async with talking(worker, agent, alice, COLD, trunk={**THEY_MAY, **CALLS}) as (caller, desk, running):
        await caller.press("1")
        await hears_only(caller, DESK_HZ)
        first, desk.mouth.hz = desk.call_id, BOSS_HZ  # they sit at the same telephone system
        await asyncio.sleep(1.1)  # one new call a second, as the limits are at first
        its = desk.endpoint.agent.calls[first]
        its.trunk = replace(its.trunk, targets=frozenset({"127.0.0.1"}))
        desk.endpoint.do(commands.Transfer(first, f"sip:{BOSS}@127.0.0.1"))
        assert (await outcome(desk)).status == 200 and desk.call_id != first
        await hears_only(caller, BOSS_HZ)
        await hears_only(desk, CALLER_HZ)
        await desk.until(lambda: any(isinstance(each, events.Ended) and each.call == first for each in desk.events))
        assert await reservations(await the_call(agent)) == [(DESK, "transfer", False), (BOSS, "refer", False)]
        caller.hang_up()
        await asyncio.wait_for(desk.over.wait(), PATIENCE_S)
        call = await the_call(agent, has_ended)
        await desk.until(lambda: running.house.lives == {} and running._running == {})
    assert call.end_reason == "transferred"
    assert await reservations(call) == [(DESK, "transfer", True), (BOSS, "refer", True)]


async def test_busy_there_and_the_call_goes_on_as_it_was(worker: Any, agent: Any, alice: Any) -> None:
    async with talking(worker, agent, alice, trunk=THEY_MAY) as (caller, desk, running):
        desk.answers_with = 486
        caller.endpoint.do(commands.Transfer(caller.call_id, DESK))
        assert (await outcome(caller)).status == 486 and others_in(running) == []
        call = await goes_on_with(caller, agent)
    assert await steps(call) == [("asked", ""), ("failed", "SIP 486")] and await digits(call) == "7"
    assert await reservations(call) == [(DESK, "refer", True)]


async def test_the_agent_hangs_up_while_it_rings_there_and_it_stops(worker: Any, agent: Any, alice: Any) -> None:
    async with talking(worker, agent, alice, trunk=THEY_MAY) as (caller, desk, running):
        desk.answers_with = None
        caller.endpoint.do(commands.Transfer(caller.call_id, DESK))
        await caller.until(lambda: 180 in progress(caller))
        await sync_to_async(finish.hang_up)(await the_call(agent))
        await asyncio.wait_for(desk.over.wait(), PATIENCE_S)
        call = await the_call(agent, has_ended)
        await desk.until(lambda: running.house.lives == {} and running._running == {})
    assert desk.ended().reason == "cancelled" and call.end_reason == "member_hung_up"
    assert await reservations(call) == [(DESK, "refer", True)]


@pytest.mark.parametrize(
    ("to", "status", "words"),
    [
        ("+491511234567", 403, "Germany"),
        ("sip:+49-151-1234567@127.0.0.1", 403, "Germany"),
        ("+19005550123", 403, "premium"),
        ("sip:911@127.0.0.1", 403, "emergency"),
        ("sip:*72@127.0.0.1", 403, "neither a number nor an extension nor a name"),
    ],
)
async def test_the_limits_hold_for_it(worker: Any, agent: Any, alice: Any, to: str, status: int, words: str) -> None:
    async with talking(worker, agent, alice, trunk=THEY_MAY) as (caller, desk, _):
        caller.endpoint.do(commands.Transfer(caller.call_id, to))
        done = await outcome(caller)
        caller.hang_up()
        call = await the_call(agent, has_ended)
    assert (done.status, done.is_refused, desk.events) == (status, False, [])
    assert words in (await steps(call))[1][1] and await reservations(call) == []


async def test_a_place_in_the_limits_is_needed(worker: Any, agent: Any, alice: Any) -> None:
    async with talking(worker, agent, alice, trunk=THEY_MAY) as (caller, desk, _):
        await sync_to_async(limits)(agent, daily_spend=0.0)
        caller.endpoint.do(commands.Transfer(caller.call_id, DESK))
        assert (await outcome(caller)).status == 403 and desk.events == []
        caller.hang_up()
        call = await the_call(agent, has_ended)
    assert "today" in (await steps(call))[1][1]


def limits(agent: Any, **changes: Any) -> None:
    with tenancy.use(agent.organization_id):
        policies.change(agent.organization, changes)


async def test_not_to_a_host_of_somebody_else(worker: Any, agent: Any, alice: Any) -> None:
    async with talking(worker, agent, alice, trunk=THEY_MAY) as (caller, desk, _):
        theirs = caller.endpoint.agent.calls[caller.call_id]
        theirs.trunk = replace(theirs.trunk, targets=frozenset({"evil.example"}))
        caller.endpoint.do(commands.Transfer(caller.call_id, "sip:300@evil.example"))
        done = await outcome(caller)
        assert (done.status, done.is_refused) == (403, True)
        caller.hang_up()
        call = await the_call(agent, has_ended)
    assert desk.events == [] and await steps(call) == []


# ---- somebody takes their place


def replaces(phone: SipPhone) -> str:
    """What puts somebody in its place."""
    dialog = phone.endpoint.agent.calls[phone.call_id].dialog
    assert dialog is not None
    return f"{dialog.call_id};to-tag={dialog.remote_tag};from-tag={dialog.local_tag}"


async def test_somebody_takes_the_callers_place_and_the_agent_goes_on(worker: Any, agent: Any, alice: Any) -> None:
    async with talking(worker, agent, alice) as (caller, _, running), SipPhone() as boss:
        caller.mouth.is_quiet = boss.mouth.is_quiet = True
        boss.call(OURS, running.house.port, as_="boss", replaces=replaces(caller))
        await boss.until(boss.answered.is_set)
        await asyncio.wait_for(caller.over.wait(), 10)
        assert others_in(running) == ["boss"]
        await said(agent, 2)
        call = await goes_on_with(boss, agent)
        await boss.until(lambda: running.house.lives == {} and running._running == {})
    assert caller.ended().reason == "remote_hung_up" and await digits(call) == "7"
    told = [data for kind, data in await events_of(call) if kind == "taken_over"]
    assert told == [{"by": "boss"}] and call.end_reason == "caller_hung_up"
    turns = await read(agent.organization_id, lambda: [turn.text for turn in call.turns.all() if turn.role == "agent"])
    assert sum(text.startswith("Hello") for text in turns) == 2, "whoever takes their place has heard nothing"
    rows = await read(call.organization_id, lambda: list(SipMessage.objects.filter(call=call)))
    assert len({row.dialog for row in rows}) == 2


async def test_whoever_takes_their_place_is_not_recorded_before_they_have_heard_the_consent_line(
    worker: Any, agent: Any, alice: Any
) -> None:
    def private() -> None:
        with tenancy.use(agent.organization_id):
            save_draft(agent, {"privacy": {"record": True, "consent_line": "This call is recorded."}})

    await sync_to_async(private)()
    async with talking(worker, agent, alice) as (caller, _, running), SipPhone() as boss:
        caller.mouth.is_quiet = boss.mouth.is_quiet = True
        await said(agent, 2)
        boss.call(OURS, running.house.port, as_="boss", replaces=replaces(caller))
        await said(agent, 4)
        boss.hang_up()
        call = await the_call(agent, has_ended)
        await boss.until(lambda: running._running == {})
    kinds = [kind for kind, _ in await events_of(call) if kind.startswith("recording_")]
    assert kinds == ["recording_started", "recording_paused", "recording_started"]
    turns, recording = await read(call.organization_id, lambda: (list(call.turns.order_by("index")), call.recording))
    assert [turn.text for turn in turns[::2]] == ["This call is recorded."] * 2
    assert turns[1].text == turns[3].text
    sound = np.frombuffer(absolute(recording.path).read_bytes()[44:], "<i2").reshape(-1, 2)
    heard = [bool(sound[(each.started_ms + 100) * 16 : (each.ended_ms - 100) * 16].any()) for each in turns[:4]]
    assert heard == [False, True, False, True]
    assert abs(len(sound) / 16 - call.duration_ms) < 200


async def test_whom_parley_was_told_to_call_is_greeted_though_they_say_nothing(
    worker: Any, agent: Any, alice: Any
) -> None:
    async with talking(worker, agent, alice, trunk=THEY_MAY) as (caller, desk, _):
        desk.mouth.is_quiet = True
        caller.endpoint.do(commands.Transfer(caller.call_id, DESK))
        assert (await outcome(caller)).status == 200
        await desk.until(lambda: is_tone(desk, AGENT_HZ), PATIENCE_S)
        desk.hang_up()
        await the_call(agent, has_ended)


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (lambda text: text + ";early-only", 486),
        (lambda text: text.replace("from-tag=", "from-tag=x"), 481),
        (lambda text: "of-nobody" + text, 481),
        (lambda text: text.partition(";from-tag")[0], 400),
    ],
)
async def test_only_the_place_of_a_call_that_stands_can_be_taken(
    worker: Any, agent: Any, alice: Any, change: Any, status: int
) -> None:
    async with talking(worker, agent, alice) as (caller, _, running), SipPhone() as boss:
        boss.call(OURS, running.house.port, as_="boss", replaces=change(replaces(caller)))
        await asyncio.wait_for(boss.over.wait(), 10)
        assert boss.ended().status == status and not caller.over.is_set()
        caller.hang_up()
        await the_call(agent, has_ended)


async def test_nobody_on_another_trunk_can_take_the_callers_place(worker: Any, agent: Any, alice: Any) -> None:
    async with SipPhone() as caller, SipPhone("127.0.0.7") as stranger:
        await sync_to_async(draft)(agent, alice)
        office, other = [
            await sync_to_async(manage.create)(
                agent.organization, None, TrunkFields(label=name, host="", sources=(source,)), ""
            )
            for name, source in (("Office", "127.0.0.1"), ("Other", "127.0.0.7"))
        ]
        await sync_to_async(manage.add_number)(office, OURS, agent)
        async with serving(worker) as running:
            await knows(running, office)
            await knows(running, other)
            caller.call(OURS, running.house.port)
            await said(agent, 1)
            stranger.call(OURS, running.house.port, at="127.0.0.1", replaces=replaces(caller))
            await asyncio.wait_for(stranger.over.wait(), 10)
            assert stranger.ended().status == 403 and not caller.over.is_set()
            caller.hang_up()
            await the_call(agent, has_ended)
