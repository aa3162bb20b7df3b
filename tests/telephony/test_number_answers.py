"""What a number does beside letting its agent talk, whole: an exchange that speaks as Twilio does, our webhooks, a worker, rows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from asgiref.sync import sync_to_async
from django.db.models import F

from accounts import tenancy
from agents import live
from agents.publish import create_agent, publish
from telephony import messages, phone_calls, reception
from telephony.audio import g711
from telephony.dialing import do_not_call, policies
from telephony.dialing.hours import DAYS
from telephony.dialing.models import DialReservation
from telephony.models import Call, CallEvent, Recording
from telephony.phone_numbers import CannotDo
from telephony.recordings import absolute
from telephony.tasks import fetch_messages, reap
from tests.peers.twilio_stand_in import as_wav
from tests.telephony.campaigns.people import WIDE
from tests.telephony.phones import NUMBER, Phones, phones, tone
from tests.telephony.test_twilio_calls import ended, listens_at, until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.paced]

ELSEWHERE = "+14155550177"


@pytest.fixture
def site(settings: Any, agent: Any, alice: Any) -> Callable[..., Any]:
    settings.CELERY_TASK_ALWAYS_EAGER = False
    return lambda **line: phones(settings, agent, alice, **line)


def closed() -> dict[str, Any]:
    """A schedule that opens in three days."""
    day = DAYS[(datetime.now(UTC).weekday() + 3) % 7]
    return {"openings": [{"days": [day], "opens": "09:00", "closes": "10:00"}], "time_zone": "Etc/UTC"}


def sides(recording: Recording) -> Any:
    return np.frombuffer(absolute(recording.path).read_bytes()[44:], "<i2").reshape(-1, 2)


async def set_to(line: Phones, **groups: Any) -> None:
    await sync_to_async(reception.change)(line.number, groups)


async def events(call: Call) -> dict[str, dict[str, Any]]:
    def read() -> dict[str, dict[str, Any]]:
        with tenancy.use(call.organization_id):
            return {event.kind: event.data for event in CallEvent.objects.filter(call=call)}

    return await sync_to_async(read)()


async def test_after_hours_a_message_is_said_and_the_call_is_kept(site: Any, layer: Any) -> None:
    async with site() as line:
        await set_to(line, schedule=closed(), after_hours={"how": "message", "message": "We open at nine."})
        caller = line.ring()
        await asyncio.wait_for(caller.over.wait(), 10)
        call = await ended(line)
    assert caller.said == ["We open at nine."] and caller.streams == 0
    assert (call.end_reason, call.duration_ms, call.instead["why"]) == ("message_said", 9_000, "closed")
    assert (await events(call))["instead"] == {"how": "message", "why": "closed"}


async def test_within_hours_the_agent_answers(settings: Any, site: Any, worker: Any) -> None:
    async with worker() as running, site() as line:
        listens_at(settings, running)
        always = {
            "openings": [
                {"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "opens": "00:00", "closes": "24:00"}
            ]
        }
        await set_to(line, schedule=always, after_hours={"how": "message"})
        caller = line.ring()
        await until(lambda: caller.heard)
        caller.hang_up()
        assert (await ended(line)).instead == {}


async def test_a_caller_leaves_a_message_which_is_fetched_written_down_and_forgotten_at_the_carrier(
    site: Any, layer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[bytes] = []

    async def transcribe(spec: Any, secrets: Any, pcm: bytes) -> list[Any]:
        """In the place of a transcriber."""
        heard.append(pcm)
        return [messages.dictation.Passage("Please call me back.", 400, 2_600, 0.9)]

    monkeypatch.setattr(messages.dictation, "transcribe", transcribe)
    async with site() as line:
        await set_to(
            line,
            schedule=closed(),
            after_hours={"how": "voicemail", "greeting": "Speak after the tone.", "longest_s": 60},
        )
        caller = line.ring(says=tone(3.0))
        await asyncio.wait_for(caller.over.wait(), 10)
        call = await ended(line)
        assert 'maxLength="60"' in caller.documents[0] and 'playBeep="true"' in caller.documents[0]
        assert call.end_reason == "message_left" and call.recording_at_carrier in line.account.recordings
        assert await sync_to_async(fetch_messages)() == 0, "those that were just told of have a task of their own"
        assert await sync_to_async(messages.fetch)(call.pk, call.organization_id)
        assert not await sync_to_async(messages.fetch)(call.pk, call.organization_id), "once"

        def kept() -> tuple[list[tuple[str, str, int]], Recording]:
            with tenancy.use(call.organization_id):
                turns = [(turn.role, turn.text, turn.started_ms) for turn in call.turns.all()]
                return turns, Recording.objects.get(call=call)

        turns, recording = await sync_to_async(kept)()
    assert turns == [("agent", "Speak after the tone.", 0), ("caller", "Please call me back.", 400)]
    assert line.account.recordings == {} and (await line.call()).recording_at_carrier == ""
    assert abs(recording.duration_ms - 3_000) < 30 and recording.is_complete
    content = sides(recording)
    spectrum = np.abs(np.fft.rfft(content[:, 0].astype(float)))
    assert abs(int(spectrum.argmax()) * 16_000 / len(content) - 440) < 5 and not content[:, 1].any()
    assert abs(len(heard[0]) / 32_000 - 3.0) < 0.05


async def test_who_says_nothing_after_the_tone_left_no_message(site: Any, layer: Any) -> None:
    async with site() as line:
        await set_to(line, schedule=closed(), after_hours={"how": "voicemail"})
        caller = line.ring()
        await asyncio.wait_for(caller.over.wait(), 10)
        assert (await ended(line)).end_reason == "no_message_left"


async def test_a_message_that_could_not_be_fetched_is_fetched_later(site: Any, layer: Any, monkeypatch: Any) -> None:
    async def nothing(spec: Any, secrets: Any, pcm: bytes) -> list[Any]:
        return []

    monkeypatch.setattr(messages.dictation, "transcribe", nothing)
    async with site() as line:
        await set_to(line, schedule=closed(), after_hours={"how": "voicemail"})
        caller = line.ring(says=tone(2.0))
        await asyncio.wait_for(caller.over.wait(), 10)
        call = await ended(line)

        def a_while_ago() -> None:
            with tenancy.use(call.organization_id):
                Call.objects.update(created_at=F("created_at") - timedelta(minutes=5))

        await sync_to_async(a_while_ago)()
        token, line.account.token = line.account.token, "changed"
        assert await sync_to_async(fetch_messages)() == 0
        line.account.token = token
        assert await sync_to_async(fetch_messages)() == 1
        assert await sync_to_async(fetch_messages)() == 0


@pytest.mark.parametrize(("there", "reason"), [("completed", "forwarded"), ("no-answer", "not_forwarded")])
async def test_a_caller_is_put_through_through_the_gate(
    site: Any, layer: Any, agent: Any, there: str, reason: str
) -> None:
    async with site() as line:
        await sync_to_async(policies.change)(agent.organization, WIDE)
        line.exchange.who = {ELSEWHERE: there}
        await set_to(
            line,
            schedule=closed(),
            after_hours={"how": "forward", "forward_to": "415 555 0177", "message": "Nobody is there."},
        )
        caller = line.ring()
        await asyncio.wait_for(caller.over.wait(), 10)
        call = await ended(line)
    assert caller.dialled == [ELSEWHERE] and 'timeLimit="1800"' in caller.documents[0]
    assert call.end_reason == reason and caller.said == ([] if there == "completed" else ["Nobody is there."])

    def places() -> list[tuple[str, str, bool]]:
        with tenancy.use(call.organization_id):
            return [(row.path, row.number, row.released_at is None) for row in DialReservation.objects.all()]

    assert await sync_to_async(places)() == [("transfer", ELSEWHERE, False)]


async def test_whom_the_limits_forbid_nobody_is_put_through_to(site: Any, layer: Any, agent: Any) -> None:
    async with site() as line:
        await sync_to_async(policies.change)(agent.organization, WIDE)
        await set_to(
            line, schedule=closed(), after_hours={"how": "forward", "forward_to": ELSEWHERE, "message": "Not now."}
        )
        await sync_to_async(do_not_call.add)(agent.organization, ELSEWHERE, "")
        caller = line.ring()
        await asyncio.wait_for(caller.over.wait(), 10)
        call = await ended(line)
        with pytest.raises(CannotDo, match="Nobody can be put through"):
            await set_to(line, on_failure={"how": "forward", "forward_to": "911"})
    assert caller.dialled == [] and caller.said == ["Not now."] and call.end_reason == "caller_hung_up"
    assert "do-not-call" in (await events(call))["not_put_through"]["why"]


async def test_without_room_the_number_does_what_is_set_for_that(site: Any, layer: Any) -> None:
    async with site() as line:
        await set_to(line, on_failure={"how": "message", "message": "All our agents are busy."})
        caller = line.ring()
        await asyncio.wait_for(caller.over.wait(), 10)
        call = await ended(line)
    assert caller.said == ["All our agents are busy."] and call.instead["why"] == "no_room"


async def test_where_the_worker_is_lost_and_no_other_has_room_the_caller_is_not_left_alone(
    settings: Any, site: Any, worker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with worker() as running, site() as line:
        listens_at(settings, running)
        await set_to(line, on_failure={"how": "message", "message": "We were cut off. Please call again."})
        caller = line.ring()
        await until(lambda: len(caller.heard) > 30)
        monkeypatch.setattr(phone_calls, "has_room", lambda: False)
        caller._socket.transport.abort()
        await asyncio.wait_for(caller.over.wait(), 10)
        call = await ended(line)
    assert caller.said == ["We were cut off. Please call again."]
    assert (call.end_reason, call.instead["why"]) == ("message_said", "lost")


async def test_another_agent_answers_for_one_that_is_not_published(
    settings: Any, site: Any, worker: Any, agent: Any, alice: Any
) -> None:
    def another() -> Any:
        other = create_agent(agent.organization, "Night desk")
        publish(other, alice)
        with tenancy.use(agent.organization_id):
            agent.published = None
            agent.save()
        return other

    async with worker() as running, site() as line:
        listens_at(settings, running)
        other = await sync_to_async(another)()
        await set_to(line, on_failure={"how": "agent", "agent": str(other.pk)})
        caller = line.ring()
        await until(lambda: caller.heard)
        caller.hang_up()
        call = await ended(line)
    assert (call.agent_id, call.instead["why"]) == (other.pk, "unpublished")


async def test_callers_are_split_between_versions_and_meet_the_same_again(
    site: Any, layer: Any, agent: Any, alice: Any
) -> None:
    async with site() as line:

        def shared() -> list[int]:
            publish(agent, alice)
            with tenancy.use(agent.organization_id):
                line.number.refresh_from_db()
            reception.change(
                line.number, {"versions": {"shares": [{"version": 1, "weight": 90}, {"version": 2, "weight": 10}]}}
            )
            callers = [f"+1415555{number:04}" for number in range(2_000)]
            first = [reception.answer_to(line.number, each, has_room=True).version for each in callers]
            again = [reception.answer_to(line.number, each, has_room=True).version for each in callers]
            assert first == again
            return first

        versions = await sync_to_async(shared)()
        assert 140 < versions.count(2) < 260, versions.count(2)

        def of_a_call() -> int:
            answer = reception.answer_to(line.number, "+14155550100", has_room=True)
            call = reception.enter(line.number, answer, caller="+14155550100")
            assert call is not None
            return call.version.number == answer.version

        assert await sync_to_async(of_a_call)()


async def test_what_the_carrier_asks_twice_is_answered_twice_alike_and_the_reaper_lets_it_be(
    site: Any, layer: Any
) -> None:
    async with site() as line:
        await set_to(line, schedule=closed(), after_hours={"how": "voicemail"})
        form = {"To": NUMBER, "From": "+14155550100", "CallSid": "CA1"}
        first = await sync_to_async(phone_calls.ring)(line.row, form)
        assert await sync_to_async(phone_calls.ring)(line.row, form) == first and "<Record" in first
        assert len(await line.calls()) == 1
        await sync_to_async(reap)()
        assert (await line.call()).status == "in_progress"


def test_a_recording_is_read_whatever_twilio_makes_of_it() -> None:
    coded = tone(1.0)
    assert abs(len(messages.read_wav(as_wav(coded))) - 32_000) < 200
    assert g711.decode_ulaw(coded).any()
    for wrong in (b"", b"RIFF", b"ID3" + b"\x00" * 100):
        with pytest.raises(messages.NotSound):
            messages.read_wav(wrong)


@pytest.mark.parametrize("part", ["model", "voice"])
async def test_an_agent_that_fails_before_its_first_word_is_stood_in_for_by_the_carrier(
    settings: Any, site: Any, worker: Any, monkeypatch: pytest.MonkeyPatch, part: Any
) -> None:
    async def cannot(spec: Any, secrets: Any) -> live.LiveAgent:
        raise live.CannotTalk(part, "The account has no credit left.")

    async with worker() as running, site() as line:
        listens_at(settings, running)
        monkeypatch.setattr(live, "make", cannot)
        await set_to(line, on_failure={"how": "message", "message": "Please call again in an hour."})
        caller = line.ring()
        await asyncio.wait_for(caller.over.wait(), 30)
        call = await ended(line)
    assert caller.said == ["Please call again in an hour."] and caller.streams == 1
    assert (call.end_reason, call.instead["why"]) == ("message_said", "failed")
    told = await events(call)
    assert told["agent_failed"]["detail"] == "The account has no credit left."
    assert told["instead"] == {"how": "message", "why": "failed"}


async def test_an_agent_that_fails_at_once_without_another_way_ends_the_call_as_before(
    settings: Any, site: Any, worker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def cannot(spec: Any, secrets: Any) -> live.LiveAgent:
        raise live.CannotTalk("voice", "The account has no credit left.")

    async with worker() as running, site() as line:
        listens_at(settings, running)
        monkeypatch.setattr(live, "make", cannot)
        caller = line.ring()
        await asyncio.wait_for(caller.over.wait(), 30)
        call = await ended(line)
    assert call.end_reason == "tts_failed" and call.instead == {}
