"""Signing up: an invited person joins who invited them, anyone else gets an organization of their own."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.signals import user_logged_in, user_signed_up
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from django.conf import settings
from django.core.exceptions import ValidationError
from django.dispatch import receiver
from django.http import HttpRequest

from accounts import invitations, members, middleware, ratelimit
from accounts.models import User

INVITATION = "invitation"


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    error_messages = DefaultAccountAdapter.error_messages | {
        "account_inactive": "This account is switched off. Ask whoever runs this platform.",
        "email_password_mismatch": "The e-mail address or the password is wrong.",
        "enter_current_password": "This is not your current password.",
        "incorrect_password": "This is not your password.",
        "invalid_password_reset": "This link no longer works. Ask for a new one.",
        "too_many_login_attempts": "Too many wrong passwords for this address. Wait some minutes, or choose a new password.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return bool(settings.SIGN_UP == "open" or invitations.find(request.session.get(INVITATION, "")))

    def clean_email(self, email: str) -> str:
        """Where only the invited may sign up, they do with the address that was invited: a link that was passed on opens nothing."""
        email = super().clean_email(email)
        if settings.SIGN_UP == "open" or self.request.user.is_authenticated:
            return email
        invitation = invitations.find(self.request.session.get(INVITATION, ""))
        if invitation is None or invitation.email.lower() != email.lower():
            raise ValidationError("Sign up with the e-mail address that your invitation was sent to.")
        return email

    def get_client_ip(self, request: HttpRequest) -> str:
        return ratelimit.client_address(request)


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    error_messages = DefaultMFAAdapter.error_messages | {
        "incorrect_code": "This code is not right. An app shows a new one every 30 seconds: enter the one it shows now.",
    }


class SocialAccountAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        """Whose address the provider tells signs up without a form, so what ``clean_email`` asks is asked here."""
        if settings.SIGN_UP == "open":
            return True
        invitation = invitations.find(request.session.get(INVITATION, ""))
        email = sociallogin.user.email
        return invitation is not None and (not email or invitation.email.lower() == email.lower())


@receiver(user_signed_up)
def give_an_organization(request: HttpRequest, user: User, **_: Any) -> None:
    if _accept_invitation(request, user):
        return
    organization = members.create_organization(f"{user.name or user.email.split('@')[0]}'s organization"[:120], user)
    middleware.switch(request, organization)


@receiver(user_logged_in)
def join_after_signing_in(request: HttpRequest, user: User, **_: Any) -> None:
    _accept_invitation(request, user)


def _accept_invitation(request: HttpRequest, user: User) -> bool:
    """Accept what the person came with, if it is theirs; if not, the invitation's page has told or will tell them."""
    token = request.session.get(INVITATION)
    if not token:
        return False
    try:
        membership = invitations.accept(token, user)
    except members.NotAllowed:
        return False
    del request.session[INVITATION]
    middleware.switch(request, membership.organization)
    return True
