"""Row-level security: the second wall between organizations, kept by PostgreSQL itself.

Each table with an organization gets it in a migration of its own app::

    operations = [EnableRLS("agents_agent"), EnableRLS("agents_agentversion")]

Without an organization in use a query then sees no row and may write none. It is forced, so it also holds for the
tables' owner; a superuser is the only one it doesn't hold for (``accounts.checks`` says so where the application is one).
"""

from __future__ import annotations

import re
from typing import Any

from django.db import migrations

POLICY = "organization"


class EnableRLS(migrations.RunSQL):
    def __init__(self, table: str, column: str = "organization_id") -> None:
        if not re.fullmatch(r"[a-z_]+", table) or not re.fullmatch(r"[a-z_]+", column):
            raise ValueError(f"{table}.{column}: not the name of a table and its column")
        self.table, self.column = table, column
        theirs = (
            "current_setting('parley.system', true) = 'on'"
            f" OR {column} = nullif(current_setting('parley.organization', true), '')::uuid"
        )
        super().__init__(
            sql=[
                f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
                f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
                f"CREATE POLICY {POLICY} ON {table} USING ({theirs}) WITH CHECK ({theirs})",
            ],
            reverse_sql=[
                f"DROP POLICY {POLICY} ON {table}",
                f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY",
                f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY",
            ],
        )

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return self.__class__.__name__, [self.table, self.column], {}

    def describe(self) -> str:
        return f"Keep the rows of {self.table} to their organization"
