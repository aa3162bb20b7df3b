"""REST: whom the organization's agents may call, and whom never again."""

import uuid
from datetime import datetime
from decimal import Decimal
from typing import Annotated

from django.http import HttpRequest
from ninja import Path, Router, Schema, Status
from pydantic import Field

from accounts.auth import allowed
from accounts.paging import Cursor, NextCursor, PageSize, page
from accounts.problems import Problem
from agents.partial import partial
from telephony.dialing import do_not_call, gate, policies
from telephony.dialing.models import DoNotCall
from telephony.dialing.policy import Policy

router = Router(tags=["Outgoing calls"])

PolicyChanges = partial(Policy)
EntryId = Annotated[uuid.UUID, Path(description="The entry's id.")]


class TodayOut(Schema):
    live: int = Field(description="Outgoing calls that run now.", examples=[2])
    calls: int = Field(description="Outgoing calls of today, in the organization's time zone.", examples=[41])
    spent: Decimal = Field(
        description="What they come to; a running call counts with all it may still cost.", examples=["3.12"]
    )


class PolicyOut(Schema):
    policy: Policy = Field(description="Whom agents may call, and how much of it.")
    today: TodayOut = Field(description="How much of it is used.")


class PolicyIn(Schema):
    policy: PolicyChanges = Field(  # type: ignore[valid-type]
        description="The knobs to change.", examples=[{"countries": ["CA"], "daily_spend": 50}]
    )


class EntryOut(Schema):
    id: uuid.UUID = Field(description="The entry's id.")
    number: str = Field(description="Never called again.", examples=["+14155550142"])
    reason: str = Field(description="Why, as far as somebody said.", examples=["asked by e-mail"])
    source: str = Field(
        description="Who put it there: member, caller (they asked the agent), api, text (they texted STOP).",
        examples=["api"],
    )
    created_at: datetime = Field(description="Since when.")


class EntryPage(Schema):
    items: list[EntryOut] = Field(description="The entries of this page.")
    next_cursor: NextCursor


class EntryIn(Schema):
    number: str = Field(max_length=60, description="As people write it.", examples=["+1 415 555 0142"])
    reason: str = Field("", max_length=200, description="Why, for whoever looks later.", examples=["asked by e-mail"])


def _policy(request: HttpRequest) -> PolicyOut:
    organization = request.organization  # type: ignore[attr-defined]
    used = gate.today(organization)
    return PolicyOut(
        policy=policies.policy_of(organization), today=TodayOut(live=used.live, calls=used.calls, spent=used.spent)
    )


@router.get("/dial-policy", response=PolicyOut, auth=allowed("campaigns:read"), summary="Read the limits")
def read(request: HttpRequest) -> PolicyOut:
    """They hold for every call out of here, however it is started."""
    return _policy(request)


@router.patch("/dial-policy", response=PolicyOut, auth=allowed("limits:write"), summary="Change the limits")
def change(request: HttpRequest, body: PolicyIn) -> PolicyOut:
    """Send the knobs to change; the others stay, and null sets one back to its default. From the next call on."""
    changes = body.model_dump(mode="json", exclude_unset=True)["policy"]
    policies.change(request.organization, changes)  # type: ignore[attr-defined]
    return _policy(request)


@router.get("/do-not-call", response=EntryPage, auth=allowed("campaigns:read"), summary="List who is never called")
def entries(request: HttpRequest, cursor: Cursor = "", limit: PageSize = 50) -> EntryPage:
    """Newest first."""
    items, following = page(do_not_call.entries(request.organization), cursor, limit)  # type: ignore[attr-defined]
    return EntryPage(
        items=[EntryOut.model_validate(each, from_attributes=True) for each in items], next_cursor=following
    )


@router.post(
    "/do-not-call",
    response={201: EntryOut},
    auth=allowed("campaigns:write"),
    summary="Never call a number",
    openapi_extra={"responses": {400: {"description": "It is no telephone number; the detail says why."}}},
)
def add(request: HttpRequest, body: EntryIn) -> Status[EntryOut]:
    """From the next call on, whichever way it would be started. On the list already: the entry that is there."""
    try:
        entry, _ = do_not_call.add(
            request.organization,  # type: ignore[attr-defined]
            body.number,
            body.reason,
            source=DoNotCall.Source.API,
        )
    except do_not_call.NotANumber as error:
        raise Problem(400, "Not a telephone number", str(error)) from error
    return Status(201, EntryOut.model_validate(entry, from_attributes=True))


@router.delete(
    "/do-not-call/{entry_id}", response={204: None}, auth=allowed("campaigns:write"), summary="Allow a number again"
)
def remove(request: HttpRequest, entry_id: EntryId) -> Status[None]:
    """Only where the person said so."""
    entry = do_not_call.entries(request.organization).filter(pk=entry_id).first()  # type: ignore[attr-defined]
    if entry is None:
        raise Problem(404, "No such entry", "There is no entry of this id on your do-not-call list.")
    do_not_call.remove(entry)
    return Status(204, None)
