"""Whether Twilio sent a request: the signature of its webhooks. Pure.

https://www.twilio.com/docs/usage/security#validating-requests. HMAC-SHA1, under the account's token, of the address exactly as
Twilio was given it, followed by each form field's name and value, by name; of a JSON body its SHA-256 is in the address. There is
no time in it: whoever has seen a request may send it again, so what a request does must be fine to do twice.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Mapping, Sequence
from urllib.parse import SplitResult, parse_qs, urlsplit

HEADER = "X-Twilio-Signature"
Form = Mapping[str, Sequence[str]]
_PORTS = {"https": 443, "http": 80, "wss": 443, "ws": 80}


def sign(token: str, url: str, form: Form) -> str:
    """The value of the header for a request with these form fields; each may have several values."""
    text = url + "".join(name + value for name in sorted(form) for value in sorted(set(form[name])))
    return b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode("ascii")


def is_signed(token: str, url: str, form: Form, signature: str, body: bytes = b"") -> bool:
    """``form``: of a form; ``body``: of anything else, whose hash must be in the address then.

    Twilio signs the address now with its port, now without: both are tried, as its own libraries do.
    """
    if not token or not signature:
        return False
    parts = urlsplit(url)
    if hashes := parse_qs(parts.query).get("bodySHA256"):
        if not hmac.compare_digest(hashes[0].lower().encode(), hashlib.sha256(body).hexdigest().encode()):
            return False
        form = {}
    given = signature.encode()
    return any([hmac.compare_digest(sign(token, each, form).encode(), given) for each in _spellings(url, parts)])


def _spellings(url: str, parts: SplitResult) -> tuple[str, str]:
    host, has_port = parts.netloc.rpartition(":")[0], parts.port is not None
    other = host if has_port else f"{parts.netloc}:{_PORTS.get(parts.scheme, 443)}"
    return url, url.replace(parts.netloc, other, 1)
