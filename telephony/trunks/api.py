"""REST: SIP trunks, the numbers on them, and how agents are called by SIP."""

import uuid
from datetime import datetime
from typing import Annotated, Any

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone
from ninja import Path, Router, Schema, Status
from pydantic import Field

from accounts.auth import allowed
from accounts.problems import Problem
from agents.partial import partial
from telephony.call_lookup import call_of
from telephony.models import Trunk
from telephony.numbers_api import CARRIER_FAILS, NumberOut, agent_of, told
from telephony.trunks import addresses, explain, manage
from telephony.trunks.fields import TrunkFields
from telephony.trunks.presets import PRESETS

router = Router(tags=["SIP trunks"])

TrunkChanges = partial(TrunkFields)
TrunkId = Annotated[uuid.UUID, Path(description="The trunk's id.")]
Password = Annotated[
    str | None,
    Field(max_length=200, description="Kept encrypted, never shown again. null: as it is. Empty: none any more.", examples=["s3cret"]),
]  # fmt: skip
UNVERIFIED = (
    "Taken from the providers' public documentation, not verified by us; providers change it. Try the trunk's test."
)
_EXAMPLE = {
    "label": "Office", "preset": "asterisk", "host": "pbx.example.com", "username": "200", "registers": True,
}  # fmt: skip


class TrunkIn(Schema):
    trunk: TrunkFields = Field(description="The trunk.", examples=[_EXAMPLE])
    password: Password = None


class TrunkChange(Schema):
    trunk: TrunkChanges = Field(default={}, description="The fields to change.", examples=[{"transport": "tls"}])  # type: ignore[valid-type]
    password: Password = None


class TrunkOut(Schema):
    id: uuid.UUID = Field(description="The trunk's id.")
    trunk: TrunkFields = Field(description="What you said about it.", examples=[_EXAMPLE])
    has_password: bool = Field(description="True: a password is stored.", examples=[True])
    state: str = Field(
        description="waiting: not tried yet. registered, reachable: it works. failed: it doesn't; state_words says why.",
        examples=["registered"],
    )
    state_words: str = Field(
        description="The same in a sentence.",
        examples=["pbx.example.com knows where we are, for 60 minutes at a time."],
    )
    state_at: datetime | None = Field(description="Since when; null: it was not tried yet.")
    telephone_address: str = Field(
        description="Of a telephone that registers here: what agents put callers through to. Empty: it is none, or SIP is off.",
        examples=["sip:desk@192.168.1.20"],
    )
    created_at: datetime = Field(description="When it was made.")

    @classmethod
    def of(cls, trunk: Trunk) -> "TrunkOut":
        return cls(
            id=trunk.pk,
            trunk=manage.fields_of(trunk),
            has_password=bool(trunk.credential),
            state=trunk.state,
            state_words=trunk.state_words,
            state_at=trunk.state_at,
            telephone_address=addresses.address_of_telephone(trunk),
            created_at=trunk.created_at,
        )


class PresetOut(Schema):
    preset: str = Field(description="What a trunk's field of that name says.", examples=["telnyx"])
    name: str = Field(description="The provider or telephone system.", examples=["Telnyx"])
    kind: str = Field(
        description="provider: it sells lines. pbx: a telephone system of your own.", examples=["provider"]
    )
    host: str = Field(
        description="Empty: only you know it. “…” in it stands for a part that is yours.", examples=["sip.telnyx.com"]
    )
    port: int = Field(description="Of the host; 0: the usual one of the transport.", examples=[0])
    transport: str = Field(description="udp, tcp or tls.", examples=["udp"])
    registers: bool = Field(description="True: they know you by registration.", examples=[True])
    asks_password: bool = Field(description="True: whoever calls over it signs in here.", examples=[False])
    srtp: str = Field(description="Encrypted sound: off, optional or mandatory.", examples=["optional"])
    codecs: list[str] = Field(description="In their order; empty: all of ours.", examples=[["pcmu", "pcma"]])
    sources: list[str] = Field(
        description="Networks their calls come from; empty: the addresses of the host.", examples=[["54.172.60.0/30"]]
    )
    hint: str = Field(
        description="What to do at their end.",
        examples=["Make a SIP connection of the kind Credentials, and put your numbers on it."],
    )


