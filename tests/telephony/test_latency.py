"""The parts of a wait add up to the wait."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from telephony.session.events import Latency
from telephony.session.latency import Marks, breakdown


def test_what_was_ready_in_time_was_not_waited_for() -> None:
    marks = Marks(
        stopped_ms=1_000, pause_over_ms=1_300, transcript_ms=1_250, committed_ms=1_300, text_ms=1_270, sound_ms=1_290
    )
    assert breakdown(marks, 1_320, 40) == Latency(300, 0, 0, 0, 60)


def test_each_stage_pays_for_what_it_made_wait() -> None:
    marks = Marks(
        stopped_ms=1_000, pause_over_ms=1_300, transcript_ms=1_500, committed_ms=1_500, text_ms=1_700, sound_ms=1_800
    )
    assert breakdown(marks, 1_820, 40) == Latency(300, 200, 200, 100, 60)


moments = st.integers(0, 10_000)


@given(moments, moments, moments, moments, st.none() | moments, st.none() | moments, moments, st.integers(0, 500))
def test_the_sum_is_the_whole(
    stopped: int,
    pause: int,
    transcript: int,
    committed: int,
    text: int | None,
    sound: int | None,
    sent: int,
    delay: int,
) -> None:
    latency = breakdown(Marks(stopped, pause, transcript, committed, text, sound), sent, delay)
    assert latency.total_ms == max(0, sent - stopped) + delay
    assert all(part >= 0 for part in latency.as_dict().values())
