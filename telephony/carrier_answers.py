"""Calls that the carrier answers for us, on what ``telephony.answering`` decided: put through, a message taken, a message said.

No call worker has to do with them, so they work where none has room. All of it may be asked twice.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts import tenancy
from accounts.models import Organization
from telephony.answering import is_address
from telephony.dialing import gate
from telephony.finish import Outcome, end_call
from telephony.models import Call, CallEvent
from telephony.phone_numbers import page_for
from telephony.reception import WITHOUT_AGENT_FOR
from telephony.wire import twiml

FORWARD_MINUTES = 30
"""For how long somebody may talk whom a number put through."""


def carry_out(call: Call) -> str:
    """What the carrier shall do, as TwiML."""
    _take(call)
    decided: dict[str, Any] = call.instead
    match decided["how"]:
        case "voicemail":
            told = page_of(call, "message")
            recording = twiml.record(action=told, told=told, seconds=int(decided["longest_s"]))
            return twiml.document(_say(call, decided["greeting"]), recording, twiml.hang_up())
        case "forward":
            return _forward(call)
    return twiml.document(_say(call, decided["text"]), twiml.hang_up())


def _forward(call: Call) -> str:
    decided = call.instead
    try:
        permit = forward_permit(call)
    except gate.MayNotDial as error:
        note(call, "not_put_through", {"to": decided["to"], "why": str(error)})
        return twiml.document(_say(call, decided["message"]), twiml.hang_up())
    return twiml.document(_put_through(permit, call))


def not_put_through(call: Call, why: str) -> str:
    """Nobody can be called: the caller hears the message."""
    _take(call)
    note(call, "not_put_through", {"to": call.instead["to"], "why": why})
    add(call, reached=False)
    return twiml.document(_say(call, call.instead["message"]), twiml.hang_up())


def forward_permit(call: Call) -> gate.Permit:
    """For the number or SIP address that the call's number forwards to. Raises ``gate.MayNotDial``."""
    to = str(call.instead["to"])
    with tenancy.use(call.organization_id):
        organization = Organization.objects.get(pk=call.organization_id)
    reserve = gate.reserve_address if is_address(to) else gate.reserve
    permit = reserve(organization, to, "transfer", longest_minutes=FORWARD_MINUTES, key=_key(call))
    gate.attach(permit, call)
    return permit


def forward_over(call: Call, *, seconds: float) -> None:
    """Its place is free again: they have talked for so long, 0 where nobody was there."""
    gate.release(call.organization_id, _key(call), seconds=seconds)


def _put_through(permit: gate.Permit, call: Call) -> str:
    dial = twiml.dial_sip if is_address(permit.number) else twiml.dial
    return dial(
        permit.number,
        action=page_of(call, "forwarded"),
        seconds=int(call.instead["ring_s"]),
        longest_s=permit.longest_minutes * 60,
    )


def forwarded(call: Call, form: Mapping[str, str]) -> str:
    """The other end has hung up, or nobody was there: then the caller hears the message."""
    status, seconds = form.get("DialCallStatus", ""), talked_for(form)
    was_reached = status in ("completed", "answered")
    gate.release(call.organization_id, _key(call), seconds=seconds if was_reached else 0)
    if "reached" not in call.instead:
        add(call, reached=was_reached)
        kind = "put_through" if was_reached else "not_put_through"
        note(call, kind, {"to": call.instead.get("to", ""), "why": "" if was_reached else _dial_words(status)})
    if was_reached or form.get("CallStatus") == "completed":
        return twiml.document(twiml.hang_up())
    return twiml.document(_say(call, str(call.instead.get("message", ""))), twiml.hang_up())


