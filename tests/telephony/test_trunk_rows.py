"""What the database itself keeps right about trunks and the numbers on them."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, transaction

from accounts import tenancy
from telephony.models import CarrierAccount, PhoneNumber, Trunk


def trunk(organization: Any, label: str = "Office PBX", **more: Any) -> Trunk:
    with tenancy.use(organization):
        made: Trunk = Trunk.objects.create(organization=organization, label=label, host="pbx.example.com", **more)
        return made


def number(organization: Any, of: Trunk | None, text: str, **more: Any) -> PhoneNumber:
    with tenancy.use(organization), transaction.atomic():
        made: PhoneNumber = PhoneNumber.objects.create(organization=organization, trunk=of, number=text, **more)
        return made


def test_a_number_is_on_a_trunk_or_at_an_account_and_never_both_or_neither(organization: Any) -> None:
    office = trunk(organization)
    with tenancy.use(organization):
        account = CarrierAccount.objects.create(organization=organization, sid="AC1", credential="x")
    number(organization, office, "+14155550142")
    number(organization, None, "+14155550143", account=account)
    with pytest.raises(IntegrityError, match="a_phone_number_is_at_one_carrier"):
        number(organization, None, "+14155550144")
    with pytest.raises(IntegrityError, match="a_phone_number_is_at_one_carrier"):
        number(organization, office, "+14155550145", account=account)


def test_two_trunks_may_have_the_same_extension_but_a_telephone_number_is_on_one(organization: Any) -> None:
    office, shop = trunk(organization), trunk(organization, "Shop")
    number(organization, office, "200")
    number(organization, shop, "200")
    with pytest.raises(IntegrityError, match="one_phone_number_a_trunk"):
        number(organization, shop, "200")
    number(organization, office, "+14155550142")
    with pytest.raises(IntegrityError, match="one_phone_number"):
        number(organization, shop, "+14155550142")


def test_nobody_can_put_a_number_on_a_trunk_that_another_organization_has_on_one(
    organization: Any, strangers_organization: Any
) -> None:
    number(organization, trunk(organization), "+14155550142")
    with pytest.raises(IntegrityError, match="one_phone_number_on_all_trunks"):
        number(strangers_organization, trunk(strangers_organization), "+14155550142")
