"""Warm transfers, whole: a caller on one SIP telephone, the other side on a second one, our worker and its trunk between them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.test import AsyncClient

from accounts import tenancy
from telephony import recordings, worker_status
from telephony.audio import wav
from telephony.dialing import policies
from telephony.models import Call, CallEvent, Recording, SipMessage, Turn
from telephony.sip import commands, events
from telephony.transfers.second_line import ONLY_WORDS
from telephony.trunks import manage
from telephony.trunks.fields import TrunkFields
from tests.telephony.lines import Caller
from tests.telephony.phones import is_humming, phones, tone
from tests.telephony.sip_phone import SipPhone, peak_hz, recent
from tests.telephony.test_press import bearer
from tests.telephony.test_relay_calls import called
from tests.telephony.test_sip_calls import OURS, _sip, events_of, has_ended, knows, read, serving, the_call
from tests.telephony.test_transfers import DESK, WORDS, Minds, asks_for, minds, reservations
from tests.telephony.test_twilio_calls import listens_at, until
from tests.telephony.test_worker import placed

__all__ = ["_sip", "bearer", "minds"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.paced]

CALLER_HZ, DESK_HZ, AGENT_HZ = 440, 660, 1_000
"""Who is who, by ear. The music's notes are others."""
PATIENCE_S = 40
WARM = {"name": "Desk", "address": DESK, "words": WORDS, "how": "warm", "briefing_words": "Caller for you."}


def draft(agent: Any, alice: Any, *targets: dict[str, Any], **does: Any) -> None:
    from agents.publish import publish, save_draft

    with tenancy.use(agent.organization_id):
        does = {"hold_music": "bright", **does, "transfers": list(targets or (WARM,))}
        collect = [{"key": "topic", "question": "What is it about?"}]
        save_draft(agent, {"listens": {"keypad_timeout_ms": 500}, "does": {"collect": collect, **does}})
        agent.refresh_from_db()
        publish(agent, alice)
        policies.change(agent.organization, {"home_country": "US", "calls_from": "00:00", "calls_until": "24:00"})


def trunk_to(agent: Any, port: int, number: str = OURS, **fields: Any) -> Any:
    """Calls out go to the desk's telephone; whoever calls from this machine comes in over it."""
    trunk = manage.create(
        agent.organization, None, TrunkFields(label="Office", host="127.0.0.1", port=port, **fields), ""
    )
    manage.add_number(trunk, number, agent)
    return trunk


@asynccontextmanager
async def talking(
    worker: Any, agent: Any, alice: Any, *targets: dict[str, Any], trunk: dict[str, Any] | None = None, **does: Any
) -> AsyncIterator[Any]:
    """(the caller, the desk, the worker) when the agent has said its first words."""
    async with SipPhone() as desk, SipPhone() as caller:
        await sync_to_async(draft)(agent, alice, *targets, **does)
        made = await sync_to_async(trunk_to)(agent, desk.port, **(trunk or {}))
        async with serving(worker) as running:
            await knows(running, made)
            caller.mouth.hz, desk.mouth.hz = CALLER_HZ, DESK_HZ
            caller.call(OURS, running.house.port)
            await said(agent, 1)
            yield caller, desk, running


