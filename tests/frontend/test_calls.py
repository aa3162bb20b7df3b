"""The list of calls and the page of one: what is found, what is said, and to whom."""

from __future__ import annotations

import json
import re
import uuid
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from django.utils import timezone

from accounts import tenancy
from frontend.queries.why import explain
from frontend.views import talk
from telephony import tokens
from telephony.recordings import absolute
from tests.frontend.sample import agent_of, call_of, cut_turn, event, record

SAID = (
    ("agent", "Hello, how can I help?"),
    ("caller", "What does a cleaning cost?"),
    ("agent", "It costs 120 dollars."),
)
NOON = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


@pytest.fixture
def agent(organization: Any) -> Any:
    return agent_of(organization)


def shown(html: str) -> list[str]:
    """The ids of the calls in a list, in its order."""
    return re.findall(r'<tr id="call-([0-9a-f-]{36})"', html)


# --- who


@pytest.mark.parametrize("path", ["", "row/", "recording/", "outline/"])
def test_a_stranger_sees_nothing_of_a_call(agent: Any, charlie: Any, client_of: Any, path: str) -> None:
    call = call_of(agent, said=SAID)
    record(call)
    assert client_of(charlie).get(f"/calls/{call.pk}/{path}").status_code == 404


@pytest.mark.parametrize("path", ["", "row/", "recording/", "outline/"])
def test_every_member_sees_a_call(agent: Any, alice: Any, bob: Any, victor: Any, client_of: Any, path: str) -> None:
    call = call_of(agent, said=SAID)
    record(call)
    for person in (alice, bob, victor):
        assert client_of(person).get(f"/calls/{call.pk}/{path}").status_code == 200


@pytest.mark.parametrize("path", ["/calls/", f"/calls/{uuid.UUID(int=7)}/"])
def test_nobody_gets_in_without_signing_in(db: None, client_of: Any, path: str) -> None:
    answer = client_of(None).get(path)
    assert answer.status_code == 302
    assert "login" in answer["Location"]


def test_the_list_shows_only_the_organizations_calls(
    agent: Any, alice: Any, charlie: Any, strangers_organization: Any, client_of: Any
) -> None:
    mine, theirs = call_of(agent), call_of(agent_of(strangers_organization))
    assert shown(client_of(alice).get("/calls/").content.decode()) == [str(mine.pk)]
    assert shown(client_of(charlie).get("/calls/").content.decode()) == [str(theirs.pk)]


def test_another_organizations_agent_narrows_nothing(
    agent: Any, alice: Any, strangers_organization: Any, client_of: Any
) -> None:
    call, other = call_of(agent), agent_of(strangers_organization)
    page = client_of(alice).get("/calls/", {"agent": other.pk}).content.decode()
    assert shown(page) == [str(call.pk)]
    assert other.name not in page or other.name == agent.name


def test_only_editors_hang_up(agent: Any, bob: Any, victor: Any, charlie: Any, client_of: Any) -> None:
    call = call_of(agent, status="queued", end_reason="", answered_at=None, worker="")
    url = f"/calls/{call.pk}/hang-up/"
    assert client_of(victor).post(url).status_code == 403
    assert client_of(charlie).post(url).status_code == 404
    assert client_of(bob).get(url).status_code == 405
    assert client_of(bob).post(url).status_code == 302
    page = client_of(bob).get(f"/calls/{call.pk}/").content.decode()
    assert "Somebody of your team ended it" in page


# --- the list


def test_an_empty_list_says_what_to_do(alice: Any, organization: Any, client_of: Any) -> None:
    page = client_of(alice).get("/calls/").content.decode()
    assert "No calls yet" in page
    assert 'href="/agents/"' in page


