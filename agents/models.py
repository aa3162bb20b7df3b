"""Agents as they are stored: a draft that is edited, versions that are not."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from accounts.tenancy import Owned


class Agent(Owned):
    """``draft`` is an ``AgentSpec`` as JSON; it may be half-finished, so it is validated when published or talked to."""

    name = models.CharField(max_length=120)
    draft = models.JSONField(default=dict)
    draft_revision = models.PositiveIntegerField(default=1)
    """Grows with every saved draft: a save that names an older one is refused, so two open editors lose nothing."""
    draft_saved_at = models.DateTimeField(auto_now_add=True)
    published = models.ForeignKey("AgentVersion", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name


class AgentVersion(Owned):
    """A frozen spec. Never changed, never deleted while calls name it."""

    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    spec = models.JSONField()
    note = models.CharField(max_length=300, blank=True)
    published_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["agent", "number"], name="one_version_a_number")]

    def __str__(self) -> str:
        return f"{self.agent} v{self.number}"
