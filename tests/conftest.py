"""What every test may ask for: a database of its own, four people, and a browser signed in as one of them.

Alice owns an organization; Bob is a team mate who edits, Victor one who looks; Charlie is a stranger with an organization
of his own. The database is made by the tables' owner and used by the application's role, so row-level security holds in
tests as it does outside. ``PARLEY_TEST_DB`` names it where several runs share a server.
"""

from __future__ import annotations

import os
import uuid
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from asgiref.sync import SyncToAsync
from django.conf import settings
from django.core.cache import cache
from django.core.management import call_command
from django.db import connections
from django.test import Client
from psycopg import sql

from tests.platform_fixture import parley as parley


@pytest.fixture(scope="session")
def django_db_modify_db_settings() -> None:
    """Nothing of pytest-django's: see ``django_db_setup``."""


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment: None, django_db_blocker: Any) -> Iterator[None]:
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    name = "_".join(filter(None, [os.environ.get("PARLEY_TEST_DB", "test_parley"), worker]))
    owner = connections["owner"]
    maintenance = owner.settings_dict["NAME"]

    def run(*statements: sql.Composed) -> None:
        owner.settings_dict["NAME"] = maintenance
        with owner.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
        owner.close()

    drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
    with django_db_blocker.unblock():
        run(drop, sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        for alias in ("owner", "default"):
            connections[alias].settings_dict["NAME"] = name
            connections[alias].settings_dict["OPTIONS"].pop("pool", None)
        call_command("migrate", verbosity=0, interactive=False)
        if settings.DATABASES["default"]["USER"] != settings.DATABASES["owner"]["USER"]:
            with owner.cursor() as cursor:  # tests with transactions of their own end by emptying the tables
                role = sql.Identifier(settings.DATABASES["default"]["USER"])
                cursor.execute(sql.SQL("GRANT TRUNCATE ON ALL TABLES IN SCHEMA public TO {}").format(role))
        owner.close()
    yield
    with django_db_blocker.unblock():
        for alias in ("owner", "default"):
            connections[alias].close()
        # What async tests ask of the database is asked in this thread, and only there can its connection be closed.
        SyncToAsync.single_thread_executor.submit(connections.close_all).result()
        _hang_up_what_is_left(name)
        run(drop)


def _hang_up_what_is_left(database: str) -> None:
    """Connections of threads that tests left behind keep the database from being dropped. Only their own role may end them."""
    connection = connections["default"]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT query, pg_terminate_backend(pid, 1000) FROM pg_stat_activity "
            "WHERE datname = %s AND usename = current_user AND pid <> pg_backend_pid()",
            [database],
        )
        for query, _ in cursor.fetchall():
            warnings.warn(f"A test left a connection open, which asked last: {query[:200]}", stacklevel=1)
    connection.close()


@pytest.fixture(autouse=True)
def _limits_and_caches_of_its_own(settings: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing a test does is seen by the next one, or by another run that shares the Valkey server."""
    from accounts import ratelimit

    in_memory = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": str(uuid.uuid4())}
    settings.CACHES = {"default": in_memory, "forgiving": in_memory}
    settings.RECORDINGS_DIR = tmp_path / "recordings"
    # argon2 is slow on purpose; what a password is hashed with has its own test.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    monkeypatch.setattr(ratelimit, "PREFIX", f"parley-test-{uuid.uuid4()}")
    ratelimit.limiter.cache_clear()
    yield
    ratelimit.limiter.cache_clear()
    cache.clear()


PASSWORD = "correct horse battery staple"


def _person(name: str) -> Any:
    from accounts.models import User

    return User.objects.create_user(f"{name.lower()}@example.com", PASSWORD, name=name)


@pytest.fixture
def alice(db: None) -> Any:
    return _person("Alice")


@pytest.fixture
def organization(alice: Any) -> Any:
    """Alice's practice. Bob and Victor are in it when a test asks for them."""
    from accounts.members import create_organization

    return create_organization("Bright Smiles", alice)


def _member(name: str, organization: Any, role: str) -> Any:
    from accounts import tenancy
    from accounts.models import Membership

    user = _person(name)
    with tenancy.use(organization):
        Membership.objects.create(organization=organization, user=user, role=role)
    return user


@pytest.fixture
def bob(organization: Any) -> Any:
    return _member("Bob", organization, "editor")


@pytest.fixture
def victor(organization: Any) -> Any:
    return _member("Victor", organization, "viewer")


@pytest.fixture
def charlie(db: None) -> Any:
    """The stranger: owner of another organization."""
    from accounts.members import create_organization

    user = _person("Charlie")
    create_organization("Charlie & Sons", user)
    return user


@pytest.fixture
def strangers_organization(charlie: Any) -> Any:
    from accounts import tenancy
    from accounts.models import Membership

    with tenancy.system("test"):
        return Membership.objects.select_related("organization").get(user=charlie).organization


@pytest.fixture
def client_of(db: None) -> Callable[[Any], Client]:
    """``client_of(alice)``: a browser signed in as Alice; ``client_of(None)``: one that nobody signed in with."""

    def make(user: Any) -> Client:
        client = Client()
        if user is not None:
            client.force_login(user)
        return client

    return make
