"""REST: agents, their draft and their versions. The schemas are the spec's own classes, so form, API and call agree."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from django.db.models import QuerySet
from django.http import HttpRequest
from ninja import Path, Query, Router, Schema, Status
from pydantic import Field

from accounts.auth import allowed
from accounts.paging import Cursor, NextCursor, PageSize, page
from accounts.problems import Problem
from agents.catalog import Offer, catalog
from agents.changes import Change, merge
from agents.models import Agent, AgentVersion
from agents.partial import partial
from agents.publish import (
    HasCalls,
    StaleDraft,
    archive,
    create_agent,
    delete_agent,
    diff,
    draft_of,
    publish,
    restore,
    save_draft,
    unarchive,
    unpublished_changes,
)
from agents.spec import AgentSpec, load

router = Router(tags=["Agents"])

SpecChanges = partial(AgentSpec)

AgentId = Annotated[uuid.UUID, Path(description="The agent's id.")]
VersionNumber = Annotated[int, Path(description="The version's number; the first is 1.", examples=[2])]
Archived = Annotated[bool, Query(description="true: the archived agents instead of the others.")]
Since = Annotated[int, Query(description="The number of the version to compare with.", examples=[1])]
CHANGES_EXAMPLE = {"listens": {"endpointing_ms": 800}, "says": {"goodbye": "Goodbye, and thank you for calling."}}


class AgentOut(Schema):
    id: uuid.UUID = Field(description="Stays the same for the agent's life.")
    name: str = Field(description="What your team calls it.", examples=["Front desk"])
    draft: AgentSpec = Field(description="What is worked on; callers meet it once it is published.")
    draft_revision: int = Field(
        description="Send it back with a change, and the change is refused if somebody else was faster.", examples=[7]
    )
    draft_saved_at: datetime = Field(description="When the draft was last changed.")
    published_version: int | None = Field(
        description="The version that answers new calls; null: none yet.", examples=[2]
    )
    has_unpublished_changes: bool = Field(description="True: the draft differs from the published version.")
    archived_at: datetime | None = Field(
        description="Since when it answers no calls; null: it is in use.", examples=[None]
    )
    created_at: datetime = Field(description="When the agent was made.")

    @staticmethod
    def of(agent: Agent) -> "AgentOut":
        return AgentOut(
            id=agent.id,
            name=agent.name,
            draft=draft_of(agent),
            draft_revision=agent.draft_revision,
            draft_saved_at=agent.draft_saved_at,
            published_version=agent.published.number if agent.published else None,
            has_unpublished_changes=agent.published is None or bool(unpublished_changes(agent)),
            archived_at=agent.archived_at,
            created_at=agent.created_at,
        )


class AgentPage(Schema):
    items: list[AgentOut] = Field(description="The agents of this page.")
    next_cursor: NextCursor


class AgentIn(Schema):
    name: str = Field(
        min_length=1,
        max_length=120,
        description="What your team calls it. Callers don't hear it.",
        examples=["Front desk"],
    )
    draft: SpecChanges | None = Field(  # type: ignore[valid-type]
        None, description="What differs from the defaults.", examples=[CHANGES_EXAMPLE]
    )


class AgentPatch(Schema):
    draft: SpecChanges = Field(  # type: ignore[valid-type]
        description="What to change. Lists are replaced whole, null sets a knob back to its default, everything not named stays.",
        examples=[CHANGES_EXAMPLE],
    )
    draft_revision: int | None = Field(
        None, description="The revision you read. Left out: the change is made whatever others saved.", examples=[7]
    )


class PublishIn(Schema):
    note: str = Field("", max_length=300, description="What is new, for your team.", examples=["More patience"])


class VersionOut(Schema):
    number: int = Field(description="Counts up from 1 with each publishing.", examples=[2])
    note: str = Field(description="What its publisher said is new.", examples=["More patience"])
    created_at: datetime = Field(description="When it was published.")
    published_by: str | None = Field(
        description="Who published it; null: a program, by API key.", examples=["Olivia Owner"]
    )
    is_live: bool = Field(description="True: this version answers new calls.")

    @classmethod
    def facts(cls, version: AgentVersion, agent: Agent) -> dict[str, Any]:
        return {
            "number": version.number,
            "note": version.note,
            "created_at": version.created_at,
            "published_by": str(version.published_by) if version.published_by else None,
            "is_live": agent.published_id == version.pk,
        }


class VersionDetail(VersionOut):
    spec: AgentSpec = Field(description="What the agent is in this version. It never changes.")


class VersionPage(Schema):
    items: list[VersionOut] = Field(description="The versions of this page, without their specs.")
    next_cursor: NextCursor


class ChangeOut(Schema):
    path: str = Field(description="Where it is in the spec.", examples=["listens.endpointing_ms"])
    title: str = Field(description="What the dashboard calls it.", examples=["Listens → Pause before answering"])
    before: str = Field(description="The value before, as people read it.", examples=["500 ms"])
    after: str = Field(description="The value after it.", examples=["800 ms"])

    @staticmethod
    def of(change: Change) -> "ChangeOut":
        return ChangeOut(path=change.path, title=change.title, before=change.before, after=change.after)


class OfferOut(Schema):
    key: str = Field(description="What goes into the spec.", examples=["piper/en_US-joe-medium"])
    title: str = Field(description="What people call it.", examples=["Joe (English, US)"])
    kind: Literal["model", "voice", "transcriber"] = Field(
        description="What it does: think, speak or listen.", examples=["voice"]
    )
    is_usable: bool = Field(description="True: a call can use it now.", examples=[True])
    why_not: str = Field(description="What is missing where it is not usable now.", examples=[""])

    @staticmethod
    def of(offer: Offer) -> "OfferOut":
        return OfferOut(
            key=offer.key, title=offer.title, kind=offer.kind, is_usable=offer.is_usable, why_not=offer.why_not
        )


def _agents(request: HttpRequest) -> QuerySet[Agent]:
    return Agent.objects.owned_by(request.organization).select_related("published")  # type: ignore[attr-defined]


def _agent(request: HttpRequest, agent_id: uuid.UUID) -> Agent:
    found = _agents(request).filter(pk=agent_id).first()
    if found is None:
        raise Problem(404, "No such agent", "There is no agent of this id in your organization.")
    return found


def _changes(value: Any) -> Mapping[str, Any]:
    changes: Mapping[str, Any] = value.model_dump(mode="json", exclude_unset=True) if value is not None else {}
    return changes


@router.get("/agents", response=AgentPage, auth=allowed("agents:read"), summary="List agents")
def list_agents(
    request: HttpRequest, cursor: Cursor = "", limit: PageSize = 50, archived: Archived = False
) -> AgentPage:
    """Newest first. Archived agents only with `archived=true`."""
    rows = _agents(request).filter(archived_at__isnull=not archived)
    items, following = page(rows, cursor, limit)
    return AgentPage(items=[AgentOut.of(agent) for agent in items], next_cursor=following)


@router.post("/agents", response={201: AgentOut}, auth=allowed("agents:write"), summary="Create an agent")
def create(request: HttpRequest, body: AgentIn) -> Status[AgentOut]:
    """Its draft is the defaults with what you name. Callers reach it once it is published."""
    spec = AgentSpec.model_validate(merge({}, {**_changes(body.draft), "name": body.name}))
    return Status(201, AgentOut.of(create_agent(request.organization, spec.name, spec)))  # type: ignore[attr-defined]


@router.get("/agents/{agent_id}", response=AgentOut, auth=allowed("agents:read"), summary="Read an agent")
def read(request: HttpRequest, agent_id: AgentId) -> AgentOut:
    """The agent with its draft; what callers meet is its published version."""
    return AgentOut.of(_agent(request, agent_id))


@router.patch(
    "/agents/{agent_id}",
    response=AgentOut,
    auth=allowed("agents:write"),
    summary="Change an agent's draft",
    openapi_extra={"responses": {409: {"description": "Somebody saved this draft since you read it."}}},
)
def change(request: HttpRequest, agent_id: AgentId, body: AgentPatch) -> AgentOut:
    """Changes what the body names and nothing else. Callers notice when you publish."""
    try:
        saved = save_draft(_agent(request, agent_id), _changes(body.draft), body.draft_revision)
    except StaleDraft as stale:
        raise Problem(
            409,
            "The draft has changed",
            f"Somebody saved this draft since you read it; it is at revision {stale.current} now. Read it again and repeat your change.",
        ) from stale
    return AgentOut.of(saved)


@router.delete(
    "/agents/{agent_id}",
    response={204: None},
    auth=allowed("agents:write"),
    summary="Delete an agent",
    openapi_extra={"responses": {409: {"description": "The agent has calls. Archive it instead."}}},
)
def delete(request: HttpRequest, agent_id: AgentId) -> Status[None]:
    """Only an agent without calls. One with calls can be archived."""
    try:
        delete_agent(_agent(request, agent_id))
    except HasCalls as refused:
        raise Problem(
            409, "This agent has calls", "Deleting it would take their meaning away. Archive it instead."
        ) from refused
    return Status(204, None)


@router.post("/agents/{agent_id}/archive", response=AgentOut, auth=allowed("agents:write"), summary="Archive an agent")
def archive_one(request: HttpRequest, agent_id: AgentId) -> AgentOut:
    """It answers no new calls and leaves the lists; calls and versions stay."""
    return AgentOut.of(archive(_agent(request, agent_id)))


@router.post(
    "/agents/{agent_id}/unarchive", response=AgentOut, auth=allowed("agents:write"), summary="Bring an agent back"
)
def unarchive_one(request: HttpRequest, agent_id: AgentId) -> AgentOut:
    """It answers calls again with the version that was published last."""
    return AgentOut.of(unarchive(_agent(request, agent_id)))


@router.post(
    "/agents/{agent_id}/publish",
    response={201: VersionDetail},
    auth=allowed("agents:write"),
    summary="Publish the draft",
)
def publish_one(request: HttpRequest, agent_id: AgentId, body: PublishIn) -> Status[VersionDetail]:
    """Freezes the draft as the next version. New calls get it; running calls keep theirs."""
    agent = _agent(request, agent_id)
    version = publish(agent, note=body.note)
    return Status(201, VersionDetail(**VersionOut.facts(version, agent), spec=load(version.spec)))


@router.get(
    "/agents/{agent_id}/changes",
    response=list[ChangeOut],
    auth=allowed("agents:read"),
    summary="What publishing would change",
)
def changes(request: HttpRequest, agent_id: AgentId) -> list[ChangeOut]:
    """How the draft differs from the published version, knob by knob; empty: it doesn't."""
    return [ChangeOut.of(item) for item in unpublished_changes(_agent(request, agent_id))]


