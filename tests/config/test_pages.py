"""What browsers are told with every page, and who may open a WebSocket."""

from __future__ import annotations

import importlib
import re
from typing import Any

import psycopg
import pytest
from channels.security.websocket import AllowedHostsOriginValidator, OriginValidator
from channels.testing import WebsocketCommunicator
from django.conf import settings as django_settings
from django.contrib.sessions.backends.db import SessionStore
from django.db import OperationalError
from django.test import Client

from accounts.models import Organization, User
from tests.conftest import PASSWORD


def test_headers_of_a_page(db: None) -> None:
    response = Client().get("/accounts/login/")
    assert response.status_code == 200
    policy = dict(
        part.strip().split(" ", 1) for part in response["Content-Security-Policy"].split(";") if " " in part.strip()
    )
    assert policy["default-src"] == "'none'"
    assert policy["frame-ancestors"] == "'none'"
    assert policy["base-uri"] == "'none'"
    assert "unsafe" not in response["Content-Security-Policy"]
    assert "http:" not in policy["script-src"]
    assert "microphone=(self)" in response["Permissions-Policy"]
    assert "camera=()" in response["Permissions-Policy"]
    assert response["X-Frame-Options"] == "DENY"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Referrer-Policy"] == "same-origin"
    assert response["Cross-Origin-Opener-Policy"] == "same-origin"


def test_every_script_in_a_page_has_the_nonce_of_that_answer(db: None) -> None:
    browser = Client()
    first, second = browser.get("/accounts/login/"), browser.get("/accounts/login/")
    nonces = [re.search(r"'nonce-([^']+)'", r["Content-Security-Policy"])[1] for r in (first, second)]  # type: ignore[index]
    assert nonces[0] != nonces[1]
    page = first.content.decode()
    for tag in re.findall(r"<(?:script|style)\b[^>]*>", page):
        assert f'nonce="{nonces[0]}"' in tag or "src=" in tag, tag
    assert not re.search(r"\son\w+=", re.sub(r"hx-\S+", "", page)), "handlers in attributes are blocked"


def test_built_files_are_kept_by_browsers_for_good_and_others_are_not(db: None) -> None:
    browser = Client()
    page = browser.get("/accounts/login/").content.decode()
    built = re.search(r'src="(/static/dist/assets/[^"]+\.js)"', page)
    icons = re.search(r'data-icons="(/static/dist/assets/icons-[^"]+\.svg)"', page)
    assert built and icons
    for found in (built, icons):
        assert "immutable" in browser.get(found[1])["Cache-Control"]
    assert "immutable" not in browser.get("/static/css/plain.css")["Cache-Control"]


def test_where_the_database_is_away_a_page_says_so_and_others_failures_say_theirs(
    alice: User, organization: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = Client(raise_request_exception=False)
    browser.force_login(alice)

    def away(_: Any) -> None:
        try:
            psycopg.connect("postgresql://nobody@127.0.0.1:1/nowhere", connect_timeout=1)
        except psycopg.OperationalError as error:
            raise OperationalError(str(error)) from error

    def deadlocked(_: Any) -> None:
        raise OperationalError("deadlock detected") from psycopg.errors.DeadlockDetected()

    monkeypatch.setattr(SessionStore, "load", away)
    response = browser.get("/agents/")
    assert (response.status_code, response["Retry-After"]) == (503, "30")
    assert "reach its database" in response.content.decode()
    monkeypatch.setattr(SessionStore, "load", deadlocked)
    response = browser.get("/agents/")
    assert response.status_code == 500
    assert "not yours" in response.content.decode()


def test_a_page_that_isnt_there_is_a_page(db: None) -> None:
    response = Client().get("/nonsense/")
    assert response.status_code == 404
    assert b"<!doctype html>" in response.content.lower()


def test_a_form_without_its_token_is_refused(alice: User, organization: Organization) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(alice)
    assert browser.post(f"/organization/switch/{organization.pk}/").status_code == 403


def test_cookies_are_out_of_reach_of_scripts_and_of_other_sites(alice: User, organization: Organization) -> None:
    response = Client().post("/accounts/login/", {"login": alice.email, "password": PASSWORD})
    cookie = response.cookies[django_settings.SESSION_COOKIE_NAME]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"


@pytest.mark.parametrize(
    ("origin", "accepted"), [(b"https://evil.example", False), (b"http://localhost:8000", True), (None, False)]
)
@pytest.mark.django_db
async def test_websockets_are_for_our_own_pages(origin: bytes | None, accepted: bool, settings: Any) -> None:
    # Imported first: it reads the hosts once, and other tests shall find them as they are.
    guard = importlib.import_module("config.asgi").application.application_mapping["websocket"]
    settings.ALLOWED_HOSTS = ["localhost"]
    assert isinstance(guard, OriginValidator)
    assert guard.allowed_origins, "an empty list would let everyone in"

    async def inside(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})

    headers = [(b"origin", origin)] if origin else []
    socket = WebsocketCommunicator(AllowedHostsOriginValidator(inside), "/ws/live/", headers=headers)
    connected, _ = await socket.connect()
    assert connected is accepted
    await socket.disconnect()
