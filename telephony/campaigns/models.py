"""Campaigns as they are kept. PostgreSQL is the record of what was called; whatever runs them only reads and writes these rows."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from accounts.tenancy import Owned
from telephony.campaigns.rules import OUTCOMES

NOT_CALLED = "The campaign was cancelled before this call."
NOT_AGAIN = "The campaign was cancelled before another try."


class Campaign(Owned):
    """A list of people, an agent, and the rules by which it calls them."""

    class Status(models.TextChoices):
        DRAFT = "draft", "Not started"
        RUNNING = "running", "Running"
        PAUSED = "paused", "Paused"
        FINISHED = "finished", "Finished"
        CANCELLED = "cancelled", "Cancelled"

    name = models.CharField(max_length=120)
    agent = models.ForeignKey("agents.Agent", on_delete=models.PROTECT, related_name="campaigns")
    phone_number = models.ForeignKey(
        "telephony.PhoneNumber", null=True, blank=True, on_delete=models.SET_NULL, related_name="campaigns"
    )
    """Which of our numbers it calls from. ``None``: none was chosen, or it was removed."""
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.DRAFT)
    rules = models.JSONField(default=dict)
    """What was changed of ``telephony.campaigns.rules.Rules``."""
    held = models.CharField(max_length=300, blank=True)
    """Why nobody is called right now, in plain words."""
    held_until = models.DateTimeField(null=True, blank=True)
    """The account can't be used, and isn't tried again before."""
    hours_seen = models.CharField(max_length=64, blank=True, default="")
    """The calling hours by which people were postponed, in a short form: ``telephony.campaigns.postponed``."""
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["status"], condition=models.Q(status="running"), name="campaigns_running"),
        ]

    def __str__(self) -> str:
        return self.name


class ContactList(Owned):
    """An uploaded file on its way into a campaign. ``content`` is emptied once every row of it is a contact."""

    class Status(models.TextChoices):
        MAPPING = "mapping", "Waiting for its columns"
        READING = "reading", "Being read"
        DONE = "done", "Read"

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="lists")
    file_name = models.CharField(max_length=200)
    content = models.BinaryField()
    mapping = models.JSONField(default=dict)
    """``telephony.campaigns.sheet.Mapping``."""
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.MAPPING)
    rows = models.PositiveIntegerField(default=0)
    rows_read = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return self.file_name


class CampaignContact(Owned):
    """One row of the list. Nothing of it is lost: a row that can't be called is a contact that was skipped, with why."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        CALLING = "calling", "Being called"
        RETRY = "retry", "Will be called again"
        DONE = "done", "Reached"
        GAVE_UP = "gave_up", "Not reached"
        SKIPPED = "skipped", "Skipped"

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="contacts")
    row = models.PositiveIntegerField()
    """In its file, as a spreadsheet counts: the header is row 1."""
    given = models.CharField(max_length=120)
    """The number as it was written."""
    number = models.CharField(max_length=16, blank=True)
    """E.164; empty where it can't be called."""
    zones = models.TextField(blank=True)
    """The time zones it may be in, with commas between."""
    variables = models.JSONField(default=dict)
    priority = models.SmallIntegerField(default=0)
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    next_at = models.DateTimeField(null=True, blank=True)
    """Not called before. Empty while it is not to be called at all."""
    due_at = models.DateTimeField(null=True, blank=True)
    """When the calling hours make them wait until ``next_at``: when they were due otherwise."""
    attempts = models.PositiveSmallIntegerField(default=0)
    outcome = models.CharField(max_length=12, blank=True)
    """Of the last attempt: a ``telephony.campaigns.rules.Outcome``."""
    why = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["row", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["campaign", "number"], condition=~models.Q(number=""), name="one_contact_a_number"
            )
        ]
        indexes = [
            models.Index(
                fields=["campaign", "-priority", "next_at"],
                condition=models.Q(state__in=["waiting", "retry"]),
                name="contacts_due",
            ),
            models.Index(fields=["campaign", "state"], name="contacts_by_state"),
        ]

    def __str__(self) -> str:
        return self.number or self.given

    @property
    def outcome_words(self) -> str:
        return OUTCOMES.get(self.outcome, "")


class CampaignAttempt(Owned):
    """One call to one contact. It is a row, committed as "placing", before the carrier hears of it."""

    class State(models.TextChoices):
        PLACING = "placing", "Being placed"
        CALLING = "calling", "Running"
        DONE = "done", "Over"

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="attempts")
    contact = models.ForeignKey(CampaignContact, on_delete=models.CASCADE, related_name="tries")
    ordinal = models.PositiveSmallIntegerField()
    """The contact's first, second, …"""
    key = models.CharField(max_length=64, unique=True)
    """By which the carrier knows it again."""
    state = models.CharField(max_length=8, choices=State.choices, default=State.PLACING)
    outcome = models.CharField(max_length=12, blank=True)
    detail = models.CharField(max_length=300, blank=True)
    seconds = models.PositiveIntegerField(default=0)
    call = models.ForeignKey("telephony.Call", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    placed_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["placed_at", "id"]
        constraints = [models.UniqueConstraint(fields=["contact", "ordinal"], name="one_attempt_an_ordinal")]
        indexes = [
            models.Index(fields=["campaign", "placed_at"], name="attempts_placed"),
            models.Index(
                fields=["campaign"], condition=models.Q(state__in=["placing", "calling"]), name="attempts_open"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.contact} #{self.ordinal}"
