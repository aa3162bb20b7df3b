"""Short-lived proofs for the browser: one to start a call, one to follow and steer it.

Both are JWTs under a key of their own, derived from ``SECRET_KEY``. PyJWT accepts any ``typ``, so it is checked here.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
import uuid
from dataclasses import dataclass
from typing import Any, Literal

import jwt
from django.conf import settings
from django.core.cache import cache

START_SECONDS = 60
EVENTS_SECONDS = 3 * 3600
LEEWAY_SECONDS = 5
CALL, EVENTS = "parley-call", "parley-events"
Use = Literal["draft", "published"]


class BadToken(Exception):
    """The token is forged, too old, used before, or meant for something else. The message may be shown."""


@dataclass(frozen=True, slots=True)
class Claims:
    """Who may start a call with which agent."""

    organization: uuid.UUID
    agent: uuid.UUID
    use: Use
    member: int | None
    """The user who started it; ``None`` where an API key did."""
    jti: str


@dataclass(frozen=True, slots=True)
class EventsClaims:
    """Which call may be followed and steered."""

    organization: uuid.UUID
    call: uuid.UUID
    for_team: bool = False
    """Whoever has it tries the draft, so may read what went wrong inside. A visitor of a web page may not."""


def mint(*, organization: Any, agent: Any, use: Use, member: int | None = None, seconds: int = START_SECONDS) -> str:
    """A token that starts one call within a minute."""
    return _sign(
        CALL,
        seconds,
        {"org": _id(organization), "agent": _id(agent), "use": use, "member": member, "jti": secrets.token_urlsafe(16)},
    )


def check(token: str) -> Claims:
    """What the token allows. Raises :class:`BadToken`. It may still have been used: see :func:`use_up`."""
    body = _read(CALL, token, ["org", "agent", "use", "jti"])
    member = body.get("member")
    if body["use"] not in ("draft", "published") or not (member is None or isinstance(member, int)):
        raise BadToken("This call token is not valid.")
    return Claims(_uuid(body["org"]), _uuid(body["agent"]), body["use"], member, str(body["jti"]))


def use_up(claims: Claims) -> None:
    """Once only, on all web servers together. Raises :class:`BadToken` the second time."""
    if not cache.add(f"call-token:{claims.jti}", 1, timeout=START_SECONDS + 2 * LEEWAY_SECONDS):
        raise BadToken("This call token has been used. Each call needs a new one.")


def mint_events(*, organization: Any, call: Any, for_team: bool = False) -> str:
    return _sign(EVENTS, EVENTS_SECONDS, {"org": _id(organization), "call": _id(call), "team": for_team})


def check_events(token: str, call: Any = None) -> EventsClaims:
    """Raises :class:`BadToken`, also where the token belongs to another call than ``call``."""
    body = _read(EVENTS, token, ["org", "call"])
    claims = EventsClaims(_uuid(body["org"]), _uuid(body["call"]), body.get("team") is True)
    if call is not None and claims.call != _uuid(call):
        raise BadToken("This token belongs to another call.")
    return claims


def _key() -> bytes:
    return hmac.new(settings.SECRET_KEY.encode(), b"parley call tokens", hashlib.sha256).digest()


def _sign(typ: str, seconds: int, claims: dict[str, Any]) -> str:
    now = int(time.time())
    body = {**claims, "iss": settings.SITE_URL, "aud": typ, "iat": now, "exp": now + seconds}
    return jwt.encode(body, _key(), algorithm="HS256", headers={"typ": typ})


def _read(typ: str, token: str, required: list[str]) -> dict[str, Any]:
    if len(token) > 2_000:
        raise BadToken("This call token is not valid.")
    try:
        if jwt.get_unverified_header(token).get("typ") != typ:
            raise BadToken("This token is meant for something else.")
        body: dict[str, Any] = jwt.decode(
            token,
            _key(),
            algorithms=["HS256"],
            audience=typ,
            issuer=settings.SITE_URL,
            leeway=LEEWAY_SECONDS,
            options={"require": ["exp", "iat", "aud", "iss", *required]},
        )
    except jwt.ExpiredSignatureError:
        raise BadToken("This call token is too old. Each is good for a minute.") from None
    except jwt.PyJWTError:
        raise BadToken("This call token is not valid.") from None
    return body


def _id(thing: Any) -> str:
    return str(getattr(thing, "pk", thing))


def _uuid(text: Any) -> uuid.UUID:
    try:
        return uuid.UUID(str(text))
    except ValueError:
        raise BadToken("This call token is not valid.") from None
