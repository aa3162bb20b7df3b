"""A call comes in: from what its token allows to a row with the spec it will run with, and from there to a worker's lease."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

from django.utils import timezone
from pydantic import ValidationError

from accounts import tenancy
from agents import spec
from agents.conversation import Said
from agents.mind import Collected
from agents.models import Agent
from telephony.models import Call, Recording
from telephony.session.resumed import Resumed
from telephony.session.transferring import transfer_lines
from telephony.tokens import Claims

LEASE = timedelta(seconds=15)


class CannotCall(Exception):
    """The agent can't be talked to; the message says why, in plain words."""


def create_web_call(claims: Claims, caller: str = "") -> Call:
    """A waiting call with the agent's draft or its published version, frozen: whatever becomes of the agent, this call keeps it.

    Raises :class:`CannotCall`.
    """
    with tenancy.use(claims.organization):
        agent = Agent.objects.select_related("published").filter(pk=claims.agent).first()
        if agent is None or agent.archived_at is not None:
            raise CannotCall("This agent doesn't exist any more.")
        version = agent.published if claims.use == "published" else None
        if claims.use == "published" and version is None:
            raise CannotCall("This agent has not been published yet.")
        try:
            frozen = spec.load(agent.draft if version is None else version.spec)
        except ValidationError as error:
            first = error.errors()[0]
            where = " → ".join(str(part) for part in first["loc"])
            raise CannotCall(f"The agent's settings are not complete: {where}: {first['msg']}.") from error
        call: Call = Call.objects.create(
            organization_id=claims.organization,
            agent=agent,
            version=version,
            spec=frozen.model_dump(mode="json"),
            caller=caller[:120],
            started_by_id=claims.member,
        )
        return call


def claim(call_id: Any, organization: Any, worker: str, stream: int = 0) -> Call | None:
    """Take a waiting call for this worker. ``None``: another has it, or it is over. ``stream``: of a telephone call, the one that
    the worker holds; where it isn't the newest, it is no use."""
    with tenancy.use(organization):
        taken = Call.objects.filter(pk=call_id, status=Call.Status.QUEUED, streams=stream).update(
            status=Call.Status.IN_PROGRESS, worker=worker, lease_until=timezone.now() + LEASE
        )
        return Call.objects.select_related("agent", "organization").get(pk=call_id) if taken else None


def resumed(call: Call) -> Resumed | None:
    """Where a claimed call was, if another worker has talked in it before."""
    if call.answered_at is None:
        return None
    with tenancy.use(call.organization_id):
        turns = list(call.turns.all())
        found = list(call.events.filter(kind="collected").values_list("data", flat=True))
    known = {
        str(each["key"]): Collected(
            str(each["key"]), each.get("value"), str(each.get("spoken", "")), bool(each.get("is_confirmed"))
        )
        for each in found
    }
    back = _words_back(call)
    # A whole second: what happens now and then in a call is counted by its clock.
    at_ms = math.ceil((timezone.now() - call.answered_at).total_seconds()) * 1000
    return Resumed(
        at_ms,
        max((turn.index for turn in turns), default=-1) + 1,
        tuple(
            Said("agent" if turn.role == "agent" else "caller", turn.text, turn.intended, turn.was_cut)
            for turn in turns
        ),
        tuple(known.values()),
        back=back,
    )


def _words_back(call: Call) -> str:
    """What a caller is told who comes back from somebody that was not there; once."""
    back = call.instead.get("back")
    if not back:
        return ""
    call.instead = {name: value for name, value in call.instead.items() if name != "back"}
    with tenancy.use(call.organization_id):
        Call.objects.filter(pk=call.pk).update(instead=call.instead)
    language = str((call.spec.get("sounds") or {}).get("language") or "en-US")
    return transfer_lines(language).of(back["why"], str(back["name"]))


def renew(call_ids: list[Any], worker: str) -> set[Any]:
    """Keep the lease of these calls. Returns those that were ended by somebody else, or deleted, and must stop."""
    with tenancy.system("a worker renews the leases of its calls, whose organizations differ"):
        mine = Call.objects.filter(pk__in=call_ids, worker=worker, status=Call.Status.IN_PROGRESS)
        mine.update(lease_until=timezone.now() + LEASE)
        return set(call_ids) - set(mine.values_list("pk", flat=True))


def is_newest(call: Call, stream: int) -> bool:
    """The call is not over, and nobody has gone on with it after this stream."""
    with tenancy.use(call.organization_id):
        return Call.objects.filter(pk=call.pk, streams=stream).exclude(status=Call.Status.ENDED).exists()


def picked_up(call: Call, by: str) -> None:
    """Whom a worker heard on a call of ours: "human", "machine" or "unknown"."""
    with tenancy.use(call.organization_id):
        Call.objects.filter(pk=call.pk).update(picked_up_by=by)


def connected(call: Call) -> None:
    """The caller can hear and be heard since ``answered_at``."""
    with tenancy.use(call.organization_id):
        Call.objects.filter(pk=call.pk).update(answered_at=call.answered_at)


def recording_of(call: Call) -> str | None:
    """Where the recording of this call that is not complete yet is kept."""
    with tenancy.use(call.organization_id):
        found: str | None = (
            Recording.objects.filter(call=call, is_complete=False).values_list("path", flat=True).first()
        )
        return found


def create_recording(call: Call, path: str) -> None:
    with tenancy.use(call.organization_id):
        Recording.objects.create(organization_id=call.organization_id, call=call, path=path)
