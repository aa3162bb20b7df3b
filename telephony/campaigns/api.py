"""REST: campaigns, their people and their results."""

import json
import uuid
from datetime import datetime
from typing import Annotated, Any, Literal

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from ninja import File, Form, Path, Query, Router, Schema, Status, UploadedFile
from pydantic import BaseModel, Field, ValidationError

from accounts.auth import allowed
from accounts.paging import Cursor, NextCursor, PageSize, page
from accounts.problems import Problem
from agents.models import Agent
from agents.partial import partial
from agents.validation import problems_of
from telephony.campaigns import lists, manage
from telephony.campaigns.models import Campaign, CampaignContact, ContactList
from telephony.campaigns.rules import Rules
from telephony.campaigns.sheet import MOST_BYTES, BadSheet, Columns, guess
from telephony.dialing.policies import policy_of
from telephony.numbers_api import number_of

router = Router(tags=["Campaigns"])

CampaignId = Annotated[uuid.UUID, Path(description="The campaign's id.")]
RulesChanges = partial(Rules)
State = Literal["waiting", "calling", "retry", "done", "gave_up", "skipped"]
InState = Annotated[State | None, Query(description="Only the contacts in this state.")]


class ProgressOut(Schema):
    people: int = Field(description="Whoever can be called. Skipped rows are not among them.", examples=[480])
    waiting: int = Field(description="Not called yet.", examples=[120])
    calling: int = Field(description="Being called right now.", examples=[3])
    retry: int = Field(description="To be called again.", examples=[57])
    done: int = Field(description="Reached.", examples=[280])
    gave_up: int = Field(description="Called as often as the rules say, and not reached.", examples=[20])
    skipped: int = Field(description="Rows that are not called; each says why.", examples=[20])
    calls: int = Field(description="Calls made so far.", examples=[402])
    percent: int = Field(description="How many of the people are done or given up, of a hundred.", examples=[62])
    outcomes: dict[str, int] = Field(
        description="How many people's last call ended how.",
        examples=[
            {
                "answered": 280,
                "message_left": 0,
                "voicemail": 30,
                "no_answer": 35,
                "busy": 10,
                "declined": 1,
                "failed": 2,
            }
        ],
    )


class CampaignOut(Schema):
    id: uuid.UUID = Field(description="The campaign's id.")
    name: str = Field(description="What it is called.", examples=["March reminders"])
    agent_id: uuid.UUID = Field(description="The agent that talks, with its published version.")
    number_id: uuid.UUID | None = Field(description="Which of your numbers it calls from; null: none is chosen yet.")
    status: Literal["draft", "running", "paused", "finished", "cancelled"] = Field(
        description="draft: not started.", examples=["running"]
    )
    held: str = Field(
        description="Why nobody is called right now, in plain words; empty: nothing holds it.",
        examples=["5 outgoing calls are running, and your limit is 5."],
    )
    rules: Rules = Field(description="When people are called, how fast, and how often again.")
    created_at: datetime = Field(description="When it was made.")
    started_at: datetime | None = Field(description="When it was started; null: it was not.")
    ended_at: datetime | None = Field(description="When it finished or was cancelled; null: neither.")
    progress: ProgressOut = Field(description="How far it is.")


class CampaignPage(Schema):
    items: list[CampaignOut] = Field(description="The campaigns of this page.")
    next_cursor: NextCursor


class CampaignIn(Schema):
    name: str = Field(min_length=1, max_length=120, description="What it is called.", examples=["March reminders"])
    agent_id: uuid.UUID = Field(
        description="The agent that talks. {{name}} in its texts stands for the column of that name."
    )
    number_id: uuid.UUID | None = Field(None, description="Which of your numbers it calls from.")
    rules: RulesChanges | None = Field(  # type: ignore[valid-type]
        None, description="Those of the rules that differ from the defaults.", examples=[{"calls_from": "10:00"}]
    )


class CampaignPatch(Schema):
    name: str | None = Field(None, min_length=1, max_length=120, description="What it shall be called.")
    number_id: uuid.UUID | None = Field(None, description="Which of your numbers it shall call from.")
    rules: RulesChanges | None = Field(  # type: ignore[valid-type]
        None,
        description="The rules to change; the others stay, and null sets one back to its default.",
        examples=[{"concurrency": 2}],
    )


class ListOut(Schema):
    id: uuid.UUID = Field(description="The list's id.")
    status: Literal["reading", "done"] = Field(description="reading: its rows become contacts.", examples=["reading"])
    rows: int = Field(description="Rows below the header.", examples=[500])
    rows_read: int = Field(description="Rows that are contacts by now.", examples=[0])
    columns: Columns = Field(description="Which column was taken for what, by its place from 0.")


