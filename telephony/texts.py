"""Text messages out of here: asked for in the dashboard or over the API, or sent by an agent when its call is over. The limits hold for
them, too."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from asgiref.sync import async_to_sync
from django.db import IntegrityError, transaction
from django.utils import timezone
from pydantic import ValidationError

from accounts import tenancy
from agents import spec, variables
from telephony import carrier_answers, phone_numbers, texts_in
from telephony.carriers import CarrierError
from telephony.dialing import policies
from telephony.dialing.e164 import Number, read
from telephony.dialing.models import DoNotCall
from telephony.dialing.policy import Refused, Usage, may_text
from telephony.models import Call, CarrierAccount, PhoneNumber, TextMessage
from telephony.outbound import MayNotDial
from telephony.storable import storable

LONGEST = 1_600
"""As one message to Twilio; carriers cut it into parts of 153 letters, and charge each."""
BECAME = {"sent": "sent", "delivered": "delivered", "undelivered": "failed", "failed": "failed"}
"""Twilio's MessageStatus → ours; others change nothing."""


def send(ours: PhoneNumber, to: str, body: str, *, call: Call | None = None) -> TextMessage:
    """Raises :class:`MayNotDial`, ``phone_numbers.CannotDo`` and ``CarrierError``; of the last there is a row that tells of it."""
    body = storable(body).strip()
    if not body:
        raise MayNotDial("There is nothing to send: the text is empty.")
    if len(body) > LONGEST:
        raise MayNotDial(f"The text has {len(body):,} letters, and {LONGEST:,} is the most.")
    if ours.account is None:
        raise MayNotDial(
            "This number is on a SIP trunk, which carries no text messages. Send from a number at a carrier, such as Twilio."
        )
    carrier = phone_numbers.carrier(ours.account)
    text = _enter(ours, to, body, call)
    url = phone_numbers.page_for(ours.account, "text", text.pk) if phone_numbers.is_public(ours.account) else ""
    try:
        sid = async_to_sync(carrier.send_text)(text.to_number, text.from_number, body, url)
    except CarrierError as error:
        _change(text, status="failed", problem=error.message[:300])
        _heed(ours.account, text, error.code)
        raise
    text.carrier_message_id = sid
    with tenancy.use(text.organization_id):
        TextMessage.objects.filter(pk=text.pk).update(carrier_message_id=sid)
        # What became of it may have been told already.
        TextMessage.objects.filter(pk=text.pk, status="sending").update(status="sent")
        text.refresh_from_db()
    return text


def _enter(ours: PhoneNumber, to: str, body: str, call: Call | None) -> TextMessage:
    """One after the other for an organization, so that what is counted is what there is. Raises :class:`MayNotDial`."""
    organization = ours.organization
    policy = policies.policy_of(organization)
    with tenancy.use(organization), transaction.atomic():
        type(organization).objects.select_for_update().get(pk=organization.pk)
        day = timezone.now().astimezone(ZoneInfo(organization.timezone)).date()
        since = datetime.combine(day, time.min, ZoneInfo(organization.timezone)).astimezone(UTC)
        found = read(to, policy.home_country)
        is_listed = isinstance(found, Number) and DoNotCall.objects.filter(number=found.e164).exists()
        sent = TextMessage.objects.filter(direction=TextMessage.Direction.OUTBOUND, created_at__gte=since)
        answer = may_text(policy, to, Usage(today=sent.count(), is_do_not_call=is_listed))
        if isinstance(answer, Refused):
            raise MayNotDial(answer.words)
        made: TextMessage = TextMessage.objects.create(
            organization=organization,
            phone_number=ours,
            carrier_account=ours.account,
            call=call,
            from_number=ours.number,
            to_number=answer.e164,
            body=body,
        )
    return made


def send_after(call_id: Any, organization: Any) -> bool:
    """What the agent of this call sends now that it is over. False: nothing. Asked again it sends nothing again."""
    with tenancy.use(organization):
        rows = Call.objects.select_related("phone_number__account__organization", "phone_number__organization")
        call = rows.filter(pk=call_id, status=Call.Status.ENDED).exclude(answered_at=None).first()
        if call is None or call.phone_number is None or call.texts.exists():
            return False
        try:
            frozen = spec.load(call.spec)
        except ValidationError:
            return False
    if not _is_due(call, frozen):
        return False
    to = call.to_number if call.direction == Call.Direction.OUTBOUND else call.from_number
    body = variables.say(frozen.does.text_after, {**call.variables, **_words(call)})
    try:
        text = send(call.phone_number, to, body, call=call)
    except IntegrityError:  # another was quicker
        return False
    except (MayNotDial, phone_numbers.CannotDo, CarrierError) as error:
        carrier_answers.note(call, "text_not_sent", {"to": to, "why": str(error)})
        return False
    carrier_answers.note(call, "text_sent", {"to": text.to_number, "text": text.body})
    return True


def _is_due(call: Call, frozen: spec.AgentSpec) -> bool:
    if not frozen.does.text_after.strip() or call.instead.get("how", "agent") not in ("agent", "transfer"):
        return False
    required = [field.key for field in frozen.does.collect if field.is_required]
    is_all = all(call.collected.get(key) not in (None, "") for key in required)
    return frozen.does.text_when == "always" or (bool(frozen.does.collect) and is_all)


def _words(call: Call) -> dict[str, Any]:
    """What was collected, as it was said back to the caller."""
    with tenancy.use(call.organization_id):
        told = {event.data.get("key"): event.data for event in call.events.filter(kind="collected")}
    return {
        key: (told.get(key, {}).get("spoken") or value)
        for key, value in call.collected.items()
        if value not in (None, "")
    }


def became(account: CarrierAccount, text: TextMessage, form: Mapping[str, str]) -> None:
    """What its carrier tells of it. What was delivered stays so, and what failed isn't on its way again, whatever comes late."""
    status = BECAME.get(form.get("MessageStatus", ""))
    # A signature may fit any of our pages: Telnyx's isn't of the address.
    is_another = text.carrier_message_id not in ("", form.get("MessageSid"))
    if status is None or is_another or text.status == TextMessage.Status.DELIVERED:
        return
    if text.status == TextMessage.Status.FAILED and status != TextMessage.Status.DELIVERED:
        return
    if status != TextMessage.Status.FAILED:
        _change(text, status=status, problem="")
        return
    code, words = form.get("ErrorCode", ""), form.get("ErrorMessage", "")
    title = phone_numbers.carrier_of(account).title
    why = f" ({title}'s error {code}{words and ': '}{words})" if code else ""
    _change(text, status=status, problem=storable(f"The telephone company could not deliver it{why}.")[:300])
    _heed(account, text, carrier_answers.whole(code))


def _heed(account: CarrierAccount, text: TextMessage, code: int) -> None:
    """Where the carrier says so, whom it was for has texted STOP."""
    if code == phone_numbers.carrier_of(account).stopped:
        reason = "Texted STOP before: the telephone company sends it no texts"
        texts_in.has_stopped(account, text.to_number, reason)


def _change(text: TextMessage, **values: Any) -> None:
    with tenancy.use(text.organization_id):
        TextMessage.objects.filter(pk=text.pk).update(**values)
