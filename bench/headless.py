"""Calls without a network, a model or a voice, for measuring what the engine itself costs: real sessions, null everything else.

The feeder is the peers' (``bench/peers/``): each call has its own timer, every 20 ms of wall time, and its own phase; it also
pulls the agent's 20 ms, as a transport does. Each frame carries its due time, so what is late is known where it matters:
when the frame reaches the transcriber.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "platform")]

import numpy as np

from agents.conversation import Conversation
from agents.live import LiveAgent
from agents.mind import ReplyPart, Say, Utterance
from agents.spec import AgentSpec, FirstSpeaker, Limits, Says
from agents.speech import AudioFrame, Transcript
from telephony import shared_vad
from telephony.audio import vad
from telephony.audio.playout import SILENCE, Playout
from telephony.session.events import Event
from telephony.session.session import Session

FRAME_S = 0.02
SILENT = AudioFrame(bytes(640), 16_000)
WEIGHTS = Path(os.environ.get("WEIGHTS_DIR") or ROOT / ".local" / "weights")
VAD_FILE = WEIGHTS / "silero-vad-v6" / "silero_vad_v6.onnx"
QUIET = Limits(max_duration_s=7_200, hang_up_after_silence_s=600, reminders=())
"""Nobody says anything for long: no reminder and no goodbye in the middle of a measurement."""
VOICE_FILE = WEIGHTS / "piper" / "en_US-joe-medium.onnx"


class NoVAD:
    """Hears nothing, at no cost."""

    def push(self, frame: AudioFrame) -> Sequence[vad.VADEdge]:
        return ()


def ear() -> Any:
    """The neural VAD as a call worker gives it to a call."""
    return shared_vad.pool(VAD_FILE).ear()


class NullTransport:
    """``frames`` of a script that goes round and round, until ``hang_up``. Notes when the agent could be heard."""

    outbound_delay_ms = 0

    def __init__(self, call: Call, phase_s: float) -> None:
        self._call = call
        self._phase_s = phase_s
        self._playout: Playout | None = None
        self.is_over = False

    def attach(self, playout: Playout) -> None:
        self._playout = playout

    async def frames(self) -> AsyncIterator[AudioFrame]:
        call = self._call
        await asyncio.sleep(self._phase_s)
        due = time.perf_counter()
        while not self.is_over:
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            call.due = due
            assert self._playout is not None
            pcm = self._playout.pull()
            if call.on_pull is not None:
                call.on_pull(pcm)
            yield call.next_frame()
            due += FRAME_S

    async def close(self) -> None:
        pass


class NullSTT:
    """One call's transcriber: counts frames and their lateness; says what it is told to."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._queue: asyncio.Queue[Transcript] = asyncio.Queue()
        self._utterance = 0

    async def open(self, *, language: str, keywords: tuple[str, ...]) -> NullSTT:
        return self

    def start(self, utterance: int, at_ms: int) -> None:
        self._utterance = utterance

    def push(self, frame: AudioFrame, at_ms: int) -> None:
        if self._call.is_measured:
            self._call.late.append(time.perf_counter() - self._call.due)

    def flush(self, at_ms: int) -> None:
        if self._call.on_flush is not None:
            self._call.on_flush(at_ms)

    def expect(self, kind: str | None) -> None: ...
    def end(self) -> None: ...

    def say(self, text: str, until_ms: int) -> None:
        self._queue.put_nowait(Transcript(text, True, self._utterance, until_ms))

    async def transcripts(self) -> AsyncIterator[Transcript]:
        while True:
            yield await self._queue.get()

    async def close(self) -> None: ...


class NullMind:
    """Three deltas' worth of an answer, at once."""

    def greet(self) -> list[ReplyPart]:
        return []

    async def reply(self, utterance: Utterance, conversation: Conversation) -> AsyncIterator[ReplyPart]:
        yield Say("Sure, I can do that.")

    def commit(self, revision: int) -> None: ...
    def collected(self) -> dict[str, Any]:
        return {}

    async def close(self) -> None: ...


