"""Warm transfers where there is no trunk: a caller at Twilio, the other side rung from our number there, our worker between the two."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from telephony.models import Call
from telephony.transfers import twilio_line
from telephony.transfers.second_line import NO_LINE
from tests.peers.twilio_stand_in import PhoneCall
from tests.telephony.lines import Caller
from tests.telephony.phones import NUMBER, Phones, is_humming, phones, tone
from tests.telephony.test_press import bearer
from tests.telephony.test_sip_calls import events_of, has_ended, the_call
from tests.telephony.test_transfers import DESK, WORDS, Minds, asks_for, minds, reservations
from tests.telephony.test_twilio_calls import listens_at, until
from tests.telephony.test_warm_calls import (
    AGENT_HZ,
    CALLER_HZ,
    DESK_HZ,
    PATIENCE_S,
    WARM,
    ask,
    draft,
    recorded_is_both,
    said,
    step,
    turns_of,
)
from tests.telephony.test_worker import placed

__all__ = ["bearer", "minds"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.paced]


@dataclass
class Site:
    line: Phones
    running: Any
    caller: PhoneCall

    async def desk(self) -> PhoneCall:
        """Whom the agent calls for the caller."""
        await until(lambda: len(self.line.exchange.calls) > 1, PATIENCE_S)
        return next(each for each in self.line.exchange.calls.values() if each is not self.caller)


@asynccontextmanager
async def talking(settings: Any, worker: Any, agent: Any, alice: Any, *targets: dict[str, Any], desk: str = "human",
                  **does: Any) -> AsyncIterator[Site]:  # fmt: skip
    """A caller who has heard the agent's first words, and presses for the desk."""
    async with phones(settings, agent, alice) as line:
        await sync_to_async(draft)(agent, alice, *targets, **does)
        line.exchange.who[(targets or (WARM,))[0]["address"]] = desk
        async with worker() as running:
            listens_at(settings, running)
            caller = line.ring()
            await said(agent, 1)
            await asks_for(line, caller, "1")
            yield Site(line, running, caller)


async def hears(call: PhoneCall, hz: int) -> None:
    """From now on, and nothing else."""
    began = time.monotonic()
    await until(lambda: is_humming(call.heard_since(began)[-4_000:], hz), PATIENCE_S)


def speaks(call: PhoneCall, hz: int, seconds: float = 30) -> None:
    call.says.clear()
    call.say(tone(seconds, hz))


async def is_connected(site: Site, agent: Any) -> PhoneCall:
    """The desk has taken the call."""
    await step(agent, "picked_up")
    desk = await site.desk()
    await desk.press("1")
    await step(agent, "accepted")
    return desk


async def why_not(agent: Any, call: Call) -> str:
    (why,) = [data["why"] for kind, data in await events_of(call) if kind == "not_put_through"]
    return str(why)


async def test_who_presses_one_is_connected_and_they_hear_each_other(
    settings: Any, worker: Any, agent: Any, alice: Any, minds: Minds
) -> None:
    async with talking(settings, worker, agent, alice) as site:
        ringing = await step(agent, "ringing")
        assert (ringing["by"], ringing["at"]) == (DESK, "twilio")
        desk = await site.desk()
        await hears(desk, AGENT_HZ)
        began = time.monotonic()
        await until(lambda: len(site.caller.heard_since(began)) > 4_000, PATIENCE_S)
        music = site.caller.heard_since(began)
        assert set(music) - {0xFF, 0x7F} and not is_humming(music, AGENT_HZ), "the caller hears music meanwhile"
        await desk.press("1")
        await step(agent, "accepted")
        speaks(desk, DESK_HZ)
        speaks(site.caller, CALLER_HZ)
        await hears(site.caller, DESK_HZ)
        await hears(desk, CALLER_HZ)
        call = await the_call(agent)
        assert await reservations(call) == [(DESK, "transfer", False)], "the place is held while they talk"
        await asyncio.sleep(2)  # long enough to be found in the recording
        desk.hang_up()
        await asyncio.wait_for(site.caller.over.wait(), PATIENCE_S)
        call = await the_call(agent, has_ended)
        await asyncio.wait_for(desk.over.wait(), PATIENCE_S)
    (asked,) = [
        form for method, path, form in site.line.account.asked if method == "POST" and path.endswith("Calls.json")
    ]
    assert (asked["To"], asked["From"], asked["Timeout"]) == (DESK, NUMBER, "25") and "Url" not in asked
    assert int(asked["TimeLimit"]) >= 1_800
    assert call.end_reason == "transferred" and call.streams == 1 and site.caller.dialled == []
    assert await turns_of(call) == ["Hello, how can I help you?", WORDS]
    steps = [data.get("step") for kind, data in await events_of(call) if kind == "transfer_step"]
    assert steps == ["held", "ringing", "picked_up", "told", "answered", "told", "accepted", "over"]
    assert ("put_through", {"to": "Desk", "by": DESK, "at": "twilio"}) in await events_of(call)
    assert await reservations(call) == [(DESK, "transfer", True)]
    await recorded_is_both(call)


