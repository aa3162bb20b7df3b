"""Callers are put through, whole: another agent goes on in the same call, a number is dialled by Twilio, or nobody is there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.test import AsyncClient

from accounts import tenancy
from agents.conversation import Conversation
from agents.live import LiveAgent
from agents.mind import Collected, ReplyPart, Say, Transfer, Utterance
from agents.spec import AgentSpec, load
from telephony import live_call
from telephony.models import Call, DialReservation
from telephony.transfers import handing_over
from telephony.transfers.second_line import NO_LINE, WEB
from tests.peers.twilio_stand_in import PhoneCall
from tests.telephony import stand_ins
from tests.telephony.lines import Caller
from tests.telephony.phones import NUMBER, Phones, phones
from tests.telephony.test_press import bearer
from tests.telephony.test_twilio_calls import ended, listens_at, rows, until
from tests.telephony.test_worker import placed
from tests.telephony.test_worker import until as until_status

__all__ = ["bearer"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.paced]

DESK = "+14155550199"
WORDS = "One moment."


class Minds:
    """An agent that puts through to whom the caller's keys name: 1 is the first of its targets, and so on."""

    def __init__(self) -> None:
        self.made: list[AgentSpec] = []
        self.closed = 0

    async def make(self, spec: AgentSpec, secrets: Mapping[str, str]) -> LiveAgent:
        self.made.append(spec)
        minds, plain = self, await stand_ins.make(spec, secrets)

        class Mind(stand_ins.SimpleMind):
            async def reply(self, utterance: Utterance, conversation: Conversation) -> AsyncIterator[ReplyPart]:
                target = spec.does.transfers[int(utterance.digits[0]) - 1]
                yield Collected("topic", "an invoice", "an invoice")
                yield Say(target.words)
                yield Transfer(target.name)

            async def close(self) -> None:
                minds.closed += 1

        return LiveAgent(spec, plain.stt, plain.tts, Mind(spec), plain.speak_text)


@pytest.fixture
def minds(monkeypatch: pytest.MonkeyPatch, worker: Any) -> Minds:
    """After ``worker``, which has others."""
    made = Minds()
    monkeypatch.setattr(live_call.live, "make", made.make)
    return made


@pytest.fixture
def billing(agent: Any, alice: Any) -> Any:
    """Another agent of the organization, published; and the first one may put callers through to it, and to a number."""
    from agents.models import Agent
    from agents.publish import publish, save_draft

    with tenancy.use(agent.organization_id):
        draft = {
            "name": "Billing", "says": {"first_message": "Billing, hello."}, "sounds": {"language": "en-GB"},
            "does": {"collect": [{"key": "topic", "question": "What is it about?"}, {"key": "sum", "question": "How much?"}]},
            "listens": {"keypad_timeout_ms": 500},
        }  # fmt: skip
        other = Agent.objects.create(
            organization=agent.organization, name="Billing",
            draft=AgentSpec.model_validate(draft).model_dump(mode="json"),
        )  # fmt: skip
        publish(other, alice)
        save_draft(agent, {"listens": {"keypad_timeout_ms": 500}, "does": {"transfers": [
            {"name": "Billing", "to": "agent", "agent": str(other.pk), "words": WORDS},
            {"name": "Desk", "address": DESK, "words": WORDS},
            {"name": "Bar", "to": "sip", "address": "sip:bar@pbx.example", "words": WORDS},
            {"name": "Abroad", "address": "+4915112345678", "words": WORDS},
        ]}})  # fmt: skip
        agent.refresh_from_db()
        return other


@pytest.fixture
def site(settings: Any, agent: Any, alice: Any) -> Callable[..., Any]:
    return lambda **line: phones(settings, agent, alice, **line)


async def hears_something(caller: PhoneCall, since: float) -> None:
    await until(lambda: any(set(sound) - {0xFF, 0x7F} for at, sound in caller.heard if at > since))


async def falls_silent(caller: PhoneCall) -> None:
    def is_quiet() -> bool:
        loud = [at for at, sound in caller.heard if set(sound) - {0xFF, 0x7F}]
        return bool(loud) and time.monotonic() - loud[-1] > 0.5

    await until(is_quiet)


