"""What must hold when many come at the same moment, and when a connection is handed from one request to the next."""

from __future__ import annotations

import copy
import functools
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connections

from accounts import members, ratelimit, signin, tenancy
from accounts.members import NotAllowed
from accounts.models import Membership, Organization, Role, User
from accounts.postgresql.base import DatabaseWrapper
from accounts.ratelimit import TooManyRequests


def at_once(count: int, act: Callable[[int], Any]) -> list[Any]:
    results: list[Any] = []
    ready = threading.Barrier(count)

    def run(number: int) -> None:
        try:
            ready.wait()
            results.append(act(number))
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


@pytest.mark.django_db(transaction=True)
def test_a_pooled_connection_carries_no_organization_to_its_next_user(organization: Organization) -> None:
    described = copy.deepcopy(connections["default"].settings_dict)
    described["OPTIONS"]["pool"] = {"min_size": 1, "max_size": 1}
    described["CONN_MAX_AGE"] = 0

    def ask(wrapper: DatabaseWrapper) -> tuple[int, int]:
        with wrapper.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid(), (SELECT count(*) FROM accounts_membership)")
            return cursor.fetchone()

    first, second = (DatabaseWrapper(described, "pooled") for _ in range(2))
    try:
        with tenancy.use(organization):
            process, seen = ask(first)
            assert seen == 1
        first.close()
        assert ask(second) == (process, 0), "the same session of PostgreSQL, and nothing to be seen"
        second.close()
        with tenancy.system("test"):
            assert ask(first)[1] == 1
        first.close()
        assert ask(second)[1] == 0
    finally:
        first.close()
        second.close()
        first.close_pool()


@pytest.mark.django_db(transaction=True)
def test_of_two_owners_who_leave_at_the_same_moment_one_stays(
    alice: User, bob: User, organization: Organization
) -> None:
    with tenancy.use(organization):
        Membership.objects.update(role=Role.OWNER)
        both = list(Membership.objects.select_related("user", "organization"))
    results = at_once(2, lambda n: members.remove(both[n], both[n]))
    assert sorted(isinstance(result, NotAllowed) for result in results) == [False, True]
    with tenancy.use(organization):
        assert Membership.objects.filter(role=Role.OWNER).count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_sign_in_link_clicked_many_times_at_once_signs_in_once(alice: User) -> None:
    for _ in range(20):
        token = signin.link_for(alice).rstrip("/").split("/")[-1]
        results = at_once(8, functools.partial(lambda link, _: signin.use(link), token))
        assert [result for result in results if result is not None] == [alice]


@pytest.mark.parametrize("valkey", ["there", "gone", "silent"])
def test_a_limit_is_exact_under_concurrency(settings: Any, valkey: str) -> None:
    """While Valkey is away the process counts for itself, and asks it once in a while, not at every request."""
    silent = socket.create_server(("127.0.0.1", 0))
    if valkey != "there":
        port = 1 if valkey == "gone" else silent.getsockname()[1]
        settings.VALKEY_URL = f"redis://127.0.0.1:{port}/0"
        ratelimit.limiter.cache_clear()
    began = time.monotonic()

    def one(_: int) -> int:
        passed = 0
        for _ in range(5):
            try:
                ratelimit.hit("20/minute", "test", "someone")
                passed += 1
            except TooManyRequests as error:
                assert 1 <= error.retry_after <= 61
        return passed

    assert sum(at_once(20, one)) == 20
    ratelimit.hit("20/minute", "test", "someone else")
    assert time.monotonic() - began < 20
    silent.close()


def test_valkey_is_asked_again_when_it_is_back(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    there, settings.VALKEY_URL = settings.VALKEY_URL, "redis://127.0.0.1:1/0"
    ratelimit.limiter.cache_clear()
    ratelimit.hit("1/minute", "test", "someone")
    settings.VALKEY_URL = there
    monkeypatch.setattr(ratelimit.limiter(), "_shared", ratelimit.Limiter()._shared)
    with pytest.raises(TooManyRequests):
        ratelimit.hit("1/minute", "test", "someone")
    monkeypatch.setattr(ratelimit.limiter()._valkey, "_until", 0.0)
    ratelimit.hit("1/minute", "test", "someone")
