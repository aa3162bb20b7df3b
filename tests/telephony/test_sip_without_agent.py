"""SIP calls in which no agent talks: messages said and taken, callers put through, agents that fail, machines that pick up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from asgiref.sync import sync_to_async

from accounts import tenancy
from agents import live
from agents.publish import create_agent, publish
from agents.speech import ProviderError
from telephony import live_call, outbound, reception
from telephony.dialing.hours import DAYS
from telephony.models import Call, PhoneNumber, Recording
from telephony.phone_numbers import CannotDo
from telephony.recordings import absolute
from telephony.sip import commands, events
from telephony.trunks import upkeep
from telephony.without_agent import voice
from tests.telephony import stand_ins
from tests.telephony.sip_phone import SipPhone, peak_hz, recent
from tests.telephony.test_sip_calls import (
    OURS,
    THEIRS,
    events_of,
    has_ended,
    knows,
    make_trunk,
    read,
    serving,
    the_call,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.paced]


@pytest.fixture(autouse=True)
def _sip(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.SIP_HOST, settings.SIP_PORT, settings.SIP_TLS_PORT = ["127.0.0.1"], 0, 0
    settings.RTP_PORTS = (45_000, 47_999)
    settings.EGRESS_ALLOW_PRIVATE = True
    monkeypatch.setattr(upkeep, "POLL_SECONDS", 0.2)


@pytest.fixture
def published(agent: Any, alice: Any) -> Any:
    from telephony.dialing import policies

    with tenancy.use(agent.organization_id):
        publish(agent, alice)
        policies.change(agent.organization, {"home_country": "US", "calls_from": "00:00", "calls_until": "24:00"})
    return agent


def closed() -> dict[str, Any]:
    """A schedule that opens in three days."""
    day = DAYS[(datetime.now(UTC).weekday() + 3) % 7]
    return {"openings": [{"days": [day], "opens": "09:00", "closes": "10:00"}], "time_zone": "Etc/UTC"}


def a_number(agent: Any, port: int, **groups: Any) -> Any:
    trunk = make_trunk(agent, host="127.0.0.1", port=port)
    with tenancy.use(agent.organization_id):
        number = PhoneNumber.objects.select_related("organization", "trunk").get(trunk=trunk)
    reception.change(number, groups)
    return trunk


async def turns_of(call: Call) -> list[tuple[str, str]]:
    return await read(  # type: ignore[no-any-return]
        call.organization_id, lambda: [(turn.role, turn.text) for turn in call.turns.order_by("index")]
    )


async def kinds(call: Call) -> dict[str, Any]:
    return dict(await events_of(call))


async def test_after_hours_a_message_is_said_and_it_hangs_up(worker: Any, published: Any) -> None:
    async with SipPhone() as phone, serving(worker) as running:
        what = {"how": "message", "message": "We open at nine tomorrow morning."}
        trunk = await sync_to_async(a_number)(published, phone.port, schedule=closed(), after_hours=what)
        await knows(running, trunk)
        phone.call(OURS, running.house.port)
        await phone.hears(1_000)
        await asyncio.wait_for(phone.over.wait(), 20)
        call = await the_call(published, has_ended)
    assert (call.end_reason, call.instead["why"]) == ("message_said", "closed")
    assert await turns_of(call) == [("agent", "We open at nine tomorrow morning.")]
    assert (await kinds(call))["instead"] == {"how": "message", "why": "closed"}
    assert phone.ended().reason == "remote_hung_up" and call.answered_at is not None and call.duration_ms > 1_000


async def leaves_a_message(phone: SipPhone, port: int) -> None:
    """Waits for the greeting and the tone, then speaks."""
    phone.mouth.is_quiet = True
    phone.call(OURS, port)
    await phone.hears(1_000, 0.3)
    await phone.hears(voice.TONE_HZ, 0.2)
    await phone.until(lambda: peak_hz(recent(phone, 0.2)) is None)
    phone.mouth.is_quiet = False
    await asyncio.sleep(1.5)
    phone.mouth.is_quiet = True


VOICEMAIL = {"how": "voicemail", "greeting": "Nobody is here. Speak after the tone.", "longest_s": 60}


@pytest.mark.parametrize("end", ["silence", "digit", "hang_up"])
async def test_a_caller_leaves_a_message_which_is_recorded_and_written_down(
    worker: Any, published: Any, end: str
) -> None:
    async with SipPhone() as phone, serving(worker) as running:
        trunk = await sync_to_async(a_number)(published, phone.port, schedule=closed(), after_hours=VOICEMAIL)
        await knows(running, trunk)
        await leaves_a_message(phone, running.house.port)
        if end == "digit":
            await phone.press("#")
        elif end == "hang_up":
            phone.hang_up()
        await asyncio.wait_for(phone.over.wait(), 30)
        call = await the_call(published, has_ended)
    assert call.end_reason == "message_left" and call.instead["recording_s"] >= 1
    assert await turns_of(call) == [("agent", VOICEMAIL["greeting"]), ("caller", "Passage 1.")]
    recording = await read(call.organization_id, lambda: Recording.objects.get(call=call))
    caller = np.frombuffer(absolute(recording.path).read_bytes()[44:], "<i2").reshape(-1, 2)[:, 0].astype(float)
    assert recording.is_complete and int((np.abs(caller) > 3_000).sum()) > 16_000 * 0.5


async def test_who_says_nothing_leaves_no_message(worker: Any, published: Any) -> None:
    async with SipPhone() as phone, serving(worker) as running:
        trunk = await sync_to_async(a_number)(published, phone.port, schedule=closed(), after_hours=VOICEMAIL)
        await knows(running, trunk)
        phone.mouth.is_quiet = True
        phone.call(OURS, running.house.port)
        await asyncio.wait_for(phone.over.wait(), 30)
        call = await the_call(published, has_ended)
    assert call.end_reason == "no_message_left" and "recording_s" not in call.instead


@pytest.mark.parametrize("status", [200, 486])
async def test_a_caller_is_put_through_by_the_trunk_or_hears_the_message(
    worker: Any, published: Any, status: int
) -> None:
    async with SipPhone() as phone, serving(worker) as running:
        what = {"how": "forward", "forward_to": THEIRS, "message": "Nobody is there."}
        trunk = await sync_to_async(a_number)(published, phone.port, schedule=closed(), after_hours=what)
        await knows(running, trunk)
        phone.mouth.is_quiet = True
        phone.call(OURS, running.house.port)
        await phone.until(lambda: any(isinstance(each, events.TransferAsked) for each in phone.events))
        asked = next(each for each in phone.events if isinstance(each, events.TransferAsked))
        phone.endpoint.do(commands.ReportTransfer(asked.call, status))
        if status != 200:
            await phone.hears(1_000, 0.3)
        await asyncio.wait_for(phone.over.wait(), 20)
        call = await the_call(published, has_ended)
    if status == 200:
        assert call.end_reason == "forwarded" and (await kinds(call))["put_through"] == {"to": THEIRS}
    else:
        assert call.end_reason == "not_forwarded" and "busy" in (await kinds(call))["not_put_through"]["why"]
        assert await turns_of(call) == [("agent", "Nobody is there.")]


async def test_nobody_is_put_through_to_whom_the_limits_forbid(worker: Any, published: Any) -> None:
    async with SipPhone() as phone, serving(worker) as running:
        what = {"how": "forward", "forward_to": "+41446681800", "message": "Nobody is there."}
        trunk = await sync_to_async(a_number)(published, phone.port, schedule=closed(), after_hours=what)
        await knows(running, trunk)
        phone.call(OURS, running.house.port)
        await asyncio.wait_for(phone.over.wait(), 20)
        call = await the_call(published, has_ended)
    assert call.end_reason == "not_forwarded"
    assert not any(isinstance(each, events.TransferAsked) for each in phone.events)


def test_a_forward_leads_to_a_number_or_a_sip_address(published: Any) -> None:
    trunk = make_trunk(published, host="127.0.0.1")
    with tenancy.use(published.organization_id):
        number = PhoneNumber.objects.select_related("organization").get(trunk=trunk)
    reception.change(number, {"after_hours": {"how": "forward", "forward_to": "sip:desk@pbx.example.com"}})
    with pytest.raises(CannotDo, match="no SIP address"):
        reception.change(number, {"after_hours": {"how": "forward", "forward_to": "sip:desk"}})


async def test_after_hours_a_busy_tone_is_busy(worker: Any, published: Any) -> None:
    async with SipPhone() as phone, serving(worker) as running:
        trunk = await sync_to_async(a_number)(published, phone.port, schedule=closed(), after_hours={"how": "refuse"})
        await knows(running, trunk)
        phone.call(OURS, running.house.port)
        await asyncio.wait_for(phone.over.wait(), 10)
        call = await the_call(published, has_ended)
    assert phone.ended().status == 486 and call.end_reason == "after_hours"


async def test_a_full_worker_still_takes_messages(worker: Any, published: Any) -> None:
    """They cost next to nothing."""
    async with SipPhone() as first, SipPhone() as phone, serving(worker, capacity=1) as running:
        what = {"how": "message", "message": "All our agents are talking."}
        trunk = await sync_to_async(a_number)(published, phone.port, on_failure=what)
        await knows(running, trunk)
        first.call("front-desk", running.house.port)
        await first.hears(1_000, 0.3)
        phone.call(OURS, running.house.port)
        await phone.hears(1_000, 0.3)
        await asyncio.wait_for(phone.over.wait(), 20)
        first.hang_up()
        await asyncio.wait_for(first.over.wait(), 10)
    rows = await read(
        published.organization_id, lambda: list(Call.objects.exclude(instead={}).values_list("end_reason", "instead"))
    )
    assert [(reason, instead["why"]) for reason, instead in rows] == [("message_said", "no_room")]


# ---- the agent fails before its first word


class MuteTTS:
    rate_hz = 24_000
    can_ipa = False

    async def speak(self, text: str, *, speed: float) -> AsyncIterator[bytes]:
        raise ProviderError("The account has no credit left.", permanent=True)
        yield b""


def mute(monkeypatch: pytest.MonkeyPatch) -> None:
    """The agent's voice fails; another agent's works."""

    async def make(spec: Any, secrets: Any) -> live.LiveAgent:
        made = await stand_ins.make(spec, secrets)
        if spec.name != "Front desk":
            return made
        return live.LiveAgent(spec, made.stt, MuteTTS(), made.mind, made.speak_text)

    monkeypatch.setattr(live_call.live, "make", make)


def cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    """It can't even be made: its model is gone."""

    async def make(spec: Any, secrets: Any) -> live.LiveAgent:
        raise live.CannotTalk("model", "There is no model called “gone” on this machine.")

    monkeypatch.setattr(live_call.live, "make", make)


