"""Django's PostgreSQL backend that tells the database whose rows may be seen.

Row-level security reads two settings of the session: ``parley.organization`` and ``parley.system``. Before a query they
are made equal to what ``accounts.tenancy`` says, with one statement, only where they changed. PostgreSQL takes a setting
back when the transaction or savepoint it was made in is rolled back, so what we remember is forgotten then.

The settings live in the session: a pooler between us and PostgreSQL must pool sessions, not transactions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.backends.postgresql import base
from psycopg.pq import TransactionStatus

from accounts import scope

Scope = tuple[str, str]


class DatabaseWrapper(base.DatabaseWrapper):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._scope: Scope | None = None
        self.execute_wrappers.append(self._execute_in_scope)

    def _execute_in_scope(self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
        self._set_scope()
        return execute(sql, params, many, context)

    def _set_scope(self) -> None:
        organization = scope.current()
        wanted = (str(organization or ""), "on" if scope.is_system() else "")
        if wanted == self._scope:
            return
        # A failed transaction takes nothing but its rollback, which must go through.
        if self.connection.info.transaction_status == TransactionStatus.INERROR:
            return
        with self.wrap_database_errors, self.connection.cursor() as cursor:
            cursor.execute(
                "SELECT set_config('parley.organization', %s, false), set_config('parley.system', %s, false)", wanted
            )
        self._scope = wanted

    def connect(self) -> None:
        self._scope = None
        super().connect()

    def _rollback(self) -> None:
        self._scope = None
        super()._rollback()  # type: ignore[misc]

    def _savepoint_rollback(self, sid: str) -> None:
        super()._savepoint_rollback(sid)  # type: ignore[misc]
        self._scope = None

    def _close(self) -> None:
        self._scope = None
        super()._close()  # type: ignore[misc]
