"""The dashboard as a process of its own on the test's database, and a Chromium to look at it with."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connections
from playwright.sync_api import Browser, Page, expect

from tests.browser.people import link_for, regular
from tests.browser.screens import ROOT, chromium, context_for, sign_in

# Playwright's synchronous API runs a loop in this thread; the tests beside it talk to the database as ever.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"


def _database(url: str) -> str:
    return urlsplit(url)._replace(path=f"/{connections['default'].settings_dict['NAME']}").geturl()


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def site(django_db_setup: None) -> Iterator[str]:
    """The address of a running web process. What it shows is what the test has committed."""
    port = _free_port()
    address = f"http://127.0.0.1:{port}"
    environment = {
        **os.environ,
        "SITE_URL": address,
        "DATABASE_URL": _database(os.environ["DATABASE_URL"]),
        "DATABASE_OWNER_URL": _database(os.environ.get("DATABASE_OWNER_URL") or os.environ["DATABASE_URL"]),
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "platform")]),
        "PARLEY_EMBEDDED": "true",
        "SIGN_IN_LIMIT": "1000/minute",
    }
    with tempfile.TemporaryFile() as log:
        command = [sys.executable, "-m", "daphne", "-b", "127.0.0.1", "-p", str(port), "config.asgi:application"]
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT)
        try:
            _wait_for(address, process, log)
            yield address
        finally:
            process.terminate()
            process.wait(30)


def _wait_for(address: str, process: subprocess.Popen[bytes], log: Any) -> None:
    for _ in range(120):
        try:
            with urllib.request.urlopen(f"{address}/accounts/login/", timeout=2):
                return
        except OSError:
            if process.poll() is not None:
                break
            time.sleep(0.5)
    log.seek(0)
    raise RuntimeError(f"The web process did not start:\n{log.read().decode()[-4_000:]}")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    manifest = ROOT / "frontend" / "static" / "dist" / "manifest.json"
    assert manifest.exists(), "Build the front end first: npm run build --prefix frontend"
    with chromium() as started:
        yield started


@pytest.fixture
def pictures() -> Path | None:
    """Where the test may leave pictures for people to look at: the folder ``PARLEY_PICTURES`` names. Taking them takes a while."""
    named = os.environ.get("PARLEY_PICTURES")
    return Path(named) if named else None


@pytest.fixture
def link(transactional_db: None, site: str) -> str:
    """Signs in the owner of an organization that is used."""
    return link_for(regular(call_count=1), site)


@pytest.fixture
def page(link: str, site: str, browser: Browser) -> Iterator[Page]:
    """The demo agent's editor, as its owner sees it. Fails where a script broke or the content security policy refused something."""
    context = context_for(browser, "desktop", "light", sign_in(browser, link))
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on(
        "console", lambda message: wrong.append(message.text) if "Content Security Policy" in message.text else None
    )
    page.goto(f"{site}/agents/")
    page.locator("a.agent-name", has_text="front desk").first.click()
    expect(page.locator("#editor")).to_have_attribute("data-live", "editor")
    yield page
    context.close()
    assert not wrong
