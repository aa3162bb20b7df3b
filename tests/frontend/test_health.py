"""System health: each thing a call needs, found or missing, and what to do when it is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis
from django.core.cache import cache
from django.utils import timezone

from agents.live import ABSENT
from agents.providers.breaker import Trouble
from frontend.queries import health
from telephony.tasks import REAPED_AT
from telephony.worker_status import WorkerStatus

WORKER = WorkerStatus(
    "box-1", "box", 1, datetime(2026, 3, 10, tzinfo=UTC), calls=1, capacity=4, models={"whisper/base": "loaded"}
)


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> list[WorkerStatus]:
    """The call workers whose notes are in Valkey. One is; a test may change them."""
    workers = [WORKER]
    monkeypatch.setattr(health, "workers", lambda: workers)
    return workers


def states() -> dict[str, str]:
    names = ("database", "valkey", "workers", "models", "background")
    return dict(zip(names, (check.state for check in health.checks()), strict=True))


def test_all_is_well(db: None, found: list[WorkerStatus]) -> None:
    cache.set(REAPED_AT, timezone.now())
    assert set(states().values()) == {"good"}
    assert health.worst(health.checks()) == "good"


@pytest.mark.parametrize(
    ("workers", "state", "words"),
    [
        ([], "bad", "manage.py callworker"),
        ([replace(WORKER, calls=4)], "bad", "Start another call worker"),
        ([replace(WORKER, is_draining=True)], "bad", "Start another call worker"),
        ([WORKER, replace(WORKER, calls=4)], "good", ""),
        ([replace(WORKER, loop_lag_ms=120.0)], "warning", "too busy"),
    ],
)
def test_call_workers(db: None, found: list[WorkerStatus], workers: list[WorkerStatus], state: str, words: str) -> None:
    found[:] = workers
    check = health.checks()[2]
    assert check.state == state
    assert words in check.advice


@pytest.mark.parametrize(
    ("models", "state", "words"),
    [
        ({"whisper/base": "loaded"}, "good", "whisper/base"),
        ({"whisper/base": "weights are missing"}, "bad", "not loaded"),
        ({}, "warning", "None is loaded yet"),
        ({"whisper/base": "loaded", "smart-turn-v3": ABSENT}, "good", "calls go on without: smart-turn-v3"),
        ({"whisper/base": "loaded", "smart-turn-v3": "failed: no memory"}, "bad", "not loaded"),
    ],
)
def test_models(db: None, found: list[WorkerStatus], models: dict[str, str], state: str, words: str) -> None:
    found[:] = [replace(WORKER, models=models)]
    check = health.checks()[3]
    assert (check.state, words in check.words) == (state, True)


@pytest.mark.parametrize(("ago", "state"), [(2, "good"), (90, "bad"), (None, "bad")])
def test_background_work(db: None, found: list[WorkerStatus], ago: int | None, state: str) -> None:
    if ago is not None:
        cache.set(REAPED_AT, timezone.now() - timedelta(seconds=ago))
    assert states()["background"] == state


def test_a_dead_valkey_is_named_and_nothing_breaks(
    organization: Any, alice: Any, client_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> list[WorkerStatus]:
        raise redis.ConnectionError("Connection refused")

    monkeypatch.setattr(health, "workers", fail)
    assert states()["workers"] == "bad"
    page = client_of(alice).get("/health/").content.decode()
    assert "because Valkey doesn&#x27;t answer" in page
    assert client_of(alice).get("/").status_code == 200


def test_every_member_may_look_and_nobody_else(
    organization: Any, alice: Any, bob: Any, victor: Any, charlie: Any, client_of: Any, found: list[WorkerStatus]
) -> None:
    for person in (alice, bob, victor, charlie):
        page = client_of(person).get("/health/").content.decode()
        assert "Test my microphone and connection" in page
        assert "1 is running, with 1 of 4 calls." in page
    assert client_of(None).get("/health/").status_code == 302


def test_the_servers_half_is_fetched_alone(
    organization: Any, alice: Any, client_of: Any, found: list[WorkerStatus]
) -> None:
    part = client_of(alice).get("/health/", headers={"HX-Request": "true"}).content.decode()
    assert part.lstrip().startswith('<div id="health"')
    assert "connection-test" not in part


def test_a_vendor_that_is_left_alone_is_named_without_its_address(db: None, found: list[WorkerStatus]) -> None:
    found[:] = [WORKER, replace(WORKER, troubles=(Trouble("model", "Language model", "open", 2),))]
    vendors = health.checks()[-1]
    assert vendors.state == "warning"
    assert vendors.words == "Not answering, so calls don't wait for them: Language model (language model)."
