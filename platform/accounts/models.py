"""Who may do what: organizations, their members, keys and secrets."""

from __future__ import annotations

import uuid

from django.contrib.auth.models import AbstractUser, UserManager
from django.db import models

from accounts.tenancy import Owned


class Role(models.TextChoices):
    OWNER = "owner", "Owner"
    ADMIN = "admin", "Admin"
    EDITOR = "editor", "Editor"
    VIEWER = "viewer", "Viewer"

    @property
    def rank(self) -> int:
        return {"viewer": 0, "editor": 1, "admin": 2, "owner": 3}[self.value]


class User(AbstractUser):
    """A person who signs in, by e-mail address. What they may do is their membership's business."""

    email = models.EmailField("e-mail address", unique=True)
    name = models.CharField(max_length=120, blank=True)

    objects = UserManager()

    def __str__(self) -> str:
        return self.name or self.email


class Organization(models.Model):
    """A customer: everything belongs to one."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=120)
    timezone = models.CharField(max_length=64, default="UTC")
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name


class Membership(Owned):
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.VIEWER)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organization", "user"], name="one_membership_a_person")]

    def __str__(self) -> str:
        return f"{self.user} ({self.role})"


class Invitation(Owned):
    email = models.EmailField()
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.EDITOR)
    token_hash = models.CharField(max_length=64, unique=True)
    invited_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.email


class ApiKey(Owned):
    """``parley_live_`` + 30 base62 + 6 of CRC32. Only its SHA-256 and its first letters are kept."""

    name = models.CharField(max_length=120)
    prefix = models.CharField(max_length=24)
    key_hash = models.CharField(max_length=64, unique=True)
    scopes = models.JSONField(default=list)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class Credential(Owned):
    """A vendor's secret, encrypted with the row as associated data (``accounts.vault``). Write-only: ``last_four`` is what is shown."""

    name = models.CharField(max_length=80)
    provider = models.CharField(max_length=60)
    secret = models.BinaryField()
    last_four = models.CharField(max_length=4, blank=True)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organization", "name"], name="one_credential_a_name")]

    def __str__(self) -> str:
        return self.name
