"""The VAD that calls share: the same answers as one of their own, in order, and soon."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agents.spec import AgentSpec, FirstSpeaker, Says
from agents.speech import AudioFrame
from telephony.audio.silero import for_many_calls
from telephony.audio.vad import VAD, Samples, SpeechStarted, SpeechStopped, VADEdge, load
from telephony.session.session import Session
from telephony.shared_vad import (
    MAX_BEHIND_MS,
    MAX_WAITING,
    USUALLY_BEHIND_MS,
    ManyCallsModel,
    Pool,
    SharedVAD,
)
from tests.fakes import (
    Agent,
    FakeMind,
    FakeSTT,
    FakeTransport,
    FakeTTS,
    FakeVAD,
    Listening,
    Silence,
    Speech,
    Step,
    VirtualTime,
)
from tests.spoken import spoken

SILENCE = AudioFrame(bytes(640), 16_000)


def model_path() -> Path:
    return Path(os.environ["WEIGHTS_DIR"]) / "silero-vad-v6" / "silero_vad_v6.onnx"


@pytest.fixture
def pool() -> Pool:
    return Pool(ManyCallsModel(model_path().read_bytes()))


def frames_of(pcm: bytes) -> list[AudioFrame]:
    return [AudioFrame(pcm[at : at + 640], 16_000) for at in range(0, len(pcm) - 639, 640)]


def sounds(count: int) -> list[bytes]:
    """Speech that begins somewhere else in each, noise, and silence; all as long."""
    speech, rng = spoken("What time do you open on Saturday?"), np.random.default_rng(5)
    made = [bytes(3_200 * index) + speech for index in range(count - 2)]
    made += [rng.normal(0, 900, len(speech) // 2).astype("<i2").tobytes(), b""]
    longest = max(map(len, made)) + 16_000
    return [each.ljust(longest, b"\0") for each in made]


def heard_alone(pcm: bytes) -> tuple[list[tuple[int, float]], list[VADEdge]]:
    probabilities: list[tuple[int, float]] = []
    vad = VAD(load(model_path()), on_probability=lambda at_ms, value: probabilities.append((at_ms, value)))
    return probabilities, [edge for frame in frames_of(pcm) for edge in vad.push(frame)]


class Heard:
    """One call in the pool, and all it was told."""

    def __init__(self, pool: Pool) -> None:
        self.vad: SharedVAD = pool.ear()
        self.probabilities: list[tuple[int, float]] = []
        self.edges: list[VADEdge] = []
        self.vad._on_probability = lambda at_ms, value: self.probabilities.append((at_ms, value))
        self.vad.listen(self.edges.append)

    async def all_of(self, pcm: bytes) -> None:
        windows = len(pcm) // 640 * 320 // 512
        async with asyncio.timeout(30):
            while len(self.probabilities) < windows:
                await asyncio.sleep(0.005)


def assert_heard_as_alone(ear: Heard, pcm: bytes) -> None:
    """The same edges; probabilities but for the order of their sums."""
    probabilities, edges = heard_alone(pcm)
    assert [at_ms for at_ms, _ in ear.probabilities] == [at_ms for at_ms, _ in probabilities]
    assert [value for _, value in ear.probabilities] == pytest.approx([value for _, value in probabilities], abs=2e-5)
    assert ear.edges == edges


@pytest.mark.models
@pytest.mark.parametrize("calls", [1, 2, 7, 20])
async def test_each_call_hears_what_it_would_hear_alone(pool: Pool, calls: int) -> None:
    made = sounds(max(3, calls))[:calls]
    ears = [Heard(pool) for _ in made]
    for moment in zip(*map(frames_of, made), strict=True):
        for ear, frame in zip(ears, moment, strict=True):
            ear.vad.push(frame)
        await asyncio.sleep(0.001)
    for ear, pcm in zip(ears, made, strict=True):
        await ear.all_of(pcm)
        assert_heard_as_alone(ear, pcm)
    assert any(isinstance(edge, SpeechStarted) for edge in ears[0].edges)
    assert any(isinstance(edge, SpeechStopped) for edge in ears[0].edges)


@pytest.mark.models
async def test_after_a_stall_of_the_loop_all_is_heard_in_order(pool: Pool) -> None:
    pcm = sounds(3)[0]
    ear, other = Heard(pool), Heard(pool)
    for frame in frames_of(pcm):  # at once, as it comes from a transport that had to wait
        ear.vad.push(frame)
        other.vad.push(SILENCE)
    await ear.all_of(pcm)
    assert_heard_as_alone(ear, pcm)
    assert other.edges == []


@pytest.mark.models
async def test_a_call_that_is_alone_waits_for_nobody(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("telephony.shared_vad.BATCH_S", 5.0)
    ear = Heard(pool)
    for _ in range(2):
        ear.vad.push(SILENCE)
    async with asyncio.timeout(2):
        while not ear.probabilities:
            await asyncio.sleep(0.001)


@pytest.mark.models
async def test_windows_that_are_due_together_are_one_run(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[int] = []
    evaluate = pool._model.probabilities

    def counted(slots: list[int], pcm: list[bytes]) -> list[float]:
        runs.append(len(slots))
        return evaluate(slots, pcm)

    monkeypatch.setattr(pool._model, "probabilities", counted)
    ears = [Heard(pool) for _ in range(30)]
    for ear in ears:
        for _ in range(2):
            ear.vad.push(SILENCE)
    await ears[-1].all_of(SILENCE.pcm * 2)
    assert runs == [30]


@pytest.mark.models
async def test_what_nobody_could_listen_to_in_time_is_left_out_and_the_clock_goes_on(pool: Pool) -> None:
    ear = Heard(pool)
    too_many = MAX_WAITING + 40
    ear.vad.push(AudioFrame(bytes(1024 * too_many), 16_000))
    async with asyncio.timeout(20):
        while not ear.probabilities or ear.probabilities[-1][0] < too_many * 32:
            await asyncio.sleep(0.005)
    assert pool.dropped == 40
    assert len(ear.probabilities) == MAX_WAITING


@pytest.mark.models
async def test_a_busy_machine_counts_no_silence_that_nobody_has_listened_to_yet(pool: Pool) -> None:
    ear = Heard(pool)
    ear.vad.push(AudioFrame(bytes(1024 * 40), 16_000))  # 1,280 ms, of which nothing is evaluated yet
    assert ear.vad.settled_ms(50) == 50
    assert ear.vad.settled_ms(1_280) == USUALLY_BEHIND_MS
    assert ear.vad.settled_ms(9_000) == 9_000 - MAX_BEHIND_MS, "a call goes on"
    await ear.all_of(bytes(1024 * 40))
    assert ear.vad.settled_ms(1_280) == 1_280
    assert ear.vad.settled_ms(1_300) == 1_300


async def test_a_pause_is_not_the_end_of_a_turn_while_what_follows_waits_to_be_heard() -> None:
    """The VAD falls 400 ms behind: without care for it the answer would come in the caller's second breath."""

    class Behind(FakeVAD):
        def __init__(self) -> None:
            super().__init__()
            self.waiting: list[tuple[int, VADEdge]] = []

        def listen(self, tell: Callable[[VADEdge], None]) -> None:
            self.tell = tell

        def settled_ms(self, now_ms: int) -> int:
            return max(0, now_ms - 400)

        def push(self, frame: AudioFrame) -> list[VADEdge]:
            self.waiting += [(self._at_ms + 420, edge) for edge in super().push(frame)]
            while self.waiting and self.waiting[0][0] <= self._at_ms:
                self.tell(self.waiting.pop(0)[1])
            return []

    time = VirtualTime()
    script: list[Step] = [
        Silence(300),
        Speech("I have a question", 800),
        Silence(400),
        Speech("about my visit.", 900),
        Silence(3_000),
    ]
    transport = FakeTransport(time, script)
    mind = FakeMind(time)
    agent: Any = Agent(AgentSpec(says=Says(first_speaker=FirstSpeaker.CALLER)), FakeSTT(transport), FakeTTS(time), mind)
    await Session(transport=transport, agent=agent, vad=Behind(), listener=Listening()).run()
    assert mind.committed == ["I have a question about my visit."]


