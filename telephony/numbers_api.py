"""REST: accounts at telephone companies, and the numbers that ring here."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from django.http import HttpRequest
from django.utils import timezone
from ninja import Path, Query, Router, Schema, Status
from pydantic import ConfigDict, Field, create_model

from accounts import tenancy
from accounts.auth import allowed
from accounts.problems import Problem
from agents.models import Agent
from agents.partial import partial
from telephony import phone_numbers, reception
from telephony.answering import WHY_WORDS, Answering, Talk, changes_at
from telephony.carriers import CarrierError
from telephony.carriers.registry import CARRIERS
from telephony.models import CarrierAccount, PhoneNumber
from telephony.outbound import MayNotDial

router = Router(tags=["Numbers"])

AccountId = Annotated[uuid.UUID, Path(description="The account's id here.")]
NumberId = Annotated[uuid.UUID, Path(description="The number's id here.")]
AnsweringChanges = partial(Answering)
At = Annotated[
    datetime | None, Query(description="The moment; left out: now. Without a time zone it is on the number's clock.")
]
From = Annotated[str, Query(description="Who calls, for the split between versions.", max_length=40)]
CARRIER_FAILS = {
    "responses": {
        409: {"description": "It can't be done as things are; the detail says why."},
        502: {"description": "The telephone company refused, or can't be reached."},
    }
}


class AccountOut(Schema):
    id: uuid.UUID = Field(description="The account's id here.")
    carrier: str = Field(description="The telephone company.", examples=["twilio"])
    provider: str = Field(description="The same, as it was called first.", examples=["twilio"])
    account_sid: str = Field(
        description="What the company calls the account.", examples=["AC5ef8732a3c49700934481addd5ce1659"]
    )
    label: str = Field(description="Its name there.", examples=["Bright Smiles"])
    lacks: list[str] = Field(
        description="What Parley doesn't do at this company, in plain words; such is refused.",
        examples=[
            ["Telnyx doesn't hear and speak for an agent here: choose Parley. Only Twilio does (ConversationRelay)."]
        ],
    )

    @classmethod
    def of(cls, account: CarrierAccount) -> AccountOut:
        return cls(
            id=account.pk,
            carrier=account.provider,
            provider=account.provider,
            account_sid=account.sid,
            label=account.label,
            lacks=phone_numbers.lacks(account),
        )


def _logins() -> dict[str, Any]:
    """What each carrier asks for, by name."""
    asked: dict[str, list[str]] = {}
    for at in CARRIERS.values():
        for each in at.login:
            kept = " Kept encrypted, never shown again." if each.is_secret else ""
            asked.setdefault(each.name, []).append(f"{at.title}: {each.word}.{kept}")
    return {
        name: (str | None, Field(None, description=" ".join(words), max_length=200)) for name, words in asked.items()
    }


class _AccountIn(Schema):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"carrier": "twilio", "account_sid": "AC5ef8732a3c49700934481addd5ce1659", "auth_token": "…"}]
        }
    )
    carrier: CarrierAccount.Provider = Field(
        CarrierAccount.Provider.TWILIO, description="The telephone company; what else to give depends on it."
    )


AccountIn = create_model("AccountIn", __base__=_AccountIn, **_logins())


class OfferedOut(Schema):
    sid: str = Field(description="What the company calls the number.", examples=["PN2a0747eba6abf96b7e3c3ff0b4530f6e"])
    number: str = Field(description="The number.", examples=["+14155550142"])
    label: str = Field(description="Its name at the company.", examples=["Front desk"])
    can_call: bool = Field(description="False: it is for text messages only.", examples=[True])
    leads_to: str = Field(description="Where its calls go now.", examples=["https://demo.twilio.com/welcome/voice/"])
    is_imported: bool = Field(description="True: it rings here.", examples=[False])


class NumberOut(Schema):
    id: uuid.UUID = Field(description="The number's id here.")
    number: str = Field(description="The number.", examples=["+14155550142"])
    label: str = Field(description="What you call it.", examples=["Front desk"])
    account_id: uuid.UUID | None = Field(description="The account it belongs to; null: it is on a SIP trunk.")
    trunk_id: uuid.UUID | None = Field(description="The SIP trunk it is on; null: it belongs to an account.")
    agent_id: uuid.UUID | None = Field(description="The agent that answers; null: calls are refused.")
    answering: Answering = Field(
        description="When it answers, what happens after hours and if it can't answer, and which version has the call."
    )

    @classmethod
    def of(cls, number: PhoneNumber) -> NumberOut:
        return cls(
            answering=reception.settings_of(number),
            id=number.pk,
            number=number.number,
            label=number.label,
            account_id=number.account_id,
            trunk_id=number.trunk_id,
            agent_id=number.agent_id,
        )


class NumberIn(Schema):
    account_id: uuid.UUID = Field(description="The account it belongs to.")
    number_sid: str = Field(
        description="What the company calls the number.", max_length=64, examples=["PN2a0747eba6abf96b7e3c3ff0b4530f6e"]
    )
    agent_id: uuid.UUID | None = Field(None, description="The agent that answers; null: nobody yet.")


class NumberChange(Schema):
    agent_id: uuid.UUID | None = Field(None, description="The agent that answers; null: calls are refused.")
    label: str | None = Field(None, description="What you call it.", max_length=120, examples=["Front desk"])
    answering: AnsweringChanges | None = Field(  # type: ignore[valid-type]
        None,
        description="Those knobs to change, group by group; the others stay, and null sets one back to its default.",
        examples=[
            {
                "schedule": {"openings": [{"days": ["mon", "tue"], "opens": "09:00", "closes": "17:00"}]},
                "after_hours": {"how": "voicemail"},
            }
        ],
    )


class AnswerOut(Schema):
    how: Literal["agent", "forward", "voicemail", "message", "refuse"] = Field(
        description="What happens with a call.", examples=["voicemail"]
    )
    why: str = Field(
        description="Why not the number's agent answers: closed, no_agent, archived, unpublished, no_room; empty: it does.",
        examples=["closed"],
    )
    words: str = Field(description="The same in plain words.", examples=["The call came after hours"])
    agent_id: uuid.UUID | None = Field(None, description="The agent that answers, where one does.")
    version: int | None = Field(None, description="The version of it.", examples=[None])
    changes_at: datetime | None = Field(
        description="When the number opens or closes next; null: it never does.", examples=["2026-12-28T09:00:00-05:00"]
    )


class Removed(Schema):
    was_put_back: bool = Field(
        description="False: its calls had been led elsewhere meanwhile, and were left so.", examples=[True]
    )


@contextmanager
def told() -> Iterator[None]:
    """What can't be done, and what the company refuses, as problems."""
    try:
        yield
    except (phone_numbers.CannotDo, MayNotDial) as error:
        raise Problem(409, "It can't be done", str(error)) from error
    except CarrierError as error:
        raise Problem(502, "The telephone company refused", error.message) from error


