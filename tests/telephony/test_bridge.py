"""Two people hear each other through the worker; and music for who waits."""

from __future__ import annotations

import math

import numpy as np
import pytest

from agents.speech import AudioFrame
from telephony.audio import hold_music
from telephony.audio.level import rms
from telephony.audio.playout import FRAME_BYTES, PLAYOUT_RATE_HZ, SILENCE, Playout
from telephony.transfers.bridge import MOST_FRAMES, PRIMED_FRAMES, Clip, Mix, Pipe


def tone(frames: int, hz: int = 440) -> list[AudioFrame]:
    times = np.arange(frames * 320) / 16_000
    pcm = (np.sin(2 * math.pi * hz * times) * 8_000).astype("<i2").tobytes()
    return [AudioFrame(pcm[at : at + 640], 16_000) for at in range(0, len(pcm), 640)]


def peak_hz(pcm: bytes) -> float:
    samples = np.frombuffer(pcm, "<i2").astype(float)
    return float(np.abs(np.fft.rfft(samples)).argmax() * PLAYOUT_RATE_HZ / len(samples))


def test_what_one_says_comes_out_at_the_others_rate_without_a_gap() -> None:
    pipe, out = Pipe(), bytearray()
    for frame in tone(100):
        pipe.push(frame)
        out += pipe.pull()
    sound = bytes(out[PRIMED_FRAMES * 2 * FRAME_BYTES :])
    assert abs(peak_hz(sound) - 440) < 5
    quiet = [at for at in range(0, len(sound), FRAME_BYTES) if sound[at : at + FRAME_BYTES] == SILENCE]
    assert quiet == []


def test_a_hold_up_makes_nobody_wait_for_good_and_a_gap_is_silent() -> None:
    pipe = Pipe()
    assert pipe.pull() == SILENCE
    for frame in tone(50):  # all at once
        pipe.push(frame)
    pulled = 0
    while pipe.pull() != SILENCE:
        pulled += 1
    assert 1 <= pulled <= MOST_FRAMES
    pipe.push(tone(1)[0])
    assert pipe.pull() == SILENCE, "it waits for a second frame again"
    pipe.close()
    assert pipe.pull() == b""


def test_a_line_to_both_is_heard_over_the_talk_and_its_end_is_told_once() -> None:
    told: list[bool] = []
    mix, clip = Mix(), Clip(bytes(FRAME_BYTES * 2) + b"\x10\x00" * 10, lambda: told.append(True))
    mix.add(clip.pull)
    frames = [mix.pull() for _ in range(6)]
    assert [len(frame) for frame in frames] == [FRAME_BYTES] * 3 + [0] * 3 and told == [True]


def test_the_playout_gives_out_the_other_instead_of_the_room_until_there_is_nobody() -> None:
    recorded: list[bytes] = []
    playout, mix, pipe = Playout(on_pull=recorded.append), Mix(), Pipe()
    playout.background = np.full(PLAYOUT_RATE_HZ, 50, dtype=np.int16)
    mix.add(pipe.pull)
    playout.instead = mix.pull
    for frame in tone(50):
        pipe.push(frame)
        playout.pull()
    assert abs(peak_hz(b"".join(recorded[10:])) - 440) < 15, "and it is in the recording"
    pipe.close()
    room = playout.pull()
    assert set(np.frombuffer(room, "<i2")) == {50} and playout.instead is None
    playout.begin(1)
    playout.phrase(1, "Back.")
    playout.push(1, b"\x64\x00" * 960)
    playout.finish(1)
    playout.release(1)
    assert set(np.frombuffer(playout.pull(), "<i2")) == {150}, "the agent is heard again"


@pytest.mark.parametrize("kind", hold_music.KINDS)
def test_music_is_softer_than_a_voice_has_no_seam_and_is_in_a_telephones_band(kind: str) -> None:
    music = hold_music.loop(kind)
    assert music is not None and hold_music.loop(kind) is music
    assert 900 < rms(music.tobytes()) < 1_800
    assert int(np.abs(music).max()) <= 16_000
    steps = np.abs(np.diff(music.astype(int)))
    assert abs(int(music[0]) - int(music[-1])) <= np.percentile(steps, 99.9)
    power = np.abs(np.fft.rfft(music)) ** 2
    hz = np.fft.rfftfreq(len(music), 1 / PLAYOUT_RATE_HZ)
    assert power[(hz > 200) & (hz < 3_400)].sum() > 0.6 * power.sum()
    seconds = [
        rms(music[at : at + PLAYOUT_RATE_HZ].tobytes())
        for at in range(0, len(music) - PLAYOUT_RATE_HZ, PLAYOUT_RATE_HZ)
    ]
    assert min(seconds) > 300, "nobody thinks the line is dead"


def test_quiet_is_no_music() -> None:
    assert hold_music.loop("quiet") is None


def test_music_begins_and_ends_softly_and_goes_round() -> None:
    music = hold_music.loop("bright")
    assert music is not None
    player = hold_music.Player(music)
    frames = [player.pull() for _ in range(len(music) // 960 + 100)]
    assert all(len(frame) == FRAME_BYTES for frame in frames)
    assert rms(frames[0]) < rms(b"".join(frames[20:30])) / 4
    player.stop()
    tail = [player.pull() for _ in range(hold_music.FADE_OUT_FRAMES + 1)]
    assert rms(tail[-2]) < 0.35 * max(rms(tail[0]), 1) and tail[-1] == b""
