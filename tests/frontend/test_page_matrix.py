"""Who may do what in a browser: every page, form and link of the URL resolver, as everybody.

Alice owns the organization, Bob edits, Victor looks, Charlie is a stranger who owns another one, and nobody is signed out.
The rows come from the resolver: an address nobody put into ``EXPECTED`` fails here the day it is written.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from django.core import signing
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from accounts import credentials, invitations, keys, signin, tenancy
from accounts.models import Membership, Organization, Role, User
from agents.publish import create_agent, publish
from telephony import listen, tokens
from telephony.answer import CannotCall, create_web_call
from telephony.campaigns import lists, manage
from telephony.dialing import do_not_call
from telephony.models import Call, CarrierAccount, PhoneNumber, Recording, TextMessage, Trunk
from telephony.recordings import absolute, header, path_for

pytestmark = pytest.mark.django_db

WHO = ("owner", "editor", "viewer", "stranger", "nobody")
Clients = Callable[[Any], Client]
OURS = ("frontend", "accounts", "telephony")

EVERYBODY_IN = (200, 200, 200, 200, 302)
MEMBERS = (200, 200, 200, 404, 302)
EDITORS = (200, 200, 403, 404, 302)
EDITORS_DONE = (302, 302, 403, 404, 302)
ADMINS_DONE = (302, 403, 403, 404, 302)

# name → method → what owner, editor, viewer, stranger and nobody are answered. 302 of "nobody" is the way to sign in. The
# stranger gets 200 where the page is of their own organization, and 404 where the address names a thing of Alice's.
OTHER_CARRIERS = ("signalwire", "telnyx", "plivo")
"""Their pages are Twilio's, under other names."""
EXPECTED: dict[str, dict[str, tuple[int, ...]]] = {
    "sign-in-link": {"get": (200,) * 5, "post": (302,) * 5},  # whoever has it; once
    "invitation": {"get": (200,) * 5, "post": (409, 409, 409, 409, 200)},  # it is for somebody else
    "switch-organization": {"post": (302, 302, 302, 404, 302)},
    "api-reference": {"get": (200,) * 5},  # as public as openapi.json, which it is drawn from
    "recording": {"get": (200,) * 5},  # whoever has the signature; see below
    "rtc-offer": {"post": (400,) * 5},  # the token is the authority, and there is none
    "rtc-ice-servers": {"get": (401,) * 5},
    "rtc-candidates": {"post": (401,) * 5},
    "rtc-hangup": {"post": (401,) * 5},
    "rtc-digits": {"post": (401,) * 5},
    "frontend:home": {"get": EVERYBODY_IN},
    "frontend:agents": {"get": EVERYBODY_IN},
    "frontend:agent-create": {"get": (200, 200, 403, 200, 302), "post": (302, 302, 403, 302, 302)},
    "frontend:agent": {"get": MEMBERS},
    "frontend:agent-save": {"post": EDITORS},
    "frontend:agent-reset": {"post": EDITORS},
    "frontend:agent-preview": {"post": EDITORS},
    "frontend:agent-rename": {"get": EDITORS, "post": EDITORS_DONE},
    "frontend:agent-archive": {"post": EDITORS_DONE},
    "frontend:agent-unarchive": {"post": EDITORS_DONE},
    "frontend:agent-delete": {"get": EDITORS, "post": (422, 422, 403, 404, 302)},  # it has a call
    "frontend:agent-publish": {"get": EDITORS, "post": EDITORS_DONE},
    "frontend:agent-versions": {"get": MEMBERS},
    "frontend:agent-compare": {"get": MEMBERS},
    "frontend:agent-restore": {"post": EDITORS_DONE},
    "frontend:agent-undo-restore": {"post": EDITORS_DONE},
    "frontend:members": {"get": EVERYBODY_IN},
    "frontend:member-invite": {"post": (200, 403, 403, 200, 302)},
    "frontend:member-role": {"post": ADMINS_DONE},
    "frontend:member-remove": {
        "post": (302, 302, 302, 404, 302)
    },  # one may leave; others are refused in words, see below
    "frontend:invitation-revoke": {"post": ADMINS_DONE},
    "frontend:credentials": {"get": (200, 403, 403, 200, 302), "post": (302, 403, 403, 302, 302)},
    "frontend:credential-remove": {"post": ADMINS_DONE},
    "frontend:organization": {"get": EVERYBODY_IN, "post": (302, 403, 403, 302, 302)},
    "frontend:api-keys": {"get": (200, 403, 403, 200, 302), "post": (200, 403, 403, 200, 302)},
    "frontend:api-key-revoke": {"post": ADMINS_DONE},
    "frontend:account": {"get": EVERYBODY_IN, "post": (302,) * 5},
    "frontend:talk-token": {"post": EDITORS},
    "frontend:calls": {"get": EVERYBODY_IN},
    "frontend:call-new": {"get": (200, 200, 403, 200, 302), "post": (422, 422, 403, 422, 302)},  # no number to call
    "frontend:call": {"get": MEMBERS},
    "frontend:call-row": {"get": MEMBERS},
    "frontend:call-hang-up": {"post": EDITORS_DONE},
    "frontend:call-digits": {"get": EDITORS, "post": (422, 422, 403, 404, 302)},  # it is over
    "frontend:call-recording": {"get": MEMBERS},
    "frontend:call-peaks": {"get": MEMBERS},
    "frontend:health": {"get": EVERYBODY_IN},
    "frontend:numbers": {"get": EVERYBODY_IN},
    "frontend:number-connect": {"post": (422, 403, 403, 422, 302)},  # no account SID
    "frontend:number-account": {"get": (200, 403, 403, 404, 302), "post": (302, 403, 403, 404, 302)},
    "frontend:number-account-disconnect": {"post": ADMINS_DONE},
    "frontend:number": {"get": MEMBERS, "post": EDITORS_DONE},
    "frontend:number-assign": {"post": EDITORS_DONE},
    "frontend:number-remove": {"post": ADMINS_DONE},
    "frontend:trunks": {"get": (302,) * 5},  # a part of Numbers, fetched by its page alone
    "frontend:trunk-create": {"get": (200, 403, 403, 200, 302), "post": (422, 403, 403, 422, 302)},  # without a name
    "frontend:trunk": {"get": MEMBERS},
    "frontend:trunk-state": {"get": (302, 302, 302, 404, 302)},
    "frontend:trunk-edit": {"get": (200, 403, 403, 404, 302), "post": ADMINS_DONE},
    "frontend:trunk-test": {"post": ADMINS_DONE},
    "frontend:trunk-remove": {"post": ADMINS_DONE},
    "frontend:trunk-add-number": {"post": (422, 403, 403, 404, 302)},  # none
    "frontend:trunk-trace": {"get": MEMBERS},
    "frontend:call-trace": {"get": MEMBERS},
    "twilio-voice": {"post": (403,) * 5},  # the signature is the authority, and there is none
    "twilio-status": {"post": (403,) * 5},
    "twilio-answered": {"post": (403,) * 5},
    "twilio-next": {"post": (403,) * 5},
    "twilio-call-status": {"post": (403,) * 5},
    "twilio-forwarded": {"post": (403,) * 5},
    "twilio-transferred": {"post": (403,) * 5},
    "twilio-second": {"post": (403,) * 5},
    "twilio-message": {"post": (403,) * 5},
    "twilio-text-in": {"post": (403,) * 5},
    "twilio-text": {"post": (403,) * 5},
    **{
        f"{carrier}-{page}": {"post": (403,) * 5}
        for carrier in OTHER_CARRIERS
        for page in (
            "voice",
            "status",
            "answered",
            "next",
            "call-status",
            "forwarded",
            "transferred",
            "message",
            "second",
            "text",
            "text-in",
        )
    },
    "frontend:campaigns": {"get": EVERYBODY_IN},
    "frontend:campaign-create": {"get": (200, 200, 403, 200, 302), "post": (422, 422, 403, 422, 302)},  # without a file
    "frontend:campaign": {"get": MEMBERS},
    "frontend:campaign-progress": {"get": MEMBERS},
    "frontend:campaign-rules": {"post": EDITORS_DONE},
    "frontend:campaign-number": {"post": EDITORS_DONE},
    "frontend:campaign-add-list": {"post": EDITORS_DONE},
    "frontend:campaign-columns": {"get": EDITORS, "post": EDITORS_DONE},
    "frontend:campaign-remove-list": {"post": EDITORS_DONE},
    "frontend:campaign-act": {"post": EDITORS_DONE},
    "frontend:campaign-results": {"get": MEMBERS},
    "frontend:limits": {"get": EVERYBODY_IN, "post": (302, 403, 403, 302, 302)},
    "frontend:texts": {"get": EVERYBODY_IN, "post": (422, 422, 403, 422, 302)},  # nothing is sent: there is no body
    "frontend:text": {"get": MEMBERS, "post": (422, 422, 403, 404, 302)},
    "frontend:do-not-call": {"get": EVERYBODY_IN, "post": (302, 302, 403, 302, 302)},
    "frontend:do-not-call-remove": {"post": EDITORS_DONE},
}


