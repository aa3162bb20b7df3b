"""Whose data a query may see. Two walls: a manager that raises without an organization, and row-level security.

``use(organization)`` names the organization for everything inside it, in the request, task or call that runs now
(a context variable: it follows ``await`` and ``sync_to_async``). ``system(reason)`` is for the few things that belong to
no organization yet: signing in, finding an API key's owner, reaping dead workers' calls.
"""

from __future__ import annotations

import uuid
from typing import Any, Self

from django.db import models

from accounts.scope import current, is_system, system, use

__all__ = ["NoOrganization", "Owned", "ScopedManager", "ScopedQuerySet", "current", "is_system", "system", "use"]


class NoOrganization(RuntimeError):
    """A query on an organization's table, and nobody said whose."""


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
