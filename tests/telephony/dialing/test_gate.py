"""The one door out, with the real PostgreSQL and the real Valkey."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, get_args

import pytest
from django.db import connections

from accounts import tenancy
from accounts.models import Organization
from agents.models import Agent
from telephony import finish
from telephony.dialing import do_not_call, gate, policies
from telephony.dialing.e164 import Why
from telephony.dialing.gate import MayNotDial, Permit, reserve
from telephony.dialing.models import DialReservation
from telephony.dialing.policy import PATHS, Path, Refused
from telephony.models import Call
from telephony.tasks import reap
from tests.telephony.dialing.numbers_table import TABLE

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 4, 18, 0, tzinfo=UTC)
AMERICAN = "+14155550142"


@pytest.fixture
def practice(organization: Organization) -> Iterator[Organization]:
    """At home in the United States, without a limit that a test doesn't set. The test works for it."""
    policies.change(
        organization,
        {
            "home_country": "US", "max_concurrent": 1000, "calls_per_second": 100, "calls_per_day": 1_000_000,
            "calls_per_number": 100, "daily_spend": 1_000_000,
        },
    )  # fmt: skip
    with tenancy.use(organization):
        yield organization


def refusal(act: Callable[[], Any]) -> Refused:
    with pytest.raises(MayNotDial) as caught:
        act()
    return caught.value.refused


def reservations(organization: Organization) -> Any:
    return DialReservation.objects.owned_by(organization)


def at_once(count: int, act: Callable[[int], Any]) -> list[Any]:
    results: list[Any] = []
    ready = threading.Barrier(count)

    def run(number: int) -> None:
        try:
            ready.wait()
            results.append(act(number))
        except MayNotDial as error:
            results.append(error.refused.reason)
        except Exception as error:  # the test looks at what it was
            results.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.mark.parametrize("path", PATHS)
def test_the_whole_table_through_the_door_whichever_way(practice: Organization, path: Path) -> None:
    policies.change(practice, {"countries": ["CA"], "calls_from": "00:00", "calls_until": "24:00"})
    home = "US"
    for text, written_in, what in sorted(TABLE, key=lambda row: row[1] or "US"):
        if text == "415 555 0142":  # without a home it is nobody's
            continue
        if home != (written_in or "US"):
            home = written_in or "US"
            policies.change(practice, {"home_country": home})
        try:
            reserve(practice, text, path, now=NOON)
            found = "allowed"
        except MayNotDial as error:
            found = error.refused.reason
        expected = what if what in get_args(Why) else "allowed" if what in (home, "CA") else "country"
        assert found == expected, (text, home)
    assert {"US", "GB", "DE", "CA"} <= set(reservations(practice).values_list("country", flat=True))


@pytest.mark.django_db(transaction=True)
def test_of_fifty_that_ask_at_once_exactly_five_get_a_place(practice: Organization) -> None:
    policies.change(practice, {"max_concurrent": 5})
    results = at_once(50, lambda n: reserve(practice, f"+1415555{1000 + n}", "api", now=NOON))
    assert sum(isinstance(result, Permit) for result in results) == 5, results
    assert [result for result in results if not isinstance(result, Permit)] == ["concurrency"] * 45
    assert reservations(practice).filter(released_at=None).count() == 5


@pytest.mark.django_db(transaction=True)
def test_the_days_money_is_not_overspent_by_calls_that_start_together(practice: Organization) -> None:
    """Each may cost 1.50: six fit into 10.00."""
    policies.change(practice, {"daily_spend": 10})
    results = at_once(20, lambda n: reserve(practice, f"+1415555{1000 + n}", "campaign", now=NOON))
    assert sum(isinstance(result, Permit) for result in results) == 6
    assert results.count("spend") == 14
    assert gate.today(practice, NOON).spent == Decimal("9.00")


