"""Calls as they are kept: the record, its turns, its events, its recording."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from accounts.tenancy import Owned


class Call(Owned):
    """One call. It is claimed by a worker with a lease the worker renews; a reaper ends the calls of dead workers."""

    class Status(models.TextChoices):
        QUEUED = "queued", "Waiting for a worker"
        IN_PROGRESS = "in_progress", "In progress"
        ENDED = "ended", "Ended"

    class Channel(models.TextChoices):
        WEB = "web", "Web"
        PHONE = "phone", "Phone"

    agent = models.ForeignKey("agents.Agent", on_delete=models.PROTECT, related_name="calls")
    version = models.ForeignKey(
        "agents.AgentVersion", null=True, blank=True, on_delete=models.PROTECT, related_name="calls"
    )
    """``None``: the call talked to the draft."""
    spec = models.JSONField()
    """The spec this call ran with, whatever became of the draft."""
    channel = models.CharField(max_length=10, choices=Channel.choices, default=Channel.WEB)
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.QUEUED)
    end_reason = models.CharField(max_length=40, blank=True)
    """A key of ``telephony.end_reasons.REASONS``."""
    end_detail = models.CharField(max_length=300, blank=True)
    caller = models.CharField(max_length=120, blank=True)
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    answered_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    duration_ms = models.PositiveIntegerField(default=0)
    collected = models.JSONField(default=dict)
    latency = models.JSONField(default=dict)
    """{"p50_ms": …, "p95_ms": …, "turns": n}: what the caller waited, end of speech to first sound."""
    speculation = models.JSONField(default=dict)
    """{"withdrawn": n, "tokens": m}: answers begun before the caller had finished and thrown away, and what of their cost the model told."""
    worker = models.CharField(max_length=120, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["organization", "-created_at", "-id"], name="calls_newest"),
            models.Index(fields=["lease_until"], condition=models.Q(status="in_progress"), name="calls_leased"),
        ]

    def __str__(self) -> str:
        return f"{self.agent} {self.created_at:%Y-%m-%d %H:%M}"


class Turn(Owned):
    """The floor held once. Times are milliseconds since answer."""

    call = models.ForeignKey(Call, on_delete=models.CASCADE, related_name="turns")
    index = models.PositiveIntegerField()
    role = models.CharField(max_length=6, choices=[("caller", "Caller"), ("agent", "Agent")])
    text = models.TextField(blank=True)
    """The caller's words, or what of the agent's words was heard."""
    intended = models.TextField(blank=True)
    """All the agent set out to say, where it was cut."""
    started_ms = models.PositiveIntegerField()
    ended_ms = models.PositiveIntegerField(null=True)
    was_cut = models.BooleanField(default=False)
    confidence = models.FloatField(null=True)
    latency = models.JSONField(default=dict)
    """On the agent's turns: {"endpointing_ms", "stt_ms", "model_ms", "tts_ms", "transport_ms", "total_ms"}, in the order they were waited for;
    their sum is ``total_ms``: the caller's last sound to the agent's first at the caller."""
    thoughts = models.JSONField(default=list)

    class Meta:
        ordering = ["index"]
        constraints = [models.UniqueConstraint(fields=["call", "index"], name="one_turn_an_index")]

    def __str__(self) -> str:
        return f"{self.role}: {self.text[:60]}"


class CallEvent(Owned):
    """Anything else that happened, appended as it happens."""

    call = models.ForeignKey(Call, on_delete=models.CASCADE, related_name="events")
    at_ms = models.PositiveIntegerField()
    kind = models.CharField(max_length=40)
    data = models.JSONField(default=dict)

    class Meta:
        ordering = ["at_ms", "id"]

    def __str__(self) -> str:
        return f"{self.at_ms} {self.kind}"


class Recording(Owned):
    """Stereo WAV, 16,000 Hz: caller left, agent right. ``path`` is relative to ``settings.RECORDINGS_DIR``."""

    call = models.OneToOneField(Call, on_delete=models.CASCADE, related_name="recording")
    path = models.CharField(max_length=300)
    duration_ms = models.PositiveIntegerField(default=0)
    size_bytes = models.PositiveBigIntegerField(default=0)
    is_complete = models.BooleanField(default=False)

    def __str__(self) -> str:
        return self.path


# The tables of the parts of telephony, which Django looks for here.
from telephony.campaigns.models import Campaign, CampaignAttempt, CampaignContact, ContactList  # noqa: E402
from telephony.dialing.models import DialPolicy, DialReservation, DoNotCall  # noqa: E402

__all__ = [
    "Call",
    "CallEvent",
    "Campaign",
    "CampaignAttempt",
    "CampaignContact",
    "ContactList",
    "DialPolicy",
    "DialReservation",
    "DoNotCall",
    "Recording",
    "Turn",
]
