"""Keys pressed in a running call: by the caller in three ways, and by the agent's side over the API and from the call's page."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.test import AsyncClient, Client

from accounts import keys, tenancy
from telephony import tokens
from telephony.models import Call, CallEvent, Turn
from telephony.wire import dtmf
from tests.telephony.lines import Caller
from tests.telephony.test_digits import Phone
from tests.telephony.test_signalling import a_running_call, post
from tests.telephony.test_worker import until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.paced]


@pytest.fixture
def bearer(organization: Any) -> str:
    _, secret = keys.issue(organization, "Trial", ["calls:read", "calls:write"], None, None)
    return f"Bearer {secret}"


def pressed_in(agent: Any, call_id: str) -> tuple[list[tuple[str, str]], list[str]]:
    """(kind, digits) of the events, and what the caller said."""
    with tenancy.use(agent.organization_id):
        events = CallEvent.objects.filter(call_id=call_id, kind__startswith="digits")
        turns = Turn.objects.filter(call_id=call_id, role="caller").order_by("index")
        return [(event.kind, event.data["digits"]) for event in events], [turn.text for turn in turns]


async def test_a_call_of_keys_from_the_browser_to_its_rows(agent: Any, worker: Any, bearer: str) -> None:
    caller = Caller()
    channel = caller.connection.createDataChannel("control")
    async with worker():
        token = tokens.mint(organization=agent.organization_id, agent=agent, use="draft")
        body = {"token": token, "sdp": dtmf.offering(await caller.offer()), "type": "offer"}
        answer = (await post("/rtc/offer", body)).json()
        await caller.accept(answer["sdp"])
        phone, call_id = Phone(caller, answer["sdp"]), answer["call_id"]

        async def told(count: int) -> list[str]:
            async with asyncio.timeout(25):
                while len(found := (await sync_to_async(pressed_in)(agent, call_id))[1]) < count:
                    await asyncio.sleep(0.1)
            return found

        await asyncio.sleep(2)
        for digit in "12#":
            phone.press(digit, min(phone.types))
        assert await told(1) == ["Pressed 1 2 #"]
        channel.send("digits 3x4#")
        assert (await told(2))[1:] == ["Pressed 3 4 #"]
        mine = {"authorization": f"Bearer {answer['events_token']}"}
        response = await AsyncClient().post(
            f"/rtc/calls/{call_id}/digits", {"digits": "56#"}, content_type="application/json", headers=mine
        )
        assert response.status_code == 204
        assert (await told(3))[2:] == ["Pressed 5 6 #"]

        response = await AsyncClient().post(
            f"/api/v1/calls/{call_id}/digits", {"digits": "7-8*"}, content_type="application/json",
            headers={"authorization": bearer},
        )  # fmt: skip
        assert response.status_code == 202, response.content
        async with asyncio.timeout(15):
            while [report.digit for _, report, marker in phone.heard if marker] != ["7", "8", "*"]:
                await asyncio.sleep(0.1)
        await AsyncClient().post(f"/rtc/calls/{call_id}/hangup", headers=mine)
        await until(agent, call_id, "ended")
    await caller.close()
    events, _ = await sync_to_async(pressed_in)(agent, call_id)
    assert events == [("digits", "12#"), ("digits", "34#"), ("digits", "56#"), ("digits_sent", "78*")]


@pytest.mark.parametrize(
    ("digits", "status", "words"),
    [
        ("", 422, "can't be empty"),
        (" - ", 422, "Name the keys to press"),
        ("12z", 422, "no key “Z”"),
        ("1" * 70, 422, "64 keys at most"),
        (12, 422, ""),
    ],
)
async def test_what_is_no_key_is_refused_by_the_api(
    agent: Any, layer: Any, bearer: str, digits: object, status: int, words: str
) -> None:
    call = await sync_to_async(a_running_call)(agent)
    response = await AsyncClient().post(
        f"/api/v1/calls/{call.pk}/digits", {"digits": digits}, content_type="application/json",
        headers={"authorization": bearer},
    )  # fmt: skip
    problem = response.json()
    assert response.status_code == status, problem
    assert problem["errors"][0]["path"].endswith("digits") and words in problem["errors"][0]["message"]


async def test_a_call_that_is_over_or_waits_takes_no_keys(agent: Any, layer: Any, bearer: str) -> None:
    call = await sync_to_async(a_running_call)(agent)
    for status, words in (("ended", "over"), ("queued", "not been answered")):

        def set_status(status: str = status) -> None:
            with tenancy.use(agent.organization_id):
                Call.objects.filter(pk=call.pk).update(status=status)

        await sync_to_async(set_status)()
        response = await AsyncClient().post(
            f"/api/v1/calls/{call.pk}/digits", {"digits": "1"}, content_type="application/json",
            headers={"authorization": bearer},
        )  # fmt: skip
        assert response.status_code == 409 and words in response.json()["detail"]


async def test_a_page_is_told_what_is_no_key(agent: Any, layer: Any) -> None:
    call = await sync_to_async(a_running_call)(agent)
    mine = tokens.mint_events(organization=agent.organization_id, call=call)
    for body, words in (({"digits": "1?"}, "no key"), ({}, "Name the keys"), ({"digits": ["1"]}, "no key")):
        response = await post(f"/rtc/calls/{call.pk}/digits", body, mine)
        assert response.status_code == 400 and words in response.json()["detail"]
    assert (await post(f"/rtc/calls/{call.pk}/digits", {"digits": "1"})).status_code == 401


def test_an_editor_presses_keys_from_the_calls_page(
    agent: Any, layer: Any, bob: Any, victor: Any, client_of: Any
) -> None:
    from asgiref.sync import async_to_sync

    from telephony.finish import worker_channel

    call = a_running_call(agent)
    editor: Client = client_of(bob)
    assert "Press keys" in editor.get(f"/calls/{call.pk}/").content.decode()
    assert "Press keys" not in client_of(victor).get(f"/calls/{call.pk}/").content.decode()
    url = f"/calls/{call.pk}/digits/"
    refused = editor.post(url, {"digits": "12x"})
    assert refused.status_code == 422 and "There is no key “X”" in refused.content.decode()
    assert editor.post(url, {"digits": "1,2 #"}).status_code == 302
    told = async_to_sync(layer.receive)(worker_channel("w"))
    assert (told["command"], told["digits"]) == ("send_digits", "1,2#")
    assert "The agent presses 1 , 2 #" in editor.get(f"/calls/{call.pk}/").content.decode()