def account_of(request: HttpRequest, pk: uuid.UUID) -> CarrierAccount:
    rows = CarrierAccount.objects.owned_by(request.organization)  # type: ignore[attr-defined]
    found: CarrierAccount | None = rows.select_related("organization").filter(pk=pk).first()
    if found is None:
        raise Problem(404, "No such account", "There is no account of this id in your organization.")
    return found


def number_of(request: HttpRequest, pk: uuid.UUID) -> PhoneNumber:
    rows = PhoneNumber.objects.owned_by(request.organization)  # type: ignore[attr-defined]
    rows = rows.select_related("account__organization", "organization", "trunk", "agent__published")
    found: PhoneNumber | None = rows.filter(pk=pk).first()
    if found is None:
        raise Problem(404, "No such number", "There is no number of this id in your organization.")
    return found


def agent_of(request: HttpRequest, pk: uuid.UUID) -> Agent:
    rows = Agent.objects.owned_by(request.organization)  # type: ignore[attr-defined]
    found: Agent | None = rows.select_related("published").filter(pk=pk).first()
    if found is None:
        raise Problem(404, "No such agent", "There is no agent of this id in your organization.")
    return found


@router.get("/carrier-accounts", response=list[AccountOut], auth=allowed("numbers:read"), summary="List accounts")
def list_accounts(request: HttpRequest) -> list[AccountOut]:
    """Your accounts at telephone companies."""
    return [AccountOut.of(account) for account in CarrierAccount.objects.owned_by(request.organization)]  # type: ignore[attr-defined]


@router.post(
    "/carrier-accounts", response={201: AccountOut}, auth=allowed("numbers:write"), summary="Connect an account",
    openapi_extra=CARRIER_FAILS,
)  # fmt: skip
def connect(request: HttpRequest, body: AccountIn) -> Status[AccountOut]:
    """The company is asked whether the token is right. Connect it again to give a new token."""
    given = {name: value for name, value in body.model_dump(exclude={"carrier"}).items() if value}
    with told():
        account = phone_numbers.connect_to(request.organization, None, str(body.carrier), given)  # type: ignore[attr-defined]
    return Status(201, AccountOut.of(account))