@pytest.mark.django_db(transaction=True)
def test_calls_a_second_are_counted_for_all_processes(practice: Organization) -> None:
    policies.change(practice, {"calls_per_second": 3})
    results = at_once(12, lambda n: reserve(practice, f"+1415555{1000 + n}", "api", now=NOON))
    passed = sum(isinstance(result, Permit) for result in results)
    assert passed >= 3 and results.count("too_fast") == 12 - passed
    made = sorted(reservations(practice).values_list("created_at", flat=True))
    assert all(later - earlier > timedelta(seconds=0.9) for earlier, later in zip(made, made[3:], strict=False))


def test_where_calls_cant_be_counted_nobody_is_called(practice: Organization, settings: Any) -> None:
    settings.VALKEY_URL = "redis://127.0.0.1:1/0"
    gate._counter.cache_clear()
    try:
        refused = refusal(lambda: reserve(practice, AMERICAN, "api", now=NOON))
        assert refused.reason == "limits_away" and refused.side == "us"
        assert not reservations(practice).exists()
    finally:
        gate._counter.cache_clear()


def test_one_organizations_calls_take_no_place_of_anothers(
    practice: Organization, strangers_organization: Organization
) -> None:
    policies.change(practice, {"max_concurrent": 1})
    policies.change(strangers_organization, {"home_country": "US", "max_concurrent": 1})
    reserve(practice, AMERICAN, "api", now=NOON)
    assert reserve(strangers_organization, AMERICAN, "api", now=NOON).organization == strangers_organization.pk
    assert refusal(lambda: reserve(practice, AMERICAN, "api", now=NOON)).reason == "concurrency"


def test_a_place_is_free_again_once_the_call_is_over_and_costs_what_it_came_to(practice: Organization) -> None:
    policies.change(practice, {"max_concurrent": 1})
    permit = reserve(practice, AMERICAN, "api", price_per_minute=Decimal("0.02"), now=NOON)
    assert gate.today(practice, NOON) == gate.Today(1, 1, Decimal("0.20"))
    assert gate.release(practice, permit.key, seconds=61, now=NOON)
    assert not gate.release(practice, permit.key, seconds=600, now=NOON), "once"
    assert gate.today(practice, NOON) == gate.Today(0, 1, Decimal("0.04"))
    reserve(practice, AMERICAN, "api", now=NOON)


def test_a_call_of_which_nobody_tells_how_long_it_was_counts_since_its_place_was_taken(practice: Organization) -> None:
    permit = reserve(practice, AMERICAN, "transfer", price_per_minute=Decimal("0.02"), now=NOON)
    (made_at,) = reservations(practice).values_list("made_at", flat=True)
    assert gate.release(practice, permit.key, seconds=None, now=made_at + timedelta(seconds=61))
    assert reservations(practice).get().cost == Decimal("0.04")


def test_the_same_key_is_the_same_call(practice: Organization) -> None:
    first = reserve(practice, AMERICAN, "api", key="order-4711", now=NOON)
    assert reserve(practice, AMERICAN, "api", key="order-4711", now=NOON) == first
    assert reservations(practice).count() == 1
    gate.release(practice, "order-4711", seconds=0, now=NOON)
    assert refusal(lambda: reserve(practice, AMERICAN, "api", key="order-4711", now=NOON)).reason == "done"


@pytest.mark.parametrize("path", PATHS)
def test_whoever_asked_not_to_be_called_is_not_called_whichever_way(practice: Organization, path: Path) -> None:
    _, is_new = do_not_call.add(practice, "(415) 555-0142", "asked on the phone", source="caller")
    assert is_new and not do_not_call.add(practice, AMERICAN)[1]
    assert refusal(lambda: reserve(practice, "415.555.0142", path, now=NOON)).reason == "do_not_call"
    do_not_call.remove(do_not_call.entries(practice).get())
    reserve(practice, "415.555.0142", path, now=NOON)


