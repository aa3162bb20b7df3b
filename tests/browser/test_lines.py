"""Numbers, campaigns that call and calls that are placed, looked at as in ``test_pages.py``; at the other end a stand-in for Twilio."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from accounts import credentials, tenancy
from accounts.models import Organization, User
from agents import publish
from agents.models import Agent
from telephony import reception
from telephony.campaigns.models import Campaign
from telephony.dialing import policies
from telephony.models import Call, CallEvent, CarrierAccount, PhoneNumber, Turn
from tests.browser.people import link_for, regular
from tests.browser.screens import Findings, context_for, look_here, sign_in
from tests.peers.twilio_stand_in import Account
from tests.telephony.campaigns.people import WIDE

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.timeout(600)]
Look = Callable[[Page, str], None]
NUMBER = "+14155550142"


@pytest.fixture(scope="module", autouse=True)
def twilio() -> Iterator[Account]:
    """Before the site starts, which is told its address."""
    account = Account(NUMBER, "+14155550143")
    ours = {"TWILIO_API_URL": account.url, "EGRESS_ALLOW": account.url.removeprefix("http://")}
    before = {name: os.environ.get(name) for name in ours}
    os.environ.update(ours)
    yield account
    for name, value in before.items():
        os.environ.pop(name) if value is None else os.environ.update({name: value})
    account.close()


@pytest.fixture
def look(pictures: Path | None) -> Iterator[Look]:
    findings: list[Findings] = []
    yield lambda page, name: findings.append(look_here(page, name, pictures))
    wrong = [found for found in findings if found.problems]
    assert not wrong, "\n".join(f"{found.page}\n    " + "\n    ".join(found.problems) for found in wrong)


@pytest.fixture
def owner(transactional_db: None, twilio: Account, settings: object) -> User:
    settings.TWILIO_API_URL = twilio.url  # type: ignore[attr-defined]
    settings.EGRESS_ALLOW = [twilio.url.removeprefix("http://")]  # type: ignore[attr-defined]
    return regular(call_count=1)


@pytest.fixture
def organization(owner: User, twilio: Account) -> Organization:
    """With two numbers: one that is answered, one that nobody answers."""
    with tenancy.system("test"):
        found = Organization.objects.get(name="Bright Smile Dental")
    policies.change(found, WIDE)
    with tenancy.use(found):
        PhoneNumber.objects.all().delete()
        CarrierAccount.objects.all().delete()
        agent = Agent.objects.get(name__contains="front desk")
        says = {"first_message": "Hello {{first_name}}, this is Bright Smile Dental about your appointment on {{day}}."}
        publish.save_draft(agent, {"says": says})
        publish.publish(agent, owner, "Says the name")
        credentials.store(found, "Twilio", "twilio", twilio.token, owner, twilio.url)
        account = CarrierAccount.objects.create(
            organization=found, sid=twilio.sid, label="Bright Smiles", credential="Twilio"
        )
        of = {"organization": found, "account": account}
        first = PhoneNumber.objects.create(**of, number=NUMBER, sid="PN1", label="Front desk", agent=agent)
        label = "A number for all that nobody else wants to answer in the second surgery"
        PhoneNumber.objects.create(**of, number="+14155550143", sid="PN2", label=label)
        Campaign.objects.update(phone_number=first)
    return found


@pytest.fixture
def page(organization: Organization, owner: User, site: str, browser: Browser) -> Iterator[Page]:
    context = context_for(browser, "desktop", "light", sign_in(browser, link_for(owner, site)))
    yield context.new_page()
    context.close()


def test_a_number_is_given_hours_and_what_happens_after_them(page: Page, site: str, look: Look) -> None:
    page.goto(f"{site}/numbers/")
    look(page, "numbers")
    page.get_by_role("link", name=NUMBER, exact=True).click()
    look(page, "number")
    page.get_by_role("button", name="Add hours").click()
    page.get_by_role("button", name="Add hours").click()
    rows = page.locator("#knob-schedule-openings [data-row]")
    rows.nth(0).get_by_label("Until").fill("12:00")
    rows.nth(1).get_by_label("From").fill("13:30")
    rows.nth(1).get_by_label("Friday").uncheck()
    page.get_by_label("Holidays").fill("12-25\n2026-12-24 09:00-12:00")
    after = page.locator("[data-section=after_hours]")
    expect(after.get_by_label("Longest message")).to_be_hidden()
    after.get_by_label("What happens").select_option("voicemail")
    expect(after.get_by_label("Longest message")).to_be_visible()
    page.locator("[data-section=on_failure]").get_by_label("What happens").select_option("forward")
    page.get_by_role("button", name="Add a version").click()
    look(page, "number being set")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Say which number it is put through to.").first).to_be_visible()
    look(page, "number with a mistake")
    page.locator("[data-section=on_failure]").get_by_label("Number").fill("415 555 0177")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved. It holds from the next call on.").first).to_be_visible()
    page.get_by_label("What would happen then?").fill("2026-12-25T10:30")
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_role("status").filter(has_text="Callers can leave a message")).to_be_visible()
    look(page, "number on Christmas Day")


def test_a_number_is_called_from_the_dashboard(page: Page, site: str, look: Look, twilio: Account) -> None:
    page.goto(f"{site}/calls/")
    page.get_by_role("link", name="Call a number").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    dialog.get_by_label("Number to call").fill("911")
    dialog.get_by_role("button", name="Go on").click()
    expect(dialog.get_by_text("emergency")).to_be_visible()
    look(page, "dialog of a call that is refused")
    dialog.get_by_label("Number to call").fill("(212) 736-5000")
    dialog.get_by_role("button", name="Go on").click()
    expect(dialog.get_by_text("Call +12127365000?")).to_be_visible()
    look(page, "dialog of a call")
    dialog.get_by_label("First name").fill("Ada")
    dialog.get_by_role("button", name="Call now").click()
    expect(page.get_by_text("It rings at +12127365000.", exact=False)).to_be_visible()
    look(page, "a call that rings")
    assert twilio.placed[-1]["to"] == "+12127365000"
    with tenancy.system("test"):
        call = Call.objects.get(to_number="+12127365000")
    with tenancy.use(call.organization_id):
        Call.objects.filter(pk=call.pk).update(status="ended", end_reason="no_answer", ended_at=timezone.now())
    expect(page.get_by_text("Nobody picked up").first).to_be_visible()
    look(page, "a call that nobody took")


def test_a_message_that_a_caller_left(page: Page, site: str, look: Look, organization: Organization) -> None:
    with tenancy.use(organization):
        agent = Agent.objects.get(name__contains="front desk")
        number = agent.phone_numbers.first()
        answer = reception.failing_answer(number, "no_room")
        call = reception.enter(number, answer, caller="+14155550100", from_number="+14155550100")
        assert call is not None
        call.instead = {
            "how": "voicemail",
            "why": "closed",
            "greeting": "Please leave a message.",
            "longest_s": 60,
            "recording_s": 9,
        }
        call.status, call.end_reason, call.duration_ms = "ended", "message_left", 14_000
        call.answered_at = call.ended_at = timezone.now() - timedelta(minutes=3)
        call.save()
        of = {"organization": organization, "call": call}
        Turn.objects.create(**of, index=0, role="agent", text="Please leave a message.", started_ms=0, ended_ms=0)
        words = "Hi, this is Grace. Please call me back about my appointment, it's two one two, seven three six, five thousand."
        Turn.objects.create(**of, index=1, role="caller", text=words, started_ms=600, ended_ms=8_000, confidence=0.92)
        CallEvent.objects.create(**of, at_ms=0, kind="instead", data={"how": "voicemail", "why": "closed"})
    page.goto(f"{site}/calls/{call.pk}/")
    expect(page.get_by_text("The caller left a message").first).to_be_visible()
    look(page, "a message that a caller left")
    page.goto(f"{site}/calls/")
    look(page, "calls with a message")


def test_a_campaign_that_can_call(page: Page, site: str, look: Look) -> None:
    page.goto(f"{site}/campaigns/")
    look(page, "campaigns with a number")
    page.locator('tbody a[href^="/campaigns/"]').first.click()
    expect(page.get_by_role("heading", name="Who calls")).to_be_visible()
    look(page, "campaign with a number")
    page.get_by_label("Calls from").select_option("")
    page.locator("form", has=page.get_by_label("Calls from")).get_by_role("button", name="Change").click()
    expect(page.get_by_text("Choose which of your numbers it calls from.").first).to_be_visible()
    look(page, "campaign without a number")
    page.goto(f"{site}/campaigns/new/")
    look(page, "new campaign with a number")
    page.goto(f"{site}/agents/")
    page.locator("a.agent-name", has_text=re.compile("front desk")).first.click()
    expect(page.get_by_role("link", name="Or let it call a number")).to_be_visible()
    look(page, "editor with a number")
