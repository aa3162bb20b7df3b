"""Why an answer waited as long as it did, in plain words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from frontend.queries.why import EVENTS, event_words, explain
from telephony.session.pause import Pause

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("pause", "words"),
    [
        (Pause(300, 300, "complete"), "Waited for 300 ms of silence, because the sentence was complete."),
        (
            Pause(500, 500, "number"),
            "Waited for 500 ms of silence, because it ended with a number, to which more may come.",
        ),
        (
            Pause(375, 375, "finished", voice_percent=97),
            "Waited for 375 ms of silence, because the voice sounded finished. It sounded 97 % finished.",
        ),
        (
            Pause(750, 750, "unfinished", 120, 4),
            "Waited for 750 ms of silence, because the voice didn't sound finished. It sounded 4 % finished. "
            "This caller pauses longer than most (120 %).",
        ),
        (Pause(260, 260, "told"), "Waited for 260 ms of silence, because the transcriber took the turn for over."),
        (
            Pause(450, 450, "told_open"),
            "Waited for 450 ms of silence, because the transcriber didn't take the turn for over.",
        ),
    ],
)
def test_a_pause_in_words(pause: Pause, words: str) -> None:
    thought = pause.as_thought()
    assert explain({"kind": thought.kind, "data": dict(thought.data)}).words == words


@pytest.mark.parametrize(
    ("kind", "data", "words"),
    [
        (
            "speculation_dropped",
            {"text": "I need", "tokens": 80, "is_estimate": True},
            "Thought ahead too early; the caller went on after “I need” (about 80 tokens)",
        ),
        ("transfer", {"to": "Desk"}, "The caller is being put through to Desk"),
        ("put_through", {"to": "Desk", "by": "+14155550199", "seconds": 7}, "Put through to Desk (+14155550199); they talked for 7 s"),
        ("put_through", {"to": "+14155550199"}, "Put through to +14155550199"),
        (
            "put_through",
            {"to": "Invoices", "agent": "0190b1a2", "by": "Billing", "version": 3},
            "Put through to Invoices: the agent Billing, version 3 went on",
        ),
        ("transfer_step", {"to": "Desk", "step": "held", "music": "calm"}, "The caller is on hold, with calm music"),
        ("transfer_step", {"to": "Desk", "step": "held", "music": "quiet"}, "The caller is on hold, in silence"),
        ("transfer_step", {"to": "Desk", "step": "ringing", "by": "+14155550199"}, "Calling Desk (+14155550199)"),
        (
            "transfer_step",
            {"to": "Desk", "step": "ringing", "by": "+14155550199", "at": "twilio"},
            "Calling Desk (+14155550199) at Twilio",
        ),
        (
            "forwarding",
            {"to": "+14155550199", "why": "The trunk's settings say so."},
            "Calling +14155550199, and staying in the middle. The trunk doesn't put callers through itself: The trunk's settings say so.",
        ),
        ("forward_over", {"seconds": 7, "who": "target"}, "They talked for 7 s, until the other side hung up"),
        ("transfer_step", {"to": "Desk", "step": "answered", "text": "Yes."}, "Desk said: “Yes.”"),
        ("transfer_step", {"to": "Desk", "step": "accepted", "asked": True}, "Desk takes the call"),
        (
            "transfer_step",
            {"to": "Desk", "step": "over", "seconds": 7, "who": "caller"},
            "They talked for 7 s, until the caller hung up",
        ),
        ("transfer_step", {"to": "Desk", "step": "from a later release"}, "from a later release"),
        ("not_put_through", {"to": "Desk", "why": "Nobody picked up."}, "Not put through to Desk: Nobody picked up."),
        ("recording_paused", {}, "Not recorded until whoever is on the line now has heard the consent line"),
        ("recording_stopped", {"why": "The disk is full."}, "The recording stopped. The disk is full."),
    ],
)  # fmt: skip
def test_where_a_caller_was_put_through_in_words(kind: str, data: dict[str, object], words: str) -> None:
    assert event_words(kind, data) == words


def test_a_lost_model_is_told_as_it_was_said() -> None:
    assert event_words("end_of_turn_lost", {"words": "From here on nobody listens."}) == "From here on nobody listens."


@pytest.mark.parametrize(
    ("kind", "data", "words"),
    [
        ("menu", {"key": "2", "does": "ask"}, "The keypad menu: 2 is this question, answered for the caller."),
        ("menu", {"key": "5", "does": "wrong"}, "The keypad menu: 5 is none of its keys."),
        ("menu", {"key": "", "does": "nothing"}, "Nobody chose from the keypad menu."),
        ("pause", {"ms": 6_000, "because": "no_keys"}, "No key was pressed and nothing was said for 6000 ms."),
    ],
)
def test_a_menu_in_words(kind: str, data: dict[str, object], words: str) -> None:
    assert explain({"kind": kind, "data": data}).words == words


def test_every_event_that_a_call_writes_down_has_words() -> None:
    told = re.compile(r'(?:_add_event|_happened|_tell|news|tell|tell_news)\(\s*"([a-z_]+)",\s*(?:\{|\w+=|self\.)')
    kinds = {
        kind
        for folder in ("telephony", "agents")
        for path in (ROOT / folder).rglob("*.py")
        for kind in told.findall(path.read_text())
    }
    assert {"resumed", "sent_on", "recording_stopped"} <= kinds
    assert kinds - set(EVENTS) <= {"never_connected"}, "its page has sentences of its own"
