"""The editor as a person uses it: typing saves, mistakes are told, nothing is lost, publishing shows what changes."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.people import changes, section
from tests.browser.screens import Findings, inspect

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]


def test_typing_saves_itself_and_survives_a_reload(page: Page) -> None:
    before = changes(page)
    page.get_by_role("textbox", name="First words").fill("Good morning, Bright Smile Dental!")
    expect(page.locator("#save-status")).to_contain_text(f"{before + 1} changes")
    page.reload()
    expect(page.get_by_role("textbox", name="First words")).to_have_value("Good morning, Bright Smile Dental!")


def test_a_mistake_is_told_where_it_is_and_mended(page: Page) -> None:
    section(page, "listens")
    pause = page.locator("#id_listens-endpointing_ms")
    pause.fill("5")
    state = page.locator("#state-listens-endpointing_ms")
    expect(state).to_contain_text("Use a number from 100 to 3,000")
    expect(pause).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#save-status")).to_contain_text("1 setting is not saved yet")
    pause.fill("900")
    expect(state).to_contain_text("Changed. Default: 500 ms")
    expect(pause).not_to_have_attribute("aria-invalid", "true")
    state.get_by_role("button").click()
    expect(page.locator("#id_listens-endpointing_ms")).to_have_value("500")
    expect(page.locator("#toasts")).to_contain_text("back to its default")


def test_questions_are_added_checked_moved_removed_and_brought_back(page: Page) -> None:
    section(page, "does")
    rows = page.locator("[data-section=does] [data-rows] > [data-row]")
    count = rows.count()
    page.get_by_role("button", name="Add a question").click()
    row = rows.last
    row.get_by_label("Question", exact=True).fill("Which branch?")
    row.get_by_label("Name in the call's data").fill("Branch name")
    row.get_by_label("Type").focus()
    expect(row.get_by_label("Name in the call's data")).to_have_value("branch_name")
    row.get_by_label("Type").select_option("choice")
    expect(page.locator("#state-does-collect")).to_contain_text("give at least two answers to choose from")
    row.get_by_label("Choices").fill("North\nSouth")
    expect(page.locator("#state-does-collect")).not_to_contain_text("Not saved")
    row.get_by_role("button", name="Move this question up").click()
    expect(rows.nth(count - 1).get_by_label("Question", exact=True)).to_have_value("Which branch?")
    rows.first.get_by_role("button", name="Remove this question").click()
    expect(rows).to_have_count(count)
    page.get_by_role("button", name="Undo").click()
    expect(rows).to_have_count(count + 1)
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(1_000)
    page.reload()
    expect(rows).to_have_count(count + 1)


def test_a_menu_shows_its_keys_once_it_has_words_and_each_key_asks_only_for_what_it_needs(page: Page) -> None:
    section(page, "does")
    add = page.get_by_role("button", name="Add a key")
    expect(add).to_be_hidden()
    page.locator("#id_does-menu_words").fill("Press 1 for opening hours, 0 for a person.")
    add.click()
    row = page.get_by_role("group", name="Key 1 of 1")
    words, target = row.get_by_label("Words or question"), row.get_by_label("To", exact=True)
    expect(words).to_be_visible()
    expect(target).to_be_hidden()
    row.get_by_label("What happens").select_option("transfer")
    expect(target).to_be_visible()
    expect(words).to_be_hidden()
    row.get_by_label("What happens").select_option("say")
    row.get_by_label("Key", exact=True).fill("1")
    words.fill("We are open from 8 to 5.")
    page.keyboard.press("Tab")
    expect(page.locator("#state-does-menu")).not_to_contain_text("Not saved")
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(1_000)
    page.reload()
    expect(row.get_by_label("Words or question")).to_have_value("We are open from 8 to 5.")


def test_a_destination_asks_only_for_what_leads_there(page: Page) -> None:
    section(page, "does")
    page.get_by_role("button", name="Add a destination").click()
    row = page.get_by_role("group", name="Destination 1 of 1")
    address, agent = row.get_by_label("Number or address"), row.get_by_label("Agent", exact=True)
    expect(address).to_be_visible()
    expect(agent).to_be_hidden()
    row.get_by_label("Where to").select_option("agent")
    expect(agent).to_be_visible()
    expect(address).to_be_hidden()


def test_a_warm_destination_asks_what_the_other_side_hears_and_keeps_it(page: Page) -> None:
    section(page, "does")
    page.get_by_role("button", name="Add a destination").click()
    row = page.get_by_role("group", name="Destination 1 of 1")
    words = row.get_by_label("Words for the other side")
    expect(words).to_be_hidden()
    row.get_by_label("Name", exact=True).fill("Desk")
    row.get_by_label("Number or address").fill("+14155550142")
    row.get_by_label("How", exact=True).select_option("warm")
    expect(words).to_be_visible()
    expect(row.get_by_text("With neither the agent says that it can't")).to_be_visible()
    words.fill("{{name}} for you.")
    row.get_by_label("What they hear").select_option("summary")
    row.get_by_label("Ring for").fill("15")
    row.get_by_text("They may decline").click()
    page.get_by_label("Bright music").check()
    expect(page.locator("#state-does-hold_music")).to_contain_text("Changed. Default: Calm music")
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(1_200)
    page.reload()
    section(page, "does")
    expect(words).to_have_value("{{name}} for you.")
    expect(row.get_by_label("Ring for")).to_have_value("15")
    expect(row.get_by_label("They may decline")).not_to_be_checked()
    expect(page.get_by_label("Bright music")).to_be_checked()
    found = Findings("warm destination")
    inspect(page, found)
    assert found.problems == []


def test_any_setting_is_found(page: Page) -> None:
    search = page.get_by_label("Find a setting")
    search.fill("creativity")
    expect(page.locator("[data-knob=temperature]")).to_be_visible()
    expect(page.locator("[data-knob=prompt]")).to_be_hidden()
    search.fill("no such thing")
    expect(page.locator("[data-search-nothing]")).to_be_visible()
    search.fill("")
    expect(page.locator("[data-knob=prompt]")).to_be_visible()


def test_two_editors_lose_nothing(page: Page) -> None:
    other = page.context.new_page()
    other.goto(page.url)
    expect(other.locator("#editor")).to_have_attribute("data-live", "editor")
    other.get_by_role("textbox", name="Last words").fill("See you soon.")
    expect(other.locator("#state-says-goodbye")).to_contain_text("Changed")
    other.wait_for_timeout(1_200)
    page.get_by_role("textbox", name="First words").fill("Mine")
    expect(page.locator("#save-status")).to_contain_text("Somebody else changed this draft")
    page.get_by_role("button", name="Keep mine").click()
    expect(page.get_by_role("textbox", name="Last words")).to_have_value("See you soon.")
    expect(page.get_by_role("textbox", name="First words")).to_have_value("Mine")


def test_publishing_shows_the_changes_and_passes_axe(page: Page) -> None:
    page.get_by_role("button", name="Publish").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Speed of speech")
    page.wait_for_timeout(500)
    found = Findings("publish dialog")
    inspect(page, found)
    assert not found.problems
    dialog.get_by_label("Note").fill("Faster")
    dialog.get_by_role("button", name="Publish").click()
    expect(page.get_by_role("main")).to_contain_text("Version 3 is live")
    expect(page.locator("#save-status")).to_contain_text("nothing to publish")


def test_a_warning_leads_to_its_setting(page: Page) -> None:
    page.get_by_role("textbox", name="What should the agent do?").fill("")
    expect(page.locator("#state-says-prompt")).not_to_contain_text("Changed")
    section(page, "privacy")
    page.get_by_role("button", name="Publish").click()
    page.get_by_role("dialog").get_by_role("link", name="Go there").last.click()
    expect(page.get_by_role("textbox", name="What should the agent do?")).to_be_focused()


def test_the_menu_works_by_keyboard(page: Page) -> None:
    more = page.get_by_role("button", name="More to do with this agent")
    more.focus()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("link", name="Versions")).to_be_focused()
    page.keyboard.press("Escape")
    expect(more).to_be_focused()
    expect(page.get_by_role("link", name="Versions")).to_be_hidden()


def test_the_theme_is_kept(page: Page) -> None:
    page.get_by_role("button", name="Your account").click()
    page.get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")


def test_a_mistake_out_of_sight_is_a_press_away(page: Page) -> None:
    section(page, "listens")
    pause = page.locator("#id_listens-endpointing_ms")
    pause.fill("5")
    expect(page.locator("#save-status")).to_contain_text("1 setting is not saved yet")
    section(page, "privacy")
    page.get_by_role("button", name="Correct it").press("Enter")
    expect(pause).to_be_focused()
    expect(pause).to_have_value("5")


def test_a_reset_leaves_the_section_and_the_focus_where_they_were(page: Page) -> None:
    section(page, "listens")
    expert = page.locator("[data-section=listens] details.expert-settings")
    expert.locator("summary").first.press("Enter")
    knob = expert.locator("[data-knob=keywords]")
    control = knob.locator("textarea")
    control.fill("Invisalign")
    knob.get_by_role("button", name=re.compile("Reset")).press("Enter")
    expect(control).to_have_value("")  # what an agent has of whom nobody has said anything, which the demo agent isn't
    expect(control).to_be_focused()
    expect(control).to_be_visible()


def test_dialogs_and_rows_keep_the_keyboards_place(page: Page) -> None:
    more = page.get_by_role("button", name="More to do with this agent")
    more.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("button", name="Rename")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog").get_by_label("Name")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(more).to_be_focused()

    section(page, "does")
    rows = page.locator("[data-section=does] [data-rows] > [data-row]")
    count = rows.count()
    expect(page.get_by_role("group", name=f"Question 1 of {count}")).to_be_visible()
    page.get_by_role("button", name="Add a question").press("Enter")
    expect(
        page.get_by_role("group", name=f"Question {count + 1} of {count + 1}").get_by_label("Question", exact=True)
    ).to_be_focused()
    rows.last.get_by_role("button", name="Move this question up").press("Enter")
    expect(
        page.get_by_role("group", name=f"Question {count} of {count + 1}").get_by_role(
            "button", name="Move this question up"
        )
    ).to_be_focused()
    rows.first.get_by_role("button", name="Remove this question").press("Enter")
    expect(rows.first.get_by_role("button", name="Remove this question")).to_be_focused()
    page.get_by_role("button", name="Undo").press("Enter")
    expect(rows.first.get_by_role("button", name="Remove this question")).to_be_focused()
    expect(rows).to_have_count(count + 1)


def test_on_a_phone_what_sticks_leaves_room_for_the_form(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 780})
    page.mouse.wheel(0, 2_000)
    page.wait_for_timeout(300)
    stuck = page.evaluate(
        "Math.max(...['.topbar', '.editor-head'].map(each => document.querySelector(each).getBoundingClientRect().bottom))"
    )
    assert stuck <= 90
    for name in ("Publish", "More to do with this agent"):
        expect(page.get_by_role("button", name=name)).to_be_in_viewport()
    expect(page.locator("a[href='#talk']")).to_be_in_viewport()


def test_where_no_call_worker_runs_talk_says_so_and_leads_to_the_systems_health(page: Page) -> None:
    page.evaluate(
        "navigator.mediaDevices.getUserMedia = async () => new AudioContext().createMediaStreamDestination().stream"
    )
    page.get_by_role("button", name="Talk", exact=True).press("Enter")
    alert = page.locator(".talk-problem")
    expect(alert).to_contain_text("On Parley's side", timeout=20_000)
    expect(page.locator(".talk [data-part=status]")).to_have_text(re.compile("Ready|Call ended"))
    expect(page.get_by_role("button", name=re.compile("^Talk"))).to_be_focused()
    alert.get_by_role("link", name="Open System health").press("Enter")
    expect(page.get_by_role("heading", name="System health", level=1)).to_be_visible()


def test_a_voice_that_cannot_be_played_says_why(page: Page) -> None:
    section(page, "sounds")
    page.locator("#id_sounds-voice").select_option("openai_realtime/marin")
    page.get_by_role("button", name="Play the voice").or_(page.get_by_role("button", name="the voice")).first.click()
    expect(page.locator("#toasts")).to_contain_text("belongs to the speech-to-speech model")
