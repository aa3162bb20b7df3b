"""Campaigns over SIP trunks, whole: a provider on a real socket, a call worker with its port, rows."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db.models import F

from accounts import tenancy
from agents.publish import publish
from telephony import outbound
from telephony.campaigns import by_phone, by_trunk, lists, manage
from telephony.campaigns.dialler import Order, Over, Running, Unrung
from telephony.campaigns.models import Campaign, CampaignAttempt, CampaignContact
from telephony.campaigns.sheet import guess
from telephony.dialing import gate, policies
from telephony.dialing.models import DialReservation
from telephony.models import Call, PhoneNumber, Trunk
from telephony.tasks import reap, run_campaigns
from telephony.trunks import manage as trunks
from telephony.trunks import upkeep
from telephony.trunks.fields import TrunkFields
from tests.telephony.campaigns.people import ALWAYS, WIDE, states
from tests.telephony.campaigns.sip_exchange import SipExchange
from tests.telephony.campaigns.test_killed import ROOT, _databases
from tests.telephony.test_sip_calls import knows, serving

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.paced]

OURS = "+14155550142"
LIST = b"""name,phone
Ada,(212) 736-5000
Grace,(212) 736-5001
Linus,(212) 736-5002
Edsger,(212) 736-5003
Barbara,(212) 736-5004
"""
ADA, GRACE, LINUS, EDSGER, BARBARA = (f"+1212736500{last}" for last in range(5))


@pytest.fixture(autouse=True)
def _sip(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.SIP_HOST, settings.SIP_PORT, settings.SIP_TLS_PORT = ["127.0.0.1"], 0, 0
    settings.RTP_PORTS = (45_000, 47_999)
    settings.EGRESS_ALLOW_PRIVATE = True
    monkeypatch.setattr(upkeep, "POLL_SECONDS", 0.2)


@contextlib.asynccontextmanager
async def exchange() -> AsyncIterator[SipExchange]:
    async with SipExchange() as made:
        try:
            yield made
        finally:
            await made.clear()


def a_trunk(agent: Any, alice: Any, port: int) -> tuple[Trunk, PhoneNumber]:
    with tenancy.use(agent.organization_id):
        agent.draft["says"] = {"first_message": "Hello {{name}}, it is us."}
        agent.save()
        publish(agent, alice)
    trunk = trunks.create(agent.organization, None, TrunkFields(label="Provider", host="127.0.0.1", port=port), "")
    return trunk, trunks.add_number(trunk, OURS, agent)


def a_campaign(agent: Any, alice: Any, number: PhoneNumber, people: bytes = LIST, **rules: Any) -> Campaign:
    """As somebody makes it in the dashboard, and starts it."""
    policies.change(agent.organization, WIDE)
    made = manage.create(agent.organization, "Reminders", agent, alice, ours=number)
    contact_list, sheet = lists.upload(made, "people.csv", people)
    lists.read_as(contact_list, guess(sheet, "US"))
    lists.read_on(contact_list.pk, made.organization_id)
    plain = {**ALWAYS, "calls_per_minute": 3_000, "concurrency": 10, "max_attempts": 1, "on_machine": "talk"}
    manage.change_rules(made, {**plain, **rules})
    manage.start(made)
    return made


def outcomes(campaign: Campaign) -> dict[str, tuple[str, str]]:
    with tenancy.use(campaign.organization_id):
        return {each.number: (each.state, each.outcome) for each in CampaignContact.objects.all()}


def calls_of(campaign: Campaign) -> dict[str, Call]:
    with tenancy.use(campaign.organization_id):
        return {call.to_number: call for call in Call.objects.order_by("created_at")}


async def look_until(is_so: Callable[[], Any], seconds: float = 60) -> None:
    """Look after the campaigns again and again, as the clock does."""
    async with asyncio.timeout(seconds):
        while not await sync_to_async(is_so)():
            await sync_to_async(run_campaigns)()
            await asyncio.sleep(0.1)


async def test_a_campaign_calls_everyone_over_a_trunk_and_reads_each_outcome_off_the_call(
    worker: Any, agent: Any, alice: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbound, "RING_SECONDS", 2)
    async with exchange() as line, serving(worker, capacity=6) as running:
        trunk, number = await sync_to_async(a_trunk)(agent, alice, line.port)
        await knows(running, trunk)
        await running._beat()
        line.who = {GRACE: 486, LINUS: "rings", EDSGER: 603, BARBARA: 404}
        campaign = await sync_to_async(a_campaign)(agent, alice, number)
        await look_until(lambda: states(campaign) == {"calling": 1, "gave_up": 4})
        await line.until(lambda: any(len(leg.heard) > 32_000 for leg in line.legs.values()))
        line.hang_up_on(ADA)
        await look_until(lambda: not states(campaign).get("calling"))
        await sync_to_async(run_campaigns)()
        calls = await sync_to_async(calls_of)(campaign)

        assert await sync_to_async(outcomes)(campaign) == {
            ADA: ("done", "answered"), GRACE: ("gave_up", "busy"), LINUS: ("gave_up", "no_answer"),
            EDSGER: ("gave_up", "declined"), BARBARA: ("gave_up", "failed"),
        }  # fmt: skip
        assert sorted(line.asked) == [ADA, GRACE, LINUS, EDSGER, BARBARA]
    ada = calls[ADA]
    assert ada.variables == {"name": "Ada"} and ada.trunk_id == trunk.pk and ada.from_number == OURS

    def rows() -> tuple[str, Any, bool, str]:
        with tenancy.use(campaign.organization_id):
            return (
                ada.turns.get(index=0).text,
                list(CampaignAttempt.objects.filter(contact__number=ADA).values_list("call_id", "outcome")),
                DialReservation.objects.filter(released_at=None).exists(),
                Campaign.objects.get(pk=campaign.pk).status,
            )

    words, tries, are_places_held, status = await sync_to_async(rows)()
    assert words.startswith("Hello Ada, it") and tries == [(ada.pk, "answered")]
    assert not are_places_held and status == "finished"


@pytest.mark.parametrize(("status", "words"), [(401, "user name or password"), (402, "no credit left")])
async def test_a_provider_that_refuses_us_whoever_is_called_holds_the_campaign_and_uses_up_nobodys_tries(
    worker: Any, agent: Any, alice: Any, status: int, words: str
) -> None:
    async with exchange() as line, serving(worker, capacity=6) as running:
        trunk, number = await sync_to_async(a_trunk)(agent, alice, line.port)
        await knows(running, trunk)
        await running._beat()
        line.who = dict.fromkeys((ADA, GRACE, LINUS, EDSGER, BARBARA), status)
        campaign = await sync_to_async(a_campaign)(agent, alice, number)

        def held() -> tuple[str, bool]:
            with tenancy.use(campaign.organization_id):
                row = Campaign.objects.get(pk=campaign.pk)
                return row.held, row.held_until is not None

        def is_still() -> bool:
            return held()[1] and not states(campaign).get("calling")

        await look_until(is_still)
        asked = len(line.asked)
        for _ in range(5):
            await sync_to_async(run_campaigns)()
        assert len(line.asked) == asked <= 5, "nobody else is tried now"
        assert await sync_to_async(states)(campaign) == {"waiting": 5}
        assert words in (await sync_to_async(held)())[0]

        line.who = {}
        await sync_to_async(manage.pause)(campaign)
        await sync_to_async(manage.resume)(campaign)

        def let_go() -> None:  # as if the minutes were over
            with tenancy.use(campaign.organization_id):
                CampaignContact.objects.update(next_at=F("created_at"))

        await sync_to_async(let_go)()
        await look_until(lambda: states(campaign).get("calling") == 5)
        assert (await sync_to_async(held)()) == ("", False)
        await line.until(lambda: len(line.legs) == 5)
        for leg in list(line.legs.values()):
            line.hang_up_on(leg.number)
        await look_until(lambda: states(campaign) == {"done": 5})


async def test_without_a_call_worker_for_sip_it_does_not_start_and_says_why(agent: Any, alice: Any, layer: Any) -> None:
    _, number = await sync_to_async(a_trunk)(agent, alice, 5060)
    with pytest.raises(manage.CannotDo, match="No call worker serves SIP"):
        await sync_to_async(a_campaign)(agent, alice, number)


async def test_no_more_are_called_at_once_than_the_worker_has_room_for(worker: Any, agent: Any, alice: Any) -> None:
    async with exchange() as line, serving(worker, capacity=2) as running:
        trunk, number = await sync_to_async(a_trunk)(agent, alice, line.port)
        await knows(running, trunk)
        await running._beat()
        campaign = await sync_to_async(a_campaign)(agent, alice, number)
        seen: set[str] = set()

        async with asyncio.timeout(90):
            while await sync_to_async(states)(campaign) != {"done": 5}:
                hang_up_now = [leg for leg in line.legs.values() if len(leg.heard) > 10_000 and leg.number not in seen]
                for leg in hang_up_now:
                    seen.add(leg.number)
                    line.hang_up_on(leg.number)
                await sync_to_async(run_campaigns)()
                await asyncio.sleep(0.1)
        assert sorted(line.asked) == [ADA, GRACE, LINUS, EDSGER, BARBARA]


# ---- lost orders, and killed in the middle


def as_if_older(organization: Any, seconds: float) -> None:
    with tenancy.use(organization):
        by = timedelta(seconds=seconds)
        Call.objects.update(created_at=F("created_at") - by)
        CampaignAttempt.objects.update(placed_at=F("placed_at") - by)


async def test_an_order_that_was_lost_rang_nobody_and_one_that_comes_late_rings_nobody(
    worker: Any, agent: Any, alice: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between the row and the order: the row is called off, the person waits on, and is then called once."""
    late: list[Any] = []
    async with exchange() as line, serving(worker) as running:
        trunk, number = await sync_to_async(a_trunk)(agent, alice, line.port)
        await knows(running, trunk)
        await running._beat()
        with monkeypatch.context() as lost:
            lost.setattr(outbound, "order_over", lambda call, worker, **more: late.append((call, worker)))
            campaign = await sync_to_async(a_campaign)(agent, alice, number, b"phone\n(212) 736-5000\n")
            assert await sync_to_async(run_campaigns)() == 1
            assert await sync_to_async(states)(campaign) == {"calling": 1}
        await sync_to_async(as_if_older)(campaign.organization_id, 21)
        await look_until(lambda: line.asked)
        first, its_worker = late[0]
        await sync_to_async(outbound.order_over)(first, its_worker)  # after all
        await look_until(lambda: line.legs)
        line.hang_up_on(ADA)
        await look_until(lambda: states(campaign) == {"done": 1})
        assert line.asked == [ADA]

    def rows() -> tuple[list[str], int]:
        with tenancy.use(campaign.organization_id):
            reasons = list(Call.objects.order_by("created_at").values_list("end_reason", flat=True))
            return reasons, CampaignContact.objects.get().attempts

    assert await sync_to_async(rows)() == (["never_placed", "caller_hung_up"], 1)


