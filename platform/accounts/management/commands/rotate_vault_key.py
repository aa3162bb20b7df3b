"""Seal every stored secret with VAULT_KEY anew.

To change the key: put the old one into VAULT_KEYS_OLD and a new one into VAULT_KEY, restart, run this, then take the old
one out of VAULT_KEYS_OLD. Calls go on meanwhile.
"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts import credentials, vault


class Command(BaseCommand):
    help = __doc__

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            count = credentials.seal_anew()
        except vault.CannotOpen as error:
            raise CommandError(f"{error} Nothing of that batch was changed.") from error
        self.stdout.write(f"{count} secrets sealed with the new key. VAULT_KEYS_OLD can be emptied now.")
