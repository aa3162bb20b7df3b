"""Organizations to look at: one that is used, with names as long as people make them, and one that has just begun."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from django.utils import timezone
from playwright.sync_api import Page

from accounts import credentials, invitations, keys, members, signin, tenancy
from accounts.models import Membership, User
from agents import publish
from agents.demo import ensure_demo
from telephony.campaigns import lists, manage
from telephony.campaigns.models import Campaign, CampaignAttempt, CampaignContact
from telephony.campaigns.sheet import guess
from telephony.dialing import do_not_call, policies
from telephony.models import Call, CarrierAccount, PhoneNumber, SipMessage, TextMessage, Trunk, Turn

LONG = "Front desk of the second surgery in the street with the very long name, left entrance <script>alert(1)</script>"


def link_for(user: User, site: str) -> str:
    """A one-time link to the site the test started."""
    return site + "/sign-in/" + signin.link_for(user).split("/sign-in/")[1]


def beginner() -> User:
    user = User.objects.create_user("new@example.com", "correct horse battery", name="Nora New")
    members.create_organization("Just begun", user)
    return user


def regular(call_count: int = 30) -> User:
    owner = User.objects.create_user("olivia@example.com", "correct horse battery", name="Olivia Owner")
    organization = members.create_organization("Bright Smile Dental", owner, "America/Los_Angeles")
    members.create_organization("Another organization with quite a long name, Ltd.", owner)
    wordy = "a.very.long.address.of.a.person.with.many.names@subdomain.of.a.company.example.com"
    with tenancy.use(organization):
        for number, (email, role) in enumerate([(wordy, "editor"), ("victor@example.com", "viewer")]):
            user = User.objects.create_user(email, "correct horse battery", name="" if number == 0 else "Victor Viewer")
            Membership.objects.create(organization=organization, user=user, role=role)
        invitations.invite(Membership.objects.get(user=owner), "soon@example.com", "editor")
        keys.issue(organization, "Booking system", ["agents:read", "calls:read", "calls:write"], None, owner)
        revoked, _ = keys.issue(organization, LONG, ["agents:read"], timezone.now() + timedelta(days=9), owner)
        keys.revoke(revoked)
        credentials.store(organization, "Our OpenAI key", "openai", "sk-0123456789abcdefWXYZ", owner)
        agent = ensure_demo(organization, owner)
        publish.save_draft(agent, {"listens": {"endpointing_ms": 700}})
        publish.publish(agent, owner, "Thinks longer")
        sounds = {
            "voice_speed": 1.1,
            "pronunciations": [{"word": "Nguyen", "sounds_like": "win"}, {"word": "Siobhan", "ipa": "ʃɪˈvɔːn"}],
        }
        publish.save_draft(agent, {"sounds": sounds, "knows": {"temperature": 0.7}, "does": {"done_message": LONG}})
        publish.create_agent(organization, LONG)
        _trunks(organization, agent)
        _calls(organization, agent, owner, call_count)
        _campaign(organization, agent, owner)
        account = CarrierAccount.objects.create(organization=organization, sid="AC" + "0" * 32, credential="none")
        for index, name in enumerate([LONG, ""]):
            PhoneNumber.objects.create(
                organization=organization, account=account, number=f"+1415555014{index}", sid=f"PN{index}", label=name,
                agent=agent if index == 0 else None,
            )  # fmt: skip
        _texts(organization, account)
        policies.change(organization, {"countries": ["CA", "GB"], "blocked_prefixes": ["+1900"], "max_concurrent": 8})
        do_not_call.add(organization, "+14155550198", LONG, member=owner)
        do_not_call.add(organization, "+14155550199", source="caller")
    return owner


def _texts(organization: Any, account: CarrierAccount) -> None:
    """One conversation with everything that a text can be, and one that is a single text."""
    ours, theirs = "+14155550140", "+14155550198"
    for index, (body, more) in enumerate((
        (LONG, {"media": 2}),
        ("Yes, on Tuesday at three.\nSee you then.", {"direction": "outbound", "status": "delivered"}),
        ("A-very-long-word-without-a-place-to-break-it-" * 6, {}),
        ("STOP", {"means": "stop"}),
        ("Please come back!", {"direction": "outbound", "status": "failed", "problem": "The telephone company could not deliver it."}),
    )):  # fmt: skip
        given = {"direction": "inbound", "status": "received", **more}
        ends = (theirs, ours) if given["direction"] == "inbound" else (ours, theirs)
        TextMessage.objects.create(
            organization=organization, carrier_account=account, carrier_message_id=f"SM{index}", from_number=ends[0], to_number=ends[1],
            body=body, **given,
        )  # fmt: skip
    TextMessage.objects.create(
        organization=organization, from_number="73822", to_number=ours, body="Your code is 4711.", direction="inbound",
        status="received", carrier_message_id="SM9", carrier_account=account,
    )  # fmt: skip


def _trunks(organization: Any, agent: Any) -> None:
    """One that works, one whose password is refused, with a call over each."""
    for state, words, label, host in (
        ("registered", "sip.example.com knows where we are, for 60 minutes at a time.", LONG, "sip.example.com"),
        ("failed", "The provider refused your user name or password. (SIP 401) Tried again in 120 seconds.", "Main line",
         "a-host-with-quite-a-long-name.of-a-provider.example.com"),
        ("waiting", "", "Desk telephone", ""),
    ):  # fmt: skip
        trunk = Trunk.objects.create(
            organization=organization, label=label, host=host, username="200", registers=bool(host), preset="telnyx" if host else "phone",
            state=state, state_words=words, state_at=timezone.now() if words else None, sources=[] if host else ["192.168.0.0/16"],
        )  # fmt: skip
        number = PhoneNumber.objects.create(
            organization=organization, trunk=trunk, number="200", label="Extension", agent=agent
        )
        registers = f"REGISTER sip:{host} SIP/2.0"
        _messages(
            organization, trunk, None,
            ("out", registers, "1 REGISTER", ""), ("in", "SIP/2.0 401 Unauthorized", "1 REGISTER", ""),
            ("out", registers, "2 REGISTER", "Authorization: …"),
            ("in", "SIP/2.0 200 OK" if state == "registered" else "SIP/2.0 401 Unauthorized", "2 REGISTER", ""),
        )  # fmt: skip
        if state != "registered":
            continue
        call = Call.objects.create(
            organization=organization, agent=agent, version=agent.published, spec=agent.draft, status="ended",
            end_reason="carrier_refused", end_detail="The provider forbids this call. (SIP 403)", channel="phone",
            direction="outbound", trunk=trunk, phone_number=number, from_number="200", to_number="+14155550177", caller="+14155550177",
        )  # fmt: skip
        invite = f"INVITE sip:+14155550177@{host} SIP/2.0"
        _messages(
            organization, trunk, call,
            ("out", invite, "1 INVITE", ""), ("in", "SIP/2.0 407 Proxy Authentication Required", "1 INVITE", ""),
            ("out", f"ACK sip:+14155550177@{host} SIP/2.0", "1 ACK", ""), ("out", invite, "2 INVITE", "Proxy-Authorization: …"),
            ("in", "SIP/2.0 183 Session Progress", "2 INVITE", ""),
            ("in", "SIP/2.0 403 Forbidden", "2 INVITE", 'Reason: Q.850;cause=21;text="Caller ID is not verified for this account"'),
            ("out", f"ACK sip:+14155550177@{host} SIP/2.0", "2 ACK", ""),
        )  # fmt: skip


def _messages(organization: Any, trunk: Trunk, call: Call | None, *said: tuple[str, str, str, str]) -> None:
    start = timezone.now() - timedelta(minutes=3)
    for number, (direction, start_line, cseq, header) in enumerate(said):
        text = "\n".join(
            [
                start_line,
                "Via: SIP/2.0/UDP 203.0.113.9:5060;branch=z9hG4bK74bf9",
                f"Call-ID: {LONG}",
                f"CSeq: {cseq}",
                header,
            ]
        )
        SipMessage.objects.create(
            organization=organization, trunk=trunk, call=call, number=number, direction=direction, peer="192.0.2.7:5060",
            transport="udp", start_line=start_line, dialog="a84b4c76e66710", cseq=cseq, text=text,
            at=start + timedelta(milliseconds=number * 137),
        )  # fmt: skip


def _campaign(organization: Any, agent: Any, owner: User) -> None:
    """Paused on its way, with another list whose columns nobody has looked over."""
    campaign = manage.create(organization, LONG, agent, owner)
    rows = [f"Person {number},+1415555{1000 + number},Tuesday" for number in range(40)]
    rows += ["Nobody,n/a,", "Somebody,+1 900 555 1234,", f"{LONG[:40]},+14155551000,"]
    contact_list, sheet = lists.upload(campaign, "people.csv", "\n".join(["name,phone,day", *rows]).encode())
    lists.read_as(contact_list, guess(sheet, "US"))
    lists.read_on(contact_list.pk, organization.pk)
    lists.upload(
        campaign, "a second list.csv", "\n".join(["Who;Telephone;Zone", "Ada;(415) 555-0142;", "B;911;"]).encode()
    )
    outcomes = ["answered"] * 14 + ["busy"] * 3 + ["no_answer"] * 5 + ["voicemail"] * 2 + ["failed"]
    people = list(CampaignContact.objects.filter(campaign=campaign).exclude(number="")[: len(outcomes)])
    for person, outcome in zip(people, outcomes, strict=True):
        person.outcome, person.attempts = outcome, 1
        person.state = "done" if outcome == "answered" else "gave_up" if outcome == "failed" else "retry"
        person.next_at = timezone.now() + timedelta(hours=2) if person.state == "retry" else None
        person.save()
        CampaignAttempt.objects.create(
            organization=organization, campaign=campaign, contact=person, ordinal=1, key=str(person.pk), state="done",
            outcome=outcome, placed_at=timezone.now() - timedelta(hours=1), ended_at=timezone.now(), seconds=40,
        )  # fmt: skip
    Campaign.objects.filter(pk=campaign.pk).update(status="paused", started_at=timezone.now())


def _calls(organization: Any, agent: Any, owner: User, count: int) -> None:
    now = timezone.now()
    for number in range(count):
        call = Call.objects.create(
            organization=organization, agent=agent, version=agent.published, spec=agent.draft, status="ended",
            end_reason=("caller_goodbye", "silence", "worker_lost")[number % 3], started_by=owner,
            answered_at=now - timedelta(hours=number), ended_at=now - timedelta(hours=number, minutes=-2),
            duration_ms=120_000, collected={"name": "Ada Lovelace", "phone": None} if number % 2 else {},
            latency={"p50_ms": 640, "p95_ms": 900, "turns": 2},
        )  # fmt: skip
        if number == count - 1 or number == 0:
            parts = {
                "endpointing_ms": 250,
                "stt_ms": 90,
                "model_ms": 120,
                "tts_ms": 150,
                "transport_ms": 30,
                "total_ms": 640,
            }
            said = [
                ("agent", "Hello, how can I help you?", {}),
                ("caller", "When are you open?", {}),
                ("agent", LONG, parts),
            ]
            for index, (role, text, latency) in enumerate(said):
                Turn.objects.create(
                    organization=organization, call=call, index=index, role=role, text=text,
                    started_ms=index * 3_000, ended_ms=index * 3_000 + 2_000, latency=latency,
                )  # fmt: skip


def section(page: Page, name: str) -> None:
    """Show a section of the editor."""
    page.locator(f"[data-section-link={name}]").click()


def changes(page: Page) -> int:
    """How many changes to publish the editor counts."""
    found = re.search(r"(\d+) change", page.locator("#save-status").inner_text())
    return int(found[1]) if found else 0
