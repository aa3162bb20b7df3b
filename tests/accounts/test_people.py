"""Who belongs to an organization: inviting, joining, changing, leaving. Told by Alice, Bob, Victor and Charlie."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts import invitations, members, tenancy
from accounts.members import NotAllowed
from accounts.models import Invitation, Membership, Organization, Role, User


def membership(user: User, organization: Organization) -> Membership:
    with tenancy.use(organization):
        return Membership.objects.select_related("user", "organization").get(user=user)


def roles(organization: Organization) -> dict[str, str]:
    with tenancy.use(organization):
        return {m.user.name: m.role for m in Membership.objects.select_related("user")}


@pytest.fixture
def dora(db: None) -> User:
    return User.objects.create_user("dora@example.com", name="Dora")


def test_the_owner_invites_and_the_invited_joins_with_that_role(
    alice: User, organization: Organization, dora: User, mailoutbox: Any, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        invitations.invite(membership(alice, organization), "Dora@Example.com ", "editor")
    (mail,) = mailoutbox
    assert mail.to == ["dora@example.com"]
    assert "Bright Smiles" in mail.subject
    token = re.search(r"/invitations/([^/]+)/", mail.body)[1]  # type: ignore[index]
    invitations.accept(token, dora)
    assert roles(organization) == {"Alice": "owner", "Dora": "editor"}


def test_the_token_is_kept_as_a_hash(alice: User, organization: Organization) -> None:
    _, link = invitations.invite(membership(alice, organization), "dora@example.com", "viewer")
    token = link.rstrip("/").split("/")[-1]
    with tenancy.use(organization):
        assert token not in str(Invitation.objects.values().get())


def test_an_invitation_is_good_once_for_seven_days_and_for_one_address(
    alice: User, organization: Organization, dora: User, charlie: User
) -> None:
    _, link = invitations.invite(membership(alice, organization), "dora@example.com", "viewer")
    token = link.rstrip("/").split("/")[-1]
    with pytest.raises(NotAllowed, match=r"is for dora@example\.com"):
        invitations.accept(token, charlie)
    invitations.accept(token, dora)
    with pytest.raises(NotAllowed, match="was used"):
        invitations.accept(token, dora)
    _, link = invitations.invite(membership(alice, organization), "late@example.com", "viewer")
    with tenancy.use(organization):
        Invitation.objects.filter(email="late@example.com").update(expires_at=timezone.now() - timedelta(seconds=1))
    late = User.objects.create_user("late@example.com")
    with pytest.raises(NotAllowed, match="older than seven days"):
        invitations.accept(link.rstrip("/").split("/")[-1], late)


def test_inviting_again_ends_the_first_link(alice: User, organization: Organization, dora: User) -> None:
    _, first = invitations.invite(membership(alice, organization), "dora@example.com", "admin")
    _, second = invitations.invite(membership(alice, organization), "dora@example.com", "viewer")
    assert invitations.find(first.rstrip("/").split("/")[-1]) is None
    invitations.accept(second.rstrip("/").split("/")[-1], dora)
    assert roles(organization)["Dora"] == "viewer"


def test_taken_back_it_is_gone_and_only_by_those_who_may(
    alice: User, bob: User, charlie: User, organization: Organization, strangers_organization: Organization
) -> None:
    invitation, link = invitations.invite(membership(alice, organization), "dora@example.com", "viewer")
    for other in (membership(bob, organization), membership(charlie, strangers_organization)):
        with pytest.raises(NotAllowed):
            invitations.take_back(other, invitation)
    invitations.take_back(membership(alice, organization), invitation)
    assert invitations.find(link.rstrip("/").split("/")[-1]) is None


@pytest.mark.parametrize(
    ("inviter", "role", "allowed"),
    [
        ("owner", "owner", True), ("admin", "admin", True), ("admin", "owner", False),
        ("editor", "viewer", False), ("viewer", "viewer", False),
    ],
)  # fmt: skip
def test_nobody_gives_more_than_they_have(
    alice: User, organization: Organization, inviter: str, role: str, allowed: bool
) -> None:
    with tenancy.use(organization):
        Membership.objects.filter(user=alice).update(role=inviter)
    if allowed:
        invitations.invite(membership(alice, organization), "new@example.com", role)
    else:
        with pytest.raises(NotAllowed):
            invitations.invite(membership(alice, organization), "new@example.com", role)


def test_a_member_is_not_invited_again(alice: User, bob: User, organization: Organization) -> None:
    with pytest.raises(NotAllowed, match="already a member"):
        invitations.invite(membership(alice, organization), "BOB@example.com", "viewer")


def test_an_invitation_changes_no_role_one_has(alice: User, dora: User, organization: Organization) -> None:
    _, link = invitations.invite(membership(alice, organization), "dora@example.com", "viewer")
    with tenancy.use(organization):
        Membership.objects.create(organization=organization, user=dora, role="admin")
    invitations.accept(link.rstrip("/").split("/")[-1], dora)
    assert roles(organization)["Dora"] == "admin"


def test_the_owner_changes_roles_and_takes_people_out(
    alice: User, bob: User, victor: User, organization: Organization
) -> None:
    mine = membership(alice, organization)
    members.change_role(mine, membership(bob, organization), "admin")
    members.remove(mine, membership(victor, organization))
    assert roles(organization) == {"Alice": "owner", "Bob": "admin"}


def test_a_team_mate_changes_nobody_and_nothing_of_their_own_upward(
    bob: User, victor: User, organization: Organization
) -> None:
    mine = membership(bob, organization)
    for change in (
        lambda: members.change_role(mine, membership(victor, organization), "editor"),
        lambda: members.remove(mine, membership(victor, organization)),
        lambda: members.change_role(mine, mine, "admin"),
        lambda: members.change_role(mine, mine, "owner"),
    ):
        with pytest.raises(NotAllowed):
            change()
    members.remove(mine, mine)
    assert "Bob" not in roles(organization)


def test_an_admin_touches_no_owner_and_makes_none(alice: User, bob: User, organization: Organization) -> None:
    members.change_role(membership(alice, organization), membership(bob, organization), "admin")
    mine = membership(bob, organization)
    for change in (
        lambda: members.change_role(mine, membership(alice, organization), "viewer"),
        lambda: members.remove(mine, membership(alice, organization)),
        lambda: members.change_role(mine, mine, "owner"),
    ):
        with pytest.raises(NotAllowed):
            change()


def test_a_stranger_changes_nobody(
    charlie: User, bob: User, organization: Organization, strangers_organization: Organization
) -> None:
    mine = membership(charlie, strangers_organization)
    with pytest.raises(NotAllowed, match="not in your organization"):
        members.change_role(mine, membership(bob, organization), "viewer")
    with pytest.raises(NotAllowed, match="not in your organization"):
        members.remove(mine, membership(bob, organization))
    assert roles(organization)["Bob"] == "editor"


def test_the_last_owner_stays(alice: User, bob: User, organization: Organization) -> None:
    mine = membership(alice, organization)
    with pytest.raises(NotAllowed, match="last owner"):
        members.remove(mine, mine)
    with pytest.raises(NotAllowed, match="last owner"):
        members.change_role(mine, mine, Role.ADMIN)
    members.change_role(mine, membership(bob, organization), Role.OWNER)
    members.remove(mine, membership(alice, organization))
    assert roles(organization) == {"Bob": "owner"}


def test_what_somebody_was_when_the_page_was_made_counts_no_more(
    alice: User, bob: User, victor: User, organization: Organization
) -> None:
    """Each holds a membership that was read before another change: the rows decide, not what was read."""
    members.change_role(membership(alice, organization), membership(bob, organization), "admin")
    once_admin, once_viewer = membership(bob, organization), membership(victor, organization)
    members.change_role(membership(alice, organization), membership(victor, organization), "owner")
    with pytest.raises(NotAllowed, match="above you"):
        members.change_role(once_admin, once_viewer, "viewer")
    with pytest.raises(NotAllowed, match="above you"):
        members.remove(once_admin, once_viewer)
    members.change_role(membership(alice, organization), membership(bob, organization), "viewer")
    with pytest.raises(NotAllowed, match="Only owners and admins"):
        members.remove(once_admin, once_viewer)
    with pytest.raises(NotAllowed, match="Only owners and admins"):
        invitations.invite(once_admin, "friend@example.com", "admin")
    members.remove(membership(alice, organization), membership(bob, organization))
    for change in (
        lambda: members.change_role(once_admin, once_viewer, "viewer"),
        lambda: members.change_role(membership(alice, organization), once_admin, "viewer"),
        lambda: invitations.invite(once_admin, "friend@example.com", "viewer"),
    ):
        with pytest.raises(NotAllowed):
            change()
    assert roles(organization) == {"Alice": "owner", "Victor": "owner"}


@pytest.mark.parametrize(("becomes", "left"), [("admin", {"a"}), ("viewer", set()), (None, set())])
def test_invitations_that_somebody_may_no_longer_send_end(
    alice: User, bob: User, organization: Organization, becomes: str | None, left: set[str]
) -> None:
    """Else an owner who is taken out tomorrow would invite a second address of theirs today."""
    members.change_role(membership(alice, organization), membership(bob, organization), "owner")
    invitations.invite(membership(bob, organization), "o@example.com", "owner")
    invitations.invite(membership(bob, organization), "a@example.com", "admin")
    invitations.invite(membership(alice, organization), "alices@example.com", "owner")
    if becomes:
        members.change_role(membership(alice, organization), membership(bob, organization), becomes)
    else:
        members.remove(membership(alice, organization), membership(bob, organization))
    with tenancy.use(organization):
        waiting = {invitation.email.split("@")[0] for invitation in Invitation.objects.filter(accepted_at=None)}
    assert waiting == left | {"alices"}


def test_an_organization_mails_so_many_invitations_and_no_more(
    alice: User, organization: Organization, strangers_organization: Organization, charlie: User, settings: Any
) -> None:
    settings.INVITATION_LIMIT = "3/day"
    for _ in range(3):
        invitations.invite(membership(alice, organization), "same@example.com", "viewer")
    with pytest.raises(NotAllowed, match="Try again later"):
        invitations.invite(membership(alice, organization), "same@example.com", "viewer")
    invitations.invite(membership(charlie, strangers_organization), "same@example.com", "viewer")