async def asks_for(line: Phones, caller: PhoneCall, digit: str) -> None:
    await falls_silent(caller)
    await caller.press(digit)


def reservations(call: Call) -> Any:
    def read() -> list[tuple[str, str, bool]]:
        with tenancy.use(call.organization_id):
            found = DialReservation.objects.order_by("made_at")
            return [(row.number, row.path, row.released_at is not None) for row in found]

    return sync_to_async(read)()


async def test_another_agent_goes_on_in_the_same_call(
    settings: Any, site: Any, worker: Any, agent: Any, minds: Minds, billing: Any
) -> None:
    async with worker() as running, site() as line:
        listens_at(settings, running)
        caller = line.ring()
        await asks_for(line, caller, "1")
        await until(lambda: len(minds.made) == 2)
        began = time.monotonic()
        await hears_something(caller, began)
        await falls_silent(caller)
        caller.hang_up()
        call = await ended(line)
    turns, events = await rows(call)
    assert [text for role, text in turns if role == "agent"] == ["Hello, how can I help you?", WORDS, "Billing, hello."]
    assert caller.streams == 1 and call.streams == 1 and call.end_reason == "caller_hung_up"
    (put,) = [data for kind, data in events if kind == "put_through"]
    assert (put["to"], put["by"], put["version"]) == ("Billing", "Billing", 1)
    assert [kind for kind, _ in events].count("ended") == 1
    assert load(call.spec).name == "Billing" and call.agent_id == agent.pk
    assert call.collected == {"topic": "an invoice", "sum": None}
    assert minds.closed == 2 and await reservations(call) == []


async def test_from_a_web_page_an_agent_is_reached_and_a_number_only_where_there_is_a_line_to_call_by(
    agent: Any, worker: Any, minds: Minds, billing: Any
) -> None:
    caller = Caller()
    async with worker() as running:
        answer = await placed(agent, caller)
        live = await running_call(running)
        await said(agent, answer["call_id"], 1)
        live.press("2")
        await said(agent, answer["call_id"], 4)  # the keys, the words before, that it can't be
        live.press("1")
        await until(lambda: len(minds.made) == 2)
        await said(agent, answer["call_id"], 7)
        await caller.close()
        call = await until_status(agent, answer["call_id"], "ended")
    turns, events = await rows(call)
    told = [text for role, text in turns if role == "agent"]
    assert told[2].startswith("I'm sorry, I can't put you through to Desk from this call.")
    assert told[-1] == "Billing, hello."
    assert (
        "not_put_through",
        {"to": "Desk", "why": f"{WEB} {NO_LINE}"},
    ) in events


async def test_a_program_puts_the_caller_through_by_the_api(
    agent: Any, worker: Any, minds: Minds, billing: Any, bearer: str
) -> None:
    async def ask(call_id: str, to: str) -> tuple[int, str]:
        response = await AsyncClient().post(
            f"/api/v1/calls/{call_id}/transfer", {"to": to}, content_type="application/json",
            headers={"authorization": bearer},
        )  # fmt: skip
        return response.status_code, str(response.json().get("detail", ""))

    caller = Caller()
    async with worker() as running:
        answer = await placed(agent, caller)
        call_id = answer["call_id"]
        await running_call(running)
        await said(agent, call_id, 1)
        status, words = await ask(call_id, "The moon")
        assert status == 422 and words.startswith(
            "There is no “The moon”. The agent may put callers through to Billing, Desk,"
        )
        assert (await ask(call_id, "billing"))[0] == 202
        await said(agent, call_id, 3)
        await caller.close()
        call = await until_status(agent, call_id, "ended")
        status, words = await ask(call_id, "Desk")
    turns, events = await rows(call)
    assert turns == [("agent", "Hello, how can I help you?"), ("agent", WORDS), ("agent", "Billing, hello.")]
    assert [kind for kind, _ in events if kind in ("transfer", "put_through")] == ["transfer", "put_through"]
    assert (
        status == 422 and words == "There is no “Desk”. The agent may put callers through to nobody."
    )  # Billing has it


async def running_call(running: Any) -> Any:
    async with asyncio.timeout(10):
        while not running._running:
            await asyncio.sleep(0.02)
    return next(iter(running._running.values())).call


