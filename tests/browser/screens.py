"""Every page of the dashboard as a picture, at desktop and phone width, light and dark, and what a browser finds wrong with it.

    python -m tests.browser.screens http://127.0.0.1:8000/sign-in/…/ --to pictures/

signs in by the one-time link that `make up` or `manage.py signin_link` prints, visits every page it knows or finds, and fails
on errors in the console, on what the content security policy refuses, on pages wider than the screen, on broken requests and on
whatever axe finds. ``test_pages.py`` runs the same in the tests.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent.parent
AXE = ROOT / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
CHROMIUM = "/usr/bin/chromium"
WIDTHS = {"desktop": (1440, 900), "phone": (360, 780)}
THEMES = ("light", "dark")
AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
COLOUR_RULES = ("color-contrast", "link-in-text-block")
"""What another theme can break on a page that was looked at in one."""
AXE_RUN = """wanted => axe.run(document, {runOnly: wanted, preload: false, resultTypes: ["violations"]})
  .then(found => found.violations)"""
"""What is fine is neither written up nor sent: that takes longer than to find it."""
SCRIPT_LIMIT_BYTES = 150_000
"""Of one page, as the browser has to read it: before compression."""
SCRIPT_BYTES = """() => performance.getEntriesByType("resource").filter(each => /\\.js($|\\?)/.test(each.name))
  .reduce((sum, each) => sum + each.decodedBodySize, 0)"""

PAGES = (
    "/",
    "/agents/",
    "/agents/?archived",
    "/agents/new/",
    "/calls/",
    "/calls/new/",
    "/numbers/",
    "/numbers/trunks/new/",
    "/numbers/trunks/new/?preset=own",
    "/numbers/trunks/new/?preset=3cx",
    "/organization/members/",
    "/organization/credentials/",
    "/organization/settings/",
    "/organization/limits/",
    "/organization/limits/?number=%2B18765550123",
    "/organization/do-not-call/",
    "/texts/",
    "/campaigns/",
    "/campaigns/new/",
    "/developers/keys/",
    "/api/v1/docs",
    "/health/",
    "/account/",
    "/accounts/password/change/",
    "/accounts/email/",
    "/accounts/2fa/",
    "/accounts/logout/",
    "/nothing-is-here/",
)
SAME_FOR_ALL = (
    "/agents/new/",
    "/numbers/trunks/new/",
    "/numbers/trunks/new/?preset=own",
    "/numbers/trunks/new/?preset=3cx",
    "/organization/settings/",
    "/organization/limits/",
    "/organization/limits/?number=%2B18765550123",
    "/campaigns/new/",
    "/api/v1/docs",
    "/account/",
    "/accounts/password/change/",
    "/accounts/email/",
    "/accounts/2fa/",
    "/accounts/logout/",
    "/nothing-is-here/",
)
"""They don't say what an organization has yet: seen in one they needn't be looked at in another."""
SIGNED_OUT = (
    "/api/v1/docs",
    "/accounts/login/",
    "/accounts/signup/",
    "/accounts/password/reset/",
    "/sign-in/used/",
    "/invitations/gone/",
)
SECTIONS = ("says", "sounds", "knows", "does", "listens", "limits", "privacy")


@dataclass
class Findings:
    """What a browser said while it was on a page; empty is good."""

    page: str
    problems: list[str] = field(default_factory=list)

    def add(self, problem: str) -> None:
        if problem not in self.problems:
            self.problems.append(problem)


@contextmanager
def chromium(headless: bool = True) -> Iterator[Browser]:
    arguments = ["--no-sandbox", "--disable-background-networking"]
    with sync_playwright() as playwright:
        path = CHROMIUM if Path(CHROMIUM).exists() else None
        browser = playwright.chromium.launch(executable_path=path, headless=headless, args=arguments)
        try:
            yield browser
        finally:
            browser.close()


def context_for(browser: Browser, width: str, theme: str, state: str | None = None) -> BrowserContext:
    wide, high = WIDTHS[width]
    return browser.new_context(
        viewport={"width": wide, "height": high},
        color_scheme=theme,  # type: ignore[arg-type]
        is_mobile=width == "phone",
        has_touch=width == "phone",
        reduced_motion="reduce",
        storage_state=state,
    )


def look(
    page: Page,
    url: str,
    to: Path | None = None,
    expect: Sequence[int] = (200,),
    themes: Sequence[str] = THEMES,
) -> Findings:
    """Visit one page and say what is wrong with it. ``to`` is where its pictures go, one a theme."""
    found = Findings(urlsplit(url).path + (f"?{urlsplit(url).query}" if urlsplit(url).query else ""))

    def heard(message: object) -> None:
        kind, text = getattr(message, "type", ""), getattr(message, "text", "")
        if kind == "error" and "the server responded with a status of 4" not in text:
            found.add(f"console: {text}")

    def answered(response: object) -> None:
        request = response.request
        if response.status >= 400 and request.resource_type != "document":
            found.add(f"{response.status} for {request.url}")

    def failed(error: object) -> None:
        found.add(f"script error: {error}")

    page.on("console", heard)
    page.on("pageerror", failed)
    page.on("response", answered)
    try:
        page.emulate_media(color_scheme=themes[0])  # type: ignore[arg-type]
        response = page.goto(url, wait_until="load")
        page.wait_for_timeout(250)
        if response is not None and response.status not in expect:
            found.add(f"answered {response.status}")
        total = page.evaluate(SCRIPT_BYTES)
        if total > SCRIPT_LIMIT_BYTES:
            found.add(f"{total:,} bytes of script")
        for theme in themes:
            page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
            inspect(page, found, theme, () if theme == themes[0] else COLOUR_RULES)
            if to is not None:
                shoot(page, to.with_name(f"{to.name}-{theme}.png"))
    finally:
        page.remove_listener("console", heard)
        page.remove_listener("pageerror", failed)
        page.remove_listener("response", answered)
    return found


def shoot(page: Page, to: Path) -> None:
    """The whole page in one picture. The window is made as tall as the page first: what sticks would be painted in halves."""
    to.parent.mkdir(parents=True, exist_ok=True)
    size = page.viewport_size
    assert size is not None
    high = page.evaluate("document.documentElement.scrollHeight")
    page.set_viewport_size({"width": size["width"], "height": min(max(high, size["height"]), 6_000)})
    page.wait_for_timeout(100)
    page.screenshot(path=to)
    page.set_viewport_size(size)


def inspect(page: Page, found: Findings, theme: str = "", only: Sequence[str] = ()) -> None:
    """Overflow and accessibility of what is on the screen now. ``only``: just these of axe's rules."""
    overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    if overflow > 1:
        found.add(f"{overflow} px wider than the screen")
    if AXE.exists():
        if not page.evaluate("'axe' in window"):
            # Injected by the debugger, which the page's content security policy does not bind.
            page.evaluate(AXE.read_text())
        # Without preload: it copies style sheets into a document of its own, which the policy refuses, for one rule about
        # style sheets that lock the orientation; we have none.
        wanted = {"type": "rule", "values": list(only)} if only else {"type": "tag", "values": AXE_TAGS}
        for violation in page.evaluate(AXE_RUN, wanted):
            where = "; ".join(str(node["target"][0])[:90] for node in violation["nodes"][:3])
            kind = " ".join(("axe", theme, violation["id"])).replace("  ", " ")
            found.add(f"{kind} ({violation['impact']}): {violation['help']} at {where}")


