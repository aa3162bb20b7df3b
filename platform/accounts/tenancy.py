"""Whose data a query may see. Two walls: a manager that raises without an organization, and row-level security.

``use(organization)`` names the organization for everything inside it, in the request, task or call that runs now
(a context variable: it follows ``await`` and ``sync_to_async``). ``system(reason)`` is for the few things that belong to
no organization yet: signing in, finding an API key's owner, reaping dead workers' calls.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Self

from django.db import models

_current: ContextVar[uuid.UUID | None] = ContextVar("organization", default=None)
_system: ContextVar[str | None] = ContextVar("system_reason", default=None)


class NoOrganization(RuntimeError):
    """A query on an organization's table, and nobody said whose."""


@contextmanager
def use(organization: Any) -> Iterator[None]:
    """Everything inside works for this organization (an ``Organization`` or its id)."""
    pk = getattr(organization, "pk", organization)
    token = _current.set(uuid.UUID(str(pk)))
    try:
        yield
    finally:
        _current.reset(token)


@contextmanager
def system(reason: str) -> Iterator[None]:
    """Everything inside may see all organizations. ``reason`` is for the reader."""
    token = _system.set(reason)
    try:
        yield
    finally:
        _system.reset(token)


def current() -> uuid.UUID | None:
    return _current.get()


def is_system() -> bool:
    return _system.get() is not None


class ScopedQuerySet(models.QuerySet[Any]):
    def owned_by(self, organization: Any) -> Self:
        return self.filter(organization_id=getattr(organization, "pk", organization))


class ScopedManager(models.Manager[Any]):
    """Only rows of the organization in use; raises :class:`NoOrganization` where there is none."""

    def get_queryset(self) -> ScopedQuerySet:
        queryset = ScopedQuerySet(self.model, using=self._db)
        if is_system():
            return queryset
        organization = current()
        if organization is None:
            raise NoOrganization(f"{self.model.__name__}: say whose with tenancy.use(organization)")
        return queryset.filter(organization_id=organization)

    def owned_by(self, organization: Any) -> ScopedQuerySet:
        """The rows of this organization: how every view and use case starts its query."""
        with use(organization):
            return self.get_queryset()


class Owned(models.Model):
    """A table whose rows belong to an organization."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey("accounts.Organization", on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ScopedManager()

    class Meta:
        abstract = True
