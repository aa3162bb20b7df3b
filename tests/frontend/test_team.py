"""Members, stored keys, API keys, the organization and the account: who sees what, and what is shown only once."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts import credentials, invitations, keys, tenancy
from accounts.models import ApiKey, Credential, Invitation, Membership, Organization, Role

Clients = Callable[[Any], Client]
SECRET = "sk-live-0123456789abcdefWXYZ"
PAGES = ("members", "credentials", "organization", "api-keys")


def members_of(organization: Any) -> dict[str, Membership]:
    with tenancy.use(organization):
        return {member.user.name: member for member in Membership.objects.select_related("user")}


@pytest.mark.parametrize("page", PAGES)
def test_nobody_signs_in_first(organization: Any, client_of: Clients, page: str) -> None:
    assert client_of(None).get(reverse(f"frontend:{page}")).status_code == 302


@pytest.mark.parametrize(
    ("page", "editor", "viewer"),
    [("members", 200, 200), ("organization", 200, 200), ("credentials", 403, 403), ("api-keys", 403, 403)],
)
def test_keys_are_for_owners_and_admins(
    bob: Any, victor: Any, client_of: Clients, page: str, editor: int, viewer: int
) -> None:
    assert client_of(bob).get(reverse(f"frontend:{page}")).status_code == editor
    assert client_of(victor).get(reverse(f"frontend:{page}")).status_code == viewer


def test_the_navigation_shows_only_what_one_may_open(alice: Any, victor: Any, client_of: Clients) -> None:
    members = reverse("frontend:members")
    assert reverse("frontend:api-keys") in client_of(alice).get(members).content.decode()
    html = client_of(victor).get(members).content.decode()
    assert reverse("frontend:api-keys") not in html
    for href in re.findall(r'class="nav-link[^"]*" href="([^"]+)"', html):
        assert client_of(victor).get(href).status_code == 200, href


# --- members


def test_an_invitation_is_sent_and_its_link_shown_once(
    alice: Any, organization: Any, client_of: Clients, mailoutbox: Any
) -> None:
    client = client_of(alice)
    response = client.post(reverse("frontend:member-invite"), {"email": "New@Example.com", "role": "editor"})
    link = re.search(r'id="invitation-link"[^>]*value="([^"]+)"', response.content.decode())
    assert link and "/invitations/" in link[1]
    assert "no-store" in response["Cache-Control"]
    later = client.get(reverse("frontend:members")).content.decode()
    assert "new@example.com" in later
    assert "invitation-link" not in later


@pytest.mark.parametrize(
    "data", [{"email": "no", "role": "editor"}, {"email": "a@b.co", "role": "king"}, {"role": "editor"}]
)
def test_a_wrong_invitation_is_explained(
    alice: Any, organization: Any, client_of: Clients, data: dict[str, str]
) -> None:
    response = client_of(alice).post(reverse("frontend:member-invite"), data)
    assert response.status_code == 422
    with tenancy.use(organization):
        assert not Invitation.objects.exists()


def test_inviting_a_member_says_that_they_are_one(alice: Any, bob: Any, client_of: Clients) -> None:
    response = client_of(alice).post(reverse("frontend:member-invite"), {"email": bob.email, "role": "viewer"})
    assert "is already a member" in response.content.decode()


@pytest.mark.parametrize(
    ("is_delivered", "words"), [(True, "was sent by e-mail"), (False, "No mail leaves this server")]
)
def test_an_invitation_says_whether_it_was_mailed(
    alice: Any, organization: Any, client_of: Clients, settings: Any, mailoutbox: Any, is_delivered: bool, words: str
) -> None:
    settings.MAIL_IS_DELIVERED = is_delivered
    data = {"email": "new@example.com", "role": "editor"}
    assert words in client_of(alice).post(reverse("frontend:member-invite"), data).content.decode()


def test_editors_invite_nobody(bob: Any, client_of: Clients) -> None:
    assert (
        client_of(bob).post(reverse("frontend:member-invite"), {"email": "a@b.co", "role": "viewer"}).status_code == 403
    )


def test_an_invitation_is_taken_back(alice: Any, organization: Any, charlie: Any, client_of: Clients) -> None:
    with tenancy.use(organization):
        invitation, _link = invitations.invite(members_of(organization)["Alice"], "new@example.com", Role.EDITOR)
    url = reverse("frontend:invitation-revoke", args=[invitation.pk])
    assert client_of(charlie).post(url).status_code == 404
    client_of(alice).post(url)
    with tenancy.use(organization):
        assert not Invitation.objects.exists()


def test_roles_are_changed_by_those_above(
    alice: Any, bob: Any, charlie: Any, organization: Any, client_of: Clients
) -> None:
    url = reverse("frontend:member-role", args=[members_of(organization)["Bob"].pk])
    assert client_of(bob).post(url, {"role": "owner"}).status_code == 403
    assert client_of(charlie).post(url, {"role": "owner"}).status_code == 404
    client_of(alice).post(url, {"role": "nonsense"})
    assert members_of(organization)["Bob"].role == Role.EDITOR
    client_of(alice).post(url, {"role": "admin"})
    assert members_of(organization)["Bob"].role == Role.ADMIN


def test_the_last_owner_stays_and_is_told_why(alice: Any, organization: Any, client_of: Clients) -> None:
    me = members_of(organization)["Alice"]
    response = client_of(alice).post(reverse("frontend:member-remove", args=[me.pk]), follow=True)
    assert "The last owner stays." in response.content.decode()
    assert "Alice" in members_of(organization)


def test_a_viewer_may_leave_and_remove_nobody(victor: Any, organization: Any, client_of: Clients) -> None:
    everyone = members_of(organization)
    client = client_of(victor)
    client.post(reverse("frontend:member-remove", args=[everyone["Alice"].pk]))
    assert "Alice" in members_of(organization)
    client.post(reverse("frontend:member-remove", args=[everyone["Victor"].pk]))
    assert "Victor" not in members_of(organization)


def test_a_person_of_two_organizations_switches(
    alice: Any, organization: Any, strangers_organization: Any, client_of: Clients
) -> None:
    with tenancy.use(strangers_organization):
        Membership.objects.create(organization=strangers_organization, user=alice, role=Role.VIEWER)
    client = client_of(alice)
    html = client.get(reverse("frontend:members")).content.decode()
    assert "Charlie &amp; Sons" in html
    client.post(reverse("switch-organization", args=[strangers_organization.pk]))
    assert "Charlie" in client.get(reverse("frontend:members")).content.decode()


# --- stored keys


def test_a_stored_key_is_never_shown_again(alice: Any, organization: Any, client_of: Clients) -> None:
    client = client_of(alice)
    client.post(reverse("frontend:credentials"), {"name": "Our key", "provider": "openai", "secret": SECRET})
    html = client.get(reverse("frontend:credentials")).content.decode()
    assert "Our key" in html
    assert "••••WXYZ" in html
    assert SECRET not in html
    with tenancy.use(organization):
        assert credentials.secrets_for(organization, {"Our key": credentials.OWN_ADDRESSES["openai"]}) == {
            "Our key": SECRET
        }


def test_a_key_says_where_it_is_sent(alice: Any, organization: Any, client_of: Clients) -> None:
    client, url = client_of(alice), reverse("frontend:credentials")
    client.post(url, {"name": "Our key", "provider": "openai", "secret": SECRET})
    client.post(
        url, {"name": "Local", "provider": "openai", "secret": SECRET, "address": "http://llm.internal:11434/v1"}
    )
    html = client.get(url).content.decode()
    assert "https://api.openai.com/v1" in html and "http://llm.internal:11434/v1" in html
    for data in (
        {"provider": "other"},
        {"provider": "other", "address": "llm.internal"},
        {"provider": "openai", "address": "https://a@b.example"},
    ):
        response = client.post(url, {"name": "Odd", "secret": SECRET, **data})
        assert response.status_code == 422
        assert "such as https://api.example.com/v1" in response.content.decode()
        assert SECRET not in response.content.decode()


def test_a_refused_key_is_not_sent_back(alice: Any, organization: Any, client_of: Clients) -> None:
    response = client_of(alice).post(
        reverse("frontend:credentials"), {"name": "", "provider": "openai", "secret": SECRET}
    )
    assert response.status_code == 422
    assert SECRET not in response.content.decode()


def test_a_key_says_which_agents_use_it(alice: Any, organization: Any, client_of: Clients) -> None:
    from agents import publish

    with tenancy.use(organization):
        credentials.store(organization, "Our key", "openai", SECRET, alice)
        agent = publish.create_agent(organization, "Clever one")
        publish.save_draft(agent, {"knows": {"credential": "Our key"}})
    assert "Clever one" in client_of(alice).get(reverse("frontend:credentials")).content.decode()


def test_strangers_remove_no_key(alice: Any, charlie: Any, organization: Any, client_of: Clients) -> None:
    with tenancy.use(organization):
        stored = credentials.store(organization, "Our key", "openai", SECRET, alice)
    url = reverse("frontend:credential-remove", args=[stored.pk])
    assert client_of(charlie).post(url).status_code == 404
    assert client_of(alice).get(url).status_code == 405
    client_of(alice).post(url)
    with tenancy.use(organization):
        assert not Credential.objects.exists()


# --- API keys


def test_an_api_key_is_shown_once_and_works_until_revoked(alice: Any, organization: Any, client_of: Clients) -> None:
    client = client_of(alice)
    data = {"name": "Booking <b>system</b>", "scopes": ["agents:read", "calls:read"], "expires": "90"}
    response = client.post(reverse("frontend:api-keys"), data)
    html = response.content.decode()
    plaintext = re.search(r'id="new-key"[^>]*value="([^"]+)"', html)
    assert plaintext and keys.looks_right(plaintext[1])
    assert "no-store" in response["Cache-Control"]
    assert "<b>system" not in html
    again = client.get(reverse("frontend:api-keys")).content.decode()
    assert plaintext[1] not in again
    assert plaintext[1][:18] in again
    found = keys.find(plaintext[1])
    assert found is not None and found.scopes == ["agents:read", "calls:read"] and found.expires_at is not None
    client.post(reverse("frontend:api-key-revoke", args=[found.pk]))
    assert keys.find(plaintext[1]) is None
    assert "Revoked" in client.get(reverse("frontend:api-keys")).content.decode()


@pytest.mark.parametrize(
    "data",
    [
        {"name": "x"},
        {"name": "x", "scopes": ["everything"]},
        {"name": "", "scopes": ["agents:read"]},
        {"name": "x", "scopes": ["agents:read"], "expires": "7000"},
    ],
)
def test_a_wrong_api_key_is_not_made(alice: Any, organization: Any, client_of: Clients, data: dict[str, Any]) -> None:
    response = client_of(alice).post(reverse("frontend:api-keys"), data)
    assert response.status_code == 422
    assert "knob-error" in response.content.decode()
    with tenancy.use(organization):
        assert not ApiKey.objects.exists()


def test_strangers_revoke_no_key(alice: Any, charlie: Any, organization: Any, client_of: Clients) -> None:
    with tenancy.use(organization):
        key, plaintext = keys.issue(organization, "Ours", ["agents:read"], None, alice)
    assert client_of(charlie).post(reverse("frontend:api-key-revoke", args=[key.pk])).status_code == 404
    assert keys.find(plaintext) is not None


# --- the organization and the account


def test_the_organization_is_renamed_by_its_admins(alice: Any, bob: Any, organization: Any, client_of: Clients) -> None:
    url, data = reverse("frontend:organization"), {"name": "Brighter Smiles", "timezone": "Europe/Berlin"}
    assert client_of(bob).post(url, data).status_code == 403
    client_of(alice).post(url, data)
    stored = Organization.objects.get(pk=organization.pk)
    assert (stored.name, stored.timezone) == ("Brighter Smiles", "Europe/Berlin")
    assert client_of(alice).post(url, {**data, "timezone": "Mars/Olympus"}).status_code == 422
    assert client_of(alice).post(url, {**data, "name": ""}).status_code == 422


def test_people_name_themselves(alice: Any, organization: Any, client_of: Clients) -> None:
    client_of(alice).post(reverse("frontend:account"), {"name": "Alice <i>Liddell</i>"})
    html = client_of(alice).get(reverse("frontend:account")).content.decode()
    assert "Alice &lt;i&gt;Liddell" in html
    assert "<i>Liddell" not in html


@pytest.mark.parametrize(
    "name",
    [
        "account_change_password",
        "account_email",
        "mfa_index",
        "mfa_activate_totp",
        "account_logout",
        "account_reauthenticate",
        "frontend:account",
    ],
)
def test_the_pages_about_signing_in_are_in_the_shell(
    alice: Any, organization: Any, client_of: Clients, name: str
) -> None:
    response = client_of(alice).get(reverse(name), follow=True)
    assert response.status_code == 200
    assert "Parley</title>" in response.content.decode()


@pytest.mark.parametrize("name", ["account_login", "account_signup", "account_reset_password"])
def test_the_entrance_needs_no_organization(db: None, client_of: Clients, name: str) -> None:
    html = client_of(None).get(reverse(name)).content.decode()
    assert 'class="entrance"' in html
    assert "sidebar" not in html


@pytest.mark.parametrize(("path", "status"), [("/nothing/", 404), ("/sign-in/used/", 410), ("/invitations/gone/", 410)])
def test_dead_ends_are_in_plain_words(db: None, client_of: Clients, path: str, status: int) -> None:
    response = client_of(None).get(path)
    assert response.status_code == status
    assert "Traceback" not in response.content.decode()


def test_a_form_that_is_too_old_is_explained(alice: Any, organization: Any) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alice)
    response = strict.post(reverse("frontend:account"), {"name": "x"})
    assert response.status_code == 403
    assert "This page was open too long" in response.content.decode()


@pytest.mark.parametrize("page", ["frontend:agents", "frontend:members", "frontend:account", "account_email"])
def test_every_script_has_the_pages_nonce_or_is_ours(
    alice: Any, organization: Any, client_of: Clients, page: str
) -> None:
    response = client_of(alice).get(reverse(page))
    nonce = re.search(r"'nonce-([^']+)'", response["Content-Security-Policy"])
    assert nonce
    html = response.content.decode()
    for tag in re.findall(r"<script\b[^>]*>", html):
        assert f'nonce="{nonce[1]}"' in tag or 'src="/static/' in tag or 'type="application/json"' in tag, tag
    assert not re.search(r"\son\w+=|\sstyle=", re.sub(r"<script\b.*?</script>", "", html, flags=re.S))