def routes(patterns: Any = None, namespace: str = "") -> Iterator[tuple[str, URLPattern]]:
    """(name, pattern) of what our own apps serve; the API has its own matrix, allauth its own tests."""
    for entry in get_resolver().url_patterns if patterns is None else patterns:
        if isinstance(entry, URLResolver):
            inner = f"{namespace}{entry.namespace}:" if entry.namespace else namespace
            yield from routes(entry.url_patterns, inner)
        elif entry.callback.__module__.split(".")[0] in OURS:
            yield f"{namespace}{entry.name}", entry


ROUTES = dict(routes())


@pytest.fixture
def scene(organization: Organization, alice: User, bob: User, victor: User, charlie: User) -> Any:
    dora = User.objects.create_user("dora@example.com", name="Dora")
    with tenancy.use(organization):
        agent = create_agent(organization, "Front desk")
        version = publish(agent, alice)
        call = Call.objects.create(
            organization=organization,
            agent=agent,
            version=version,
            spec=version.spec,
            status="ended",
            end_reason="silence",
        )
        recording = Recording.objects.create(
            organization=organization,
            call=call,
            path=path_for(organization, call),
            duration_ms=20,
            size_bytes=44 + 1280,
        )
        file = absolute(recording.path)
        file.parent.mkdir(parents=True)
        file.write_bytes(header(1280) + bytes(1280))
        member = Membership.objects.create(organization=organization, user=dora, role=Role.VIEWER)
        inviter = Membership.objects.select_related("organization", "user").get(user=alice)
        invitation, link = invitations.invite(inviter, "new@example.com", "viewer")
        credential = credentials.store(organization, "k", "openai", "sk-0123456789abcdef", alice)
        account = CarrierAccount.objects.create(organization=organization, sid="AC1", credential="none")
        number = PhoneNumber.objects.create(
            organization=organization, account=account, number="+14155550142", sid="PN1"
        )
        text = TextMessage.objects.create(
            organization=organization,
            phone_number=number,
            from_number=number.number,
            to_number="+14155550143",
            body="Hi",
        )
        trunk = Trunk.objects.create(organization=organization, label="Office", host="pbx.example.com")
        campaign = manage.create(organization, "March reminders", agent, alice)
        contact_list, _sheet = lists.upload(campaign, "people.csv", b"name,phone\nAda,+14155550142\n")
        entry, _ = do_not_call.add(organization, "+14155550143")
        key, _ = keys.issue(organization, "k", ["agents:read"], None, alice)
    ids = {
        "agent": agent.pk, "call": call.pk, "member": member.pk, "invitation": invitation.pk, "credential": credential.pk,
        "api-key": key.pk, "campaign": campaign.pk, "list": contact_list.pk, "do-not-call": entry.pk, "organization": organization.pk,
        "number-account": account.pk, "number": number.pk, "account": account.pk, "text": text.pk,
        "trunk": trunk.pk,
    }  # fmt: skip
    people = {"owner": alice, "editor": bob, "viewer": victor, "stranger": charlie, "nobody": None}
    return SimpleNamespace(
        ids=ids, people=people, invited=link.rstrip("/").split("/")[-1], recording=recording, alice=alice, organization=organization
    )  # fmt: skip


