"""A person lets an agent call a number, as they do it in the dashboard; at the other end a stand-in for Twilio."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from html import unescape
from typing import Any

import pytest
from django.test import Client

from accounts import tenancy
from agents.models import Agent
from agents.publish import create_agent, publish
from telephony import outbound, phone_numbers
from telephony.dialing import do_not_call, policies
from telephony.models import Call, PhoneNumber, Trunk
from tests.peers.twilio_stand_in import Account
from tests.telephony.campaigns.people import WIDE

pytestmark = pytest.mark.django_db
Clients = Callable[[Any], Client]
NUMBER, TO = "+14155550142", "+14155550177"


@pytest.fixture
def twilio(settings: Any) -> Iterator[Account]:
    found = Account(NUMBER)
    settings.TWILIO_API_URL = found.url
    settings.EGRESS_ALLOW = [found.url.removeprefix("http://")]
    yield found
    found.close()


@pytest.fixture
def lines(organization: Any, alice: Any, twilio: Account) -> tuple[Agent, PhoneNumber]:
    policies.change(organization, WIDE)
    agent = create_agent(organization, "Front desk")
    with tenancy.use(organization):
        agent.draft["says"]["first_message"] = "Hello {{name}}!"
        agent.save()
    publish(agent, alice)
    account = phone_numbers.connect(organization, alice, twilio.sid, twilio.token)
    return agent, phone_numbers.import_number(account, next(iter(twilio.numbers)), agent)


def shown(response: Any) -> str:
    return unescape(response.content.decode())


def test_first_it_says_what_the_call_comes_to_then_it_rings_and_the_page_shows_it(
    client_of: Clients, bob: Any, organization: Any, twilio: Account, lines: tuple[Agent, PhoneNumber]
) -> None:
    agent, number = lines
    client = client_of(bob)
    assert "Call a number" in shown(client.get("/calls/"))
    assert f'<option value="{agent.pk}" selected' in shown(client.get("/calls/new/", {"agent": agent.pk}))
    form = {"to": "415 555 0177", "agent": str(agent.pk), "number": str(number.pk), "on_machine": "hang_up"}
    asked = client.post("/calls/new/", form)
    page = shown(asked)
    assert asked.status_code == 422 and twilio.placed == []
    assert f"Call {TO}?" in page and "United States, your own country" in page
    assert "0.15 a minute: 1.50 at most, for 10 minutes" in page and "within your hours (00:00–24:00)" in page
    assert 'name="told-name"' in page
    rung = client.post("/calls/new/", {**form, "sure": TO, "told-name": "Ada"})
    assert rung.status_code == 302, shown(rung)
    with tenancy.use(organization):
        call = Call.objects.get()
    assert rung["Location"] == f"/calls/{call.pk}/"
    assert (call.variables, call.started_by, call.to_number) == ({"name": "Ada"}, bob, TO)
    assert twilio.asked[-1][2]["MachineDetection"] == "Enable"
    page = shown(client.get(rung["Location"]))
    assert f"It rings at {TO}" in page and "every 1s" in page and "Ringing" in page and "Press keys" not in page
    outbound.picked_up(call, {"CallSid": call.carrier_call_id, "AnsweredBy": "human"})
    page = shown(client.get(rung["Location"]))
    assert "Ringing" not in page and "waits for a call worker" in page and ">Ada<" in page


def test_a_number_that_was_changed_meanwhile_is_looked_at_again(
    client_of: Clients, bob: Any, twilio: Account, lines: tuple[Agent, PhoneNumber]
) -> None:
    agent, number = lines
    form = {"to": "+14155550178", "agent": str(agent.pk), "number": str(number.pk), "sure": TO}
    assert "Call +14155550178?" in shown(client_of(bob).post("/calls/new/", form))
    assert twilio.placed == []


@pytest.mark.parametrize(
    ("to", "limits", "words"),
    [
        ("911", {}, "emergency"),
        ("+4930123456", {}, "is in Germany"),
        ("hello", {}, "letters"),
        (TO, {"max_concurrent": 0}, "your limit is 0"),
        (TO, {"daily_spend": 1}, "This call may cost 1.50"),
        (TO, {"max_price_per_minute": 0.15, "calls_per_day": 0}, "Today's limit"),
        ("+14155550199", {}, "do-not-call list"),
    ],
)
def test_what_the_limits_refuse_is_said_in_plain_words_and_nobody_is_called(
    client_of: Clients, bob: Any, organization: Any, twilio: Account, lines: tuple[Agent, PhoneNumber], to: str,
    limits: dict[str, Any], words: str,
) -> None:  # fmt: skip
    agent, number = lines
    policies.change(organization, limits)
    do_not_call.add(organization, "+14155550199", "")
    form = {"to": to, "agent": str(agent.pk), "number": str(number.pk), "sure": to}
    answer = client_of(bob).post("/calls/new/", form)
    assert answer.status_code == 422 and words in shown(answer)
    assert twilio.placed == []


def test_what_the_carrier_refuses_is_said_too(
    client_of: Clients, bob: Any, twilio: Account, lines: tuple[Agent, PhoneNumber]
) -> None:
    agent, number = lines
    twilio.numbers.clear()
    form = {"to": TO, "agent": str(agent.pk), "number": str(number.pk), "sure": TO}
    assert "not yet verified" in shown(client_of(bob).post("/calls/new/", form))


def test_without_a_number_it_says_what_is_missing(client_of: Clients, bob: Any, organization: Any) -> None:
    assert "One of them is not there yet" in shown(client_of(bob).get("/calls/new/"))


def test_who_only_looks_can_call_nobody_and_a_strangers_number_is_no_choice(
    client_of: Clients, victor: Any, charlie: Any, twilio: Account, lines: tuple[Agent, PhoneNumber]
) -> None:
    agent, number = lines
    form = {"to": TO, "agent": str(agent.pk), "number": str(number.pk), "sure": TO}
    assert client_of(victor).post("/calls/new/", form).status_code == 403
    assert "Call a number" not in shown(client_of(victor).get("/calls/"))
    assert client_of(charlie).post("/calls/new/", form).status_code == 422
    assert twilio.placed == []


def test_a_call_that_rings_is_called_off_at_the_carrier_too(
    client_of: Clients, bob: Any, organization: Any, twilio: Account, lines: tuple[Agent, PhoneNumber]
) -> None:
    agent, number = lines
    client = client_of(bob)
    form = {"to": TO, "agent": str(agent.pk), "number": str(number.pk), "sure": TO}
    page = client.post("/calls/new/", form)["Location"]
    client.post(f"{page}hang-up/")
    with tenancy.use(organization):
        call = Call.objects.get()
    assert (call.end_reason, twilio.hung_up) == ("called_off", [call.carrier_call_id])
    assert "called off" in shown(client.get(page))


def test_a_call_over_a_trunk_is_left_to_its_worker_to_end(organization: Any, lines: tuple[Agent, PhoneNumber]) -> None:
    agent, _ = lines
    with tenancy.use(organization):
        trunk = Trunk.objects.create(organization=organization, label="Office", host="pbx.example.com")
        call = Call.objects.create(
            organization=organization, agent=agent, spec=agent.published.spec, channel="phone", trunk=trunk, worker="w1",
            carrier_call_id="a84b4c76e66710", status="in_progress",
        )  # fmt: skip
    outbound.stop(call)
    with tenancy.use(organization):
        call.refresh_from_db()
    assert call.status == "in_progress"
