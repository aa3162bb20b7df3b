"""Trunks as people join, test and read them in the dashboard; who only looks sees how they stand and no more."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import timedelta
from html import unescape
from typing import Any

import orjson
import pytest
from django.test import Client
from django.utils import timezone

from accounts import tenancy
from agents.models import Agent
from agents.publish import create_agent, publish
from telephony import worker_status
from telephony.models import PhoneNumber, SipMessage, Trunk
from telephony.trunks import manage, routes
from telephony.trunks.fields import TrunkFields
from telephony.trunks.presets import PRESETS
from telephony.worker_status import WorkerStatus
from tests.frontend.sample import agent_of, call_of

pytestmark = pytest.mark.django_db
Clients = Callable[[Any], Client]
OFFICE = {
    "trunk-label": "Office", "trunk-host": "pbx.example.com", "trunk-username": "200", "trunk-registers": "on", "password": "open sesame",
}  # fmt: skip
HTMX = {"HX-Request": "true"}


def shown(response: Any) -> str:
    return unescape(response.content.decode())


def the_trunk() -> Trunk:
    with tenancy.system("test"):
        return Trunk.objects.get()


@pytest.fixture
def office(organization: Any) -> Trunk:
    fields = TrunkFields(label="Office", host="pbx.example.com", username="200", registers=True)
    return manage.create(organization, None, fields, "open sesame")


@pytest.fixture
def desk(organization: Any, alice: Any) -> Agent:
    agent = create_agent(organization, "Front desk")
    publish(agent, alice)
    return agent


# ---- joining


def test_without_anything_numbers_says_what_to_do_and_a_trunk_is_three_steps_away(
    client_of: Clients, alice: Any, organization: Any
) -> None:
    client = client_of(alice)
    page = shown(client.get("/numbers/"))
    assert "Join your telephone provider or telephone system by SIP" in page and "/numbers/trunks/new/" in page
    page = shown(client.get("/numbers/trunks/new/"))
    assert all(f"?preset={key}" in page for key in PRESETS) and "?preset=own" in page
    page = shown(client.get("/numbers/trunks/new/?preset=asterisk"))
    assert "Make an extension (PJSIP)" in page and 'value="Asterisk or FreePBX"' in page
    made = client.post("/numbers/trunks/new/?preset=asterisk", OFFICE)
    trunk = the_trunk()
    assert made.status_code == 302 and made["Location"] == f"/numbers/trunks/{trunk.pk}/?new"
    assert (trunk.label, trunk.host, trunk.preset, trunk.registers) == ("Office", "pbx.example.com", "asterisk", True)
    assert routes.trunks()[0].password == "open sesame"
    page = shown(client.get(made["Location"]))
    assert "A call worker takes it up within seconds" in page
    assert 'hx-trigger="submit, load"' in page, "it is tested at once"
    assert 'hx-trigger="submit"' in shown(client.get(f"/numbers/trunks/{trunk.pk}/"))
    assert "Office" in shown(client.get("/numbers/")) and "Not tried yet" in shown(client.get("/numbers/"))


@pytest.mark.parametrize("key", [*PRESETS, "own"])
def test_each_preset_asks_for_what_it_needs_and_what_it_fills_in_is_right(
    client_of: Clients, alice: Any, organization: Any, key: str
) -> None:
    preset, client = PRESETS.get(key), client_of(alice)
    address = f"/numbers/trunks/new/?preset={key}"
    page = shown(client.get(address))
    first, more = page.split("expert-settings", 1)
    asked = preset.asks if preset else ("host", "username", "registers", "sources")
    for name in TrunkFields.model_fields:
        if name == "preset":
            assert 'name="trunk-preset"' not in page
        else:
            assert (f'name="trunk-{name}"' in first) == (name in ("label", *asked)), name
            assert (f'name="trunk-{name}"' in more) == (name not in ("label", *asked)), name
    typed = {
        match[1]: unescape(match[2])
        for match in re.finditer(r'<input type="(?:text|number)"[^>]* name="(trunk-[^"]+)" value="([^"]*)"', page)
    }
    typed |= {name: "pbx.example.com" for name in ("trunk-host",) if "…" in typed[name] or not typed[name]}
    typed |= {"trunk-label": "Ours", "trunk-username": "200", "password": "open sesame"}
    if key in ("bandwidth", "didww"):
        typed["trunk-sources"] = "203.0.113.0/24"
    made = client.post(address, typed)
    assert made.status_code == 302, shown(made)
    trunk = the_trunk()
    assert trunk.preset == (key if preset else "")
    if preset and preset.sources:
        assert trunk.sources == list(preset.sources)
    assert not preset or (trunk.registers, trunk.srtp, trunk.transport) == (
        preset.registers, preset.srtp, preset.transport,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"trunk-label": ""}, "Fill this in."),
        ({"trunk-host": "not a host"}, "This is no host"),
        ({"trunk-host": "….voip.ms"}, "in the place of the dots"),
        ({"trunk-host": ""}, "A host is needed"),
        ({"trunk-username": ""}, "a user name is needed"),
        ({"trunk-username": "a b"}, "no user name has"),
        ({"trunk-port": "700000"}, "Use a number from 0 to 65,535."),
        ({"trunk-sources": "10.0.0.1/99"}, "is no network"),
        ({"trunk-codecs": "gsm"}, "Choose one of these: opus, g722, pcmu or pcma."),
        ({"trunk-host": "169.254.169.254"}, "EGRESS_ALLOW"),
        ({"trunk-asks_password": "on", "password": ""}, "needs a password"),
    ],
)
def test_what_is_wrong_is_said_what_was_typed_is_kept_and_the_password_is_not(
    client_of: Clients, alice: Any, organization: Any, settings: Any, change: dict[str, str], words: str
) -> None:
    settings.EGRESS_ALLOW, settings.EGRESS_ALLOW_PRIVATE = [], False
    answer = client_of(alice).post("/numbers/trunks/new/?preset=own", {**OFFICE, "trunk-realm": "kept", **change})
    page = shown(answer)
    assert answer.status_code == 422 and words in page
    assert 'value="kept"' in page and "open sesame" not in page
    for name, typed in change.items():
        assert name == "password" or typed in ("", "on") or typed in page
    assert ("Type the password once more" in page) == (change.get("password") is None)
    with tenancy.system("test"):
        assert not Trunk.objects.exists()


def test_codecs_are_taken_as_people_write_them(client_of: Clients, alice: Any, organization: Any) -> None:
    client_of(alice).post("/numbers/trunks/new/?preset=own", {**OFFICE, "trunk-codecs": "G.722\nPCMA"})
    assert the_trunk().codecs == ["g722", "pcma"]


# ---- changing


def test_a_trunk_is_changed_and_its_password_stays_unless_another_is_given(
    client_of: Clients, alice: Any, office: Trunk
) -> None:
    client, address = client_of(alice), f"/numbers/trunks/{office.pk}/edit/"
    page = shown(client.get(address))
    assert "One is stored" in page and "open sesame" not in page and 'value="pbx.example.com"' in page
    kept = {name: value for name, value in OFFICE.items() if name != "password"}
    assert client.post(address, {**kept, "trunk-transport": "tls"}).status_code == 302
    assert the_trunk().transport == "tls" and routes.trunks()[0].password == "open sesame"
    client.post(address, {**OFFICE, "password": "another"})
    assert routes.trunks()[0].password == "another"
    refused = client.post(address, {**kept, "trunk-host": "evil.example.net"})
    assert refused.status_code == 422 and "Give it again for the new one" in shown(refused)
    assert 'value="evil.example.net"' in shown(refused)
    client.post(address, {**kept, "forget_password": "on"})
    assert routes.trunks()[0].password == "" and not the_trunk().credential


def test_a_trunk_is_removed_when_no_number_is_on_it(client_of: Clients, alice: Any, office: Trunk, desk: Agent) -> None:
    client = client_of(alice)
    number = manage.add_number(office, "200", desk)
    page = shown(client.post(f"/numbers/trunks/{office.pk}/remove/", follow=True))
    assert "Numbers are still on this trunk" in page and "Office" in page
    page = shown(client.post(f"/numbers/{number.pk}/remove/", {"back": "trunk"}, follow=True))
    assert "no agent answers it here any more" in page and "Does it work?" in page
    page = shown(client.post(f"/numbers/trunks/{office.pk}/remove/", follow=True))
    assert "is removed, and its password with it" in page
    with tenancy.system("test"):
        assert not Trunk.objects.exists()


# ---- its numbers


def test_numbers_are_put_on_it_with_who_answers_and_a_test_call_starts_from_there(
    client_of: Clients, alice: Any, office: Trunk, desk: Agent
) -> None:
    client, address = client_of(alice), f"/numbers/trunks/{office.pk}/numbers/"
    page = shown(client.get(f"/numbers/trunks/{office.pk}/"))
    assert "nobody answers its calls" in page and "Place a test call" not in page
    refused = client.post(address, {"number": "hello there", "agent": str(desk.pk), "label": "Mine"})
    page = shown(refused)
    assert refused.status_code == 422 and "Write the number with its country" in page
    assert 'value="hello there"' in page and 'value="Mine"' in page and f'value="{desk.pk}" selected' in page
    page = shown(client.post(address, {"number": "+1 (415) 555-0142", "agent": str(desk.pk)}, follow=True))
    assert "Front desk answers +14155550142." in page and "Front desk, version 1, answers" in page
    with tenancy.system("test"):
        number = PhoneNumber.objects.get()
    assert f"/calls/new/?number={number.pk}&agent={desk.pk}" in page
    dialog = shown(client.get(f"/calls/new/?number={number.pk}&agent={desk.pk}"))
    assert f'<option value="{number.pk}" selected' in dialog and f'<option value="{desk.pk}" selected' in dialog
    back = client.post(f"/numbers/{number.pk}/assign/", {"agent": "", "back": "trunk"})
    assert back["Location"] == f"/numbers/trunks/{office.pk}/"
    taken = client.post(address, {"number": "+14155550142"})
    assert taken.status_code == 422 and "rings here already" in shown(taken)


def test_a_strangers_agent_answers_nothing_here(
    client_of: Clients, alice: Any, office: Trunk, strangers_organization: Any
) -> None:
    theirs = create_agent(strangers_organization, "Theirs")
    answer = client_of(alice).post(f"/numbers/trunks/{office.pk}/numbers/", {"number": "200", "agent": str(theirs.pk)})
    assert answer.status_code == 422 and "Choose one of the agents" in shown(answer)
    with tenancy.system("test"):
        assert not PhoneNumber.objects.exists()


# ---- how it stands


def test_the_state_brings_itself_up_to_date_and_says_nothing_twice(
    client_of: Clients, victor: Any, office: Trunk
) -> None:
    client = client_of(victor)
    words = "The provider refused your user name or password. (SIP 401)"
    for page, part in (
        ("/numbers/", "/numbers/trunks/"),
        (f"/numbers/trunks/{office.pk}/", f"/numbers/trunks/{office.pk}/state/"),
    ):
        routes.write_state(office.pk, office.organization_id, "waiting", "")
        seen = re.search(rf'hx-get="({part}\?seen=\w+)"', shown(client.get(page)))
        assert seen is not None
        assert client.get(seen[1], headers=HTMX).status_code == 204
        routes.write_state(office.pk, office.organization_id, "failed", words)
        fresh = client.get(seen[1], headers=HTMX)
        assert fresh.status_code == 200 and words in shown(fresh) and "Doesn't work" in shown(fresh)
        assert "<html" not in shown(fresh)


def test_who_only_looks_reads_how_it_stands_and_finds_no_button(
    client_of: Clients, victor: Any, office: Trunk, desk: Agent
) -> None:
    manage.add_number(office, "200", desk)
    page = shown(client_of(victor).get(f"/numbers/trunks/{office.pk}/"))
    assert "pbx.example.com" in page and "stored" in page and "200" in page
    for word in ("Test now", "Add a number", "/edit/", "/remove/", "Place a test call", "open sesame"):
        assert word not in page
    assert "/numbers/trunks/new/" not in shown(client_of(victor).get("/numbers/"))


def test_a_test_that_nobody_can_make_says_why(client_of: Clients, alice: Any, office: Trunk) -> None:
    client, address = client_of(alice), f"/numbers/trunks/{office.pk}/test/"
    part = client.post(address, headers=HTMX)
    assert part.status_code == 200 and "No call worker serves SIP" in shown(part) and "<html" not in shown(part)
    assert "No call worker serves SIP" in shown(client.post(address, follow=True))
    assert "No call worker serves SIP right now" in shown(client.get("/numbers/"))


# ---- an agent's own address


def test_an_agents_sip_address_is_on_numbers_and_beside_talk(
    client_of: Clients, victor: Any, desk: Agent, settings: Any
) -> None:
    settings.SIP_HOST, settings.SIP_PORT = ["192.168.1.20"], 5060
    client, address = client_of(victor), 'value="sip:front-desk@192.168.1.20"'
    assert address in shown(client.get("/numbers/")) and address in shown(client.get(f"/agents/{desk.pk}/"))
    settings.SIP_DIRECT_FROM = []
    assert address not in shown(client.get("/numbers/")) and address not in shown(client.get(f"/agents/{desk.pk}/"))


# ---- traces


A_MINUTE_AGO = timezone.now() - timedelta(minutes=1)


def note(
    trunk: Trunk | None, number: int, direction: str, start_line: str, cseq: str, text: str = "", **more: Any
) -> None:
    organization = more.pop("organization", None) or trunk.organization  # type: ignore[union-attr]
    with tenancy.use(organization):
        SipMessage.objects.create(
            organization=organization, trunk=trunk, number=number, direction=direction, start_line=start_line, cseq=cseq,
            text=f"{start_line}\n{text}", peer="192.0.2.7:5060", transport="udp", dialog="abc",
            at=A_MINUTE_AGO + timedelta(seconds=number), **more,
        )  # fmt: skip


def test_a_trunks_trace_says_that_the_password_was_refused(client_of: Clients, victor: Any, office: Trunk) -> None:
    client, address = client_of(victor), f"/numbers/trunks/{office.pk}/trace/"
    assert "Nothing has gone by yet" in shown(client.get(address, headers=HTMX))
    note(office, 1, "out", "REGISTER sip:pbx.example.com SIP/2.0", "1 REGISTER")
    note(office, 2, "in", "SIP/2.0 401 Unauthorized", "1 REGISTER")
    note(office, 3, "out", "REGISTER sip:pbx.example.com SIP/2.0", "2 REGISTER", "Authorization: …")
    note(office, 4, "in", "SIP/2.0 401 Unauthorized", "2 REGISTER", 'Reason: Q.850;cause=21;text="<b>wrong</b>"')
    page = client.get(address, headers=HTMX)
    part = shown(page)
    assert "The provider refused the password for trunk “Office”. Check the user name and password." in part
    assert "<b>wrong</b>" not in page.content.decode() and "“<b>wrong</b>”" in part
    order = [
        part.index(words)
        for words in ("says where it is<", "asks for the password", "with the password", "refuses the password")
    ]
    assert order == sorted(order)
    assert "Parley to 192.0.2.7:" in part and "192.0.2.7 to Parley:" in part and "+1.00 s" in part
    assert "Copy for the provider's support" in part and "--- 20" in part and "<html" not in part
    assert "<html" in shown(client.get(address)), "a page of its own where no script fetches it"


def test_a_calls_trace_is_on_its_page_and_strangers_find_neither(
    client_of: Clients, victor: Any, charlie: Any, organization: Any, office: Trunk
) -> None:
    call = call_of(
        agent_of(organization), channel="phone", direction="outbound", trunk=office, to_number="+14155550177",
        end_reason="carrier_refused",
    )  # fmt: skip
    address = f"/calls/{call.pk}/trace/"
    assert address in shown(client_of(victor).get(f"/calls/{call.pk}/"))
    assert "No SIP message of this call was kept" in shown(client_of(victor).get(address, headers=HTMX))
    note(office, 1, "out", "INVITE sip:+14155550177@pbx.example.com SIP/2.0", "1 INVITE", "Authorization: …", call=call)
    note(office, 2, "in", "SIP/2.0 488 Not Acceptable Here", "1 INVITE", call=call)
    note(office, 3, "out", "ACK sip:+14155550177@pbx.example.com SIP/2.0", "1 ACK", call=call)
    part = shown(client_of(victor).get(address, headers=HTMX))
    assert "no codec or encryption that both sides speak. Look at the codecs and the SRTP of trunk “Office”." in part
    assert "<b>488 Not Acceptable Here</b>" in part
    assert client_of(charlie).get(address).status_code == 404
    assert client_of(charlie).get(f"/numbers/trunks/{office.pk}/trace/").status_code == 404
    assert "Nothing has gone by yet" in shown(client_of(victor).get(f"/numbers/trunks/{office.pk}/trace/"))


def test_a_call_from_a_web_page_has_no_trace(client_of: Clients, victor: Any, organization: Any) -> None:
    call = call_of(agent_of(organization))
    assert "/trace/" not in shown(client_of(victor).get(f"/calls/{call.pk}/"))


def test_a_long_trace_shows_the_newest_of_a_trunk_and_says_so(client_of: Clients, victor: Any, office: Trunk) -> None:
    for number in range(65):
        note(office, number, "out", f"OPTIONS sip:{number}.example.com SIP/2.0", f"{number} OPTIONS")
    part = shown(client_of(victor).get(f"/numbers/trunks/{office.pk}/trace/", headers=HTMX))
    assert "5 earlier messages can be read over the API" in part
    assert "sip:4.example.com" not in part and "sip:5.example.com" in part and "sip:64.example.com" in part


@pytest.fixture
def serving() -> Iterator[None]:
    """A call worker that serves SIP, as it says itself that it lives."""
    status = WorkerStatus("test-1", "here", 1, timezone.now(), calls=0, capacity=4, sip_port=5060)
    worker_status.client().set(worker_status.PREFIX + status.id, orjson.dumps(asdict(status)), ex=15)
    yield
    worker_status.client().delete(worker_status.PREFIX + status.id)


def test_where_sip_is_served_to_this_machine_alone_the_pages_say_that_nobody_else_is_reached(
    client_of: Clients, alice: Any, office: Trunk, settings: Any, serving: None
) -> None:
    client, words = client_of(alice), "SIP is served to this machine alone"
    pages = ("/numbers/", f"/numbers/trunks/{office.pk}/", "/numbers/trunks/new/", "/numbers/trunks/new/?preset=own")
    settings.SIP_HOST = ["127.0.0.1"]
    assert all(words in shown(client.get(page)) for page in pages)
    settings.SIP_HOST = ["0.0.0.0"]
    told = [shown(client.get(page)) for page in pages]
    assert not any(words in page or "No call worker serves SIP" in page for page in told)
