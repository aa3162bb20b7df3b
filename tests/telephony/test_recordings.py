"""Recordings: in step with the call's clock, whole after a crash, and never the call's trouble."""

from __future__ import annotations

import uuid
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.test import Client

from accounts import tenancy
from agents.speech import AudioFrame
from telephony import listen, recordings
from telephony.recordings import PRIMED_MS, Recorder, repair

LOUD = AudioFrame(np.full(320, 5_000, "<i2").tobytes(), 16_000)
AGENT = np.full(960, -5_000, "<i2").tobytes()


def read(path: Path) -> np.ndarray:
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getframerate(), file.getsampwidth()) == (2, 16_000, 2)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)


def talk(recorder: Recorder, begin_ms: int, end_ms: int) -> None:
    for at_ms in range(begin_ms, end_ms, 20):
        recorder.caller(LOUD, at_ms)
        recorder.agent(AGENT)


async def test_caller_left_agent_right_as_long_as_the_call(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "a" / "call.wav", 48_000)
    recorder.start(0)
    talk(recorder, 0, 3_000)
    written = await recorder.close()
    sound = read(recorder.path)
    assert written is not None and written.duration_ms == 3_000 and written.size_bytes == recorder.path.stat().st_size
    assert (sound[100:, 0] == 5_000).all()
    assert abs(float(sound[1_000:40_000, 1].mean()) + 5_000) < 20


async def test_what_was_before_the_start_is_silence_of_the_same_length(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "call.wav", 48_000)
    talk(recorder, 0, 1_000)
    assert not recorder.path.exists()
    recorder.start(1_000)
    talk(recorder, 1_000, 2_000)
    await recorder.close()
    sound = read(recorder.path)
    assert len(sound) == 32_000
    assert not sound[:16_000].any() and (sound[16_000:, 0] == 5_000).all()


async def test_what_is_said_in_a_pause_is_silence_and_both_sides_go_on_where_they_are(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "call.wav", 48_000)
    recorder.start(0)
    talk(recorder, 0, 1_000)
    recorder.pause()
    talk(recorder, 1_000, 3_000)
    recorder.start(3_000)
    talk(recorder, 3_000, 4_000)
    written = await recorder.close()
    sound = read(recorder.path)
    assert written is not None and len(sound) == 64_000
    assert (sound[:16_000, 0] == 5_000).all() and (sound[48_000:, 0] == 5_000).all()
    assert not sound[16_000:48_000].any()
    primed = PRIMED_MS * 16  # the agent's sound is so much behind
    assert abs(float(sound[48_000 + 2 * primed : 63_000, 1].mean()) + 5_000) < 20


async def test_a_pause_before_anything_was_kept_changes_nothing(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "call.wav", 48_000)
    recorder.pause()
    recorder.start(1_000)
    talk(recorder, 1_000, 2_000)
    await recorder.close()
    assert len(read(recorder.path)) == 32_000


async def test_a_gap_in_the_callers_frames_stays_a_gap(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "call.wav", 48_000)
    recorder.start(0)
    talk(recorder, 0, 1_000)
    talk(recorder, 2_000, 3_000)
    await recorder.close()
    sound = read(recorder.path)
    assert abs(len(sound) - 48_000) <= 320
    assert not sound[17_000:31_000, 0].any()


async def test_nothing_recorded_leaves_no_file(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "call.wav", 48_000)
    talk(recorder, 0, 100)
    assert await recorder.close() is None
    assert not recorder.path.exists()


async def test_after_a_crash_all_but_the_last_half_second_plays(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "call.wav", 48_000)
    recorder.start(0)
    talk(recorder, 0, 10_000)
    recordings._writer.submit(lambda: None).result()
    assert len(read(recorder.path)) >= 16 * 9_500  # as the dead process left it
    with open(recorder.path, "ab") as file:
        file.write(b"\x01\x02\x03")
    with open(recorder.path, "r+b") as file:
        file.write(recordings.header(0))
    written = repair(recorder.path)
    assert written is not None and written.duration_ms >= 9_500
    assert len(read(recorder.path)) == written.duration_ms * 16
    await recorder.close()


