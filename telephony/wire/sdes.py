"""Keys of SRTP as they stand in a session description: ``a=crypto`` (SDES, RFC 4568; AES-GCM: RFC 7714). Text in, keys out.

They are as secret as the signalling that carries them: over TLS nobody else reads them, over UDP everybody on the way does.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field

SUITES = {
    "AEAD_AES_256_GCM": 44,
    "AEAD_AES_128_GCM": 28,
    "AES_CM_128_HMAC_SHA1_80": 30,
    "AES_CM_128_HMAC_SHA1_32": 30,
}
"""Those we speak, the best first, and the bytes of a key and its salt. AES_256_CM (RFC 6188) is not among what our library has."""
OFFERED = ("AES_CM_128_HMAC_SHA1_80", "AEAD_AES_256_GCM", "AES_CM_128_HMAC_SHA1_32")
"""In our own offers: what every telephone knows comes first, because some look at the first line only."""
MAX_LINES = 16
_LONGEST_TAG = 9


@dataclass(frozen=True, slots=True)
class Crypto:
    """One line. Its key is left out wherever this is printed."""

    tag: int
    suite: str
    key: bytes = field(repr=False)

    def is_same_key(self, other: Crypto) -> bool:
        """Whatever number the line has."""
        return (self.suite, self.key) == (other.suite, other.key)


def parse(values: list[str]) -> list[Crypto]:
    """The lines we can use, in their order: known suites with one key, without an identifier of keys (MKI) and without
    parameters that change the protection (RFC 4568, 6.3)."""
    return [crypto for value in values[:MAX_LINES] if (crypto := _parse(value)) is not None]


def _parse(value: str) -> Crypto | None:
    words = value.split()
    if len(words) < 3 or not (words[0].isascii() and words[0].isdigit() and len(words[0]) <= _LONGEST_TAG):
        return None
    suite, inline = words[1].upper(), words[2]
    method, _, rest = inline.partition(":")
    size = SUITES.get(suite)
    if size is None or method.lower() != "inline" or ";" in inline:
        return None
    text, *options = rest.split("|")
    if any(":" in option for option in options):  # MKI
        return None
    if any(not parameter.upper().startswith(("WSH=", "-")) for parameter in words[3:]):
        return None
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
    return Crypto(int(words[0]), suite, key) if len(key) == size else None


def write(crypto: Crypto) -> str:
    return f"{crypto.tag} {crypto.suite} inline:{base64.b64encode(crypto.key).decode()}"
