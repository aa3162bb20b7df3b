"""A campaign over the API, from its list to its results, and the limits that hold for it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts import keys
from accounts.models import Organization
from agents.publish import create_agent, publish
from telephony.campaigns import dialler
from telephony.tasks import read_lists, run_campaigns
from tests.telephony.campaigns.people import ALWAYS, WIDE
from tests.telephony.campaigns.scripted_line import Line

pytestmark = pytest.mark.django_db

LIST = b"name,phone\nAda,(212) 736-5000\nGrace,911\n"


@pytest.fixture
def api(organization: Organization) -> Callable[..., Any]:
    _, bearer = keys.issue(organization, "k", list(keys.SCOPES), None, None)
    client = Client(headers={"Authorization": f"Bearer {bearer}"})

    def send(method: str, path: str, body: Any = None, **files: bytes) -> Any:
        if files:
            form = {name: SimpleUploadedFile("people.csv", content) for name, content in files.items()}
            return client.post(f"/api/v1{path}", {**form, **(body or {})})
        return client.generic(method, f"/api/v1{path}", json.dumps(body or {}), content_type="application/json")

    return send


def test_from_a_list_to_its_results(
    api: Callable[..., Any], organization: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = create_agent(organization, "Reminders")
    publish(agent, None, "")
    assert api("PATCH", "/dial-policy", {"policy": WIDE}).json()["policy"]["home_country"] == "US"
    made = api("POST", "/campaigns", {"name": "March", "agent_id": str(agent.pk), "rules": ALWAYS})
    assert made.status_code == 201 and made.json()["rules"]["calls_until"] == "24:00"
    path = f"/campaigns/{made.json()['id']}"
    added = api("POST", f"{path}/contacts", file=LIST)
    assert added.status_code == 202 and added.json()["columns"]["number"] == 1 and added.json()["rows"] == 2
    read_lists()
    people = api("GET", f"{path}/contacts?state=skipped").json()["items"]
    assert [(person["given"], person["row"]) for person in people] == [("911", 3)] and "emergency" in people[0]["why"]

    refused = api("POST", f"{path}/start")
    assert refused.status_code == 409 and "Choose which of your numbers" in refused.json()["detail"]
    line = Line()
    monkeypatch.setattr(dialler, "_connected", [lambda organization: line])
    assert api("POST", f"{path}/start").json()["status"] == "running"
    run_campaigns()
    assert api("GET", "/dial-policy").json()["today"]["live"] == 1
    line.end()
    run_campaigns()
    found = api("GET", path).json()
    assert found["status"] == "finished" and found["progress"]["percent"] == 100 and found["progress"]["skipped"] == 1
    answer = api("GET", f"{path}/results")
    assert answer["Content-Type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
    assert [(row["name"], row["outcome"]) for row in rows] == [("Ada", "Answered"), ("Grace", "")]


@pytest.mark.parametrize(
    ("file", "columns", "words"),
    [
        (b"", "", "empty"),
        (b"PK\x03\x04", "", "Save as"),
        (LIST, "nonsense", "columns"),
        (LIST, "[]", "columns"),
        (LIST, '{"number": 7}', "no column 7"),
        (LIST, '{"number": 1, "zone": 1}', "named twice"),
        (LIST, '{"number": 1, "variables": {"0": "First Name"}}', "no name for a column"),
    ],
)
def test_a_file_that_is_no_list_is_refused_with_what_to_do(
    api: Callable[..., Any], organization: Organization, file: bytes, columns: str, words: str
) -> None:
    agent = create_agent(organization, "Reminders")
    made = api("POST", "/campaigns", {"name": "March", "agent_id": str(agent.pk)}).json()
    answer = api("POST", f"/campaigns/{made['id']}/contacts", {"columns": columns}, file=file)
    assert answer.status_code == 400 and words in answer.json()["detail"], answer.content
    assert read_lists() == 0


def test_the_limits_are_changed_knob_by_knob(api: Callable[..., Any]) -> None:
    assert api("PATCH", "/dial-policy", {"policy": {"countries": ["jm"], "max_concurrent": 2}}).status_code == 200
    found = api("PATCH", "/dial-policy", {"policy": {"daily_spend": 5, "max_concurrent": None}}).json()["policy"]
    assert (found["countries"], found["max_concurrent"], found["daily_spend"]) == (["JM"], 5, 5)
    wrong = api("PATCH", "/dial-policy", {"policy": {"countries": ["ZZ"]}})
    assert wrong.status_code == 422 and "no country with the code ZZ" in wrong.json()["detail"]
    wrong = api("PATCH", "/dial-policy", {"policy": {"calls_from": "22:00"}})
    assert wrong.status_code == 422 and "must be before" in wrong.json()["detail"]
    assert api("PATCH", "/dial-policy", {"policy": {"no_such": 1}}).status_code == 422
    assert api("GET", "/dial-policy").json()["policy"]["daily_spend"] == 5


def test_a_number_goes_on_the_list_once_and_comes_off_it(api: Callable[..., Any]) -> None:
    first = api("POST", "/do-not-call", {"number": "+1 415 555 0142", "reason": "asked"})
    assert first.status_code == 201 and first.json()["number"] == "+14155550142"
    assert api("POST", "/do-not-call", {"number": "+14155550142"}).json()["id"] == first.json()["id"]
    assert api("POST", "/do-not-call", {"number": "hello"}).status_code == 400
    assert len(api("GET", "/do-not-call").json()["items"]) == 1
    assert api("DELETE", f"/do-not-call/{first.json()['id']}").status_code == 204
    assert api("GET", "/do-not-call").json()["items"] == []
