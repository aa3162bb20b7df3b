"""A campaign of five hundred whose runner is killed three times: everyone is called as the rules say, by the carrier's own log."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import defaultdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from accounts import tenancy
from accounts.models import Organization
from telephony.campaigns.models import Campaign, CampaignAttempt, CampaignContact
from telephony.campaigns.rules import Rules
from telephony.campaigns.schedule import GaveUp, Reached, RetryAt, after
from telephony.dialing.models import DialReservation
from tests.telephony.campaigns.carrier_line import BASE, FastClock
from tests.telephony.campaigns.people import a_campaign, states

ROOT = Path(__file__).resolve().parent.parent.parent.parent
SEED = os.environ.get("CAMPAIGN_SEED", "4711")
PEOPLE, CONCURRENCY, SPEED = 500, 20, 600.0


@pytest.mark.platform
@pytest.mark.django_db(transaction=True)
def test_killed_three_times_it_calls_everyone_exactly_as_the_rules_say(
    organization: Organization, settings: Any, tmp_path: Path
) -> None:
    campaign = a_campaign(
        organization, PEOPLE, BASE, concurrency=CONCURRENCY, calls_per_minute=3_000, max_attempts=3, retry_busy_min=5,
        retry_no_answer_min=10, retry_voicemail_min=0, retry_failed_min=5, backoff=2.0,
    )  # fmt: skip
    log, socket = tmp_path / "carrier.log", str(tmp_path / "carrier")
    log.touch()
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'platform'}", **_databases(settings)}
    carrier = subprocess.Popen(
        [sys.executable, "-m", "tests.telephony.campaigns.carrier", socket, str(log), SEED, "0.2"], cwd=ROOT, env=environment
    )  # fmt: skip
    began = time.time()
    command = [
        sys.executable, "-m", "tests.telephony.campaigns.runner_process", str(campaign.pk), str(organization.pk), socket,
        str(began), str(SPEED),
    ]  # fmt: skip
    dice = random.Random(SEED)
    moments = [dice.randint(40, 140), dice.randint(190, 300), dice.randint(350, 460)]
    runner = None
    try:
        while not Path(socket).exists():
            time.sleep(0.05)
        for moment in [*moments, None]:
            runner = subprocess.Popen(command, cwd=ROOT, env=environment)
            if moment is None:
                assert runner.wait(timeout=200) == 0
                continue
            while len(log.read_bytes().splitlines()) < moment:
                assert runner.poll() is None, "the runner ended by itself"
                time.sleep(0.002)
            time.sleep(dice.uniform(0, 0.03))
            runner.send_signal(signal.SIGKILL)
            runner.wait()
    finally:
        for process in (runner, carrier):
            if process is not None:
                process.kill()
                process.wait()

    calls = [json.loads(line) for line in log.read_text().splitlines()]
    print(f"seed {SEED}: killed after {moments} calls, {len(calls)} calls in {time.time() - began:.0f} s")
    _as_the_rules_say(campaign, calls, FastClock(BASE, began, SPEED))
    _never_too_many_at_once(calls)
    _and_the_record_says_the_same(campaign, calls)


def _databases(settings: Any) -> dict[str, str]:
    database = settings.DATABASES["default"]
    url = f"postgresql://{database['USER']}:{database['PASSWORD']}@/{database['NAME']}?host={database['HOST']}&port={database['PORT']}"
    if database["HOST"] and not database["HOST"].startswith("/"):
        url = f"postgresql://{database['USER']}:{database['PASSWORD']}@{database['HOST']}:{database['PORT']}/{database['NAME']}"
    return {"DATABASE_URL": url, "DATABASE_OWNER_URL": url, "VALKEY_URL": settings.VALKEY_URL, "PARLEY_EMBEDDED": "true",
            "DJANGO_SETTINGS_MODULE": "config.settings"}  # fmt: skip


def _as_the_rules_say(campaign: Campaign, calls: list[dict[str, Any]], clock: FastClock) -> None:
    """Each person's calls follow from each other: none is missing, none too many, none too soon."""
    rules = Rules.model_validate(campaign.rules)
    assert len({call["key"] for call in calls}) == len(calls), "one key was called twice"
    of_number: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for call in calls:
        of_number[call["number"]].append(call)
    assert len(of_number) == PEOPLE
    for number, theirs in of_number.items():
        not_before = BASE
        for nth, call in enumerate(theirs, 1):
            assert clock.at(call["began"]) >= not_before, f"{number}: call {nth} came too soon"
            match after(call["outcome"], nth, rules, clock.at(call["ends"])):
                case RetryAt(at):
                    assert nth < len(theirs), f"{number} was never called again after {call['outcome']}"
                    not_before = at
                case Reached() | GaveUp():
                    assert nth == len(theirs), f"{number} was called again after {call['outcome']}, call {nth}"


def _never_too_many_at_once(calls: list[dict[str, Any]]) -> None:
    moments = sorted([(call["began"], 1) for call in calls] + [(call["ends"], -1) for call in calls])
    running = highest = 0
    for _, change in moments:
        running += change
        highest = max(highest, running)
    assert highest <= CONCURRENCY


def _and_the_record_says_the_same(campaign: Campaign, calls: list[dict[str, Any]]) -> None:
    last = {call["number"]: call["outcome"] for call in calls}
    reached = sum(outcome == "answered" for outcome in last.values())
    assert states(campaign) == {"done": reached, "gave_up": PEOPLE - reached}
    with tenancy.use(campaign.organization_id):
        assert set(CampaignAttempt.objects.values_list("key", "outcome")) == {
            (call["key"], call["outcome"]) for call in calls
        }
        assert not DialReservation.objects.filter(released_at=None).exists(), "a place was lost"
        assert {c.number: c.outcome for c in CampaignContact.objects.all()} == last
        assert timedelta(0) < Campaign.objects.get(pk=campaign.pk).ended_at - BASE  # type: ignore[operator]
