"""Trunks over the API, as somebody who has only the documentation makes them, and what is said where it can't be."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts import credentials, keys, tenancy
from agents.models import Agent
from agents.publish import create_agent, publish
from telephony.models import Call, SipMessage, Trunk
from telephony.trunks import routes
from telephony.trunks.presets import PRESETS

pytestmark = pytest.mark.django_db

Ask = Callable[..., tuple[int, Any]]
OFFICE = {"label": "Office", "host": "pbx.example.com", "username": "200", "registers": True}


@pytest.fixture
def ask(organization: Any) -> Ask:
    _, bearer = keys.issue(organization, "test", list(keys.SCOPES), None, None)

    def send(method: str, path: str, body: Any = None) -> tuple[int, Any]:
        answer = Client(raise_request_exception=False).generic(
            method, f"/api/v1{path}", "" if body is None else json.dumps(body), content_type="application/json",
            headers={"Authorization": f"Bearer {bearer}"},
        )  # fmt: skip
        return answer.status_code, json.loads(answer.content) if answer.content else None

    return send


@pytest.fixture
def desk(organization: Any, alice: Any) -> Agent:
    agent = create_agent(organization, "Front desk")
    publish(agent, alice)
    return agent


def test_a_trunk_is_made_changed_and_removed_and_its_password_never_shown(ask: Ask, organization: Any) -> None:
    status, made = ask("POST", "/trunks", {"trunk": OFFICE, "password": "open sesame"})
    assert status == 201 and made["has_password"] and made["state"] == "waiting"
    assert made["trunk"] | OFFICE == made["trunk"] and "open" not in json.dumps(made)
    status, changed = ask("PATCH", f"/trunks/{made['id']}", {"trunk": {"transport": "tls", "codecs": ["g722", "pcma"]}})
    assert status == 200 and changed["trunk"]["transport"] == "tls" and changed["trunk"]["username"] == "200"
    assert changed["has_password"] and changed["trunk"]["codecs"] == ["g722", "pcma"]
    [sheet] = routes.trunks()
    assert (sheet.password, sheet.codecs, sheet.auth_user) == ("open sesame", ("g722", "pcma"), "200")
    assert "open" not in repr(sheet)
    status, _ = ask("PATCH", f"/trunks/{made['id']}", {"trunk": {"codecs": None}, "password": ""})
    assert status == 200 and routes.trunks()[0].password == "" and len(routes.trunks()[0].codecs) == 4
    assert ask("DELETE", f"/trunks/{made['id']}") == (204, None)
    with tenancy.use(organization):
        assert not Trunk.objects.exists()


def test_the_password_stays_with_the_host_it_was_given_for(ask: Ask, organization: Any) -> None:
    _, made = ask("POST", "/trunks", {"trunk": OFFICE, "password": "open sesame"})
    status, problem = ask("PATCH", f"/trunks/{made['id']}", {"trunk": {"host": "evil.example.net"}})
    assert status == 409 and "Give it again" in problem["detail"]
    with tenancy.use(organization):
        trunk = Trunk.objects.get()
    assert credentials.refusal(organization, trunk.credential, "sip://evil.example.net") is not None
    # Who can write rows past us still doesn't get it sent elsewhere.
    with tenancy.use(organization):
        Trunk.objects.update(host="evil.example.net")
    [sheet] = routes.trunks()
    assert sheet.password == "" and "was stored for sip://pbx.example.com" in sheet.trouble
    status, _ = ask("PATCH", f"/trunks/{made['id']}", {"trunk": {"host": "new.example.net"}, "password": "open sesame"})
    assert status == 200 and routes.trunks()[0].password == "open sesame"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"host": "sip:pbx.example.com:5060"}, "the port beside it"),
        ({"host": "not a host"}, "This is no host"),
        ({"host": "….voip.ms"}, "in the place of the dots"),
        ({"host": ""}, "A host is needed"),
        ({"username": ""}, "a user name is needed"),
        ({"username": "a b"}, "no user name has"),
        ({"transport": "carrier pigeon"}, "Choose one of"),
        ({"port": 70_000}, "Must be at most 65535"),
        ({"codecs": ["gsm"]}, "Choose one of"),
        ({"codecs": ["pcmu", "pcmu"]}, "named twice"),
        ({"sources": ["10.0.0.1/99"]}, "is no network"),
        ({"sources": ["0.0.0.0/0"]}, "a large part of the world"),
        ({"srtp": "maybe"}, "Choose one of"),
        ({"preset": "nobody"}, "no preset of this name"),
        ({"colour": "red"}, "no setting of this name"),
    ],
)
def test_what_cannot_be_is_said_in_plain_words(ask: Ask, change: dict[str, Any], words: str) -> None:
    status, problem = ask("POST", "/trunks", {"trunk": {**OFFICE, **change}})
    assert status == 422 and words in problem["detail"], problem


@pytest.mark.parametrize("host", ["169.254.169.254", "127.0.0.1", "10.0.0.5", "::1"])
def test_an_address_that_egress_forbids_is_refused_at_once(ask: Ask, settings: Any, host: str) -> None:
    settings.EGRESS_ALLOW, settings.EGRESS_ALLOW_PRIVATE = [], False
    status, problem = ask("POST", "/trunks", {"trunk": {**OFFICE, "host": host}})
    assert status == 409 and "EGRESS_ALLOW" in problem["detail"]
    status, _ = ask("POST", "/trunks", {"trunk": {**OFFICE, "host": "1.1.1.1"}})
    assert status == 201


def test_who_must_sign_in_needs_a_password_to_be_compared_with(ask: Ask) -> None:
    phone = {"label": "Desk", "sources": ["0.0.0.0/0"], "asks_password": True, "username": "desk"}
    status, problem = ask("POST", "/trunks", {"trunk": phone})
    assert status == 409 and "needs a password" in problem["detail"]
    status, made = ask("POST", "/trunks", {"trunk": phone, "password": "open sesame"})
    assert status == 201 and routes.trunks()[0].password == "open sesame"
    assert made["telephone_address"].startswith("sip:desk@"), "what agents put callers through to"
    assert ask("POST", "/trunks", {"trunk": OFFICE})[1]["telephone_address"] == ""
    status, _ = ask("PATCH", f"/trunks/{made['id']}", {"password": ""})
    assert status == 409


def test_numbers_are_put_on_a_trunk_and_found_again_however_they_are_written(ask: Ask, desk: Agent) -> None:
    _, made = ask("POST", "/trunks", {"trunk": OFFICE})
    where = f"/trunks/{made['id']}/numbers"
    status, number = ask("POST", where, {"number": "+1 (415) 555-0142", "agent_id": str(desk.pk), "label": "Desk"})
    assert status == 201 and number["number"] == "+14155550142"
    assert (number["trunk_id"], number["account_id"], number["agent_id"]) == (made["id"], None, str(desk.pk))
    assert ask("POST", where, {"number": "200"})[0] == 201
    for wrong in ("", "+1", "hello there", "12345678901234567890123"):
        status, problem = ask("POST", where, {"number": wrong})
        assert status == 409 and "+14155550142" in problem["detail"]
    status, problem = ask("POST", where, {"number": "+14155550142"})
    assert status == 409 and "rings here already" in problem["detail"]
    assert ask("DELETE", f"/trunks/{made['id']}")[0] == 409
    [trunk] = routes.trunks()
    for written in ("+14155550142", "14155550142", "0014155550142", "4155550142", "04155550142"):
        found = routes.come_in([trunk.id], written, "", "anybody", "1", by_address=False)
        assert found is not None and found.trunk == trunk.id
    assert routes.come_in([trunk.id], "200", "", "anybody", "1", by_address=False) is None  # nobody answers there
    assert routes.come_in([trunk.id], "14155550143", "", "anybody", "1", by_address=False) is None
    # Some only say which registration they mean, and whom was called in To.
    assert routes.come_in([trunk.id], "200", "+14155550142", "anybody", "1", by_address=False) is None
    assert ask("DELETE", f"/numbers/{number['id']}") == (200, {"was_put_back": True})


def test_a_number_is_found_on_its_own_trunk_only(ask: Ask, desk: Agent, strangers_organization: Any) -> None:
    _, made = ask("POST", "/trunks", {"trunk": OFFICE})
    ask("POST", f"/trunks/{made['id']}/numbers", {"number": "+14155550142", "agent_id": str(desk.pk)})
    with tenancy.use(strangers_organization):
        theirs = Trunk.objects.create(organization=strangers_organization, label="x", host="pbx.example.com")
    assert routes.come_in([theirs.pk], "+14155550142", "", "anybody", "1", by_address=False) is None
    assert routes.come_in([], "+14155550142", "", "anybody", "1", by_address=True) is None


def test_messages_are_read_by_whose_they_are(ask: Ask, organization: Any, desk: Agent) -> None:
    _, made = ask("POST", "/trunks", {"trunk": OFFICE})
    with tenancy.use(organization):
        call = Call.objects.create(organization=organization, agent=desk, spec={})
        common = {
            "organization": organization,
            "trunk_id": made["id"],
            "direction": "out",
            "peer": "192.0.2.7:5060",
            "transport": "udp",
        }
        SipMessage.objects.create(
            **common, number=2, start_line="REGISTER sip:pbx.example.com SIP/2.0", cseq="1 REGISTER"
        )
        SipMessage.objects.create(
            **common, number=1, call=call, start_line="SIP/2.0 200 OK", cseq="1 INVITE", text="SIP/2.0 200 OK"
        )
    status, rows = ask("GET", f"/trunks/{made['id']}/messages")
    assert status == 200 and [row["cseq"] for row in rows] == ["1 REGISTER"]
    status, rows = ask("GET", f"/calls/{call.pk}/sip-messages")
    assert status == 200 and [row["text"] for row in rows] == ["SIP/2.0 200 OK"]
    assert ask("GET", f"/calls/{call.pk}/sip-explanation") == (200, [])  # nobody called in it
    with tenancy.use(organization):
        SipMessage.objects.filter(call=None).update(at=timezone.now() - timedelta(minutes=1))
    assert ask("GET", f"/trunks/{made['id']}/explanation") == (200, [
        {
            "words": "Nobody answers at 192.0.2.7. Check the host, the port and the transport of trunk “Office”, and that no firewall is between.",
            "is_failure": True,
        }
    ])  # fmt: skip
    assert ask("GET", f"/calls/{uuid.uuid4()}/sip-explanation")[0] == 404


def test_an_agent_tells_its_sip_address(ask: Ask, desk: Agent, organization: Any, settings: Any) -> None:
    settings.SIP_HOST, settings.SIP_PORT = ["192.168.1.20"], 5060
    assert ask("GET", f"/agents/{desk.pk}/sip-address") == (200, {"address": "sip:front-desk@192.168.1.20"})
    settings.SIP_ADVERTISED, settings.SIP_PORT = "203.0.113.9", 5070
    assert ask("GET", "/sip")[1] == {
        "is_on": True, "host": "203.0.113.9:5070", "tls_port": None, "direct_from": settings.SIP_DIRECT_FROM,
    }  # fmt: skip
    settings.SIP_HOST = []
    assert ask("GET", f"/agents/{desk.pk}/sip-address") == (200, {"address": ""})


def test_a_call_says_either_which_number_or_which_trunk(ask: Ask, desk: Agent) -> None:
    status, problem = ask("POST", "/calls", {"agent_id": str(desk.pk), "to": "+14155550177"})
    assert status == 422 and "number_id" in problem["detail"] and "trunk_id" in problem["detail"]
    _, made = ask("POST", "/trunks", {"trunk": OFFICE})
    order = {"agent_id": str(desk.pk), "to": "+14155550177", "trunk_id": made["id"]}
    status, problem = ask("POST", "/calls", order)
    assert status == 409 and "No call worker serves SIP" in problem["detail"]
    status, problem = ask("POST", "/calls", {**order, "on_machine": "leave_message"})
    assert status == 409 and "Write the message" in problem["detail"]


def test_providers_settings_can_be_read_and_say_that_nobody_tried_them(ask: Ask) -> None:
    status, found = ask("GET", "/trunks/presets")
    assert status == 200 and "public documentation, not verified by us" in found["note"]
    known = {each["preset"]: each for each in found["presets"]}
    assert known.keys() == PRESETS.keys()
    assert (known["telnyx"]["host"], known["telnyx"]["transport"], known["telnyx"]["registers"]) == (
        "sip.telnyx.com", "udp", True
    )  # fmt: skip
    assert all(each["hint"] for each in found["presets"])


def test_the_oldest_of_a_trunks_own_messages_are_forgotten(
    ask: Ask, organization: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "MOST_OF_A_TRUNK", 3)
    _, made = ask("POST", "/trunks", {"trunk": OFFICE})
    with tenancy.use(organization):
        for number in range(5):
            SipMessage.objects.create(
                organization=organization, trunk_id=made["id"], number=number, direction="out", peer="x", transport="udp",
                at=timezone.now() + timedelta(seconds=number), start_line=str(number),
            )  # fmt: skip
    assert routes.prune() == 2 and routes.prune() == 0
    with tenancy.use(organization):
        assert [row.start_line for row in SipMessage.objects.all()] == ["2", "3", "4"]
