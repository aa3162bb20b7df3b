"""Whether a voice sounds finished: what the model is given, and when it isn't asked; then with its real weights."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from agents.providers.local import smart_turn
from agents.providers.local.smart_turn import LATE_IN_A_ROW, LATE_S, REST_S, SmartTurn, features
from agents.speech import ProviderError
from tests.spoken import WEIGHTS, spoken

FILE = WEIGHTS / smart_turn.FILE
TONE = (np.sin(np.arange(16_000) / 7) * 9_000).astype("<i2").tobytes()


@pytest.fixture
async def model() -> AsyncIterator[SmartTurn]:
    if not FILE.is_file():
        pytest.skip("Smart Turn's weights are optional, and not on this machine.")
    made = SmartTurn(FILE)
    await made.ready()
    yield made
    made.close()


class Clock:
    """The machine's, for ``smart_turn``: it goes on only while the model works."""

    now_s = 100.0

    def perf_counter(self) -> float:
        return self.now_s


class Slow(SmartTurn):
    """Takes ``takes_s`` for each answer, without weights. ``let_go``: it may begin."""

    def __init__(self, clock: Clock, takes_s: float) -> None:
        super().__init__(Path("none"))
        self.takes_s = takes_s
        self.answered = 0
        self._clock = clock
        self._session = object()  # type: ignore[assignment]
        self._go = threading.Event()
        self._thread.submit(lambda: self._go.wait(5) and None, urgency=-1)

    def let_go(self) -> None:
        self._go.set()

    def predict_now(self, pcm: bytes) -> float:
        self._clock.now_s += self.takes_s
        self.answered += 1
        return 0.5

    async def answers(self, questions: int) -> list[float | None]:
        """To so many at once."""
        asking = asyncio.gather(*(self.predict(TONE) for _ in range(questions)))
        await asyncio.sleep(0)
        self.let_go()
        return await asking


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(smart_turn, "time", clock)
    return clock


def test_less_than_eight_seconds_stand_at_the_end_and_more_lose_their_beginning() -> None:
    one = features(TONE)
    assert one.shape == (80, 800)
    assert one.dtype == np.float32
    assert np.ptp(one[:, :690]) < 2.1  # nothing but its first edge
    assert one[:, 700:790].max() > one[:, :690].max() + 0.5
    np.testing.assert_array_equal(features(bytes(64_000) + TONE * 8), features(TONE * 8))


def test_loudness_makes_no_difference() -> None:
    quiet = np.frombuffer(TONE, dtype="<i2") // 8
    loud = quiet * 8
    np.testing.assert_allclose(features(quiet.tobytes()), features(loud.tobytes()), atol=1e-3)


def test_no_sound_is_no_error() -> None:
    assert np.isfinite(features(b"")).all()


async def test_missing_weights_are_said(tmp_path: Path) -> None:
    broken = SmartTurn(tmp_path / "none.onnx")
    with pytest.raises(ProviderError, match="could not be loaded"):
        await broken.ready()
    assert broken.status.startswith("failed")
    assert await broken.predict(TONE) is None
    broken.close()


async def test_a_question_that_would_be_answered_late_is_not_worked_on(clock: Clock) -> None:
    slow = Slow(clock, 0.1)
    assert await slow.answers(5) == [0.5, 0.5, None, None, None]
    assert slow.answered == 2
    slow.close()


async def test_a_question_nobody_waits_for_is_not_worked_on(clock: Clock) -> None:
    slow = Slow(clock, 0.01)
    asked = [asyncio.create_task(slow.predict(TONE)) for _ in range(3)]
    await asyncio.sleep(0)
    asked[1].cancel()
    await asyncio.sleep(0)
    slow.let_go()
    assert await asked[0] == await asked[2] == 0.5
    assert slow.answered == 2
    slow.close()


async def test_where_answers_keep_being_late_nobody_is_asked_for_a_while(clock: Clock) -> None:
    slow = Slow(clock, LATE_S + 0.1)
    for _ in range(LATE_IN_A_ROW):
        assert await slow.answers(1) == [0.5]
    assert await slow.answers(1) == [None]
    clock.now_s += REST_S
    assert await slow.answers(1) == [0.5]
    slow.close()


async def test_one_late_answer_among_others_is_no_reason(clock: Clock) -> None:
    slow = Slow(clock, 0.1)
    for takes_s in (0.1, 0.3) * LATE_IN_A_ROW:
        slow.takes_s = takes_s
        assert await slow.answers(1) == [0.5]
    slow.close()


async def test_the_loop_goes_on_while_it_works(clock: Clock) -> None:
    slow = Slow(clock, 0.1)
    asked = asyncio.create_task(slow.predict(TONE))
    for _ in range(20):
        await asyncio.sleep(0.001)
    assert not asked.done()
    slow.let_go()
    assert await asked == 0.5
    slow.close()


@pytest.mark.models
async def test_a_whole_sentence_sounds_finished_and_a_piece_of_one_does_not(model: SmartTurn) -> None:
    whole = spoken("When are you open on Friday?") + bytes(5_120)
    assert model.predict_now(whole) > 0.9
    piece = spoken("So I was thinking maybe we could go on Friday")
    assert model.predict_now(piece[: len(piece) // 4 * 2] + bytes(5_120)) < 0.2
    assert model.status == "loaded"


@pytest.mark.models
async def test_the_answer_is_the_same_off_the_loop(model: SmartTurn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smart_turn, "LATE_S", 60.0)  # however busy the machine is
    pcm = spoken("My name is Thomas Anderson.") + bytes(5_120)
    assert await model.predict(pcm) == model.predict_now(pcm)
