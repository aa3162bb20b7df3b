"""Whole calls in which the caller goes on just as the answer begins, in virtual time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from agents.mind import Collected, Say
from telephony.session.events import BargedIn, FieldCollected, StateChanged, TranscriptChanged, TurnEnded
from telephony.session.session import Session
from tests.fakes import Answer, FakeTransport, Silence, Speech, UntilAgentQuiet, UntilAgentSpeaks
from tests.telephony.test_session import GREETED, HELLO, LONG, call

GOES_ON = [*GREETED, Speech("No", 400), UntilAgentSpeaks(20), Speech("Wednesday please", 600), UntilAgentQuiet(1_000)]
"""Into the first sound of the answer, which is not on its way to them for so long."""


async def test_who_goes_on_as_the_answer_begins_is_answered_once_and_to_all_they_said() -> None:
    story = await call(GOES_ON, {"No": Answer([Collected("day", None, ""), Say("The day again, then.")])})
    assert story.agent.mind.committed == ["No Wednesday please"]
    assert story.turns == [HELLO, ("caller", "No Wednesday please"), ("agent", "You said: No Wednesday please")]
    assert story.heard.of(BargedIn) == [] and story.heard.of(FieldCollected) == []
    assert [one.data["text"] for one in story.happened("speculation_dropped")] == ["No"]
    begun, answer = story.line.agent_spoke_ms()[1:]
    assert begun[1] - begun[0] < 160 and answer[0] > story.line.spoken[1].end_ms
    shown = [turn.text for turn in story.heard.of(TranscriptChanged) if turn.role == "agent" and turn.text]
    assert "The day again, then." not in shown  # nobody reads what was taken back
    (wait,) = [turn.latency for turn in story.heard.of(TurnEnded) if turn.latency]
    assert abs(wait.total_ms - (answer[0] + 40 - story.line.spoken[1].end_ms)) <= 40  # of the answer that was heard


async def test_who_goes_on_between_the_first_pull_and_the_next_frame_is_heard_too(monkeypatch: Any) -> None:
    """The voice activity model tells its edges between two frames: after a pull that nobody has been told of yet."""
    edges: list[Callable[[], None]] = []
    tell, pull = Session._on_edge, FakeTransport._pull

    def later(session: Session, edge: Any) -> None:
        edges.append(lambda: tell(session, edge))

    def pulled(line: FakeTransport) -> None:
        pull(line)
        for told in edges:
            told()
        edges.clear()

    monkeypatch.setattr(Session, "_on_edge", later)
    monkeypatch.setattr(FakeTransport, "_pull", pulled)
    for gap_ms in range(400, 800, 20):
        script = [*GREETED, Speech("No", 400), Silence(gap_ms), Speech("Wednesday please", 600), UntilAgentQuiet(1_000)]
        story = await call(script)
        committed = " ".join(story.agent.mind.committed)
        assert committed == "No Wednesday please", gap_ms
        assert len(story.agent.mind.committed) == (1 if gap_ms < 700 else 2), gap_ms


async def test_an_answer_that_was_pulled_on_while_no_frame_came_is_given_up(monkeypatch: Any) -> None:
    pull = FakeTransport._pull
    stalled: list[int] = []

    def pulled(line: FakeTransport) -> None:
        pull(line)
        if (
            line._playout is not None
            and line._playout.generation is not None
            and line.loud[-1]
            and line.time.now_ms > 2_000
        ):
            while len(stalled) < 60:  # 1.2 s
                stalled.append(line.time.now_ms)
                pull(line)

    monkeypatch.setattr(FakeTransport, "_pull", pulled)
    script = [
        *GREETED,
        Silence(500),
        Speech("No", 400),
        UntilAgentSpeaks(20),
        Speech("Wednesday please", 600),
        Silence(4_000),
    ]
    story = await call(script, {"No": LONG})
    assert len(stalled) == 60
    assert story.agent.mind.committed == ["No Wednesday please"]
    assert story.turns[-1] == ("agent", "You said: No Wednesday please")


async def test_a_cough_as_the_answer_begins_lets_it_begin_again() -> None:
    script = [*GREETED, Speech("When are you open?", 900), UntilAgentSpeaks(20), Speech("", 120), UntilAgentQuiet(800)]
    story = await call(script, {"When are you open?": LONG})
    assert story.turns == [HELLO, ("caller", "When are you open?"), ("agent", LONG)]
    begun, answer = story.line.agent_spoke_ms()[1:]
    whole_ms = next(turn.ended_ms - turn.started_ms for turn in story.heard.of(TurnEnded) if turn.text == LONG)
    assert begun[1] - begun[0] < 160 and abs(answer[1] - answer[0] - whole_ms) <= 60  # from its first word


async def test_an_answer_is_taken_back_once_a_turn() -> None:
    """What sounds like a caller who goes on again and again may be the answer's own echo."""
    again = [UntilAgentSpeaks(20), Speech("", 120)]
    script = [*GREETED, Speech("When are you open?", 900), *again, *again, UntilAgentQuiet(1_000)]
    story = await call(script, {"When are you open?": LONG})
    assert story.turns == [HELLO, ("caller", "When are you open?"), ("agent", LONG)]
    _, second, rest = story.line.agent_spoke_ms()[1:]  # the second time it only pauses
    assert rest[0] - second[1] < 700 and (second[1] - second[0]) + (rest[1] - rest[0]) < 1.1 * len(LONG) * 1000 / 14


@pytest.mark.parametrize("listens", [{}, {"barge_in": False}])
async def test_who_hangs_up_as_the_answer_begins_has_said_what_they_said(listens: dict[str, Any]) -> None:
    answer = Answer([Collected("day", "2026-12-02", "Wednesday"), Say("Wednesday, then.")])
    story = await call(
        [*GREETED, Speech("Wednesday", 600), UntilAgentSpeaks(60)], {"Wednesday": answer}, listens=listens
    )
    assert story.agent.mind.committed == ["Wednesday"]
    assert [field.value for field in story.heard.of(FieldCollected)] == ["2026-12-02"]
    assert story.turns[1] == ("caller", "Wednesday") and story.turns[2][0] == "agent"
    assert story.happened("speculation_dropped") == []


async def test_it_is_said_to_speak_as_soon_as_it_does() -> None:
    story = await call([*GREETED, Speech("When are you open?", 900), UntilAgentQuiet()], {"When are you open?": LONG})
    (at_ms,) = [each.at_ms for each in story.heard.of(StateChanged) if each.state == "speaking"][1:]
    assert at_ms - story.line.agent_spoke_ms()[1][0] <= 40