def address(scene: Any, name: str) -> str:
    """The route's own address in Alice's organization: each id is of the thing that the route's name begins with."""
    given: dict[str, Any] = {}
    for argument in ROUTES[name].pattern.converters:
        if argument in ("pk", "agent_id", "call_id", "account_id", "list_id", "text_id"):
            given[argument] = scene.ids[thing(name, argument)]
        elif argument == "number":
            given[argument] = 1
        elif argument == "key":
            given[argument] = uuid.uuid4()
        elif argument == "act":
            given[argument] = "cancel"
        elif argument == "group":
            given[argument] = "says"
        elif argument == "signed":
            given[argument] = signing.dumps([str(scene.organization.pk), str(scene.recording.pk)], salt=listen.SALT)
        elif argument == "token":
            given[argument] = (
                scene.invited if name == "invitation" else signin.link_for(scene.alice).rstrip("/").split("/")[-1]
            )
        else:
            pytest.fail(f"What is “{argument}” in the address of {name}?")
    query = {"frontend:agent-compare": "?from=1", "frontend:trunk-create": "?preset=own"}.get(name, "")
    return reverse(name, kwargs=given) + query


def thing(name: str, argument: str) -> str:
    if argument != "pk":
        return argument.removesuffix("_id")
    last = name.rpartition(":")[2]
    known = {"switch-organization": "organization"}
    return known.get(last) or next(
        word
        for word in (
            "api-key",
            "number-account",
            "number",
            "campaign",
            "do-not-call",
            "agent",
            "member",
            "invitation",
            "credential",
            "trunk",
            "text",
        )
        if last.startswith(word)
    )


