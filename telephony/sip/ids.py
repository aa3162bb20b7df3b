"""Names that must be unlike any other: tags, branches, Call-IDs (RFC 3261, 8.1.1 and 19.3). From a random source that is given."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable

from telephony.sip.headers import MAGIC
from telephony.sip.message import Headers


class Ids:
    """``random_bytes(n)`` is the shell's: ``secrets.token_bytes`` on a live line, a seeded one in a test."""

    def __init__(self, random_bytes: Callable[[int], bytes]) -> None:
        self.random_bytes = random_bytes
        self._secret = random_bytes(32)
        self._prefix = random_bytes(9).hex()
        self._serial = 0

    def _next(self) -> str:
        """Unique by its serial, not to be guessed by its random part."""
        self._serial += 1
        return f"{self._serial:x}.{self.random_bytes(8).hex()}"

    def branch(self) -> str:
        return f"{MAGIC}{self._prefix[:6]}.{self._next()}"

    def tag(self) -> str:
        return self._next()

    def call_id(self) -> str:
        return f"{self._prefix}.{self._next()}"

    def cnonce(self) -> str:
        return self.random_bytes(8).hex()

    def secret(self) -> bytes:
        return self.random_bytes(32)

    def stateless_tag(self, headers: Headers) -> str:
        """The same for each copy of a request that we answer without remembering it (RFC 3261, 8.2.7)."""
        text = "\n".join(headers.first(name) for name in ("call-id", "cseq", "from", "via"))
        return hmac.new(self._secret, text.encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()[:16]

    def part(self) -> float:
        """Anything from 0 to 1, for what must not happen everywhere at once."""
        return int.from_bytes(self.random_bytes(4), "big") / 2**32
