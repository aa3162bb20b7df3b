"""Who belongs to an organization, and as what."""

from __future__ import annotations

from django.db import transaction

from accounts import tenancy
from accounts.models import Membership, Organization, Role, User


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


def _guard(actor: Membership, target: Membership, role: Role | None) -> None:
    if actor.organization_id != target.organization_id:
        raise NotAllowed("This person is not in your organization.")
    if _rank(actor) < Role.ADMIN.rank and actor.pk != target.pk:
        raise NotAllowed("Only owners and admins may change members.")
    if _rank(target) > _rank(actor) or (role and role.rank > _rank(actor)):
        raise NotAllowed("You can't change someone above you, or give a role above your own.")


def _keep_an_owner(target: Membership) -> None:
    """The owners' rows are locked: of two owners who leave at the same moment, one stays."""
    owners = list(Membership.objects.select_for_update().filter(role=Role.OWNER).order_by("pk"))
    if [owner.pk for owner in owners] == [target.pk]:
        raise NotAllowed("The last owner stays. Make someone else an owner first.")


@transaction.atomic
def change_role(actor: Membership, target: Membership, role: Role | str) -> Membership:
    wanted = Role(role)
    with tenancy.use(actor.organization_id):
        _guard(actor, target, wanted)
        if wanted is not Role.OWNER:
            _keep_an_owner(target)
        target.role = wanted
        target.save(update_fields=["role"])
    return target


@transaction.atomic
def remove(actor: Membership, target: Membership) -> None:
    """Take someone out, or leave. What they made stays with the organization."""
    with tenancy.use(actor.organization_id):
        _guard(actor, target, None)
        _keep_an_owner(target)
        target.delete()
