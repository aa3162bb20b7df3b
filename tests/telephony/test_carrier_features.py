"""What carriers do for a call beside carrying its sound, and what is refused in words where they don't."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from accounts import tenancy
from telephony import messages, outbound
from telephony.carriers.registry import CARRIERS
from telephony.models import Call, TextMessage
from tests.peers.telnyx_stand_in import TelnyxAccount
from tests.telephony.phones import NUMBER, ask_our_pages, phones, tone
from tests.telephony.test_carrier_calls import each_carrier
from tests.telephony.test_number_answers import closed, set_to
from tests.telephony.test_transfers import (
    DESK,
    Minds,
    asks_for,
    billing,
    falls_silent,
    hears_something,
    minds,
    reservations,
)
from tests.telephony.test_twilio_calls import _fresh, ended, listens_at, place, rows, until

__all__ = ["billing", "minds"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.paced]


@pytest.fixture
def site(settings: Any, agent: Any, alice: Any) -> Callable[..., Any]:
    settings.CELERY_TASK_ALWAYS_EAGER = False
    return lambda at, **line: phones(settings, agent, alice, at, **line)


@each_carrier
@pytest.mark.parametrize(("how", "reason"), [("completed", "forwarded"), ("busy", "not_forwarded")])
async def test_a_caller_after_hours_is_put_through_and_where_nobody_is_there_hears_why(
    site: Any, layer: Any, at: str, how: str, reason: str
) -> None:
    async with site(at) as line:
        await set_to(
            line, schedule=closed(), after_hours={"how": "forward", "forward_to": DESK, "message": "Too late."}
        )
        line.exchange.who[DESK] = how
        caller = line.ring()
        await asyncio.wait_for(caller.over.wait(), 10)
        assert (await ended(line)).end_reason == reason
    assert caller.dialled == [DESK] and caller.said == ([] if how == "completed" else ["Too late."])
    assert caller.dial_attributes[0]["timeout"] == "25" and caller.dial_attributes[0]["timeLimit"] == "1800"


@each_carrier
async def test_a_caller_after_hours_hears_a_message_in_the_agents_language(site: Any, layer: Any, at: str) -> None:
    async with site(at) as line:
        await set_to(line, schedule=closed(), after_hours={"how": "message", "message": "We open at 9 & close at <5>."})
        caller = line.ring()
        await asyncio.wait_for(caller.over.wait(), 10)
        assert caller.said == ["We open at 9 & close at <5>."] and (await ended(line)).end_reason == "message_said"
    assert 'language="en-' in caller.documents[0]


@each_carrier
async def test_the_carrier_puts_the_caller_through_and_back_to_the_agent_where_nobody_is_there(
    settings: Any, site: Any, worker: Any, minds: Minds, billing: Any, at: str
) -> None:
    async with worker() as running, site(at) as line:
        listens_at(settings, running)
        line.exchange.who[DESK] = "no-answer"
        caller = line.ring()
        await asks_for(line, caller, "2")
        await until(lambda: caller.dialled)
        await until(lambda: caller.streams == 2)
        began = time.monotonic()
        await hears_something(caller, began)
        await falls_silent(caller)
        line.exchange.who[DESK] = "completed"
        await caller.press("2")
        await asyncio.wait_for(caller.over.wait(), 20)
        call = await ended(line)
    turns, events = await rows(call)
    assert caller.dialled == [DESK, DESK] and caller.dial_attributes[0]["callerId"] == NUMBER
    assert call.end_reason == "transferred" and "put_through" in [kind for kind, _ in events]
    assert "I'm sorry, nobody is picking up: Desk. Is there anything I can do for you?" in [text for _, text in turns]
    assert await reservations(call) == [(DESK, "transfer", True)] * 2


@each_carrier
async def test_where_the_carrier_refuses_to_the_agent_says_so_and_the_call_goes_on(
    settings: Any, site: Any, worker: Any, minds: Minds, billing: Any, at: str
) -> None:
    async with worker() as running, site(at) as line:
        listens_at(settings, running)
        line.account.refuses_updates = "This call can't be changed."
        caller = line.ring()
        await asks_for(line, caller, "2")
        await until(lambda: len(caller.heard) > 150)
        began = time.monotonic()
        await hears_something(caller, began)
        await falls_silent(caller)
        caller.hang_up()
        await asyncio.wait_for(caller.over.wait(), 20)
        call = await ended(line)
    turns, events = await rows(call)
    (refused,) = [data for kind, data in events if kind == "not_put_through"]
    assert refused["why"] == f"{CARRIERS[at].title} says: This call can't be changed."
    assert caller.dialled == [] and caller.streams == call.streams == 1 and call.end_reason == "caller_hung_up"
    assert turns[-1][1].startswith("I'm sorry, I couldn't reach Desk.")
    assert await reservations(call) == [(DESK, "transfer", True)]


async def test_signalwire_takes_a_message_and_it_is_fetched(site: Any, layer: Any, monkeypatch: Any) -> None:
    heard: list[bytes] = []

    async def transcribe(spec: Any, secrets: Any, pcm: bytes) -> list[Any]:
        heard.append(pcm)
        return [messages.dictation.Passage("Please call me back.", 400, 2_600, 0.9)]

    monkeypatch.setattr(messages.dictation, "transcribe", transcribe)
    async with site("signalwire") as line:
        await set_to(line, schedule=closed(), after_hours={"how": "voicemail"})
        caller = line.ring(says=tone(3.0))
        await asyncio.wait_for(caller.over.wait(), 10)
        call = await ended(line)
        assert call.end_reason == "message_left" and call.recording_at_carrier in line.account.recordings
        assert await sync_to_async(messages.fetch)(call.pk, call.organization_id)
        assert line.account.recordings == {} and abs(len(heard[0]) / 32_000 - 3.0) < 0.05
        silent = line.ring()
        await asyncio.wait_for(silent.over.wait(), 10)
    assert [each.end_reason for each in await line.calls()] == ["message_left", "no_message_left"]


async def test_signalwire_listens_for_a_machine_and_tells_what_became_of_a_text(
    settings: Any, site: Any, worker: Any, agent: Any
) -> None:
    from telephony import texts

    async with worker() as running, site("signalwire") as line:
        listens_at(settings, running)
        line.exchange.picks_up = "machine_start"
        await place(line, await _fresh(agent), on_machine="hang_up")
        assert (await ended(line)).end_reason == "machine_answered"
        text = await sync_to_async(texts.send)(line.number, "+14155550177", "Hello")
        (sent,) = line.account.texts
        form = {"AccountSid": line.account.sid, "MessageSid": sent["sid"], "MessageStatus": "delivered"}
        url = sent["StatusCallback"]
        assert (await ask_our_pages(url, form, line.account.headers(url, form)))[0] == 204

        def status() -> str:
            with tenancy.use(text.organization_id):
                return TextMessage.objects.get(pk=text.pk).status

        assert await sync_to_async(status)() == "delivered"


async def test_a_call_whose_id_is_told_late_is_the_same_call(settings: Any, site: Any, worker: Any, agent: Any) -> None:
    async with worker() as running, site("telnyx") as line:
        listens_at(settings, running)
        assert isinstance(line.account, TelnyxAccount)
        line.account.tells_sid = False
        await place(line, await _fresh(agent))
        await until(lambda: line.exchange.calls)
        (caller,) = line.exchange.calls.values()
        await until(lambda: len(caller.heard) > 30)
        caller.hang_up()
        done = await ended(line)
    assert (done.carrier_call_id, done.end_reason) == (caller.sid, "caller_hung_up")


async def test_a_call_that_was_called_off_before_it_had_an_id_is_hung_up_once_it_has(
    site: Any, layer: Any, agent: Any
) -> None:
    async with site("plivo") as line:
        line.exchange.picks_up = "rings"
        called_off = asyncio.Event()
        ask = line.exchange.ask

        async def slowly(*about: Any) -> str | None:
            await called_off.wait()
            return await ask(*about)

        line.exchange.ask = slowly  # the ringing is told late
        call = await place(line, await _fresh(agent))

        def stop() -> None:
            with tenancy.use(call.organization_id):
                outbound.stop(Call.objects.select_related("carrier_account__organization").get(pk=call.pk))

        await sync_to_async(stop)()
        assert (await line.call()).end_reason == "called_off" and line.account.hung_up == []
        called_off.set()
        await until(lambda: line.account.hung_up)
    assert line.account.hung_up == list(line.exchange.calls)


async def test_an_old_webhook_of_telnyx_is_refused(site: Any, layer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.peers import telnyx_stand_in
    from tests.peers.twilio_stand_in import PhoneCall

    async with site("telnyx") as line:
        url, _ = line.account.leads(NUMBER)
        form = line.account.asks(PhoneCall(line.account.call_sid(), NUMBER, "+14155550100"))
        for seconds, status in ((-301, 403), (360, 403), (-200, 200)):  # one from ahead comes nearer while it is asked
            moment = time.time() + seconds
            monkeypatch.setattr(telnyx_stand_in.time, "time", lambda moment=moment: moment)
            headers = line.account.headers(url, form)
            monkeypatch.undo()
            assert (await ask_our_pages(url, form, headers))[0] == status, seconds


@each_carrier
async def test_a_campaign_finds_a_call_whose_answer_was_lost(
    settings: Any, site: Any, worker: Any, agent: Any, at: str
) -> None:
    """As after a crash between the carrier's answer and the row: the carrier is asked what it placed, and what became of it."""
    from telephony import phone_numbers

    async with worker() as running, site(at) as line:
        listens_at(settings, running)
        await place(line, await _fresh(agent))
        await until(lambda: line.exchange.calls)
        (caller,) = line.exchange.calls.values()
        await until(lambda: caller.heard)

        def carrier() -> Any:
            with tenancy.use(line.row.organization_id):
                return phone_numbers.carrier(line.row)

        at_carrier = await sync_to_async(carrier)()
        (found,) = await at_carrier.placed("+14155550177", NUMBER)
        assert found.sid == caller.sid and await at_carrier.placed("+14155550178", NUMBER) == []
        assert (await at_carrier.look_up(caller.sid)).status == "in-progress"
        caller.hang_up()
        await ended(line)
        await asyncio.wait_for(caller.over.wait(), 10)
        assert (await at_carrier.look_up(caller.sid)).status == "completed"
