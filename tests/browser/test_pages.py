"""Every page in a real Chromium, at desktop and phone width, light and dark: nothing in the console, nothing refused by the
content security policy, nothing wider than the screen, nothing that axe finds, and no more script than a page may have.

``PARLEY_PICTURES=folder`` keeps a picture of each."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.people import beginner, link_for, regular
from tests.browser.screens import SAME_FOR_ALL, SIGNED_OUT, WIDTHS, Findings, pages_of, sign_in, walk

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.timeout(600)]


def told(findings: list[Findings]) -> str:
    return "\n".join(f"{found.page}\n    " + "\n    ".join(found.problems) for found in findings)


@pytest.fixture
def owners_link(transactional_db: None, site: str) -> str:
    return link_for(regular(), site)


@pytest.fixture
def beginners_link(transactional_db: None, site: str) -> str:
    return link_for(beginner(), site)


@pytest.mark.parametrize("width", WIDTHS)
def test_pages_of_an_organization_at_work(
    owners_link: str, site: str, browser: Browser, pictures: Path | None, width: str
) -> None:
    state = sign_in(browser, owners_link)
    context = browser.new_context(storage_state=state)
    paths = pages_of(context.new_page(), site)
    context.close()
    assert any("?section=" in path for path in paths)
    assert any(path.startswith("/calls/") and len(path) > 20 for path in paths)
    findings = walk(browser, site, state, paths, pictures, widths=[width])
    assert not findings, told(findings)


def test_pages_of_an_organization_that_has_just_begun(
    beginners_link: str, site: str, browser: Browser, pictures: Path | None
) -> None:
    state = sign_in(browser, beginners_link)
    context = browser.new_context(storage_state=state)
    paths = pages_of(context.new_page(), site)
    context.close()
    paths = [path for path in paths if path not in SAME_FOR_ALL]
    findings = walk(browser, site, state, paths, pictures, "empty-", widths=["desktop"], themes=["light"])
    findings += walk(browser, site, state, paths, pictures, "empty-", widths=["phone"], themes=["dark"])
    assert not findings, told(findings)


def test_pages_of_who_is_not_signed_in(
    transactional_db: None, site: str, browser: Browser, pictures: Path | None
) -> None:
    findings = walk(browser, site, None, [path for path in SIGNED_OUT if path not in SAME_FOR_ALL], pictures, "out-")
    findings += walk(browser, site, None, ["/api/v1/docs"], pictures, "out-", widths=["phone"], themes=["dark"])
    assert not findings, told(findings)
