"""REST: text messages that are sent from one of our numbers, or come in at one."""

import uuid
from datetime import datetime
from typing import Annotated, Literal

from django.http import HttpRequest
from ninja import Path, Query, Router, Schema, Status
from pydantic import Field

from accounts.auth import allowed
from accounts.paging import Cursor, NextCursor, PageSize, page
from accounts.problems import Problem
from telephony import text_conversations, texts
from telephony.models import TextMessage
from telephony.numbers_api import CARRIER_FAILS, number_of, told

router = Router(tags=["Text messages"])

TextId = Annotated[uuid.UUID, Path(description="The message's id.")]


Direction = Literal["inbound", "outbound"]


class TextOut(Schema):
    id: uuid.UUID = Field(description="The message's id.")
    call_id: uuid.UUID | None = Field(description="The call after which an agent sent it; null: it was asked for.")
    direction: Direction = Field(description="inbound: it came in; outbound: it was sent.", examples=["outbound"])
    from_number: str = Field(description="Who wrote it.", examples=["+14155550142"])
    to_number: str = Field(description="To whom.", examples=["+14155550177"])
    body: str = Field(description="What it says.", examples=["See you on Tuesday at three."])
    means: Literal["", "stop", "start", "help"] = Field(
        description="Of one that came in: stop (its sender is on the do-not-call list since), start (not any more), help; else empty.",
        examples=[""],
    )
    media: int = Field(description="How many pictures and the like came with it. They are not kept.", examples=[0])
    status: Literal["sending", "sent", "delivered", "failed", "received"] = Field(
        description="What became of it, as the telephone company tells; received: it came in.", examples=["delivered"]
    )
    problem: str = Field(description="Why it was not sent, or didn't arrive.", examples=[""])
    created_at: datetime = Field(description="When it was asked for, or came in.")


class TextPage(Schema):
    items: list[TextOut] = Field(description="The messages of this page.")
    next_cursor: NextCursor


class TextIn(Schema):
    number_id: uuid.UUID = Field(description="Which of your numbers it is sent from.")
    to: str = Field(description="To whom, with the country.", max_length=40, examples=["+14155550177"])
    body: str = Field(
        description="What it says.", min_length=1, max_length=texts.LONGEST, examples=["See you on Tuesday at three."]
    )


@router.get("/texts", response=TextPage, auth=allowed("calls:read"), summary="List text messages")
def list_texts(
    request: HttpRequest,
    cursor: Cursor = "",
    limit: PageSize = 50,
    direction: Annotated[Direction | None, Query(description="Only those.")] = None,
    our_number: Annotated[str, Query(max_length=64, description="Only those to and from this number of yours.")] = "",
    their_number: Annotated[
        str, Query(max_length=64, description="Only those from and to this number: with `our_number`, a conversation.")
    ] = "",
) -> TextPage:
    """Those that came in and those that were sent, newest first."""
    rows = text_conversations.narrowed(
        TextMessage.objects.owned_by(request.organization),  # type: ignore[attr-defined]
        ours=our_number.strip(),
        theirs=their_number.strip(),
        direction=direction or "",
    )
    items, following = page(rows, cursor, limit)
    return TextPage(items=[TextOut.model_validate(each, from_attributes=True) for each in items], next_cursor=following)


@router.post(
    "/texts", response={201: TextOut}, auth=allowed("calls:write"), summary="Send a text message",
    openapi_extra=CARRIER_FAILS,
)  # fmt: skip
def send(request: HttpRequest, body: TextIn) -> Status[TextOut]:
    """It is sent at once. The countries you allow, the do-not-call list and the day's limit hold for it as for calls."""
    number = number_of(request, body.number_id)
    with told():
        text = texts.send(number, body.to, body.body)
    return Status(201, TextOut.model_validate(text, from_attributes=True))


@router.get("/texts/{text_id}", response=TextOut, auth=allowed("calls:read"), summary="Read a text message")
def read(request: HttpRequest, text_id: TextId) -> TextOut:
    """What became of it."""
    found = TextMessage.objects.owned_by(request.organization).filter(pk=text_id).first()  # type: ignore[attr-defined]
    if found is None:
        raise Problem(404, "No such message", "There is no text message of this id in your organization.")
    return TextOut.model_validate(found, from_attributes=True)