@pytest.mark.parametrize("fails", [mute, cannot])
async def test_an_agent_that_fails_before_its_first_word_is_stood_in_for(
    worker: Any, published: Any, monkeypatch: pytest.MonkeyPatch, fails: Any
) -> None:
    async with SipPhone() as phone, serving(worker) as running:
        fails(monkeypatch)
        what = {"how": "message", "message": "Please call again in an hour."}
        trunk = await sync_to_async(a_number)(published, phone.port, on_failure=what)
        await knows(running, trunk)
        phone.call(OURS, running.house.port)
        await phone.hears(1_000, 0.3)
        await asyncio.wait_for(phone.over.wait(), 20)
        call = await the_call(published, has_ended)
    assert (call.end_reason, call.instead["why"]) == ("message_said", "failed")
    said = [text for role, text in await turns_of(call) if text]
    assert said == ["Please call again in an hour."]
    told = await kinds(call)
    assert told["agent_failed"]["reason"] == ("tts_failed" if fails is mute else "model_failed")
    assert told["agent_failed"]["detail"] and told["instead"] == {"how": "message", "why": "failed"}


async def test_another_agent_goes_on_where_the_first_fails_at_once(
    worker: Any, published: Any, monkeypatch: pytest.MonkeyPatch, alice: Any
) -> None:
    def second() -> str:
        with tenancy.use(published.organization_id):
            made = create_agent(published.organization, "Night desk")
            publish(made, alice, "")
            return str(made.pk)

    other = await sync_to_async(second)()
    async with SipPhone() as phone, serving(worker) as running:
        mute(monkeypatch)
        trunk = await sync_to_async(a_number)(published, phone.port, on_failure={"how": "agent", "agent": other})
        await knows(running, trunk)
        phone.call(OURS, running.house.port)
        await phone.hears(1_000)
        phone.hang_up()
        call = await the_call(published, has_ended)
    assert (call.end_reason, str(call.agent_id)) == ("caller_hung_up", other)
    assert (await kinds(call))["instead"] == {"how": "agent", "why": "failed"}


