"""REST: calls, what was said in them, their recording, and the token a web page starts one with."""

import uuid
from datetime import datetime, timedelta
from typing import Any, Literal

from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from ninja import Router, Schema, Status
from pydantic import Field

from accounts.auth import allowed
from accounts.paging import PageSize, page
from accounts.problems import Problem
from agents.models import Agent
from telephony import finish, listen, tokens
from telephony.end_reasons import REASONS
from telephony.models import Call, Recording
from telephony.worker_status import workers

router = Router(tags=["Calls"])


class EndOut(Schema):
    reason: str = Field(examples=["caller_goodbye"])
    words: str = Field(description="The same in plain words.", examples=["The caller said goodbye"])
    side: str = Field(description="Whose side it was on: caller, agent, line, vendor, us.")
    is_fault: bool
    detail: str


class CallOut(Schema):
    id: uuid.UUID
    agent_id: uuid.UUID
    agent_name: str
    version: int | None = Field(description="null: the call talked to the draft.")
    channel: str
    status: Literal["queued", "in_progress", "ended"]
    caller: str
    created_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None
    duration_ms: int
    end: EndOut | None
    collected: dict[str, Any] = Field(
        description="The structured data: one entry a field of the agent's “What to collect”."
    )
    latency: dict[str, Any] = Field(description="What the caller waited: p50_ms, p95_ms, turns.")

    @classmethod
    def facts(cls, call: Call) -> dict[str, Any]:
        reason = REASONS.get(call.end_reason)
        return {
            "id": call.id,
            "agent_id": call.agent_id,
            "agent_name": call.agent.name,
            "version": call.version.number if call.version else None,
            "channel": call.channel,
            "status": call.status,
            "caller": call.caller,
            "created_at": call.created_at,
            "answered_at": call.answered_at,
            "ended_at": call.ended_at,
            "duration_ms": call.duration_ms,
            "end": EndOut(
                reason=call.end_reason,
                words=reason.words,
                side=reason.side,
                is_fault=reason.is_fault,
                detail=call.end_detail,
            )
            if reason
            else None,
            "collected": call.collected,
            "latency": call.latency,
        }


class CallPage(Schema):
    items: list[CallOut]
    next_cursor: str | None


class TurnOut(Schema):
    index: int
    role: Literal["caller", "agent"]
    text: str = Field(description="The caller's words; of the agent's words what was heard.")
    intended: str = Field(description="All the agent set out to say.")
    was_cut: bool = Field(description="True: the caller barged in.")
    started_ms: int
    ended_ms: int | None
    confidence: float | None
    latency: dict[str, Any] = Field(
        description="On the agent's turns: endpointing_ms, stt_ms, model_ms, tts_ms, transport_ms, total_ms."
    )
    thoughts: list[Any] = Field(description="Why it answered so.")


class Transcript(Schema):
    call_id: uuid.UUID
    is_complete: bool = Field(description="False: the call is still running.")
    turns: list[TurnOut]


class EventOut(Schema):
    at_ms: int
    kind: str
    data: dict[str, Any]


class RecordingOut(Schema):
    url: str = Field(description="Works for five minutes, for whoever has it.")
    expires_at: datetime
    duration_ms: int
    size_bytes: int
    is_complete: bool


class TokenIn(Schema):
    agent_id: uuid.UUID
    use: Literal["published", "draft"] = Field("published", description="Which spec the call runs with.")


class TokenOut(Schema):
    token: str = Field(description="Starts one call, within 60 seconds. Give it to the page; it is no API key.")
    expires_at: datetime
    offer_url: str = Field(description="Where the page POSTs its WebRTC offer: {token, type, sdp}.")
    ice_servers_url: str


def _calls(request: HttpRequest) -> QuerySet[Call]:
    rows: QuerySet[Call] = Call.objects.owned_by(request.organization).select_related("agent", "version")  # type: ignore[attr-defined]
    return rows


def _call(request: HttpRequest, call_id: uuid.UUID) -> Call:
    found = _calls(request).filter(pk=call_id).first()
    if found is None:
        raise Problem(404, "No such call", "There is no call of this id in your organization.")
    return found


