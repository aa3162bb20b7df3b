"""A link that signs its person in, once, within a day: what ``make up`` prints, and an operator's way back in."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from django.conf import settings
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


def _good(token: str) -> SignInLink | None:
    good = SignInLink.objects.filter(used_at=None, expires_at__gt=timezone.now(), user__is_active=True)
    return good.filter(token_hash=_hash(token)).select_related("user").first()


def find(token: str) -> User | None:
    """Whom the link would sign in. Looking doesn't use it up."""
    link = _good(token)
    return link.user if link else None


def use(token: str) -> User | None:
    """Who the link signs in; from now on, nobody."""
    link = _good(token)
    # Asked of the one row alone: PostgreSQL looks again at a row it waited for, but not at what another table said of it before.
    if link is None or not SignInLink.objects.filter(pk=link.pk, used_at=None).update(used_at=timezone.now()):
        return None
    return link.user
