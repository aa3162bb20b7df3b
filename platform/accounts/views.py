"""Links that people are sent: an invitation, a way in."""

from __future__ import annotations

from typing import Any

from allauth.account.utils import perform_login
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from accounts import invitations, middleware, signin, signup, tenancy
from accounts.members import NotAllowed
from accounts.models import Membership


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_variables("token")
def sign_in(request: HttpRequest, token: str) -> HttpResponse:
    """Say whom a one-time link signs in, and do it at the press of a button.

    Looking at the link changes nothing: programs that read mail open what stands in it, and a page elsewhere could lead a browser
    here to sign it in as somebody else. A second factor is still asked for.
    """
    user = signin.use(token) if request.method == "POST" else signin.find(token)
    if user is None:
        return render(request, "accounts/link_used.html", status=410)
    if request.method != "POST":
        return render(request, "accounts/link.html", {"person": user})
    return perform_login(request, user, email_verification="none", redirect_url=settings.LOGIN_REDIRECT_URL)  # type: ignore[no-any-return]


@never_cache
@require_http_methods(["GET", "POST"])
@sensitive_variables("token")
def invitation(request: Any, token: str) -> HttpResponse:
    """Say who invites to what. Signed in: a button accepts. Signed out: the way to sign in or up, and back."""
    found = invitations.find(token)
    if found is None:
        return render(request, "accounts/invitation_gone.html", status=410)
    if not request.user.is_authenticated:
        request.session[signup.INVITATION] = token
    problem = ""
    if request.method == "POST" and request.user.is_authenticated:
        try:
            membership = invitations.accept(token, request.user)
        except NotAllowed as error:
            problem = str(error)
        else:
            middleware.switch(request, membership.organization)
            messages.success(request, f"Welcome to {membership.organization}.")
            return redirect(settings.LOGIN_REDIRECT_URL)
    return render(
        request, "accounts/invitation.html", {"invitation": found, "problem": problem}, status=409 if problem else 200
    )


@require_POST
def switch(request: Any, pk: str) -> HttpResponse:
    """Work in another of one's organizations."""
    if not request.user.is_authenticated:
        return redirect(settings.LOGIN_URL)
    with tenancy.system("the organizations a person may switch to"):
        membership = get_object_or_404(
            Membership.objects.select_related("organization"), user=request.user, organization_id=pk
        )
    middleware.switch(request, membership.organization)
    return redirect(settings.LOGIN_REDIRECT_URL)
