"""A message that was left, heard afterwards: where somebody speaks, and what."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from agents import dictation, live
from agents.dictation import FRAME_BYTES, spoken, transcribe
from agents.spec import AgentSpec
from tests.spoken import WEIGHTS
from tests.spoken import spoken as said_by_piper


def noise(seconds: float, level: int) -> bytes:
    made = np.random.default_rng(7).normal(0, level, int(16_000 * seconds))
    return made.clip(-32_000, 32_000).astype("<i2").tobytes()


def quiet(seconds: float) -> bytes:
    return noise(seconds, 8)


def test_what_is_said_is_parted_at_pauses_and_quiet_is_left_out() -> None:
    pcm = quiet(1) + noise(2, 3_000) + quiet(1.5) + noise(1, 2_000) + quiet(0.4) + noise(1, 2_000) + quiet(5)
    parts = [(start / 50, end / 50) for start, end in spoken(pcm)]
    assert parts == [(0.8, 3.2), (4.3, 7.1)]


def test_who_never_pauses_is_cut_all_the_same_and_nothing_is_lost() -> None:
    parts = spoken(noise(65, 3_000))
    assert parts[0][0] == 0 and parts[-1][1] == 65 * 50
    assert all(end - start <= dictation.LONGEST_FRAMES for start, end in parts)
    assert all(later[0] <= earlier[1] for earlier, later in itertools.pairwise(parts))


@pytest.mark.parametrize("pcm", [b"", quiet(3), bytes(32_000), b"\x01" * (FRAME_BYTES - 2)])
async def test_where_nobody_speaks_nobody_is_asked(pcm: bytes) -> None:
    assert spoken(pcm) == [] and await transcribe(AgentSpec(), {}, pcm) == []


@pytest.mark.models
async def test_a_message_is_written_down_with_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live._configured, "weights", WEIGHTS)
    first = said_by_piper("Hello, this is Grace. Please call me back tomorrow.")
    pcm = quiet(1) + first + quiet(2) + said_by_piper("It is about my appointment on Tuesday.") + quiet(1)
    try:
        passages = await transcribe(AgentSpec(), {}, pcm)
    finally:
        await live.close()
    words = " ".join(passage.text for passage in passages).lower()
    assert "call me back tomorrow" in words and "appointment on tuesday" in words, words
    assert len(passages) == 2 and abs(passages[1].start_ms - (3_000 + len(first) // 32)) < 400
    assert all(passage.confidence and passage.confidence > 0.5 for passage in passages)
