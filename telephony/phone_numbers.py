"""Use cases of telephone numbers: connect an account, import a number, say who answers it, give it back."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from asgiref.sync import async_to_sync
from django.conf import settings
from django.db import transaction
from django.urls import reverse

from accounts import credentials, tenancy, vault
from accounts.models import Organization, User
from agents.models import Agent
from telephony.carriers import CarrierNumber
from telephony.carriers.twilio import ACCOUNT_SID, Twilio
from telephony.models import CarrierAccount, PhoneNumber


class CannotDo(Exception):
    """What was asked for can't be done; the message says why, in plain words."""


def is_public() -> bool:
    """Whether the carrier can reach this installation: over the internet by https only; one that is here itself in any case."""
    return settings.SITE_URL.startswith("https://") or settings.TWILIO_API_URL.startswith("http://")


def public_url(name: str, *parts: Any) -> str:
    """Exactly as the carrier is told, and as it signs it."""
    return f"{settings.SITE_URL}{reverse(name, args=parts)}"


def voice_url(account: CarrierAccount) -> str:
    return public_url("twilio-voice", account.pk)


def status_url(account: CarrierAccount) -> str:
    return public_url("twilio-status", account.pk)


def text_url(account: CarrierAccount) -> str:
    return public_url("twilio-text-in", account.pk)


def token_of(account: CarrierAccount) -> str:
    """The account's secret. Raises :class:`CannotDo`."""
    try:
        found = credentials.secrets_for(account.organization, {account.credential: settings.TWILIO_API_URL})
    except credentials.NotGiven as error:
        raise CannotDo(str(error)) from None
    except vault.CannotOpen:
        raise CannotDo("The stored auth token can't be opened any more. Connect the account again.") from None
    return found[account.credential]


def carrier(account: CarrierAccount) -> Twilio:
    return Twilio(account.sid, token_of(account))


def connect(organization: Organization, member: User | None, sid: str, token: str) -> CarrierAccount:
    """Keep the account, after asking Twilio whether it is one. Connected again it gets the new token.

    Raises :class:`CannotDo` and ``CarrierError``.
    """
    sid, token = sid.strip(), token.strip()
    if not ACCOUNT_SID.fullmatch(sid):
        raise CannotDo(
            "An account SID begins with AC, followed by 32 letters and digits. You find it in Twilio's console."
        )
    if not token or len(token) > 200:
        raise CannotDo("Give the account's auth token. You find it in Twilio's console, below the account SID.")
    name = async_to_sync(Twilio(sid, token).name)()
    with transaction.atomic(), tenancy.use(organization):
        key = f"Twilio {sid[:6]}…{sid[-4:]}"
        credentials.store(organization, key, "twilio", token, member, settings.TWILIO_API_URL)
        account, _ = CarrierAccount.objects.update_or_create(
            organization=organization, provider="twilio", sid=sid, defaults={"label": name[:120], "credential": key}
        )
        return account  # type: ignore[no-any-return]


def disconnect(account: CarrierAccount) -> None:
    """Forget the account and its token. Raises :class:`CannotDo` where numbers of it are still imported."""
    with transaction.atomic(), tenancy.use(account.organization_id):
        if PhoneNumber.objects.filter(account=account).exists():
            raise CannotDo("Numbers of this account are still imported. Remove them first.")
        account.delete()
        from accounts.models import Credential

        Credential.objects.filter(name=account.credential).delete()


def available(account: CarrierAccount) -> list[tuple[CarrierNumber, bool]]:
    """The account's numbers at its carrier, and whether each is imported. Raises :class:`CannotDo` and ``CarrierError``."""
    found = async_to_sync(carrier(account).numbers)()
    with tenancy.use(account.organization_id):
        ours = set(PhoneNumber.objects.filter(account=account).values_list("number", flat=True))
    return [(each, each.number in ours) for each in found]


def import_number(account: CarrierAccount, number_sid: str, agent: Agent | None = None) -> PhoneNumber:
    """Lead the number's calls and texts here. Imported again it is led here again. Raises :class:`CannotDo` and ``CarrierError``."""
    if not is_public():
        raise CannotDo(
            f"Twilio can't reach {settings.SITE_URL}. Parley needs an https address that is open to the internet: set SITE_URL "
            "to it (docs/phones.md says how)."
        )
    at_carrier = carrier(account)
    found = next((each for each in async_to_sync(at_carrier.numbers)() if each.sid == number_sid), None)
    if found is None:
        raise CannotDo("This Twilio account has no such number.")
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
