"""allauth's forms in the words of the other pages. (``accounts.forms`` is imported by allauth's own, so they can't be there.)"""

from __future__ import annotations

from typing import Any

from allauth.account import forms as account
from django import forms
from django.contrib.auth.password_validation import get_default_password_validators
from django.utils.translation import gettext as _


class Plain:
    """Our words, and no placeholder that says the label again and vanishes while one types."""

    fields: dict[str, forms.Field]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            field.widget.attrs.pop("placeholder", None)
            if name in ("login", "email"):
                field.label = _("E-mail address")
            if name == "password1":
                field.help_text = _rules()


def _rules() -> str:
    least = max((getattr(each, "min_length", 0) for each in get_default_password_validators()), default=0)
    return _("At least %d characters. Not one that many people use, nor your name or address.") % least


class LoginForm(Plain, account.LoginForm):  # type: ignore[misc]
    pass


class NewAccountForm(Plain, account.SignupForm):  # type: ignore[misc]
    pass


class AddEmailForm(Plain, account.AddEmailForm):  # type: ignore[misc]
    pass


class ChangePasswordForm(Plain, account.ChangePasswordForm):  # type: ignore[misc]
    pass


class SetPasswordForm(Plain, account.SetPasswordForm):  # type: ignore[misc]
    pass


class ResetPasswordForm(Plain, account.ResetPasswordForm):  # type: ignore[misc]
    pass


class ResetPasswordKeyForm(Plain, account.ResetPasswordKeyForm):  # type: ignore[misc]
    pass
