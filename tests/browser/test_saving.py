"""Nothing that was typed is lost: by a server that is away, by being signed out, by other settings, by resetting and restoring."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from accounts.models import User
from tests.browser.people import link_for, section

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]

SAVES = re.compile("/draft/")


def last_words(page: Page) -> Any:
    return page.get_by_role("textbox", name="Last words")


def status(page: Page) -> Any:
    return page.locator("#save-status")


def test_while_the_server_is_away_the_page_says_so_and_saves_when_it_is_back(page: Page) -> None:
    page.route(SAVES, lambda route: route.abort())
    last_words(page).fill("See you soon.")
    expect(status(page)).to_contain_text("Not saved: the server can't be reached")
    expect(page.get_by_text("Draft saved")).to_be_hidden()
    page.unroute(SAVES)
    expect(page.get_by_text("Draft saved")).to_be_visible(timeout=10_000)
    page.reload()
    expect(last_words(page)).to_have_value("See you soon.")


def test_a_server_that_fails_is_asked_again_at_a_press(page: Page) -> None:
    page.route(SAVES, lambda route: route.fulfill(status=500, body="broken"))
    last_words(page).fill("See you soon.")
    expect(status(page)).to_contain_text("Not saved: the server failed at it")
    page.unroute(SAVES)
    page.get_by_role("button", name="Try now").press("Enter")
    expect(page.get_by_text("Draft saved")).to_be_visible(timeout=1_500)


def test_a_save_that_takes_its_time_says_that_it_is_going_on(page: Page) -> None:
    held: list[Route] = []
    page.route(SAVES, lambda route: held.append(route))
    last_words(page).fill("See you soon.")
    expect(status(page)).to_contain_text("Saving …")
    held[0].continue_()
    expect(page.get_by_text("Draft saved")).to_be_visible()
    expect(status(page)).not_to_contain_text("Saving")


def test_who_is_signed_out_while_typing_signs_in_beside_and_loses_nothing(page: Page, site: str) -> None:
    page.context.clear_cookies(name="sessionid")
    last_words(page).fill("See you soon.")
    expect(status(page)).to_contain_text("Not saved: you were signed out")
    with page.expect_popup() as opened:
        status(page).get_by_role("link", name="Sign in in a new tab").click()
    beside = opened.value
    expect(beside.get_by_role("heading", name="Sign in")).to_be_visible()
    beside.goto(link_for(User.objects.get(email="olivia@example.com"), site))
    beside.get_by_role("button", name="Sign in").press("Enter")
    expect(beside.get_by_role("heading", name="Home")).to_be_visible()
    beside.close()
    page.bring_to_front()
    page.evaluate("dispatchEvent(new Event('focus'))")  # a browser without a window has none to give
    expect(page.get_by_text("Draft saved")).to_be_visible()
    page.reload()
    expect(last_words(page)).to_have_value("See you soon.")


def test_signing_in_again_elsewhere_leaves_an_open_page_working(page: Page) -> None:
    token = next(cookie for cookie in page.context.cookies() if cookie["name"] == "csrftoken")
    page.context.add_cookies([{**token, "value": "n" * 32}])  # type: ignore[typeddict-item]
    last_words(page).fill("See you soon.")
    expect(page.locator("#state-says-goodbye")).to_contain_text("Changed")
    page.get_by_role("button", name="Publish").click()
    page.get_by_role("dialog").get_by_role("button", name="Publish").click()
    expect(page.get_by_role("main")).to_contain_text("is live")


def test_a_mistake_in_another_section_is_not_forgotten(page: Page) -> None:
    section(page, "listens")
    page.locator("#id_listens-endpointing_ms").fill("5")
    expect(status(page)).to_contain_text("1 setting is not saved yet")
    section(page, "says")
    last_words(page).fill("See you soon.")
    expect(page.locator("#state-says-goodbye")).to_contain_text("Changed")
    expect(status(page)).to_contain_text("1 setting is not saved yet")
    page.get_by_role("button", name="Publish").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("1 setting on this page is not right yet")
    dialog.get_by_role("button", name="Correct it").click()
    expect(page.locator("#id_listens-endpointing_ms")).to_be_focused()


def test_a_wrong_row_stays_marked_when_another_section_is_saved(page: Page) -> None:
    section(page, "does")
    page.get_by_role("button", name="Add a question").click()
    row = page.locator("[data-section=does] [data-rows] > [data-row]").last
    row.get_by_label("Question", exact=True).fill("Which branch?")
    row.get_by_label("Name in the call's data").fill("branch")
    row.get_by_label("Type").select_option("choice")
    expect(row.get_by_label("Choices")).to_have_attribute("aria-invalid", "true")
    section(page, "says")
    last_words(page).fill("See you soon.")
    expect(page.get_by_text("Default: Thank you for calling. Goodbye!")).to_be_visible()
    section(page, "does")
    expect(row.get_by_label("Choices")).to_have_attribute("aria-invalid", "true")


def test_a_reset_touches_nothing_else(page: Page) -> None:
    section(page, "says")
    first = page.locator("#state-says-first_message")
    last_words(page).fill("Typed a moment ago.")
    first.get_by_role("button", name=re.compile("Reset")).click()
    expect(first).to_contain_text("Back to its default")
    expect(last_words(page)).to_have_value("Typed a moment ago.")
    expect(page.locator("#state-says-goodbye")).to_contain_text("Changed")
    section(page, "listens")
    page.locator("#id_listens-endpointing_ms").fill("5")
    expect(status(page)).to_contain_text("1 setting is not saved yet")
    page.locator("[data-section=listens] details.expert-settings summary").first.click()
    page.locator("[data-knob=keywords] textarea").fill("Invisalign\nveneers\nretainer\nbraces")
    state = page.locator("#state-listens-keywords")
    expect(state).to_contain_text("Changed")
    state.get_by_role("button", name=re.compile("Reset")).click()
    expect(state).to_contain_text("Back to its default")
    expect(page.locator("#id_listens-endpointing_ms")).to_have_value("5")
    expect(status(page)).to_contain_text("1 setting is not saved yet")


def test_a_reset_can_be_undone(page: Page) -> None:
    prompt = page.get_by_role("textbox", name="What should the agent do?")
    words = prompt.input_value()
    assert len(words) > 500
    state = page.locator("#state-says-prompt")
    state.get_by_role("button", name=re.compile("Reset")).press("Enter")
    expect(prompt).to_have_value("")
    state.get_by_role("button", name=re.compile("Undo")).press("Enter")
    expect(prompt).to_have_value(words)
    expect(prompt).to_be_focused()
    page.reload()
    expect(prompt).to_have_value(words)


def test_a_mistake_is_put_back_at_a_press(page: Page) -> None:
    section(page, "limits")
    longest = page.locator("#id_limits-max_duration_s")
    before = longest.input_value()
    longest.fill("0")
    state = page.locator("#state-limits-max_duration_s")
    expect(state).to_contain_text("Default: 600 s")
    state.get_by_role("button", name=re.compile("Reset")).click()
    expect(longest).to_have_value(before)
    expect(status(page)).not_to_contain_text("not saved")


def test_publishing_shows_what_was_typed_just_before(page: Page) -> None:
    last_words(page).fill("The very last change.")
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_role("dialog")).to_contain_text("The very last change.")


def test_a_list_that_is_asked_for_signed_out_leads_to_signing_in_and_back(page: Page, site: str) -> None:
    page.goto(f"{site}/calls/")
    page.context.clear_cookies(name="sessionid")
    page.get_by_label("Search").fill("cleaning")
    page.wait_for_url(re.compile(r"/accounts/login/\?next=/calls/"))


def test_a_version_is_restored_and_the_draft_brought_back(page: Page) -> None:
    editor = page.url
    with page.expect_response(SAVES):
        last_words(page).fill("Not published yet.")
    expect(page.get_by_text("Draft saved")).to_be_visible()
    page.get_by_role("button", name="More to do with this agent").click()
    page.get_by_role("link", name="Versions").click()
    page.get_by_role("button", name="Restore to draft version 1").click()
    expect(page.get_by_role("main")).to_contain_text("The draft is now what version 1 was")
    expect(last_words(page)).not_to_have_value("Not published yet.")
    page.get_by_role("button", name="Undo").press("Enter")
    expect(page.get_by_role("main")).to_contain_text("The draft is as it was before")
    assert page.url.startswith(editor.partition("?")[0])
    expect(last_words(page)).to_have_value("Not published yet.")
