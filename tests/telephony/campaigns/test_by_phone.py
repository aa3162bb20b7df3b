"""Campaigns over telephone numbers, whole: an exchange that speaks as Twilio does, our webhooks, a call worker, rows."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db.models import F

from accounts import tenancy
from agents.publish import publish
from telephony import outbound
from telephony.campaigns import by_phone, lists, manage
from telephony.campaigns.dialler import Order, Over
from telephony.campaigns.models import Campaign, CampaignAttempt, CampaignContact
from telephony.campaigns.sheet import guess
from telephony.dialing import gate, policies
from telephony.dialing.models import DialReservation
from telephony.models import Call
from telephony.tasks import run_campaigns
from tests.telephony.campaigns.people import ALWAYS, WIDE, states
from tests.telephony.campaigns.test_killed import ROOT, _databases
from tests.telephony.phones import NUMBER, Phones, phones
from tests.telephony.test_twilio_calls import listens_at, until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.paced]

LIST = b"""name,phone
Ada,(212) 736-5000
Grace,(212) 736-5001
Linus,(212) 736-5002
Edsger,(212) 736-5003
Barbara,(212) 736-5004
"""
ADA, GRACE, LINUS, EDSGER, BARBARA = (f"+1212736500{last}" for last in range(5))


@pytest.fixture
def site(settings: Any, agent: Any, alice: Any) -> Callable[..., Any]:
    return lambda **line: phones(settings, agent, alice, **line)


def a_campaign(line: Phones, agent: Any, alice: Any, people: bytes = LIST, **rules: Any) -> Campaign:
    """As somebody makes it in the dashboard, and starts it."""
    with tenancy.use(line.row.organization_id):
        agent.draft["says"] = {"first_message": "Hello {{name}}, it is us."}
        agent.save()
        publish(agent, alice)
    policies.change(agent.organization, WIDE)
    made = manage.create(agent.organization, "Reminders", agent, alice, ours=line.number)
    contact_list, sheet = lists.upload(made, "people.csv", people)
    lists.read_as(contact_list, guess(sheet, "US"))
    lists.read_on(contact_list.pk, made.organization_id)
    manage.change_rules(made, {**ALWAYS, "calls_per_minute": 3_000, "concurrency": 10, "max_attempts": 1, **rules})
    manage.start(made)
    return made


def outcomes(campaign: Campaign) -> dict[str, tuple[str, str]]:
    with tenancy.use(campaign.organization_id):
        return {each.number: (each.state, each.outcome) for each in CampaignContact.objects.all()}


async def test_a_campaign_calls_everyone_and_reads_each_outcome_off_the_call(
    settings: Any, site: Any, worker: Any, agent: Any, alice: Any
) -> None:
    async with worker(capacity=6) as running, site() as line:
        listens_at(settings, running)
        line.exchange.who = {GRACE: "busy", LINUS: "no-answer", EDSGER: "machine_start", BARBARA: "failed"}
        campaign = await sync_to_async(a_campaign)(line, agent, alice)
        assert await sync_to_async(run_campaigns)() == 5
        await until(lambda: any(call.to == ADA and len(call.heard) > 60 for call in line.exchange.calls.values()))
        assert await sync_to_async(states)(campaign) == {"calling": 5}
        next(call for call in line.exchange.calls.values() if call.to == ADA).hang_up()
        await until(lambda: all(call.over.is_set() for call in line.exchange.calls.values()))
        async with asyncio.timeout(20):
            while (await sync_to_async(states)(campaign)).get("calling"):
                await sync_to_async(run_campaigns)()
                await asyncio.sleep(0.2)
        await sync_to_async(run_campaigns)()
        calls = {call.to_number: call for call in await line.calls()}

    assert await sync_to_async(outcomes)(campaign) == {
        ADA: ("done", "answered"), GRACE: ("gave_up", "busy"), LINUS: ("gave_up", "no_answer"),
        EDSGER: ("gave_up", "voicemail"), BARBARA: ("gave_up", "failed"),
    }  # fmt: skip
    assert sorted(each["to"] for each in line.account.placed) == [ADA, GRACE, LINUS, EDSGER, BARBARA]
    assert {each["from"] for each in line.account.placed} == {NUMBER}
    ada = calls[ADA]
    assert ada.variables == {"name": "Ada"} and ada.version_id and ada.duration_ms > 500

    def rows() -> tuple[str, list[tuple[Any, int, str]], bool, str]:
        with tenancy.use(campaign.organization_id):
            return (
                ada.turns.get(index=0).text,
                list(CampaignAttempt.objects.filter(contact__number=ADA).values_list("call_id", "seconds", "outcome")),
                DialReservation.objects.filter(released_at=None).exists(),
                Campaign.objects.get(pk=campaign.pk).status,
            )

    words, tries, are_places_held, status = await sync_to_async(rows)()
    assert words.startswith("Hello Ada, it") and "{{" not in words
    assert tries == [(ada.pk, round(ada.duration_ms / 1000), "answered")]
    assert not are_places_held and status == "finished"
    assert "Ada" in (results := await sync_to_async(manage.results_csv)(campaign)) and "Voicemail" in results


async def test_talking_to_machines_is_a_rule_of_the_campaign(
    settings: Any, site: Any, worker: Any, agent: Any, alice: Any
) -> None:
    async with worker() as running, site() as line:
        listens_at(settings, running)
        line.exchange.picks_up = "machine_start"
        await sync_to_async(a_campaign)(line, agent, alice, b"phone\n(212) 736-5000\n", on_machine="talk")
        await sync_to_async(run_campaigns)()
        await until(lambda: any(call.heard for call in line.exchange.calls.values()))
        assert not any(
            "MachineDetection" in form for _, path, form in line.account.asked if path.endswith("Calls.json")
        )


async def test_a_campaign_whose_number_is_gone_waits_and_says_why_and_goes_on_with_another(
    settings: Any, site: Any, worker: Any, agent: Any, alice: Any
) -> None:
    async with worker() as running, site() as line:
        listens_at(settings, running)
        line.exchange.picks_up = "busy"
        campaign = await sync_to_async(a_campaign)(line, agent, alice)
        await sync_to_async(manage.call_from)(campaign, None)
        assert await sync_to_async(run_campaigns)() == 0

        def held() -> str:
            with tenancy.use(campaign.organization_id):
                return str(Campaign.objects.get(pk=campaign.pk).held)

        assert "which of your numbers" in await sync_to_async(held)() and line.account.placed == []
        await sync_to_async(manage.call_from)(campaign, line.number)
        assert await sync_to_async(run_campaigns)() == 5
        assert await sync_to_async(held)() == ""


async def test_what_the_carrier_refuses_is_a_failed_try_and_its_words_are_kept(
    site: Any, layer: Any, agent: Any, alice: Any
) -> None:
    async with site() as line:
        campaign = await sync_to_async(a_campaign)(line, agent, alice, b"phone\n(212) 736-5000\n")
        line.account.refuses_calls = f"Account not authorized to call {ADA}."
        await sync_to_async(run_campaigns)()
        assert await sync_to_async(outcomes)(campaign) == {ADA: ("gave_up", "failed")}
        call = await line.call()
        assert call.end_reason == "carrier_refused" and "not authorized to call" in call.end_detail


@pytest.mark.parametrize("trouble", ["number", "login"])
async def test_trouble_with_the_account_holds_the_campaign_with_the_carriers_words_and_is_nobodys_try(
    site: Any, layer: Any, agent: Any, alice: Any, trouble: str
) -> None:
    """The number that calls is not owned any more, or the token was rotated."""
    async with site() as line:
        campaign = await sync_to_async(a_campaign)(line, agent, alice)
        if trouble == "number":
            line.account.numbers.clear()
        else:
            line.account.token = "rotated"
        for _ in range(3):
            assert await sync_to_async(run_campaigns)() == 0
        assert await sync_to_async(states)(campaign) == {"waiting": 5}

        def found() -> tuple[str, int, set[str]]:
            with tenancy.use(campaign.organization_id):
                reasons = set(Call.objects.values_list("end_reason", flat=True))
                held = str(Campaign.objects.get(pk=campaign.pk).held)
                return held, gate.today(agent.organization).calls, reasons

        held, calls, reasons = await sync_to_async(found)()
        assert ("not yet verified" if trouble == "number" else "doesn't know this account SID") in held
        assert calls == 0 and reasons == {"carrier_refused"} and len(await line.calls()) <= 5


async def test_a_call_without_an_id_whose_account_was_disconnected_is_given_up_once_it_can_run_no_more(
    site: Any, layer: Any, agent: Any, alice: Any
) -> None:
    async with site() as line:
        line.account.exchange = None
        campaign = await sync_to_async(a_campaign)(line, agent, alice, b"phone\n(212) 736-5000\n")
        await sync_to_async(run_campaigns)()

        def disconnect() -> None:
            with tenancy.use(campaign.organization_id):
                Call.objects.update(carrier_call_id="", carrier_account=None)

        await sync_to_async(disconnect)()
        await _as_if_older(line, 60)
        await sync_to_async(run_campaigns)()
        assert await sync_to_async(states)(campaign) == {"calling": 1}
        await _as_if_older(line, 3600)
        await sync_to_async(run_campaigns)()
        assert await sync_to_async(outcomes)(campaign) == {ADA: ("gave_up", "failed")}


async def test_a_status_that_was_lost_is_asked_for(site: Any, layer: Any, agent: Any, alice: Any) -> None:
    """The carrier's word of the end never came."""
    async with site() as line:
        line.account.exchange = None
        campaign = await sync_to_async(a_campaign)(line, agent, alice, b"phone\n(212) 736-5000\n")
        await sync_to_async(run_campaigns)()
        line.account.placed[0]["status"] = "no-answer"
        await sync_to_async(run_campaigns)()
        assert await sync_to_async(states)(campaign) == {"calling": 1}, "it may still ring"
        await _as_if_older(line, outbound.RING_SECONDS + 21)
        await sync_to_async(run_campaigns)()
        assert await sync_to_async(outcomes)(campaign) == {ADA: ("gave_up", "no_answer")}


