"""The vault: what is sealed opens in its own row, with a key we have, or not at all."""

from __future__ import annotations

import base64
import os
import time
import uuid
from io import StringIO
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command

from accounts import credentials, tenancy, vault
from accounts.models import Credential, Organization
from accounts.vault import CannotOpen, Place

CANARY = "sk-canary-7Q2x9Zk4-secret"
OPENAI = "https://api.openai.com/v1"
HERE = Place(uuid.UUID(int=1), "accounts_credential", "secret", uuid.UUID(int=2))


def new_key() -> str:
    return base64.b64encode(os.urandom(32)).decode()


def test_what_goes_in_comes_out_and_never_looks_the_same_twice() -> None:
    sealed = vault.seal(HERE, "sché 🔑")
    assert vault.open_(HERE, sealed) == "sché 🔑"
    assert vault.open_(HERE, memoryview(sealed)) == "sché 🔑"
    assert vault.seal(HERE, "sché 🔑") != sealed


@pytest.mark.parametrize(
    "elsewhere",
    [
        Place(uuid.UUID(int=9), HERE.table, HERE.column, HERE.pk),
        Place(HERE.organization, "accounts_apikey", HERE.column, HERE.pk),
        Place(HERE.organization, HERE.table, "other", HERE.pk),
        Place(HERE.organization, HERE.table, HERE.column, uuid.UUID(int=9)),
    ],
    ids=["organization", "table", "column", "row"],
)
def test_moved_to_another_place_it_does_not_open(elsewhere: Place) -> None:
    with pytest.raises(CannotOpen, match="belongs to another row"):
        vault.open_(elsewhere, vault.seal(HERE, CANARY))


def test_changed_by_one_bit_anywhere_it_does_not_open() -> None:
    sealed = vault.seal(HERE, CANARY)
    for at in range(len(sealed)):
        with pytest.raises(CannotOpen):
            vault.open_(HERE, sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :])
    for length in range(len(sealed)):
        with pytest.raises(CannotOpen):
            vault.open_(HERE, sealed[:length])


def test_plain_text_in_the_column_is_never_taken_for_a_secret() -> None:
    with pytest.raises(CannotOpen, match="no sealed secret"):
        vault.open_(HERE, CANARY.encode() * 3)


def test_an_older_key_still_opens_and_an_unknown_one_says_so(settings: Any) -> None:
    sealed = vault.seal(HERE, CANARY)
    settings.VAULT_KEYS_OLD, settings.VAULT_KEY = [settings.VAULT_KEY], new_key()
    assert vault.open_(HERE, sealed) == CANARY
    assert not vault.is_newest(sealed)
    settings.VAULT_KEYS_OLD = []
    with pytest.raises(CannotOpen, match="VAULT_KEYS_OLD"):
        vault.open_(HERE, sealed)


@pytest.mark.parametrize("key", ["", "short", "bm90IDMyIGJ5dGVz", "!" * 44])
def test_a_key_that_is_none_says_how_to_make_one(settings: Any, key: str) -> None:
    settings.VAULT_KEY = key
    with pytest.raises(ImproperlyConfigured, match="openssl rand -base64 32"):
        vault.seal(HERE, CANARY)


def test_credentials_go_in_and_are_used_and_only_four_letters_are_shown(organization: Organization, alice: Any) -> None:
    credential = credentials.store(organization, "My model", "openai", f" {CANARY}\n", alice)
    assert credential.last_four == CANARY[-4:]
    assert credentials.secrets_for(organization, {"My model": OPENAI}) == {"My model": CANARY}
    assert credentials.secrets_for(organization, {}) == {}


def test_of_a_short_secret_nothing_is_shown(organization: Organization) -> None:
    assert credentials.store(organization, "PIN", "trunk", "1234", None).last_four == ""


def test_storing_under_the_same_name_replaces(organization: Organization) -> None:
    first = credentials.store(organization, "My model", "openai", "one-one-one-one", None)
    second = credentials.store(organization, "My model", "openai", "two-two-two-two", None)
    assert first.pk == second.pk
    assert credentials.secrets_for(organization, {"My model": OPENAI}) == {"My model": "two-two-two-two"}


def test_a_credential_that_isnt_there_is_named(organization: Organization) -> None:
    with pytest.raises(credentials.UnknownCredential, match="“Groq”"):
        credentials.secrets_for(organization, {"Groq": OPENAI})


def test_a_stranger_reaches_none(organization: Organization, strangers_organization: Organization) -> None:
    credentials.store(organization, "My model", "openai", CANARY, None)
    with pytest.raises(credentials.UnknownCredential):
        credentials.secrets_for(strangers_organization, {"My model": OPENAI})


def test_ciphertexts_swapped_between_organizations_do_not_open(
    organization: Organization, strangers_organization: Organization
) -> None:
    mine = credentials.store(organization, "k", "openai", CANARY, None)
    theirs = credentials.store(strangers_organization, "k", "openai", "theirs-theirs", None)
    with tenancy.system("an attacker with the database in hand"):
        Credential.objects.filter(pk=theirs.pk).update(secret=bytes(mine.secret))
    with pytest.raises(CannotOpen):
        credentials.secrets_for(strangers_organization, {"k": OPENAI})


def test_no_secret_is_readable_in_the_database(organization: Organization, settings: Any) -> None:
    """The dump thief: a whole ``pg_dump``, or where there is none, every column of the table."""
    credentials.store(organization, "My model", "openai", CANARY, None)
    with tenancy.use(organization):
        assert CANARY.encode() not in b"".join(bytes(row.secret) for row in Credential.objects.all())
        assert CANARY not in str(Credential.objects.values().get())


def test_rotation_seals_everything_anew_and_the_old_key_can_go(
    organization: Organization, strangers_organization: Organization, settings: Any
) -> None:
    credentials.store(organization, "a", "openai", CANARY, None)
    credentials.store(strangers_organization, "a", "openai", "theirs-theirs", None)
    settings.VAULT_KEYS_OLD, settings.VAULT_KEY = [settings.VAULT_KEY], new_key()
    out = StringIO()
    call_command("rotate_vault_key", stdout=out)
    assert "2 secrets" in out.getvalue()
    settings.VAULT_KEYS_OLD = []
    assert credentials.secrets_for(organization, {"a": OPENAI}) == {"a": CANARY}
    assert credentials.secrets_for(strangers_organization, {"a": OPENAI}) == {"a": "theirs-theirs"}


def test_rotation_without_the_old_key_says_so_and_changes_nothing(organization: Organization, settings: Any) -> None:
    credentials.store(organization, "a", "openai", CANARY, None)
    old, settings.VAULT_KEY = settings.VAULT_KEY, new_key()
    with pytest.raises(CommandError, match="VAULT_KEYS_OLD"):
        call_command("rotate_vault_key")
    settings.VAULT_KEY = old
    assert credentials.secrets_for(organization, {"a": OPENAI}) == {"a": CANARY}


def test_rotation_of_many_is_quick(organization: Organization, settings: Any) -> None:
    """10,000 within a minute: 2,000 of them must take no fifth of that."""
    rows = [Credential(organization=organization, name=str(n), provider="x") for n in range(2000)]
    for row in rows:
        row.secret = vault.seal(credentials._place(row), CANARY)
    with tenancy.use(organization):
        Credential.objects.bulk_create(rows)
    settings.VAULT_KEYS_OLD, settings.VAULT_KEY = [settings.VAULT_KEY], new_key()
    started = time.monotonic()
    assert credentials.seal_anew() == 2000
    assert time.monotonic() - started < 12
    assert credentials.seal_anew() == 0
