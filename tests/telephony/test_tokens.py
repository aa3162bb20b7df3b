"""Call tokens: what they allow, and everything that is no call token."""

from __future__ import annotations

import time
import uuid
from typing import Any

import jwt
import pytest

from telephony import tokens

ORGANIZATION, AGENT, CALL = uuid.uuid4(), uuid.uuid4(), uuid.uuid4()


def minted(**more: Any) -> str:
    return tokens.mint(organization=ORGANIZATION, agent=AGENT, use="draft", member=7, **more)


def forged(
    header: dict[str, Any] | None = None, key: bytes | None = None, algorithm: str = "HS256", **changes: Any
) -> str:
    now = int(time.time())
    body = {
        "org": str(ORGANIZATION), "agent": str(AGENT), "use": "draft", "member": None, "jti": "x", "iat": now, "exp": now + 60,
        "iss": "http://127.0.0.1:8000", "aud": tokens.CALL, **changes,
    }  # fmt: skip
    body = {name: value for name, value in body.items() if value is not ...}
    return jwt.encode(body, key or tokens._key(), algorithm=algorithm, headers=header or {"typ": tokens.CALL})


@pytest.fixture(autouse=True)
def _address(settings: Any) -> None:
    settings.SITE_URL = "http://127.0.0.1:8000"


def test_a_token_says_who_may_talk_to_what() -> None:
    claims = tokens.check(minted())
    assert (claims.organization, claims.agent, claims.use, claims.member) == (ORGANIZATION, AGENT, "draft", 7)


def test_a_token_starts_one_call() -> None:
    claims = tokens.check(minted())
    tokens.use_up(claims)
    with pytest.raises(tokens.BadToken, match="has been used"):
        tokens.use_up(claims)


def test_a_token_is_good_for_a_minute() -> None:
    with pytest.raises(tokens.BadToken, match="too old"):
        tokens.check(minted(seconds=-10))


@pytest.mark.parametrize(
    "token",
    [
        pytest.param("", id="nothing"),
        pytest.param("a.b.c", id="junk"),
        pytest.param("x" * 5_000, id="long"),
        pytest.param(jwt.encode({"org": "x"}, None, algorithm="none"), id="unsigned"),
    ],
)
def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(tokens.BadToken):
        tokens.check(token)


@pytest.mark.parametrize(
    "forgery",
    [
        pytest.param({"key": b"another key that is long enough for the algorithm"}, id="another key"),
        pytest.param({"algorithm": "HS512"}, id="another algorithm"),
        pytest.param({"header": {"typ": tokens.EVENTS}}, id="typ of the other token"),
        pytest.param({"header": {"typ": "JWT"}}, id="typ of any token"),
        pytest.param({"aud": tokens.EVENTS}, id="another audience"),
        pytest.param({"iss": "https://elsewhere.example"}, id="another platform"),
        pytest.param({"exp": ...}, id="no end"),
        pytest.param({"jti": ...}, id="no id"),
        pytest.param({"use": "anything"}, id="another use"),
        pytest.param({"org": "not an id"}, id="no organization"),
        pytest.param({"member": "root"}, id="no number of a member"),
    ],
)
def test_forgeries_are_refused(forgery: dict[str, Any]) -> None:
    with pytest.raises(tokens.BadToken):
        tokens.check(forged(**forgery))
    assert tokens.check(forged()).agent == AGENT


def test_an_events_token_is_for_its_call_alone() -> None:
    token = tokens.mint_events(organization=ORGANIZATION, call=CALL)
    assert tokens.check_events(token, CALL).call == CALL
    with pytest.raises(tokens.BadToken, match="another call"):
        tokens.check_events(token, uuid.uuid4())
    with pytest.raises(tokens.BadToken):
        tokens.check(token)
    with pytest.raises(tokens.BadToken):
        tokens.check_events(minted(), CALL)
