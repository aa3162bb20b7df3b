"""A stored key goes to the server it was stored for. Alice owns it; Bob edits agents and may choose where their model is."""

from __future__ import annotations

from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from accounts import credentials, tenancy, vault
from accounts.models import Credential, Organization

OPENAI = "https://api.openai.com/v1"
LOCAL = "http://llm.internal:11434/v1"
CANARY = "sk-canary-0123456789abcdef"


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Each time the vault opened something."""
    calls: list[Any] = []
    really = vault.open_
    monkeypatch.setattr(vault, "open_", lambda *args: calls.append(args) or really(*args))
    return calls


def test_without_an_address_a_key_belongs_to_its_provider(organization: Organization, alice: Any) -> None:
    stored = credentials.store(organization, "k", "openai", CANARY, alice)
    assert credentials.where(stored) == OPENAI
    assert credentials.secrets_for(organization, {"k": OPENAI}) == {"k": CANARY}
    assert credentials.secrets_for(organization, {"k": "https://api.openai.com:443/v2/elsewhere"}) == {"k": CANARY}


def test_with_one_it_belongs_there_and_not_to_the_provider(organization: Organization, alice: Any) -> None:
    credentials.store(organization, "k", "openai", CANARY, alice, LOCAL)
    assert credentials.secrets_for(organization, {"k": LOCAL}) == {"k": CANARY}
    with pytest.raises(credentials.WrongAddress, match=r"stored for http://llm\.internal:11434/v1 and is not sent to"):
        credentials.secrets_for(organization, {"k": OPENAI})


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/v1", "http://api.openai.com/v1", "https://api.openai.com:8443/v1", "https://api.openai.com.evil.example",
        "https://api.openai.com@evil.example/v1", "https://evil.example\\@api.openai.com", "https://evil.example#@api.openai.com",
        "https://evil.example/?https://api.openai.com/v1", "", "https://аpi.openai.com/v1", "https://api.openai.com/\r\nHost: evil.example",
    ],
)  # fmt: skip
def test_an_editors_own_server_is_not_sent_the_organizations_key(
    organization: Organization, alice: Any, opened: list[Any], elsewhere: str
) -> None:
    credentials.store(organization, "k", "openai", CANARY, alice)
    with pytest.raises(credentials.WrongAddress) as refused:
        credentials.secrets_for(organization, {"k": elsewhere})
    assert opened == []
    assert CANARY not in str(refused.value)
    assert credentials.refusal(organization, "k", elsewhere) == str(refused.value)


def test_one_refusal_hands_out_nothing_at_all(organization: Organization, alice: Any, opened: list[Any]) -> None:
    credentials.store(organization, "fine", "openai", CANARY, alice)
    credentials.store(organization, "other", "openai", CANARY, alice)
    with pytest.raises(credentials.WrongAddress):
        credentials.secrets_for(organization, {"fine": OPENAI, "other": "https://evil.example"})
    assert opened == []


def test_a_provider_without_an_address_of_its_own_gives_to_nobody_until_one_is_said(organization: Organization) -> None:
    credentials.store(organization, "k", "other", CANARY, None)
    with pytest.raises(credentials.WrongAddress, match="no address yet"):
        credentials.secrets_for(organization, {"k": OPENAI})


def test_a_new_address_comes_with_a_new_secret_only(organization: Organization, alice: Any) -> None:
    """Who can't say the secret can't move it: storing is the only way to change the address, and replaces both."""
    credentials.store(organization, "k", "openai", CANARY, alice)
    with pytest.raises(ValueError, match="name and its secret"):
        credentials.store(organization, "k", "openai", "", alice, "https://evil.example")
    credentials.store(organization, "k", "openai", "another-secret", alice, LOCAL)
    assert credentials.secrets_for(organization, {"k": LOCAL}) == {"k": "another-secret"}


@pytest.mark.parametrize("address", ["llm.internal:11434", "https://user:pw@a.example", "https://a.example?x=1"])
def test_an_address_that_is_none_is_not_stored(organization: Organization, alice: Any, address: str) -> None:
    with pytest.raises(ValueError, match="Use a plain address"):
        credentials.store(organization, "k", "openai", CANARY, alice, address)
    with tenancy.use(organization):
        assert not Credential.objects.exists()


def test_nothing_stands_in_the_way_where_it_is_right(organization: Organization, alice: Any, opened: list[Any]) -> None:
    credentials.store(organization, "k", "openai", CANARY, alice)
    assert credentials.refusal(organization, "k", OPENAI) is None
    assert "“gone”" in (credentials.refusal(organization, "gone", OPENAI) or "")
    assert opened == []


@pytest.mark.parametrize("changed", [{"address": "https://evil.example"}, {"provider": "other", "address": OPENAI}])
def test_an_address_changed_in_the_database_opens_nothing(
    organization: Organization, alice: Any, changed: dict[str, str]
) -> None:
    """Who can write rows, by a hole in a query or with the database in hand, still can't have the key sent to them."""
    stored = credentials.store(organization, "k", "openai", CANARY, alice)
    with tenancy.use(organization):
        Credential.objects.filter(pk=stored.pk).update(**changed)
    with pytest.raises(vault.CannotOpen, match="its row was changed"):
        credentials.secrets_for(organization, {"k": changed["address"]})


def test_what_was_bound_is_read_in_one_way_only() -> None:
    here = vault.Place(1, "t", "c", 1, ("a", "b|c"))
    sealed = vault.seal(here, CANARY)
    for bound in (("a|b", "c"), ("a", "b", "c"), ("ab|c",), ("a", "b|c", "")):
        with pytest.raises(vault.CannotOpen):
            vault.open_(vault.Place(1, "t", "c", 1, bound), sealed)


def test_keys_of_the_release_before_are_bound_by_the_migration_and_by_nothing_else(
    organization: Organization, alice: Any
) -> None:
    stored = credentials.store(organization, "k", "openai", CANARY, alice, LOCAL)
    lost = credentials.store(organization, "lost", "openai", CANARY, alice)
    before = vault.Place(organization.pk, "accounts_credential", "secret", stored.pk)
    with tenancy.use(organization):
        Credential.objects.filter(pk=stored.pk).update(secret=vault.seal(before, CANARY))
        Credential.objects.filter(pk=lost.pk).update(secret=b"\x01" + bytes(40))
    with pytest.raises(vault.CannotOpen, match="another release"):
        credentials.secrets_for(organization, {"k": LOCAL})

    migration = import_module("accounts.migrations.0004_bind_credentials_to_their_address")
    name = ("accounts", "0004_bind_credentials_to_their_address")
    apps = MigrationLoader(connection).project_state(name).apps
    migration.bind(apps, SimpleNamespace(connection=connection))
    assert credentials.secrets_for(organization, {"k": LOCAL}) == {"k": CANARY}
    with pytest.raises(vault.CannotOpen):
        credentials.secrets_for(organization, {"lost": OPENAI})
    migration.unbind(apps, SimpleNamespace(connection=connection))
    with tenancy.use(organization):
        assert vault.open_(before, Credential.objects.get(pk=stored.pk).secret) == CANARY