def test_a_row_tells_how_a_call_went(organization: Any, alice: Any, client_of: Any) -> None:
    agent = agent_of(organization, is_published=True)
    call_of(
        agent, version=agent.published, caller="+1 415 555 0134", duration_ms=134_000, latency={"p50_ms": 640, "p95_ms": 900, "turns": 4},
        collected={"name": "Maria Lopez", "phone": None, "day": "2026-11-24T15:00:00", "urgent": True},
    )  # fmt: skip
    row = client_of(alice).get("/calls/").content.decode()
    for words in (
        "Reception",
        "version 1",
        "+1 415 555 0134",
        "2:14",
        "The caller said goodbye",
        "0.6 s",
        "Maria Lopez · Tue 24 Nov 2026, 15:00 · Yes",
    ):
        assert words in row


def test_a_call_with_the_draft_says_so(agent: Any, alice: Any, client_of: Any) -> None:
    call_of(agent)
    assert ">draft<" in client_of(alice).get("/calls/").content.decode()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ["lost", "busy", "maria", "old"]),
        ({"q": "parking"}, ["maria"]),
        ({"q": "PARKING cleaning"}, ["maria"]),
        ({"q": "parking whitening"}, []),
        ({"q": "0134"}, ["busy"]),
        ({"q": "lopez"}, ["maria"]),
        ({"q": "100%"}, []),
        ({"status": "ended"}, ["lost", "busy", "maria", "old"]),
        ({"status": "in_progress"}, []),
        ({"side": "us"}, ["lost", "busy"]),
        ({"side": "caller"}, ["maria", "old"]),
        ({"fault": "on"}, ["lost", "busy"]),
        ({"since": "2026-03-10", "until": "2026-03-10"}, ["lost", "busy", "maria"]),
        ({"until": "2026-03-09"}, ["old"]),
        ({"since": "2026-03-11"}, []),
        ({"since": "not a date"}, ["lost", "busy", "maria", "old"]),
        ({"status": "nonsense", "side": "nobody"}, ["lost", "busy", "maria", "old"]),
    ],
)  # fmt: skip
def test_the_list_is_narrowed(
    agent: Any, alice: Any, client_of: Any, query: dict[str, str], expected: list[str]
) -> None:
    calls = {
        "lost": call_of(agent, at=NOON, end_reason="worker_lost"),
        "busy": call_of(agent, at=NOON - timedelta(minutes=1), end_reason="busy", caller="+1 415 555 0134"),
        "maria": call_of(
            agent, at=NOON - timedelta(minutes=2), collected={"name": "María Lopez"},
            said=(("caller", "Do you have Parking?"), ("agent", "Yes."), ("caller", "And a cleaning?")),
        ),
        "old": call_of(agent, at=NOON - timedelta(days=1)),
    }  # fmt: skip
    page = client_of(alice).get("/calls/", query).content.decode()
    assert shown(page) == [str(calls[name].pk) for name in expected]


def test_a_day_is_the_viewers_day(agent: Any, alice: Any, client_of: Any) -> None:
    late = call_of(agent, at=datetime(2026, 3, 10, 23, 30, tzinfo=UTC))
    browser = client_of(alice)
    there = {"since": "2026-03-11", "zone": "Europe/Berlin"}
    assert shown(browser.get("/calls/", there).content.decode()) == [str(late.pk)]
    assert shown(browser.get("/calls/", {"since": "2026-03-11", "zone": "Mars/Olympus"}).content.decode()) == []


def test_nothing_found_is_said(agent: Any, alice: Any, client_of: Any) -> None:
    call_of(agent)
    page = client_of(alice).get("/calls/", {"q": "nobody said this"}).content.decode()
    assert "No call fits" in page


def test_the_list_goes_on_where_it_ended_even_when_calls_come_in(agent: Any, alice: Any, client_of: Any) -> None:
    calls = [call_of(agent, at=NOON - timedelta(minutes=minute)) for minute in range(120)]
    browser = client_of(alice)
    page = browser.get("/calls/", {"fault": ""}).content.decode()
    found = shown(page)
    while more := re.search(r'hx-get="(/calls/\?[^"]*cursor=[^"]*)"', page):
        call_of(agent, at=NOON + timedelta(minutes=1))
        page = browser.get(more[1].replace("&amp;", "&"), headers={"HX-Request": "true"}).content.decode()
        assert "<html" not in page
        found += shown(page)
    assert found == [str(call.pk) for call in calls]


