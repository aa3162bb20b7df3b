"""A call ends: once, whoever says it first, with its figures and its recording."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import transaction
from django.utils import timezone

from accounts import tenancy
from telephony import live_feed, recordings
from telephony.dialing import gate
from telephony.end_reasons import REASONS
from telephony.models import Call, Recording
from telephony.storable import storable

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the worker knows of the call when it is over. ``None``: it has to be found in the rows (the worker is gone)."""

    duration_ms: int | None = None
    collected: dict[str, Any] | None = None
    recording: recordings.Written | None = field(default=None)
    answered_at: datetime | None = None
    up_ms: int = 0
    """Of a call of ours: how long its line was up, the time with it in which it was listened for a machine."""


def end_call(
    call: Any,
    organization: Any,
    reason: str,
    detail: str = "",
    outcome: Outcome | None = None,
    *,
    only_waiting: bool = False,
    stream: int | None = None,
) -> bool:
    """Make the call ended, with its duration, latency and recording. False: it was already.

    ``only_waiting``: not one that a worker has taken, which is the worker's to end (then False, too). ``stream``: of a telephone
    call, only while no other worker has gone on with it.
    """
    if reason not in REASONS:
        detail, reason = f"{reason} {detail}".strip(), "internal_error"
    outcome = outcome or Outcome()
    pk = getattr(call, "pk", call)
    with tenancy.use(organization), transaction.atomic():
        row = Call.objects.select_for_update().filter(pk=pk).exclude(status=Call.Status.ENDED).first()
        if row is None or (only_waiting and row.status != Call.Status.QUEUED):
            return False
        if stream is not None and row.streams != stream:
            return False
        row.status = Call.Status.ENDED
        row.end_reason, row.end_detail = reason, storable(detail)[:300]
        row.ended_at = timezone.now()
        row.lease_until = None
        row.answered_at = row.answered_at or outcome.answered_at
        row.latency = summary([turn.latency.get("total_ms") for turn in row.turns.filter(role="agent")])
        row.speculation = _speculation(row)
        row.duration_ms = outcome.duration_ms if outcome.duration_ms is not None else _duration_ms(row)
        if outcome.up_ms > row.duration_ms:
            row.instead = {**row.instead, "up_s": max(math.ceil(outcome.up_ms / 1000), row.instead.get("up_s", 0))}
            row.duration_ms = outcome.up_ms if row.answered_at is None else row.duration_ms  # else the sound's clock
        row.collected = storable(outcome.collected) if outcome.collected is not None else _collected(row)
        row.save()
        gate.release_call(row)
        _finalise(row, outcome.recording)
        transaction.on_commit(lambda: _tell(row))
        if row.channel == Call.Channel.PHONE and (row.spec.get("does") or {}).get("text_after"):
            transaction.on_commit(lambda: _text(row))
    return True


def was_up(call: Call, seconds: int) -> None:
    """The carrier tells how many seconds a call of ours was up, those with it in which it was listened for a machine. That is what it
    charges; of a call that is over and that no agent talked in, it is how long it was, too."""
    with tenancy.use(call.organization_id), transaction.atomic():
        row = Call.objects.select_for_update().get(pk=call.pk)
        seconds = max(seconds, int(row.instead.get("up_s", 0)))
        row.instead = {**row.instead, "up_s": seconds}
        if row.answered_at is None and row.duration_ms:
            row.duration_ms = max(row.duration_ms, seconds * 1000)
        row.save(update_fields=["instead", "duration_ms"])
        if row.status == Call.Status.ENDED:
            gate.charge_call(row)
        call.instead = row.instead


def hang_up(call: Call, reason: str = "member_hung_up") -> None:
    """End a running call from outside: its worker says when it is over. A waiting one is ended here."""
    if end_call(call, call.organization_id, reason, only_waiting=True):
        return
    with tenancy.use(call.organization_id):
        call.refresh_from_db(fields=["worker"])  # it may have been taken since it was read
    command(call, "hang_up", reason=reason)


def command(call: Call, name: str, **more: Any) -> None:
    """Tell the call's worker something. It is lost where the worker is; the reaper looks after its calls."""
    if call.worker:
        message = {"type": "call.command", "call_id": str(call.pk), "command": name, **more}
        async_to_sync(get_channel_layer().send)(worker_channel(call.worker), message)


def worker_channel(worker: str) -> str:
    return f"callworker.{worker}"


def summary(waits: Sequence[int | None]) -> dict[str, int]:
    """What the caller waited: {"p50_ms", "p95_ms", "turns"}; empty where no turn was measured."""
    known = sorted(wait for wait in waits if wait is not None)
    if not known:
        return {}
    return {"p50_ms": _percentile(known, 50), "p95_ms": _percentile(known, 95), "turns": len(known)}


def _percentile(ordered: Sequence[int], percent: int) -> int:
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def _speculation(call: Call) -> dict[str, int]:
    dropped = [event.data for event in call.events.filter(kind="speculation_dropped")]
    known = [data for data in dropped if isinstance(data.get("tokens"), int)]
    return {
        "withdrawn": len(dropped),
        "tokens": sum(data["tokens"] for data in known),
        "estimated": sum(data["tokens"] for data in known if data.get("is_estimate")),
    }


def _duration_ms(call: Call) -> int:
    """Without its worker: as long as something was heard of it."""
    if call.answered_at is None:
        return 0
    last_turn = call.turns.order_by("-index").first()
    last_event = call.events.order_by("-at_ms").first()
    ends = [0]
    if last_turn is not None:
        ends.append(last_turn.ended_ms or last_turn.started_ms)
    if last_event is not None:
        ends.append(last_event.at_ms)
    recording: Recording | None = getattr(call, "recording", None)
    if recording is not None:
        written = recordings.repair(recordings.absolute(recording.path))
        ends.append(written.duration_ms if written else 0)
    return max(ends)


def _collected(call: Call) -> dict[str, Any]:
    """What was found out, from the events: the last value of each field."""
    found: dict[str, Any] = {field["key"]: None for field in call.spec.get("does", {}).get("collect", [])}
    for event in call.events.filter(kind="collected"):
        found[event.data["key"]] = event.data.get("value")
    return found


def _finalise(call: Call, written: recordings.Written | None) -> None:
    recording: Recording | None = Recording.objects.filter(call=call).first()
    if recording is None:
        return
    path = recordings.absolute(recording.path)
    written = written or recordings.repair(path)
    if written is None or written.duration_ms == 0:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:  # the call ends all the same, and whoever mends the disk still finds the row
            logger.error("The recording %s can be neither repaired nor removed: %s", path, error)
            return
        recording.delete()
        return
    recording.duration_ms, recording.size_bytes, recording.is_complete = written.duration_ms, written.size_bytes, True
    recording.save()


def _tell(call: Call) -> None:
    try:
        async_to_sync(live_feed.tell_ended)(call)
    except Exception:  # the row is what counts; whoever watches asks again
        logger.warning("The end of call %s could not be told to the live feed", call.pk, exc_info=True)


def _text(call: Call) -> None:
    """What the agent sends when its call is over is sent by Celery: a carrier may take its time."""
    from telephony.tasks import text_after

    try:
        text_after.delay(str(call.pk), str(call.organization_id))
    except Exception:  # whatever the broker's driver raises: the call has ended all the same
        logger.exception("The text after call %s can't be sent: no Celery worker can be told", call.pk)
