"""Secrets of organizations at rest: AES-256-GCM under a key that is not in the database.

A sealed secret names the key it was sealed with and is bound to its row: version, organization, table, column and primary
key are its associated data, so a ciphertext moved to another row or column doesn't open. So is what a place says beside
these, such as the address that a vendor's key is sent to: who changes it in the database loses the secret, and gets nothing.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
from dataclasses import dataclass
from functools import cache
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

_ROW, _ROW_AND_MORE = b"\x01", b"\x02"
_KEY_ID, _NONCE, _TAG = 4, 12, 16


class CannotOpen(Exception):
    """The secret was sealed with a key we don't have, for another row, or was changed since."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a secret lives, to the column."""

    organization: Any
    table: str
    column: str
    pk: Any
    bound: tuple[str, ...] = ()
    """What else of the row must still be as it was when the secret was sealed."""

    @property
    def version(self) -> bytes:
        return _ROW_AND_MORE if self.bound else _ROW

    @property
    def associated_data(self) -> bytes:
        row = (str(self.organization), self.table, self.column, str(self.pk))
        if not self.bound:
            return "|".join(("1", *row)).encode()
        return json.dumps(["2", *row, *self.bound]).encode()


@dataclass(frozen=True, slots=True)
class _Key:
    id: bytes
    cipher: AESGCM


def _key(text: str, setting: str) -> _Key:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != 32:
        raise ImproperlyConfigured(f"{setting}: use 32 random bytes in base64 (openssl rand -base64 32).")
    return _Key(hashlib.sha256(b"parley vault key id" + raw).digest()[:_KEY_ID], AESGCM(raw))


@cache
def _keys(newest: str, older: tuple[str, ...]) -> tuple[_Key, ...]:
    return (_key(newest, "VAULT_KEY"), *(_key(text, "VAULT_KEYS_OLD") for text in older))


def keys() -> tuple[_Key, ...]:
    """The key that seals, then the older ones that still open."""
    return _keys(settings.VAULT_KEY, tuple(settings.VAULT_KEYS_OLD))


def seal(place: Place, plaintext: str) -> bytes:
    key, nonce = keys()[0], os.urandom(_NONCE)
    return place.version + key.id + nonce + key.cipher.encrypt(nonce, plaintext.encode(), place.associated_data)


def open_(place: Place, sealed: bytes | memoryview) -> str:
    """Raises :class:`CannotOpen`, never returns what it can't vouch for."""
    data = bytes(sealed)
    if len(data) < 1 + _KEY_ID + _NONCE + _TAG or data[:1] not in (_ROW, _ROW_AND_MORE):
        raise CannotOpen("This is no sealed secret.")
    if data[:1] != place.version:
        raise CannotOpen("The secret was sealed by another release of Parley. Store it again.")
    key_id, nonce, ciphertext = data[1 : 1 + _KEY_ID], data[1 + _KEY_ID :][:_NONCE], data[1 + _KEY_ID + _NONCE :]
    for key in keys():
        if key.id == key_id:
            try:
                return key.cipher.decrypt(nonce, ciphertext, place.associated_data).decode()
            except InvalidTag:
                raise CannotOpen(
                    "The secret or its row was changed since, or it belongs to another row. Store it again."
                ) from None
    raise CannotOpen("The secret was sealed with a key that is neither VAULT_KEY nor in VAULT_KEYS_OLD.")


def is_newest(sealed: bytes | memoryview) -> bool:
    return bytes(sealed)[1 : 1 + _KEY_ID] == keys()[0].id
