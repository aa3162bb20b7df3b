"""REST: calls, what was said in them, their recording, and the token a web page starts one with."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone
from ninja import Path, Query, Router, Schema, Status
from pydantic import AfterValidator, Field, StringConstraints, field_validator

from accounts.auth import allowed
from accounts.paging import Cursor, NextCursor, PageSize, page
from accounts.problems import Problem
from agents.models import Agent
from agents.transfers import How
from agents.variables import KEY, LONGEST
from telephony import listen, outbound, press, tokens
from telephony.audio.digits import checked
from telephony.call_lookup import call_of, calls_of
from telephony.end_reasons import REASONS
from telephony.models import Call, Recording
from telephony.numbers_api import CARRIER_FAILS, agent_of, number_of, told
from telephony.transfers import asked
from telephony.trunks.api import trunk_of
from telephony.worker_status import workers

router = Router(tags=["Calls"])

CallId = Annotated[uuid.UUID, Path(description="The call's id.")]
OfAgent = Annotated[uuid.UUID | None, Query(description="Only the calls of this agent.")]
WithStatus = Annotated[
    Literal["queued", "in_progress", "ended"] | None, Query(description="Only the calls in this state.")
]


def _with_zone(moment: datetime) -> datetime:
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


Moment = Annotated[datetime, AfterValidator(_with_zone)]
CameSince = Annotated[
    Moment | None,
    Query(description="Only calls that came in at this moment or later. Without a time zone it is meant in UTC."),
]
CameUntil = Annotated[
    Moment | None,
    Query(description="Only calls that came in before this moment. Without a time zone it is meant in UTC."),
]


class EndOut(Schema):
    reason: str = Field(description="Why it ended, for programs.", examples=["caller_goodbye"])
    words: str = Field(description="The same in plain words.", examples=["The caller said goodbye"])
    side: str = Field(description="Whose side it was on: caller, agent, line, vendor, us.", examples=["caller"])
    is_fault: bool = Field(description="True: something went wrong.", examples=[False])
    detail: str = Field(description="What is known beyond that, often nothing.", examples=[""])


class CallOut(Schema):
    id: uuid.UUID = Field(description="The call's id.")
    agent_id: uuid.UUID = Field(description="The agent that answered.")
    agent_name: str = Field(description="What it is called now.", examples=["Front desk"])
    version: int | None = Field(
        description="The version it ran with. null: the call talked to the draft.", examples=[2]
    )
    channel: str = Field(description="How it came in: web or phone.", examples=["web"])
    direction: Literal["inbound", "outbound"] = Field(description="outbound: the agent called.", examples=["inbound"])
    from_number: str = Field(description="Of a telephone call: who called.", examples=["+14155550100"])
    to_number: str = Field(description="Of a telephone call: who was called.", examples=["+14155550142"])
    picked_up_by: str = Field(
        description="Of a call that was placed and listened to: human, machine, unknown.", examples=[""]
    )
    status: Literal["queued", "in_progress", "ended"] = Field(
        description="queued: it waits for a call worker.", examples=["ended"]
    )
    caller: str = Field(description="Who called, where that is known.", examples=[""])
    created_at: datetime = Field(description="When it came in.")
    answered_at: datetime | None = Field(description="When the agent answered; null: it did not.")
    ended_at: datetime | None = Field(description="When it ended; null: it has not.")
    duration_ms: int = Field(description="How long they talked.", examples=[134_000])
    end: EndOut | None = Field(description="Why it ended; null: it has not.")
    collected: dict[str, Any] = Field(
        description="The structured data: one entry a field of the agent's “What to collect”.",
        examples=[{"name": "Ada Lovelace", "phone": "+14155550142"}],
    )
    latency: dict[str, Any] = Field(
        description="What the caller waited: p50_ms, p95_ms, turns.",
        examples=[{"p50_ms": 640, "p95_ms": 900, "turns": 6}],
    )
    variables: dict[str, Any] = Field(description="What the agent was told of the person.", examples=[{"name": "Ada"}])
    speculation: dict[str, Any] = Field(
        description="Answers begun before the caller had finished, and withdrawn; tokens: what they cost; estimated: how many of these are "
        "reckoned from letters, because a model that is stopped midway doesn't tell. Empty while the call runs.",
        examples=[{"withdrawn": 2, "tokens": 840, "estimated": 520}],
    )

    @classmethod
    def facts(cls, call: Call) -> dict[str, Any]:
        reason = REASONS.get(call.end_reason)
        return {
            "id": call.id,
            "agent_id": call.agent_id,
            "agent_name": call.agent.name,
            "version": call.version.number if call.version else None,
            "channel": call.channel,
            "direction": call.direction,
            "from_number": call.from_number,
            "to_number": call.to_number,
            "picked_up_by": call.picked_up_by,
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
            "handled_by": "agent" if (how := call.instead.get("how", "agent")) == "transfer" else how,
            "handled_why": call.instead.get("why", ""),
            "variables": call.variables,
            "speculation": call.speculation,
        }


class CallPage(Schema):
    items: list[CallOut] = Field(description="The calls of this page.")
    next_cursor: NextCursor


class TurnOut(Schema):
    index: int = Field(
        description="Counts up from 0. A number is missing where a sound turned out not to be words.", examples=[2]
    )
    role: Literal["caller", "agent"] = Field(description="Who spoke.", examples=["agent"])
    text: str = Field(
        description="The caller's words; of the agent's words what was heard.", examples=["Tuesday at three is free."]
    )
    intended: str = Field(description="All the agent set out to say.", examples=["Tuesday at three is free."])
    was_cut: bool = Field(
        description="True: not heard to its end. The caller barged in, or the call ended.", examples=[False]
    )
    started_ms: int = Field(description="When it began, in milliseconds since the answer.", examples=[6_200])
    ended_ms: int | None = Field(description="When it was over; null: it is not.", examples=[8_050])
    confidence: float | None = Field(
        description="On the caller's turns: how sure the transcriber was, 0 to 1.", examples=[None]
    )
    latency: dict[str, Any] = Field(
        description="On the agent's turns: endpointing_ms, stt_ms, model_ms, tts_ms, transport_ms, total_ms.",
        examples=[
            {"endpointing_ms": 250, "stt_ms": 90, "model_ms": 120, "tts_ms": 150, "transport_ms": 30, "total_ms": 640}
        ],
    )
    thoughts: list[Any] = Field(description="Why it answered so.", examples=[[]])


class Transcript(Schema):
    call_id: uuid.UUID = Field(description="The call it belongs to.")
    is_complete: bool = Field(description="False: the call is still running.", examples=[True])
    turns: list[TurnOut] = Field(description="What was said, in order.")


class EventOut(Schema):
    at_ms: int = Field(description="When it happened, in milliseconds since the answer.", examples=[6_200])
    kind: str = Field(description="What happened.", examples=["barge_in"])
    data: dict[str, Any] = Field(description="What is known about it; each kind has its own.", examples=[{}])


class RecordingOut(Schema):
    url: str = Field(
        description="Works for five minutes, for whoever has it.",
        examples=["https://voice.example.com/recordings/WyI1ZjA0…/"],
    )
    expires_at: datetime = Field(description="Until when the address works. Ask again for another.")
    duration_ms: int = Field(description="How long the recording is.", examples=[134_000])
    size_bytes: int = Field(description="How large the file is.", examples=[8_576_044])
    is_complete: bool = Field(description="False: it is still being recorded, or was cut short.", examples=[True])


Variable = Annotated[str, StringConstraints(pattern=rf"^{KEY}$")]
Value = Annotated[str, StringConstraints(max_length=LONGEST)]


class CallIn(Schema):
    agent_id: uuid.UUID = Field(description="The agent that calls, with what is published of it.")
    number_id: uuid.UUID | None = Field(
        None, description="Which of your numbers it calls from: over Twilio, or the SIP trunk that it is on."
    )
    trunk_id: uuid.UUID | None = Field(
        None, description="Instead of a number: the SIP trunk it calls over, as whom that trunk says."
    )
    to: str = Field(description="Whom it calls, with the country.", max_length=40, examples=["+14155550177"])
    on_machine: outbound.OnMachine = Field(
        "talk",
        description="Where an answering machine picks up. hang_up and leave_message: it is listened first, for some seconds; by the "
        "telephone company for numbers at Twilio and SignalWire, by the call worker elsewhere.",
    )
    machine_message: str = Field(
        "",
        max_length=outbound.LONGEST_MESSAGE,
        description="With leave_message: what the machine is told after its tone; then it hangs up. {{name}} stands for the variable "
        "of that name.",
        examples=["Hello {{name}}, please call us back."],
    )
    variables: dict[Variable, Value] = Field(
        default={},
        max_length=60,
        description="What the agent is told of the person: {{name}} in its texts stands for the value of that name.",
        examples=[{"name": "Ada"}],
    )


class TokenIn(Schema):
    agent_id: uuid.UUID = Field(description="The agent that shall answer.")
    use: Literal["published", "draft"] = Field("published", description="Which spec the call runs with.")


class TokenOut(Schema):
    token: str = Field(
        description="Starts one call, within 60 seconds. Give it to the page; it is no API key.",
        examples=["eyJvcmciOi…"],
    )
    expires_at: datetime = Field(description="Until when the call must have begun.")
    offer_url: str = Field(
        description="Where the page POSTs its WebRTC offer: {token, type, sdp}.",
        examples=["https://voice.example.com/rtc/offer"],
    )
    ice_servers_url: str = Field(
        description="Where the page asks for ICE servers, with the token as its bearer.",
        examples=["https://voice.example.com/rtc/ice-servers"],
    )


@router.get("/calls", response=CallPage, auth=allowed("calls:read"), summary="List calls")
def list_calls(
    request: HttpRequest,
    cursor: Cursor = "",
    limit: PageSize = 50,
    agent_id: OfAgent = None,
    status: WithStatus = None,
    since: CameSince = None,
    until: CameUntil = None,
) -> CallPage:
    """Newest first; the cursor stays right while new calls come in."""
    wanted = {"agent_id": agent_id, "status": status, "created_at__gte": since, "created_at__lt": until}
    rows = calls_of(request).filter(**{name: value for name, value in wanted.items() if value is not None})
    items, following = page(rows, cursor, limit)
    return CallPage(items=[CallOut(**CallOut.facts(call)) for call in items], next_cursor=following)


@router.post(
    "/calls",
    response={201: CallOut},
    auth=allowed("calls:write"),
    summary="Call somebody",
    openapi_extra=CARRIER_FAILS,
)
def call_somebody(request: HttpRequest, body: CallIn) -> Status[CallOut]:
    """It rings at once. Read the call to see what becomes of it."""
    agent = agent_of(request, body.agent_id)
    if (body.number_id is None) is (body.trunk_id is None):
        raise Problem(
            422,
            "Not valid",
            "Say either which number it calls from (number_id), or which trunk it calls over (trunk_id).",
        )
    how: dict[str, Any] = {
        "on_machine": body.on_machine, "machine_message": body.machine_message, "variables": body.variables
    }  # fmt: skip
    with told():
        if body.number_id is not None:
            number = number_of(request, body.number_id)
            call = outbound.ring(number, agent, body.to, **how)
        else:
            assert body.trunk_id is not None
            trunk = trunk_of(request, body.trunk_id)
            call = outbound.ring_over(trunk, agent, body.to, **how)
    return Status(201, CallOut(**CallOut.facts(call)))


@router.post(
    "/calls/web-token",
    response={201: TokenOut},
    auth=allowed("calls:write"),
    summary="Let a web page start a call",
    openapi_extra={
        "responses": {
            404: {"description": "There is no agent of this id in your organization."},
            409: {"description": "The agent is archived, or nothing of it is published."},
        }
    },
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
def read(request: HttpRequest, call_id: CallId) -> CallOut:
    """What became of it, what it collected, and how long the caller waited. It changes while the call runs."""
    return CallOut(**CallOut.facts(call_of(request, call_id)))


@router.get(
    "/calls/{call_id}/transcript", response=Transcript, auth=allowed("calls:read"), summary="Read what was said"
)
def transcript(request: HttpRequest, call_id: CallId) -> Transcript:
    """Turn by turn; grows while the call runs."""
    call = call_of(request, call_id)
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
def events(request: HttpRequest, call_id: CallId) -> list[EventOut]:
    """Interruptions, tools, reconnections, faults: in order, the first 5,000."""
    return [
        EventOut(at_ms=event.at_ms, kind=event.kind, data=event.data)
        for event in call_of(request, call_id).events.all()[:5000]
    ]


@router.get(
    "/calls/{call_id}/recording", response=RecordingOut, auth=allowed("calls:read"), summary="Get the recording"
)
def recording(request: HttpRequest, call_id: CallId) -> RecordingOut:
    """A short-lived address of a stereo WAV: caller left, agent right."""
    call = call_of(request, call_id)
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
    "/calls/{call_id}/hang-up",
    response={202: CallOut},
    auth=allowed("calls:write"),
    summary="End a running call",
    openapi_extra={"responses": {409: {"description": "The call is over already."}}},
)
def hang_up(request: HttpRequest, call_id: CallId) -> Status[CallOut]:
    """The agent is cut off and the line closed. Read the call again to see that it has ended."""
    call = call_of(request, call_id)
    if call.status == Call.Status.ENDED:
        raise Problem(409, "The call is over", "It ended before you asked.")
    outbound.stop(call)
    return Status(202, CallOut(**CallOut.facts(call)))


class DigitsIn(Schema):
    digits: str = Field(
        description="0 to 9, * and #, A to D; a comma waits two seconds. Spaces and dashes are left out.",
        min_length=1,
        max_length=200,
        examples=["1,42#"],
    )

    @field_validator("digits")
    @classmethod
    def _are_digits(cls, digits: str) -> str:
        return checked(digits)


@router.post(
    "/calls/{call_id}/digits",
    response={202: CallOut},
    auth=allowed("calls:write"),
    summary="Press keys in a running call",
    openapi_extra={"responses": {409: {"description": "The call is over, or not answered yet."}}},
)
def digits(request: HttpRequest, call_id: CallId, body: DigitsIn) -> Status[CallOut]:
    """The agent's side presses them (DTMF), after what it has begun to say and before what it says next. The call's events then
    have one of the kind digits_sent."""
    call = call_of(request, call_id)
    try:
        press.send_digits(call, body.digits)
    except press.NotTalking as error:
        raise Problem(409, "No keys can be pressed", str(error)) from error
    return Status(202, CallOut(**CallOut.facts(call)))


class TransferIn(Schema):
    to: str = Field(
        description="The name of one of the agent's *does.transfers*.",
        min_length=1,
        max_length=60,
        examples=["Reception"],
    )
    how: How | None = Field(
        None,
        description="*warm*: the agent speaks to them first, while the caller is on hold; *cold*: the caller is sent there. Left out: as the "
        "agent's settings say.",
        examples=["warm"],
    )


@router.post(
    "/calls/{call_id}/transfer",
    response={202: CallOut},
    auth=allowed("calls:write"),
    summary="Put the caller through",
    openapi_extra={
        "responses": {
            409: {
                "description": "The call is over, not answered yet, put through already, or warm and there is nothing to call by."
            }
        }
    },
)
def transfer(request: HttpRequest, call_id: CallId, body: TransferIn) -> Status[CallOut]:
    """The agent says its words for that, and then the caller is put through, as if they had asked. Read the call's events to see how it
    went: put_through, or not_put_through with why. A warm transfer calls over a SIP trunk or from a number at Twilio, whatever line the
    caller is on; where there is neither the answer is 409, and nobody is sent there cold instead."""
    call = call_of(request, call_id)
    try:
        asked.put_through(call, body.to, body.how)
    except asked.CannotSo as error:
        raise Problem(422, "Not in this way", str(error)) from error
    except asked.NoSuchTarget as error:
        raise Problem(422, "Nobody is called so", str(error)) from error
    except asked.CannotTransfer as error:
        raise Problem(409, "The caller can't be put through", str(error)) from error
    return Status(202, CallOut(**CallOut.facts(call)))


class WorkerOut(Schema):
    id: str = Field(description="The worker's name.", examples=["4f21c09b"])
    calls: int = Field(description="Calls it holds now.", examples=[3])
    capacity: int = Field(description="Calls it takes at most.", examples=[20])
    is_draining: bool = Field(description="True: it finishes its calls and takes no new ones.", examples=[False])
    models: dict[str, str] = Field(
        description="Each model it runs: “loaded”, or what is wrong with it.", examples=[{"whisper/base": "loaded"}]
    )


class HealthOut(Schema):
    status: Literal["ok", "degraded"] = Field(description="degraded: no call worker takes new calls.", examples=["ok"])
    version: str = Field(description="Which Parley this is.", examples=["0.1.0"])
    workers: list[WorkerOut] = Field(description="The call workers that are alive.")


@router.get("/health", response=HealthOut, auth=allowed("calls:read"), summary="Can calls be taken?", tags=["Health"])
def health(request: HttpRequest) -> HealthOut:
    """Which call workers are alive, and whether one of them has room."""
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
