"""Silero VAD for all calls of a process at once: windows that are due together are evaluated in one run, off the event loop.

    call A ─ push ─▶ window ┐                                    ┌─▶ A.hear(0.02)
    call B ─ push ─▶ window ┼─▶ one batch ─▶ the VAD's thread ─▶ ┼─▶ B.hear(0.97) ─▶ SpeechStarted to B's session
    call C ─ push ─▶ window ┘   (≤ 16 ms)                        └─▶ C.hear(0.01)

A batch leaves at once if none left in the last ``BATCH_S``, so a call that is alone waits for nobody. Of each call a batch holds
one window, so its windows are evaluated in order; the answers are ``vad.VAD``'s but for a millionth (see ``audio.silero``). The loop
only collects bytes (about 1 µs a frame); the rest is done by one thread, which ONNX lets go of Python's lock while it computes.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
import threading
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

from agents.speech import AudioFrame
from telephony.audio.silero import for_many_calls
from telephony.audio.vad import (
    CONTEXT_SAMPLES,
    RATE_HZ,
    SCALE,
    STATE_SIZE,
    WINDOW_MS,
    WINDOW_SAMPLES,
    Hysteresis,
    Samples,
    VADEdge,
    VADSettings,
    check_rate,
    read_model,
    session_of,
)

logger = logging.getLogger(__name__)

Rows = npt.NDArray[np.intp]

BATCH_S = 0.016
"""How long a window may wait for others, where there are any: half of its own length. A window of a batch costs a third of one alone."""
MAX_BATCH = 64
"""A longer run would keep the next one waiting: 64 windows take about 4 ms."""
MAX_WAITING = 125
"""Windows of one call, 4 s: what a stalled loop may bring at once. Beyond it the oldest are not listened to any more."""
USUALLY_BEHIND_MS = 100
"""A window that isn't full, the wait for others, the run, and a frame for good measure."""
MAX_BEHIND_MS = 2_000
NICENESS = 5
"""Of the thread, against the loop's: a quarter of a core that both want."""
_WINDOW_BYTES = WINDOW_SAMPLES * 2


class ManyCallsModel:
    """The network for rows of calls. Holds their states in slots; used by one thread."""

    def __init__(self, model: bytes) -> None:
        self._is_apart = False
        """The file is another Silero: each call's row is evaluated by itself, all the same."""
        self._session = session_of(model)
        try:
            together = session_of(for_many_calls(model))
            _check_same(together, self._session)
            self._session = together
        except ValueError as error:
            logger.warning("Calls share no run of the voice activity model: %s", error)
            self._is_apart = True
        self._h: Samples = np.zeros((0, STATE_SIZE), dtype=np.float32)
        self._c = self._h
        self._context: Samples = np.zeros((0, CONTEXT_SAMPLES), dtype=np.float32)
        self._free: deque[int] = deque()

    def take_slot(self) -> int:
        if not self._free:
            more = max(16, len(self._h))
            self._free.extend(range(len(self._h), len(self._h) + more))
            self._h = np.concatenate((self._h, np.zeros((more, STATE_SIZE), dtype=np.float32)))
            self._c = np.concatenate((self._c, np.zeros((more, STATE_SIZE), dtype=np.float32)))
            self._context = np.concatenate((self._context, np.zeros((more, CONTEXT_SAMPLES), dtype=np.float32)))
        slot = self._free.popleft()
        self._h[slot] = self._c[slot] = 0.0
        self._context[slot] = 0.0
        return slot

    def give_back(self, slot: int) -> None:
        """From any thread."""
        self._free.append(slot)

    def probabilities(self, slots: Sequence[int], pcm: Sequence[bytes]) -> list[float]:
        """One window of each of these calls, 512 samples of 16 bits."""
        rows: Rows = np.array(slots, dtype=np.intp)
        windows = np.empty((len(rows), CONTEXT_SAMPLES + WINDOW_SAMPLES), dtype=np.float32)
        windows[:, :CONTEXT_SAMPLES] = self._context[rows]
        samples = np.frombuffer(b"".join(pcm), dtype="<i2").reshape(len(rows), WINDOW_SAMPLES)
        np.multiply(samples, SCALE, out=windows[:, CONTEXT_SAMPLES:])
        answer: list[float] = []
        for at in range(0, len(rows), 1 if self._is_apart else len(rows)):
            some = slice(at, at + 1) if self._is_apart else slice(None)
            answer += self._run(rows[some], windows[some])
        self._context[rows] = windows[:, -CONTEXT_SAMPLES:]
        return answer

    def _run(self, rows: Rows, windows: Samples) -> list[float]:
        answer, h, c = self._session.run(None, {"input": windows, "h": self._h[None, rows], "c": self._c[None, rows]})
        self._h[rows], self._c[rows] = h[0], c[0]
        return [float(each) for each in answer.reshape(-1)]


def _check_same(one: onnxruntime.InferenceSession, other: onnxruntime.InferenceSession) -> None:
    """Both answer alike: what was read in one file was what we took it for. Raises ``ValueError``."""
    dice = np.random.default_rng(6)
    h = c = np.zeros((1, 1, STATE_SIZE), dtype=np.float32)
    for loudness in (0.0, 0.01, 0.3):
        window = (dice.standard_normal((1, CONTEXT_SAMPLES + WINDOW_SAMPLES)) * loudness).astype(np.float32)
        answers = [each.run(None, {"input": window, "h": h, "c": c}) for each in (one, other)]
        if not all(np.allclose(mine.ravel(), its.ravel(), atol=1e-4) for mine, its in zip(*answers, strict=True)):
            raise ValueError("This is not Silero VAD v6 as it was published.")
        h, c = answers[1][1:]