def look_here(page: Page, name: str, to: Path | None = None) -> Findings:
    """What is wrong with what is on the screen now, at every width in every theme: for pages one gets to only by doing something."""
    found, size = Findings(name), page.viewport_size
    assert size is not None
    for width, (wide, high) in WIDTHS.items():
        page.set_viewport_size({"width": wide, "height": high})
        for theme in THEMES:
            page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
            inspect(page, found, f"{width} {theme}", () if theme == THEMES[0] else COLOUR_RULES)
            if to is not None:
                shoot(page, to / f"{name_of(name)}--{width}-{theme}.png")
    page.set_viewport_size(size)
    return found


def name_of(path: str) -> str:
    path = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "id", path)
    return re.sub(r"[^a-z0-9]+", "-", path.lower()).strip("-") or "home"


def sign_in(browser: Browser, link: str) -> str:
    """The browser's state after the one-time link, as JSON for ``new_context``."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(link)
    with page.expect_navigation():
        page.get_by_role("button", name="Sign in").press("Enter")
    if "/sign-in/" in page.url or "/accounts/login" in page.url:
        raise SystemExit(f"The link did not sign in; it led to {page.url}.")
    state = context.storage_state()
    context.close()
    return state  # type: ignore[return-value]


def pages_of(page: Page, origin: str) -> list[str]:
    """The pages everybody has, and those of the first agent, the first call and the first campaign there is."""
    paths = list(PAGES)
    page.goto(f"{origin}/agents/")
    agent = page.locator("a.agent-name").first
    if agent.count():
        path = str(agent.get_attribute("href"))
        paths += [f"{path}?section={section}" for section in SECTIONS]
        paths += [f"{path}versions/", f"{path}versions/compare/?from=1&to=draft"]
    page.goto(f"{origin}/calls/")
    call = page.locator('tbody a[href^="/calls/"]').first
    if call.count():
        paths.append(str(call.get_attribute("href")))
    by_sip = page.locator("tbody tr", has_text="+14155550177").locator('a[href^="/calls/"]').first
    if by_sip.count():
        path = str(by_sip.get_attribute("href"))
        paths += [path, f"{path}trace/"]
    page.goto(f"{origin}/texts/")
    conversation = page.locator('tbody a[href^="/texts/"]').last
    if conversation.count():
        paths.append(str(conversation.get_attribute("href")))
    page.goto(f"{origin}/numbers/")
    number = page.locator('tbody a[href^="/numbers/"]:not([href*="/trunks/"])').first
    if number.count():
        paths.append(str(number.get_attribute("href")))
    trunk = page.locator("#trunks tbody a").last
    if trunk.count():
        path = str(trunk.get_attribute("href"))
        paths += [path, f"{path}edit/", f"{path}trace/"]
    page.goto(f"{origin}/campaigns/")
    campaign = page.locator('tbody a[href^="/campaigns/"]').first
    if campaign.count():
        paths.append(str(campaign.get_attribute("href")))
        page.goto(f"{origin}{paths[-1]}")
        columns = page.locator('main a[href*="/lists/"]').first
        if columns.count():
            paths.append(str(columns.get_attribute("href")))
    return paths


def walk(
    browser: Browser,
    origin: str,
    state: str | None,
    paths: Sequence[str],
    to: Path | None,
    prefix: str = "",
    widths: Sequence[str] = tuple(WIDTHS),
    themes: Sequence[str] = THEMES,
) -> list[Findings]:
    """Every page at every width in every theme. A page is loaded once a width: the theme changes under it."""
    findings = []
    for width in widths:
        context = context_for(browser, width, themes[0], state)
        page = context.new_page()
        for path in paths:
            picture = to / f"{prefix}{name_of(path)}--{width}" if to else None
            expect = (404, 410) if path in ("/nothing-is-here/", "/sign-in/used/", "/invitations/gone/") else (200,)
            found = look(page, origin + path, picture, expect, themes)
            found.page = f"{found.page} ({width})"
            if found.problems:
                findings.append(found)
        context.close()
    return findings


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("link", help="a one-time sign-in link")
    parser.add_argument("--to", type=Path, default=Path("test-results/screens"), help="folder of the pictures")
    parser.add_argument("--only", default="", help="only pages whose address matches this")
    arguments = parser.parse_args()
    parts = urlsplit(arguments.link)
    origin = f"{parts.scheme}://{parts.netloc}"
    with chromium() as browser:
        state = sign_in(browser, arguments.link)
        context = browser.new_context(storage_state=state)
        paths = [path for path in pages_of(context.new_page(), origin) if re.search(arguments.only, path)]
        context.close()
        findings = walk(browser, origin, state, paths, arguments.to)
        findings += walk(
            browser,
            origin,
            None,
            [path for path in SIGNED_OUT if re.search(arguments.only, path)],
            arguments.to,
            "out-",
        )
    for found in findings:
        print(found.page, *(f"    {problem}" for problem in found.problems), sep="\n")
    print(f"{len(findings)} pages with something wrong; pictures in {arguments.to}")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