def test_a_cursor_that_is_none_starts_again(agent: Any, alice: Any, client_of: Any) -> None:
    answer = client_of(alice).get("/calls/", {"cursor": "../../etc"})
    assert answer.status_code == 302
    assert answer["Location"] == "/calls/"


def test_a_running_call_asks_for_its_row_again(agent: Any, alice: Any, client_of: Any) -> None:
    call = call_of(agent, status="in_progress", end_reason="", ended_at=None)
    row = client_of(alice).get(f"/calls/{call.pk}/row/").content.decode()
    assert "In progress" in row
    assert 'hx-trigger="every 10s"' in row


# --- one call


def test_a_call_tells_its_story(agent: Any, alice: Any, client_of: Any) -> None:
    call = call_of(agent, said=SAID, caller="+1 415 555 0134", collected={"name": "Maria Lopez", "phone": None})
    event(call, "collected", key="name", value="Maria Lopez", spoken="Maria Lopez", is_confirmed=True)
    event(call, "something_new", count=3)
    cut_turn(
        call, "We are open Monday to Friday from", "We are open Monday to Friday from 8 to 5.",
        [
            {"kind": "fact", "data": {"question": "when are you open", "fact": "We are open …", "score": 0.8312}},
            {"kind": "novel", "data": {"a_b": 1}},
        ],
    )  # fmt: skip
    record(call)
    page = client_of(alice).get(f"/calls/{call.pk}/").content.decode()
    for words in (
        "What does a cleaning cost?", "It costs 120 dollars.", "0.6 s", "The longest wait for an answer was",
        "8 to 5.</del>", "the struck words were not heard", "Answered “when are you open” with the fact “We are open …”.", "0.83",
        "Novel", "confirmed", "not found out", "Something new: Count 3", "The caller said goodbye", "220 ms", "Together", "640 ms",
    ):  # fmt: skip
        assert words in page, words


@pytest.mark.parametrize(
    ("facts", "said", "was_interrupted"),
    [
        ({"duration_ms": 21_400}, (), False),
        ({"duration_ms": 21_400}, (("caller", "And?"),), False),
        ({"duration_ms": 21_400}, (("caller", "Hm."),) * 11, True),  # the last of them into the agent's words
        ({"duration_ms": 24_000}, (), True),
        ({"duration_ms": 0, "status": "in_progress", "ended_at": None, "end_reason": ""}, (), True),
    ],
)
def test_what_the_calls_end_cut_off_nobody_interrupted(
    agent: Any, alice: Any, client_of: Any, facts: dict[str, Any], said: Any, was_interrupted: bool
) -> None:
    call = call_of(agent, said=said, **facts)
    cut_turn(call, "We are open", "We are open Monday to Friday.")
    page = client_of(alice).get(f"/calls/{call.pk}/").content.decode()
    assert ("The caller interrupted here; the struck words were not heard." in page) is was_interrupted
    assert ("The call ended here; the struck words were not heard." in page) is not was_interrupted


def test_many_waits_are_told_by_their_middle_and_their_slow_end(agent: Any, alice: Any, client_of: Any) -> None:
    call = call_of(agent, said=(("caller", "And?"), ("agent", "Well.")) * 4)
    page = client_of(alice).get(f"/calls/{call.pk}/").content.decode()
    assert "Half of the answers were heard within" in page
    assert "The longest wait" not in page


def test_days_and_requests_are_told_in_words() -> None:
    understood = explain({"kind": "understood", "data": {"field": "day", "value": "2026-12-01T15:00"}})
    assert understood.words == "Understood “Day” as “Tue 1 Dec 2026, 15:00”."
    assert explain({"kind": "understood", "data": {"field": "code", "value": "2026-12"}}).words.endswith("“2026-12”.")
    assert explain({"kind": "intent", "data": {"intent": "none"}}).words == "Heard none of the requests it knows."


