"""Two walls between organizations: a manager that asks whose, and PostgreSQL, which keeps them apart whoever asks."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.db import ProgrammingError, connection, connections, transaction

from accounts import checks, tenancy
from accounts.models import Credential, Membership, Organization
from accounts.tenancy import NoOrganization


def raw_count(table: str = "accounts_membership") -> int:
    """What PostgreSQL shows, past the manager."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        return cursor.fetchone()[0]


def test_a_query_that_names_no_organization_raises(alice: Any, organization: Organization) -> None:
    with pytest.raises(NoOrganization, match="say whose"):
        Membership.objects.count()


def test_each_organization_sees_its_own_members(
    alice: Any, bob: Any, organization: Organization, strangers_organization: Organization
) -> None:
    with tenancy.use(organization):
        assert {m.user.name for m in Membership.objects.all()} == {"Alice", "Bob"}
    with tenancy.use(strangers_organization):
        assert {m.user.name for m in Membership.objects.all()} == {"Charlie"}


def test_postgresql_shows_no_row_without_an_organization(organization: Organization) -> None:
    assert raw_count() == 0
    with tenancy.use(organization):
        assert raw_count() == 1
    assert raw_count() == 0
    with tenancy.system("test"):
        assert raw_count() == 1


def test_postgresql_refuses_a_row_for_another_organization(
    organization: Organization, strangers_organization: Organization
) -> None:
    with tenancy.use(organization), pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
        Credential._base_manager.create(organization=strangers_organization, name="x", provider="x", secret=b"x")


def test_postgresql_changes_and_deletes_nothing_of_another_organization(
    organization: Organization, strangers_organization: Organization
) -> None:
    with tenancy.use(organization):
        rows = Membership._base_manager.filter(organization_id=strangers_organization.pk)
        assert rows.update(role="viewer") == 0
        assert rows._raw_delete(rows.db) == 0


def test_the_organization_is_known_again_after_a_rollback(organization: Organization) -> None:
    with tenancy.use(organization):
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            raw_count()
            1 / 0
        assert raw_count() == 1


def test_a_savepoint_rolled_back_takes_the_setting_back_with_it(
    organization: Organization, strangers_organization: Organization
) -> None:
    """PostgreSQL is back at the first organization then; to believe it still at the second would show the first's rows."""

    def seen() -> set[str]:
        return {str(m.organization_id) for m in Membership._base_manager.all()}

    with tenancy.use(organization):
        assert seen() == {str(organization.pk)}
        savepoint = transaction.savepoint()
    with tenancy.use(strangers_organization):
        assert seen() == {str(strangers_organization.pk)}
        transaction.savepoint_rollback(savepoint)
        assert seen() == {str(strangers_organization.pk)}


@pytest.mark.django_db(transaction=True)
def test_a_transaction_rolled_back_takes_it_back_too(
    organization: Organization, strangers_organization: Organization
) -> None:
    with tenancy.use(organization):
        assert raw_count() == 1
    with pytest.raises(ZeroDivisionError), transaction.atomic(), tenancy.use(strangers_organization):
        assert raw_count() == 1
        1 / 0
    with tenancy.use(strangers_organization):
        assert [str(m.organization_id) for m in Membership._base_manager.all()] == [str(strangers_organization.pk)]


def test_a_failed_statement_in_another_scope_still_rolls_back(organization: Organization) -> None:
    """The rollback of a failed transaction must not be kept back by a setting that can't be made."""
    with (
        pytest.raises(ProgrammingError),
        transaction.atomic(),
        tenancy.use(organization),
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT nonsense")
    assert raw_count() == 0


@pytest.mark.django_db(transaction=True)
def test_a_new_connection_starts_with_no_organization(organization: Organization) -> None:
    with tenancy.use(organization):
        assert raw_count() == 1
        connection.close()
        assert raw_count() == 1
    connection.close()
    assert raw_count() == 0


def owned_tables() -> set[str]:
    return {
        model._meta.db_table
        for model in apps.get_models(include_auto_created=True)
        if any(field.name == "organization" for field in model._meta.get_fields() if field.concrete)
    }


def test_every_table_with_an_organization_is_under_forced_row_level_security(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid)"
            " FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
            " WHERE c.relkind = 'r' AND a.attname = 'organization_id' AND c.relnamespace = 'public'::regnamespace"
        )
        found = dict(cursor.fetchall())
    assert owned_tables() <= set(found)
    assert [table for table, is_kept in found.items() if not is_kept] == []


def test_the_application_may_not_change_tables_or_switch_the_wall_off(db: None) -> None:
    for statement in (
        "ALTER TABLE accounts_membership DISABLE ROW LEVEL SECURITY",
        "DROP POLICY organization ON accounts_membership",
        "CREATE TABLE loot (id int)",
        "SET ROLE parley_owner",
        "DELETE FROM django_migrations",
    ):
        with pytest.raises(ProgrammingError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)


@pytest.mark.django_db(databases=["default", "owner"])
def test_the_check_tells_an_operator_whose_application_stands_above_the_wall(monkeypatch: pytest.MonkeyPatch) -> None:
    assert checks.application_role_is_bound_by_row_level_security(databases=["default"]) == []
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
        is_above = cursor.fetchone()[0]
    monkeypatch.setattr(checks, "connections", {"default": connections["owner"]})
    errors = checks.application_role_is_bound_by_row_level_security(databases=["default"])
    assert [error.id for error in errors] == (["accounts.E001"] if is_above else [])


def test_naming_an_organization_narrows_even_what_may_see_all(
    organization: Organization, strangers_organization: Organization
) -> None:
    """A task that goes through everybody's rows, one organization after the other, mixes up no two."""
    with tenancy.system("test"):
        assert raw_count() == Membership.objects.count() == 2
        assert {m.organization_id for m in Membership.objects.owned_by(organization)} == {organization.pk}
        with tenancy.use(organization):
            assert raw_count() == Membership.objects.count() == 1
            with tenancy.system("test, within"):
                assert raw_count() == 2
        assert raw_count() == 2