async def said(agent: Any, turns: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while await read(agent.organization_id, Turn.objects.count) < turns:
            await asyncio.sleep(0.05)


async def step(agent: Any, name: str, times: int = 1) -> dict[str, Any]:
    """The data of this step, once it was written down."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            found = [data for data in await steps(agent) if data["step"] == name]
            if len(found) >= times:
                return found[times - 1]
            await asyncio.sleep(0.05)


async def steps(agent: Any) -> list[dict[str, Any]]:
    def all_steps() -> list[dict[str, Any]]:
        return [event.data for event in CallEvent.objects.filter(kind="transfer_step")]

    return await read(agent.organization_id, all_steps)  # type: ignore[no-any-return]


async def hears_only(phone: SipPhone, hz: int) -> None:
    """The other one, and no music and no agent any more."""
    await phone.until(lambda: is_tone(phone, hz), PATIENCE_S)


def is_tone(phone: SipPhone, hz: int, seconds: float = 0.5) -> bool:
    found = peak_hz(recent(phone, seconds))
    return found is not None and abs(found - hz) < 30


def is_music(phone: SipPhone) -> bool:
    found = peak_hz(recent(phone, 0.5))
    return found is not None and all(abs(found - hz) > 30 for hz in (AGENT_HZ, DESK_HZ))


async def turns_of(call: Call) -> list[str]:
    return await read(  # type: ignore[no-any-return]
        call.organization_id, lambda: [turn.text for turn in call.turns.all() if turn.role == "agent"]
    )


async def test_who_presses_one_is_connected_and_they_hear_each_other(
    worker: Any, agent: Any, alice: Any, minds: Minds
) -> None:
    async with talking(worker, agent, alice) as (caller, desk, _):
        await caller.press("1")
        await step(agent, "held")
        await desk.until(lambda: desk.answered.is_set(), PATIENCE_S)
        received = next(event for event in desk.events if isinstance(event, events.CallReceived))
        assert (received.called, received.caller.uri.user) == (DESK, OURS)
        await caller.until(lambda: is_music(caller), PATIENCE_S)
        await desk.until(lambda: is_tone(desk, AGENT_HZ), PATIENCE_S)
        assert not is_tone(desk, CALLER_HZ), "the caller isn't heard before they have accepted"
        desk.mouth.is_quiet = True
        await desk.press("1")
        desk.mouth.is_quiet = False
        await step(agent, "accepted")
        await hears_only(caller, DESK_HZ)
        await hears_only(desk, CALLER_HZ)
        caller.mouth.is_quiet = True
        await caller.press("5")
        await desk.until(lambda: "5" in desk.digits, PATIENCE_S)
        held = await reservations(await the_call(agent))
        assert held == [(DESK, "transfer", False)], "the place is held while they talk"
        desk.hang_up()
        await asyncio.wait_for(caller.over.wait(), PATIENCE_S)
        call = await the_call(agent, has_ended)
    assert call.end_reason == "transferred" and await turns_of(call) == ["Hello, how can I help you?", WORDS]
    told = await events_of(call)
    kinds = [(kind, data.get("step")) for kind, data in told if kind in ("transfer", "transfer_step", "put_through")]
    assert kinds == [
        ("transfer", None), ("transfer_step", "held"), ("transfer_step", "ringing"), ("transfer_step", "picked_up"),
        ("transfer_step", "told"), ("transfer_step", "answered"), ("transfer_step", "told"),
        ("transfer_step", "accepted"), ("put_through", None), ("transfer_step", "over"),
    ]  # fmt: skip
    assert ("put_through", {"to": "Desk", "by": DESK}) in told
    over = next(data for kind, data in told if data.get("step") == "over")
    assert over["who"] == "target" and over["seconds"] >= 1
    assert await reservations(call) == [(DESK, "transfer", True)]
    trace = await read(
        call.organization_id, lambda: SipMessage.objects.filter(call=call, start_line__startswith="INVITE")
    )
    invites = await read(call.organization_id, lambda: sorted(row.direction for row in trace))
    assert invites == ["in", "out"], "both legs can be read on the call's page"
    await recorded_is_both(call)


async def recorded_is_both(call: Call) -> None:
    """The caller left; right the agent, the music, and then who they were put through to."""
    path = await read(call.organization_id, lambda: Recording.objects.get(call=call).path)
    sound = recordings.absolute(path).read_bytes()[wav.HEADER_BYTES :]
    import numpy as np

    right = np.frombuffer(sound, "<i2")[1::2].astype(float)
    pieces = right[: len(right) // 8_000 * 8_000].reshape(-1, 8_000)
    found = {round(peak / 20) * 20 for piece in pieces if (peak := peak_hz(piece)) is not None}
    assert {AGENT_HZ, DESK_HZ} <= found, found


async def test_who_presses_two_is_not_connected_and_the_agent_says_so(
    worker: Any, agent: Any, alice: Any, minds: Minds
) -> None:
    async with talking(worker, agent, alice) as (caller, desk, _):
        await caller.press("1")
        await step(agent, "picked_up")
        await desk.press("2")
        await asyncio.wait_for(desk.over.wait(), PATIENCE_S)
        await said(agent, 4)
        await caller.until(lambda: peak_hz(recent(caller)) is None, PATIENCE_S)  # neither music nor words
        call = await the_call(agent)
        assert await reservations(call) == [(DESK, "transfer", True)], "the place is free while the call goes on"
        caller.hang_up()
        call = await the_call(agent, has_ended)
    assert (await turns_of(call))[-1] == (
        "I'm sorry, Desk can't take your call right now. Is there anything I can do for you?"
    )
    why = [data["why"] for kind, data in await events_of(call) if kind == "not_put_through"]
    assert why == ["They were asked, and declined."] and call.end_reason == "caller_hung_up"
    assert await reservations(call) == [(DESK, "transfer", True)]


@pytest.mark.parametrize(
    ("status", "says", "why"),
    [
        (486, "I'm sorry, the line is busy: Desk.", "The line was busy."),
        (603, "I'm sorry, Desk can't take your call right now.", "declined"),
        (404, "I'm sorry, I couldn't reach Desk.", ""),
    ],
)
async def test_a_line_that_is_not_picked_up_leaves_the_caller_with_the_agent(
    worker: Any, agent: Any, alice: Any, minds: Minds, status: int, says: str, why: str
) -> None:
    async with talking(worker, agent, alice) as (caller, desk, _):
        desk.answers_with = status
        await caller.press("1")
        await said(agent, 4)
        caller.hang_up()
        call = await the_call(agent, has_ended)
    assert (await turns_of(call))[-1].startswith(says)
    (words,) = [data["why"] for kind, data in await events_of(call) if kind == "not_put_through"]
    assert why in words and words
    assert await reservations(call) == [(DESK, "transfer", True)]


async def test_nobody_picks_up_and_the_ringing_ends(worker: Any, agent: Any, alice: Any, minds: Minds) -> None:
    async with talking(worker, agent, alice, {**WARM, "ring_s": 5}) as (caller, desk, _):
        desk.answers_with = None
        await caller.press("1")
        await asyncio.wait_for(desk.over.wait(), PATIENCE_S)
        assert desk.ended().reason == "cancelled"
        await said(agent, 4)
        caller.hang_up()
        call = await the_call(agent, has_ended)
    assert (await turns_of(call))[-1].startswith("I'm sorry, nobody is picking up: Desk.")
    assert ("not_put_through", {"to": "Desk", "why": "Nobody picked up."}) in await events_of(call)


@pytest.mark.parametrize("when", ["ringing", "asked", "talking"])
async def test_a_caller_who_hangs_up_ends_the_other_line_wherever_it_is(
    worker: Any, agent: Any, alice: Any, minds: Minds, when: str
) -> None:
    async with talking(worker, agent, alice) as (caller, desk, running):
        desk.answers_with = None if when == "ringing" else 200
        await caller.press("1")
        await step(agent, "ringing" if when == "ringing" else "picked_up")
        if when == "talking":
            await desk.press("1")
            await step(agent, "accepted")
            await hears_only(caller, DESK_HZ)
        if when == "ringing":
            await desk.until(lambda: bool(desk.events), PATIENCE_S)
        caller.hang_up()
        await asyncio.wait_for(desk.over.wait(), PATIENCE_S)
        call = await the_call(agent, has_ended)
        assert running.house.lives == {}
    assert desk.ended().reason == ("cancelled" if when == "ringing" else "remote_hung_up")
    assert call.end_reason == ("transferred" if when == "talking" else "caller_hung_up")
    assert await reservations(call) == [(DESK, "transfer", True)]


async def test_they_are_told_what_the_call_is_about_and_both_hear_that_they_are_connected(
    worker: Any, agent: Any, alice: Any, minds: Minds
) -> None:
    target = {
        **WARM, "briefing_words": "About {{topic}}.", "briefing": "summary", "asks_first": False,
        "introduction": "You are connected.",
    }  # fmt: skip
    async with talking(worker, agent, alice, target, hold_music="quiet") as (caller, desk, _):
        await caller.press("1")
        await step(agent, "introduced")
        await hears_only(caller, DESK_HZ)
        await hears_only(desk, CALLER_HZ)
        caller.hang_up()
        call = await the_call(agent, has_ended)
    data = [data for kind, data in await events_of(call) if kind == "transfer_step"]
    assert data[0]["music"] == "quiet"
    assert next(each["text"] for each in data if each["step"] == "told") == "About an invoice. Topic: an invoice."
    assert next(each["text"] for each in data if each["step"] == "introduced") == "You are connected."
    assert "answered" not in [each["step"] for each in data] and call.end_reason == "transferred"


async def test_a_caller_from_a_web_page_is_put_through_warm(worker: Any, agent: Any, alice: Any, minds: Minds) -> None:
    caller = Caller()
    async with SipPhone() as desk:
        await sync_to_async(draft)(agent, alice)
        trunk = await sync_to_async(trunk_to)(agent, desk.port)
        async with serving(worker) as running:
            await knows(running, trunk)
            answer = await placed(agent, caller)
            await said(agent, 1)
            next(iter(running._running.values())).call.press("1")
            await step(agent, "picked_up")
            desk.mouth.hz = DESK_HZ
            await desk.press("1")
            await step(agent, "accepted")
            await hears_only(desk, CALLER_HZ)
            desk.hang_up()
            call = await the_call(agent, has_ended)
            await caller.close()
    assert str(call.pk) == answer["call_id"] and call.end_reason == "transferred"
    assert await reservations(call) == [(DESK, "transfer", True)]


@asynccontextmanager
async def from_a_carrier(
    settings: Any, worker: Any, agent: Any, alice: Any, *targets: dict[str, Any], at: str = "twilio"
) -> AsyncIterator[Any]:
    """(the carrier, the caller, the desk on our trunk) when the agent has said its first words."""
    async with SipPhone() as desk, phones(settings, agent, alice, at) as line:
        await sync_to_async(draft)(agent, alice, *targets)
        trunk = await sync_to_async(trunk_to)(agent, desk.port, "+14155550143")
        async with serving(worker) as running:
            await knows(running, trunk)
            listens_at(settings, running)
            caller = line.ring()
            await said(agent, 1)
            yield line, caller, desk


async def test_a_caller_from_twilio_is_put_through_warm_over_the_trunk_and_stays_on_its_stream(
    settings: Any, worker: Any, agent: Any, alice: Any, minds: Minds
) -> None:
    async with from_a_carrier(settings, worker, agent, alice) as (line, caller, desk):
        await asks_for(line, caller, "1")
        await step(agent, "picked_up")
        desk.mouth.hz = DESK_HZ
        await desk.press("1")
        await step(agent, "accepted")
        began = time.monotonic()
        await until(lambda: is_humming(caller.heard_since(began)[-4_000:], DESK_HZ), PATIENCE_S)
        caller.say(tone(30, CALLER_HZ))
        await hears_only(desk, CALLER_HZ)
        desk.hang_up()
        await asyncio.wait_for(caller.over.wait(), PATIENCE_S)
        call = await the_call(agent, has_ended)
    assert call.end_reason == "transferred" and caller.dialled == [] and call.streams == 1
    assert await reservations(call) == [(DESK, "transfer", True)]


async def test_where_twilio_hears_and_speaks_there_is_nothing_to_join_and_it_is_said(
    settings: Any, worker: Any, agent: Any, alice: Any, minds: Minds, bearer: str
) -> None:
    async with SipPhone() as desk, phones(settings, agent, alice) as line:
        await sync_to_async(draft)(agent, alice)
        trunk = await sync_to_async(trunk_to)(agent, desk.port, "+14155550143")
        async with serving(worker) as running:
            await knows(running, trunk)
            caller, _ = await called(settings, running, line)
            await said(agent, 1)
            status, words = await ask(await the_call(agent), bearer, {"to": "Desk"})
            assert (status, words) == (409, ONLY_WORDS)
            next(iter(running._running.values())).call.transfer("Desk")
            await said(agent, 3)
            caller.hang_up()
            call = await the_call(agent, has_ended)
    assert ("not_put_through", {"to": "Desk", "why": ONLY_WORDS}) in await events_of(call)
    assert desk.events == [] and caller.dialled == [] and await reservations(call) == []


async def test_the_limits_and_a_missing_trunk_are_said_and_nobody_is_sent_cold(
    worker: Any, agent: Any, alice: Any, minds: Minds, bearer: str
) -> None:
    abroad = {**WARM, "name": "Abroad", "address": "+4915112345678"}
    async with talking(worker, agent, alice, abroad) as (caller, desk, _):
        await caller.press("1")
        await said(agent, 4)
        call = await the_call(agent)
        await read(agent.organization_id, lambda: call.trunk.__class__.objects.update(host="", proxy=""))
        status, words = await ask(call, bearer, {"to": "Abroad"})
        assert status == 409 and "There is no trunk that has an address to call" in words
        await caller.press("1")
        await said(agent, 7)
        caller.hang_up()
        call = await the_call(agent, has_ended)
    whys = [data["why"] for kind, data in await events_of(call) if kind == "not_put_through"]
    assert "Germany" in whys[0] and "There is no trunk that has an address to call" in whys[1]
    assert desk.events == [] and not any(isinstance(event, events.TransferAsked) for event in caller.events)


async def ask(call: Call, bearer: str, body: dict[str, str]) -> tuple[int, str]:
    response = await AsyncClient().post(
        f"/api/v1/calls/{call.pk}/transfer", body, content_type="application/json", headers={"authorization": bearer}
    )
    return response.status_code, str(response.json().get("detail", ""))


async def serves_sip() -> None:
    """The worker has told everybody that it has the port."""
    async with asyncio.timeout(PATIENCE_S):
        while not any(each.sip_port for each in await sync_to_async(worker_status.workers)()):
            await asyncio.sleep(0.1)


async def test_a_program_says_how(worker: Any, agent: Any, alice: Any, minds: Minds, bearer: str) -> None:
    cold = {**WARM, "how": "cold"}
    billing = {"name": "Billing", "to": "agent", "agent": str(agent.pk)}
    async with talking(worker, agent, alice, cold, billing) as (caller, desk, _):
        call = await the_call(agent)
        await serves_sip()
        status, words = await ask(call, bearer, {"to": "Billing", "how": "warm"})
        assert status == 422 and "there is neither warm nor cold" in words
        assert (await ask(call, bearer, {"to": "Desk", "how": "tepid"}))[0] == 422
        assert (await ask(call, bearer, {"to": "Desk", "how": "warm"}))[0] == 202
        await step(agent, "picked_up")
        await desk.press("2")
        await said(agent, 3)
        await caller.press("1")  # and by its own settings: REFER
        await caller.until(lambda: any(isinstance(each, events.TransferAsked) for each in caller.events), PATIENCE_S)
        caller.endpoint.do(commands.ReportTransfer(caller.call_id, 200))
        call = await the_call(agent, has_ended)
    assert call.end_reason == "transferred"


async def test_a_member_who_ends_the_call_ends_both_lines(worker: Any, agent: Any, alice: Any, minds: Minds) -> None:
    async with talking(worker, agent, alice, {**WARM, "asks_first": False}) as (caller, desk, running):
        await caller.press("1")
        await step(agent, "accepted")
        await hears_only(caller, DESK_HZ)
        next(iter(running._running.values())).call.hang_up("member_hung_up")
        await asyncio.wait_for(desk.over.wait(), PATIENCE_S)
        await asyncio.wait_for(caller.over.wait(), PATIENCE_S)
        call = await the_call(agent, has_ended)
    assert call.end_reason == "member_hung_up" and (await turns_of(call))[-1] == WORDS