@router.delete(
    "/carrier-accounts/{account_id}", response={204: None}, auth=allowed("numbers:write"), summary="Disconnect an account",
    openapi_extra=CARRIER_FAILS,
)  # fmt: skip
def disconnect(request: HttpRequest, account_id: AccountId) -> Status[None]:
    """Its token is deleted. Remove its numbers first."""
    with told():
        phone_numbers.disconnect(account_of(request, account_id))
    return Status(204, None)


@router.get(
    "/carrier-accounts/{account_id}/numbers", response=list[OfferedOut], auth=allowed("numbers:read"),
    summary="List an account's numbers", openapi_extra=CARRIER_FAILS,
)  # fmt: skip
def offered(request: HttpRequest, account_id: AccountId) -> list[OfferedOut]:
    """As the company tells them now, imported or not."""
    with told():
        found = phone_numbers.available(account_of(request, account_id))
    return [
        OfferedOut(
            sid=each.sid, number=each.number, label=each.label, can_call=each.can_call, leads_to=each.leads_to,
            is_imported=is_imported,
        )
        for each, is_imported in found
    ]  # fmt: skip


@router.get("/numbers", response=list[NumberOut], auth=allowed("numbers:read"), summary="List numbers")
def list_numbers(request: HttpRequest) -> list[NumberOut]:
    """The numbers that ring here, and who answers."""
    return [NumberOut.of(number) for number in PhoneNumber.objects.owned_by(request.organization)]  # type: ignore[attr-defined]


@router.post(
    "/numbers", response={201: NumberOut}, auth=allowed("numbers:write"), summary="Import a number",
    openapi_extra=CARRIER_FAILS,
)  # fmt: skip
def import_number(request: HttpRequest, body: NumberIn) -> Status[NumberOut]:
    """Its calls come here from now on; where they went before is kept, and put back when it is removed."""
    account = account_of(request, body.account_id)
    agent = agent_of(request, body.agent_id) if body.agent_id else None
    with told():
        return Status(201, NumberOut.of(phone_numbers.import_number(account, body.number_sid, agent)))


@router.get("/numbers/{number_id}", response=NumberOut, auth=allowed("numbers:read"), summary="Read a number")
def read(request: HttpRequest, number_id: NumberId) -> NumberOut:
    """Who answers it when, and what happens otherwise."""
    return NumberOut.of(number_of(request, number_id))


@router.get(
    "/numbers/{number_id}/decision",
    response=AnswerOut,
    auth=allowed("numbers:read"),
    summary="Ask what a call would meet",
)
def answer(request: HttpRequest, number_id: NumberId, at: At = None, caller: From = "") -> AnswerOut:
    """At this moment or any other, as if a call worker had room. Nobody is called by this."""
    number = number_of(request, number_id)
    schedule, zone = reception.settings_of(number).schedule, number.organization.timezone
    moment = at or timezone.now()
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(schedule.time_zone or zone))
    found = reception.answer_to(number, caller, has_room=True, at=moment)
    return AnswerOut(
        how=reception.how(found),
        why=found.why,
        words=WHY_WORDS.get(found.why, ""),
        agent_id=uuid.UUID(found.agent) if isinstance(found, Talk) else None,
        version=found.version if isinstance(found, Talk) else None,
        changes_at=changes_at(schedule, zone, moment),
    )


@router.patch("/numbers/{number_id}", response=NumberOut, auth=allowed("numbers:write"), summary="Say who answers")
def change(request: HttpRequest, number_id: NumberId, body: NumberChange) -> NumberOut:
    """Only what is sent is changed. It holds from the next call on."""
    number = number_of(request, number_id)
    with told():
        if "agent_id" in body.model_fields_set:
            phone_numbers.assign(number, agent_of(request, body.agent_id) if body.agent_id else None)
    if body.answering is not None:
        with told():
            reception.change(number, body.answering.model_dump(mode="json", exclude_unset=True))
    if body.label is not None:
        number.label = body.label
        with tenancy.use(number.organization_id):
            number.save(update_fields=["label"])
    return NumberOut.of(number)


@router.delete(
    "/numbers/{number_id}", response=Removed, auth=allowed("numbers:write"), summary="Remove a number",
    openapi_extra=CARRIER_FAILS,
)  # fmt: skip
def remove(request: HttpRequest, number_id: NumberId) -> Removed:
    """Its calls go where they went before it was imported."""
    with told():
        return Removed(was_put_back=phone_numbers.remove(number_of(request, number_id)))