def test_a_row_that_was_claimed_is_never_placed_again(layer: Any, agent: Any, alice: Any) -> None:
    """Its worker was killed: it may have rung. That is a failed try, for which the rules hold."""
    from telephony import answer

    _, number = a_trunk(agent, alice, 5060)
    policies.change(agent.organization, WIDE)
    with tenancy.use(agent.organization_id):
        ours = PhoneNumber.objects.select_related("trunk__organization", "organization").get(pk=number.pk)
        assert ours.trunk is not None
        dialler = by_trunk.TrunkDialler(ours, ours.trunk, agent)
        dialler._frozen, dialler._caller = outbound.published(agent), OURS
        permit = gate.reserve(agent.organization, ADA, "campaign")
        call = dialler.enter(permit, Order())
        assert dialler.find(permit.key) == Running(call)
        assert answer.claim(call, agent.organization_id, "worker-1") is not None
        as_if_older(agent.organization_id, 600)
        assert dialler.find(permit.key) == Running(call)
        Call.objects.update(lease_until=F("created_at"))
    assert reap() == 1
    with tenancy.use(agent.organization_id):
        found = dialler.find(permit.key)
        assert isinstance(found, Over) and found.outcome == "failed" and "worker stopped" in found.detail
        never = gate.reserve(agent.organization, GRACE, "campaign")
        second = dialler.enter(never, Order())
        as_if_older(agent.organization_id, 21)
        assert dialler.find(never.key) == Unrung()
        assert answer.claim(second, agent.organization_id, "worker-1") is None, "an order that comes now rings nobody"


