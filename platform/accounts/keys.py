"""API keys: ``parley_live_`` + 30 letters and digits + 6 that check them.

The check sum lets a typing mistake, or a scanner of leaked secrets, be told from a key without asking the database. Only
the SHA-256 is kept: 30 base62 characters are 178 bits, so nothing slower is needed.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import zlib
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db.models import Q
from django.utils import timezone

from accounts import tenancy
from accounts.models import ApiKey, Organization, User

PREFIX = "parley_live_"
SCOPES = {
    "agents:read": "See agents and their versions",
    "agents:write": "Make, change and publish agents",
    "calls:read": "See calls, transcripts and recordings",
    "calls:write": "Start calls, call people and hang up",
    "numbers:read": "See telephone numbers and who answers them",
    "numbers:write": "Connect accounts, import and remove telephone numbers, say who answers",
    "campaigns:read": "See campaigns, limits and the do-not-call list",
    "campaigns:write": "Make and run campaigns, change the do-not-call list",
    "limits:write": "Change whom agents may call and what it may cost",
}
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_RANDOM, _CHECK = 30, 6
_SHOWN = len(PREFIX) + 6
_USED_EVERY = timedelta(minutes=1)


class UnknownScope(ValueError):
    """A scope that no operation asks for."""


def _check_sum(text: str) -> str:
    number, digits = zlib.crc32(text.encode()), ""
    for _ in range(_CHECK):
        number, digit = divmod(number, len(_ALPHABET))
        digits = _ALPHABET[digit] + digits
    return digits


def make() -> str:
    text = PREFIX + "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM))
    return text + _check_sum(text)


def looks_right(plaintext: str) -> bool:
    """Is this how a key is written? Says nothing about whether there is one."""
    if len(plaintext) != len(PREFIX) + _RANDOM + _CHECK or not plaintext.isascii() or not plaintext.startswith(PREFIX):
        return False
    return hmac.compare_digest(plaintext[-_CHECK:], _check_sum(plaintext[:-_CHECK]))


def _hash(plaintext: str) -> str:
    return hashlib.sha256(plaintext.encode()).hexdigest()


def issue(
    organization: Organization, name: str, scopes: Iterable[str], expires_at: datetime | None, member: User | None
) -> tuple[ApiKey, str]:
    """A new key and its text, which is shown once and kept nowhere."""
    wanted = sorted(set(scopes))
    if unknown := [scope for scope in wanted if scope not in SCOPES]:
        raise UnknownScope(f"There is no scope {unknown[0]!r}. Scopes are: {', '.join(SCOPES)}.")
    plaintext = make()
    with tenancy.use(organization):
        key = ApiKey.objects.create(
            organization=organization,
            name=name,
            prefix=plaintext[:_SHOWN],
            key_hash=_hash(plaintext),
            scopes=wanted,
            expires_at=expires_at,
            created_by=member,
        )
    return key, plaintext


def find(plaintext: str) -> ApiKey | None:
    """The key with its organization, where it is one and still good. Notes its use, once a minute at most."""
    if not looks_right(plaintext):
        return None
    now = timezone.now()
    with tenancy.system("an API key says whose request this is"):
        key: ApiKey | None = (
            ApiKey.objects.select_related("organization")
            .filter(Q(expires_at=None) | Q(expires_at__gt=now), key_hash=_hash(plaintext), revoked_at=None)
            .first()
        )
        if key and (key.last_used_at is None or key.last_used_at < now - _USED_EVERY):
            ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)
    return key


def revoke(key: ApiKey) -> None:
    """From the next request on, the key is none."""
    with tenancy.use(key.organization_id):
        ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=timezone.now())
