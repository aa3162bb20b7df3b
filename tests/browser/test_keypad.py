"""Keys in a real browser: those of the talk panel reach the agent, those of the agent's side can be heard."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_talk import FAKE_MICROPHONE, RECEIVED, chromium, make_agent, microphone, signed_in, status, talk
from tests.platform_fixture import Platform

pytestmark = [
    pytest.mark.browser,
    pytest.mark.platform,
    pytest.mark.paced,
    pytest.mark.models,
    pytest.mark.timeout(400),
]
__all__ = ["chromium"]

NO_DTMF = """Object.defineProperty(RTCRtpSender.prototype, "dtmf", {get: () => null});"""
"""A browser whose microphone can't carry keys."""


def be_patient(page: Page) -> None:
    """The agent doesn't ask whether somebody is there: what can be heard is what is tested."""
    agent = page.url
    page.get_by_role("link", name="Limits", exact=True).click()
    with page.expect_response(lambda answer: "/draft/limits/" in answer.url and answer.request.method == "POST"):
        page.get_by_label("Ask again after").fill("120")
    with page.expect_response(lambda answer: "/draft/limits/" in answer.url and answer.request.method == "POST"):
        page.get_by_label("Hang up after").fill("300")
    expect(page.locator("#save-status")).to_contain_text("Draft saved")
    page.goto(agent)


@pytest.mark.parametrize("can_insert", [True, False], ids=["beside the sound", "through signalling"])
def test_keys_are_pressed_by_hand_and_on_the_keyboard(
    chromium: Any, parley: Platform, tmp_path: Path, can_insert: bool
) -> None:
    sound = microphone((90.0,), tmp_path / "silence.wav")
    browser = chromium(*FAKE_MICROPHONE, f"--use-file-for-fake-audio-capture={sound}%noloop")
    context, page = signed_in(browser, parley.sign_in_link())
    if not can_insert:
        context.add_init_script(NO_DTMF)
    make_agent(page, parley, f"Keys {can_insert}")
    be_patient(page)
    talk(page)
    expect(status(page)).to_have_text(re.compile("Agent is speaking|Listening to you"), timeout=30_000)
    toggle, pad = page.get_by_role("button", name="Keypad"), page.locator("[data-part=keypad]")
    expect(pad).to_be_hidden()
    toggle.click()
    expect(pad).to_be_visible()
    expect(toggle).to_have_attribute("aria-expanded", "true")
    callers = page.locator(".talk-line.is-caller")
    for digit in "407":
        pad.get_by_role("button", name=digit, exact=True).click()
    expect(callers.first).to_contain_text("Pressed 4 0 7", timeout=10_000)
    pad.get_by_role("button", name="Hash").click()
    expect(callers.first).to_contain_text("Pressed 4 0 7 #", timeout=10_000)
    agent = page.locator(".talk-line.is-agent", has_text="can't take that from the keypad")
    expect(agent.first).to_be_visible(timeout=30_000)

    page.get_by_role("button", name="Mute").click()  # a muted microphone presses keys all the same
    pad.get_by_role("button", name="1", exact=True).focus()
    page.keyboard.type("12#")
    expect(callers.nth(1)).to_contain_text("Pressed 1 2 #", timeout=15_000)
    page.get_by_role("textbox", name="First words").press_sequentially("7")  # is typed, not dialled
    page.wait_for_timeout(1_000)
    expect(callers).to_have_count(2)

    watcher = context.new_page()
    watcher.goto(f"{parley.url}/calls/")
    watcher.locator(".call-row a").first.click()
    expect(watcher.locator(".turn.is-caller").first).to_contain_text("Pressed 4 0 7 #", timeout=15_000)
    expect(status(page)).to_have_text(re.compile("Listening to you"), timeout=30_000)
    before = page.evaluate(RECEIVED)["energy"]
    watcher.get_by_role("link", name="Press keys").click()
    keys = watcher.get_by_role("dialog").get_by_label("Keys")
    keys.fill("12x")
    watcher.get_by_role("button", name="Press", exact=True).click()
    expect(watcher.get_by_text("There is no key “X”")).to_be_visible()
    keys.fill("5 5 #")
    watcher.get_by_role("button", name="Press", exact=True).click()
    expect(watcher.get_by_text("The agent presses 5 5 #")).to_be_visible()
    page.wait_for_function(
        f"async (before) => (await ({RECEIVED})()).energy > before + 0.0005", arg=before, timeout=20_000
    )
    page.get_by_role("button", name="Hang up").click()
    expect(pad).to_be_hidden()
    expect(watcher.locator(".call-line")).to_contain_text("The caller hung up", timeout=20_000)
    expect(watcher.get_by_role("link", name="Press keys")).to_have_count(0)
    watcher.get_by_text(re.compile(r"\d+ events")).click()
    for words in ("The caller pressed 4 0 7 #", "The caller pressed 1 2 #", "The agent pressed 5 5 #"):
        expect(watcher.locator(".events")).to_contain_text(words)