@router.get("/agents/{agent_id}/versions", response=VersionPage, auth=allowed("agents:read"), summary="List versions")
def list_versions(request: HttpRequest, agent_id: AgentId, cursor: Cursor = "", limit: PageSize = 50) -> VersionPage:
    """Newest first."""
    agent = _agent(request, agent_id)
    items, following = page(_versions(agent), cursor, limit)
    return VersionPage(items=[VersionOut(**VersionOut.facts(item, agent)) for item in items], next_cursor=following)


@router.get(
    "/agents/{agent_id}/versions/{number}",
    response=VersionDetail,
    auth=allowed("agents:read"),
    summary="Read a version",
)
def read_version(request: HttpRequest, agent_id: AgentId, number: VersionNumber) -> VersionDetail:
    """The version with everything its calls ran with."""
    agent = _agent(request, agent_id)
    version = _version(agent, number)
    return VersionDetail(**VersionOut.facts(version, agent), spec=load(version.spec))


@router.get(
    "/agents/{agent_id}/versions/{number}/changes",
    response=list[ChangeOut],
    auth=allowed("agents:read"),
    summary="Compare two versions",
)
def compare(request: HttpRequest, agent_id: AgentId, number: VersionNumber, since: Since) -> list[ChangeOut]:
    """What version `number` changed since version `since`."""
    agent = _agent(request, agent_id)
    old, new = load(_version(agent, since).spec), load(_version(agent, number).spec)
    return [ChangeOut.of(item) for item in diff(old, new)]


@router.post(
    "/agents/{agent_id}/versions/{number}/restore",
    response=AgentOut,
    auth=allowed("agents:write"),
    summary="Restore a version",
)
def restore_version(request: HttpRequest, agent_id: AgentId, number: VersionNumber) -> AgentOut:
    """Makes that version the draft. Callers notice when you publish it."""
    agent = _agent(request, agent_id)
    _version(agent, number)
    return AgentOut.of(restore(agent, number))


@router.get("/catalog", response=list[OfferOut], auth=allowed("agents:read"), summary="Models, voices and transcribers")
def list_catalog(request: HttpRequest) -> list[OfferOut]:
    """What a spec can name, and whether it works on this machine now."""
    return [OfferOut.of(offer) for offer in catalog()]


def _versions(agent: Agent) -> QuerySet[AgentVersion]:
    rows: QuerySet[AgentVersion] = (
        AgentVersion.objects.owned_by(agent.organization_id).filter(agent=agent).select_related("published_by")
    )
    return rows


def _version(agent: Agent, number: int) -> AgentVersion:
    found = _versions(agent).filter(number=number).first()
    if found is None:
        raise Problem(404, "No such version", f"This agent has no version {number}.")
    return found
