"""Who belongs to an organization, and as what."""

from __future__ import annotations

from django.db import transaction

from accounts import tenancy
from accounts.models import Invitation, Membership, Organization, Role, User


class NotAllowed(Exception):
    """What was asked may not be done; the message says why, to the person who asked."""


@transaction.atomic
def create_organization(name: str, owner: User, timezone: str = "UTC") -> Organization:
    organization = Organization.objects.create(name=name, timezone=timezone)
    with tenancy.use(organization):
        Membership.objects.create(organization=organization, user=owner, role=Role.OWNER)
    return organization


def _rank(membership: Membership) -> int:
    return Role(membership.role).rank


def locked(*memberships: Membership) -> list[Membership]:
    """The same rows as they are now: what the page was made from may be old. One change at a time in an organization, so of
    two owners who leave at the same moment one stays."""
    Organization.objects.select_for_update(no_key=True).get(pk=memberships[0].organization_id)
    rows = Membership.objects.select_related("user", "organization")
    found = {row.pk: row for row in rows.filter(pk__in=[membership.pk for membership in memberships])}
    if memberships[0].pk not in found:
        raise NotAllowed("You are no longer a member of this organization.")
    if any(membership.pk not in found for membership in memberships):
        raise NotAllowed("This person is not in your organization.")
    return [found[membership.pk] for membership in memberships]


def _guard(actor: Membership, target: Membership, role: Role | None) -> None:
    if _rank(actor) < Role.ADMIN.rank and actor.pk != target.pk:
        raise NotAllowed("Only owners and admins may change members.")
    if _rank(target) > _rank(actor) or (role and role.rank > _rank(actor)):
        raise NotAllowed("You can't change someone above you, or give a role above your own.")


def _keep_an_owner(target: Membership) -> None:
    if target.role == Role.OWNER and Membership.objects.filter(role=Role.OWNER).count() == 1:
        raise NotAllowed("The last owner stays. Make someone else an owner first.")


def _end_invitations(target: Membership, role: Role | None) -> None:
    """Those that the person may not send any more: a way back in that was kept aside."""
    sent = Invitation.objects.filter(invited_by=target.user_id, accepted_at=None)
    if role is not None and role.rank >= Role.ADMIN.rank:
        sent = sent.filter(role__in=[above.value for above in Role if above.rank > role.rank])
    sent.delete()


@transaction.atomic
def change_role(actor: Membership, target: Membership, role: Role | str) -> Membership:
    wanted = Role(role)
    with tenancy.use(actor.organization_id):
        actor, target = locked(actor, target)
        _guard(actor, target, wanted)
        if wanted is not Role.OWNER:
            _keep_an_owner(target)
        target.role = wanted
        target.save(update_fields=["role"])
        _end_invitations(target, wanted)
    return target


@transaction.atomic
def remove(actor: Membership, target: Membership) -> None:
    """Take someone out, or leave. What they made stays with the organization; invitations they sent end."""
    with tenancy.use(actor.organization_id):
        actor, target = locked(actor, target)
        _guard(actor, target, None)
        _keep_an_owner(target)
        _end_invitations(target, None)
        target.delete()