def test_what_was_said_is_never_markup(agent: Any, alice: Any, client_of: Any) -> None:
    attack = '<script>alert(1)</script><img src=x onerror="alert(2)">'
    call = call_of(
        agent,
        said=(("caller", attack), ("agent", attack)),
        caller=attack[:120],
        collected={"name": attack, attack[:40]: "x"},
    )
    cut_turn(call, attack, attack + attack, [{"kind": attack, "data": {attack: attack}}])
    event(call, attack[:40], words=attack)
    browser = client_of(alice)
    for path in (f"/calls/{call.pk}/", "/calls/", f"/calls/{call.pk}/row/", "/", "/calls/?q=%3Cscript%3E"):
        page = browser.get(path).content.decode()
        assert "<script>alert" not in page, path
        assert "<img src=x" not in page, path


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"end_reason": "worker_lost"}, ["The call worker stopped in the middle", "on Parley&#x27;s side", "kept up to that moment", "/health/"]),
        ({"end_reason": "never_connected", "answered_at": None}, ["never came up", "on the line", "TURN server", "nothing to hear"]),
        (
            {"end_reason": "model_failed", "end_detail": "HTTP 401: bad key"},
            ["The language model failed", "at a vendor", "Knows → If the model fails, use", "HTTP 401: bad key"],
        ),
        ({"end_reason": "from_the_future"}, ["Ended", "from_the_future"]),
    ],
)  # fmt: skip
def test_a_fault_says_whose_side_and_what_to_do(
    agent: Any, alice: Any, client_of: Any, facts: dict[str, Any], words: list[str]
) -> None:
    page = client_of(alice).get(f"/calls/{call_of(agent, **facts).pk}/").content.decode()
    for word in words:
        assert word in page, word


def test_a_running_call_updates_itself_and_can_be_ended_by_an_editor(
    agent: Any, bob: Any, victor: Any, client_of: Any
) -> None:
    call = call_of(agent, status="in_progress", end_reason="", ended_at=None, duration_ms=0, said=SAID)
    page = client_of(bob).get(f"/calls/{call.pk}/").content.decode()
    assert 'data-island="live-call"' in page
    assert "Hang up" in page
    assert "when the call has ended" in page
    assert "Hang up" not in client_of(victor).get(f"/calls/{call.pk}/").content.decode()
    part = client_of(bob).get(f"/calls/{call.pk}/", headers={"HX-Request": "true"}).content.decode()
    assert part.lstrip().startswith('<div id="call"')


def test_a_call_nobody_spoke_in_has_a_page(agent: Any, alice: Any, client_of: Any) -> None:
    page = client_of(alice).get(f"/calls/{call_of(agent).pk}/").content.decode()
    assert "Nothing was said" in page


@pytest.mark.parametrize(
    ("spec", "kind", "words"),
    [
        ({"privacy": {"record": False}}, "", "Recording was switched off"),
        ({"privacy": {"record": True}}, "", "This call has no recording"),
        ({}, "recording_stopped", "could not be recorded. The disk is full."),
    ],
)
def test_a_missing_recording_has_a_reason(
    agent: Any, alice: Any, client_of: Any, spec: dict[str, Any], kind: str, words: str
) -> None:
    call = call_of(agent, spec=spec, said=SAID)
    if kind:
        event(call, kind, why="The disk is full.")
    assert words in client_of(alice).get(f"/calls/{call.pk}/").content.decode()


def test_a_recording_that_stopped_early_says_why(agent: Any, alice: Any, client_of: Any) -> None:
    call = call_of(agent, said=SAID)
    record(call, seconds=2.0)
    event(call, "recording_stopped", why="The disk is too slow for the recording.")
    page = client_of(alice).get(f"/calls/{call.pk}/").content.decode()
    assert "The recording stops early. The disk is too slow for the recording." in page


