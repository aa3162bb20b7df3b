"""Use cases of telephone numbers: connect an account, import a number, say who answers it, give it back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from asgiref.sync import async_to_sync
from django.conf import settings
from django.db import transaction
from django.urls import reverse

from accounts import credentials, tenancy, vault
from accounts.models import Credential, Organization, User
from agents.models import Agent
from telephony.carriers import CarrierNumber, registry
from telephony.carriers.carrier import LACKS, Able, AtCarrier, Carrier, Login, WrongLogin, lack
from telephony.models import CarrierAccount, PhoneNumber


class CannotDo(Exception):
    """What was asked for can't be done; the message says why, in plain words."""


def is_public(account: CarrierAccount | None = None) -> bool:
    """Whether the carrier can reach this installation: over the internet by https only; one that is here itself in any case.
    ``account``: one of its; ``None``: Twilio."""
    address = carrier_of(account).address(account.details) if account is not None else settings.TWILIO_API_URL
    return settings.SITE_URL.startswith("https://") or address.startswith("http://")


def public_url(name: str, *parts: Any) -> str:
    """Exactly as the carrier is told, and as it signs it."""
    return f"{settings.SITE_URL}{reverse(name, args=parts)}"


def page_for(account: CarrierAccount, page: str, *parts: Any) -> str:
    """The address of one of the pages that the account's carrier asks and tells."""
    return public_url(f"{account.provider}-{page}", account.pk, *parts)


def voice_url(account: CarrierAccount) -> str:
    return page_for(account, "voice")


def status_url(account: CarrierAccount) -> str:
    return page_for(account, "status")


def text_url(account: CarrierAccount) -> str:
    return page_for(account, "text-in")


def carrier_of(account: CarrierAccount) -> Carrier:
    return registry.carrier(account.provider)


def lack_of(account: CarrierAccount, able: Able) -> str:
    """Why the account's carrier doesn't do this for Parley; "": it does."""
    return lack(carrier_of(account), able)


def does(account: CarrierAccount, able: Able) -> bool:
    """Whether the account's carrier does this."""
    return able in carrier_of(account).able


def check_able(account: CarrierAccount, able: Able) -> None:
    """Raises :class:`CannotDo` where the account's carrier doesn't do this for Parley."""
    if why := lack_of(account, able):
        raise CannotDo(why)


def lacks(account: CarrierAccount) -> list[str]:
    """What Parley doesn't do at the account's carrier, in plain words."""
    return [why for able in LACKS if (why := lack(carrier_of(account), able))]


def login_of(account: CarrierAccount) -> Login:
    """The account with its secrets. Raises :class:`CannotDo`."""
    address = carrier_of(account).address(account.details)
    wanted = {account.credential: address}
    if account.details.get("signs"):
        wanted[_signing_name(account.credential)] = address
    try:
        found = credentials.secrets_for(account.organization, wanted)
    except credentials.NotGiven as error:
        raise CannotDo(str(error)) from None
    except vault.CannotOpen:
        raise CannotDo("The stored auth token can't be opened any more. Connect the account again.") from None
    signing = found.get(_signing_name(account.credential), "")
    return Login(account.sid, found[account.credential], address, signing, account.details)


def token_of(account: CarrierAccount) -> str:
    """The account's secret. Raises :class:`CannotDo`."""
    return login_of(account).secret


def carrier(account: CarrierAccount) -> AtCarrier:
    return carrier_of(account).at(login_of(account))


def connect(organization: Organization, member: User | None, sid: str, token: str) -> CarrierAccount:
    """An account at Twilio; see :func:`connect_to`."""
    return connect_to(organization, member, "twilio", {"account_sid": sid, "auth_token": token})


def connect_to(
    organization: Organization, member: User | None, carrier_key: str, given: Mapping[str, str]
) -> CarrierAccount:
    """Keep the account, after asking the carrier whether it is one. Connected again it gets the new secrets. ``given``: by
    ``Carrier.login``.

    Raises :class:`CannotDo` and ``CarrierError``.
    """
    at = registry.CARRIERS.get(carrier_key)
    if at is None:
        raise CannotDo(f"Parley knows no carrier “{carrier_key}”. It knows {', '.join(registry.CARRIERS)}.")
    names = [asked.name for asked in at.login]
    if strange := sorted(name for name, value in given.items() if value and name not in names):
        raise CannotDo(f"{at.title} has no {strange[0]}: give {', '.join(names)}.")
    try:
        login = at.read(given)
    except WrongLogin as error:
        raise CannotDo(str(error)) from None
    login, name = async_to_sync(_look)(at, login)
    details = {**login.details, **({"signs": "own key"} if login.signing else {})}
    with transaction.atomic(), tenancy.use(organization):
        key = f"{at.title} {login.sid[:6]}…{login.sid[-4:]}"
        credentials.store(organization, key, at.key, login.secret, member, login.address)
        if login.signing:
            credentials.store(organization, _signing_name(key), at.key, login.signing, member, login.address)
        account, _ = CarrierAccount.objects.update_or_create(
            organization=organization, provider=at.key, sid=login.sid,
            defaults={"label": name[:120], "credential": key, "details": details},
        )  # fmt: skip
        return account  # type: ignore[no-any-return]