# What makes a POST a right one, so that who may does.
BODIES: dict[str, dict[str, str]] = {
    "frontend:agent-create": {"name": "By matrix"},
    "frontend:agent-rename": {"name": "By matrix"},
    "frontend:agent-save": {"revision": "1", "touched": ""},
    "frontend:agent-reset": {"revision": "1", "knob": "prompt"},
    "frontend:member-invite": {"email": "one.more@example.com", "role": "viewer"},
    "frontend:member-role": {"role": "editor"},
    "frontend:credentials": {"name": "By matrix", "provider": "openai", "secret": "sk-0123456789"},
    "frontend:organization": {"name": "By matrix", "timezone": "UTC"},
    "frontend:api-keys": {"name": "By matrix", "scopes": "agents:read", "expires": "30"},
    "frontend:account": {"name": "By matrix"},
    "frontend:campaign-rules": {"rules-concurrency": "2"},
    "frontend:campaign-columns": {"use-0": "variable", "key-0": "name", "use-1": "number"},
    "frontend:limits": {"limits-max_concurrent": "2"},
    "frontend:do-not-call": {"number": "+14155550199"},
}


def answers(scene: Any, client_of: Clients, name: str, method: str, whom: tuple[str, ...] = WHO) -> tuple[int, ...]:
    """As everybody, each from the same start: what a request changed is taken back."""
    found = []
    for who in whom:
        client = client_of(scene.people[who])
        with transaction.atomic():
            response = _send(client, method, address(scene, name), name)
            transaction.set_rollback(True)
        found.append(response.status_code)
        if who == "nobody" and response.status_code == 302 and name != "sign-in-link":
            assert response["Location"].startswith("/accounts/login/"), "nobody is led anywhere else"
    return tuple(found)


def _send(client: Client, method: str, url: str, name: str) -> Any:
    if name.startswith("rtc-") and method == "post":
        return client.post(url, {}, content_type="application/json")
    return getattr(client, method)(url, BODIES.get(name, {}) if method == "post" else None)


def test_every_address_has_its_expectation_and_none_is_of_the_past() -> None:
    assert set(ROUTES) == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_every_address_as_everybody(scene: Any, client_of: Clients, name: str) -> None:
    for method in ("get", "post"):
        if method in EXPECTED[name]:
            assert answers(scene, client_of, name, method) == EXPECTED[name][method], method
        else:
            assert answers(scene, client_of, name, method, ("owner",)) == (405,), (
                f"{method} is not among the expectations"
            )


def test_the_matrix_finds_a_planted_hole(scene: Any, client_of: Clients, monkeypatch: pytest.MonkeyPatch) -> None:
    """A view that takes the agent by its id alone, with both walls down: the stranger's 404 becomes a 200."""
    from agents.models import Agent

    def anybodys(request: Any, pk: Any) -> Any:
        with tenancy.system("a hole, planted"):
            return Agent.objects.select_related("published").get(pk=pk)

    monkeypatch.setattr("frontend.views.versions.agent_or_404", anybodys)
    assert answers(scene, client_of, "frontend:agent-versions", "get") != EXPECTED["frontend:agent-versions"]["get"]