class PresetsOut(Schema):
    note: str = Field(description="How far these may be believed.", examples=[UNVERIFIED])
    presets: list[PresetOut] = Field(description="Providers and telephone systems.")


class TestedOut(Schema):
    works: bool = Field(
        description="True: calls can be placed over it, as far as can be told without one.", examples=[True]
    )
    trouble: str = Field(
        description="What is wrong, in a sentence; empty: nothing.",
        examples=["The provider refused your user name or password. (SIP 401)"],
    )
    address: str = Field(description="Where it was asked.", examples=["192.0.2.7:5060"])
    is_reachable: bool = Field(description="True: it answered a question how it is (OPTIONS).", examples=[True])
    round_trip_ms: int | None = Field(description="How long that took; null: it didn't answer.", examples=[12])
    is_registered: bool | None = Field(
        description="Whether it registered us; null: it isn't asked to.", examples=[True]
    )


class TrunkNumberIn(Schema):
    number: str = Field(
        description="With its country, or an extension as your telephone system knows it.",
        max_length=40,
        examples=["+14155550142"],
    )
    agent_id: uuid.UUID | None = Field(None, description="The agent that answers; null: nobody yet.")
    label: str = Field("", description="What you call it.", max_length=120, examples=["Front desk"])


class MessageOut(Schema):
    id: uuid.UUID = Field(description="The message's id.")
    call_id: uuid.UUID | None = Field(description="The call it belongs to; null: the trunk's own business.")
    at: datetime = Field(description="When it went by.")
    direction: str = Field(description="in: received. out: sent.", examples=["out"])
    peer: str = Field(description="Where it came from or went.", examples=["192.0.2.7:5060"])
    transport: str = Field(description="udp, tcp or tls.", examples=["udp"])
    start_line: str = Field(description="Its first line.", examples=["SIP/2.0 200 OK"])
    cseq: str = Field(description="What it asks, or answers.", examples=["1 INVITE"])
    text: str = Field(description="All of it, without passwords' proofs and keys.", examples=["SIP/2.0 200 OK\n…"])
    is_cut: bool = Field(description="True: it was longer.", examples=[False])


class ExplanationOut(Schema):
    words: str = Field(
        description="What the messages come to, and what to do.",
        examples=["The provider refused the password for trunk “Main line”. Check the user name and password."],
    )
    is_failure: bool = Field(description="True: something went wrong.", examples=[True])


class SipOut(Schema):
    is_on: bool = Field(description="False: this installation serves no SIP.", examples=[True])
    host: str = Field(description="Where SIP calls reach it.", examples=["voice.example.com"])
    tls_port: int | None = Field(description="Over TLS; null: not.", examples=[5061])
    direct_from: list[str] = Field(
        description="Networks that may call agents by their own address.", examples=[["192.168.0.0/16"]]
    )


class AgentAddress(Schema):
    address: str = Field(
        description="Telephones call it without any provider. Empty: SIP is off, or the agent isn't published.",
        examples=["sip:front-desk@192.168.1.20"],
    )


def trunk_of(request: HttpRequest, pk: uuid.UUID) -> Trunk:
    rows = Trunk.objects.owned_by(request.organization).select_related("organization")  # type: ignore[attr-defined]
    found: Trunk | None = rows.filter(pk=pk).first()
    if found is None:
        raise Problem(404, "No such trunk", "There is no trunk of this id in your organization.")
    return found