@pytest.mark.models
async def test_the_place_of_a_call_that_is_over_is_used_again(pool: Pool) -> None:
    for _ in range(18):
        ear = Heard(pool)
        ear.vad.push(AudioFrame(bytes(1024), 16_000))
        await ear.all_of(SILENCE.pcm * 2)
        del ear
        gc.collect()
    assert len(pool._model._h) == 16


@pytest.mark.models
def test_the_next_event_loop_is_served_when_one_has_died_in_the_middle(pool: Pool) -> None:
    async def push_and_leave() -> None:
        await push_and_listen()
        pool.ear().push(AudioFrame(bytes(1024), 16_000))  # this one waits for others, and the loop goes away

    async def push_and_listen() -> None:
        ear = Heard(pool)
        ear.vad.push(AudioFrame(bytes(1024), 16_000))
        await ear.all_of(SILENCE.pcm * 2)

    asyncio.run(push_and_leave())
    asyncio.run(push_and_listen())


@pytest.mark.models
async def test_a_model_built_in_another_way_is_asked_for_each_call_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    def cannot(model: bytes) -> bytes:
        raise ValueError("another one")

    monkeypatch.setattr("telephony.shared_vad.for_many_calls", cannot)
    pool = Pool(ManyCallsModel(model_path().read_bytes()))
    made = sounds(3)
    ears = [Heard(pool) for _ in made]
    for moment in zip(*map(frames_of, made), strict=True):
        for ear, frame in zip(ears, moment, strict=True):
            ear.vad.push(frame)
    for ear, pcm in zip(ears, made, strict=True):
        await ear.all_of(pcm)
        assert (ear.probabilities, ear.edges) == heard_alone(pcm)