async def _look(at: Carrier, login: Login) -> tuple[Login, str]:
    """Whether it is an account, and what it is called; its id where a person can't know it."""
    there = at.at(login)
    name = await there.name()
    return replace(login, sid=there.sid), name


def _signing_name(credential: str) -> str:
    return f"{credential} (signing key)"


def disconnect(account: CarrierAccount) -> None:
    """Forget the account and its token. Raises :class:`CannotDo` where numbers of it are still imported."""
    with transaction.atomic(), tenancy.use(account.organization_id):
        if PhoneNumber.objects.filter(account=account).exists():
            raise CannotDo("Numbers of this account are still imported. Remove them first.")
        account.delete()
        Credential.objects.filter(name__in=[account.credential, _signing_name(account.credential)]).delete()


def available(account: CarrierAccount) -> list[tuple[CarrierNumber, bool]]:
    """The account's numbers at its carrier, and whether each is imported. Raises :class:`CannotDo` and ``CarrierError``."""
    found = async_to_sync(carrier(account).numbers)()
    with tenancy.use(account.organization_id):
        ours = set(PhoneNumber.objects.filter(account=account).values_list("number", flat=True))
    return [(each, each.number in ours) for each in found]


def import_number(account: CarrierAccount, number_sid: str, agent: Agent | None = None) -> PhoneNumber:
    """Lead the number's calls and texts here. Imported again it is led here again. Raises :class:`CannotDo` and ``CarrierError``."""
    title = carrier_of(account).title
    if not is_public(account):
        raise CannotDo(
            f"{title} can't reach {settings.SITE_URL}. Parley needs an https address that is open to the internet: set SITE_URL "
            "to it (docs/phones.md says how)."
        )
    at_carrier = carrier(account)
    found = next((each for each in async_to_sync(at_carrier.numbers)() if each.sid == number_sid), None)
    if found is None:
        raise CannotDo(f"This {title} account has no such number.")
    if not found.can_call:
        raise CannotDo(f"{found.number} can't be called: it is for text messages only.")
    with tenancy.use(account.organization_id):
        number = PhoneNumber.objects.filter(number=found.number).first()
        if number is not None and number.account_id != account.pk:
            raise CannotDo(f"{found.number} rings here already, by another account or over a trunk.")
    before = async_to_sync(at_carrier.lead)(
        number_sid, voice_url(account), status_url(account), text_url=text_url(account)
    )
    with tenancy.use(account.organization_id):
        if number is None:
            number = PhoneNumber(organization_id=account.organization_id, account=account, number=found.number)
        texts = {name: value for name, value in before.items() if name.startswith("sms_")}
        if before["voice_url"] != voice_url(account):
            number.before = {**number.before, **{name: value for name, value in before.items() if name not in texts}}
        if before.get("sms_url") != text_url(account):
            number.before = {**number.before, **texts}
        number.sid = number_sid
        number.label = number.label or ("" if found.label == found.number else found.label[:120])
        number.agent = agent or number.agent
        number.save()
    return number


def assign(number: PhoneNumber, agent: Agent | None) -> None:
    """Who answers from the next call on. Raises :class:`CannotDo`."""
    if agent is not None and agent.archived_at is not None:
        raise CannotDo("This agent is archived. Bring it back before it takes calls.")
    with tenancy.use(number.organization_id):
        number.agent = agent
        number.save(update_fields=["agent"])


def remove(number: PhoneNumber) -> bool:
    """Lead the number's calls and texts where they went before, and forget it. False: the calls were led elsewhere meanwhile, and were left so.

    Of one on a trunk nothing was led here: it is only forgotten. Raises :class:`CannotDo` and ``CarrierError``; the number is kept
    then.
    """
    if number.trunk_id is not None:
        forget(number)
        return True
    assert number.account is not None
    with tenancy.use(number.organization_id):
        at_carrier, ours, texts = carrier(number.account), voice_url(number.account), text_url(number.account)
    was_put_back = async_to_sync(at_carrier.put_back)(number.sid, number.before, ours, texts_only_if=texts)
    forget(number)
    return was_put_back


def forget(number: PhoneNumber) -> None:
    """Without asking the carrier: for an account whose token is no good any more."""
    with tenancy.use(number.organization_id):
        PhoneNumber.objects.filter(pk=number.pk).delete()


def account_of(pk: UUID) -> CarrierAccount | None:
    """Whose account it is, is what a webhook's address says: nobody is signed in."""
    with tenancy.system("a carrier's webhook names the account"):
        found: CarrierAccount | None = CarrierAccount.objects.select_related("organization").filter(pk=pk).first()
        return found