@pytest.mark.parametrize("path", PATHS)
def test_a_number_that_costs_too_much_by_the_price_list_is_not_called_whichever_way(
    practice: Organization, path: Path
) -> None:
    policies.change(practice, {"prices": ["+1 0.01", "+1415 0.40"], "max_price_per_minute": 0.15})
    refused = refusal(lambda: reserve(practice, AMERICAN, path, now=NOON))
    assert refused.reason == "price" and "costs 0.40 a minute, and your limit is 0.15" in refused.words
    assert (
        refusal(lambda: gate.reserve_address(practice, f"sip:{AMERICAN}@pbx.example", path, now=NOON)).reason == "price"
    )
    permit = reserve(practice, "+12125550142", path, now=NOON)
    assert reservations(practice).get(key=permit.key).cost == Decimal("0.10")


def test_a_day_begins_where_the_organization_is(practice: Organization) -> None:
    practice.timezone = "America/Los_Angeles"
    practice.save()
    policies.change(practice, {"calls_per_day": 1, "calls_from": "00:00", "calls_until": "24:00"})
    reserve(practice, AMERICAN, "api", now=datetime(2026, 3, 5, 7, 59, tzinfo=UTC))
    assert (
        refusal(lambda: reserve(practice, AMERICAN, "api", now=datetime(2026, 3, 5, 7, 59, tzinfo=UTC))).reason
        == "calls_per_day"
    )
    reserve(practice, AMERICAN, "api", now=datetime(2026, 3, 5, 8, 0, tzinfo=UTC))


def test_without_a_country_chosen_home_is_where_the_organizations_clock_is(organization: Organization) -> None:
    assert refusal(lambda: reserve(organization, AMERICAN, "api", now=NOON)).reason == "no_country"
    organization.timezone = "America/Jamaica"
    organization.save()
    assert refusal(lambda: reserve(organization, AMERICAN, "api", now=NOON)).reason == "country"
    assert reserve(organization, "876 555 0123", "api", now=NOON).country == "JM"


# --- how a place is given back


@pytest.fixture
def call(practice: Organization) -> Call:
    with tenancy.use(practice):
        agent = Agent.objects.create(organization=practice, name="Front desk", draft={})
        found: Call = Call.objects.create(organization=practice, agent=agent, spec={}, status="in_progress")
    return found


def test_the_end_of_its_call_gives_it_back_with_those_of_its_transfers(practice: Organization, call: Call) -> None:
    policies.change(practice, {"calls_from": "00:00", "calls_until": "24:00"})
    for number, path in ((AMERICAN, "api"), ("+14155550143", "transfer")):
        gate.attach(reserve(practice, number, path, price_per_minute=Decimal("0.05")), call)  # type: ignore[arg-type]
    finish.end_call(call, practice, "caller_goodbye", outcome=finish.Outcome(duration_ms=65_000, collected={}))
    assert gate.today(practice) == gate.Today(0, 2, Decimal("0.20"))