async def said(agent: Any, call_id: str, count: int) -> None:
    def turns() -> int:
        with tenancy.use(agent.organization_id):
            return int(Call.objects.get(pk=call_id).turns.count())

    async with asyncio.timeout(25):
        while await sync_to_async(turns)() < count:
            await asyncio.sleep(0.1)
    await asyncio.sleep(0.3)


async def test_an_agent_that_is_not_published_any_more_is_not_reached_and_the_first_goes_on(
    agent: Any, worker: Any, minds: Minds, billing: Any
) -> None:
    def archive() -> None:
        with tenancy.use(billing.organization_id):
            billing.published = None
            billing.save(update_fields=["published"])

    await sync_to_async(archive)()
    caller = Caller()
    async with worker() as running:
        answer = await placed(agent, caller)
        live = await running_call(running)
        await said(agent, answer["call_id"], 1)
        live.press("1")
        await said(agent, answer["call_id"], 4)
        await caller.close()
        call = await until_status(agent, answer["call_id"], "ended")
    turns, events = await rows(call)
    assert turns[-1] == ("agent", "I'm sorry, I couldn't reach Billing. Is there anything I can do for you?")
    words = "Billing has nothing published, and calls run with what is published."
    assert ("not_put_through", {"to": "Billing", "why": words}) in events and len(minds.made) == 1


async def test_twilio_dials_a_number_and_when_they_have_talked_the_call_is_over(
    settings: Any, site: Any, worker: Any, minds: Minds, billing: Any
) -> None:
    async with worker() as running, site() as line:
        listens_at(settings, running)
        caller = line.ring()
        await asks_for(line, caller, "2")
        await asyncio.wait_for(caller.over.wait(), 20)
        call = await ended(line)
        await until(lambda: not running._running)
    assert caller.dialled == [DESK] and caller.dial_attributes[0]["callerId"] == NUMBER
    assert (
        caller.dial_attributes[0]["answerOnBridge"] == "true" and int(caller.dial_attributes[0]["timeLimit"]) == 1_800
    )
    assert call.end_reason == "transferred" and call.streams == 2
    turns, events = await rows(call)
    assert turns[-1] == ("agent", WORDS)
    assert ("put_through", {"to": "Desk", "by": DESK, "seconds": 7}) in events
    assert await reservations(call) == [(DESK, "transfer", True)]
    assert call.collected == {"topic": "an invoice"}


@pytest.mark.parametrize(
    ("how", "says", "why"),
    [
        ("busy", "I'm sorry, the line is busy: Desk.", "The line was busy."),
        ("no-answer", "I'm sorry, nobody is picking up: Desk.", "Nobody picked up."),
        ("failed", "I'm sorry, I couldn't reach Desk.", "The number could not be reached."),
    ],
)
async def test_nobody_there_and_the_caller_is_back_with_the_agent_that_says_so(
    settings: Any, site: Any, worker: Any, minds: Minds, billing: Any, how: str, says: str, why: str
) -> None:
    async with worker() as running, site() as line:
        listens_at(settings, running)
        line.exchange.who[DESK] = how
        caller = line.ring()
        await asks_for(line, caller, "2")
        await until(lambda: caller.streams == 2)
        await hears_something(caller, caller.stream_began_s)
        await falls_silent(caller)
        assert (await line.call()).status == "in_progress"
        await caller.press("2")  # and once more
        await until(lambda: caller.streams == 3)
        await hears_something(caller, caller.stream_began_s)
        await falls_silent(caller)
        caller.hang_up()
        call = await ended(line)
    turns, events = await rows(call)
    told = [text for role, text in turns if role == "agent"]
    assert told[1:] == [WORDS, f"{says} Is there anything I can do for you?"] * 2
    assert ("not_put_through", {"to": "Desk", "by": DESK, "why": why}) in events
    assert call.end_reason == "caller_hung_up" and call.instead == {}
    assert await reservations(call) == [(DESK, "transfer", True)] * 2


