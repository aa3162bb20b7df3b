"""Print a link that signs someone in, once, within 24 hours: ``manage.py signin_link ada@example.com``.

The address may be left out where only one person is here, as on a machine that runs ``make up`` for itself. The link asks for
the second factor of whoever has one; ``--remove-second-factor`` helps those who lost it and their recovery codes.
"""

from __future__ import annotations

from typing import Any

from allauth.mfa.models import Authenticator
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import signin
from accounts.models import User


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", nargs="?", default="")
        parser.add_argument("--remove-second-factor", action="store_true", help="for people who lost theirs")

    def handle(self, *args: Any, email: str, remove_second_factor: bool = False, **options: Any) -> None:
        if remove_second_factor and not email:
            raise CommandError("Whose? Give the e-mail address.")
        people = User.objects.filter(is_active=True).order_by("pk")
        if not email and people.count() > 1:
            known = ", ".join(people.values_list("email", flat=True)[:10])
            raise CommandError(f"Whom? Give the e-mail address: {known}.")
        user = people.filter(email__iexact=email).first() if email else people.first()
        if user is None:
            raise CommandError(f"Nobody here has the address {email}." if email else "Nobody has an account here yet.")
        if remove_second_factor:
            Authenticator.objects.filter(user=user).delete()
            self.stderr.write(f"{user.email} signs in without a second factor now.")
        self.stdout.write(signin.link_for(user))
