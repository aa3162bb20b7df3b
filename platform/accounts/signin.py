"""A link that signs its person in, once, within a day: what ``make up`` prints, and an operator's way back in."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from django.conf import settings
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone

from accounts.models import SignInLink, User

GOOD_FOR = timedelta(hours=24)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def link_for(user: User) -> str:
    token = secrets.token_urlsafe(32)
    SignInLink.objects.filter(expires_at__lt=timezone.now()).delete()
    SignInLink.objects.create(user=user, token_hash=_hash(token), expires_at=timezone.now() + GOOD_FOR)
    return settings.SITE_URL + reverse("sign-in-link", args=[token])


def _good(token: str) -> QuerySet[SignInLink]:
    return SignInLink.objects.filter(
        token_hash=_hash(token), used_at=None, expires_at__gt=timezone.now(), user__is_active=True
    )


def find(token: str) -> User | None:
    """Whom the link would sign in. Looking doesn't use it up."""
    link = _good(token).select_related("user").first()
    return link.user if link else None


def use(token: str) -> User | None:
    """Who the link signs in; from now on, nobody."""
    if not _good(token).update(used_at=timezone.now()):
        return None
    return SignInLink.objects.select_related("user").get(token_hash=_hash(token)).user
