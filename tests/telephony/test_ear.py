"""Transcribers that break, hang, are away for a moment or for good: what of the call is lost by it, which should be nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from agents.spec import AgentSpec
from agents.speech import STT, ProviderError, Transcript
from agents.standby import Chain, Member
from telephony.session.events import Happened, TurnEnded
from telephony.session.reopening import Reopening
from telephony.session.session import Session
from tests.fakes import (
    Agent,
    FakeMind,
    FakeSTT,
    FakeSTTStream,
    FakeTransport,
    FakeTTS,
    FakeVAD,
    Listening,
    Silence,
    Speech,
    Step,
    UntilAgentQuiet,
    VirtualTime,
)
from tests.telephony.test_session import GREETED, Story, assert_sound

PATIENT = {"limits": {"reminder_after_s": 120, "hang_up_after_silence_s": 600}}


@pytest.mark.parametrize(
    ("failures", "is_backed", "pauses"),
    [
        pytest.param([(0, None)] * 7, False, [0, 250, 500, 1_000, 2_000, 4_000, None], id="alone it is tried for long"),
        pytest.param([(0, None)] * 2, True, [0, None], id="with another in order it is tried once more"),
        pytest.param(
            [(0, 0), (9_000, 0), (30_000, 10_000)], False, [0, 250, 0], id="what worked for a while is forgiven"
        ),
        pytest.param([(11_000, 0), (23_000, 11_500)] * 20, True, [0] * 40, id="however often that happens"),
        pytest.param([(11_000, 0), (12_000, 11_500)], True, [0, None], id="what works for a moment only is not"),
    ],
)
def test_when_it_is_opened_again(
    failures: list[tuple[int, int | None]], is_backed: bool, pauses: list[int | None]
) -> None:
    history = Reopening()
    assert [history.failed(now_ms, opened_ms, is_backed=is_backed) for now_ms, opened_ms in failures] == pauses


class Flaky(FakeSTT):
    """Hangs up at these moments, and can't be opened while it is ``away`` (from, to)."""

    def __init__(
        self,
        line: FakeTransport,
        *,
        breaks_ms: Sequence[int] = (),
        away: tuple[int, int] = (0, 0),
        opening: str = "",
        **more: Any,
    ) -> None:
        super().__init__(line, **more)
        self.breaks_ms = list(breaks_ms)
        self._away = away
        self._opening = opening

    async def open(self, *, language: str, keywords: tuple[str, ...]) -> FakeSTTStream:
        self.opened += 1
        now_ms = self.transport.time.now_ms
        if self._opening == "hangs":
            await self.transport.time.sleep(3_600_000)
        if self._opening == "refuses":
            raise ProviderError("The key was refused.", permanent=True)
        if self._away[0] <= now_ms < self._away[1]:
            raise ProviderError("The transcriber is away.")
        return _Breaking(self)


class _Breaking(FakeSTTStream):
    def __init__(self, stt: Flaky) -> None:
        super().__init__(stt)
        self._flaky = stt

    async def transcripts(self) -> AsyncIterator[Transcript]:
        time = self._flaky.transport.time
        while True:
            if self._flaky.breaks_ms and time.now_ms >= self._flaky.breaks_ms[0]:
                self._flaky.breaks_ms.pop(0)
                raise ProviderError("The transcriber hung up.")
            if not self._queue.empty() and self._queue._queue[0][0] <= time.now_ms:  # type: ignore[attr-defined]
                yield self._queue.get_nowait()[1]
            await time.sleep(20)