def recorded(call: Call, form: Mapping[str, str]) -> str:
    """The message has ended; when its recording is there, a second time with its id."""
    sid, seconds = form.get("RecordingSid", "")[:64], whole(form.get("RecordingDuration"))
    is_ready = form.get("RecordingStatus", "") == "completed"
    if sid and seconds and "recording" not in call.instead:
        add(call, recording=sid, recording_s=seconds)
    if sid and seconds and is_ready:
        with tenancy.use(call.organization_id), transaction.atomic():
            row = Call.objects.select_for_update().get(pk=call.pk)
            if row.instead.get("fetched") != sid:  # told again, it is not fetched again: it is gone from the carrier
                row.recording_at_carrier = call.recording_at_carrier = sid
            if row.end_reason == "no_message_left":  # the call's end may be told before its recording is
                row.end_reason = "message_left"
            row.save(update_fields=["recording_at_carrier", "end_reason"])
        from telephony.tasks import fetch_message

        with contextlib.suppress(Exception):  # the broker is away: the clock finds it
            fetch_message.delay(str(call.pk), str(call.organization_id))
    return twiml.document(twiml.hang_up())


def over(call: Call, form: Mapping[str, str]) -> None:
    """The carrier says that such a call is over."""
    with tenancy.use(call.organization_id):
        call.refresh_from_db(fields=["instead"])
    decided = call.instead
    match decided.get("how"):
        case "voicemail":
            reason = "message_left" if decided.get("recording_s") else "no_message_left"
        case "forward":
            reached = decided.get("reached")
            reason = "forwarded" if reached else "not_forwarded" if reached is False else "caller_hung_up"
        case "transfer":  # the caller hung up before our pages were asked what comes next
            reason = "caller_hung_up"
        case _:
            reason = "machine_message" if decided.get("why") == "machine" else "message_said"
    outcome = Outcome(duration_ms=whole(form.get("CallDuration")) * 1000, answered_at=call.answered_at)
    end_call(call, call.organization_id, reason, outcome=outcome)


def page_of(call: Call, page: str) -> str:
    """The address of one of our pages about this call, as its carrier is told it."""
    with tenancy.use(call.organization_id):
        assert call.carrier_account is not None
        return page_for(call.carrier_account, page, call.pk)


def note(call: Call, kind: str, data: dict[str, Any]) -> None:
    """Something happened, in the order of the call's events."""
    with tenancy.use(call.organization_id):
        at = timezone.now() - (call.answered_at or call.created_at)
        CallEvent.objects.create(
            organization_id=call.organization_id,
            call=call,
            at_ms=max(0, int(at.total_seconds() * 1000)),
            kind=kind,
            data=data,
        )


def _take(call: Call) -> None:
    """It is under way, and nobody's who renews a lease."""
    with tenancy.use(call.organization_id), transaction.atomic():
        row = Call.objects.select_for_update().get(pk=call.pk)
        is_first = row.worker != "" or row.status == Call.Status.QUEUED
        row.status, row.worker, row.lease_until = Call.Status.IN_PROGRESS, "", timezone.now() + WITHOUT_AGENT_FOR
        row.answered_at = row.answered_at or timezone.now()
        row.save(update_fields=["status", "worker", "lease_until", "answered_at"])
        call.status, call.worker, call.answered_at = row.status, row.worker, row.answered_at
    if is_first:
        note(call, "instead", {"how": call.instead["how"], "why": call.instead["why"]})


def add(call: Call, **known: Any) -> None:
    with tenancy.use(call.organization_id), transaction.atomic():
        row = Call.objects.select_for_update().get(pk=call.pk)
        row.instead = {**row.instead, **known}
        row.save(update_fields=["instead"])
        call.instead = row.instead


def _say(call: Call, text: str) -> str:
    return twiml.say(text, str((call.spec.get("sounds") or {}).get("language") or ""))


def _key(call: Call) -> str:
    return f"forward-{call.pk}"


def _dial_words(status: str) -> str:
    words = {"busy": "The line was busy.", "no-answer": "Nobody picked up.", "canceled": "The caller hung up."}
    return words.get(status, "The number could not be reached.")


def talked_for(form: Mapping[str, str]) -> int | None:
    """Seconds, of a number that was dialled; ``None``: the carrier doesn't tell."""
    told = form.get("DialCallDuration")
    return None if told is None else whole(told)


def whole(text: str | None) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 7 else 0
