"""Which STUN and TURN servers a call uses: the same list for the worker and for the browser."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from typing import Any

from django.conf import settings


def servers(user: str = "parley") -> list[dict[str, Any]]:
    """As browsers take them (``RTCIceServer``). The TURN password is good for an hour (TURN REST credentials)."""
    found = [dict(server) for server in settings.ICE_SERVERS]
    if settings.TURN_URLS:
        username = f"{int(time.time()) + settings.TURN_TTL_S}:{user}"
        digest = hmac.new(settings.TURN_SECRET.encode(), username.encode(), hashlib.sha1).digest()
        found.append(
            {"urls": list(settings.TURN_URLS), "username": username, "credential": base64.b64encode(digest).decode()}
        )
    return found