@router.get("/trunks/presets", response=PresetsOut, auth=allowed("numbers:read"), summary="List providers' settings")
def list_presets(request: HttpRequest) -> PresetsOut:
    """What a trunk to a common provider or telephone system is filled in with. None of it was tried from here."""
    return PresetsOut(
        note=UNVERIFIED,
        presets=[
            PresetOut(
                preset=each.key,
                name=each.name,
                kind=each.kind,
                host=each.host,
                port=each.port,
                transport=each.transport,
                registers=each.registers,
                asks_password=each.asks_password,
                srtp=each.srtp,
                codecs=list(each.codecs),
                sources=list(each.sources),
                hint=each.hint,
            )
            for each in PRESETS.values()
        ],
    )


@router.get("/trunks", response=list[TrunkOut], auth=allowed("numbers:read"), summary="List SIP trunks")
def list_trunks(request: HttpRequest) -> list[TrunkOut]:
    """Your SIP providers and telephone systems, and whether each works."""
    return [TrunkOut.of(trunk) for trunk in Trunk.objects.owned_by(request.organization)]  # type: ignore[attr-defined]


@router.post(
    "/trunks",
    response={201: TrunkOut},
    auth=allowed("numbers:write"),
    summary="Add a SIP trunk",
    openapi_extra=CARRIER_FAILS,
)
def create(request: HttpRequest, body: TrunkIn) -> Status[TrunkOut]:
    """A call worker takes it up within seconds. Then put a number on it, and test it."""
    with told():
        trunk = manage.create(request.organization, None, body.trunk, body.password or "")  # type: ignore[attr-defined]
    return Status(201, TrunkOut.of(trunk))


@router.get("/trunks/{trunk_id}", response=TrunkOut, auth=allowed("numbers:read"), summary="Read a SIP trunk")
def read(request: HttpRequest, trunk_id: TrunkId) -> TrunkOut:
    """With its state as the call worker last found it."""
    return TrunkOut.of(trunk_of(request, trunk_id))


@router.patch(
    "/trunks/{trunk_id}",
    response=TrunkOut,
    auth=allowed("numbers:write"),
    summary="Change a SIP trunk",
    openapi_extra=CARRIER_FAILS,
)
def change(request: HttpRequest, trunk_id: TrunkId, body: TrunkChange) -> TrunkOut:
    """Only what is sent is changed; null sets a field back to its default. Calls that run go on as they are."""
    trunk = trunk_of(request, trunk_id)
    changes: dict[str, Any] = body.model_dump(exclude_unset=True).get("trunk", {})
    stored = manage.fields_of(trunk).model_dump()
    given = {name: value for name, value in {**stored, **changes}.items() if value is not None}
    fields = TrunkFields(**given)
    with told():
        return TrunkOut.of(manage.change(trunk, None, fields, body.password))


@router.delete(
    "/trunks/{trunk_id}", response={204: None}, auth=allowed("numbers:write"), summary="Remove a SIP trunk",
    openapi_extra=CARRIER_FAILS,
)  # fmt: skip
def remove(request: HttpRequest, trunk_id: TrunkId) -> Status[None]:
    """Its password is deleted. Remove its numbers first."""
    with told():
        manage.remove(trunk_of(request, trunk_id))
    return Status(204, None)


@router.post(
    "/trunks/{trunk_id}/test", response=TestedOut, auth=allowed("numbers:write"), summary="Test a SIP trunk",
    openapi_extra=CARRIER_FAILS,
)  # fmt: skip
def test(request: HttpRequest, trunk_id: TrunkId) -> TestedOut:
    """Asks it how it is, and registers, now. Takes up to ten seconds where nobody answers. Nobody's telephone rings."""
    with told():
        found = manage.test(trunk_of(request, trunk_id))
    return TestedOut(
        works=not found.trouble,
        trouble=found.trouble,
        address=found.address,
        is_reachable=found.is_reachable,
        round_trip_ms=found.round_trip_ms,
        is_registered=found.is_registered,
    )