def test_the_outline_shows_who_spoke_when(agent: Any, alice: Any, client_of: Any) -> None:
    call = call_of(agent, said=SAID)
    record(call, seconds=2.0)
    outline = client_of(alice).get(f"/calls/{call.pk}/outline/").json()
    caller, voice = outline["peaks"]
    assert outline["duration"] == pytest.approx(2.0)
    assert len(caller) == len(voice) == 1_200
    assert (caller[100], caller[-100]) == (0.5, 0.0)
    assert (voice[100], voice[-100]) == (0.0, 0.25)


def test_the_recording_plays_by_a_short_lived_address(agent: Any, alice: Any, client_of: Any) -> None:
    call = call_of(agent, said=SAID)
    kept = record(call)
    browser = client_of(alice)
    url = browser.get(f"/calls/{call.pk}/recording/").json()["url"]
    part = client_of(None).get(url, headers={"Range": "bytes=0-43"})
    assert part.status_code == 206
    assert b"".join(part.streaming_content)[:4] == b"RIFF"
    absolute(kept.path).unlink()
    assert browser.get(f"/calls/{call.pk}/outline/").status_code == 404


# --- talking


def test_editors_may_talk_to_the_draft(agent: Any, bob: Any, client_of: Any) -> None:
    answer = client_of(bob).post(f"/agents/{agent.pk}/talk-token/")
    claims = tokens.check(answer.json()["token"])
    assert (claims.agent, claims.organization, claims.use, claims.member) == (
        agent.pk,
        agent.organization_id,
        "draft",
        bob.pk,
    )
    assert answer.json()["fields"][0] == {"key": "name", "label": "Name"}
    assert answer["Cache-Control"] == "no-store"


def test_nobody_is_given_tokens_without_end(
    agent: Any, alice: Any, bob: Any, client_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(talk, "LIMIT", "2/minute")
    url = f"/agents/{agent.pk}/talk-token/"
    answers = [client_of(bob).post(url) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    refused = answers[-1]
    assert refused["Content-Type"] == "application/problem+json" and 1 <= int(refused["Retry-After"]) <= 61
    assert refused.json()["detail"].startswith("Try again in ")
    assert client_of(alice).post(url).status_code == 200


def test_others_may_not_talk(agent: Any, victor: Any, charlie: Any, client_of: Any) -> None:
    url = f"/agents/{agent.pk}/talk-token/"
    assert client_of(victor).post(url).status_code == 403
    assert client_of(charlie).post(url).status_code == 404
    assert client_of(None).post(url).status_code == 302


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"draft": {"listens": {"endpointing_ms": 5}}}, 422, "Pause before answering: Use steps of 50."),
        ({"archived_at": timezone.now()}, 409, "archived"),
    ],
)
def test_a_draft_that_cannot_talk_says_why(
    agent: Any, bob: Any, client_of: Any, change: dict[str, Any], status: int, words: str
) -> None:
    for name, value in change.items():
        setattr(agent, name, value)
    with tenancy.use(agent.organization):
        agent.save()
    answer = client_of(bob).post(f"/agents/{agent.pk}/talk-token/")
    assert answer.status_code == status
    assert answer["Content-Type"] == "application/problem+json"
    assert words in json.dumps(answer.json(), ensure_ascii=False)


@pytest.mark.parametrize(
    ("happened", "words"),
    [
        ([("echo", {"delay_ms": 240, "quieter_db": 12})], "comes back 240 ms later, 12 dB quieter."),
        (
            [("echo", {"delay_ms": 240, "quieter_db": 12}), ("echoes", {"times": 4})],
            "The agent heard itself 4 times: this line has an echo.",
        ),
        ([("echo_words", {"text": "How can I help?"})], "The agent heard itself once: this line has an echo."),
    ],
)
def test_a_call_says_that_its_line_has_an_echo(
    agent: Any, alice: Any, client_of: Any, happened: list[tuple[str, dict[str, Any]]], words: str
) -> None:
    call = call_of(agent, said=SAID)
    quiet = client_of(alice).get(f"/calls/{call.pk}/").content.decode()
    assert "Echo" not in quiet
    for kind, data in happened:
        event(call, kind, **data)
    assert words in unescape(client_of(alice).get(f"/calls/{call.pk}/").content.decode())
