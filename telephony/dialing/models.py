"""Whom an organization may call, whom never again, and the calls out of here that run or ran."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from accounts.tenancy import Owned


class DialPolicy(Owned):
    """The organization's ``telephony.dialing.policy.Policy``: what it changed of it. No row: the defaults."""

    knobs = models.JSONField(default=dict)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organization"], name="one_dial_policy_an_organization")]

    def __str__(self) -> str:
        return f"Dial policy of {self.organization_id}"


class DoNotCall(Owned):
    """A number that is never called again, whichever way."""

    class Source(models.TextChoices):
        MEMBER = "member", "Your team"
        CALLER = "caller", "They asked the agent"
        API = "api", "The API"
        TEXT = "text", "They texted STOP"

    number = models.CharField(max_length=16)
    """E.164."""
    reason = models.CharField(max_length=200, blank=True)
    source = models.CharField(max_length=8, choices=Source.choices, default=Source.MEMBER)
    added_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [models.UniqueConstraint(fields=["organization", "number"], name="one_do_not_call_a_number")]

    def __str__(self) -> str:
        return self.number


class DialReservation(Owned):
    """One call out of here, from before the carrier is asked until it is over. Only ``telephony.dialing.gate`` makes them."""

    number = models.CharField(max_length=16)
    country = models.CharField(max_length=2)
    path = models.CharField(max_length=10)
    """A ``telephony.dialing.policy.Path``."""
    key = models.CharField(max_length=64)
    """The same key is the same call."""
    call = models.ForeignKey(
        "telephony.Call", null=True, blank=True, on_delete=models.SET_NULL, related_name="dial_reservations"
    )
    price_per_minute = models.DecimalField(max_digits=12, decimal_places=6)
    cost = models.DecimalField(max_digits=14, decimal_places=6)
    """While it runs the most it can come to; afterwards what it came to."""
    day = models.DateField()
    """On which it counts, in the organization's time zone."""
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    """Longer than the call can last: whoever should have released it is gone then."""
    released_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organization", "key"], name="one_reservation_a_key")]
        indexes = [
            models.Index(fields=["organization", "day", "number"], name="reservations_of_a_day"),
            models.Index(
                fields=["organization", "expires_at"],
                condition=models.Q(released_at=None),
                name="reservations_running",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.number} ({self.path})"