def test_a_hole_in_the_roles_is_found(scene: Any, client_of: Clients, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Role, "rank", 3)
    assert answers(scene, client_of, "frontend:credentials", "get") != EXPECTED["frontend:credentials"]["get"]


def test_nobody_is_taken_out_by_a_team_mate(scene: Any, client_of: Clients) -> None:
    for who in ("editor", "viewer"):
        client_of(scene.people[who]).post(address(scene, "frontend:member-remove"))
        with tenancy.use(scene.organization):
            assert Membership.objects.filter(pk=scene.ids["member"]).exists()


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, methods in EXPECTED.items()
        if "post" in methods and not name.startswith(("rtc-", "twilio-", *OTHER_CARRIERS))
    ],
)
def test_no_post_goes_without_its_csrf_token(scene: Any, name: str) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(scene.alice)
    assert client.post(address(scene, name), BODIES.get(name, {})).status_code == 403


# --- recordings by signature


def test_a_signed_address_plays_its_recording_for_five_minutes(
    scene: Any, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = address(scene, "recording")
    assert len(b"".join(client.get(url).streaming_content)) == 44 + 1280  # type: ignore[arg-type, attr-defined]
    monkeypatch.setattr(listen, "SIGNED_SECONDS", -1)
    assert client.get(url).status_code == 410


def test_a_signature_opens_nothing_else(scene: Any, client: Client, strangers_organization: Organization) -> None:
    def signed(value: Any, salt: str = listen.SALT, **more: Any) -> int:
        return client.get(reverse("recording", args=[signing.dumps(value, salt=salt, **more)])).status_code

    right = [str(scene.organization.pk), str(scene.recording.pk)]
    assert signed(right) == 200
    assert signed(right, salt="another") == 404
    assert signed(right, key="another") == 404
    assert signed([str(strangers_organization.pk), right[1]]) == 404
    assert signed([right[0], str(scene.ids["call"])]) == 404
    assert signed("nonsense") == 404
    assert signed([None, None]) == 404
    text = signing.dumps(right, salt=listen.SALT)
    for place in range(0, len(text), 7):
        tampered = text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]
        assert client.get(f"/recordings/{tampered}/").status_code == 404, place


# --- signalling


def post(client: Client, path: str, body: dict[str, Any], bearer: str = "") -> int:
    headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
    return client.post(path, body, content_type="application/json", headers=headers).status_code


def test_one_kind_of_token_is_not_another(scene: Any, client: Client) -> None:
    start = tokens.mint(organization=scene.organization, agent=scene.ids["agent"], use="published")
    events = tokens.mint_events(organization=scene.organization, call=scene.ids["call"])
    path = f"/rtc/calls/{scene.ids['call']}/hangup"
    assert post(client, path, {}, events) == 204
    assert post(client, path, {}, start) == 401
    assert post(client, path, {}, signing.dumps("x")) == 401
    assert post(client, path, {}, tokens.mint_events(organization=scene.organization, call=uuid.uuid4())) == 401
    for bearer, status in ((start, 200), (events, 200), ("x", 401), ("", 401)):
        assert client.get("/rtc/ice-servers", headers={"Authorization": f"Bearer {bearer}"}).status_code == status
    offer = {"sdp": "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=fingerprint:sha-256 AA\r\n", "type": "offer"}
    assert post(client, "/rtc/offer", {**offer, "token": events}) == 401


def test_a_token_of_one_organization_names_no_agent_of_another(
    scene: Any, strangers_organization: Organization
) -> None:
    forged = tokens.check(tokens.mint(organization=strangers_organization, agent=scene.ids["agent"], use="published"))
    with pytest.raises(CannotCall):
        create_web_call(forged)


def test_a_strangers_events_token_for_our_call_finds_none(
    scene: Any, client: Client, strangers_organization: Organization
) -> None:
    token = tokens.mint_events(organization=strangers_organization, call=scene.ids["call"])
    assert post(client, f"/rtc/calls/{scene.ids['call']}/hangup", {}, token) == 404
