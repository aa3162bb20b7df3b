from __future__ import annotations

import threading
from typing import Any

import pytest
from django.test import Client

from monitoring import health


def test_alive_needs_nothing_but_the_process() -> None:
    assert Client().get("/healthz", headers={"host": "10.1.2.3"}).json() == {"status": "alive"}


def test_ready_where_database_and_valkey_answer(db: None) -> None:
    response = Client().get("/readyz", headers={"host": "10.1.2.3"})
    assert (response.status_code, response.json()) == (200, {"status": "ready", "problems": {}})


def test_not_ready_without_valkey_and_no_detail_for_strangers(db: None, settings: Any) -> None:
    settings.VALKEY_URL = "redis://user:hunter2@127.0.0.1:1/0"
    response = Client().get("/readyz")
    assert response.status_code == 503
    assert response.json()["problems"] == {"valkey": "The valkey does not answer."}
    assert "hunter2" not in response.content.decode()


def test_not_ready_while_draining_but_alive(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_draining", threading.Event())
    health.drain()
    assert Client().get("/readyz").status_code == 503
    assert Client().get("/healthz").status_code == 200


def test_metrics_count_routes_and_never_paths(db: None) -> None:
    Client().get("/sign-in/some-secret-token/")
    text = Client().get("/metrics").content.decode()
    assert 'route="sign-in/<str:token>/"' in text
    assert "some-secret-token" not in text


@pytest.mark.parametrize(
    ("address", "headers", "token", "status"),
    [
        ("127.0.0.1", {}, "", 200),
        ("10.0.0.9", {}, "", 403),
        ("127.0.0.1", {"X-Forwarded-For": "8.8.8.8"}, "", 403),
        ("10.0.0.9", {"Authorization": "Bearer scrape-me"}, "scrape-me", 200),
        ("10.0.0.9", {"Authorization": "Bearer guess"}, "scrape-me", 403),
        ("127.0.0.1", {}, "scrape-me", 403),
    ],
)
def test_who_may_read_metrics(settings: Any, address: str, headers: dict[str, str], token: str, status: int) -> None:
    settings.METRICS_TOKEN = token
    assert Client().get("/metrics", headers=headers, REMOTE_ADDR=address).status_code == status
