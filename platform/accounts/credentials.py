"""Vendors' keys of an organization. They go in and are used; nobody reads them back.

Each is bound to the address it may be sent to. Who edits an agent chooses where its model is and names a key; only admins
store keys and say whose they are. Without the bond an editor's own server would be sent the organization's key.
"""

from __future__ import annotations

from collections.abc import Mapping

from django.db import transaction

from accounts import tenancy, vault
from accounts.models import Credential, Organization, User
from egress.origin import NoOrigin, origin

OWN_ADDRESSES = {"openai": "https://api.openai.com/v1", "twilio": "https://api.twilio.com"}
"""Provider → where its keys belong if nobody says otherwise."""

_SHOWN = 4
_SHOWN_FROM = 12


class NotGiven(Exception):
    """A secret that is not handed out. The message may be shown, and says what to do."""


class UnknownCredential(NotGiven):
    """An agent names a credential that its organization doesn't have."""


class WrongAddress(NotGiven):
    """The secret belongs to another server than the one it would be sent to."""


def _place(credential: Credential) -> vault.Place:
    """With the server it may be sent to: who can write rows can't send it elsewhere."""
    bound = (credential.provider, credential.address)
    return vault.Place(credential.organization_id, Credential._meta.db_table, "secret", credential.pk, bound)


@transaction.atomic
def store(
    organization: Organization, name: str, provider: str, secret: str, member: User | None, address: str = ""
) -> Credential:
    """Keep the secret under this name, for the server at ``address`` ("": the provider's own). One of that name is replaced,
    with its address: a secret that is stored stays with its server. Raises ``ValueError`` in plain words."""
    secret, name, address = secret.strip(), name.strip(), address.strip()
    if not secret or not name:
        raise ValueError("Give the credential a name and its secret.")
    if address:
        origin(address)
    with tenancy.use(organization):
        credential = Credential.objects.select_for_update().filter(name=name).first()
        credential = credential or Credential(organization=organization, name=name)
        credential.provider, credential.address, credential.created_by = provider, address, member
        # Of a short secret four letters would be too much to show.
        credential.last_four = secret[-_SHOWN:] if len(secret) >= _SHOWN_FROM else ""
        credential.secret = vault.seal(_place(credential), secret)
        credential.save()
    return credential


def where(credential: Credential) -> str:
    """The address that the secret belongs to; "" where nobody said and the provider has none of its own."""
    return credential.address or OWN_ADDRESSES.get(credential.provider, "")


def _may_go(credential: Credential, address: str) -> bool:
    try:
        return origin(where(credential)) == origin(address)
    except NoOrigin:
        return False


def _found(organization: Organization, wanted: Mapping[str, str]) -> list[Credential]:
    """Raises :class:`NotGiven` for the first that isn't there or belongs elsewhere."""
    with tenancy.use(organization):
        found = list(Credential.objects.filter(name__in=list(wanted)))
    if missing := sorted(wanted.keys() - {credential.name for credential in found}):
        raise UnknownCredential(f"There is no stored key called “{missing[0]}”. Choose another, or store it again.")
    for credential in found:
        if not _may_go(credential, wanted[credential.name]):
            belongs = where(credential) or "no address yet"
            raise WrongAddress(
                f"The key “{credential.name}” was stored for {belongs} and is not sent to {wanted[credential.name]}. Choose a"
                " key of that server; an owner or admin can store one."
            )
    return found


def refusal(organization: Organization, name: str, address: str) -> str | None:
    """Why the secret of this name would not be handed out for that address; ``None``: it would. Opens nothing."""
    try:
        _found(organization, {name: address})
    except NotGiven as error:
        return str(error)
    return None


def secrets_for(organization: Organization, wanted: Mapping[str, str]) -> dict[str, str]:
    """Name → plaintext, of the names in ``wanted``, each with the address that its secret will be sent to.

    Raises :class:`UnknownCredential`, :class:`WrongAddress` (the same scheme, host and port are the same address), and
    ``vault.CannotOpen`` for a wrong key.
    """
    if not wanted:
        return {}
    return {
        credential.name: vault.open_(_place(credential), credential.secret)
        for credential in _found(organization, wanted)
    }


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
