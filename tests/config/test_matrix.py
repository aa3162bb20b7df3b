"""Who may do what over the API: every operation of the OpenAPI schema, as everybody.

The table is built from the schema, so a new operation is in it the day it is written; one whose body nobody put into ``BODIES`` fails here.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from accounts import keys, tenancy
from accounts.models import Organization, User
from agents.models import Agent
from agents.publish import create_agent, publish
from config.api import api
from telephony.campaigns import manage
from telephony.campaigns.models import Campaign
from telephony.dialing import do_not_call
from telephony.dialing.models import DoNotCall
from telephony.models import Call, CallEvent, CarrierAccount, PhoneNumber, TextMessage, Trunk, Turn

pytestmark = pytest.mark.django_db

ALL = list(keys.SCOPES)
READ = ["agents:read", "calls:read", "campaigns:read", "numbers:read"]

BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("post", "/api/v1/agents"): {"name": "By matrix"},
    ("patch", "/api/v1/agents/{agent_id}"): {"draft": {"listens": {"endpointing_ms": 700}}},
    ("post", "/api/v1/agents/{agent_id}/archive"): {},
    ("post", "/api/v1/agents/{agent_id}/unarchive"): {},
    ("post", "/api/v1/agents/{agent_id}/publish"): {"note": ""},
    ("post", "/api/v1/agents/{agent_id}/versions/{number}/restore"): {},
    ("post", "/api/v1/calls/{call_id}/hang-up"): {},
    ("post", "/api/v1/calls/{call_id}/digits"): {"digits": "1"},
    ("post", "/api/v1/calls/{call_id}/transfer"): {"to": "Reception"},
    ("post", "/api/v1/calls/web-token"): {"agent_id": "…", "use": "published"},
    ("post", "/api/v1/calls"): {"agent_id": "…", "number_id": "…", "to": "911"},
    ("post", "/api/v1/carrier-accounts"): {"account_sid": "none", "auth_token": "none"},
    ("post", "/api/v1/numbers"): {"account_id": "…", "number_sid": "PN1"},
    ("patch", "/api/v1/numbers/{number_id}"): {"label": "Front desk"},
    ("post", "/api/v1/trunks"): {"trunk": {"label": "Office", "host": "pbx.example.com"}},
    ("patch", "/api/v1/trunks/{trunk_id}"): {"trunk": {"label": "Shop"}},
    ("post", "/api/v1/trunks/{trunk_id}/test"): {},
    ("post", "/api/v1/trunks/{trunk_id}/numbers"): {"number": "+14155550155"},
    ("post", "/api/v1/campaigns"): {"name": "By matrix", "agent_id": "…"},
    ("patch", "/api/v1/campaigns/{campaign_id}"): {"rules": {"concurrency": 2}},
    ("post", "/api/v1/campaigns/{campaign_id}/contacts"): {"file": "…"},
    ("post", "/api/v1/campaigns/{campaign_id}/start"): {},
    ("post", "/api/v1/campaigns/{campaign_id}/pause"): {},
    ("post", "/api/v1/campaigns/{campaign_id}/resume"): {},
    ("post", "/api/v1/campaigns/{campaign_id}/cancel"): {},
    ("patch", "/api/v1/dial-policy"): {"policy": {"max_concurrent": 2}},
    ("post", "/api/v1/do-not-call"): {"number": "+14155550142"},
    ("post", "/api/v1/texts"): {"number_id": "…", "to": "911", "body": "Hello"},
}
# What the owner gets where the row of the trial is not in the state the operation needs.
OWNER_MAY_GET = {
    ("delete", "/api/v1/agents/{agent_id}"): 409,  # it has a call
    ("post", "/api/v1/calls/{call_id}/hang-up"): 409,  # it is over
    ("post", "/api/v1/calls/{call_id}/digits"): 409,  # likewise
    ("post", "/api/v1/calls/{call_id}/transfer"): 422,  # its agent has nobody of this name
    ("get", "/api/v1/calls/{call_id}/recording"): 404,  # it was not recorded
    ("post", "/api/v1/calls"): 409,  # that is nobody's number
    ("post", "/api/v1/carrier-accounts"): 409,  # that is no account SID
    ("get", "/api/v1/carrier-accounts/{account_id}/numbers"): 409,  # its token is gone
    ("delete", "/api/v1/carrier-accounts/{account_id}"): 409,  # a number of it is imported
    ("post", "/api/v1/numbers"): 409,  # no carrier reaches 127.0.0.1
    ("delete", "/api/v1/numbers/{number_id}"): 409,  # its account's token is gone
    ("post", "/api/v1/trunks/{trunk_id}/test"): 409,  # no call worker serves SIP
    ("post", "/api/v1/trunks/{trunk_id}/numbers"): 409,  # another key has put it there by then
    ("delete", "/api/v1/trunks/{trunk_id}"): 404,  # likewise
    ("post", "/api/v1/campaigns/{campaign_id}/start"): 409,  # it has nobody to call
    ("post", "/api/v1/campaigns/{campaign_id}/pause"): 409,  # it doesn't run
    ("post", "/api/v1/campaigns/{campaign_id}/resume"): 409,
    ("post", "/api/v1/campaigns/{campaign_id}/cancel"): 409,  # another key has done it by then
    ("delete", "/api/v1/do-not-call/{entry_id}"): 404,  # likewise
    ("post", "/api/v1/texts"): 409,  # that is nobody's number
}


def operations() -> Iterator[tuple[str, str]]:
    for path, methods in api.get_openapi_schema()["paths"].items():
        for method in methods:
            yield method, path


@dataclass
class Scene:
    organization: Organization
    agent: Agent
    call: Call
    number: PhoneNumber
    trunk: Trunk
    campaign: Campaign
    entry: DoNotCall
    text: TextMessage
    bearers: dict[str, str]

    def request(self, client: Client, method: str, path: str, bearer: str | None) -> Any:
        url = (
            path.replace("{agent_id}", str(self.agent.pk))
            .replace("{call_id}", str(self.call.pk))
            .replace("{number}", "1")
            .replace("{number_id}", str(self.number.pk))
            .replace("{account_id}", str(self.number.account_id))
            .replace("{trunk_id}", str(self.trunk.pk))
            .replace("{campaign_id}", str(self.campaign.pk))
            .replace("{entry_id}", str(self.entry.pk))
            .replace("{text_id}", str(self.text.pk))
        )
        if path.endswith("/versions/{number}/changes"):
            url += "?since=1"
        body = BODIES.get((method, path))
        if body is None and method not in ("get", "delete"):
            pytest.fail(f"Put a body for {method} {path} into BODIES.")
        ids = {"agent_id": self.agent.pk, "number_id": self.number.pk, "account_id": self.number.account_id}
        body = (
            {name: str(ids[name]) if value == "…" and name in ids else value for name, value in body.items()}
            if body
            else body
        )
        headers = {"Authorization": f"Bearer {bearer}"} if bearer is not None else {}
        send = getattr(client, method)
        if body and "file" in body:
            return send(url, {"file": SimpleUploadedFile("people.csv", b"phone\n+14155550142\n")}, headers=headers)
        return (
            send(url, body, content_type="application/json", headers=headers)
            if body is not None
            else send(url, headers=headers)
        )


@pytest.fixture
def scene(organization: Organization, alice: User, charlie: User) -> Scene:
    agent = create_agent(organization, "Front desk")
    version = publish(agent, alice)
    with tenancy.use(organization):
        call = Call.objects.create(
            organization=organization,
            agent=agent,
            version=version,
            spec=version.spec,
            status=Call.Status.ENDED,
            end_reason="caller_goodbye",
        )
        Turn.objects.create(organization=organization, call=call, index=0, role="caller", text="Hello", started_ms=0)
        CallEvent.objects.create(organization=organization, call=call, at_ms=0, kind="answered")
        account = CarrierAccount.objects.create(organization=organization, sid="AC1", credential="none")
        number = PhoneNumber.objects.create(
            organization=organization, account=account, number="+14155550142", sid="PN1"
        )
        trunk = Trunk.objects.create(organization=organization, label="Office", host="pbx.example.com")
        text = TextMessage.objects.create(
            organization=organization, from_number="+14155550142", to_number="+14155550177", body="Hello"
        )
    with tenancy.system("the stranger's organization"):
        theirs = charlie.memberships.get().organization

    def key(of: Organization, scopes: list[str], **more: Any) -> str:
        _, plain = keys.issue(of, "matrix", scopes, more.get("expires_at"), None)
        return plain

    revoked_row, revoked = keys.issue(organization, "revoked", ALL, None, None)
    keys.revoke(revoked_row)
    return Scene(
        organization,
        agent,
        call,
        number,
        trunk,
        manage.create(organization, "March reminders", agent),
        do_not_call.add(organization, "+14155550143")[0],
        text,
        {
            "owner": key(organization, ALL),
            "reader": key(organization, READ),
            "agents only": key(organization, ["agents:read", "agents:write"]),
            "calls only": key(organization, ["calls:read", "calls:write"]),
            "numbers only": key(organization, ["numbers:read", "numbers:write"]),
            "campaigns only": key(organization, ["campaigns:read", "campaigns:write", "limits:write"]),
            "stranger": key(theirs, ALL),
            "expired": key(organization, ALL, expires_at=timezone.now() - timedelta(seconds=1)),
            "revoked": revoked,
            "garbage": "parley_live_" + "x" * 36,
        },
    )


AREAS = {
    "calls": "calls only",
    "texts": "calls only",
    "health": "calls only",
    "campaigns": "campaigns only",
    "dial-policy": "campaigns only",
    "do-not-call": "campaigns only",
    "numbers": "numbers only",
    "trunks": "numbers only",
    "sip": "numbers only",
    "carrier-accounts": "numbers only",
}


def is_write(method: str) -> bool:
    return method != "get"


@pytest.mark.parametrize(("method", "path"), list(operations()), ids=lambda value: str(value))
def test_every_operation_as_everybody(client: Client, scene: Scene, method: str, path: str) -> None:
    answers = {
        who: scene.request(client, method, path, bearer).status_code
        for who, bearer in scene.bearers.items()
        if who != "owner"
    }
    answers["no one"] = scene.request(client, method, path, None).status_code
    names_a_row = "{" in path or "…" in BODIES.get((method, path), {}).values()
    theirs = 404 if names_a_row else OWNER_MAY_GET.get((method, path), 201 if method == "post" else 200)
    area = AREAS.get(path.split("/")[3], "agents only")
    assert answers.pop(area) not in (401, 403)
    assert answers == {
        "reader": 403 if is_write(method) else OWNER_MAY_GET.get((method, path), 200),
        **{each: 403 for each in ("agents only", "calls only", "campaigns only", "numbers only") if each != area},
        "stranger": theirs,
        "expired": 401,
        "revoked": 401,
        "garbage": 401,
        "no one": 401,
    }
    own = scene.request(client, method, path, scene.bearers["owner"]).status_code
    assert own == OWNER_MAY_GET.get((method, path), own)
    assert own < 300 or (method, path) in OWNER_MAY_GET


@pytest.mark.parametrize("path", ["/api/v1/agents", "/api/v1/calls", "/api/v1/campaigns", "/api/v1/do-not-call"])
def test_a_strangers_lists_are_empty(client: Client, scene: Scene, path: str) -> None:
    body = scene.request(client, "get", path, scene.bearers["stranger"]).json()
    assert body == {"items": [], "next_cursor": None}


def test_refusals_are_problem_details_in_plain_words(client: Client, scene: Scene) -> None:
    for bearer in (None, scene.bearers["garbage"], scene.bearers["calls only"]):
        answer = scene.request(client, "get", "/api/v1/agents", bearer)
        assert answer["Content-Type"].startswith("application/problem+json")
        assert answer.json()["title"]
        assert answer.json()["detail"]


def test_an_id_that_never_was_and_a_strangers_look_alike(client: Client, scene: Scene) -> None:
    bearer = scene.bearers["stranger"]
    real = scene.request(client, "get", "/api/v1/agents/{agent_id}", bearer)
    made_up = client.get(f"/api/v1/agents/{uuid.uuid4()}", headers={"Authorization": f"Bearer {bearer}"})
    assert (real.status_code, real.json()) == (made_up.status_code, made_up.json())


def test_the_matrix_finds_a_planted_hole(client: Client, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """A view that forgets the organization: both walls down, the stranger reads the call, and the table would say so."""
    monkeypatch.setattr("telephony.call_lookup.calls_of", lambda request: _everybodys())
    assert scene.request(client, "get", "/api/v1/calls/{call_id}", scene.bearers["stranger"]).status_code == 200


def test_row_level_security_stops_a_view_that_forgets_the_organization(
    client: Client, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first wall down, the second holds: the query asks for everybody's rows and gets the stranger's own."""
    from accounts.tenancy import ScopedQuerySet

    monkeypatch.setattr("telephony.call_lookup.calls_of", lambda request: ScopedQuerySet(Call))
    assert scene.request(client, "get", "/api/v1/calls/{call_id}", scene.bearers["stranger"]).status_code == 404


def _everybodys() -> Any:
    with tenancy.system("a hole, planted"):
        rows = Call.objects.select_related("agent", "version")
    return _Unguarded(rows)


class _Unguarded:
    """Evaluates its queryset outside the tenancy walls."""

    def __init__(self, rows: Any) -> None:
        self.rows = rows

    def filter(self, **wanted: Any) -> Any:
        return _Unguarded(self.rows.filter(**wanted))

    def first(self) -> Any:
        with tenancy.system("a hole, planted"):
            return self.rows.first()
