"""A POST sent twice is done once."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.test import Client
from django.utils import timezone

from accounts import idempotency, keys, tenancy
from accounts.models import IdempotentReply, Organization
from agents.models import Agent

Post = Callable[..., Any]


@pytest.fixture
def key(organization: Organization) -> str:
    return keys.issue(organization, "test", ["agents:write"], None, None)[1]


@pytest.fixture
def post(key: str) -> Post:
    def send(
        body: dict[str, Any],
        idempotency_key: str | None = "order-1",
        *,
        api_key: str = key,
        path: str = "/api/v1/agents",
    ) -> Any:
        headers = {"Authorization": f"Bearer {api_key}"}
        if idempotency_key is not None:
            headers["Idempotency-Key"] = idempotency_key
        return Client(raise_request_exception=False).post(
            path, json.dumps(body), content_type="application/json", headers=headers
        )

    return send


def agents(organization: Organization) -> int:
    with tenancy.use(organization):
        return Agent.objects.count()


def test_the_second_time_it_is_answered_the_same_and_nothing_is_done(post: Post, organization: Organization) -> None:
    first, second = post({"name": "Desk"}), post({"name": "Desk"})
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.content == second.content
    assert second["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first
    assert agents(organization) == 1


def test_without_a_key_each_request_counts(post: Post, organization: Organization) -> None:
    post({"name": "Desk"}, None)
    post({"name": "Desk"}, None)
    assert agents(organization) == 2


def test_another_body_or_address_under_the_same_key_is_refused(post: Post, organization: Organization) -> None:
    agent = post({"name": "Desk"}).json()
    assert post({"name": "Other"}).status_code == 422
    assert post({"name": "Desk"}, path=f"/api/v1/agents/{agent['id']}/archive").status_code == 422
    assert agents(organization) == 1


@pytest.mark.parametrize(("bad", "status"), [("", 400), ("x" * 256, 400), ("tab\there", 400), ("x" * 255, 201)])
def test_a_key_has_1_to_255_printable_characters(post: Post, bad: str, status: int) -> None:
    assert post({"name": "Desk"}, bad).status_code == status


def test_what_failed_may_be_put_right_and_sent_again(post: Post, organization: Organization) -> None:
    assert post({"name": ""}).status_code == 422
    assert post({"name": "Desk"}).status_code == 201
    assert agents(organization) == 1


def test_what_broke_left_nothing_behind(
    post: Post, organization: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    import agents.api

    real = agents.api.create_agent

    def half_done(*args: Any, **kwargs: Any) -> None:
        real(*args, **kwargs)
        raise RuntimeError("the power went out")

    monkeypatch.setattr(agents.api, "create_agent", half_done)
    assert post({"name": "Desk"}).status_code == 500
    with tenancy.use(organization):
        assert Agent.objects.count() == 0
    monkeypatch.setattr(agents.api, "create_agent", real)
    assert post({"name": "Desk"}).status_code == 201


def test_keys_are_an_api_keys_own(post: Post, organization: Organization, strangers_organization: Organization) -> None:
    """Another key, of our own organization or a stranger's, must not be shown what this one was answered."""
    post({"name": "Desk"})
    colleague = keys.issue(organization, "reads only", ["agents:read"], None, None)[1]
    stranger = keys.issue(strangers_organization, "k", ["agents:write"], None, None)[1]
    assert post({"name": "Desk"}, api_key=colleague).status_code == 403
    response = post({"name": "Desk"}, api_key=stranger)
    assert response.status_code == 201
    assert "Idempotency-Replayed" not in response
    assert agents(strangers_organization) == 1


def test_after_a_day_the_key_is_new_again(post: Post, organization: Organization) -> None:
    post({"name": "Desk"})
    with tenancy.use(organization):
        IdempotentReply.objects.update(created_at=timezone.now() - timedelta(hours=25))
    assert "Idempotency-Replayed" not in post({"name": "Desk"})
    assert agents(organization) == 2
    with tenancy.use(organization):
        IdempotentReply.objects.update(created_at=timezone.now() - timedelta(hours=25))
    assert idempotency.forget_old() == 1


def test_the_kept_answer_is_sealed(post: Post, organization: Organization) -> None:
    post({"name": "Canary agent"})
    with tenancy.use(organization):
        assert b"Canary" not in bytes(IdempotentReply.objects.get().body)


@pytest.mark.django_db(transaction=True)
def test_while_the_first_still_runs_the_second_is_told_to_wait(
    post: Post, key: str, organization: Organization
) -> None:
    api_key = keys.find(key)
    assert api_key
    with transaction.atomic():
        assert idempotency._claim(api_key, "order-1")
        answers: list[int] = []

        def from_elsewhere() -> None:
            try:
                answers.append(post({"name": "Desk"}).status_code)
            finally:
                connections.close_all()

        thread = threading.Thread(target=from_elsewhere)
        thread.start()
        thread.join()
    assert answers == [409]
    assert post({"name": "Desk"}).status_code == 201


@pytest.mark.django_db(transaction=True)
def test_of_many_at_the_same_moment_one_is_done(post: Post, organization: Organization) -> None:
    statuses: list[int] = []

    def send() -> None:
        try:
            statuses.append(post({"name": "Desk"}).status_code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    connection.close()
    assert set(statuses) <= {201, 409}
    assert 201 in statuses
    assert agents(organization) == 1
