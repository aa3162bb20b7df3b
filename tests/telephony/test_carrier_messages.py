"""Messages that a carrier takes for an agent that had begun: they are kept behind what was recorded until then."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from asgiref.sync import sync_to_async

from accounts import tenancy
from frontend.queries import call_page
from telephony import messages, phone_calls
from telephony.models import Call, CallEvent, Recording, Turn
from telephony.recordings import absolute
from tests.peers.twilio_stand_in import PhoneCall
from tests.telephony.phones import Phones, ask_our_pages, phones, tone
from tests.telephony.test_number_answers import set_to
from tests.telephony.test_sip_without_agent import mute
from tests.telephony.test_twilio_calls import ended, listens_at, until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.paced]

VOICEMAIL = {"how": "voicemail", "greeting": "Speak after the tone.", "longest_s": 60}
HZ = 440
each_that_takes_messages = pytest.mark.parametrize("at", ["twilio", "signalwire"])


@pytest.fixture
def site(settings: Any, agent: Any, alice: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    settings.CELERY_TASK_ALWAYS_EAGER = False

    async def transcribe(spec: Any, secrets: Any, pcm: bytes) -> list[Any]:
        """In the place of a transcriber."""
        return [messages.dictation.Passage("Please call me back.", 400, 1_600, 0.9)]

    monkeypatch.setattr(messages.dictation, "transcribe", transcribe)
    return lambda at, **line: phones(settings, agent, alice, at, **line)


async def of_rows(call: Call) -> tuple[Recording | None, list[Turn], call_page.Sound]:
    def read() -> Any:
        with tenancy.use(call.organization_id):
            recording = Recording.objects.filter(call=call).first()
            found = Call.objects.get(pk=call.pk)
            sound = call_page.sound(found, recording, list(CallEvent.objects.filter(call=call)))
            return recording, list(found.turns.order_by("index")), sound

    return await sync_to_async(read)()  # type: ignore[no-any-return]


def message_in(recording: Recording) -> float:
    """How many seconds of the caller's tone are in its last two."""
    caller = np.frombuffer(absolute(recording.path).read_bytes()[44:], "<i2").reshape(-1, 2)[-32_000:, 0].astype(float)
    spectrum = np.abs(np.fft.rfft(caller))
    assert abs(int(spectrum.argmax()) * 16_000 / len(caller) - HZ) < 5
    return float((np.abs(caller) > 1_000).mean() * 2)


async def a_message_is_left(line: Phones, caller: PhoneCall) -> Call:
    """Behind a recording; it is fetched, and told of a second time."""
    await asyncio.wait_for(caller.over.wait(), 30)
    call = await ended(line)
    assert call.end_reason == "message_left"
    assert call.recording_at_carrier and call.recording_at_carrier in line.account.recordings
    first, _, sound = await of_rows(call)
    assert first is not None and first.is_complete and first.duration_ms > 0, "the agent had begun"
    assert sound.recording is not None and "is being fetched" in sound.note
    assert await sync_to_async(messages.fetch)(call.pk, call.organization_id)
    assert line.account.recordings == {}
    recording, turns, sound = await of_rows(call)
    assert recording is not None and sound.recording is not None and sound.note == ""
    left_s = call.instead["recording_s"]
    assert abs(recording.duration_ms - first.duration_ms - left_s * 1_000) < 1_000 and recording.is_complete
    assert recording.size_bytes == absolute(recording.path).stat().st_size > first.size_bytes
    assert message_in(recording) > 1.5
    said = [(turn.role, turn.text, turn.started_ms) for turn in turns[-2:]]
    at_ms = first.duration_ms
    assert said == [("agent", "Speak after the tone.", at_ms), ("caller", "Please call me back.", at_ms + 400)]
    await told_again(line, caller, call)
    return call


async def told_again(line: Phones, caller: PhoneCall, call: Call) -> None:
    """The carrier repeats itself."""
    url, form = caller.recording_told
    assert (await ask_our_pages(url, form, line.account.headers(url, form)))[0] == 200
    found = await line.call()
    assert (found.recording_at_carrier, found.instead["fetched"]) == ("", form["RecordingSid"])


@each_that_takes_messages
async def test_where_the_agent_fails_after_its_recording_began_the_message_is_kept_behind_it(
    settings: Any, site: Any, worker: Any, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    async with worker() as running, site(at) as line:
        listens_at(settings, running)
        mute(monkeypatch)
        await set_to(line, on_failure=VOICEMAIL)
        caller = line.ring(says=tone(8.0, HZ))
        call = await a_message_is_left(line, caller)
        assert call.instead["why"] == "failed"


async def test_where_the_worker_is_lost_the_message_is_kept_behind_what_it_recorded(
    settings: Any, site: Any, worker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with worker() as running, site("twilio") as line:
        listens_at(settings, running)
        await set_to(line, on_failure=VOICEMAIL)
        caller = line.ring(says=tone(9.0, HZ))
        await until(lambda: len(caller.heard) > 60)
        monkeypatch.setattr(phone_calls, "has_room", lambda: False)
        caller._socket.transport.abort()
        call = await a_message_is_left(line, caller)
        assert call.instead["why"] == "lost"


async def test_a_message_that_is_fetched_twice_is_kept_once(
    settings: Any, site: Any, worker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where Celery was killed before it had written the words down."""
    async with worker() as running, site("twilio") as line:
        listens_at(settings, running)
        mute(monkeypatch)
        await set_to(line, on_failure=VOICEMAIL)
        caller = line.ring(says=tone(6.0, HZ))
        await asyncio.wait_for(caller.over.wait(), 30)
        call = await ended(line)
        write_down = messages._write_down
        monkeypatch.setattr(messages, "_write_down", lambda *about: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            await sync_to_async(messages.fetch)(call.pk, call.organization_id)
        first, _, _ = await of_rows(call)
        monkeypatch.setattr(messages, "_write_down", write_down)
        assert await sync_to_async(messages.fetch)(call.pk, call.organization_id)
        second, turns, _ = await of_rows(call)
    assert first is not None and second is not None and first.size_bytes == second.size_bytes
    assert [turn.text for turn in turns if turn.role == "caller"] == ["Please call me back."]