class PersonOut(Schema):
    id: uuid.UUID = Field(description="The contact's id.")
    row: int = Field(description="Its row in the file; the header is row 1.", examples=[2])
    given: str = Field(description="The number as it was written.", examples=["(212) 736-5000"])
    number: str = Field(description="The number that is called; empty: none.", examples=["+12127365000"])
    state: State = Field(description="What becomes of this person.", examples=["done"])
    outcome: str = Field(
        description="Of the last call: answered, message_left, voicemail, no_answer, busy, declined, failed; empty: none.",
        examples=["answered"],
    )
    attempts: int = Field(description="How often they were called.", examples=[1])
    next_at: datetime | None = Field(description="Not called before; null: not called again.")
    why: str = Field(description="Why they were skipped or given up.", examples=[""])
    variables: dict[str, Any] = Field(description="The other columns.", examples=[{"name": "Ada"}])


class PeoplePage(Schema):
    items: list[PersonOut] = Field(description="The contacts of this page, newest first.")
    next_cursor: NextCursor


def _named(rules: BaseModel | None) -> dict[str, Any]:
    return rules.model_dump(mode="json", exclude_unset=True) if rules else {}


def _campaigns(request: HttpRequest) -> QuerySet[Campaign]:
    rows: QuerySet[Campaign] = manage.campaigns_of(request.organization)  # type: ignore[attr-defined]
    return rows


def _campaign(request: HttpRequest, campaign_id: uuid.UUID) -> Campaign:
    found = _campaigns(request).filter(pk=campaign_id).first()
    if found is None:
        raise Problem(404, "No such campaign", "There is no campaign of this id in your organization.")
    return found


def _out(campaign: Campaign) -> CampaignOut:
    progress = manage.progress(campaign)
    return CampaignOut(
        id=campaign.id,
        name=campaign.name,
        agent_id=campaign.agent_id,
        number_id=campaign.phone_number_id,
        status=campaign.status,  # type: ignore[arg-type]
        held=campaign.held,
        rules=Rules.model_validate(campaign.rules),
        created_at=campaign.created_at,
        started_at=campaign.started_at,
        ended_at=campaign.ended_at,
        progress=ProgressOut.model_validate(progress, from_attributes=True),
    )


@router.get("/campaigns", response=CampaignPage, auth=allowed("campaigns:read"), summary="List campaigns")
def list_campaigns(request: HttpRequest, cursor: Cursor = "", limit: PageSize = 50) -> CampaignPage:
    """Newest first."""
    items, following = page(_campaigns(request), cursor, limit)
    return CampaignPage(items=[_out(each) for each in items], next_cursor=following)


@router.post("/campaigns", response={201: CampaignOut}, auth=allowed("campaigns:write"), summary="Make a campaign")
def create(request: HttpRequest, body: CampaignIn) -> Status[CampaignOut]:
    """It calls nobody until it has people and is started."""
    agent = Agent.objects.owned_by(request.organization).filter(pk=body.agent_id).first()  # type: ignore[attr-defined]
    if agent is None:
        raise Problem(404, "No such agent", "There is no agent of this id in your organization.")
    rules = _named(body.rules)
    Rules.model_validate({name: value for name, value in rules.items() if value is not None})
    ours = number_of(request, body.number_id) if body.number_id else None
    campaign = manage.create(request.organization, body.name, agent, ours=ours)  # type: ignore[attr-defined]
    manage.change_rules(campaign, rules)
    return Status(201, _out(campaign))


@router.get("/campaigns/{campaign_id}", response=CampaignOut, auth=allowed("campaigns:read"), summary="Read a campaign")
def read(request: HttpRequest, campaign_id: CampaignId) -> CampaignOut:
    """How far it is, and whether something holds it."""
    return _out(_campaign(request, campaign_id))


@router.patch(
    "/campaigns/{campaign_id}", response=CampaignOut, auth=allowed("campaigns:write"), summary="Change a campaign"
)
def change(request: HttpRequest, campaign_id: CampaignId, body: CampaignPatch) -> CampaignOut:
    """Also while it runs: from the next call on."""
    campaign = _campaign(request, campaign_id)
    ours = number_of(request, body.number_id) if body.number_id else None
    manage.change_rules(campaign, _named(body.rules))
    if "number_id" in body.model_fields_set:
        manage.call_from(campaign, ours)
    if body.name:
        _campaigns(request).filter(pk=campaign.pk).update(name=body.name)
    return _out(_campaign(request, campaign_id))


class ListForm(Schema):
    columns: str = Field(
        "",
        max_length=10_000,
        description="Which column is what, as JSON; left out: guessed from the header and what is in the rows.",
        examples=['{"number": 1, "zone": null, "priority": null, "variables": {"0": "name"}}'],
    )


