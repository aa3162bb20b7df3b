"""Is the second wall standing? ``manage.py check --database default`` asks PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connections


@register(Tags.database)
def application_role_is_bound_by_row_level_security(
    databases: Sequence[str] | None = None, **_: Any
) -> list[CheckMessage]:
    if "default" not in (databases or ()):
        return []
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT current_user, rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
        role, is_unbound = cursor.fetchone()
    if not is_unbound:
        return []
    return [
        Error(
            f"The database role {role} is a superuser or has BYPASSRLS, so PostgreSQL keeps no organization's rows from another.",
            hint="Use an ordinary role in DATABASE_URL, and the tables' owner in DATABASE_OWNER_URL.",
            id="accounts.E001",
        )
    ]
