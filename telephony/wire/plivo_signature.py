"""Whether Plivo sent a request: the third version of the signature of its webhooks. Pure.

https://www.plivo.com/docs/voice/concepts/signature-validation. HMAC-SHA256, under the account's token, of the address, the form's
names and values by name, and a nonce; as its own libraries build it, down to the ``?`` behind an address without a query. Accounts
with two tokens send two signatures.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qs, urlsplit, urlunsplit

HEADER, NONCE = "X-Plivo-Signature-V3", "X-Plivo-Signature-V3-Nonce"
Form = Mapping[str, Sequence[str]]


def sign(token: str, url: str, form: Form, nonce: str) -> str:
    """Of a POST."""
    parts = urlsplit(url)
    asked = parse_qs(parts.query, keep_blank_values=True)
    query = "&".join(f"{name}={value}" for name in sorted(asked) for value in sorted(asked[name]))
    text = urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))
    if query or form:
        text += f"?{query}"
    if query and form:
        text += "."
    text += "".join(name + value for name in sorted(form) for value in sorted(form[name]))
    signed = hmac.new(token.encode(), f"{text}.{nonce}".encode(), hashlib.sha256).digest()
    return b64encode(signed).decode("ascii")


def is_signed(token: str, url: str, form: Form, nonce: str, signatures: str) -> bool:
    if not token or not nonce or not signatures:
        return False
    right = sign(token, url, form, nonce).encode()
    return any([hmac.compare_digest(right, each.strip().encode()) for each in signatures.split(",")])