def test_the_reaper_gives_back_what_nobody_else_will(practice: Organization, call: Call) -> None:
    now = datetime.now(UTC)
    policies.change(practice, {"calls_from": "00:00", "calls_until": "24:00"})
    gate.attach(reserve(practice, AMERICAN, "api"), call)
    reserve(practice, AMERICAN, "api", key="running", now=now - timedelta(minutes=19))
    reserve(practice, AMERICAN, "api", key="lost", now=now - timedelta(minutes=21))
    assert gate.release_forgotten(now) == 1, "only the one that can't run any more"
    with tenancy.use(practice):
        Call.objects.filter(pk=call.pk).update(status="ended", duration_ms=1_000)
    reap()
    left = reservations(practice).filter(released_at=None)
    assert [row.key for row in left] == ["running"]
    assert reservations(practice).get(key="lost").cost == Decimal("1.50"), "nobody knows, so all it may have cost"
    assert reservations(practice).get(call=call).cost == Decimal("0.15")


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("sip:desk@pbx.example", None),
        ("sip:200@pbx.example", None),
        ("sip:110@pbx.example", "emergency"),
        ("sip:+14155550142@pbx.example", None),
        ("sip:+4915112345678@pbx.example", "country"),
        ("sip:004915112345678@pbx.example", "country"),
        ("sip:+19005550142@pbx.example", "premium"),
        ("sip:4155550177@pbx.example", "do_not_call"),
        ("sip:j%C3%BCrgen.o-neil@pbx.example", None),
        ("sip:*701@pbx.example", None),
        # A telephone system dials these as if they were written plainly.
        ("sip:+1-900-555-0142@pbx.example", "premium"),
        ("sip:%2B19005550142@pbx.example", "premium"),
        ("sip:1.900.555.0142@pbx.example", "premium"),
        ("sip:%2b1%2D(900)5550142@pbx.example", "premium"),
        ("sip:+19005550142%3Bext=1@pbx.example", "premium"),
        ("sip:+49-15112-345678@pbx.example", "country"),
        ("sip:415.555.0177@pbx.example", "do_not_call"),
        ("sip:9%311@pbx.example", "emergency"),
        ("sip:9-1-1@pbx.example", "emergency"),
        ("sip:*67911@pbx.example", "emergency"),
        ("sip:*6719005550142@pbx.example", "not_a_number"),
        ("sip:~19005550142@pbx.example", "not_a_number"),
        ("sip:1900555%200142@pbx.example", "premium"),
    ],
)
def test_a_sip_address_passes_the_same_door_and_a_number_in_it_is_a_number(
    practice: Organization, address: str, reason: str | None
) -> None:
    do_not_call.add(practice, "+14155550177")
    if reason is not None:
        assert refusal(lambda: gate.reserve_address(practice, address, "transfer")).reason == reason
        assert reservations(practice).count() == 0
        return
    permit = gate.reserve_address(practice, address, "transfer", longest_minutes=30, key="one")
    row = reservations(practice).get()
    assert permit.number == address and row.cost == row.price_per_minute * 30 and row.cost > 0
    assert gate.reserve_address(practice, address, "transfer", key="one").reservation == permit.reservation
    policies.change(practice, {"calls_per_number": 1})
    assert refusal(lambda: gate.reserve_address(practice, address.upper(), "transfer")).reason == "calls_per_number"
    policies.change(practice, {"calls_per_number": 100, "max_concurrent": 1})
    assert refusal(lambda: gate.reserve_address(practice, address, "transfer")).reason == "concurrency"
    assert gate.release(practice, "one", seconds=30)
    assert gate.reserve_address(practice, address, "transfer").number == address


def test_a_number_in_an_address_counts_as_that_number_however_it_is_spelled(practice: Organization) -> None:
    policies.change(practice, {"calls_per_number": 2, "calls_from": "00:00", "calls_until": "24:00"})
    reserve(practice, AMERICAN, "api", key="plain")
    dashed = f"sip:{AMERICAN[:2]}-{AMERICAN[2:5]}-{AMERICAN[5:]}@pbx.example"
    gate.reserve_address(practice, dashed, "transfer", key="dashed")
    row = reservations(practice).get(key="dashed")
    assert (row.number, row.country) == (AMERICAN, "US")
    assert refusal(lambda: gate.reserve_address(practice, f"sip:{AMERICAN}@pbx.example", "transfer")).reason == (
        "calls_per_number"
    )


def test_nobody_makes_a_permit_by_hand() -> None:
    with pytest.raises(TypeError, match="reserve"):
        Permit(uuid.uuid4(), uuid.uuid4(), AMERICAN, "US", "api", "k", 10, object())
    with pytest.raises(ValueError, match="no way of calling out"):
        reserve(Organization(), AMERICAN, "backdoor")  # type: ignore[arg-type]
