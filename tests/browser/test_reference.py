"""The API reference in a browser, and its examples run as an integrator would: by a shell."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest
from playwright.sync_api import Browser, expect

from accounts import keys
from accounts.models import Organization, User
from tests.browser.people import regular

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]


@pytest.fixture
def key(transactional_db: None) -> str:
    owner: User = regular(2)
    organization = Organization.objects.get(name="Bright Smile Dental")
    _, plaintext = keys.issue(organization, "Examples", ["agents:read", "agents:write"], None, owner)
    return plaintext


def test_the_examples_run_as_they_are_shown(key: str, site: str, browser: Browser) -> None:
    page = browser.new_page()
    page.goto(f"{site}/api/v1/docs")
    shown = {
        name: str(page.locator(f"#{name}").text_content())
        for name in ("get-agents-curl", "get-agents-python", "post-agents-curl")
    }
    page.close()
    environment = {**os.environ, "PARLEY_KEY": key}
    assert shutil.which("curl"), "Install curl: the examples are for it."

    def run(*command: str) -> str:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
        return done.stdout

    listed = json.loads(run("sh", "-c", shown["get-agents-curl"]))
    assert {"items", "next_cursor"} == set(listed)
    assert len(listed["items"]) >= 2
    by_python = run(sys.executable, "-c", shown["get-agents-python"])
    assert listed["items"][0]["id"] in by_python
    made = json.loads(run("sh", "-c", shown["post-agents-curl"]))
    assert made["name"] == "Front desk"


def test_searching_filters_as_one_types_and_a_link_brings_everything_back(
    transactional_db: None, site: str, browser: Browser
) -> None:
    page = browser.new_page()
    page.goto(f"{site}/api/v1/docs")
    page.locator('[data-live~="reference"]').wait_for()
    page.get_by_role("searchbox").fill("recording")
    expect(page.locator("#get-calls-call_id-recording")).to_be_visible()
    expect(page.locator("#post-agents")).to_be_hidden()
    expect(page.get_by_role("status").first).to_contain_text("found")
    assert page.url.endswith("?q=recording")
    page.get_by_role("searchbox").fill("xyzzy")
    expect(page.get_by_text("Nothing here has all of these words")).to_be_visible()
    page.evaluate("location.hash = 'post-agents'")
    expect(page.locator("#post-agents")).to_be_in_viewport()
    expect(page.get_by_role("searchbox")).to_have_value("")
    page.close()


def test_the_language_is_chosen_once_for_all_examples_by_keyboard(
    transactional_db: None, site: str, browser: Browser
) -> None:
    page = browser.new_page()
    page.goto(f"{site}/api/v1/docs#get-agents")
    page.locator('[data-live~="reference"]').wait_for()
    page.locator("#get-agents-curl-pick").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#get-agents-python")).to_be_visible()
    expect(page.locator("#get-agents-curl")).to_be_hidden()
    expect(page.locator("#get-calls-python")).to_be_visible()
    page.close()