async def _as_if_older(line: Phones, seconds: float) -> None:
    def change() -> None:
        with tenancy.use(line.row.organization_id):
            by = timedelta(seconds=seconds)
            Call.objects.update(created_at=F("created_at") - by)
            CampaignAttempt.objects.update(placed_at=F("placed_at") - by)

    await sync_to_async(change)()


@pytest.mark.parametrize("has_heard", [True, False])
async def test_of_a_call_whose_asker_was_killed_the_carrier_is_asked(
    site: Any, layer: Any, agent: Any, alice: Any, has_heard: bool
) -> None:
    """Entered, and then nothing: the carrier has it, or never heard of it."""
    async with site() as line:
        line.account.exchange = None
        campaign = await sync_to_async(a_campaign)(line, agent, alice, b"phone\n(212) 736-5000\n")

        def killed() -> str:
            dialler = by_phone.dialler_of(campaign)
            with tenancy.use(campaign.organization_id):
                permit = gate.reserve(agent.organization, ADA, "campaign")
                dialler.enter(permit, Order())
                if has_heard:
                    line.account.answer("POST", f"/2010-04-01/Accounts/{line.account.sid}/Calls.json", {
                        "To": ADA, "From": NUMBER,
                    })  # fmt: skip
                return permit.key

        key = await sync_to_async(killed)()

        def found() -> Any:
            with tenancy.use(campaign.organization_id):
                return by_phone.dialler_of(campaign).find(key)

        first = await sync_to_async(found)()
        call = await line.call()
        if has_heard:
            assert first.call == call.pk and call.carrier_call_id == line.account.placed[0]["sid"]
            line.account.placed[0]["status"] = "busy"
            await _as_if_older(line, outbound.RING_SECONDS + 21)
            assert (await sync_to_async(found)()) == Over("busy", 0, None, "The line was busy.", call.pk)
        else:
            assert first is None and call.end_reason == "never_placed"


