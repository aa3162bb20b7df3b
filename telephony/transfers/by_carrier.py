"""Put through by the carrier: the live call is told to dial somebody, and asks our pages what comes next when that is over, or failed.

    put_through: gate ─▶ row (nobody's who has a stream) ─▶ the carrier ─▶ its stream to us ends
    dialled:     they talked ─▶ the call is over · nobody was there ─▶ another stream, and the agent says so

What the row says is ``Call.instead``: {"how": "transfer", "transfer": {"name", "to", "key", "before"}} while the carrier has the call, {"back":
{"why", "name"}} until an agent has said it.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

import redis
from asgiref.sync import async_to_sync
from django.db import transaction
from django.utils import timezone

from accounts import tenancy
from agents.transfers import TransferTarget
from telephony import phone_calls, phone_numbers
from telephony.carrier_answers import note, page_of, talked_for
from telephony.carriers import CarrierError
from telephony.dialing import gate
from telephony.finish import end_call
from telephony.models import Call
from telephony.reception import WITHOUT_AGENT_FOR
from telephony.session.transferring import NotReached, Why
from telephony.transfers.by_sip import permitted
from telephony.wire import twiml

RING_SECONDS = 30

_HOW: dict[str, tuple[Why, str]] = {
    "busy": ("busy", "The line was busy."),
    "no-answer": ("no_answer", "Nobody picked up."),
    "canceled": ("no_answer", "The caller hung up while it rang."),
}
"""Twilio's DialCallStatus."""


def put_through(call: Call, wanted: TransferTarget) -> None:
    """The carrier is told to. Raises ``NotReached``: then all is as before."""
    permit = permitted(call, wanted, key=f"transfer-{uuid.uuid4().hex}")
    try:
        stream = _leave(call, wanted, permit)
        try:
            account = phone_numbers.account_of(call.carrier_account_id) if call.carrier_account_id else None
            if account is None:
                raise NotReached("not_reached", "The account at the telephone company was removed.")
            at_carrier, order = phone_numbers.carrier(account), _order(permit, call)
            if not phone_numbers.carrier_of(account).takes_documents:
                phone_calls.answer_next(call, order)
            async_to_sync(at_carrier.transfer_out)(permit, call.carrier_call_id, order, page_of(call, "next"))
        except (CarrierError, phone_numbers.CannotDo) as error:
            _stay(call, stream)
            raise NotReached("not_reached", str(error)) from error
        except redis.RedisError as error:
            _stay(call, stream)
            raise NotReached(
                "not_reached", "Valkey can't be reached, so the telephone company can't be told."
            ) from error
        except BaseException:
            _stay(call, stream)
            raise
    except BaseException:
        gate.release(permit.organization, permit.key, seconds=0)
        raise
    with tenancy.use(call.organization_id):  # nobody renews its lease any more
        Call.objects.filter(
            pk=call.pk, streams=stream, status=Call.Status.IN_PROGRESS, instead__transfer__key=permit.key
        ).update(worker="", lease_until=timezone.now() + WITHOUT_AGENT_FOR)


def _order(permit: gate.Permit, call: Call) -> str:
    ours = call.from_number if call.direction == Call.Direction.OUTBOUND else call.to_number
    dial = twiml.dial_sip if permit.number.startswith("sip") else twiml.dial
    return twiml.document(
        dial(
            permit.number,
            caller_id=ours,
            action=page_of(call, "transferred"),
            seconds=RING_SECONDS,
            longest_s=permit.longest_minutes * 60,
        )
    )


def _leave(call: Call, wanted: TransferTarget, permit: gate.Permit) -> int:
    """From now on no stream that stands may end the call. Returns the number of the next."""
    with tenancy.use(call.organization_id), transaction.atomic():
        row = Call.objects.select_for_update().get(pk=call.pk)
        if row.status != Call.Status.IN_PROGRESS or row.streams >= phone_calls.MOST_STREAMS:
            raise NotReached("not_reached", "The call was over, or had been put through too often.")
        row.streams += 1
        transfer = {"name": wanted.name, "to": permit.number, "key": permit.key, "before": row.instead}
        row.instead = {"how": "transfer", "transfer": transfer}
        row.save(update_fields=["streams", "instead"])
        return int(row.streams)


def _stay(call: Call, stream: int) -> None:
    phone_calls.forget_next(call)
    with tenancy.use(call.organization_id), transaction.atomic():
        row = Call.objects.select_for_update().get(pk=call.pk)
        if row.streams == stream and row.instead.get("how") == "transfer":
            row.streams, row.instead = stream - 1, row.instead["transfer"]["before"]
            row.save(update_fields=["streams", "instead"])


def dialled(call: Call, form: Mapping[str, str]) -> str:
    """It is over, or came to nothing: what the carrier shall do with the caller, as TwiML."""
    transfer: dict[str, Any] = call.instead.get("transfer") or {}
    if call.instead.get("how") != "transfer":  # asked again
        return phone_calls.GOODBYE if call.status == Call.Status.ENDED else phone_calls.next_step(call, form)
    status, seconds = form.get("DialCallStatus", ""), talked_for(form)
    was_reached = status in ("completed", "answered")
    gate.release(call.organization_id, transfer["key"], seconds=seconds if was_reached else 0)
    why, words = _HOW.get(status, ("not_reached", "The number could not be reached."))
    is_gone = form.get("CallStatus") == "completed"
    if was_reached:
        _settle(call, {})
        told = {} if seconds is None else {"seconds": seconds}
        note(call, "put_through", {"to": transfer["name"], "by": transfer["to"], **told})
        if not end_call(call, call.organization_id, "transferred"):
            with tenancy.use(call.organization_id):  # its end may be told before this
                Call.objects.filter(pk=call.pk, end_reason="caller_hung_up").update(end_reason="transferred")
        return phone_calls.GOODBYE
    _settle(call, {} if is_gone else {"back": {"why": why, "name": transfer["name"]}})
    note(call, "not_put_through", {"to": transfer["name"], "by": transfer["to"], "why": words})
    if is_gone or call.status == Call.Status.ENDED:
        end_call(call, call.organization_id, "caller_hung_up")
        return phone_calls.GOODBYE
    return _back(call)


def _back(call: Call) -> str:
    """To an agent again, of whichever call worker."""
    phone_calls.forget_next(call)
    if not phone_calls.is_anybody_there():
        return phone_calls.nobody_goes_on(call)
    return phone_calls.to_a_worker(call, is_back=True)


def _settle(call: Call, more: Mapping[str, Any]) -> None:
    """The carrier doesn't have it any more."""
    with tenancy.use(call.organization_id), transaction.atomic():
        row = Call.objects.select_for_update().get(pk=call.pk)
        row.instead = {**row.instead["transfer"]["before"], **more}
        row.save(update_fields=["instead"])
        call.instead = row.instead
