"""Inviting people: a link by e-mail, for one address, good for seven days, once."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from accounts import ratelimit, tenancy
from accounts.members import NotAllowed, locked
from accounts.models import Invitation, Membership, Role, User

GOOD_FOR = timedelta(days=7)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


@transaction.atomic
def invite(inviter: Membership, email: str, role: Role | str) -> tuple[Invitation, str]:
    """Send the link, and return it for those who hand it over themselves. An earlier invitation of the address ends."""
    wanted, email = Role(role), email.strip().lower()
    token = secrets.token_urlsafe(32)
    with tenancy.use(inviter.organization_id):
        (inviter,) = locked(inviter)
        mine = Role(inviter.role)
        if mine.rank < Role.ADMIN.rank:
            raise NotAllowed("Only owners and admins may invite people.")
        if wanted.rank > mine.rank:
            raise NotAllowed("You can't give a role above your own.")
        _count(inviter)
        if Membership.objects.filter(user__email__iexact=email).exists():
            raise NotAllowed(f"{email} is already a member.")
        Invitation.objects.filter(email__iexact=email, accepted_at=None).delete()
        invitation = Invitation.objects.create(
            organization=inviter.organization,
            email=email,
            role=wanted,
            token_hash=_hash(token),
            invited_by=inviter.user,
            expires_at=timezone.now() + GOOD_FOR,
        )
    link = settings.SITE_URL + reverse("invitation", args=[token])
    context = {"invitation": invitation, "link": link, "days": GOOD_FOR.days, "role": wanted}
    transaction.on_commit(lambda: _send(email, context))
    return invitation, link


def _count(inviter: Membership) -> None:
    """Anybody may have an organization, call it what they like, and have us mail that to any address."""
    try:
        ratelimit.hit(settings.INVITATION_LIMIT, "invite", str(inviter.organization_id))
    except ratelimit.TooManyRequests as error:
        limit = settings.INVITATION_LIMIT.replace("/", " per ")
        raise NotAllowed(f"Your organization has sent its invitations for now ({limit}). Try again later.") from error


def _send(email: str, context: dict[str, object]) -> None:
    # One line, whatever an organization is called.
    subject = " ".join(render_to_string("accounts/mail/invitation_subject.txt", context).split())
    EmailMultiAlternatives(subject, render_to_string("accounts/mail/invitation.txt", context), to=[email]).send()


def find(token: str) -> Invitation | None:
    """The invitation of this link, while it is good."""
    with tenancy.system("an invitation says which organization it is to"):
        invitation: Invitation | None = (
            Invitation.objects.select_related("organization", "invited_by")
            .filter(token_hash=_hash(token), accepted_at=None, expires_at__gt=timezone.now())
            .first()
        )
    return invitation


@transaction.atomic
def accept(token: str, user: User) -> Membership:
    """Make the person a member. Of two clicks one counts; a member already keeps the role they have."""
    invitation = find(token)
    if invitation is None:
        raise NotAllowed("This invitation was used, taken back or is older than seven days. Ask for a new one.")
    if user.email.lower() != invitation.email.lower():
        raise NotAllowed(f"This invitation is for {invitation.email}. Sign in with that address.")
    with tenancy.use(invitation.organization_id):
        taken = Invitation.objects.filter(pk=invitation.pk, accepted_at=None).update(accepted_at=timezone.now())
        if not taken:
            raise NotAllowed("This invitation was used already.")
        membership: Membership
        membership, _ = Membership.objects.get_or_create(
            organization=invitation.organization, user=user, defaults={"role": invitation.role}
        )
    return membership


def take_back(actor: Membership, invitation: Invitation) -> None:
    if Role(actor.role).rank < Role.ADMIN.rank or actor.organization_id != invitation.organization_id:
        raise NotAllowed("Only owners and admins may take an invitation back.")
    with tenancy.use(actor.organization_id):
        Invitation.objects.filter(pk=invitation.pk, accepted_at=None).delete()
