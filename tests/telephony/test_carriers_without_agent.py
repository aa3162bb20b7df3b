"""Calls in which no agent talks, at carriers that leave it to the call worker: messages that callers leave, and machines that pick up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
from asgiref.sync import sync_to_async

from accounts import tenancy
from telephony import outbound, phone_calls
from telephony.audio import g711
from telephony.carriers.registry import CARRIERS
from telephony.models import Call, Recording
from telephony.recordings import absolute
from telephony.without_agent import voice
from tests.peers.twilio_stand_in import QUIET, PhoneCall
from tests.telephony.phones import Phones, ask_our_pages, is_humming, phones, tone
from tests.telephony.test_number_answers import closed, events, set_to
from tests.telephony.test_sip_without_agent import cannot, mute
from tests.telephony.test_twilio_calls import _fresh, ended, listens_at, place, rows, until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.paced]

BY_THE_WORKER = sorted(key for key, carrier in CARRIERS.items() if "voicemail" not in carrier.able)
each_carrier = pytest.mark.parametrize("at", BY_THE_WORKER)
VOICEMAIL = {"how": "voicemail", "greeting": "Nobody is here. Speak after the tone.", "longest_s": 60}
TO_MACHINES = {"on_machine": "leave_message", "machine_message": "Hello {{name}}, please call us back."}


@pytest.fixture
def site(settings: Any, agent: Any, alice: Any) -> Callable[..., Any]:
    settings.CELERY_TASK_ALWAYS_EAGER = False
    return lambda at, **line: phones(settings, agent, alice, at, **line)


@pytest.fixture
def open_line(settings: Any, site: Any, worker: Any) -> Callable[..., Any]:
    """A telephone at the carrier, and the call worker that its streams reach."""

    @asynccontextmanager
    async def opened(at: str, **line: Any) -> AsyncIterator[tuple[Phones, Any]]:
        async with worker() as running, site(at, **line) as found:
            listens_at(settings, running)
            yield found, running

    return opened


async def leaves(caller: PhoneCall, seconds: float, since: float = 0.0) -> None:
    """A message, after the tone."""
    await hears_the_tone(caller, since)
    caller.say(speech(seconds))
    await until(lambda: not caller.says)


def speech(seconds: float) -> bytes:
    """Loud, and no tone."""
    samples = np.random.default_rng(7).normal(0, 4_000, int(8_000 * seconds))
    return g711.encode_ulaw(samples.clip(-30_000, 30_000).astype(np.int16))


def quiet(seconds: float) -> bytes:
    return QUIET * int(seconds * 50)


def hears(caller: PhoneCall, hz: int, since: float = 0.0) -> bool:
    """Within the last 0.2 s."""
    return is_humming(caller.heard_since(max(since, time.monotonic() - 0.25)), hz)


async def hears_the_tone(caller: PhoneCall, since: float = 0.0) -> None:
    """And its end: the caller may speak."""
    await until(lambda: hears(caller, voice.TONE_HZ, since))
    await until(lambda: not hears(caller, voice.TONE_HZ, since))


def test_telnyx_and_plivo_leave_it_to_us() -> None:
    assert BY_THE_WORKER == ["plivo", "telnyx"]
    assert all("machines" not in CARRIERS[at].able for at in BY_THE_WORKER)


# ---- the caller leaves a message


@each_carrier
@pytest.mark.parametrize("end", ["silence", "digit", "hang_up"])
async def test_a_caller_leaves_a_message_which_is_recorded_and_written_down(open_line: Any, at: str, end: str) -> None:
    async with open_line(at) as (line, _):
        await set_to(line, schedule=closed(), after_hours=VOICEMAIL)
        caller = line.ring()
        await leaves(caller, 1.5)
        if end == "digit":
            await caller.press("#")
        elif end == "hang_up":
            caller.hang_up()
        await asyncio.wait_for(caller.over.wait(), 20)
        call = await ended(line)
    turns, told = await rows(call)
    assert call.end_reason == "message_left" and 1 <= call.instead["recording_s"] <= 2
    assert turns == [("agent", VOICEMAIL["greeting"]), ("caller", "Passage 1.")]
    assert ("instead", {"how": "voicemail", "why": "closed"}) in told
    assert is_humming(b"".join(sound for _, sound in caller.heard)[:16_000]) and caller.streams == 1
    if end != "hang_up":
        assert "<Hangup" in caller.documents[-1]
    assert seconds_of_speech(await recording_of(call)) > 1.0


async def recording_of(call: Call) -> Recording:
    def read() -> Recording:
        with tenancy.use(call.organization_id):
            return Recording.objects.get(call=call)

    found = await sync_to_async(read)()
    assert found.is_complete
    return found


def seconds_of_speech(recording: Recording) -> float:
    caller = np.frombuffer(absolute(recording.path).read_bytes()[44:], "<i2").reshape(-1, 2)[:, 0].astype(float)
    loud = [np.abs(caller[at : at + 320]).max() > 3_000 for at in range(0, len(caller), 320)]
    return sum(loud) * 0.02


@each_carrier
async def test_who_says_nothing_leaves_no_message(open_line: Any, at: str) -> None:
    async with open_line(at) as (line, _):
        await set_to(line, schedule=closed(), after_hours=VOICEMAIL)
        caller = line.ring()
        await asyncio.wait_for(caller.over.wait(), 20)
        call = await ended(line)
    assert call.end_reason == "no_message_left" and "recording_s" not in call.instead


@each_carrier
async def test_that_the_call_is_over_may_be_told_before_its_stream_ends(open_line: Any, at: str) -> None:
    async with open_line(at) as (line, _):
        await set_to(line, schedule=closed(), after_hours=VOICEMAIL)
        caller = line.ring()
        await leaves(caller, 1.5)
        _, status_url = line.account.leads(caller.to)
        form = {**line.account.asks(caller), "CallStatus": "completed"}
        await ask_our_pages(status_url, form, line.account.headers(status_url, form))
        call = await ended(line)
    turns, _ = await rows(call)
    assert call.end_reason == "message_left" and turns[-1] == ("caller", "Passage 1.")


@each_carrier
async def test_where_the_stream_breaks_the_caller_leaves_the_message_anew(open_line: Any, at: str) -> None:
    async with open_line(at) as (line, _):
        await set_to(line, schedule=closed(), after_hours=VOICEMAIL)
        caller = line.ring()
        await leaves(caller, 1.0)
        await asyncio.sleep(0.3)
        broken = time.monotonic()
        caller._socket.transport.abort()
        await leaves(caller, 1.5, broken + 0.1)
        caller.hang_up()
        call = await ended(line)
    turns, told = await rows(call)
    assert call.end_reason == "message_left" and caller.streams == call.streams == 2
    greeting = ("agent", VOICEMAIL["greeting"])
    assert turns == [greeting, greeting, ("caller", "Passage 1.")]
    assert [kind for kind, _ in told].count("instead") == 1 and ("resumed", {"stream": 2}) in told
    assert seconds_of_speech(await recording_of(call)) > 2.0


@each_carrier
async def test_where_the_line_breaks_for_good_what_was_said_so_far_is_kept(open_line: Any, at: str) -> None:
    async with open_line(at) as (line, _):
        await set_to(line, schedule=closed(), after_hours=VOICEMAIL)
        caller = line.ring()
        await leaves(caller, 1.5)

        async def says_nothing(*about: Any) -> None:
            """The carrier neither asks what comes next nor tells that it is over."""

        line.exchange.ask = says_nothing
        caller._socket.transport.abort()
        call = await ended(line)
    turns, _ = await rows(call)
    assert call.end_reason == "message_left" and call.instead["recording_s"] >= 1
    assert turns[-1] == ("caller", "Passage 1.")


@each_carrier
async def test_a_full_worker_still_takes_messages(settings: Any, site: Any, worker: Any, at: str) -> None:
    async with worker(capacity=1) as running, site(at) as line:
        listens_at(settings, running)
        await set_to(line, on_failure=VOICEMAIL)
        first = line.ring()
        await until(lambda: len(first.heard) > 10)
        await running._beat()
        second = line.ring()
        await hears_the_tone(second)
        second.say(speech(1.0))
        await until(lambda: not second.says)
        second.hang_up()
        await asyncio.wait_for(second.over.wait(), 20)
        assert (await ended(line)).end_reason == "message_left"
        first.hang_up()
        await until(lambda: not running._running)
    assert [(each.end_reason, each.instead.get("why", "")) for each in await line.calls()] == [
        ("caller_hung_up", ""),
        ("message_left", "no_room"),
    ]


@each_carrier
async def test_without_any_call_worker_the_line_is_busy(site: Any, layer: Any, at: str) -> None:
    async with site(at) as line:
        await set_to(line, schedule=closed(), after_hours=VOICEMAIL)
        caller = line.ring()
        await asyncio.wait_for(caller.over.wait(), 10)
        assert (await line.call()).end_reason == "busy" and "busy" in caller.documents[0]


@each_carrier
@pytest.mark.parametrize("fails", [mute, cannot])
async def test_where_the_agent_fails_at_once_the_caller_leaves_a_message_on_the_same_line(
    open_line: Any, monkeypatch: pytest.MonkeyPatch, at: str, fails: Any
) -> None:
    async with open_line(at) as (line, _):
        fails(monkeypatch)
        await set_to(line, on_failure=VOICEMAIL)
        caller = line.ring()
        await leaves(caller, 1.5)
        await caller.press("#")
        await asyncio.wait_for(caller.over.wait(), 20)
        call = await ended(line)
    turns, told = await rows(call)
    assert (call.end_reason, call.instead["why"], caller.streams) == ("message_left", "failed", 1)
    assert [turn for turn in turns if turn[1]][-1] == ("caller", "Passage 1.")
    assert "agent_failed" in [kind for kind, _ in told]


@each_carrier
async def test_where_the_agent_fails_at_once_the_carrier_still_says_a_message_itself(
    open_line: Any, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    async with open_line(at) as (line, _):
        cannot(monkeypatch)
        await set_to(line, on_failure={"how": "message", "message": "Please call again."})
        caller = line.ring()
        await asyncio.wait_for(caller.over.wait(), 20)
        call = await ended(line)
    assert caller.said == ["Please call again."] and call.end_reason == "message_said"


@each_carrier
async def test_a_member_hangs_up_on_a_caller_who_leaves_a_message(open_line: Any, at: str) -> None:
    async with open_line(at) as (line, _):
        await set_to(line, schedule=closed(), after_hours=VOICEMAIL)
        caller = line.ring()
        await hears_the_tone(caller)
        await stop(await line.call())
        await asyncio.wait_for(caller.over.wait(), 20)
        call = await ended(line)
    assert call.end_reason == "member_hung_up" and "<Hangup" in caller.documents[-1]


async def stop(call: Call) -> None:
    def do() -> None:
        with tenancy.use(call.organization_id):
            outbound.stop(Call.objects.select_related("carrier_account__organization").get(pk=call.pk))

    await sync_to_async(do)()


# ---- who has picked up


async def calls(line: Phones, agent: Any, answers: bytes, **more: Any) -> PhoneCall:
    line.exchange.answers_say = answers
    await place(line, await _fresh(agent), **more)
    await until(lambda: line.exchange.calls)
    (caller,) = line.exchange.calls.values()
    assert "MachineDetection" not in str(line.account.placed)
    return caller


@each_carrier
async def test_a_machine_is_known_by_its_beep_and_hung_up_on(open_line: Any, agent: Any, at: str) -> None:
    async with open_line(at) as (line, _):
        caller = await calls(line, agent, speech(1.0) + quiet(0.3) + tone(0.8, 1_000), on_machine="hang_up")
        await asyncio.wait_for(caller.over.wait(), 20)
        call = await ended(line)
    told = (await events(call))["picked_up"]
    assert (call.end_reason, call.picked_up_by) == ("machine_answered", "machine")
    assert (told["by"], told["why"]) == ("machine", "beep") and not caller.heard
    assert "<Hangup" in caller.documents[-1]


@each_carrier
async def test_a_machine_hears_the_message_after_its_beep(open_line: Any, agent: Any, at: str) -> None:
    async with open_line(at) as (line, _):
        answers = speech(4.0) + quiet(0.5) + tone(0.6, 1_000)
        caller = await calls(line, agent, answers, variables={"name": "Ada"}, **TO_MACHINES)
        await until(lambda: caller.heard)
        assert not caller.says, "not before it has beeped"
        await asyncio.wait_for(caller.over.wait(), 20)
        call = await ended(line)
    turns, _ = await rows(call)
    told = (await events(call))["picked_up"]
    assert (call.end_reason, call.picked_up_by, told["why"]) == ("machine_message", "machine", "cadence")
    assert turns == [("agent", "Hello Ada, please call us back.")] and call.instead["why"] == "machine"
    assert is_humming(b"".join(sound for _, sound in caller.heard)) and "<Hangup" in caller.documents[-1]


@each_carrier
async def test_a_machine_that_hangs_up_before_its_turn_has_no_message(open_line: Any, agent: Any, at: str) -> None:
    async with open_line(at) as (line, _):
        caller = await calls(line, agent, speech(30.0), **TO_MACHINES)

        def picked_up_by() -> str:
            with tenancy.use(line.row.organization_id):
                return Call.objects.get().picked_up_by

        async with asyncio.timeout(10):
            while await sync_to_async(picked_up_by)() != "machine":
                await asyncio.sleep(0.05)
        caller.hang_up()
        call = await ended(line)
    assert call.end_reason == "machine_answered" and not caller.heard


@each_carrier
@pytest.mark.parametrize(("answers", "by"), [(speech(0.6), "human"), (b"", "unknown")])
async def test_a_person_talks_to_the_agent_and_so_does_who_says_nothing(
    open_line: Any, agent: Any, at: str, answers: bytes, by: str
) -> None:
    async with open_line(at) as (line, _):
        caller = await calls(line, agent, answers, **TO_MACHINES)
        await until(lambda: len(caller.heard) > 30)
        waited_s = caller.heard[0][0] - caller.stream_began_s
        caller.hang_up()
        call = await ended(line)
    turns, _ = await rows(call)
    assert (call.end_reason, call.picked_up_by) == ("caller_hung_up", by)
    assert turns[0][1].startswith("Hello") and waited_s < 4.0, "their first word may have been before the stream"


@each_carrier
async def test_where_the_stream_breaks_another_goes_on_listening(open_line: Any, agent: Any, at: str) -> None:
    async with open_line(at) as (line, _):
        caller = await calls(line, agent, speech(1.0), **TO_MACHINES)
        await until(lambda: caller.streams == 1 and len(caller.says) < 4_000)
        caller.says[:] = speech(4.0) + quiet(0.5) + tone(0.6, 1_000)
        caller._socket.transport.abort()
        await asyncio.wait_for(caller.over.wait(), 30)
        call = await ended(line)
    assert (call.end_reason, call.picked_up_by, call.streams) == ("machine_message", "machine", 2)


@each_carrier
async def test_where_only_people_and_machines_alike_are_talked_to_nobody_listens_first(
    open_line: Any, agent: Any, at: str
) -> None:
    async with open_line(at) as (line, _):
        caller = await calls(line, agent, speech(1.0))
        await until(lambda: len(caller.heard) > 10)
        assert caller.heard[0][0] - caller.stream_began_s < 1.5
        caller.hang_up()
        assert (await ended(line)).picked_up_by == ""


def test_a_stream_knows_what_to_do_with_a_machine_until_it_is_known_who_is_there() -> None:
    def row(by: str) -> Call:
        return Call(instead={"on_machine": "hang_up"}, picked_up_by=by)

    assert [phone_calls._on_machine(row(by)) for by in ("", "machine", "human", "unknown")] == [
        "hang_up", "hang_up", "talk", "talk",
    ]  # fmt: skip
    assert phone_calls._on_machine(Call()) == "talk"