@pytest.mark.platform
async def test_killed_again_and_again_nobody_is_called_twice_and_nobody_is_forgotten(
    settings: Any, worker: Any, agent: Any, alice: Any
) -> None:
    """The process that runs the campaign is killed three times, in the moment the provider hears of a call."""
    people = b"phone\n" + b"".join(b"+12127365%03d\n" % number for number in range(18))
    killed_at, runner = [2, 7, 12], None
    async with exchange() as line, serving(worker, capacity=8) as running:
        trunk, number = await sync_to_async(a_trunk)(agent, alice, line.port)
        await knows(running, trunk)
        await running._beat()
        line.who = {f"+12127365{each:03}": status for each, status in enumerate([486, 603, 404] * 4)}
        campaign = await sync_to_async(a_campaign)(agent, alice, number, people, concurrency=4)
        prefix = settings.CHANNEL_LAYERS["default"]["CONFIG"]["prefix"]
        environment = {
            **os.environ, **_databases(settings), "PYTHONPATH": f"{ROOT}:{ROOT / 'platform'}", "LAYER_PREFIX": prefix,
        }  # fmt: skip
        gone: set[str] = set()
        lives, began = 0, time.monotonic()
        try:
            while (await sync_to_async(states)(campaign)).keys() - {"done", "gave_up"}:
                assert time.monotonic() - began < 240, await sync_to_async(states)(campaign)
                if runner is None or runner.poll() is not None:
                    lives += 1
                    runner = _a_runner(environment)
                if killed_at and len(line.asked) >= killed_at[0]:
                    killed_at.pop(0)
                    runner.send_signal(signal.SIGKILL)
                    runner.wait()
                for leg in [leg for leg in line.legs.values() if len(leg.heard) > 10_000 and leg.number not in gone]:
                    gone.add(leg.number)
                    line.hang_up_on(leg.number)
                await asyncio.sleep(0.01)
        finally:
            if runner is not None:
                runner.kill()
                runner.wait()
        print(f"\n{len(line.asked)} calls, {lives} lives of the runner, {time.monotonic() - began:.0f} s")
        assert lives == 4 and sorted(line.asked) == [f"+12127365{each:03}" for each in range(18)]
    found = await sync_to_async(outcomes)(campaign)
    assert [found[f"+12127365{each:03}"][1] for each in range(12)] == ["busy", "declined", "failed"] * 4
    assert {found[f"+12127365{each:03}"] for each in range(12, 18)} == {("done", "answered")}


def _a_runner(environment: dict[str, str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.telephony.campaigns.trunk_process", "2"]
    return subprocess.Popen(command, cwd=ROOT, env=environment)


def test_numbers_at_twilio_are_still_called_by_twilio(agent: Any, alice: Any, layer: Any) -> None:
    _, number = a_trunk(agent, alice, 5060)
    policies.change(agent.organization, WIDE)
    made = manage.create(agent.organization, "Reminders", agent, alice, ours=number)
    assert isinstance(by_phone.dialler_of(made), by_trunk.TrunkDialler)
    manage.call_from(made, None)
    assert isinstance(by_phone.dialler_of(made), by_phone.PhoneDialler)