class Ears:
    def __init__(self, script: Sequence[Step], *ears: dict[str, Any]) -> None:
        self.time = VirtualTime()
        self.line = FakeTransport(self.time, script)
        self.ears = [Flaky(self.line, **each) for each in ears]
        self.mind = FakeMind(self.time)
        self.heard = Listening()

    async def play(self) -> Story:
        members: list[Member[STT]] = [Member(stt, f"Ear {n}") for n, stt in enumerate(self.ears)]
        agent = Agent(
            AgentSpec.model_validate(PATIENT),
            self.ears[0],
            FakeTTS(self.time),
            self.mind,
            ears=Chain(members, now_s=lambda: self.time.now_ms / 1000, rest_s=1e9),
        )
        session = Session(transport=self.line, agent=agent, vad=FakeVAD(), listener=self.heard)  # type: ignore[arg-type]
        story = Story(await session.run(), self.heard, self.line, agent, session)
        assert_sound(story)
        return story

    def words(self, kind: str) -> list[Any]:
        return [event.data["words"] for event in self.heard.of(Happened) if event.kind == kind]

    def said(self) -> list[str]:
        return [turn.text for turn in self.heard.of(TurnEnded) if turn.role == "agent"][1:]


ASKS: list[Step] = [*GREETED, Speech("When are you open?", 900), UntilAgentQuiet(500)]


async def test_a_long_call_survives_many_blips() -> None:
    talk: list[Step] = [step for n in range(12) for step in (Speech(f"Question {n}?", 900), UntilAgentQuiet(12_000))]
    stage = Ears([*GREETED, *talk], {"breaks_ms": range(8_000, 170_000, 13_000)})
    story = await stage.play()
    assert story.reason == "caller_hung_up"
    assert stage.ears[0].opened >= 12
    assert stage.said() == [f"You said: Question {n}?" for n in range(12)]
    assert len(stage.words("stage_retried")) == stage.ears[0].opened - 1


async def test_half_a_second_away_in_the_middle_of_a_sentence_loses_no_word() -> None:
    stage = Ears(ASKS, {"breaks_ms": [2_000], "away": (2_000, 2_500)})
    await stage.play()
    assert stage.said() == ["You said: When are you open?"]
    assert stage.words("stage_retried") == ["The transcriber is away; the next try worked."]


async def test_one_that_is_away_for_good_ends_the_call_with_words() -> None:
    stage = Ears(
        [*GREETED, *[step for _ in range(6) for step in (Speech("Hello?", 900), Silence(6_000))]], {"away": (0, 10**9)}
    )
    story = await stage.play()
    assert story.reason == "stt_failed"
    assert stage.ears[0].opened <= 7


async def test_the_next_listens_to_what_the_first_one_missed() -> None:
    stage = Ears(ASKS, {"breaks_ms": [1_900], "away": (1_900, 10**9)}, {})
    story = await stage.play()
    assert story.reason == "caller_hung_up"
    assert stage.said() == ["You said: When are you open?"]
    assert stage.words("fallback") == ["The transcriber is away; Ear 1 listens instead."]
    assert stage.ears[0].opened == 2


async def test_one_that_hears_nothing_is_replaced_before_the_caller_must_say_it_again() -> None:
    stage = Ears(ASKS, {"is_deaf": True}, {})
    await stage.play()
    assert stage.said()[-1] == "You said: When are you open?"
    assert not any("say that again" in text for text in stage.said())
    assert stage.words("fallback") == ["Ear 0 didn't answer within 1.5 s; Ear 1 listens instead."]


@pytest.mark.parametrize(
    ("opening", "words"),
    [("refuses", "The key was refused"), ("hangs", "Ear 0 didn't open within 4 s")],
)
async def test_one_that_can_not_be_opened_is_replaced(opening: str, words: str) -> None:
    stage = Ears([*GREETED, Silence(9_000), *ASKS[1:]], {"opening": opening}, {})
    await stage.play()
    assert stage.said() == ["You said: When are you open?"]
    assert stage.words("fallback") == [f"{words}; Ear 1 listens instead."]
    assert stage.ears[0].opened == 1


async def test_all_of_them_gone_is_the_transcribers_fault() -> None:
    script = [*GREETED, *[step for _ in range(6) for step in (Speech("Hello?", 900), Silence(6_000))]]
    stage = Ears(script, {"opening": "refuses"}, {"opening": "refuses"})
    story = await stage.play()
    assert story.reason == "stt_failed"
    assert [stt.opened for stt in stage.ears] == [1, 1]
