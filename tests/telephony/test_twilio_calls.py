"""Telephone calls, whole: an exchange that speaks as Twilio does, our webhooks, a call worker, its own listener, rows."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from asgiref.sync import sync_to_async
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from accounts import tenancy
from agents.speech import AudioFrame
from telephony import outbound, phone_calls, warmup
from telephony.audio.vad import SpeechStarted, SpeechStopped, VADEdge
from telephony.models import Call, CallEvent
from tests.peers.twilio_stand_in import TOKEN, PhoneCall, sign
from tests.telephony.phones import NUMBER, Phones, ask_our_pages, is_humming, phones, tone

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.paced]


@pytest.fixture
def site(settings: Any, agent: Any, alice: Any) -> Callable[..., Any]:
    return lambda **line: phones(settings, agent, alice, **line)


async def until(is_so: Callable[[], Any], seconds: float = 25) -> None:
    async with asyncio.timeout(seconds):
        while not is_so():
            await asyncio.sleep(0.02)


async def ended(line: Phones, seconds: float = 25) -> Call:
    async with asyncio.timeout(seconds):
        while (call := (await line.calls())[-1]).status != "ended":
            await asyncio.sleep(0.1)
    return call


def listens_at(settings: Any, worker: Any) -> None:
    settings.PHONE_MEDIA_URL = f"ws://127.0.0.1:{worker.telephones.port}/media"


async def rows(call: Call) -> tuple[list[tuple[str, str]], list[tuple[str, dict[str, Any]]]]:
    def read() -> Any:
        with tenancy.use(call.organization_id):
            events = [(event.kind, event.data) for event in CallEvent.objects.filter(call=call)]
            return [(turn.role, turn.text) for turn in call.turns.all()], events

    return await sync_to_async(read)()


async def test_somebody_calls_and_the_agent_answers(settings: Any, site: Any, worker: Any) -> None:
    async with worker() as running, site() as line:
        listens_at(settings, running)
        caller = line.ring(says=tone(3.0))
        await until(lambda: len(caller.heard) > 60)
        await until(lambda: time.monotonic() - caller.heard[-1][0] > 0.5)
        await caller.press("7")
        await caller.press("3")
        pressed = time.monotonic()
        await until(lambda: is_humming(caller.heard_since(pressed)))
        await asyncio.sleep(1.0)
        caller.hang_up()
        call = await ended(line)
        await asyncio.wait_for(caller.over.wait(), 10)
    assert (call.end_reason, call.channel, call.direction) == ("caller_hung_up", "phone", "inbound")
    assert (call.from_number, call.to_number, call.carrier_call_id) == ("+14155550100", NUMBER, caller.sid)
    assert is_humming(b"".join(sound for _, sound in caller.heard)) and caller.marks >= 4
    assert caller.most_buffered_ms <= 200
    turns, events = await rows(call)
    assert turns[0][0] == "agent" and turns[0][1].startswith("Hello")
    assert ("digits", {"digits": "73"}) in events
    assert caller.stream_urls[0].startswith(settings.PHONE_MEDIA_URL)


async def test_the_agent_hangs_up_and_so_does_the_carrier(settings: Any, site: Any, worker: Any) -> None:
    async with worker() as running, site() as line:
        listens_at(settings, running)
        caller = line.ring()
        await until(lambda: caller.heard)
        running._running[(await line.call()).pk].call.hang_up("member_hung_up")
        await asyncio.wait_for(caller.over.wait(), 15)
        call = await ended(line)
    assert call.end_reason == "member_hung_up" and caller.streams == 1
    assert caller.documents[-1] == phone_calls.GOODBYE


async def test_a_stream_that_breaks_is_taken_up_again_with_all_that_was_said(
    settings: Any, site: Any, worker: Any
) -> None:
    async with worker() as running, site() as line:
        listens_at(settings, running)
        caller = line.ring()
        await until(lambda: len(caller.heard) > 70)
        await asyncio.sleep(1.0)
        first = await line.call()
        broken = time.monotonic()
        caller._socket.transport.abort()
        await until(lambda: caller.heard_since(broken + 0.1))
        gap_s = next(at for at, _ in caller.heard if at > broken + 0.1) - broken
        await until(lambda: len(caller.heard_since(broken + 0.1)) > 8_000 * 2)
        assert (await line.call()).status == "in_progress"
        await asyncio.sleep(7)  # the worker's first half of it gives up
        assert (await line.call()).status == "in_progress"
        caller.hang_up()
        call = await ended(line)
    turns, events = await rows(call)
    assert call.pk == first.pk and call.streams == 2 and call.end_reason == "caller_hung_up"
    assert gap_s < 3, gap_s
    assert turns[0][1].startswith("Hello") and turns[1][1].startswith("I'm sorry, we were cut off")
    assert ("resumed", {"stream": 2}) in events
    assert call.duration_ms > 9_000


class LoudVAD:
    """Speech is what is loud."""

    def __init__(self, start_ms: int = 0) -> None:
        self._now_ms, self._is_speech, self._loud, self._quiet = start_ms, False, 0, 0

    def push(self, frame: AudioFrame) -> list[VADEdge]:
        self._now_ms += 20
        is_loud = int(np.abs(np.frombuffer(frame.pcm, np.int16).astype(int)).max()) > 2_000
        self._loud, self._quiet = (self._loud + 1, 0) if is_loud else (0, self._quiet + 1)
        if not self._is_speech and self._loud >= 3:
            self._is_speech = True
            return [SpeechStarted(self._now_ms - 60)]
        if self._is_speech and self._quiet >= 5:
            self._is_speech = False
            return [SpeechStopped(self._now_ms - 100)]
        return []


async def test_a_caller_who_barges_in_hears_no_more_of_it_and_what_was_not_played_was_not_heard(
    settings: Any, site: Any, worker: Any, agent: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def talkative() -> None:
        with tenancy.use(agent.organization_id):
            agent.draft["says"] = {"first_message": " ".join(f"word{number}" for number in range(60))}
            agent.save()

    await sync_to_async(talkative)()
    async with worker() as running, site(network_ms=0) as line:
        monkeypatch.setattr(warmup, "new_vad", LoudVAD)
        listens_at(settings, running)
        caller = line.ring()
        await until(lambda: len(caller.heard) > 150)
        heard_ms = len(caller.heard) * 20
        began = time.monotonic()
        caller.say(tone(3.0))
        await until(lambda: caller.clears)
        await asyncio.sleep(1.0)
        until_quiet_s = [at for at, sound in caller.heard if set(sound) - {0xFF, 0x7F}][-1] - began
        caller.hang_up()
        call = await ended(line)
    turns, events = await rows(call)
    words = turns[0][1].split()
    assert caller.clears == 1 and until_quiet_s < 1.0
    assert "barge_in" in [kind for kind, _ in events]
    # It hums 50 ms a letter. What the line behind the carrier holds back is not counted as heard.
    letters = (heard_ms + until_quiet_s * 1000) / 50
    assert letters - 25 <= len(" ".join(words)) <= letters + 5, (len(" ".join(words)), letters)


async def test_a_token_lets_one_stream_in_and_no_other(settings: Any, site: Any, worker: Any) -> None:
    async with worker() as running, site() as line:
        listens_at(settings, running)
        caller = line.ring()
        await until(lambda: caller.heard)
        for url, status in [
            (caller.stream_urls[0], 403),
            (f"{settings.PHONE_MEDIA_URL}/twilio/{'x' * 32}", 403),
            (f"{settings.PHONE_MEDIA_URL}/twilio/short", 403),
            (f"{settings.PHONE_MEDIA_URL}/other", 404),
        ]:
            with pytest.raises(InvalidStatus) as refused:
                await connect(url)
            assert refused.value.response.status_code == status, url
        with pytest.raises(InvalidStatus):
            await connect(caller.stream_urls[0], origin="https://evil.example")
        assert (await line.call()).status == "in_progress"
        caller.hang_up()
        await ended(line)


async def test_a_stream_that_brings_another_call_is_closed(settings: Any, site: Any, worker: Any) -> None:
    async with worker() as running, site() as line:
        listens_at(settings, running)
        call = await _a_row(line)
        text = await sync_to_async(phone_calls.to_a_worker)(call)
        url = text.split('url="')[1].split('"')[0]
        async with connect(url) as socket:
            await socket.send('{"event":"connected","protocol":"Call","version":"1.0.0"}')
            await socket.send(
                '{"event":"start","start":{"streamSid":"MZ1","callSid":"CAother","accountSid":"'
                + line.account.sid
                + '",'
                '"mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1}}}'
            )
            with pytest.raises(ConnectionClosed):
                await asyncio.wait_for(socket.recv(), 5)
        assert (await line.call()).status == "queued"


async def _a_row(line: Phones, sid: str = "CA1") -> Call:
    form = {"To": NUMBER, "From": "+14155550100", "CallSid": sid}
    await sync_to_async(phone_calls.ring)(line.row, form)
    return await line.call()


async def test_what_is_asked_twice_is_one_call(settings: Any, site: Any, worker: Any) -> None:
    async with worker() as running, site() as line:
        listens_at(settings, running)
        form = {"To": NUMBER, "From": "+14155550100", "CallSid": "CA1"}
        answers = await asyncio.gather(*(sync_to_async(phone_calls.ring)(line.row, form) for _ in range(3)))
        assert all("<Stream" in answer for answer in answers) and len(await line.calls()) == 1


@pytest.mark.parametrize("wrong", ["token", "url", "form", "none", "account"])
async def test_what_twilio_did_not_sign_is_refused_and_changes_nothing(site: Any, layer: Any, wrong: str) -> None:
    async with site() as line:
        url = next(iter(line.account.numbers.values()))["voice_url"]
        form = {
            "AccountSid": line.account.sid,
            "CallSid": "CA9",
            "To": NUMBER,
            "From": "+14155550100",
            "CallStatus": "ringing",
        }
        signature = {
            "token": sign("another", url, form),
            "url": sign(TOKEN, url + "?x=1", form),
            "form": sign(TOKEN, url, {**form, "From": "+1"}),
            "none": "",
            "account": sign(TOKEN, url, {**form, "AccountSid": "AC6"}),
        }[wrong]
        sent = {**form, "AccountSid": "AC6"} if wrong == "account" else form
        status, body = await ask_our_pages(url, sent, {"X-Twilio-Signature": signature} if signature else {})
        assert status == 403 and "<Response" not in body
        assert await line.calls() == []


async def test_a_number_that_nobody_answers_refuses_the_call(site: Any, layer: Any) -> None:
    async with site() as line:

        def nobody() -> None:
            with tenancy.use(line.row.organization_id):
                line.number.agent = None
                line.number.save()

        await sync_to_async(nobody)()
        caller = line.ring()
        await asyncio.wait_for(caller.over.wait(), 10)
    assert caller.status == "rejected" and caller.streams == 0


async def test_without_room_the_caller_hears_that_the_line_is_busy(site: Any, layer: Any) -> None:
    async with site() as line:
        caller = line.ring()
        await asyncio.wait_for(caller.over.wait(), 10)
        call = await line.call()
    assert 'reason="busy"' in caller.documents[0] and call.end_reason == "busy"


async def test_a_caller_who_hangs_up_before_a_worker_has_the_call(settings: Any, site: Any, worker: Any) -> None:
    async with worker() as running, site() as line:
        listens_at(settings, running)
        call = await _a_row(line, "CA77")
        form = {"CallSid": "CA77", "CallStatus": "completed"}
        await sync_to_async(phone_calls.over)(call, form)
        assert (await line.call()).end_reason == "caller_hung_up"


async def place(line: Phones, agent: Any, **more: Any) -> Call:
    return await sync_to_async(outbound.ring)(line.number, agent, "+14155550177", **more)


async def _fresh(agent: Any) -> Any:
    def read() -> Any:
        from agents.models import Agent

        with tenancy.use(agent.organization_id):
            return Agent.objects.select_related("published").get(pk=agent.pk)

    return await sync_to_async(read)()


async def test_the_agent_calls_somebody(settings: Any, site: Any, worker: Any, agent: Any) -> None:
    async with worker() as running, site() as line:
        listens_at(settings, running)
        call = await place(line, await _fresh(agent), on_machine="hang_up")
        await until(lambda: call.carrier_call_id in line.exchange.calls)
        caller: PhoneCall = line.exchange.calls[call.carrier_call_id]
        await until(lambda: len(caller.heard) > 30)
        caller.hang_up()
        done = await ended(line)
    assert (done.direction, done.to_number, done.picked_up_by) == ("outbound", "+14155550177", "human")
    assert done.end_reason == "caller_hung_up" and is_humming(b"".join(sound for _, sound in caller.heard))


@pytest.mark.parametrize(
    ("who", "reason"),
    [
        ("machine_start", "machine_answered"),
        ("busy", "line_busy"),
        ("no-answer", "no_answer"),
        ("failed", "not_reachable"),
    ],
)
async def test_a_call_that_nobody_takes_says_why(
    settings: Any, site: Any, worker: Any, agent: Any, who: str, reason: str
) -> None:
    async with worker() as running, site() as line:
        listens_at(settings, running)
        line.exchange.picks_up = who
        await place(line, await _fresh(agent), on_machine="hang_up")
        done = await ended(line)
    assert done.end_reason == reason and done.answered_at is None


async def test_a_message_is_left_on_a_machine_when_its_greeting_is_over(
    settings: Any, site: Any, worker: Any, agent: Any
) -> None:
    async with worker() as running, site() as line:
        listens_at(settings, running)
        line.exchange.picks_up = "machine_end_beep"
        order = {"on_machine": "leave_message", "machine_message": "Hello {{name}}, please call us back."}
        call = await place(line, await _fresh(agent), variables={"name": "Ada"}, **order)
        done = await ended(line)
    asked = next(form for _, path, form in line.account.asked if path.endswith("Calls.json"))
    assert asked["MachineDetection"] == "DetectMessageEnd"
    assert line.exchange.calls[call.carrier_call_id].said == ["Hello Ada, please call us back."]
    assert (done.end_reason, done.picked_up_by) == ("machine_message", "machine")


async def test_a_person_talks_with_the_agent_although_a_message_is_ready(
    settings: Any, site: Any, worker: Any, agent: Any
) -> None:
    async with worker() as running, site() as line:
        listens_at(settings, running)
        order = {"on_machine": "leave_message", "machine_message": "Please call us back."}
        call = await place(line, await _fresh(agent), **order)
        await until(lambda: call.carrier_call_id in line.exchange.calls)
        caller: PhoneCall = line.exchange.calls[call.carrier_call_id]
        await until(lambda: len(caller.heard) > 30)
        caller.hang_up()
        done = await ended(line)
    assert (done.end_reason, done.picked_up_by, caller.said) == ("caller_hung_up", "human", [])


async def test_the_carrier_refuses_to_place_a_call(site: Any, layer: Any, agent: Any) -> None:
    from telephony.carriers import CarrierError

    async with site() as line:
        line.account.numbers.clear()
        with pytest.raises(CarrierError, match="not yet verified"):
            await place(line, await _fresh(agent))
        assert (await line.call()).end_reason == "carrier_refused"


async def test_numbers_that_are_none_are_not_called(site: Any, layer: Any, agent: Any) -> None:
    async with site() as line:
        fresh = await _fresh(agent)
        for to in ("", "911", "12", "+1", "+49900123456", "hello"):
            with pytest.raises(outbound.MayNotDial):
                await sync_to_async(outbound.ring)(line.number, fresh, to)
        assert await line.calls() == []
