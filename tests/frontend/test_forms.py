"""Every form that changes something is one that the server takes: it carries the token against requests of other pages.

Django's test client doesn't ask for the token, so a form without one works in every other test and in no browser.
"""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest

from agents import publish
from agents.demo_spec import DEMO_SPEC
from tests.frontend.test_agents import as_member


class Forms(HTMLParser):
    """The buttons that post, each with the form it belongs to; and the forms that hold a token."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.posting: list[tuple[str, str]] = []
        self.with_token: set[str] = set()
        self.by_htmx: set[str] = set()
        self.methods: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            key = given.get("id") or f"at {self.getpos()}"
            self.open.append(key)
            self.methods[key] = given.get("method", "get").lower()
            if (
                "hx-post" in given and "data-section-form" in given
            ):  # saved by script alone, which sends the token along
                self.by_htmx.add(key)
        own = given.get("form") or (self.open[-1] if self.open else "")
        if given.get("name") == "csrfmiddlewaretoken":
            self.with_token.add(own)
        if tag == "button" and given.get("type", "submit") == "submit" and own:
            self.posting.append((own, given.get("formmethod", "").lower()))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.open.pop()

    @property
    def refused(self) -> list[str]:
        return [
            form
            for form, method in self.posting
            if (method or self.methods.get(form)) == "post" and form not in self.with_token and form not in self.by_htmx
        ]


def test_the_check_itself_sees_what_is_missing() -> None:
    token = '<input type="hidden" name="csrfmiddlewaretoken">'
    assert Forms("<form method=post><button>x</button></form>").refused
    assert Forms("<form method=get><button formmethod=post>x</button></form>").refused
    assert Forms(
        f"<form id=a method=post>{token}</form><form id=b method=post></form><button form=b>x</button>"
    ).refused
    assert not Forms(f"<form id=a method=post>{token}</form><button form=a>x</button>").refused
    assert not Forms("<form method=get><button>x</button></form>").refused


@pytest.mark.django_db
def test_every_form_that_changes_something_carries_the_token(organization: Any, alice: Any, client_of: Any) -> None:
    agent = as_member(publish.create_agent, organization, "Reception", DEMO_SPEC)
    as_member(publish.publish, agent, alice)
    archived = as_member(publish.create_agent, organization, "Old", DEMO_SPEC)
    as_member(publish.archive, archived)
    browser = client_of(alice)
    pages = [
        "/", "/agents/", "/agents/?archived", "/agents/new/", "/calls/", "/organization/members/", "/organization/credentials/",
        "/organization/settings/", "/developers/keys/", "/account/", "/health/", "/accounts/email/", "/accounts/2fa/",
        "/accounts/password/change/", "/accounts/logout/",
        *(f"/agents/{agent.pk}/{page}" for page in ("", "versions/", "rename/", "delete/", "publish/")), f"/agents/{archived.pk}/",
    ]  # fmt: skip
    for path in pages:
        response = browser.get(path, follow=True)
        assert response.status_code == 200, path
        forms = Forms(response.content.decode())
        assert forms.posting, path
        assert not forms.refused, path