@router.get("/calls", response=CallPage, auth=allowed("calls:read"), summary="List calls")
def list_calls(
    request: HttpRequest,
    cursor: str = "",
    limit: PageSize = 50,
    agent_id: uuid.UUID | None = None,
    status: Literal["queued", "in_progress", "ended"] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> CallPage:
    """Newest first; the cursor stays right while new calls come in."""
    wanted = {"agent_id": agent_id, "status": status, "created_at__gte": since, "created_at__lt": until}
    rows = _calls(request).filter(**{name: value for name, value in wanted.items() if value is not None})
    items, following = page(rows, cursor, limit)
    return CallPage(items=[CallOut(**CallOut.facts(call)) for call in items], next_cursor=following)


@router.post(
    "/calls/web-token", response={201: TokenOut}, auth=allowed("calls:write"), summary="Let a web page start a call"
)
def web_token(request: HttpRequest, body: TokenIn) -> Status[TokenOut]:
    """Make one on your server for each call, and hand it to the page."""
    found = Agent.objects.owned_by(request.organization).filter(pk=body.agent_id).first()  # type: ignore[attr-defined]
    if found is None:
        raise Problem(404, "No such agent", "There is no agent of this id in your organization.")
    if found.archived_at:
        raise Problem(409, "The agent is archived", "Bring it back before it takes calls.")
    if body.use == "published" and found.published_id is None:
        raise Problem(409, "Nothing is published", "Publish the agent first, or ask for a call with its draft.")
    return Status(
        201,
        TokenOut(
            token=tokens.mint(organization=found.organization_id, agent=found, use=body.use),
            expires_at=timezone.now() + timedelta(seconds=tokens.START_SECONDS),
            offer_url=request.build_absolute_uri("/rtc/offer"),
            ice_servers_url=request.build_absolute_uri("/rtc/ice-servers"),
        ),
    )


@router.get("/calls/{call_id}", response=CallOut, auth=allowed("calls:read"), summary="Read a call")
def read(request: HttpRequest, call_id: uuid.UUID) -> CallOut:
    return CallOut(**CallOut.facts(_call(request, call_id)))


@router.get(
    "/calls/{call_id}/transcript", response=Transcript, auth=allowed("calls:read"), summary="Read what was said"
)
def transcript(request: HttpRequest, call_id: uuid.UUID) -> Transcript:
    """Turn by turn; grows while the call runs."""
    call = _call(request, call_id)
    turns = [
        TurnOut(
            index=turn.index,
            role="agent" if turn.role == "agent" else "caller",
            text=turn.text,
            intended=turn.intended or turn.text,
            was_cut=turn.was_cut,
            started_ms=turn.started_ms,
            ended_ms=turn.ended_ms,
            confidence=turn.confidence,
            latency=turn.latency,
            thoughts=turn.thoughts,
        )
        for turn in call.turns.all()
    ]
    return Transcript(call_id=call.id, is_complete=call.status == Call.Status.ENDED, turns=turns)


@router.get(
    "/calls/{call_id}/events", response=list[EventOut], auth=allowed("calls:read"), summary="Read what else happened"
)
def events(request: HttpRequest, call_id: uuid.UUID) -> list[EventOut]:
    return [
        EventOut(at_ms=event.at_ms, kind=event.kind, data=event.data)
        for event in _call(request, call_id).events.all()[:5000]
    ]


@router.get(
    "/calls/{call_id}/recording", response=RecordingOut, auth=allowed("calls:read"), summary="Get the recording"
)
def recording(request: HttpRequest, call_id: uuid.UUID) -> RecordingOut:
    """A short-lived address of a stereo WAV: caller left, agent right."""
    call = _call(request, call_id)
    kept = Recording.objects.owned_by(call.organization_id).filter(call=call).first()
    if kept is None:
        raise Problem(404, "No recording", "This call was not recorded, or its recording was deleted.")
    url, expires_at = listen.signed_url(kept), timezone.now() + timedelta(seconds=listen.SIGNED_SECONDS)
    return RecordingOut(
        url=request.build_absolute_uri(url),
        expires_at=expires_at,
        duration_ms=kept.duration_ms,
        size_bytes=kept.size_bytes,
        is_complete=kept.is_complete,
    )


@router.post(
    "/calls/{call_id}/hang-up", response={202: CallOut}, auth=allowed("calls:write"), summary="End a running call"
)
def hang_up(request: HttpRequest, call_id: uuid.UUID) -> Status[CallOut]:
    call = _call(request, call_id)
    if call.status == Call.Status.ENDED:
        raise Problem(409, "The call is over", "It ended before you asked.")
    finish.hang_up(call)
    return Status(202, CallOut(**CallOut.facts(call)))


class WorkerOut(Schema):
    id: str
    calls: int
    capacity: int
    is_draining: bool
    models: dict[str, str]


class HealthOut(Schema):
    status: Literal["ok", "degraded"] = Field(description="degraded: no call worker takes new calls.")
    version: str
    workers: list[WorkerOut]


@router.get("/health", response=HealthOut, auth=allowed("calls:read"), summary="Can calls be taken?", tags=["Health"])
def health(request: HttpRequest) -> HealthOut:
    found = workers()
    taking = [worker for worker in found if not worker.is_draining and worker.calls < worker.capacity]
    return HealthOut(
        status="ok" if taking else "degraded",
        version=settings.VERSION,
        workers=[
            WorkerOut(
                id=item.id, calls=item.calls, capacity=item.capacity, is_draining=item.is_draining, models=item.models
            )
            for item in found
        ],
    )
