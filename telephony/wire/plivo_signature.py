"""Whether Plivo sent a request: the signature of its webhooks. Pure.

Of calls the third version, https://www.plivo.com/docs/voice/concepts/signature-validation: HMAC-SHA256, under the account's token, of
the address, the form's names and values by name, and a nonce; as its own libraries build it, down to the ``?`` behind an address without
a query. Accounts with two tokens send two signatures.

Of texts the second, https://www.plivo.com/docs/messaging/concepts/signature-validation: of the address without a query and the nonce.
What the form says is not in it: only TLS keeps that.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qs, urlsplit, urlunsplit

HEADER, NONCE = "X-Plivo-Signature-V3", "X-Plivo-Signature-V3-Nonce"
HEADERS_V2, NONCE_V2 = ("X-Plivo-Signature-V2", "X-Plivo-Signature-Ma-V2"), "X-Plivo-Signature-V2-Nonce"
"""Under the token of the account or subaccount that the number belongs to, and under the main account's."""
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
    return _hash(token, f"{text}.{nonce}")


def sign_v2(token: str, url: str, nonce: str) -> str:
    parts = urlsplit(url)
    return _hash(token, urlunsplit((parts.scheme, parts.netloc, parts.path, "", "")) + nonce)


def is_signed(token: str, url: str, form: Form, nonce: str, signatures: str) -> bool:
    if not token or not nonce or not signatures:
        return False
    right = sign(token, url, form, nonce).encode()
    return any([hmac.compare_digest(right, each.strip().encode()) for each in signatures.split(",")])


def is_signed_v2(token: str, url: str, nonce: str, signature: str) -> bool:
    if not token or not nonce or not signature:
        return False
    return hmac.compare_digest(sign_v2(token, url, nonce).encode(), signature.encode())


def _hash(token: str, text: str) -> str:
    return b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha256).digest()).decode("ascii")
