"""Pages and states that no address alone leads to, looked at as in ``test_pages.py``: the ways of signing in, mistakes, dialogs,
refusals, calls that failed or went on for long."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.template import loader
from playwright.sync_api import Browser, Page, Route, expect

from accounts import invitations, tenancy
from accounts.models import Membership, Organization, User
from agents.models import Agent
from telephony.end_reasons import REASONS
from telephony.models import Call, CallEvent, Turn
from tests.browser.people import link_for, regular, section
from tests.browser.screens import Findings, context_for, look_here

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.timeout(600)]

PASSWORD = "correct horse battery"
Look = Callable[[Page, str], None]


@pytest.fixture
def look(pictures: Path | None) -> Iterator[Look]:
    """``look(page, name)`` remembers what is wrong with what is shown; the test fails at its end by all of it."""
    findings: list[Findings] = []
    yield lambda page, name: findings.append(look_here(page, name, pictures))
    wrong = [found for found in findings if found.problems]
    assert not wrong, "\n".join(f"{found.page}\n    " + "\n    ".join(found.problems) for found in wrong)


@pytest.fixture
def visitor(transactional_db: None, browser: Browser) -> Iterator[Page]:
    context = context_for(browser, "desktop", "light")
    yield context.new_page()
    context.close()


def send(page: Page, **fields: str) -> None:
    """Fill the form in the middle of the page and send it. ``E_mail_address`` is the field called so."""
    for label, words in fields.items():
        page.get_by_label(label.replace("E_mail", "E-mail").replace("_", " ")).first.fill(words)
    page.locator("main form button[type=submit]").first.press("Enter")


def code_of_now(secret: str) -> str:
    """What the app shows, early enough in its half minute that it is sent before the next one."""
    left = 30 - time.time() % 30
    if left < 12:
        time.sleep(left)
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30))


def sign_in_by_link(page: Page, user: User, site: str) -> None:
    page.goto(link_for(user, site))
    send(page)
    expect(page.get_by_role("heading", name="Home")).to_be_visible()


def test_signing_up_with_a_second_factor_and_in_again(visitor: Page, site: str, look: Look) -> None:
    page = visitor
    page.goto(f"{site}/accounts/signup/")
    send(page)
    expect(page.get_by_text("Fill this in.").first).to_be_visible()
    look(page, "sign-up with mistakes")
    send(page, Your_name="Uma User", E_mail_address="uma@example.com", Password=PASSWORD)
    expect(page.get_by_role("heading", name="Home")).to_be_visible()
    page.goto(f"{site}/accounts/2fa/totp/activate/")
    expect(page.get_by_role("heading", name="Is it still you?")).to_be_visible()
    look(page, "is it still you")
    send(page, Password=PASSWORD)
    secret = page.locator("#authenticator_secret").inner_text()
    send(page, code="123")
    expect(page.get_by_text("This code is not right.")).to_be_visible()
    look(page, "authenticator with a wrong code")
    send(page, code=code_of_now(secret))
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    look(page, "recovery codes")
    for path, heading in (
        ("recovery-codes/generate/", "Make new recovery codes?"),
        ("", "Two-factor sign-in"),
        ("totp/deactivate/", "Switch the authenticator app off?"),
    ):
        page.goto(f"{site}/accounts/2fa/{path}")
        expect(page.get_by_role("heading", name=heading)).to_be_visible()
        look(page, heading)
    page.context.clear_cookies(name="sessionid")
    page.goto(f"{site}/accounts/login/")
    send(page, E_mail_address="uma@example.com", Password="wrong")
    expect(page.get_by_text("The e-mail address or the password is wrong.")).to_be_visible()
    look(page, "wrong password")
    send(page, Password=PASSWORD)
    expect(page.get_by_role("heading", name="Enter your code")).to_be_visible()
    look(page, "second factor")


def test_the_ways_by_mail(visitor: Page, site: str, look: Look) -> None:
    owner, page = regular(0), visitor
    page.goto(f"{site}/accounts/password/reset/")
    send(page, E_mail_address="olivia@example.com")
    expect(page.get_by_role("heading", name="Ask whoever runs this server")).to_be_visible()
    look(page, "new password asked for")
    page.goto(f"{site}/accounts/password/reset/key/1-gone/")
    look(page, "reset link that is gone")
    organization = Organization.objects.get(name="Bright Smile Dental")
    with tenancy.use(organization):
        inviter = Membership.objects.select_related("organization", "user").get(user=owner)
        _, link = invitations.invite(inviter, "guest@example.com", "viewer")
    invitation = site + "/invitations/" + link.split("/invitations/")[1]
    page.goto(invitation)
    look(page, "invitation of a stranger")
    page.goto(link_for(owner, site))
    look(page, "one-time link")
    send(page)
    page.goto(invitation)
    look(page, "invitation of somebody else")


def test_dialogs_and_mistakes(page: Page, look: Look) -> None:
    section(page, "listens")
    page.locator("[data-section=listens] details.expert-settings summary").first.click()
    page.locator("#id_listens-endpointing_ms").fill("5")
    expect(page.locator("#save-status")).to_contain_text("1 setting is not saved yet")
    look(page, "editor with a mistake and expert settings")
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_role("dialog")).to_contain_text("not right yet")
    look(page, "publish dialog with a mistake beside it")
    page.keyboard.press("Escape")
    for entry in ("Rename", "Delete"):
        page.get_by_role("button", name="More to do with this agent").click()
        page.get_by_role("button", name=entry, exact=True).click()
        expect(page.get_by_role("dialog")).to_be_visible()
        look(page, f"{entry} dialog")
        page.keyboard.press("Escape")
    page.route("**/draft/**", lambda route: route.abort())
    section(page, "says")
    page.get_by_role("textbox", name="Last words").fill("Bye.")
    expect(page.locator("#save-status")).to_contain_text("can't be reached")
    look(page, "editor without its server")


def test_mistakes_in_forms_and_what_is_shown_once(page: Page, site: str, look: Look) -> None:
    page.get_by_role("button", name="Your account").click()
    look(page, "account menu")
    for path in ("developers/keys/", "organization/credentials/", "organization/members/"):
        page.goto(f"{site}/{path}")
        page.locator("main form:has(input.form-control) button[type=submit]").last.press("Enter")
        expect(page.locator("main [aria-invalid=true]").first).to_be_visible()
        look(page, f"mistakes in {path}")
    page.goto(f"{site}/developers/keys/")
    page.get_by_label("Name").fill("Booking system")
    page.get_by_label("See agents").check()
    page.get_by_role("button", name="Make the key").click()
    expect(page.locator("main input[readonly]")).to_have_value(re.compile("^parley_live_"))
    look(page, "new key")
    page.goto(f"{site}/organization/members/")
    page.get_by_label("E-mail address").fill("more@example.com")
    page.get_by_role("button", name="Send the invitation").click()
    expect(page.get_by_label("Invitation link")).to_be_visible()
    look(page, "new invitation")


def test_refusals(visitor: Page, site: str, look: Look) -> None:
    regular(0)
    page = visitor
    sign_in_by_link(page, User.objects.get(email="victor@example.com"), site)
    page.goto(f"{site}/developers/keys/")
    expect(page.get_by_role("heading", name="You may not do this")).to_be_visible()
    look(page, "403")

    def show(route: Route) -> None:
        """What the server would send if it were broken: these pages need nothing of it but their style sheet."""
        name = route.request.url.rpartition("/")[2]
        route.fulfill(body=loader.render_to_string(name), content_type="text/html")

    page.route("**/*.html", show)
    for name in ("500.html", "503.html", "403_csrf.html"):
        page.goto(f"{site}/{name}")
        look(page, name)


def calls() -> dict[str, Call]:
    """A call that failed in each way there is, and one of an hour."""
    owner = User.objects.get(email="olivia@example.com")
    organization = Organization.objects.get(name="Bright Smile Dental")
    with tenancy.use(organization):
        agent = Agent.objects.get(name__startswith="Bright")
        found = {
            reason: Call.objects.create(
                organization=organization, agent=agent, version=agent.published, spec=agent.draft, status="ended",
                end_reason=reason, end_detail="connect timeout", started_by=owner, duration_ms=3_600_000,
            )
            for reason in [*(key for key, each in REASONS.items() if each.is_fault), "max_duration"]
        }  # fmt: skip
        long = found["max_duration"]
        for index in range(80):
            latency = {"endpointing_ms": 300, "model_ms": 10 * index, "total_ms": 300 + 10 * index}
            Turn.objects.create(
                organization=organization, call=long, index=index, role=("agent", "caller")[index % 2],
                text="Well. " * (index % 9 + 1), intended="Well. " * 12, was_cut=index % 4 == 2,
                started_ms=index * 40_000, ended_ms=index * 40_000 + 9_000, latency=latency if index % 2 == 0 else {},
                thoughts=[{"kind": "pause", "data": {"ms": 500, "because": "complete"}}],
            )  # fmt: skip
            CallEvent.objects.create(
                organization=organization, call=long, at_ms=index * 1_000, kind="line", data={"rtt_ms": 30}
            )
    return found


def test_calls_that_failed_and_one_of_an_hour(visitor: Page, site: str, look: Look) -> None:
    owner = regular(0)
    found, page = calls(), visitor
    sign_in_by_link(page, owner, site)
    look(page, "home where much went wrong")
    for reason in ("no_worker", "model_failed", "never_connected"):
        page.goto(f"{site}/calls/{found[reason].pk}/")
        expect(page.get_by_role("alert").first).to_contain_text(REASONS[reason].advice)
        look(page, f"call: {reason}")
    page.goto(f"{site}/calls/{found['max_duration'].pk}/")
    for summary in (*page.locator("#transcript summary").all()[:6], *page.locator("summary:visible").all()[-2:]):
        summary.press("Enter")
    look(page, "call of an hour")


def test_a_trunk_that_is_joined_and_the_traces_that_are_opened(visitor: Page, site: str, look: Look) -> None:
    owner, page = regular(0), visitor
    sign_in_by_link(page, owner, site)
    page.goto(f"{site}/numbers/trunks/new/?preset=own")
    page.get_by_label("Host").fill("not a host")
    page.get_by_label("Password").fill("open sesame")
    page.get_by_role("button", name="Add and test").press("Enter")
    expect(page.get_by_text("Type the password once more")).to_be_visible()
    page.get_by_text("transport, encryption, codecs").click()
    look(page, "trunk with mistakes")
    page.get_by_label("Name", exact=True).fill("Office")
    page.get_by_label("Host").fill("pbx.example.com")
    page.get_by_label("User name").fill("200")
    page.get_by_label("Password").fill("open sesame")
    page.get_by_role("button", name="Add and test").press("Enter")
    expect(page.locator("#trunk-tested")).to_contain_text("No call worker serves SIP")
    look(page, "trunk that was tested")
    page.get_by_label("Number or extension").fill("hello there")
    page.get_by_role("button", name="Add the number").press("Enter")
    expect(page.get_by_text("Write the number with its country")).to_be_visible()
    look(page, "number that is none")
    page.goto(f"{site}/numbers/")
    page.get_by_role("link", name="Main line").last.click()
    page.get_by_text("registrations, and calls that were refused").click()
    expect(page.locator(".trace-sentence")).to_contain_text("refused the password for trunk “Main line”")
    page.locator(".ladder-step summary").first.click()
    look(page, "trace of a trunk")
    page.get_by_role("link", name="Place a test call").click()
    expect(page.get_by_role("dialog").get_by_label("Call from")).to_contain_text("200 · Extension · Main line")
    with tenancy.use(Organization.objects.get(name="Bright Smile Dental")):
        call = Call.objects.exclude(trunk=None).get()
    page.goto(f"{site}/calls/{call.pk}/")
    page.get_by_text("what was said over SIP").click()
    expect(page.locator(".trace-sentence")).to_contain_text("The provider forbids this call")
    page.locator(".ladder-step.is-bad summary").click()
    expect(page.locator(".ladder-step.is-bad pre")).to_contain_text("Caller ID is not verified")
    look(page, "trace of a call")