class _Slot:
    """A call's place in the model: given back when nobody knows the call any more."""

    def __init__(self, model: ManyCallsModel) -> None:
        self.number = model.take_slot()
        weakref.finalize(self, model.give_back, self.number).atexit = False


class Pool:
    """One model, one thread, all calls of one event loop at a time. ``ear`` for each call."""

    def __init__(self, model: ManyCallsModel) -> None:
        self._model = model
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="vad", initializer=_give_way)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._due: list[SharedVAD] = []
        self._is_leaving = False
        self._left_at = 0.0
        self.dropped = 0
        """Windows nobody listened to, for the machine is too slow."""

    def ear(self, settings: VADSettings | None = None, *, start_ms: int = 0) -> SharedVAD:
        return SharedVAD(self, settings, start_ms=start_ms)

    def add(self, ear: SharedVAD) -> None:
        """It has a window. On the loop."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:  # the one before is over, and what it still had to do with it
            self._loop, self._due, self._is_leaving = loop, [], False
        self._due.append(ear)
        if not self._is_leaving:
            self._is_leaving = True
            wait_s = self._left_at + BATCH_S - loop.time()
            if 0 < wait_s <= BATCH_S:
                loop.call_later(wait_s, self._leave, loop)
            else:
                loop.call_soon(self._leave, loop)

    def _leave(self, loop: asyncio.AbstractEventLoop) -> None:
        self._left_at = loop.time()
        self._is_leaving = False
        due, self._due = self._due, []
        for begin in range(0, len(due), MAX_BATCH):
            ears = due[begin : begin + MAX_BATCH]
            self._thread.submit(self._evaluate, loop, ears, [ear.next_window() for ear in ears])

    def _evaluate(self, loop: asyncio.AbstractEventLoop, ears: list[SharedVAD], pcm: list[bytes]) -> None:
        """In the thread."""
        try:
            for ear in ears:
                if ear.slot is None:
                    ear.slot = _Slot(self._model)
            slots = [ear.slot.number for ear in ears if ear.slot is not None]
            probabilities = self._model.probabilities(slots, pcm)
        except Exception:
            logger.exception("The voice activity model failed")
            probabilities = [0.0] * len(ears)
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens any more
            loop.call_soon_threadsafe(_tell, ears, probabilities)


def _give_way() -> None:
    """Where a core is full, sound comes before what is thought of it: a window may be late, a frame may not."""
    if sys.platform == "linux":  # elsewhere a thread has no priority of its own
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


def _tell(ears: list[SharedVAD], probabilities: list[float]) -> None:
    for ear, probability in zip(ears, probabilities, strict=True):
        ear.evaluated(probability)


class SharedVAD(Hysteresis):
    """One call's ear in a ``Pool``. Used on one loop; ``push`` returns at once and edges are told some milliseconds later."""

    slot: _Slot | None = None
    """The pool's."""

    def __init__(self, pool: Pool, settings: VADSettings | None = None, *, start_ms: int = 0) -> None:
        super().__init__(settings, start_ms=start_ms)
        self._pool = pool
        self._pcm = b""
        self._waiting: deque[bytes] = deque()
        self._is_due = False
        self._tell: Callable[[VADEdge], None] | None = None

    def listen(self, tell: Callable[[VADEdge], None]) -> None:
        """Who is told each edge, on the loop. It must return at once."""
        self._tell = tell

    def push(self, frame: AudioFrame) -> Sequence[VADEdge]:
        """Listen to a frame. Nothing is found at once."""
        if frame.rate_hz != RATE_HZ:
            check_rate(frame)
        pcm = self._pcm + frame.pcm
        if len(pcm) < _WINDOW_BYTES:
            self._pcm = pcm
            return ()
        at = 0
        while len(pcm) - at >= _WINDOW_BYTES:
            self._waiting.append(pcm[at : at + _WINDOW_BYTES])
            at += _WINDOW_BYTES
        self._pcm = pcm[at:]
        if not self._is_due:
            self._is_due = True
            self._pool.add(self)
        return ()

    def settled_ms(self, now_ms: int) -> int:
        """``now_ms``, or less where the machine is so busy that the thread has fallen behind: a pause must not be taken for the
        end of a turn while the words after it wait to be heard. Never more than ``MAX_BEHIND_MS`` less: a call goes on."""
        known_ms = self._start_ms + self.windows * WINDOW_MS + USUALLY_BEHIND_MS
        return min(now_ms, max(known_ms, now_ms - MAX_BEHIND_MS))

    def next_window(self) -> bytes:
        while len(self._waiting) > MAX_WAITING:
            self._waiting.popleft()
            self.windows += 1  # the clock goes on
            self._pool.dropped += 1
        return self._waiting.popleft()

    def evaluated(self, probability: float) -> None:
        edge = self.hear(probability)
        self._is_due = bool(self._waiting)
        if self._is_due:
            self._pool.add(self)
        if edge is not None and self._tell is not None:
            self._tell(edge)


@lru_cache(maxsize=4)
def pool(path: Path) -> Pool:
    """The one of this process. Takes about 20 ms the first time. Raises ``FileNotFoundError``."""
    return Pool(ManyCallsModel(read_model(path)))
