"""Calls at carriers that copy Twilio's ways, whole: each one's exchange, our webhooks, a call worker, its listener, rows."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from accounts import tenancy
from telephony import outbound, phone_calls, phone_numbers, warmup
from telephony.carriers.registry import CARRIERS
from telephony.models import Call
from tests.peers.twilio_stand_in import PhoneCall
from tests.telephony.phones import AT, NUMBER, ask_our_pages, is_humming, phones, tone
from tests.telephony.test_twilio_calls import LoudVAD, _fresh, ended, listens_at, place, rows, until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.paced]

OTHERS = sorted(set(AT) - {"twilio"})
each_carrier = pytest.mark.parametrize("at", OTHERS)


@pytest.fixture
def site(settings: Any, agent: Any, alice: Any) -> Callable[..., Any]:
    return lambda at, **line: phones(settings, agent, alice, at, **line)


def test_every_carrier_is_tried_here() -> None:
    assert set(AT) == set(CARRIERS)


@each_carrier
async def test_somebody_calls_and_the_agent_answers(settings: Any, site: Any, worker: Any, at: str) -> None:
    async with worker() as running, site(at) as line:
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
    assert caller.most_buffered_ms <= 200 and caller.streams == 1
    turns, events = await rows(call)
    assert turns[0][0] == "agent" and turns[0][1].startswith("Hello")
    assert ("digits", {"digits": "73"}) in events
    assert f"/media/{at}/" in caller.stream_urls[0] and f"/phone/{at}/" in caller.documents[0]


@each_carrier
async def test_the_agent_hangs_up_and_so_does_the_carrier(settings: Any, site: Any, worker: Any, at: str) -> None:
    async with worker() as running, site(at) as line:
        listens_at(settings, running)
        caller = line.ring()
        await until(lambda: caller.heard)
        running._running[(await line.call()).pk].call.hang_up("member_hung_up")
        await asyncio.wait_for(caller.over.wait(), 15)
        call = await ended(line)
    assert call.end_reason == "member_hung_up" and caller.streams == 1
    assert "<Hangup" in caller.documents[-1]


@each_carrier
async def test_a_stream_that_breaks_is_taken_up_again(settings: Any, site: Any, worker: Any, at: str) -> None:
    async with worker() as running, site(at) as line:
        listens_at(settings, running)
        caller = line.ring()
        await until(lambda: len(caller.heard) > 70)
        await asyncio.sleep(1.0)
        broken = time.monotonic()
        caller._socket.transport.abort()
        await until(lambda: len(caller.heard_since(broken + 0.1)) > 8_000 * 2)
        assert (await line.call()).status == "in_progress"
        caller.hang_up()
        call = await ended(line)
    turns, _ = await rows(call)
    assert call.streams == 2 and call.end_reason == "caller_hung_up"
    assert turns[1][1].startswith("I'm sorry, we were cut off")


@each_carrier
async def test_a_caller_who_barges_in_hears_no_more_of_it(
    settings: Any, site: Any, worker: Any, agent: Any, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    def talkative() -> None:
        with tenancy.use(agent.organization_id):
            agent.draft["says"] = {"first_message": " ".join(f"word{number}" for number in range(60))}
            agent.save()

    await sync_to_async(talkative)()
    async with worker() as running, site(at) as line:
        monkeypatch.setattr(warmup, "new_vad", LoudVAD)
        listens_at(settings, running)
        caller = line.ring()
        await until(lambda: len(caller.heard) > 150)
        heard_ms, began = len(caller.heard) * 20, time.monotonic()
        caller.say(tone(3.0))
        await until(lambda: caller.clears)
        await asyncio.sleep(1.0)
        until_quiet_s = [at for at, sound in caller.heard if set(sound) - {0xFF, 0x7F}][-1] - began
        caller.hang_up()
        call = await ended(line)
    turns, events = await rows(call)
    assert caller.clears == 1 and until_quiet_s < 1.0 and "barge_in" in [kind for kind, _ in events]
    letters = (heard_ms + until_quiet_s * 1000) / 50  # it hums 50 ms a letter
    heard = len(" ".join(turns[0][1].split()))
    assert letters - 25 <= heard <= letters + 5, (heard, letters)


@each_carrier
async def test_the_agent_calls_somebody(settings: Any, site: Any, worker: Any, agent: Any, at: str) -> None:
    async with worker() as running, site(at) as line:
        listens_at(settings, running)
        await place(line, await _fresh(agent))
        await until(lambda: line.exchange.calls)
        (caller,) = line.exchange.calls.values()
        await until(lambda: len(caller.heard) > 30)
        caller.hang_up()
        done = await ended(line)
    assert (done.direction, done.to_number, done.carrier_call_id) == ("outbound", "+14155550177", caller.sid)
    assert done.end_reason == "caller_hung_up" and is_humming(b"".join(sound for _, sound in caller.heard))


@each_carrier
@pytest.mark.parametrize(
    ("who", "reason"), [("busy", "line_busy"), ("no-answer", "no_answer"), ("failed", "not_reachable")]
)
async def test_a_call_that_nobody_takes_says_why(
    settings: Any, site: Any, worker: Any, agent: Any, at: str, who: str, reason: str
) -> None:
    async with worker() as running, site(at) as line:
        listens_at(settings, running)
        line.exchange.picks_up = who
        await place(line, await _fresh(agent))
        done = await ended(line)
    assert done.end_reason == reason and done.answered_at is None


@each_carrier
async def test_a_call_is_called_off_while_it_rings(site: Any, layer: Any, agent: Any, at: str) -> None:
    async with site(at) as line:
        line.exchange.picks_up = "rings"
        call = await place(line, await _fresh(agent))
        await until(lambda: line.exchange.calls)

        def stop() -> None:
            with tenancy.use(call.organization_id):
                outbound.stop(Call.objects.select_related("carrier_account__organization").get(pk=call.pk))

        await sync_to_async(stop)()
        assert (await line.call()).end_reason == "called_off"
        await until(lambda: line.account.hung_up)
        assert set(line.account.hung_up) == set(line.exchange.calls)


@each_carrier
async def test_the_carrier_refuses_to_place_a_call(site: Any, layer: Any, agent: Any, at: str) -> None:
    from telephony.carriers import CarrierError

    async with site(at) as line:
        line.account.refuses_calls = "This number can't be called from here."
        with pytest.raises(CarrierError, match=f"{CARRIERS[at].title} says: This number can't be called from here."):
            await place(line, await _fresh(agent))
        assert (await line.call()).end_reason == "carrier_refused"


@each_carrier
async def test_without_room_the_caller_hears_that_the_line_is_busy(site: Any, layer: Any, at: str) -> None:
    async with site(at) as line:
        caller = line.ring()
        await asyncio.wait_for(caller.over.wait(), 10)
        call = await line.call()
    assert "busy" in caller.documents[0] and call.end_reason == "busy" and caller.status == "rejected"


def another_moment(headers: dict[str, str]) -> dict[str, str]:
    """Telnyx signs the moment, and not the address."""
    return {**headers, "telnyx-timestamp": str(int(headers["telnyx-timestamp"]) + 1)}


@each_carrier
@pytest.mark.parametrize("wrong", ["secret", "url", "form", "none"])
async def test_what_the_carrier_did_not_sign_is_refused(site: Any, layer: Any, at: str, wrong: str) -> None:
    async with site(at) as line:
        url, _ = line.account.leads(NUMBER)
        form = line.account.asks(PhoneCall(line.account.call_sid(), NUMBER, "+14155550100"))
        right = line.account.headers(url, form)
        if wrong == "secret":
            line.account.forget_secret()
        headers = {
            "secret": line.account.headers(url, form),
            "url": another_moment(right) if at == "telnyx" else line.account.headers(f"{url}?x=1", form),
            "form": right,
            "none": {},
        }[wrong]
        sent = {**form, "From": "+14155550111"} if wrong == "form" else form
        status, body = await ask_our_pages(url, sent, headers)
        assert status == 403 and "<Response" not in body and await line.calls() == []


@each_carrier
async def test_a_call_over_the_wrong_stream_is_refused(settings: Any, site: Any, worker: Any, at: str) -> None:
    """A token for one carrier's stream is none for another's."""
    from websockets.asyncio.client import connect
    from websockets.exceptions import InvalidStatus

    async with worker() as running, site(at) as line:
        listens_at(settings, running)
        form = {"To": NUMBER, "From": "+14155550100", "CallSid": line.account.call_sid()}
        text = await sync_to_async(phone_calls.ring)(line.row, form)
        url = text.split('url="')[1].split('"')[0]
        with pytest.raises(InvalidStatus) as refused:
            await connect(url.replace(f"/{at}/", "/twilio/"))
        assert refused.value.response.status_code == 403


@each_carrier
def test_a_number_is_led_here_and_given_back(settings: Any, agent: Any, alice: Any, at: str) -> None:
    _, account, given = AT[at](settings)
    settings.EGRESS_ALLOW = [account.url.removeprefix("http://")]
    try:
        with tenancy.use(agent.organization_id):
            row = phone_numbers.connect_to(agent.organization, alice, at, given)
            was = account.where_calls_go(NUMBER)
            ((offered, is_imported),) = phone_numbers.available(row)
            assert (offered.number, is_imported, offered.can_call) == (NUMBER, False, True)
            number = phone_numbers.import_number(row, offered.sid, agent)
            assert account.leads(NUMBER) == (phone_numbers.voice_url(row), phone_numbers.status_url(row))
            phone_numbers.import_number(row, offered.sid, agent)  # again: what was before is not forgotten
            number.refresh_from_db()
            assert phone_numbers.available(row)[0][1]
            assert phone_numbers.remove(number) and account.where_calls_go(NUMBER) == was
            number = phone_numbers.import_number(row, offered.sid, agent)
            account.lead_elsewhere(NUMBER)
            elsewhere = account.where_calls_go(NUMBER)
            elsewhere |= {
                name: value for name, value in was.items() if name.startswith("sms_")
            }  # nobody led its texts away
            assert not phone_numbers.remove(number) and account.where_calls_go(NUMBER) == elsewhere
    finally:
        account.close()


@each_carrier
async def test_what_nobody_does_there_is_refused_in_words(site: Any, layer: Any, at: str) -> None:
    from telephony import reception
    from telephony.carriers.carrier import lack

    async with site(at) as line:
        carrier = CARRIERS[at]

        def refused(do: Callable[[], Any]) -> str:
            try:
                do()
            except phone_numbers.CannotDo as error:
                return str(error)
            return ""

        def look() -> dict[str, str]:
            with tenancy.use(line.row.organization_id):
                return {
                    "words": refused(lambda: reception.change(line.number, {"speech": {"by": "twilio"}})),
                    "voicemail": refused(lambda: reception.change(line.number, {"after_hours": {"how": "voicemail"}})),
                }

        found = await sync_to_async(look)()
        assert found == {able: lack(carrier, able) for able in found}  # type: ignore[arg-type]
        assert found["words"] and not found["voicemail"] and phone_numbers.lacks(line.row)
