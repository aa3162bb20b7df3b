"""Who may see a view: owner, team mate, viewer, stranger, nobody. And whose organization it runs for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path

from accounts import members, tenancy
from accounts.auth import require
from accounts.models import Credential, Membership, Organization, User
from config import urls as configured

Browser = Callable[[Any], Client]


@require("editor")
def editors_room(request: Any) -> HttpResponse:
    assert tenancy.current() == request.organization.pk
    return HttpResponse(f"{request.organization} {request.membership.role} {Credential.objects.count()}")


@require("editor")
async def editors_async_room(request: Any) -> HttpResponse:
    return HttpResponse(f"{request.organization} {await Credential.objects.acount()}")


def anyones_room(request: HttpRequest) -> HttpResponse:
    return HttpResponse(str(tenancy.current()))


urlpatterns = [
    path("room/", editors_room),
    path("async-room/", editors_async_room),
    path("open/", anyones_room),
    *configured.urlpatterns,
]
handler403 = configured.handler403
pytestmark = pytest.mark.urls(__name__)


@pytest.mark.parametrize("room", ["/room/", "/async-room/"])
def test_owner_and_team_mate_enter_and_a_viewer_is_told_why_not(
    alice: User, bob: User, victor: User, organization: Organization, client_of: Browser, room: str
) -> None:
    assert client_of(alice).get(room).content.startswith(b"Bright Smiles")
    assert client_of(bob).get(room).content.startswith(b"Bright Smiles")
    refused = client_of(victor).get(room)
    assert refused.status_code == 403
    assert "Editor" in refused.content.decode()
    assert "Viewer" in refused.content.decode()


def test_a_stranger_enters_a_room_of_their_own(charlie: User, organization: Organization, client_of: Browser) -> None:
    with tenancy.use(organization):
        Credential.objects.create(organization=organization, name="k", provider="p", secret=b"s")
    response = client_of(charlie).get("/room/")
    assert response.content == b"Charlie &amp; Sons owner 0" or response.content == b"Charlie & Sons owner 0"


def test_nobody_is_sent_to_sign_in_and_back(db: None) -> None:
    response = Client().get("/room/?tab=2")
    assert response.url == "/accounts/login/?next=/room/%3Ftab%3D2"
    part = Client().get("/room/", headers={"HX-Request": "true"})
    assert (part.status_code, part["HX-Redirect"]) == (401, "/accounts/login/?next=/")


@pytest.mark.parametrize(
    ("page", "back"),
    [
        ("https://parley.example/calls/?q=tooth#top", "/calls/%3Fq%3Dtooth"),
        ("https://evil.example//evil.example/", "next=/"),
        ("nonsense", "next=/"),
    ],
)
def test_the_way_back_to_a_page_stays_on_this_site(db: None, page: str, back: str) -> None:
    part = Client().get("/room/", headers={"HX-Request": "true", "HX-Current-URL": page})
    assert part["HX-Redirect"].startswith("/accounts/login/?next=/")
    assert part["HX-Redirect"].endswith(back)


def test_what_was_typed_does_not_leave_with_the_page_of_who_was_signed_out(db: None) -> None:
    part = Client().post("/room/", {"words": "Hello"}, headers={"HX-Request": "true"})
    assert part.status_code == 401
    assert "HX-Redirect" not in part


def test_a_part_of_a_page_is_refused_in_a_sentence(
    victor: User, organization: Organization, client_of: Browser
) -> None:
    part = client_of(victor).post("/room/", headers={"HX-Request": "true"})
    assert (part.status_code, part["Content-Type"]) == (403, "text/plain; charset=utf-8")
    assert "“Editor”" in part.content.decode()
    assert "<" not in part.content.decode()


def test_who_was_taken_out_is_out_with_the_next_request(
    alice: User, bob: User, organization: Organization, client_of: Browser
) -> None:
    browser = client_of(bob)
    assert browser.get("/room/").status_code == 200
    with tenancy.use(organization):
        mine, his = (Membership.objects.select_related("user").get(user=user) for user in (alice, bob))
    members.remove(mine, his)
    response = browser.get("/room/")
    assert response.status_code == 403
    assert "no organization" in response.content.decode()


def test_the_view_runs_for_its_organization_and_nothing_after_it_does(
    alice: User, organization: Organization, client_of: Browser
) -> None:
    assert client_of(alice).get("/open/").content.decode() == str(organization.pk)
    assert tenancy.current() is None
    assert Client().get("/open/").content == b"None"


def test_switching_goes_to_ones_own_organizations_only(
    alice: User, charlie: User, organization: Organization, strangers_organization: Organization, client_of: Browser
) -> None:
    browser = client_of(alice)
    assert browser.post(f"/organization/switch/{strangers_organization.pk}/").status_code == 404
    assert browser.get("/room/").content.startswith(b"Bright Smiles")
    with tenancy.use(strangers_organization):
        Membership.objects.create(organization=strangers_organization, user=alice, role="editor")
    assert browser.get(f"/organization/switch/{strangers_organization.pk}/").status_code == 405
    assert browser.post(f"/organization/switch/{strangers_organization.pk}/").status_code == 302
    assert browser.get("/room/").content.startswith(b"Charlie")


def test_a_session_that_names_a_strangers_organization_gets_ones_own(
    alice: User, organization: Organization, strangers_organization: Organization, client_of: Browser
) -> None:
    browser = client_of(alice)
    session = browser.session
    session["organization"] = str(strangers_organization.pk)
    session.save()
    assert browser.get("/room/").content.startswith(b"Bright Smiles")
