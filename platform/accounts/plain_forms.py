"""allauth's forms in the words of the other pages. (``accounts.forms`` is imported by allauth's own, so they can't be there.)"""

from __future__ import annotations

from typing import Any

from allauth.account import forms as account
from django import forms
from django.contrib.auth.password_validation import get_default_password_validators
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

WORDS: dict[str, Any] = {
    "login": gettext_lazy("E-mail address"),
    "email": gettext_lazy("E-mail address"),
    "oldpassword": gettext_lazy("Your password now"),
    "password2": gettext_lazy("The new password again"),
}


class Plain:
    """Our words, and no placeholder that says the label again and vanishes while one types."""

    fields: dict[str, forms.Field]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            field.widget.attrs.pop("placeholder", None)
            field.label = WORDS.get(name, field.label)
            field.error_messages["required"] = _("Fill this in.")
            if name == "password1":
                field.help_text = _rules()


class NewPassword(Plain):
    """Where there was a password before."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password1"].label = _("New password")


def _rules() -> str:
    least = max((getattr(each, "min_length", 0) for each in get_default_password_validators()), default=0)
    return _("At least %d characters. Not one that many people use, nor your name or address.") % least


class LoginForm(Plain, account.LoginForm):  # type: ignore[misc]
    pass


class NewAccountForm(Plain, account.SignupForm):  # type: ignore[misc]
    pass


class AddEmailForm(Plain, account.AddEmailForm):  # type: ignore[misc]
    pass


class ChangePasswordForm(NewPassword, account.ChangePasswordForm):  # type: ignore[misc]
    pass


class SetPasswordForm(NewPassword, account.SetPasswordForm):  # type: ignore[misc]
    pass


class ResetPasswordForm(Plain, account.ResetPasswordForm):  # type: ignore[misc]
    pass


class ResetPasswordKeyForm(NewPassword, account.ResetPasswordKeyForm):  # type: ignore[misc]
    pass


class ReauthenticateForm(Plain, account.ReauthenticateForm):  # type: ignore[misc]
    pass