@pytest.mark.models
def test_a_network_of_the_same_weights_that_is_another_shares_no_run() -> None:
    model = model_path().read_bytes()
    assert not ManyCallsModel(model)._is_apart
    assert ManyCallsModel(model.replace(b"Relu", b"Tanh"))._is_apart


@pytest.mark.parametrize(
    "file", [b"perm@\x01@\x02@\x00 and no more", b"\x3a\x02\x2a\x00", b"\x3a\x00", b"\x08\x08", b"\xff" * 99]
)
def test_a_file_that_is_something_else_is_refused(file: bytes) -> None:
    with pytest.raises(ValueError, match=r"not Silero VAD v6|no ONNX file"):
        for_many_calls(file)


async def test_a_model_that_fails_is_silence_and_the_call_goes_on() -> None:
    class Broken(ManyCallsModel):
        def __init__(self) -> None:
            self._h: Samples = np.zeros((0, 128), dtype=np.float32)

        def take_slot(self) -> int:
            return 0

        def give_back(self, slot: int) -> None: ...
        def probabilities(self, slots: object, pcm: object) -> list[float]:
            raise RuntimeError("out of memory")

    ear = Heard(Pool(Broken()))
    ear.vad.push(AudioFrame(bytes(1024 * 3), 16_000))
    await ear.all_of(bytes(640 * 5))
    assert [value for _, value in ear.probabilities] == [0.0, 0.0, 0.0]


def test_another_rate_is_refused() -> None:
    with pytest.raises(ValueError, match="16000 Hz, not at 8000 Hz"):
        SharedVAD.push(object.__new__(SharedVAD), AudioFrame(bytes(320), 8_000))
