"""The first page: what is still to do, then how calls go."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.utils import timezone

from accounts import tenancy
from frontend.queries import home
from frontend.queries.waits import clock, lasting, percentile, wait_words, waterfall
from tests.frontend.sample import agent_of, call_of


def done(organization: Any) -> list[bool]:
    with tenancy.use(organization):
        return [step.is_done for step in home.steps(organization)]


def test_the_checklist_follows_what_was_done(organization: Any, alice: Any, client_of: Any) -> None:
    assert done(organization) == [False, False, False, False]
    agent = agent_of(organization)
    assert done(organization) == [True, False, False, False]
    call_of(agent, answered_at=None, end_reason="never_connected")
    assert done(organization) == [True, False, False, False], "a call that never connected was no talk"
    call_of(agent)
    assert done(organization) == [True, True, False, False]
    agent = agent_of(organization, "Published", is_published=True)
    assert done(organization) == [True, True, True, False]
    page = client_of(alice).get("/").content.decode()
    assert "Towards your first real call" in page
    call_of(agent, version=agent.published)
    assert done(organization) == []
    assert "Towards your first real call" not in client_of(alice).get("/").content.decode()


def test_exactly_one_step_is_next(organization: Any) -> None:
    agent_of(organization)
    with tenancy.use(organization):
        assert [step.title for step in home.steps(organization) if step.is_next] == ["Talk to it"]


def test_everybody_of_the_organization_sees_the_page(
    organization: Any, alice: Any, bob: Any, victor: Any, client_of: Any
) -> None:
    for person in (alice, bob, victor):
        page = client_of(person).get("/").content.decode()
        assert "No calls yet" in page
        assert "Nothing so far." in page


def test_a_stranger_sees_none_of_it(organization: Any, charlie: Any, client_of: Any) -> None:
    call_of(
        agent_of(organization, "Secret desk"),
        end_reason="worker_lost",
        caller="Maria Lopez",
        latency={"p50_ms": 640, "p95_ms": 900},
    )
    page = client_of(charlie).get("/").content.decode()
    assert "Secret desk" not in page
    assert "Maria Lopez" not in page
    assert "worker stopped" not in page
    assert client_of(None).get("/").status_code == 302


def test_today_counts_today(organization: Any, alice: Any, client_of: Any) -> None:
    agent = agent_of(organization)
    now = timezone.now()
    call_of(agent, at=now, duration_ms=60_000)
    call_of(agent, at=now, duration_ms=30_000, end_reason="connection_lost")
    call_of(agent, at=now, status="in_progress", end_reason="", duration_ms=0)
    call_of(agent, at=now - timedelta(days=2), duration_ms=60_000)
    with tenancy.use(organization):
        today = home.today(organization, ZoneInfo("UTC"))
    assert (today.calls, today.running, today.talked_ms, today.faults) == (3, 1, 90_000, 1)


def test_what_went_wrong_is_grouped_with_its_last_call(organization: Any, alice: Any, client_of: Any) -> None:
    agent = agent_of(organization)
    now = timezone.now()
    last = call_of(agent, at=now - timedelta(hours=1), end_reason="worker_lost")
    call_of(agent, at=now - timedelta(hours=2), end_reason="worker_lost")
    call_of(agent, at=now - timedelta(hours=3), end_reason="busy")
    call_of(agent, at=now - timedelta(days=30), end_reason="stt_failed")
    with tenancy.use(organization):
        found = home.faults(organization)
    assert [(fault.ending.words, fault.count) for fault in found] == [
        ("The call worker stopped in the middle of the call", 2),
        ("All call workers were busy", 1),
    ]
    assert found[0].last == last
    assert f"/calls/{last.pk}/" in client_of(alice).get("/").content.decode()


def test_waits_of_the_last_calls_are_plotted_and_listed(organization: Any, alice: Any, client_of: Any) -> None:
    agent = agent_of(organization)
    now = timezone.now()
    call_of(agent, at=now - timedelta(hours=2), latency={"p50_ms": 700, "p95_ms": 1_200, "turns": 5})
    call_of(agent, at=now - timedelta(hours=1), latency={"p50_ms": 500, "p95_ms": 800, "turns": 5})
    call_of(agent, at=now)
    with tenancy.use(organization):
        plot = home.recent_waits(organization).plot
    assert [[dot.words.rpartition(": ")[2] for dot in series.dots] for series in plot.series] == [
        ["0.70 s", "0.50 s"],
        ["1.20 s", "0.80 s"],
    ]
    page = client_of(alice).get("/").content.decode()
    assert "1.2 s" in page


def test_the_parts_of_a_wait_lie_end_to_end() -> None:
    fall = waterfall({"endpointing_ms": 200, "stt_ms": 100, "tts_ms": 100, "total_ms": 400}, scale_ms=800)
    assert fall is not None
    assert [(bar.key, bar.x, bar.width) for bar in fall.bars] == [
        ("endpointing", "0.00", "25.00"),
        ("stt", "25.00", "12.50"),
        ("tts", "37.50", "12.50"),
    ]
    assert waterfall({}) is None
    assert waterfall({"stt_ms": 90, "model_ms": "many"}).total_ms == 90  # type: ignore[union-attr]


def test_lengths_are_written_as_people_say_them() -> None:
    assert [clock(ms) for ms in (0, 59_999, 134_000, 3_723_000)] == ["0:00", "0:59", "2:14", "1:02:03"]
    assert [lasting(ms) for ms in (None, 59_999, 134_000, 364_266_000)] == ["0 s", "59 s", "2 min", "101 h 11 min"]
    assert [wait_words(ms) for ms in (40, 640, 1_240, None)] == ["40 ms", "0.6 s", "1.2 s", ""]


def test_a_percentile_is_one_of_the_values() -> None:
    assert percentile([5, 1, 3, 2, 4], 0.5) == 3
    assert percentile([5, 1, 3, 2, 4], 0.95) == 5
    assert percentile([], 0.5) is None
