"""The product's main job in a real browser: sign in, make an agent, publish it, talk to it, interrupt it, look at the call."""

from __future__ import annotations

import os
import re
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soxr
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.platform_fixture import Platform
from tests.spoken import spoken

pytestmark = [
    pytest.mark.browser,
    pytest.mark.platform,
    pytest.mark.paced,
    pytest.mark.models,
    pytest.mark.timeout(400),
]

CHROMIUM = os.environ.get("CHROMIUM") or "/usr/bin/chromium"
PROMPT = """\
You are the front desk of Bright Smile Dental.
A cleaning costs 120 dollars and takes 45 minutes.
We are open Monday to Friday from eight in the morning to five in the afternoon, on Saturday from nine in the morning to one in \
the afternoon, on the last Thursday of every month until eight in the evening, and we are closed on Sundays and public holidays.
"""
# Each pause is longer than the answer takes, except before the last: that is where the caller interrupts.
STORY: tuple[float | str, ...] = (
    9.0,
    "How much is a cleaning?",
    11.0,
    "When are you open?",
    7.5,
    "Thank you and goodbye.",
    15.0,
)
MIC_HZ = 48_000

# Keeps hold of the page's connections, so that a test can read what Chromium says of the sound it received.
KEEP_CONNECTIONS = """
window.connections = [];
window.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(...args) { super(...args); window.connections.push(this); }
};
"""
RECEIVED = """async () => {
  let energy = 0, packets = 0;
  for (const connection of window.connections) for (const [, entry] of await connection.getStats()) {
    if (entry.type === "inbound-rtp") { energy += entry.totalAudioEnergy ?? 0; packets += entry.packetsReceived ?? 0; }
  }
  return {energy, packets};
}"""
FAKE_MICROPHONE = ("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream")


def microphone(parts: tuple[float | str, ...], to: Path) -> Path:
    """Spoken by Piper, with pauses in seconds."""
    pieces = []
    for part in parts:
        if isinstance(part, str):
            samples = np.frombuffer(spoken(part), "<i2").astype(np.float32)
            pieces.append(soxr.resample(samples, 16_000, MIC_HZ).astype("<i2"))
        else:
            pieces.append(np.zeros(int(part * MIC_HZ), "<i2"))
    with wave.open(str(to), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(MIC_HZ)
        file.writeframes(np.concatenate(pieces).tobytes())
    return to


@pytest.fixture
def chromium() -> Iterator[Callable[..., Browser]]:
    """``chromium("--flag", …)``: a browser; all are closed afterwards."""
    with sync_playwright() as playwright:
        yield lambda *flags: playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-background-networking", *flags]
        )


