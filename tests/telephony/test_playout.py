"""The playout clock: what is heard, to the sample and to the word."""

from __future__ import annotations

import numpy as np
import pytest

from telephony.audio.playout import (
    FRAME_BYTES,
    FRAME_SAMPLES,
    MAX_BACKLOG_MS,
    PLAYOUT_RATE_HZ,
    SILENCE,
    Finished,
    Heard,
    PhraseStarted,
    Playout,
    words_heard,
)


def ramp(ms: int, start: int = 1) -> bytes:
    """Sound whose every sample says where it is."""
    return ((np.arange(PLAYOUT_RATE_HZ * ms // 1000) + start) % 30_000 + 1).astype("<i2").tobytes()


def saying(text: str, ms: int, *, generation: int = 1, delay_ms: int = 0) -> Playout:
    playout = Playout(delay_ms=delay_ms)
    playout.begin(generation)
    playout.phrase(generation, text)
    playout.push(generation, ramp(ms))
    playout.finish(generation)
    playout.release(generation)
    return playout


def test_silence_is_always_a_whole_frame() -> None:
    playout = Playout()
    assert [len(playout.pull()) for _ in range(5)] == [FRAME_BYTES] * 5
    assert playout.pulls == 5


def test_a_held_reply_is_not_heard_until_it_is_released() -> None:
    playout = Playout()
    playout.begin(1)
    playout.push(1, ramp(100))
    assert playout.pull() == SILENCE
    assert playout.release(1)
    assert playout.pull() == ramp(20)


def test_every_sample_is_played_once_and_in_order_across_odd_pieces() -> None:
    playout = Playout()
    playout.begin(1)
    playout.release(1)
    sound, heard = ramp(3_000), b""
    for at in range(0, len(sound), 3_334):
        playout.push(1, sound[at : at + 3_334])
        while playout.ahead_ms(1) >= 20:
            heard += playout.pull()
    playout.finish(1)
    heard += playout.pull()
    assert heard[: len(sound)] == sound


def test_a_pause_resumes_at_the_same_sample() -> None:
    playout = saying("one two three", 200)
    playout.pull()
    playout.pause()
    faded = np.frombuffer(playout.pull(), dtype="<i2")
    assert faded[-1] == 0
    assert np.abs(np.diff(faded.astype(int))).max() < 200  # no click
    assert [playout.pull() for _ in range(10)] == [SILENCE] * 10
    assert not playout.is_speaking
    playout.resume()
    resumed = np.frombuffer(playout.pull(), dtype="<i2")
    expected = np.frombuffer(ramp(40), dtype="<i2")[FRAME_SAMPLES:]
    assert resumed[0] == 0  # faded in …
    assert (resumed[500:] == expected[500:]).all()  # … from where it was


def test_a_cut_fades_out_and_drops_what_still_comes() -> None:
    playout = saying("one two three four", 400)
    for _ in range(10):
        playout.pull()
    assert playout.cut(1) == Heard("one two", 200, False)
    tail = np.frombuffer(playout.pull(), dtype="<i2")
    assert tail[0] != 0
    assert tail[-1] == 0
    assert playout.push(1, ramp(20)) is False
    assert playout.phrase(1, "more") is False
    assert playout.pull() == SILENCE
    assert playout.cut(1) == Heard("", 0, False)


def test_a_new_generation_replaces_one_that_was_held() -> None:
    playout = Playout()
    playout.begin(1)
    playout.push(1, ramp(100))
    playout.begin(2)
    assert playout.push(1, ramp(100)) is False
    assert playout.release(1) is False
    assert playout.release(2)


def test_generations_only_grow() -> None:
    playout = Playout()
    playout.begin(2)
    with pytest.raises(ValueError, match="not newer"):
        playout.begin(2)


def test_a_release_can_be_taken_back_before_there_is_a_sound() -> None:
    playout = Playout()
    playout.begin(1)
    playout.release(1)
    playout.pull()
    assert playout.hold(1)
    playout.push(1, ramp(40))
    assert playout.pull() == SILENCE
    playout.release(1)
    assert playout.pull() == ramp(20)
    assert playout.cuts == 0


def test_what_had_hardly_begun_is_taken_back_and_begins_again() -> None:
    playout = saying("one two", 400)
    assert (playout.pull(), playout.events()) == (ramp(20), [PhraseStarted(1, 0)])
    assert playout.hold(1)
    assert playout.cuts == 1  # what lies in a buffer on the way is thrown away
    faded = playout.pull()
    assert faded[-2:] == SILENCE[-2:] and faded != SILENCE and playout.pull() == SILENCE
    assert playout.heard(1) == Heard("", 0, False)
    playout.release(1)
    assert (playout.pull(), playout.events()) == (ramp(20), [PhraseStarted(1, 0)])
    for _ in range(20):
        playout.pull()
    assert playout.events() == [Finished(1, Heard("one two", 400, True))]


def test_nobody_is_told_any_more_that_what_was_taken_back_has_begun() -> None:
    playout = saying("one two", 400)
    playout.pull()
    assert playout.hold(1) and playout.events() == []


def test_a_second_of_it_is_not_taken_back() -> None:
    playout = saying("one two three four", 2_000)
    for _ in range(50):
        playout.pull()
    assert playout.hold(1) is False and playout.generation == 1


def test_what_is_pulled_is_heard_a_delay_later() -> None:
    playout = saying("one two three four", 400, delay_ms=100)
    for _ in range(5):
        playout.pull()
    assert playout.heard(1) == Heard("", 0, False)
    for _ in range(10):
        playout.pull()
    assert playout.heard(1) == Heard("one two", 200, False)


def test_it_is_finished_when_it_was_heard_not_when_it_was_sent() -> None:
    playout = saying("hello", 40, delay_ms=60)
    seen = []
    for _ in range(8):
        playout.pull()
        seen.append(playout.events())
    assert seen == [[PhraseStarted(1, 0)], [], [], [], [Finished(1, Heard("hello", 40, True))], [], [], []]


def test_a_reply_that_goes_on_is_not_finished_by_a_gap() -> None:
    playout = Playout()
    playout.begin(1)
    playout.release(1)
    playout.phrase(1, "a")
    playout.push(1, ramp(20))
    for _ in range(10):
        playout.pull()
    playout.phrase(1, "b")
    playout.push(1, ramp(20))
    playout.finish(1)
    playout.pull()
    playout.pull()
    assert playout.events() == [PhraseStarted(1, 0), PhraseStarted(1, 1), Finished(1, Heard("a b", 40, True))]


def test_an_empty_reply_finishes() -> None:
    playout = Playout()
    playout.begin(1)
    playout.finish(1)
    playout.release(1)
    playout.pull()
    assert playout.events() == [Finished(1, Heard("", 0, True))]


def test_heard_words_of_several_phrases() -> None:
    playout = Playout()
    playout.begin(1)
    playout.release(1)
    for text in ("Hello there.", "How are you?"):
        playout.phrase(1, text)
        playout.push(1, ramp(200))
    for _ in range(10):
        playout.pull()
    assert playout.heard(1).text == "Hello there."
    for _ in range(5):
        playout.pull()
    assert "Hello there. How are you?".startswith(playout.heard(1).text)


def test_of_a_broken_phrase_only_the_words_that_fit_were_heard() -> None:
    playout = Playout()
    playout.begin(1)
    playout.release(1)
    playout.phrase(1, "Your appointment is on Monday at nine.")
    playout.push(1, ramp(600))
    playout.finish(1, is_broken=True)
    for _ in range(31):
        playout.pull()
    finished = playout.events()[-1]
    assert isinstance(finished, Finished)
    assert finished.heard == Heard("Your", 600, False)


def test_a_minute_of_backlog_is_refused() -> None:
    playout = Playout()
    playout.begin(1)
    second, pushed = ramp(1_000), 0
    while playout.push(1, second):
        pushed += 1
    assert pushed == MAX_BACKLOG_MS // 1000 + 1


def test_background_is_mixed_under_silence_and_speech() -> None:
    noise = np.arange(FRAME_SAMPLES * 3 // 2, dtype=np.int16)
    playout = Playout()
    playout.background = noise
    first = np.frombuffer(playout.pull(), dtype="<i2")
    assert (first == noise[:FRAME_SAMPLES]).all()
    playout.begin(1)
    playout.push(1, b"\xff\x7f" * FRAME_SAMPLES)
    playout.release(1)
    loud = np.frombuffer(playout.pull(), dtype="<i2")
    assert loud.min() == 32767  # clipped, not wrapped


def test_the_tape_gets_what_was_pulled() -> None:
    tape: list[bytes] = []
    playout = Playout(on_pull=tape.append)
    playout.begin(1)
    playout.push(1, ramp(30))
    playout.release(1)
    assert [playout.pull(), playout.pull()] == tape
    assert playout.last == tape[-1]


@pytest.mark.parametrize(
    ("share", "heard"),
    [
        (0.0, ""),
        (0.05, ""),
        (0.2, "Our"),
        (0.5, "Our opening"),
        (0.99, "Our opening hours"),
        (1.0, "Our opening hours.  "),
    ],
)
def test_words_heard_is_a_prefix(share: float, heard: str) -> None:
    text = "Our opening hours.  "
    assert text.startswith(words_heard(text, share))
    if share not in (0.99,):
        assert words_heard(text, share) == heard