@router.post(
    "/campaigns/{campaign_id}/contacts",
    response={202: ListOut},
    auth=allowed("campaigns:write"),
    summary="Add people from CSV",
    openapi_extra={"responses": {400: {"description": "The file or its columns can't be read; the detail says why."}}},
)
def add_contacts(
    request: HttpRequest, campaign_id: CampaignId, file: File[UploadedFile], form: Form[ListForm]
) -> Status[ListOut]:
    """A file of up to 50,000 rows with a header. It is read in the background: the campaign's progress counts the people, and
    rows that can't be called are contacts that say why."""
    campaign = _campaign(request, campaign_id)
    try:
        contact_list, sheet = lists.upload(campaign, file.name or "contacts.csv", file.read(MOST_BYTES + 1))
    except BadSheet as error:
        raise Problem(400, "Not a list of people", str(error)) from error
    columns = guess(sheet, policy_of(request.organization).home_country)  # type: ignore[attr-defined]
    if form.columns:
        columns = _columns(form.columns, len(sheet.header), contact_list)
    lists.read_as(contact_list, columns)
    contact_list.refresh_from_db()
    return Status(
        202,
        ListOut(id=contact_list.pk, status="reading", rows=contact_list.rows, rows_read=0, columns=columns),
    )


def _columns(text: str, width: int, contact_list: ContactList) -> Columns:
    try:
        columns = Columns.model_validate(json.loads(text))
        columns.check(width)
    except ValidationError as error:
        words = "; ".join(f"{item['path']}: {item['message']}" for item in problems_of(error))
    except ValueError as error:
        words = str(error)
    else:
        return columns
    contact_list.delete()
    raise Problem(400, "Not the columns of this list", f"columns: {words}")


@router.get(
    "/campaigns/{campaign_id}/contacts", response=PeoplePage, auth=allowed("campaigns:read"), summary="List its people"
)
def people(
    request: HttpRequest, campaign_id: CampaignId, cursor: Cursor = "", limit: PageSize = 50, state: InState = None
) -> PeoplePage:
    """Everyone of its lists, also those who are skipped, and why."""
    rows = CampaignContact.objects.owned_by(request.organization).filter(campaign=_campaign(request, campaign_id))  # type: ignore[attr-defined]
    if state:
        rows = rows.filter(state=state)
    items, following = page(rows, cursor, limit)
    return PeoplePage(
        items=[PersonOut.model_validate(each, from_attributes=True) for each in items], next_cursor=following
    )


def _act(request: HttpRequest, campaign_id: uuid.UUID, act: Any) -> CampaignOut:
    campaign = _campaign(request, campaign_id)
    try:
        act(campaign)
    except manage.CannotDo as error:
        raise Problem(409, "Not in this state", str(error)) from error
    return _out(_campaign(request, campaign_id))


_CONFLICT = {"responses": {409: {"description": "The campaign can't do that now; the detail says why and what to do."}}}


@router.post(
    "/campaigns/{campaign_id}/start",
    response=CampaignOut,
    auth=allowed("campaigns:write"),
    summary="Start a campaign",
    openapi_extra=_CONFLICT,
)
def start(request: HttpRequest, campaign_id: CampaignId) -> CampaignOut:
    """It needs people, a published agent and one of your numbers to call from."""
    return _act(request, campaign_id, manage.start)


@router.post(
    "/campaigns/{campaign_id}/pause",
    response=CampaignOut,
    auth=allowed("campaigns:write"),
    summary="Pause a campaign",
    openapi_extra=_CONFLICT,
)
def pause(request: HttpRequest, campaign_id: CampaignId) -> CampaignOut:
    """Nobody new is called; calls that run go on to their end."""
    return _act(request, campaign_id, manage.pause)


@router.post(
    "/campaigns/{campaign_id}/resume",
    response=CampaignOut,
    auth=allowed("campaigns:write"),
    summary="Go on with a campaign",
    openapi_extra=_CONFLICT,
)
def resume(request: HttpRequest, campaign_id: CampaignId) -> CampaignOut:
    """Where it was paused."""
    return _act(request, campaign_id, manage.resume)


@router.post(
    "/campaigns/{campaign_id}/cancel",
    response=CampaignOut,
    auth=allowed("campaigns:write"),
    summary="Cancel a campaign",
    openapi_extra=_CONFLICT,
)
def cancel(request: HttpRequest, campaign_id: CampaignId) -> CampaignOut:
    """For good. Calls that run go on to their end."""
    return _act(request, campaign_id, manage.cancel)


@router.get(
    "/campaigns/{campaign_id}/results",
    auth=allowed("campaigns:read"),
    summary="Get the results",
    openapi_extra={
        "responses": {
            200: {
                "description": "Every row with what became of it.",
                "content": {"text/csv": {"schema": {"type": "string"}}},
            }
        }
    },
)
def results(request: HttpRequest, campaign_id: CampaignId) -> HttpResponse:
    """CSV: every row of every list, what became of it, and its own columns."""
    return HttpResponse(manage.results_csv(_campaign(request, campaign_id)), content_type="text/csv; charset=utf-8")