def signed_in(browser: Browser, link: str, **options: Any) -> tuple[BrowserContext, Page]:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, **options)
    context.add_init_script(KEEP_CONNECTIONS)
    page = context.new_page()
    page.goto(link)
    expect(page.get_by_role("button", name="Sign in")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Home", level=1)).to_be_visible()
    return context, page


def make_agent(page: Page, parley: Platform, name: str) -> None:
    """By typing, as a person does. Ends in its editor with everything saved."""
    page.goto(f"{parley.url}/agents/")
    page.get_by_role("link", name="New agent").first.click()
    page.get_by_label("Name", exact=False).first.fill(name)
    page.get_by_text("Blank", exact=True).click()
    page.get_by_role("button", name="Create agent").click()
    expect(page.get_by_role("heading", name=name, level=1)).to_be_visible()
    with page.expect_response(lambda answer: "/draft/says/" in answer.url and answer.request.method == "POST"):
        page.get_by_label("What should the agent do?").fill(PROMPT)
    expect(page.locator("#save-status")).to_contain_text("Draft saved")


def talk(page: Page) -> None:
    page.get_by_role("button", name="Talk", exact=True).click()


def status(page: Page) -> Any:
    return page.locator(".talk [data-part=status]")


def test_a_person_makes_an_agent_and_talks_to_it(chromium: Any, parley: Platform, tmp_path: Path) -> None:
    sound = microphone(STORY, tmp_path / "microphone.wav")
    browser = chromium(*FAKE_MICROPHONE, f"--use-file-for-fake-audio-capture={sound}%noloop")
    _, page = signed_in(browser, parley.link)
    broken: list[str] = []
    page.on("pageerror", lambda error: broken.append(str(error)))

    make_agent(page, parley, "Front desk by hand")
    page.get_by_role("button", name="Publish").click()
    page.get_by_role("dialog").get_by_role("button", name="Publish").click()
    expect(page.get_by_text("nothing to publish")).to_be_visible()

    # What is typed just before Talk counts: nobody waits for the draft to save itself.
    page.get_by_role("textbox", name="First words").fill("Good day, Bright Smile Dental.")
    talk(page)
    expect(status(page)).to_have_text(re.compile("Agent is speaking|Listening to you"), timeout=30_000)
    lines = page.locator(".talk-line")
    agent, caller = page.locator(".talk-line.is-agent"), page.locator(".talk-line.is-caller")
    expect(agent.first).to_contain_text("Good day, Bright Smile Dental.", timeout=20_000)
    before = page.evaluate(RECEIVED)

    expect(caller.first).to_contain_text(re.compile("cleaning", re.I), timeout=30_000)
    expect(agent.nth(1)).to_contain_text(re.compile(r"120|hundred"), timeout=30_000)
    expect(agent.nth(1).locator(".talk-wait-button")).to_contain_text(re.compile(r"\d"), timeout=30_000)
    heard = page.evaluate(RECEIVED)
    assert heard["packets"] > before["packets"] + 50
    assert heard["energy"] > before["energy"] + 0.001, "no speech in the received track"

    expect(caller.nth(1)).to_contain_text(re.compile("open", re.I), timeout=40_000)
    cut = page.locator(".talk-line.is-agent:has(del)")
    expect(cut).to_contain_text(re.compile("Monday", re.I), timeout=60_000)
    expect(cut.locator("del")).to_contain_text(re.compile("Sundays", re.I))
    expect(status(page)).to_have_text("Call ended", timeout=60_000)
    expect(page.locator("[data-part=ended-words]")).to_have_text("The caller said goodbye.")
    agent.nth(1).locator(".talk-wait-button").click()
    expect(agent.nth(1).locator(".waterfall-parts")).to_contain_text("Transcriber")
    assert lines.count() >= 5

    page.get_by_role("link", name="Open the call").click()
    expect(page.locator(".call-line")).to_contain_text("The caller said goodbye")
    expect(page.locator(".turn.is-caller").first).to_contain_text(re.compile("cleaning", re.I))
    expect(page.locator(".turn.is-agent del")).to_contain_text(re.compile("Sundays", re.I))
    listen(page)

    page.get_by_role("link", name="Calls").first.click()
    expect(page.locator(".call-row").first).to_contain_text("Front desk by hand")
    page.get_by_label("Search").fill("cleaning dollars")
    expect(page).to_have_url(re.compile("q=cleaning"))
    expect(page.locator(".call-row")).to_have_count(1)
    page.get_by_label("Search").fill("nobodysaidthis")
    expect(page.get_by_text("No call fits")).to_be_visible()
    assert broken == []


def listen(page: Page) -> None:
    """Play the recording: it runs, the transcript follows, a click on a turn leads, both sides are in it."""
    outline = page.request.get(page.url + "outline/").json()
    assert outline["duration"] > 20
    for side in outline["peaks"]:
        assert max(side) > 0.05
    page.get_by_role("button", name="Play", exact=True).click()
    expect(page.get_by_role("button", name="Pause", exact=True)).to_be_visible()
    expect(page.locator("[data-part=now]")).to_have_text(re.compile("0:0[2-9]"), timeout=15_000)
    expect(page.locator(".turn.is-playing")).to_have_count(1)
    last = page.locator(".turn").last
    last.locator(".turn-at").click()
    expect(last).to_have_class(re.compile("is-playing"))
    slider = page.get_by_role("slider", name="Position in the recording")
    slider.focus()
    slider.press("Space")
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
    slider.press("Home")
    expect(slider).to_have_attribute("aria-valuenow", "0")
    slider.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuenow", "5")


def test_the_call_goes_on_when_its_feed_is_lost(chromium: Any, parley: Platform, tmp_path: Path) -> None:
    sound = microphone((60.0,), tmp_path / "silence.wav")
    browser = chromium(*FAKE_MICROPHONE, f"--use-file-for-fake-audio-capture={sound}%noloop")
    context, page = signed_in(browser, parley.sign_in_link())
    feeds: list[Any] = []

    def refuse_after_the_first(feed: Any) -> None:
        feeds.append(feed)
        if len(feeds) == 1:
            feed.connect_to_server()
        else:
            feed.close(code=1011)

    context.route_web_socket(re.compile("/ws/calls/"), refuse_after_the_first)
    make_agent(page, parley, "Feed is lost")
    talk(page)
    expect(status(page)).to_have_text(re.compile("Agent is speaking|Listening to you"), timeout=30_000)
    feeds[0].close(code=1011)
    expect(page.get_by_text("The call goes on.")).to_be_visible()
    packets = page.evaluate(RECEIVED)["packets"]
    page.wait_for_timeout(2_000)
    assert (
        page.evaluate(RECEIVED)["packets"] > packets + 3
    )  # of an agent that is silent by now, Opus sends five in that time
    page.get_by_role("button", name="Mute").click()
    expect(page.get_by_role("button", name="Unmute")).to_have_attribute("aria-pressed", "true")
    expect(status(page)).to_contain_text("you are muted")
    page.get_by_text("Microphone and loudspeaker").click()
    expect(page.locator(".talk [data-part=input]")).to_be_visible()
    expect(page.get_by_role("button", name="Check my microphone")).to_be_hidden()  # it would close the call's own
    page.get_by_role("button", name="Hang up").click()
    expect(page.locator("[data-part=ended-words]")).to_have_text("You hung up.")
    expect(page.get_by_role("button", name="Talk again")).to_be_focused()
    page.get_by_role("link", name="Open the call").click()
    expect(page.locator(".call-line")).to_contain_text("The caller hung up", timeout=15_000)


def test_a_member_watches_a_call_and_ends_it(chromium: Any, parley: Platform, tmp_path: Path) -> None:
    sound = microphone((60.0,), tmp_path / "silence.wav")
    browser = chromium(*FAKE_MICROPHONE, f"--use-file-for-fake-audio-capture={sound}%noloop")
    context, page = signed_in(browser, parley.sign_in_link())
    make_agent(page, parley, "Watched")
    watcher = context.new_page()
    watcher.goto(f"{parley.url}/calls/")
    talk(page)
    expect(status(page)).to_have_text(re.compile("Agent is speaking|Listening to you"), timeout=30_000)
    row = watcher.locator(".call-row").first
    expect(row).to_contain_text("Watched", timeout=15_000)
    row.locator("a").click()
    expect(watcher.get_by_text("This call is still running.")).to_be_visible()
    expect(watcher.locator(".turn.is-agent").first).to_contain_text("Hello", timeout=15_000)
    watcher.get_by_role("button", name="Hang up").click()
    expect(page.locator("[data-part=ended-words]")).to_have_text("Somebody of your team ended it.", timeout=15_000)
    expect(watcher.locator(".call-line")).to_contain_text("Somebody of your team ended it", timeout=15_000)
    expect(watcher.get_by_role("button", name="Hang up")).to_have_count(0)


@pytest.mark.parametrize(
    ("flags", "permissions", "words"),
    [
        (
            ("--use-fake-device-for-media-stream", "--deny-permission-prompts"),
            [],
            "told not to let this page use the microphone",
        ),
        ((), ["microphone"], "No microphone was found."),
    ],
    ids=["a refused microphone", "no microphone"],
)
def test_a_microphone_that_cannot_be_used_says_what_to_do(
    chromium: Any, parley: Platform, flags: tuple[str, ...], permissions: list[str], words: str
) -> None:
    _, page = signed_in(chromium(*flags), parley.sign_in_link(), permissions=permissions)
    make_agent(page, parley, "No microphone")
    talk(page)
    alert = page.locator(".talk-problem")
    expect(alert).to_contain_text(words)
    expect(alert).to_contain_text("On your side")
    expect(alert).to_contain_text("press Talk again")
    expect(status(page)).to_have_text("Ready")


FOCUSED = """() => {
  const it = document.activeElement;
  const label = it.getAttribute("aria-label") ?? it.labels?.[0]?.textContent ?? it.textContent ?? "";
  return label.replace(/\\s+/g, " ").trim();
}"""


def reach(page: Page, name: str, key: str = "Tab") -> None:
    """Press Tab until what has this name has the focus, as one does who has no mouse; it must be seen where one is."""
    way = []
    for _ in range(90):
        page.keyboard.press(key)
        way.append(str(page.evaluate(FOCUSED)))
        if re.search(name, way[-1]):
            expect(page.locator(":focus")).to_be_in_viewport()
            return
    raise AssertionError(f"No way by {key} to {name!r}. It led by: {way}")


def test_the_whole_job_is_done_without_a_mouse(chromium: Any, parley: Platform, tmp_path: Path) -> None:
    sound = microphone((9.0, "How much is a cleaning?", 60.0), tmp_path / "microphone.wav")
    browser = chromium(*FAKE_MICROPHONE, f"--use-file-for-fake-audio-capture={sound}%noloop")
    _, page = signed_in(browser, parley.sign_in_link())

    page.keyboard.press("Tab")
    assert page.evaluate(FOCUSED) == "Skip to the content"
    reach(page, "^Agents$")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Agents", level=1)).to_be_visible()
    reach(page, "New agent")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog").get_by_label("Name")).to_be_focused()
    page.keyboard.type("By keyboard")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="By keyboard", level=1)).to_be_visible()

    reach(page, "What should the agent do")
    page.keyboard.type(
        "You are the front desk of Bright Smile Dental.\nA cleaning costs 120 dollars and takes 45 minutes."
    )
    reach(page, "^Publish$", "Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text("A cleaning costs 120 dollars")
    reach(page, "^Publish$")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Version 1 is live")).to_be_visible()

    reach(page, "^Talk$")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Hang up")).to_be_focused(timeout=30_000)
    expect(page.locator(".talk-line.is-agent").nth(1)).to_contain_text(re.compile("120|hundred"), timeout=60_000)
    page.keyboard.press("Enter")
    expect(page.locator("[data-part=ended-words]")).to_have_text("You hung up.")
    reach(page, "Open the call")
    page.keyboard.press("Enter")

    expect(page.locator(".call-line")).to_contain_text("The caller hung up", timeout=20_000)
    reach(page, "Position in the recording")
    page.keyboard.press("ArrowRight")
    slider = page.get_by_role("slider", name="Position in the recording")
    expect(slider).to_have_attribute("aria-valuenow", "5")
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Pause", exact=True)).to_be_visible()
    reach(page, "Play from 0:0")
    page.keyboard.press("Enter")
    expect(page.locator(".turn.is-playing")).to_have_count(1)
