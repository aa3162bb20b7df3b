"""API keys: shown once, kept as a hash, gone at once."""

from __future__ import annotations

import random
import string
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import keys, tenancy
from accounts.models import ApiKey, Organization


def issue(organization: Organization, member: Any = None, **more: Any) -> tuple[ApiKey, str]:
    return keys.issue(
        organization, more.pop("name", "CI"), more.pop("scopes", ["agents:read"]), more.pop("expires_at", None), member
    )


def test_a_key_looks_like_one_and_says_whose_it_is(organization: Organization, alice: Any) -> None:
    key, plaintext = issue(organization, alice)
    assert plaintext.startswith("parley_live_")
    assert len(plaintext) == len("parley_live_") + 36
    found = keys.find(plaintext)
    assert found == key
    assert found.organization == organization


def test_the_database_keeps_no_key(organization: Organization) -> None:
    key, plaintext = issue(organization)
    with tenancy.use(organization):
        row = ApiKey.objects.values().get(pk=key.pk)
    assert plaintext not in str(row)
    assert plaintext.startswith(row["prefix"])
    assert len(row["prefix"]) == 18


def test_a_typing_mistake_is_noticed_without_asking_the_database(organization: Organization) -> None:
    _, plaintext = issue(organization)
    letters = random.Random(7)
    with CaptureQueriesContext(connection) as queries:
        for _ in range(500):
            at = letters.randrange(12, len(plaintext))
            other = letters.choice([c for c in string.ascii_letters + string.digits if c != plaintext[at]])
            assert keys.find(plaintext[:at] + other + plaintext[at + 1 :]) is None
        for nonsense in (
            "",
            "parley_live_",
            "x" * 48,
            plaintext + "0",
            plaintext[:-1],
            plaintext.replace("live", "test"),
            "ä" * 48,
        ):
            assert keys.find(nonsense) is None
    assert len(queries) == 0


def test_a_key_well_written_that_was_never_issued_is_none(db: None) -> None:
    assert keys.looks_right(keys.make())
    assert keys.find(keys.make()) is None


def test_a_revoked_key_is_none_from_the_next_request_on(organization: Organization) -> None:
    key, plaintext = issue(organization)
    assert keys.find(plaintext)
    keys.revoke(key)
    assert keys.find(plaintext) is None


def test_a_key_ends_when_it_says(organization: Organization) -> None:
    _, old = issue(organization, expires_at=timezone.now() - timedelta(seconds=1))
    _, fresh = issue(organization, expires_at=timezone.now() + timedelta(days=1))
    assert keys.find(old) is None
    assert keys.find(fresh)


def test_its_use_is_noted_but_written_at_most_once_a_minute(organization: Organization) -> None:
    key, plaintext = issue(organization)
    with CaptureQueriesContext(connection) as queries:
        keys.find(plaintext)
        keys.find(plaintext)
        keys.find(plaintext)
    assert sum("UPDATE" in query["sql"] for query in queries) == 1
    with tenancy.use(organization):
        assert ApiKey.objects.get(pk=key.pk).last_used_at
        ApiKey.objects.update(last_used_at=timezone.now() - timedelta(minutes=2))
    with CaptureQueriesContext(connection) as queries:
        keys.find(plaintext)
    assert sum("UPDATE" in query["sql"] for query in queries) == 1


def test_only_scopes_that_exist(organization: Organization) -> None:
    with pytest.raises(keys.UnknownScope, match="no scope 'agents:admin'"):
        issue(organization, scopes=["agents:read", "agents:admin"])


def test_a_stranger_cant_revoke_it(organization: Organization, strangers_organization: Organization) -> None:
    key, plaintext = issue(organization)
    with tenancy.use(strangers_organization):
        assert not ApiKey.objects.filter(pk=key.pk).exists()
        assert ApiKey._base_manager.filter(pk=key.pk).update(revoked_at=timezone.now()) == 0
    assert keys.find(plaintext)
