"""Vendors' keys of an organization. They go in and are used; nobody reads them back."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction

from accounts import tenancy, vault
from accounts.models import Credential, Organization, User

_SHOWN = 4
_SHOWN_FROM = 12


class UnknownCredential(LookupError):
    """An agent names a credential that its organization doesn't have."""


def _place(credential: Credential) -> vault.Place:
    return vault.Place(credential.organization_id, Credential._meta.db_table, "secret", credential.pk)


@transaction.atomic
def store(organization: Organization, name: str, provider: str, secret: str, member: User | None) -> Credential:
    """Keep the secret under this name; one of that name is replaced."""
    secret, name = secret.strip(), name.strip()
    if not secret or not name:
        raise ValueError("Give the credential a name and its secret.")
    with tenancy.use(organization):
        credential = Credential.objects.select_for_update().filter(name=name).first()
        credential = credential or Credential(organization=organization, name=name)
        credential.provider, credential.created_by = provider, member
        # Of a short secret four letters would be too much to show.
        credential.last_four = secret[-_SHOWN:] if len(secret) >= _SHOWN_FROM else ""
        credential.secret = vault.seal(_place(credential), secret)
        credential.save()
    return credential


def secrets_for(organization: Organization, names: Iterable[str]) -> dict[str, str]:
    """Name → plaintext. Raises :class:`UnknownCredential` for a name there isn't, ``vault.CannotOpen`` for a wrong key."""
    wanted = set(names)
    if not wanted:
        return {}
    with tenancy.use(organization):
        found = list(Credential.objects.filter(name__in=wanted))
    if missing := sorted(wanted - {credential.name for credential in found}):
        raise UnknownCredential(f"There is no credential named {missing[0]!r}. Add it under Providers and keys.")
    return {credential.name: vault.open_(_place(credential), credential.secret) for credential in found}


def remove(credential: Credential) -> None:
    with tenancy.use(credential.organization_id):
        Credential.objects.filter(pk=credential.pk).delete()


def seal_anew(batch: int = 500) -> int:
    """Seal with the newest key whatever an older one sealed; how many there were. For ``rotate_vault_key``."""
    done, last = 0, None
    with tenancy.system("the vault's key changes for everyone"):
        while True:
            with transaction.atomic():
                rows = Credential.objects.select_for_update().order_by("pk")
                page = list(rows.filter(pk__gt=last)[:batch] if last else rows[:batch])
                old = [credential for credential in page if not vault.is_newest(credential.secret)]
                for credential in old:
                    place = _place(credential)
                    credential.secret = vault.seal(place, vault.open_(place, credential.secret))
                Credential.objects.bulk_update(old, ["secret"])
            done += len(old)
            if len(page) < batch:
                return done
            last = page[-1].pk
