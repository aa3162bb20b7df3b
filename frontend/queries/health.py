"""Is everything there that a call needs? Each check says what it found and, where it is red, what to do."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import redis
from django.core.cache import cache
from django.db import DatabaseError, connection
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from agents.live import ABSENT
from telephony.tasks import REAPED_AT
from telephony.worker_status import WorkerStatus, workers

State = Literal["good", "warning", "bad"]
SLOW_MS = 250
QUIET_SECONDS = 30
LAGGING_MS = 50


@dataclass(frozen=True, slots=True)
class Check:
    title: str
    state: State
    words: str
    advice: str = ""
    detail: str = ""


def checks() -> list[Check]:
    """The database, Valkey, call workers, models, background work: in the order one would look."""
    found, fault = _workers()
    named = [_database(), _valkey(), _call_workers(found, fault), _models(found, fault), _background()]
    return [*named, *_vendors(found)]


def worst(found: list[Check]) -> State:
    states = {check.state for check in found}
    return "bad" if "bad" in states else "warning" if "warning" in states else "good"


def alive() -> list[WorkerStatus]:
    """The call workers; none where Valkey can't be asked."""
    return _workers()[0]


def _workers() -> tuple[list[WorkerStatus], str]:
    try:
        return workers(), ""
    except (redis.RedisError, OSError) as error:
        return [], str(error)


def _database() -> Check:
    title = _("Database (PostgreSQL)")
    started = time.perf_counter()
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        return Check(
            title,
            "bad",
            _("It doesn't answer."),
            _("Check that PostgreSQL runs and that DATABASE_URL leads to it."),
            str(error),
        )
    took_ms = (time.perf_counter() - started) * 1000
    if took_ms > SLOW_MS:
        return Check(
            title,
            "warning",
            _("It answers slowly: after %d ms.") % took_ms,
            _("Look at the load of its machine and of the network to it."),
        )
    return Check(title, "good", _("It answers."), detail=f"{took_ms:.1f} ms")


def _valkey() -> Check:
    title = _("Messages between the processes (Valkey)")
    started = time.perf_counter()
    try:
        cache.set("health:ping", 1, 10)
        answered = cache.get("health:ping") == 1
    except (redis.RedisError, OSError) as error:
        return Check(
            title,
            "bad",
            _("It doesn't answer, so no call can be placed."),
            _("Check that Valkey runs and that VALKEY_URL leads to it."),
            str(error),
        )
    took_ms = (time.perf_counter() - started) * 1000
    if not answered:
        return Check(
            title,
            "bad",
            _("It forgets what it is told."),
            _("It may be out of memory: give it more, or check its maxmemory-policy."),
        )
    if took_ms > SLOW_MS:
        return Check(
            title,
            "warning",
            _("It answers slowly: after %d ms.") % took_ms,
            _("Look at the load of its machine and of the network to it."),
        )
    return Check(title, "good", _("It answers."), detail=f"{took_ms:.1f} ms")


def _call_workers(found: list[WorkerStatus], fault: str) -> Check:
    title = _("Call workers")
    if fault:
        return Check(
            title, "bad", _("They can't be asked, because Valkey doesn't answer."), _("Mend Valkey first."), fault
        )
    if not found:
        return Check(
            title,
            "bad",
            _("None is running, so no call is answered."),
            _("Start one: manage.py callworker. With `make up` it starts by itself; look at its output."),
        )
    calls, room = (
        sum(worker.calls for worker in found),
        sum(worker.capacity for worker in found if not worker.is_draining),
    )
    words = ngettext("%(count)d is running", "%(count)d are running", len(found)) % {"count": len(found)}
    words = _("%(running)s, with %(calls)d of %(room)d calls.") % {"running": words, "calls": calls, "room": room}
    if not any(worker.has_room for worker in found):
        return Check(
            title,
            "bad",
            words,
            _("All are full or stopping: new callers are turned away. Start another call worker."),
            "; ".join(f"{worker.id}: {worker.full}" for worker in found if worker.full),
        )
    lagging = [worker for worker in found if worker.loop_lag_ms > LAGGING_MS]
    if lagging:
        advice = _(
            "Its machine is too busy, callers may hear gaps. Start a worker on another machine, or lower its capacity."
        )
        behind = "; ".join(_behind(worker) for worker in lagging)
        return Check(title, "warning", words, advice, behind)
    return Check(title, "good", words)


def _behind(worker: WorkerStatus) -> str:
    held_up = f", last held up for {worker.blocked_ms:.0f} ms by {worker.blocked_by}" if worker.blocked_by else ""
    return f"{worker.id}: {worker.loop_lag_ms:.0f} ms behind{held_up}"


def _models(found: list[WorkerStatus], fault: str) -> Check:
    title = _("Speech models")
    if fault or not found:
        return Check(
            title, "warning", _("Unknown, because no call worker answers."), _("Start a call worker: it loads them.")
        )
    known = [(name, state) for worker in found for name, state in worker.models.items()]
    broken = {f"{name}: {state}" for name, state in known if state not in ("loaded", ABSENT)}
    absent = sorted({name for name, state in known if state == ABSENT})
    loaded = {name for name, state in known if state == "loaded"}
    if broken:
        return Check(
            title,
            "bad",
            _("Some are not loaded."),
            _("Fetch the weights: manage.py weights. Then restart the call worker."),
            ", ".join(sorted(broken)),
        )
    if not loaded:
        return Check(
            title,
            "warning",
            _("None is loaded yet."),
            _("They are loaded when the call worker starts; that takes some seconds."),
        )
    words = _("Loaded: %s.") % ", ".join(sorted(loaded))
    if absent:
        words += " " + _("Not here, and calls go on without: %s (manage.py weights fetches it).") % ", ".join(absent)
    return Check(title, "good", words)


_STAGES = {"model": "language model", "voice": "voice", "transcriber": "transcriber"}


def _vendors(found: list[WorkerStatus]) -> list[Check]:
    """Only where one is in trouble. Whose address it is, is on the pages of that organization's calls."""
    down = {(each.kind, each.name): each for worker in found for each in worker.troubles}
    if not down:
        return []
    names = ", ".join(f"{name} ({_STAGES.get(kind, kind)})" for kind, name in sorted(down))
    return [
        Check(
            _("Vendors"),
            "warning",
            _("Not answering, so calls don't wait for them: %s.") % names,
            _("They are asked again every few seconds. Calls use what the agent names for this case, or apologise."),
        )
    ]


def _background() -> Check:
    """Beat has Celery do a small job every few seconds, which leaves the time: so both are alive."""
    title = _("Background work (Celery)")
    advice = _(
        "Check that the Celery worker and beat are running. Without them, calls of a dead call worker are never ended."
    )
    try:
        last: datetime | None = cache.get(REAPED_AT)
    except (redis.RedisError, OSError) as error:
        return Check(
            title, "warning", _("Unknown, because Valkey doesn't answer."), _("Mend Valkey first."), str(error)
        )
    if last is None:
        return Check(title, "bad", _("It hasn't run lately."), advice)
    ago = (timezone.now() - last).total_seconds()
    if ago > QUIET_SECONDS:
        return Check(title, "bad", _("It last ran %d seconds ago.") % ago, advice)
    return Check(title, "good", _("It runs."), detail=_("last %d s ago") % ago)