async def test_who_presses_two_is_not_connected_and_is_hung_up_on(
    settings: Any, worker: Any, agent: Any, alice: Any, minds: Minds
) -> None:
    async with talking(settings, worker, agent, alice) as site:
        await step(agent, "picked_up")
        desk = await site.desk()
        await desk.press("2")
        await asyncio.wait_for(desk.over.wait(), PATIENCE_S)
        await said(agent, 4)
        call = await the_call(agent)
        assert await reservations(call) == [(DESK, "transfer", True)], "the place is free while the call goes on"
        site.caller.hang_up()
        call = await the_call(agent, has_ended)
    assert (await turns_of(call))[-1].startswith("I'm sorry, Desk can't take your call right now.")
    assert await why_not(agent, call) == "They were asked, and declined." and call.end_reason == "caller_hung_up"


@pytest.mark.parametrize(
    ("how", "says", "why"),
    [
        ("busy", "I'm sorry, the line is busy: Desk.", "The line was busy."),
        ("no-answer", "I'm sorry, nobody is picking up: Desk.", "Nobody picked up."),
        ("failed", "I'm sorry, I couldn't reach Desk.", "The number could not be reached."),
    ],
)
async def test_a_line_that_is_not_picked_up_leaves_the_caller_with_the_agent(
    settings: Any, worker: Any, agent: Any, alice: Any, minds: Minds, how: str, says: str, why: str
) -> None:
    async with talking(settings, worker, agent, alice, desk=how) as site:
        await said(agent, 4)
        site.caller.hang_up()
        call = await the_call(agent, has_ended)
    assert (await turns_of(call))[-1].startswith(says)
    assert await why_not(agent, call) == why and await reservations(call) == [(DESK, "transfer", True)]
    assert site.running.seconds._waiting == {}


async def test_what_twilio_refuses_is_on_the_calls_page_in_its_words(
    settings: Any, worker: Any, agent: Any, alice: Any, minds: Minds
) -> None:
    async with phones(settings, agent, alice) as line:
        await sync_to_async(draft)(agent, alice)
        line.account.refuses_calls = "Account not authorized to call +14155550199."
        async with worker() as running:
            listens_at(settings, running)
            caller = line.ring()
            await said(agent, 1)
            await asks_for(line, caller, "1")
            await said(agent, 4)
            caller.hang_up()
            call = await the_call(agent, has_ended)
    assert await why_not(agent, call) == "Twilio says: Account not authorized to call +14155550199."
    assert (await turns_of(call))[-1].startswith("I'm sorry, I couldn't reach Desk.")
    assert await reservations(call) == [(DESK, "transfer", True)]


async def test_whom_the_limits_forbid_is_not_called(
    settings: Any, worker: Any, agent: Any, alice: Any, minds: Minds
) -> None:
    abroad = {**WARM, "name": "Abroad", "address": "+4915112345678"}
    async with talking(settings, worker, agent, alice, abroad) as site:
        await said(agent, 4)
        site.caller.hang_up()
        call = await the_call(agent, has_ended)
    assert "Germany" in await why_not(agent, call) and site.line.account.placed == []
    assert await reservations(call) == []