class NullTTS:
    """A loud sound of ``seconds``, at once, in pieces of 20 ms."""

    rate_hz = 24_000
    can_ipa = False

    def __init__(self, seconds: float) -> None:
        self._pieces = int(seconds * 50)
        tone = np.sin(np.arange(self.rate_hz // 50) / 9 + 1.5) * 9_000
        self._pcm = tone.astype("<i2").tobytes()

    async def speak(self, text: str, *, speed: float) -> AsyncIterator[bytes]:
        for _ in range(self._pieces):
            yield self._pcm


@dataclass(eq=False)
class Call:
    """One session and what was seen of it. ``script`` is one round of the caller's frames."""

    phase_s: float = 0.0
    script: Sequence[AudioFrame] = (SILENT,)
    has_vad: bool = False
    speech_s: float = 3.0
    late: list[float] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    keeps_events: bool = False
    is_measured: bool = True
    on_frame: Callable[[int], None] | None = None
    """Told the index in the script of the frame that goes in now."""
    on_pull: Callable[[bytes], None] | None = None
    on_flush: Callable[[int], None] | None = None

    def __post_init__(self) -> None:
        self.due = 0.0
        self._at = 0
        self.transport = NullTransport(self, self.phase_s)
        self.stt = NullSTT(self)
        spec = AgentSpec(says=Says(first_speaker=FirstSpeaker.CALLER), limits=QUIET)
        agent = LiveAgent(spec=spec, stt=self.stt, tts=NullTTS(self.speech_s), mind=NullMind(), speak_text=str)
        self.session = Session(
            transport=self.transport, agent=agent, vad=ear() if self.has_vad else NoVAD(), listener=self
        )
        self._task: asyncio.Task[str] | None = None

    def next_frame(self) -> AudioFrame:
        index = self._at % len(self.script)
        self._at += 1
        if self.on_frame is not None:
            self.on_frame(index)
        return self.script[index]

    def receive(self, event: Event) -> None:
        if self.keeps_events:
            self.events.append(event)

    def start(self) -> None:
        self._task = asyncio.create_task(self.session.run())

    async def stop(self) -> None:
        self.session.hang_up("member_hung_up")
        if self._task is not None:
            with contextlib.suppress(asyncio.CancelledError):
                await self._task


def is_silent(pcm: bytes) -> bool:
    return pcm is SILENCE or not any(memoryview(pcm).cast("q"))


def percentile(values: Sequence[float], share: float) -> float:
    """In milliseconds of seconds."""
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000, 2) if ordered else 0.0


def frames_of(pcm: bytes) -> list[AudioFrame]:
    """16 kHz sound as frames; the last is filled up with silence."""
    return [AudioFrame(pcm[at : at + 640].ljust(640, b"\0"), 16_000) for at in range(0, len(pcm), 640)]


def spoken(text: str) -> bytes:
    """``text`` in the local voice, the same each time, 16 kHz, from its first loud sample."""
    from piper import PiperVoice, SynthesisConfig

    from telephony.audio.resample import Resampler
    from telephony.session.reply import without_silence

    voice = PiperVoice.load(VOICE_FILE)
    config = SynthesisConfig(length_scale=voice.config.length_scale, noise_scale=0.0, noise_w_scale=0.0)
    to_16k = Resampler(voice.config.sample_rate, 16_000)
    pcm = b"".join([to_16k.push(chunk.audio_int16_bytes) for chunk in voice.synthesize(text, config)]) + to_16k.flush()
    return without_silence(pcm, 16_000, keep_ms=0)


def cough(seed: int) -> bytes:
    """250 ms of noise that swells and dies away, as loud as speech."""
    rng = np.random.default_rng(seed)
    swell = rng.standard_normal(4_000) * np.hanning(4_000) * 6_000
    return swell.clip(-32_000, 32_000).astype("<i2").tobytes()


class CPU:
    """Processor time of this process against frames fed."""

    def __init__(self, calls: Sequence[Call]) -> None:
        self._calls = calls
        self._cpu, self._wall = time.process_time(), time.perf_counter()
        self._frames = sum(len(call.late) for call in calls)

    def us_per_frame(self) -> float:
        frames = sum(len(call.late) for call in self._calls) - self._frames
        return round((time.process_time() - self._cpu) / max(1, frames) * 1e6, 1)

    def share(self) -> float:
        return round((time.process_time() - self._cpu) / (time.perf_counter() - self._wall), 3)