async def test_without_another_way_it_ends_as_before(
    worker: Any, published: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with SipPhone() as phone, serving(worker) as running:
        cannot(monkeypatch)
        trunk = await sync_to_async(a_number)(published, phone.port)
        await knows(running, trunk)
        phone.call(OURS, running.house.port)
        await asyncio.wait_for(phone.over.wait(), 20)
        call = await the_call(published, has_ended)
    assert call.end_reason == "model_failed" and "agent_failed" not in await kinds(call)


# ---- who picks up


async def ring(trunk: Any, agent: Any, running: Any, **more: Any) -> Call:
    await knows(running, trunk)
    await running._beat()
    number = await read(
        trunk.organization_id, lambda: PhoneNumber.objects.select_related("trunk", "organization").get(trunk=trunk)
    )
    return await sync_to_async(outbound.ring)(number, agent, THEIRS, **more)  # type: ignore[no-any-return]


async def test_a_machine_is_known_by_its_beep_and_hung_up_on(worker: Any, published: Any) -> None:
    async with SipPhone() as phone, serving(worker) as running:  # it picks up with one steady tone
        trunk = await sync_to_async(a_number)(published, phone.port)
        await ring(trunk, published, running, on_machine="hang_up")
        await asyncio.wait_for(phone.over.wait(), 20)
        call = await the_call(published, has_ended)
    assert (call.end_reason, call.picked_up_by) == ("machine_answered", "machine")
    told = (await kinds(call))["picked_up"]
    assert (told["by"], told["why"]) == ("machine", "beep") and await turns_of(call) == []


async def test_a_message_is_left_after_the_beep(worker: Any, published: Any) -> None:
    async with SipPhone() as phone, serving(worker) as running:
        trunk = await sync_to_async(a_number)(published, phone.port)
        order = {"on_machine": "leave_message", "machine_message": "Hello {{name}}, please call us back."}
        phone.mouth.hz = 850  # about a second of 440 Hz, and nothing said before it, would be an exchange that rings
        await ring(trunk, published, running, variables={"name": "Ada"}, **order)
        await phone.until(lambda: len(phone.heard) > 16_000 * 2)
        phone.mouth.is_quiet = True  # the beep is over
        await phone.hears(1_000)
        await asyncio.wait_for(phone.over.wait(), 20)
        call = await the_call(published, has_ended)
    assert (call.end_reason, call.picked_up_by) == ("machine_message", "machine")
    assert await turns_of(call) == [("agent", "Hello Ada, please call us back.")]


async def test_a_silent_line_is_nobody_knows_and_the_agent_talks(worker: Any, published: Any) -> None:
    async with SipPhone() as phone, serving(worker) as running:
        phone.mouth.is_quiet = True
        trunk = await sync_to_async(a_number)(published, phone.port)
        await ring(trunk, published, running, on_machine="hang_up")
        await phone.hears(1_000)
        phone.hang_up()
        call = await the_call(published, has_ended)
    assert (call.end_reason, call.picked_up_by) == ("caller_hung_up", "unknown")


async def test_a_message_must_be_written_before_it_can_be_left(worker: Any, published: Any) -> None:
    async with serving(worker) as running:
        trunk = await sync_to_async(a_number)(published, 5060)
        with pytest.raises(outbound.MayNotDial, match="Write the message"):
            await ring(trunk, published, running, on_machine="leave_message")
