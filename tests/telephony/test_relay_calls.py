"""Telephone calls whose sound stays with Twilio: words come and go, and everything else is as in every call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from accounts import tenancy
from agents.conversation import Conversation
from agents.live import LiveAgent
from agents.mind import Collected, EndCall, Keys, PressKeys, ReplyPart, Say, Utterance
from agents.spec import AgentSpec
from agents.speech import ProviderError
from telephony import live_call, phone_calls, reception
from telephony.models import Recording, Turn
from telephony.phone_numbers import CannotDo
from tests.peers.relay_stand_in import Relay
from tests.peers.twilio_stand_in import PhoneCall
from tests.telephony import stand_ins
from tests.telephony.phones import Phones, phones
from tests.telephony.test_twilio_calls import ended, listens_at, rows, until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.paced]
STORY = [" ".join(f"word{number}" for number in range(first, first + 12)) + "." for first in (0, 12, 24, 36)]


class Clerk(stand_ins.SimpleMind):
    """Has an answer to some words, and keeps what it was told once that is certain."""

    def __init__(self, spec: AgentSpec) -> None:
        super().__init__(spec)
        self.committed: list[int] = []
        self.saw: list[list[str]] = []
        self.pressed: list[str] = []

    async def reply(self, utterance: Utterance, conversation: Conversation) -> AsyncIterator[ReplyPart]:
        self.saw.append([f"{turn.role}: {turn.text}" for turn in conversation.turns])
        match utterance.text:
            case "tell me a story":
                for sentence in STORY:
                    yield Say(sentence)
            case "break":
                raise ProviderError("The model is away.")
            case "goodbye":
                yield Say("Goodbye to you.")
                yield EndCall("caller_goodbye")
            case "my pin":
                yield Say("Enter it.", keys=Keys(4, "#", 3_000, 1_500, is_secret=True))
            case "":
                yield Say("You pressed nothing.")
                yield PressKeys("w5")
            case text:
                self.pressed.append(utterance.digits)
                yield Collected("name", text)
                yield Say(f"You said {text}.")

    def commit(self, revision: int) -> None:
        self.committed.append(revision)


@pytest.fixture
def minds(monkeypatch: pytest.MonkeyPatch) -> list[Clerk]:
    made: list[Clerk] = []

    async def make(spec: AgentSpec, secrets: Mapping[str, str]) -> LiveAgent:
        made.append(Clerk(spec))
        return LiveAgent(spec, stand_ins.DeafSTT(), stand_ins.HummingTTS(), made[-1], lambda text: text)

    monkeypatch.setattr(live_call.live, "make", make)
    return made


@pytest.fixture
def site(settings: Any, agent: Any, alice: Any) -> Callable[..., Any]:
    return lambda: phones(settings, agent, alice)


async def called(settings: Any, running: Any, line: Phones, **speech: str) -> tuple[PhoneCall, Relay]:
    listens_at(settings, running)
    await sync_to_async(reception.change)(line.number, {"speech": {"by": "twilio", **speech}})
    caller = line.ring()
    await until(lambda: caller.relay is not None and caller.relay.connected.is_set())
    assert caller.relay is not None
    return caller, caller.relay


async def test_a_caller_is_greeted_answered_interrupts_presses_and_says_goodbye(
    settings: Any, site: Any, worker: Any, minds: list[Clerk]
) -> None:
    async with worker() as running, site() as line:
        caller, relay = await called(settings, running, line, voice="en-US-Journey-O")
        assert relay.terms["voice"] == "en-US-Journey-O" and relay.terms["events"] == "speaker-events tokens-played"
        await until(lambda: "Hello" in relay.heard)
        await until(lambda: not relay._is_speaking)
        await relay.say("my name is Ann")
        await until(lambda: "You said my name is Ann. " in relay.heard)
        await relay.say("tell me a story")
        await until(lambda: "word8 " in relay.heard)
        await relay.say("wait please")
        await until(lambda: "You said wait please. " in relay.heard)
        assert "word47" not in relay.heard
        for digit in "42#":
            await relay.press(digit)
        await until(lambda: "You said Pressed four two" in relay.heard)
        await relay.say("goodbye")
        await asyncio.wait_for(caller.over.wait(), 20)
        call = await ended(line)
    turns, events = await rows(call)
    assert call.end_reason == "caller_goodbye" and relay.heard.endswith("Goodbye to you. ")
    assert relay.is_ended and caller.documents[-1] == phone_calls.GOODBYE
    told = [text for _, text in turns]
    assert [role for role, _ in turns] == ["agent"] + ["caller", "agent"] * 5
    assert told[1:3] == ["my name is Ann", "You said my name is Ann."]
    assert told[4].startswith("word0 word1") and "word47" not in told[4]
    assert told[5:8] == ["wait please", "You said wait please.", "Pressed 4 2 #"]
    assert f"agent: {told[4]}" in minds[0].saw[2], "the mind believes that only what was heard was said"
    assert minds[0].saw[1][-2:] == ["caller: my name is Ann", "agent: You said my name is Ann."]
    assert minds[0].committed == [1, 2, 3, 4, 5]
    assert ("digits", {"digits": "42#"}) in events and any(kind == "barge_in" for kind, _ in events)
    assert ("not_recorded", {}) in events

    def read() -> tuple[int, list[dict[str, int]]]:
        with tenancy.use(call.organization_id):
            waits = list(
                Turn.objects.filter(call=call, role="agent").exclude(latency={}).values_list("latency", flat=True)
            )
            return Recording.objects.filter(call=call).count(), waits

    recordings, waits = await sync_to_async(read)()
    assert recordings == 0 and len(waits) == 5
    assert all(wait["total_ms"] == wait["model_ms"] < 2_000 for wait in waits)


async def test_a_model_that_fails_is_excused_once_and_ends_the_call_where_it_fails_again_at_once(
    settings: Any, site: Any, worker: Any, minds: list[Clerk]
) -> None:
    async with worker() as running, site() as line:
        caller, relay = await called(settings, running, line)
        await until(lambda: "Hello" in relay.heard)
        await until(lambda: not relay._is_speaking)
        for times in (1, 2):
            await relay.say("break")
            await until(lambda times=times: relay.heard.count("something went wrong on my side") == times)
            await until(lambda: not relay._is_speaking)
            if times == 1:
                await relay.say("my name is Ann")
                await until(lambda: "You said my name is Ann." in relay.heard and not relay._is_speaking)
        await relay.say("break")
        await asyncio.wait_for(caller.over.wait(), 20)
        call = await ended(line)
    assert call.end_reason == "model_failed" and "technical problem" in relay.heard
    assert len(minds[0].committed) == 1


async def test_the_last_words_are_heard_to_the_end_and_no_interruption_is_lost(
    settings: Any, site: Any, worker: Any, minds: list[Clerk], agent: Any
) -> None:
    def may_not_interrupt() -> None:
        with tenancy.use(agent.organization_id):
            agent.draft["listens"] = {"barge_in": False}
            agent.save()

    await sync_to_async(may_not_interrupt)()
    async with worker() as running, site() as line:
        caller, relay = await called(settings, running, line)
        assert relay.terms["interruptible"] == "none"
        await until(lambda: "Hello" in relay.heard)
        await relay.say("tell me a story")
        await until(lambda: "word8 " in relay.heard)
        await relay.say("my name is Ann")
        await until(lambda: "You said my name is Ann. " in relay.heard)
        assert "word47" in relay.heard
        await until(lambda: not relay._is_speaking)
        relay.terms["interruptible"] = "any"  # as if they did not keep to it
        await relay.say("goodbye")
        await until(lambda: "Goodbye" in relay._utterance)
        await relay.say("um")
        await asyncio.wait_for(caller.over.wait(), 20)
        call = await ended(line)
    turns, events = await rows(call)
    assert relay.heard.endswith("Goodbye to you. ") and call.end_reason == "caller_goodbye"
    assert ("caller", "my name is Ann") in turns and ("said_again", {}) in events


async def test_somebody_of_the_team_ends_it_and_the_last_words_are_heard(
    settings: Any, site: Any, worker: Any, minds: list[Clerk]
) -> None:
    async with worker() as running, site() as line:
        caller, relay = await called(settings, running, line)
        await until(lambda: "Hello" in relay.heard)
        running._running[(await line.call()).pk].call.hang_up("member_hung_up")
        await asyncio.wait_for(caller.over.wait(), 20)
        call = await ended(line)
    assert call.end_reason == "member_hung_up" and "Goodbye" in relay.heard and relay.is_ended


async def test_words_that_break_off_are_taken_up_by_another_session(
    settings: Any, site: Any, worker: Any, minds: list[Clerk]
) -> None:
    async with worker() as running, site() as line:
        caller, relay = await called(settings, running, line)
        await until(lambda: "Hello" in relay.heard)
        await until(lambda: not relay._is_speaking)
        relay.socket.transport.abort()
        await until(lambda: caller.relay is not relay and caller.relay.connected.is_set())
        again = caller.relay
        assert again is not None
        await until(lambda: "cut off" in again.heard)
        await again.say("my name is Ann")
        await until(lambda: "You said my name is Ann. " in again.heard)
        caller.hang_up()
        call = await ended(line)
    assert call.end_reason == "caller_hung_up" and call.streams == 2


def test_only_numbers_at_twilio_may_have_twilio_hear_and_speak(alice: Any, agent: Any) -> None:
    from telephony.models import PhoneNumber, Trunk

    with tenancy.use(agent.organization_id):
        trunk = Trunk.objects.create(organization_id=agent.organization_id, label="Ours", host="pbx.example")
        number = PhoneNumber.objects.create(organization_id=agent.organization_id, trunk=trunk, number="200")
    with pytest.raises(CannotDo, match="only where the number is at Twilio"):
        reception.change(number, {"speech": {"by": "twilio"}})


async def test_keys_that_are_asked_for_are_masked_where_they_are_secret_and_none_is_an_answer_too(
    settings: Any, site: Any, worker: Any, minds: list[Clerk]
) -> None:
    async with worker() as running, site() as line:
        caller, relay = await called(settings, running, line)
        await until(lambda: "Hello" in relay.heard and not relay._is_speaking)
        await relay.say("my pin")
        await until(lambda: "Enter it." in relay.heard and not relay._is_speaking)
        await relay.say("one moment")
        await until(lambda: "You said one moment." in relay.heard and not relay._is_speaking)
        for digit in "4711#":
            await relay.press(digit)
        await until(lambda: minds[0].pressed == ["", "4711#"])
        await relay.say("my pin")
        await until(lambda: relay.digits == ["w5"])  # once its words were heard
        assert "You pressed nothing." in relay.heard
        await relay.say("goodbye")
        await asyncio.wait_for(caller.over.wait(), 20)
        call = await ended(line)
    turns, events = await rows(call)
    assert [text for role, text in turns if role == "caller"] == [
        "my pin",
        "one moment",
        "Pressed • • • • •",
        "my pin",
        "goodbye",
    ]
    assert [data["digits"] for kind, data in events if kind in ("digits", "digits_sent")] == ["•••••", "W5"]
    assert "4711" not in repr(events) + repr(minds[0].saw)