def test_a_file_without_sound_is_no_recording(tmp_path: Path) -> None:
    (tmp_path / "x.wav").write_bytes(b"RIFF")
    assert repair(tmp_path / "x.wav") is None
    assert repair(tmp_path / "missing.wav") is None


async def test_a_full_disk_ends_the_recording_and_not_the_call() -> None:
    told: list[str] = []
    recorder = Recorder(Path("/dev/full"), 48_000, told.append)
    recorder.start(0)
    talk(recorder, 0, 2_000)
    recordings._writer.submit(lambda: None).result()
    talk(recorder, 2_000, 3_000)
    assert not recorder.is_on
    assert told == ["The recording could not be written: No space left on device."]
    await recorder.close()


async def test_a_slow_disk_ends_the_recording_and_not_the_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    gate = threading.Event()
    monkeypatch.setattr(Recorder, "_write", lambda self, caller, agent: gate.wait(10) and None)
    told: list[str] = []
    recorder = Recorder(tmp_path / "call.wav", 48_000, told.append)
    recorder.start(0)
    talk(recorder, 0, 15_000)
    gate.set()
    assert told == ["The disk is too slow for the recording."]
    await recorder.close()


def test_a_path_leads_nowhere_else(settings: Any, tmp_path: Path) -> None:
    settings.RECORDINGS_DIR = tmp_path
    with pytest.raises(ValueError, match="outside"):
        recordings.absolute("../../etc/passwd")


@pytest.fixture
def recording(organization: Any) -> Any:
    from agents.models import Agent
    from telephony.models import Call, Recording

    with tenancy.use(organization):
        agent = Agent.objects.create(organization=organization, name="A")
        call = Call.objects.create(organization=organization, agent=agent, spec={})
        path = recordings.path_for(organization, call)
        recordings.absolute(path).parent.mkdir(parents=True)
        recordings.absolute(path).write_bytes(recordings.header(400) + bytes(range(200)) * 2)
        return Recording.objects.create(organization=organization, call=call, path=path)


@pytest.mark.parametrize(
    ("asked", "status", "expected", "told"),
    [
        (None, 200, slice(None), None),
        ("bytes=0-43", 206, slice(0, 44), "bytes 0-43/444"),
        ("bytes=44-", 206, slice(44, None), "bytes 44-443/444"),
        ("bytes=-10", 206, slice(-10, None), "bytes 434-443/444"),
        ("bytes=400-9999", 206, slice(400, None), "bytes 400-443/444"),
        ("bytes=444-", 416, None, "bytes */444"),
        ("bytes=5-2", 416, None, "bytes */444"),
        ("bytes=-0", 416, None, "bytes */444"),
        ("bytes=0-1,5-6", 416, None, "bytes */444"),
    ],
)
def test_the_player_gets_the_range_it_asks_for(
    recording: Any, asked: Any, status: int, expected: Any, told: Any
) -> None:
    response = Client().get(listen.signed_url(recording), headers={"range": asked} if asked else {})
    assert response.status_code == status
    assert response.headers.get("Content-Range") == told
    if expected is not None:
        whole = recordings.absolute(recording.path).read_bytes()
        assert b"".join(response.streaming_content) == whole[expected]


def test_the_address_is_signed_and_short_lived(recording: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    url = listen.signed_url(recording)
    assert Client().get(url[:-3] + "x/").status_code == 404
    monkeypatch.setattr(listen, "SIGNED_SECONDS", -1)
    assert Client().get(url).status_code == 410


def test_an_address_of_a_recording_that_is_gone(recording: Any) -> None:
    recordings.absolute(recording.path).unlink()
    assert Client().get(listen.signed_url(recording)).status_code == 404
    assert str(uuid.UUID(str(recording.pk)))