async def test_the_other_side_hangs_up_while_it_is_asked(
    settings: Any, worker: Any, agent: Any, alice: Any, minds: Minds
) -> None:
    async with talking(settings, worker, agent, alice) as site:
        await step(agent, "picked_up")
        desk = await site.desk()
        await hears(desk, AGENT_HZ)
        desk.hang_up()
        await said(agent, 4)
        site.caller.hang_up()
        call = await the_call(agent, has_ended)
    assert await why_not(agent, call) == "They hung up while they were asked."
    assert (await turns_of(call))[-1].startswith("I'm sorry, Desk can't take your call right now.")


@pytest.mark.parametrize("when", ["ringing", "asked", "talking"])
async def test_a_caller_who_hangs_up_ends_the_other_call_wherever_it_is(
    settings: Any, worker: Any, agent: Any, alice: Any, minds: Minds, when: str
) -> None:
    async with talking(settings, worker, agent, alice, desk="rings" if when == "ringing" else "human") as site:
        desk = await site.desk()
        if when != "ringing":
            await step(agent, "picked_up")
        if when == "talking":
            await is_connected(site, agent)
            speaks(desk, DESK_HZ)
            await hears(site.caller, DESK_HZ)
        site.caller.hang_up()
        await asyncio.wait_for(desk.over.wait(), PATIENCE_S)
        call = await the_call(agent, has_ended)
        await until(lambda: not site.running.seconds._waiting)
    assert desk.status == ("canceled" if when == "ringing" else "completed")
    assert call.end_reason == ("transferred" if when == "talking" else "caller_hung_up")
    assert await reservations(call) == [(DESK, "transfer", True)]


async def test_who_picks_up_when_the_caller_has_gone_already_is_let_in_nowhere(
    settings: Any, worker: Any, agent: Any, alice: Any, minds: Minds
) -> None:
    async with talking(settings, worker, agent, alice, desk="slow") as site:
        desk = await site.desk()
        site.line.account.loses_hang_ups = True
        site.caller.hang_up()
        await the_call(agent, has_ended)
        await until(lambda: not site.running.seconds._waiting)
        desk.picks_up.set()
        await asyncio.wait_for(desk.over.wait(), PATIENCE_S)
    assert desk.heard == [] and desk.status == "completed"


async def test_a_stream_that_comes_to_another_worker_is_handed_on_to_the_callers(
    settings: Any, worker: Any, agent: Any, alice: Any, minds: Minds
) -> None:
    async with talking(settings, worker, agent, alice, desk="slow") as site, worker() as other:
        desk = await site.desk()
        # The kernel, or a proxy, gives the connection to whom it likes.
        listens_at(settings, other)
        url = desk.document.split('url="')[1].split('"')[0]
        desk.document = desk.document.replace(url, f"{settings.PHONE_MEDIA_URL}/twilio/{url.rpartition('/')[2]}")
        desk.picks_up.set()
        await is_connected(site, agent)
        speaks(desk, DESK_HZ)
        speaks(site.caller, CALLER_HZ)
        await hears(site.caller, DESK_HZ)
        await hears(desk, CALLER_HZ)
        assert other._running == {} and other.telephones._open == 1
        desk.hang_up()
        await asyncio.wait_for(site.caller.over.wait(), PATIENCE_S)
        call = await the_call(agent, has_ended)
        await until(lambda: other.telephones._open == 0)
    assert call.end_reason == "transferred"


async def test_a_full_worker_takes_the_second_line_of_a_call_it_has(
    settings: Any, worker: Any, agent: Any, alice: Any, minds: Minds
) -> None:
    async with phones(settings, agent, alice) as line:
        await sync_to_async(draft)(agent, alice)
        async with worker(capacity=1) as running:
            listens_at(settings, running)
            caller = line.ring()
            await said(agent, 1)
            assert not running.has_room
            await asks_for(line, caller, "1")
            await is_connected(Site(line, running, caller), agent)
            caller.hang_up()
            assert (await the_call(agent, has_ended)).end_reason == "transferred"


