"""The table of numbers through the doors that people and agents use, with a stand-in for Twilio that writes down whom it calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, get_args

import pytest
from django.test import Client

from accounts import keys, tenancy
from agents.models import Agent
from agents.publish import create_agent, publish
from agents.transfers import TransferTarget, Way
from telephony import phone_numbers
from telephony.dialing import policies
from telephony.dialing.e164 import Why
from telephony.models import Call, PhoneNumber
from telephony.session.transferring import NotReached
from telephony.transfers import by_sip
from tests.peers.twilio_stand_in import Account
from tests.telephony.campaigns.people import WIDE
from tests.telephony.dialing.numbers_table import TABLE

pytestmark = pytest.mark.django_db
ROWS = [row for row in sorted(TABLE, key=lambda row: row[1] or "US") if row[0] != "415 555 0142"]
"""Without a home country the one that is left out is nobody's."""


@pytest.fixture
def twilio(settings: Any) -> Iterator[Account]:
    found = Account("+14155550142")
    settings.TWILIO_API_URL, settings.SITE_URL = found.url, "https://parley.example"
    settings.EGRESS_ALLOW = [found.url.removeprefix("http://")]
    settings.API_LIMIT = "100000/minute"
    yield found
    found.close()


@pytest.fixture
def agent(organization: Any) -> Agent:
    policies.change(organization, {**WIDE, "countries": ["CA"], "calls_from": "00:00", "calls_until": "24:00"})
    with tenancy.use(organization):
        found: Agent = create_agent(organization, "Front desk")
        publish(found, None, "")
    return found


def rows(organization: Any) -> Iterator[tuple[str, bool]]:
    """Each as it is written, with whether it may be called."""
    home = ""
    for text, written_in, what in ROWS:
        if home != (written_in or "US"):
            home = written_in or "US"
            policies.change(organization, {"home_country": home})
        yield text, what not in get_args(Why) and what in (home, "CA")


def test_a_program_calls_over_the_api_whom_it_may_and_nobody_else(
    organization: Any, agent: Agent, alice: Any, twilio: Account, client: Client
) -> None:
    number: PhoneNumber = phone_numbers.import_number(
        phone_numbers.connect(organization, alice, twilio.sid, twilio.token), next(iter(twilio.numbers))
    )
    _, key = keys.issue(organization, "k", ["calls:write"], None, None)
    headers: Any = {"Authorization": f"Bearer {key}"}
    called = 0
    for text, may in rows(organization):
        body = {"agent_id": str(agent.pk), "number_id": str(number.pk), "to": text}
        answer = client.post("/api/v1/calls", body, content_type="application/json", headers=headers)
        assert (answer.status_code == 201) is may, (text, answer.content)
        called += may
        assert len(twilio.placed) == called, text
    assert called >= 20 and all(call["to"].startswith("+") for call in twilio.placed)


@pytest.mark.parametrize(
    "write", [lambda text: text, lambda text: f"sip:{text}@pbx.example"], ids=["number", "address"]
)
def test_an_agent_puts_callers_through_to_whom_it_may_and_nobody_else(
    organization: Any, agent: Agent, write: Callable[[str], str]
) -> None:
    """As an address only the numbers that can stand before an @ as they are: what else stands there is a name."""
    with tenancy.use(organization):
        call: Call = Call.objects.create(organization=organization, agent=agent, spec={}, status="in_progress")
    tried = 0
    for count, (text, may) in enumerate(rows(organization)):
        is_address = write(text) != text
        if is_address and not (text.startswith("+") and text[1:].isascii() and text[1:].isdigit()):
            continue
        to = Way.SIP if is_address else Way.NUMBER
        target = TransferTarget.model_construct(name="Desk", to=to, address=write(text))
        try:
            by_sip.permitted(call, target, key=f"{count}")
            got = True
        except NotReached:
            got = False
        assert got is may, text
        tried += 1
    assert tried >= 40
