"""Text messages that come in: kept, and where they ask not to be called or written to, obeyed.

The carrier may tell of one twice; it is one row. Nothing is answered: carriers themselves answer STOP, START and HELP.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from django.db import transaction

from accounts import tenancy
from telephony.carrier_answers import whole
from telephony.dialing import do_not_call
from telephony.dialing.models import DoNotCall
from telephony.models import CarrierAccount, PhoneNumber, TextMessage
from telephony.storable import storable
from telephony.text_words import meaning

logger = logging.getLogger(__name__)

LONGEST = 4_000
"""Letters that are kept of one."""


def receive(account: CarrierAccount, form: Mapping[str, str]) -> TextMessage | None:
    """``None``: it is no message, or nobody's."""
    sid, sender, to = form.get("MessageSid", "")[:64], form.get("From", "")[:64], form.get("To", "")[:64]
    if not sid or not sender or not to:
        return None
    body = storable(form.get("Body", ""))[:LONGEST]
    with tenancy.use(account.organization_id), transaction.atomic():
        text, is_new = TextMessage.objects.get_or_create(
            carrier_account=account,
            carrier_message_id=sid,
            direction=TextMessage.Direction.INBOUND,
            defaults={
                "organization_id": account.organization_id,
                "phone_number": PhoneNumber.objects.filter(account=account, number=to).first(),
                "from_number": sender,
                "to_number": to,
                "body": body,
                "means": meaning(body),
                "media": min(whole(form.get("NumMedia")), 99),
                "status": TextMessage.Status.RECEIVED,
            },
        )
        if is_new:
            _obey(account, text)
    found: TextMessage = text
    return found


def _obey(account: CarrierAccount, text: TextMessage) -> None:
    """STOP holds for calls, too, and from all numbers of the organization. START takes back what STOP did, and nothing that somebody of the
    team, or a caller aloud, has asked for."""
    if text.means == "stop":
        has_stopped(account, text.from_number, f"Texted “{text.body[:60]}” to {text.to_number}")
    elif text.means == "start":
        with tenancy.use(account.organization_id):
            DoNotCall.objects.filter(number=text.from_number, source=DoNotCall.Source.TEXT).delete()


def has_stopped(account: CarrierAccount, number: str, reason: str) -> None:
    """This number wants neither calls nor texts any more."""
    try:
        do_not_call.add(account.organization, number, reason, source=DoNotCall.Source.TEXT)
    except do_not_call.NotANumber:  # a short code, or a name: nobody calls those
        logger.info("Somebody who is no telephone number wrote STOP")