@router.post(
    "/trunks/{trunk_id}/numbers", response={201: NumberOut}, auth=allowed("numbers:write"), summary="Put a number on a SIP trunk",
    openapi_extra=CARRIER_FAILS,
)  # fmt: skip
def add_number(request: HttpRequest, trunk_id: TrunkId, body: TrunkNumberIn) -> Status[NumberOut]:
    """Its calls are answered here, as soon as the trunk leads them here. Change and remove it under /numbers."""
    trunk = trunk_of(request, trunk_id)
    agent = agent_of(request, body.agent_id) if body.agent_id else None
    with told():
        return Status(201, NumberOut.of(manage.add_number(trunk, body.number, agent, body.label)))


@router.get(
    "/trunks/{trunk_id}/messages",
    response=list[MessageOut],
    auth=allowed("numbers:read"),
    summary="Read a trunk's SIP messages",
)
def messages(request: HttpRequest, trunk_id: TrunkId) -> list[MessageOut]:
    """Registrations, and calls that were refused before they were any. Oldest first."""
    rows = explain.messages_of_trunk(trunk_of(request, trunk_id))
    return [MessageOut.model_validate(row, from_attributes=True) for row in rows]


@router.get(
    "/calls/{call_id}/sip-messages",
    response=list[MessageOut],
    auth=allowed("calls:read"),
    summary="Read a call's SIP messages",
)
def messages_of_a_call(
    request: HttpRequest, call_id: Annotated[uuid.UUID, Path(description="The call's id.")]
) -> list[MessageOut]:
    """As they went over the network, oldest first. Empty: the call came another way."""
    rows = explain.messages_of_call(call_of(request, call_id))
    return [MessageOut.model_validate(row, from_attributes=True) for row in rows]


@router.get(
    "/trunks/{trunk_id}/explanation",
    response=list[ExplanationOut],
    auth=allowed("numbers:read"),
    summary="Explain a trunk's SIP messages",
)
def explanation(request: HttpRequest, trunk_id: TrunkId) -> list[ExplanationOut]:
    """How it stands by its own messages, then the last call that was refused before it was any. Empty: nothing has gone by."""
    trunk = trunk_of(request, trunk_id)
    found = explain.of_trunk(explain.messages_of_trunk(trunk), trunk.label, timezone.now())
    return [ExplanationOut.model_validate(each, from_attributes=True) for each in found]


@router.get(
    "/calls/{call_id}/sip-explanation",
    response=list[ExplanationOut],
    auth=allowed("calls:read"),
    summary="Explain a call's SIP messages",
)
def explanation_of_a_call(
    request: HttpRequest, call_id: Annotated[uuid.UUID, Path(description="The call's id.")]
) -> list[ExplanationOut]:
    """Why it came to nothing, or how it went. Empty: the call came another way, or is on its way still."""
    call = call_of(request, call_id)
    found = explain.of_call(explain.messages_of_call(call), call.trunk.label if call.trunk else "", timezone.now())
    return [ExplanationOut.model_validate(each, from_attributes=True) for each in found]


@router.get("/sip", response=SipOut, auth=allowed("numbers:read"), summary="How SIP calls reach this installation")
def sip(request: HttpRequest) -> SipOut:
    """What to tell your provider or telephone system."""
    return SipOut(
        is_on=bool(settings.SIP_HOST),
        host=addresses.our_host(),
        tls_port=settings.SIP_TLS_PORT if settings.SIP_TLS_CERT and settings.SIP_HOST else None,
        direct_from=list(settings.SIP_DIRECT_FROM),
    )


@router.get(
    "/agents/{agent_id}/sip-address",
    response=AgentAddress,
    auth=allowed("agents:read"),
    summary="Read an agent's SIP address",
)
def agent_address(
    request: HttpRequest, agent_id: Annotated[uuid.UUID, Path(description="The agent's id.")]
) -> AgentAddress:
    """Who may call it: the networks under /sip."""
    return AgentAddress(address=addresses.address_of(agent_of(request, agent_id)))