async def test_a_caller_who_comes_back_is_taken_by_a_worker_that_takes_nobody_else(
    settings: Any, site: Any, worker: Any, minds: Minds, billing: Any
) -> None:
    async with worker(capacity=1) as running, site() as line:
        listens_at(settings, running)
        line.exchange.who[DESK] = "busy"
        caller = line.ring()
        await asks_for(line, caller, "2")
        await until(lambda: caller.streams == 2)
        await hears_something(caller, caller.stream_began_s)
        assert not running.has_room
        stranger = line.ring()
        await asyncio.wait_for(stranger.over.wait(), 20)
        assert stranger.streams == 0
        caller.hang_up()
        await asyncio.wait_for(caller.over.wait(), 20)
    assert caller.refusals == []


async def test_whoever_the_limits_do_not_let_is_not_dialled_and_the_caller_hears_it(
    settings: Any, site: Any, worker: Any, agent: Any, minds: Minds, billing: Any
) -> None:
    async with worker() as running, site() as line:
        listens_at(settings, running)
        caller = line.ring()
        await asks_for(line, caller, "4")
        await said(agent, str((await line.call()).pk), 4)
        caller.hang_up()
        call = await ended(line)
    turns, events = await rows(call)
    assert turns[-1][1].startswith("I'm sorry, I can't put you through to Abroad right now.")
    (why,) = [data["why"] for kind, data in events if kind == "not_put_through"]
    assert "Germany" in why and caller.dialled == [] and call.streams == 1
    assert call.end_reason == "caller_hung_up" and await reservations(call) == []


async def test_a_sip_address_is_dialled_and_counted_by_the_same_gate(
    settings: Any, site: Any, worker: Any, minds: Minds, billing: Any, agent: Any
) -> None:
    async with worker() as running, site() as line:
        listens_at(settings, running)
        caller = line.ring()
        await asks_for(line, caller, "3")
        await asyncio.wait_for(caller.over.wait(), 20)
        call = await ended(line)
    assert caller.dialled == ["sip:bar@pbx.example"] and call.end_reason == "transferred"
    ((number, path, is_released),) = await reservations(call)
    assert number.startswith("sip:") and len(number) == 16 and (path, is_released) == ("transfer", True)


async def test_a_carrier_that_refuses_leaves_the_caller_with_the_agent(
    settings: Any, site: Any, worker: Any, agent: Any, minds: Minds, billing: Any
) -> None:
    async with worker() as running, site() as line:
        listens_at(settings, running)
        line.account.refuses_updates = "Call is not in-progress. Cannot redirect."
        caller = line.ring()
        await asks_for(line, caller, "2")
        await said(agent, str((await line.call()).pk), 4)
        caller.hang_up()
        call = await ended(line)
        await asyncio.wait_for(caller.over.wait(), 10)
    turns, events = await rows(call)
    assert turns[-1][1].startswith("I'm sorry, I couldn't reach Desk.")
    (why,) = [data["why"] for kind, data in events if kind == "not_put_through"]
    assert why == "Twilio says: Call is not in-progress. Cannot redirect."
    assert call.streams == 1 and call.instead == {} and await reservations(call) == [(DESK, "transfer", True)]


async def test_a_caller_who_hangs_up_while_it_rings_has_hung_up(
    settings: Any, site: Any, worker: Any, minds: Minds, billing: Any
) -> None:
    async with worker() as running, site() as line:
        listens_at(settings, running)
        line.exchange.who[DESK] = "rings"
        caller = line.ring()
        await asks_for(line, caller, "2")
        await until(lambda: caller.dialled)
        await asyncio.sleep(0.5)
        caller.hang_up()
        call = await ended(line)
        await asyncio.wait_for(caller.over.wait(), 10)
    _, events = await rows(call)
    assert call.end_reason == "caller_hung_up" and call.instead == {}
    assert [data["why"] for kind, data in events if kind == "not_put_through"] == ["The caller hung up while it rang."]
    assert await reservations(call) == [(DESK, "transfer", True)]


def test_an_agent_that_goes_on_keeps_to_what_the_call_began_with() -> None:
    before = AgentSpec.model_validate({"limits": {"max_duration_s": 300}, "privacy": {"record": False}})
    after = AgentSpec.model_validate(
        {"limits": {"max_duration_s": 900}, "privacy": {"record": True, "consent_line": "This is recorded."}}
    )
    now = handing_over.going_on(before, after)
    assert (now.limits.max_duration_s, now.privacy.record, now.privacy.consent_line) == (300, False, "")
