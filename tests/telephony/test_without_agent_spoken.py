"""Calls in which no agent talks, with the models on board: what a caller leaves is written down in their words, and a machine that picks up is
told from a person by what it says."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import soxr
from asgiref.sync import sync_to_async
from rapidfuzz import fuzz

from agents import dictation, live
from agents.spec import AgentSpec
from telephony import live_call
from telephony.audio import g711
from telephony.audio.playout import PLAYOUT_RATE_HZ, SILENCE
from tests.peers.twilio_stand_in import QUIET, PhoneCall
from tests.spoken import spoken
from tests.telephony.phones import phones, tone
from tests.telephony.sip_phone import Mouth, SipPhone, peak_hz, recent
from tests.telephony.test_carriers_without_agent import hears_the_tone
from tests.telephony.test_number_answers import set_to
from tests.telephony.test_sip_calls import OURS, _sip, has_ended, knows, published, serving, the_call
from tests.telephony.test_sip_without_agent import a_number, closed, kinds, ring, turns_of
from tests.telephony.test_twilio_calls import _fresh, ended, listens_at, place, rows

__all__ = ["_sip", "published"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.paced, pytest.mark.models, pytest.mark.timeout(300)]

REAL = {name: getattr(live, name) for name in ("make", "voices", "ears")}
GREETING = "Nobody is here right now. Please speak after the tone."
MESSAGE = "This is Thomas Anderson. Please call me back about my appointment on Friday."
MACHINE = (
    "You have reached the Anderson family. We can't come to the phone right now. Please leave a message after the tone."
)
LEFT = "Hello, this is the dentist. Please call us back."
TONE_HZ, BEEP_HZ = 1_400, 1_000


@pytest.fixture
def models(worker: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """The worker of all tests, whose agents have Whisper and Piper."""
    for name, real in REAL.items():
        monkeypatch.setattr(live_call.live, name, real)
    return worker  # type: ignore[no-any-return]


class Says(Mouth):
    """Words, once it isn't quiet, and after them a beep or nothing."""

    def __init__(self, text: str, *, beeps: bool = False, wait_s: float = 0.0) -> None:
        super().__init__()
        words = soxr.resample(np.frombuffer(spoken(text), "<i2"), 16_000, PLAYOUT_RATE_HZ).astype("<i2").tobytes()
        at = np.arange(PLAYOUT_RATE_HZ // 2) / PLAYOUT_RATE_HZ
        beep = (np.sin(2 * np.pi * BEEP_HZ * at) * 8_000).astype("<i2").tobytes() if beeps else b""
        pause = bytes(PLAYOUT_RATE_HZ)
        self._pcm = bytes(2 * round(wait_s * PLAYOUT_RATE_HZ)) + words + (pause + beep if beeps else b"")

    def pull(self) -> bytes:
        if self.is_quiet:
            return SILENCE
        taken, self._pcm = self._pcm[: len(SILENCE)], self._pcm[len(SILENCE) :]
        return taken + SILENCE[len(taken) :]


def alike(heard: str, said: str) -> float:
    plain = [re.sub(r"[^a-z0-9 ]", "", text.lower()) for text in (heard, said)]
    return fuzz.ratio(*plain)


async def words_in(pcm: bytes) -> str:
    return " ".join(each.text for each in await dictation.transcribe(AgentSpec(), {}, pcm))


async def test_what_a_caller_leaves_is_written_down_in_their_words(models: Any, published: Any) -> None:
    what = {"how": "voicemail", "greeting": GREETING, "longest_s": 60}
    said = await asyncio.to_thread(Says, MESSAGE)
    async with SipPhone() as phone, serving(models) as running:
        trunk = await sync_to_async(a_number)(published, phone.port, schedule=closed(), after_hours=what)
        await knows(running, trunk)
        phone.mouth, said.is_quiet = said, True
        phone.call(OURS, running.house.port)
        await phone.hears(TONE_HZ, 0.2)
        greeting = bytes(phone.heard)
        await phone.until(lambda: peak_hz(recent(phone, 0.2)) is None)
        said.is_quiet = False
        await asyncio.wait_for(phone.over.wait(), 60)  # it hangs up when they have been silent for a while
        call = await the_call(published, has_ended)
    assert call.end_reason == "message_left"
    assert alike(await words_in(greeting), GREETING) > 80
    (agent, *callers) = await turns_of(call)
    assert agent == ("agent", GREETING) and {role for role, _ in callers} == {"caller"}
    assert alike(" ".join(text for _, text in callers), MESSAGE) > 80, callers


async def test_a_machine_is_known_by_what_it_says_and_hears_the_message_after_its_beep(
    models: Any, published: Any
) -> None:
    async with SipPhone() as phone, serving(models) as running:
        phone.mouth = await asyncio.to_thread(Says, MACHINE, beeps=True, wait_s=0.8)
        trunk = await sync_to_async(a_number)(published, phone.port)
        await ring(trunk, published, running, on_machine="leave_message", machine_message=LEFT)
        await asyncio.wait_for(phone.over.wait(), 60)
        call = await the_call(published, has_ended)
    told = (await kinds(call))["picked_up"]
    assert (call.end_reason, call.picked_up_by, told["by"]) == ("machine_message", "machine", "machine"), told
    assert told["why"] in ("words", "cadence"), "before its beep"
    assert await turns_of(call) == [("agent", LEFT)]
    assert alike(await words_in(bytes(phone.heard)), LEFT) > 80


def coded(text: str) -> bytes:
    """As a carrier's stream brings it: μ-law at 8,000 Hz."""
    words = soxr.resample(np.frombuffer(spoken(text), "<i2"), 16_000, g711.RATE_HZ)
    return g711.encode_ulaw(words.astype(np.int16))


def heard_by(caller: PhoneCall) -> bytes:
    """At 16,000 Hz."""
    samples = g711.decode_ulaw(b"".join(sound for _, sound in caller.heard))
    wide: bytes = soxr.resample(samples.astype(np.int16), g711.RATE_HZ, 16_000).astype("<i2").tobytes()
    return wide


async def test_what_a_caller_from_telnyx_leaves_is_written_down_in_their_words(
    settings: Any, models: Any, agent: Any, alice: Any
) -> None:
    said = await asyncio.to_thread(coded, MESSAGE)
    async with models() as running, phones(settings, agent, alice, "telnyx") as line:
        listens_at(settings, running)
        await set_to(line, schedule=closed(), after_hours={"how": "voicemail", "greeting": GREETING, "longest_s": 60})
        caller = line.ring()
        await hears_the_tone(caller)
        caller.say(said)
        await asyncio.wait_for(caller.over.wait(), 60)
        call = await ended(line, 60)
    turns, _ = await rows(call)
    assert call.end_reason == "message_left" and turns[0] == ("agent", GREETING)
    assert alike(await words_in(heard_by(caller)), GREETING) > 80
    assert alike(" ".join(text for role, text in turns if role == "caller"), MESSAGE) > 80, turns


async def test_a_machine_behind_plivo_is_known_by_what_it_says_and_hears_the_message_after_its_beep(
    settings: Any, models: Any, agent: Any, alice: Any
) -> None:
    answers = await asyncio.to_thread(coded, MACHINE)
    async with models() as running, phones(settings, agent, alice, "plivo") as line:
        listens_at(settings, running)
        line.exchange.answers_say = answers + QUIET * 50 + tone(0.5, BEEP_HZ)
        await place(line, await _fresh(agent), on_machine="leave_message", machine_message=LEFT)
        call = await ended(line, 90)
        (caller,) = line.exchange.calls.values()
    told = (await kinds(call))["picked_up"]
    turns, _ = await rows(call)
    assert (call.end_reason, call.picked_up_by, told["by"]) == ("machine_message", "machine", "machine"), told
    assert told["why"] in ("words", "cadence"), "before its beep"
    assert turns == [("agent", LEFT)] and not caller.says, "it had said all of its own"
    assert alike(await words_in(heard_by(caller)), LEFT) > 80


async def test_a_person_who_says_hello_talks_to_the_agent(models: Any, published: Any) -> None:
    async with SipPhone() as phone, serving(models) as running:
        phone.mouth = await asyncio.to_thread(Says, "Hello?", wait_s=0.8)
        trunk = await sync_to_async(a_number)(published, phone.port)
        await ring(trunk, published, running, on_machine="hang_up")
        async with asyncio.timeout(30):
            while not [role for role, _ in await turns_of(await the_call(published)) if role == "agent"]:
                await asyncio.sleep(0.1)
        phone.hang_up()
        call = await the_call(published, has_ended)
    assert (call.end_reason, call.picked_up_by) == ("caller_hung_up", "human")
