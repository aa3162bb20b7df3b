"""Who belongs to the organization: the list, roles, invitations."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from accounts import invitations
from accounts import members as use_case
from accounts.auth import require
from accounts.members import NotAllowed
from accounts.models import Invitation, Membership, Role
from frontend.views.shared import may

ROLES = {
    Role.OWNER: gettext_lazy("Everything, also making and removing owners"),
    Role.ADMIN: gettext_lazy("Members, stored keys and API keys, and all an editor may"),
    Role.EDITOR: gettext_lazy("Makes, changes and publishes agents, and all a viewer may"),
    Role.VIEWER: gettext_lazy("Sees agents and calls, changes nothing"),
}


class InviteForm(forms.Form):
    email = forms.EmailField(label=gettext_lazy("E-mail address"), max_length=254)
    role = forms.ChoiceField(label=gettext_lazy("Role"), choices=Role.choices, initial=Role.EDITOR)


@require(Role.VIEWER)
@require_GET
def members(request: Any) -> HttpResponse:
    return _page(request, InviteForm())


@require(Role.ADMIN)
@require_POST
def invite(request: Any) -> HttpResponse:
    form = InviteForm(request.POST)
    if not form.is_valid():
        return _page(request, form, status=422)
    try:
        invitation, link = invitations.invite(request.membership, **form.cleaned_data)
    except NotAllowed as error:
        form.add_error(None, str(error))
        return _page(request, form, status=422)
    # Shown once, to hand over by hand where no mail leaves this machine.
    is_mailed = settings.MAIL_IS_DELIVERED
    return _page(request, InviteForm(), link=link, invited=invitation.email, is_mailed=is_mailed)


@require(Role.ADMIN)
@require_POST
def change_role(request: Any, pk: UUID) -> HttpResponse:
    target = _member(request, pk)
    wanted = request.POST.get("role", "")
    if wanted not in Role.values:
        messages.error(request, _("Choose one of the roles."))
        return redirect("frontend:members")
    try:
        use_case.change_role(request.membership, target, wanted)
    except NotAllowed as error:
        messages.error(request, str(error))
    else:
        messages.success(
            request, _("%(who)s is now %(role)s.") % {"who": target.user, "role": Role(wanted).label.lower()}
        )
    return redirect("frontend:members")


@require(Role.VIEWER)
@require_POST
def remove(request: Any, pk: UUID) -> HttpResponse:
    """Take someone out; anybody may take out themselves."""
    target = _member(request, pk)
    try:
        use_case.remove(request.membership, target)
    except NotAllowed as error:
        messages.error(request, str(error))
        return redirect("frontend:members")
    if target.user_id == request.user.pk:
        messages.success(request, _("You have left %s.") % request.organization.name)
        return redirect("/")
    messages.success(request, _("%s is no longer a member.") % target.user)
    return redirect("frontend:members")


@require(Role.ADMIN)
@require_POST
def revoke(request: Any, pk: UUID) -> HttpResponse:
    invitation = get_object_or_404(Invitation.objects.owned_by(request.organization), pk=pk)
    try:
        invitations.take_back(request.membership, invitation)
    except NotAllowed as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("The invitation of %s is taken back.") % invitation.email)
    return redirect("frontend:members")


def _member(request: Any, pk: UUID) -> Membership:
    everyone = Membership.objects.owned_by(request.organization).select_related("user")
    member: Membership = get_object_or_404(everyone, pk=pk)
    return member


def _page(request: Any, form: InviteForm, status: int = 200, **more: Any) -> HttpResponse:
    rank = Role(request.membership.role).rank
    grantable = [(role.value, role.label, ROLES[role]) for role in Role if role.rank <= rank]
    form.fields["role"].choices = [(value, label) for value, label, _words in grantable]  # type: ignore[attr-defined]
    can_manage = may(request, Role.ADMIN)
    rows = [
        {
            "member": member,
            "can_change": can_manage and Role(member.role).rank <= rank,
            "is_me": member.user_id == request.user.pk,
        }
        for member in Membership.objects.owned_by(request.organization).select_related("user").order_by("created_at")
    ]
    pending = Invitation.objects.owned_by(request.organization).filter(accepted_at=None).order_by("-created_at")
    context = {
        "rows": rows,
        "roles": grantable,
        "explained": [(role.label, words) for role, words in ROLES.items()],
        "pending": pending if can_manage else [],
        "now": timezone.now(),
        "form": form,
        "can_manage": can_manage,
        **more,
    }
    response = render(request, "frontend/organization/members.html", context, status=status)
    response["Cache-Control"] = "no-store"
    return response