async def test_a_caller_whose_stream_breaks_meanwhile_is_back_with_an_agent_and_the_other_side_is_hung_up_on(
    settings: Any, worker: Any, agent: Any, alice: Any, minds: Minds
) -> None:
    async with talking(settings, worker, agent, alice) as site:
        desk = await is_connected(site, agent)
        site.caller._socket.transport.abort()
        await asyncio.wait_for(desk.over.wait(), PATIENCE_S)
        await until(lambda: site.caller.streams == 2, PATIENCE_S)
        await hears(site.caller, AGENT_HZ)
        await asyncio.sleep(2)  # as long as the words are
        site.caller.hang_up()
        call = await the_call(agent, has_ended)
    assert call.streams == 2 and (await turns_of(call))[-1].startswith("I'm sorry, we were cut off")
    assert await reservations(call) == [(DESK, "transfer", True)]


async def test_a_caller_from_a_web_page_is_put_through_from_the_number_at_twilio(
    settings: Any, worker: Any, agent: Any, alice: Any, minds: Minds
) -> None:
    caller = Caller()
    async with phones(settings, agent, alice) as line:
        await sync_to_async(draft)(agent, alice)
        async with worker() as running:
            listens_at(settings, running)
            await placed(agent, caller)
            await said(agent, 1)
            next(iter(running._running.values())).call.press("1")
            await step(agent, "picked_up")
            (desk,) = line.exchange.calls.values()
            await desk.press("1")
            await step(agent, "accepted")
            await hears(desk, CALLER_HZ)
            desk.hang_up()
            call = await the_call(agent, has_ended)
            await caller.close()
    assert call.end_reason == "transferred" and desk.from_ == NUMBER


async def test_a_sip_address_is_called_by_twilio_and_counts_like_one(
    settings: Any, worker: Any, agent: Any, alice: Any, minds: Minds
) -> None:
    bar = {**WARM, "to": "sip", "address": "sip:bar@pbx.example"}
    async with talking(settings, worker, agent, alice, bar) as site:
        desk = await is_connected(site, agent)
        desk.hang_up()
        call = await the_call(agent, has_ended)
    assert desk.to == "sip:bar@pbx.example" and call.end_reason == "transferred"
    ((number, path, is_released),) = await reservations(call)
    assert number.startswith("sip:") and (path, is_released) == ("transfer", True)


async def test_a_program_asks_for_it_and_is_told_where_there_is_nothing_to_call_by(
    settings: Any, worker: Any, agent: Any, alice: Any, minds: Minds, bearer: str
) -> None:
    async with phones(settings, agent, alice) as line:
        await sync_to_async(draft)(agent, alice)
        async with worker() as running:
            listens_at(settings, running)
            caller = line.ring()
            await said(agent, 1)
            call = await the_call(agent)
            assert (await ask(call, bearer, {"to": "Desk"}))[0] == 202
            await step(agent, "picked_up")
            desk = await Site(line, running, caller).desk()
            await desk.press("2")
            await said(agent, 3)
            await sync_to_async(_no_number)(agent)
            status, words = await ask(call, bearer, {"to": "Desk"})
            caller.hang_up()
            await the_call(agent, has_ended)
    assert (status, words) == (409, NO_LINE)


def _no_number(agent: Any) -> None:
    from accounts import tenancy
    from telephony.models import PhoneNumber

    with tenancy.use(agent.organization_id):
        PhoneNumber.objects.all().delete()


async def test_a_picked_up_call_without_sound_is_said_to_be_that(
    settings: Any, worker: Any, agent: Any, alice: Any, minds: Minds
) -> None:
    async with talking(settings, worker, agent, alice, desk="slow") as site:
        desk = await site.desk()
        url = desk.document.split('url="')[1].split('"')[0]
        desk.document = desk.document.replace(url, url[:-1])  # an address that leads nowhere
        desk.picks_up.set()
        await said(agent, 4)
        site.caller.hang_up()
        call = await the_call(agent, has_ended)
    assert await why_not(agent, call) == twilio_line.NO_SOUND and desk.refusals == [403]