def _a_runner(environment: dict[str, str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.telephony.campaigns.campaign_process", "4"]
    return subprocess.Popen(command, cwd=ROOT, env=environment)


@pytest.mark.platform
async def test_killed_in_the_middle_nobody_is_called_twice_and_nobody_is_forgotten(
    settings: Any, site: Any, worker: Any, agent: Any, alice: Any
) -> None:
    """The process that runs the campaign is killed three times in the moment the carrier has placed a call and not yet said so."""
    people = b"phone\n" + b"".join(b"+12127365%03d\n" % number for number in range(24))
    killed_at, runner = [3, 9, 16], None
    async with worker(capacity=8) as running, site() as line:
        listens_at(settings, running)
        line.exchange.who = {
            f"+12127365{number:03}": who for number, who in enumerate(["busy", "no-answer", "failed"] * 6)
        }
        campaign = await sync_to_async(a_campaign)(line, agent, alice, people, concurrency=4)
        environment = {
            **os.environ, **_databases(settings), "PYTHONPATH": f"{ROOT}:{ROOT / 'platform'}", "SITE_URL": settings.SITE_URL,
            "TWILIO_API_URL": line.account.url, "EGRESS_ALLOW": line.account.url.removeprefix("http://"),
        }  # fmt: skip

        def kill_now(call: dict[str, Any]) -> None:
            if killed_at and len(line.account.placed) >= killed_at[0]:
                killed_at.pop(0)
                runner.send_signal(signal.SIGKILL)  # type: ignore[attr-defined]
                runner.wait()  # type: ignore[attr-defined]

        line.account.before_answering = kill_now
        lives, began = 0, time.monotonic()
        try:
            while (await sync_to_async(states)(campaign)).keys() - {"done", "gave_up"}:
                assert time.monotonic() - began < 150, await sync_to_async(states)(campaign)
                if runner is None or runner.poll() is not None:
                    lives += 1
                    runner = _a_runner(environment)
                for call in list(line.exchange.calls.values()):
                    if len(call.heard) > 20:
                        call.hang_up()
                await asyncio.sleep(0.1)
        finally:
            if runner is not None:
                runner.kill()
                runner.wait()
    asked = [each["to"] for each in line.account.placed]
    print(f"\n{len(asked)} calls, {lives} lives of the runner, {time.monotonic() - began:.0f} s")
    assert lives == 4 and sorted(asked) == [f"+12127365{number:03}" for number in range(24)]
    found = await sync_to_async(outcomes)(campaign)
    assert [found[f"+12127365{number:03}"][1] for number in range(18)] == ["busy", "no_answer", "failed"] * 6
    assert {found[f"+12127365{number:03}"] for number in range(18, 24)} == {("done", "answered")}
